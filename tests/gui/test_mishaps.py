"""Processes that die and mistakes of our own: told plainly, everything kept, and the work can be done again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PySide6.QtWidgets import QPushButton
from warm_children import own_processes

from empanada_desktop.document import PointsLayer
from empanada_desktop.document.kept import kept_sessions
from empanada_desktop.gui.actions import ROW_BY_ID
from empanada_desktop.gui.notify import log_path, start_log
from empanada_desktop.jobs.job import JobState

from .person import Person

ROOT = Path(__file__).resolve().parents[2]
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see the process at work")
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")


@pytest.fixture
def at_work(person: Person, crop: Path) -> Person:
    """A person who has opened a small volume."""
    person.drop(crop)
    person.until(lambda: person.layers == ["crop"])
    person.until_rest()
    return person


def choose_weights(person: Person, weights: Path) -> None:
    with person.choosing(weights):
        person.choose(person.workspace.form.current.weights, "Other file …")


def worked(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@linux
def test_the_live_plane_survives_its_process_killed_in_the_middle_of_a_plane(
    person: Person, tmp_path: Path, weights_file: Path
) -> None:
    voxels = np.random.default_rng(0).integers(0, 255, (3, 1600, 1600)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "large.tif", voxels, photometric="minisblack")
    person.drop(tmp_path / "large.tif")
    person.until(lambda: person.layers == ["large"])
    person.until_rest()
    panel, child = person.workspace.form.plane, person.workspace.live.controller.session._child
    choose_weights(person, weights_file)
    person.click(person.button("Run on this plane"))
    person.until(lambda: panel.state == "live")
    person.click(person.button("Keep as labels"))
    layers, kept = person.layers, np.asarray(person.labels("mito").source[1:2, :, :]).copy()
    assert kept.any()

    # The process is warm; held in the middle of the next plane, it has not answered.
    person.menu("View", "Next plane")
    pid = child.pid
    assert pid is not None
    before = worked(pid)
    person.click(person.button("Run on this plane"))
    while worked(pid) - before < 0.1:
        time.sleep(0.002)
    os.kill(pid, signal.SIGSTOP)
    person.qtbot.wait(200)
    assert panel.state == "busy"
    assert person.layers == layers
    os.kill(pid, signal.SIGKILL)
    person.until(panel.bar.isVisible)
    assert panel.bar.text() == (
        "The system ended the computation (SIGKILL).\n"
        "Most often memory ran out: close other programs, or choose a larger image downsampling. "
        "Nothing that is open was lost; it can be run again."
    )
    assert panel.state == "none"
    assert panel.run_button.isEnabled()
    assert person.layers == layers
    np.testing.assert_array_equal(person.labels("mito").source[1:2, :, :], kept)
    assert person.window.notifier.dialog is None

    # A process of its own answers the next plane, and what was done before can still be undone.
    person.click(person.button("Run on this plane"))
    person.until(lambda: panel.state == "live")
    assert not panel.bar.isVisible()
    assert child.pid not in (pid, None)
    assert person.layers == [*layers, "preview, xy 2"]
    person.click(person.tool("undo"))
    assert person.layers == ["large", "preview, xy 2"]
    person.until_rest()


@posix
def test_a_volume_survives_its_process(at_work: Person, weights_file: Path, tmp_path: Path) -> None:
    person, out = at_work, tmp_path / "volume.zarr"
    person.menu("Segment", "Segment a volume")
    choose_weights(person, weights_file)
    person.type_into(person.workspace.form.volume.out, str(out))
    person.click(person.button("Segment volume", within=person.workspace.form.volume))
    job = person.job()
    person.until(lambda: job.state is JobState.RUNNING and own_processes())
    for child in own_processes():
        os.kill(child, signal.SIGKILL)
    person.until_ended(job)
    assert job.state is JobState.FAILED
    person.until(person.window.bar.isVisible)
    assert "The system ended the computation" in person.window.bar.text()
    assert person.layers == ["crop"]
    person.click(person.button("Run again", "Resume", within=person.window.bar))
    again = person.job()
    person.until_ended(again)
    assert again.state is JobState.DONE, again.error
    person.until(lambda: len(person.layers) == 2)


def test_a_mistake_of_ours_is_reported_after_the_work_was_kept(
    at_work: Person, monkeypatch: pytest.MonkeyPatch, qtbot: object
) -> None:
    person, window = at_work, at_work.window
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    start_log()
    window.notifier.install()
    window.workspace.deeds["fit"] = lambda: [][1]  # type: ignore[union-attr]
    # What was opened may have been kept already; what is done a moment before the mistake has not.
    person.workspace.document.add_layer(PointsLayer(title="seeds", points=np.array([[1.0, 2.0, 3.0]])))
    assert all(kept.n_layers < 2 for kept in kept_sessions())
    with qtbot.capture_exceptions() as caught:  # type: ignore[attr-defined]
        person.menu("View", ROW_BY_ID["fit"].title.rstrip("…"))
    if caught:  # where pytest-qt took the hook, hand it on as Python would
        window.notifier._uncaught(*caught[0])
    person.until(lambda: window.notifier.dialog is not None and window.notifier.dialog.isVisible())
    dialog = window.notifier.dialog
    assert dialog is not None
    assert dialog.message.text() == "The program made a mistake."
    assert str(log_path()) in dialog.hint.text()
    assert "IndexError" in log_path().read_text()
    assert kept_sessions()[0].n_layers == 2
    person.click(next(one for one in dialog.findChildren(QPushButton) if one.text() == "Close"))
    assert person.layers == ["crop", "seeds"]


MISTAKE = """
import sys
from PySide6.QtCore import QTimer
from empanada_desktop.gui.app import make_application, open_window
application = make_application()
window = open_window()
def look():
    dialog = window.notifier.dialog
    if dialog is not None and dialog.isVisible():
        sys.stdout.write(dialog.message.text())
        dialog.accept()
        window.close()
        application.quit()
timer = QTimer(interval=20)
timer.timeout.connect(look)
timer.start()
QTimer.singleShot(200, lambda: [][1])
application.exec()
"""


def test_what_nobody_caught_comes_to_the_report_in_the_program_itself(home: Path) -> None:
    outcome = subprocess.run(
        [sys.executable, "-c", MISTAKE], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert outcome.returncode == 0, outcome.stderr[-2000:]
    assert outcome.stdout == "The program made a mistake."
    assert "IndexError" in log_path().read_text()
    assert "IndexError" in outcome.stderr
