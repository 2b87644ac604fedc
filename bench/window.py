"""The window: seconds to the first paint, and how alive it stays while a volume is segmented."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from bench import Row

TITLE = "The window"
ROOT = Path(__file__).resolve().parents[1]
REPEATS = 7
SCROLL_SECONDS = 60.0  # the sample takes longer to segment
TICK_MS = 5

FIRST_PAINT = """
import sys, time
from empanada_desktop.gui.app import make_application
from empanada_desktop.gui.main_window import MainWindow
application = make_application()
window = MainWindow()
window.show()
window.grab()
sys.stdout.write(str(time.time()))
sys.stdout.flush()
import os
os._exit(0)
"""


def run() -> list[Row]:
    """Time fresh processes offscreen, the first one left out; then scroll for a minute while a volume is segmented."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    note = f"process start to painted start page, offscreen, median of {REPEATS}"
    rows = [Row("first paint, warm", statistics.median(_first_paints()), "s", note)]
    return rows + _liveliness()


def _first_paints() -> list[float]:
    taken = []
    for _ in range(REPEATS + 1):
        started = time.time()
        outcome = subprocess.run(
            [sys.executable, "-c", FIRST_PAINT], cwd=ROOT, capture_output=True, text=True, check=True
        )
        taken.append(float(outcome.stdout) - started)
    return taken[1:]


def _liveliness() -> list[Row]:
    with tempfile.TemporaryDirectory() as home:
        os.environ["EMPANADA_DESKTOP_HOME"] = home
        gaps = _gaps(Path(home) / "result.zarr")
    gaps.sort()
    note = f"gaps between ticks of {TICK_MS} ms in {SCROLL_SECONDS:.0f} s of scrolling the sample while it is segmented"
    p99 = gaps[int(len(gaps) * 0.99)]
    return [
        Row("event loop while segmenting, 99 %", p99 * 1000, "ms", note),
        Row("event loop while segmenting, worst", gaps[-1] * 1000, "ms", note),
    ]


def _gaps(out: Path) -> list[float]:
    """Seconds between ticks of a timer while planes are scrolled and a job runs on all cores."""
    from PySide6.QtCore import QTimer
    from PySide6.QtTest import QTest

    from empanada_desktop.gui.app import make_application
    from empanada_desktop.gui.main_window import MainWindow

    application = make_application()
    window = MainWindow()
    window.show()
    window.open_sample()
    while window.workspace is None or not window.workspace.document.layers:
        QTest.qWait(50)
    workspace = window.workspace
    workspace.form.volume.out.setText(str(out))
    workspace.volume.start()
    job = workspace.jobs.queue.jobs[-1]
    while not job.done and not job.state.has_ended:
        QTest.qWait(50)
    ticks: list[float] = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(time.perf_counter()))
    timer.start(TICK_MS)
    direction, end = 1, time.monotonic() + SCROLL_SECONDS
    while time.monotonic() < end:
        z, y, x = workspace.document.view.crosshair
        depth = workspace.document.shape[0]
        direction = -1 if z >= depth - 2 else 1 if z <= 1 else direction
        workspace.document.change_view(crosshair=(z + direction, y, x))
        QTest.qWait(30)
    timer.stop()
    workspace.jobs.queue.cancel(job)
    while not job.state.has_ended:
        QTest.qWait(50)
    window.close()
    application.processEvents()
    return [late - early for early, late in pairwise(ticks)]
