"""Killed at any moment: the session is whole, and of what the program had logged not more than a second is lost."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile

from empanada_desktop.document import Document
from empanada_desktop.document.session import Session

from . import painting_child

CHILD = Path(painting_child.__file__)


def run_until_killed(folder: Path, seed: int, seconds: float) -> float:
    """Let the child work and kill it; returns when, by its own clock."""
    base = folder / "base.tif"
    ids = np.random.default_rng(seed).integers(0, 4, painting_child.SHAPE).astype(np.uint16)
    tifffile.imwrite(base, np.repeat(ids[:, ::8, ::8], 8, 1)[:, :130].repeat(8, 2)[:, :, :140])
    command = [sys.executable, str(CHILD), str(folder / "session"), str(base), str(seed)]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    log = folder / "log.txt"
    end = time.monotonic() + 60
    while not (log.exists() and log.stat().st_size) and time.monotonic() < end:
        time.sleep(0.01)
        assert child.poll() is None, child.stderr.read() if child.stderr else ""
    time.sleep(seconds)
    moment = time.monotonic()
    child.send_signal(signal.SIGKILL)
    _, errors = child.communicate()
    assert errors == ""
    return moment


def check(folder: Path, moment: float) -> float:
    """Open what was killed, hold it against the log, undo and redo everything; returns the seconds that were lost."""
    lines = [line.split(" ", 2) for line in (folder / "log.txt").read_text().splitlines() if line.count(" ") > 1]
    states = [(float(when), state) for when, state, _ in lines if when != "0"]
    document = Document()
    with Session(folder / "session") as session:
        opened = session.load(document)
        assert opened.faults == []
        session.go_on(opened, document)
        now = painting_child.state_of(document)
        kept = [when for when, state in states if state == now]
        # What was done last may be in the journal before the log knows of it.
        lost = moment - kept[-1] if kept and kept[-1] != states[-1][0] else 0.0
        if not kept:
            assert is_one_step_further(document, {state for _, state in states})
        there_and_back(document, now)
        return lost


def there_and_back(document: Document, now: str) -> None:
    """Undo everything, redo everything, and come back to where the program was."""
    position = document.history.position
    while document.undo() is not None:
        pass
    while document.redo() is not None:
        if document.history.position == position:
            assert painting_child.state_of(document) == now
    while document.history.position > position:
        assert document.undo() is not None, "it would be asked for again for ever"
    assert painting_child.state_of(document) == now


def is_one_step_further(document: Document, states: set[str]) -> bool:
    """Whether the state before the last deed, or the one that was undone last, is in the log."""
    before = document.undo() is not None and painting_child.state_of(document) in states
    document.redo()
    if not before and document.redo() is not None:
        before = painting_child.state_of(document) in states
        document.undo()
    return before


def kill_at(moments: list[float], tmp_path: Path, seed: int) -> list[float]:
    lost = []
    for number, seconds in enumerate(moments):
        folder = tmp_path / str(number)
        folder.mkdir()
        lost.append(check(folder, run_until_killed(folder, seed + number, seconds)))
    return lost


@pytest.mark.skipif(sys.platform == "win32", reason="the child is killed by a signal")
def test_a_few_kills(tmp_path: Path) -> None:
    moments = np.random.default_rng().uniform(0, 1.5, 3)
    assert max(kill_at(list(moments), tmp_path, 0)) < 1.0


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="the child is killed by a signal")
def test_a_hundred_kills(tmp_path: Path) -> None:
    moments = np.random.default_rng().uniform(0, 4, 100)
    lost = kill_at(list(moments), tmp_path, 1000)
    assert max(lost) < 1.0
