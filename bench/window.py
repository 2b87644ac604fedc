"""The window: seconds to the first paint, and how alive it stays while a volume is segmented."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench import Row
from bench.event_loop import draw_offscreen_without_display, until

if TYPE_CHECKING:
    from empanada_desktop.gui.main_window import MainWindow
    from empanada_desktop.gui.viewer.canvas import PlaneCanvas
    from empanada_desktop.gui.workspace import Workspace
    from empanada_desktop.jobs.job import Job

TITLE = "The window"
ROOT = Path(__file__).resolve().parents[1]
REPEATS = 7
SECONDS = 60.0
TICK_MS = 5
STEP_MS = 30
LEG, REST, ZOOMS = 100, 30, 6

FIRST_PAINT = """
import sys, time
from empanada_desktop.gui.app import make_application, open_window
application = make_application()
window = open_window()
window.grab()
sys.stdout.write(str(time.time()))
sys.stdout.flush()
import os
os._exit(0)
"""


def run() -> list[Row]:
    """Time fresh processes, the first one left out; then scroll for a minute while a volume is segmented.

    Without a display Qt draws offscreen, and then there is no OpenGL: `xvfb-run` adds the 3D view.
    """
    draw_offscreen_without_display()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the program does
    where = os.environ.get("QT_QPA_PLATFORM", "on a display")
    note = f"process start to painted start page, {where}, median of {REPEATS}"
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
        with _segmenting(Path(home)) as (window, jobs):
            scroll = Scroll(window, jobs)
            scroll.go_on_for(SECONDS)
            solid = window.workspace.grid.volume_view if window.workspace else None
            views = "xy, xz, yz beside 3D" if solid is not None and solid.gl is not None else "xy, xz, yz (no OpenGL)"
    gaps = sorted(late - early for early, late in pairwise(scroll.ticks))
    note = (
        f"gaps between ticks of {TICK_MS} ms in {SECONDS:.0f} s of the wheel turning over {views}, "
        f"a notch every {STEP_MS} ms, while {scroll.planes} planes of 400 × 400 are segmented on all cores"
    )
    rows = [("99 %", gaps[int(len(gaps) * 0.99)]), ("99.9 %", gaps[int(len(gaps) * 0.999)]), ("worst", gaps[-1])]
    rows.append(("processor time of the window's thread", scroll.processor_seconds / SECONDS / 10))
    return [
        Row(f"event loop while segmenting, {name}", value * 1000, "%" if "time" in name else "ms", note)
        for name, value in rows
    ]


@contextmanager
def _segmenting(folder: Path) -> "Iterator[tuple[MainWindow, Jobs]]":
    """The window with a volume that a job has begun to segment on all cores; the window closes in the end."""
    from empanada_desktop.gui.app import make_application, open_window

    application = make_application()
    window = open_window(str(_volume(folder)))
    until(lambda: window.workspace is not None and window.workspace.document.layers)
    if window.workspace is None:
        raise RuntimeError("nothing is open")
    jobs = Jobs(window.workspace, folder)
    jobs.start()
    until(lambda: jobs.last.done or jobs.last.state.has_ended)
    try:
        yield window, jobs
    finally:
        window.workspace.jobs.queue.cancel(jobs.last)
        until(lambda: jobs.last.state.has_ended)
        window.close()
        application.processEvents()


def _volume(folder: Path) -> Path:
    """The sample, mirrored to 400 × 400 so that segmenting it fills the minute."""
    import tifffile

    from empanada_desktop.gui.opening import sample_path

    voxels = tifffile.imread(sample_path())
    wide = np.pad(voxels, [(0, 0), (0, voxels.shape[1]), (0, voxels.shape[2])], mode="symmetric")
    tifffile.imwrite(folder / "mirrored.tif", wide, imagej=True, metadata={"axes": "ZYX"})
    return folder / "mirrored.tif"


class Jobs:
    """Starts segmenting the volume as the panel does, and again when that has ended."""

    def __init__(self, workspace: "Workspace", folder: Path) -> None:
        self._workspace, self._folder = workspace, folder
        self._started = 0

    @property
    def last(self) -> "Job":
        """The job that runs."""
        return self._workspace.jobs.queue.jobs[-1]

    @property
    def planes(self) -> int:
        """Steps done by all jobs so far."""
        return sum(job.done for job in self._workspace.jobs.queue.jobs)

    def start(self) -> None:
        """Press Start."""
        self._started += 1
        self._workspace.form.volume.out.setText(str(self._folder / f"result{self._started}.zarr"))
        self._workspace.volume.start()

    def keep_going(self) -> None:
        """Start again if it has ended."""
        if self.last.state.has_ended:
            self.start()


class Scroll:
    """Real wheel events, a notch every STEP_MS: planes of xy, xz and yz in turn, then some zooming, then a rest."""

    def __init__(self, window: "MainWindow", jobs: Jobs) -> None:
        from empanada_desktop.core.geometry import Axis

        if window.workspace is None:
            raise RuntimeError("nothing is open")
        self._workspace, self._jobs = window.workspace, jobs
        self._canvases = [window.workspace.grid.canvas(axis) for axis in Axis]
        self._script = self._notches()
        self.ticks: list[float] = []
        self.processor_seconds = 0.0
        self.planes = 0

    def go_on_for(self, seconds: float) -> None:
        """Run Qt's own event loop with the ticking timer and the wheel."""
        from PySide6.QtCore import QEventLoop, Qt, QTimer

        loop = QEventLoop()
        began, planes = time.thread_time(), self._jobs.planes
        timers = [QTimer(timerType=Qt.TimerType.PreciseTimer) for _ in range(3)]
        for timer, slot, ms in zip(
            timers, (self.tick, self._turn, self._jobs.keep_going), (TICK_MS, STEP_MS, 250), strict=True
        ):
            timer.timeout.connect(slot)
            timer.start(ms)
        QTimer.singleShot(round(seconds * 1000), loop.quit)
        loop.exec()
        for timer in timers:
            timer.stop()
        self.processor_seconds = time.thread_time() - began
        self.planes = self._jobs.planes - planes

    def tick(self) -> None:
        """Note the time."""
        self.ticks.append(time.perf_counter())

    def _turn(self) -> None:
        next(self._script)

    def _notches(self) -> Iterator[None]:
        forward = True
        while True:
            for canvas in self._canvases:
                for number in range(LEG):
                    self._wheel(canvas, forward == (number < LEG * 3 // 4), zooms=False)
                    yield
                for number in range(2 * ZOOMS):
                    self._wheel(canvas, number < ZOOMS, zooms=True)
                    yield
            forward = not forward
            for _ in range(REST):
                yield

    def _wheel(self, canvas: "PlaneCanvas", up: bool, zooms: bool) -> None:
        from PySide6.QtCore import QCoreApplication, QPoint, QPointF, Qt
        from PySide6.QtGui import QWheelEvent

        middle = QPointF(canvas.width() / 2, canvas.height() / 2)
        with_control = zooms != canvas.wheel_zooms
        modifiers = Qt.KeyboardModifier.ControlModifier if with_control else Qt.KeyboardModifier.NoModifier
        turn = QPoint(0, 120 if up else -120)
        nothing, phase = Qt.MouseButton.NoButton, Qt.ScrollPhase.NoScrollPhase
        event = QWheelEvent(middle, canvas.mapToGlobal(middle), QPoint(), turn, nothing, modifiers, phase, False)
        QCoreApplication.postEvent(canvas, event)
