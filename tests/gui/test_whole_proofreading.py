"""The whole story of proofreading with mouse and keys alone: review, merge, split, paint, undo and redo all of it;
the program is killed in the middle, carries on, measures and exports.
"""

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import Qt

from empanada_desktop.document.kept import kept_sessions
from empanada_desktop.gui.objects.room import MeasureDock

from .leaks import torch_is_loaded
from .person import CONTROL, SHIFT, Person
from .proofreader import mitochondria, write_result

ROOT = Path(__file__).resolve().parents[2]
CHECKS = Path(__file__).with_name("proofreading_checks.py")
PATIENCE = 300


def test_the_whole_story_of_proofreading(
    request: pytest.FixtureRequest, qapp: object, home: Path, tmp_path: Path
) -> None:
    had_torch = torch_is_loaded()
    result = write_result(tmp_path / "medulla_labels.zarr", mitochondria())
    done, titles = mend_until_killed(result, home, tmp_path)
    assert not np.array_equal(done, mitochondria())
    person: Person = request.getfixturevalue("person")
    carry_on(person)
    undo_all_and_redo_all(person, titles, done)
    measure_and_export(person, tmp_path, done)
    assert torch_is_loaded() == had_torch
    person.menu("File", "Quit")
    person.until(lambda: not person.window.isVisible())


def mend_until_killed(result: Path, home: Path, folder: Path) -> tuple[NDArray[np.uint32], list[str]]:
    """Let a program of its own do everything up to the kill: the voxels then, and what the history told."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "STORY_RESULT": str(result), "STORY_HOME": str(home)}
    environment["STORY_FOLDER"] = str(folder)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(CHECKS)]
    said = (folder / "said.txt").open("w")
    with said, subprocess.Popen(command, env=environment, cwd=ROOT, stdout=said, stderr=said) as program:
        try:
            until = time.monotonic() + PATIENCE
            while not (folder / "mended.json").exists():
                has_ended = program.poll() is not None or time.monotonic() > until
                assert not has_ended, (folder / "said.txt").read_text()[-4000:]
                time.sleep(0.05)
        finally:
            program.kill()  # as kill -9 does: nothing of it can end in good order
    return np.load(folder / "mended.npy"), json.loads((folder / "mended.json").read_text())


def carry_on(person: Person) -> None:
    """The start page offers what was open; everything comes back."""
    assert len(kept_sessions()) == 1
    person.until(person.window.start.go_on_card.isVisible)
    person.click(person.button("Continue where you stopped"))
    person.until(lambda: len(person.layers) == 2)
    person.until(lambda: person.workspace.centre.isVisible())
    person.until(lambda: person.window.bar.text().startswith("Recovered "))
    person.until_rest()


def voxels(person: Person) -> NDArray[np.uint32]:
    layer = person.workspace.labels()
    assert layer is not None
    return np.asarray(layer.source[0:200, 0:200, 0:200])


def undo_all_and_redo_all(person: Person, titles: list[str], done: NDArray[np.uint32]) -> None:
    """What was done before the kill is all there, and undoes to the first voxel."""
    history = person.workspace.document.history
    np.testing.assert_array_equal(voxels(person), done)
    assert [edit.title for edit in history.edits] == titles
    opened = next(number for number, title in enumerate(titles, 1) if title == "Open mito")
    person.window.activateWindow()
    while history.position > opened:
        before = history.position
        person.key(Qt.Key.Key_Z, CONTROL)
        person.until(lambda before=before: history.position < before)
    np.testing.assert_array_equal(voxels(person), mitochondria())
    while history.next_redo is not None:
        before = history.position
        person.key(Qt.Key.Key_Z, CONTROL | SHIFT)
        person.until(lambda before=before: history.position > before)
    np.testing.assert_array_equal(voxels(person), done)


def measure_and_export(person: Person, folder: Path, done: NDArray[np.uint32]) -> None:
    """Sizes in µm³ of all objects, as a table that other programs read."""
    person.click(person.button("Measure", within=person.window.top))
    room = person.workspace.rooms["measure"]
    assert isinstance(room.right, MeasureDock)
    form, path = room.right.measure, folder / "objects.csv"
    person.until(lambda: form.desk.is_current)
    person.click(form.start_button)
    person.until(lambda: form.desk.counted is not None and form.desk.counted.measured is not None)
    person.until_rest()
    with person.choosing(path):
        person.click(form.export_button)
    person.until(path.exists)
    with path.open(encoding="utf-8-sig", newline="") as file:
        volumes = {int(row["Id"]): float(row["Volume (µm³)"]) for row in csv.DictReader(file)}
    ids, counts = np.unique(done[done > 0], return_counts=True)
    assert volumes == pytest.approx(dict(zip(ids.tolist(), (counts * 1e-6).tolist(), strict=True)))
