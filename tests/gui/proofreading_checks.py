"""Run by test_whole_proofreading.py in a program of its own, which is killed when it has told that all is done."""

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, Qt

from empanada_desktop.core.geometry import Axis
from empanada_desktop.tasks.demo import sample_path

from .person import CONTROL, SHIFT, Person
from .proofreader import Proofreader, mitochondria

KEY = Qt.Key
FOLDER, RESULT = Path(os.environ.get("STORY_FOLDER", ".")), Path(os.environ.get("STORY_RESULT", "."))
AN_EDIT_IS_KEPT = 1.5


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of the story."""
    folder = Path(os.environ["STORY_HOME"])
    monkeypatch.setenv("EMPANADA_DESKTOP_HOME", str(folder))
    return folder


def test_mend(person: Person) -> None:
    hand = open_the_result(person)
    review(hand)
    merge(hand)
    split(hand)
    for axis, label_id in ((Axis.XY, 10005), (Axis.XZ, 10008), (Axis.YZ, 10009)):
        paint(hand, axis, label_id)
    done = hand.voxels()
    undo_all_and_redo_all(hand, done)
    tell_and_wait(hand, done)


def open_the_result(person: Person) -> Proofreader:
    """The sample and what was found in it, dropped on the window."""
    person.drop(sample_path())
    person.until(lambda: person.layers == ["medulla"])
    person.until_rest()
    person.drop(RESULT)
    person.until(lambda: len(person.layers) == 2)
    person.until_rest()
    person.click(person.button("Proofread", within=person.window.top))
    hand = Proofreader(person)
    hand.settle()
    np.testing.assert_array_equal(hand.voxels(), mitochondria())
    return hand


def review(hand: Proofreader) -> None:
    """Have suspicious objects found; skip the first, look at it again at the end, accept all."""
    person, queue = hand.person, hand.room.queue
    person.click(queue.find_button)
    person.until(lambda: queue.model.every and queue.current is not None)
    hand.settle()
    total = len(queue.model.every)
    first = queue.current
    assert first is not None
    person.key(KEY.Key_S)
    person.until(lambda: queue.current is not None and queue.current.item.key != first.item.key)
    for number in range(total):
        person.until(lambda number=number: queue.model.n_reviewed == number)
        person.key(KEY.Key_A)
    person.until(lambda: queue.model.n_reviewed == total)


def clear(hand: Proofreader) -> None:
    """Escape over a view lets go what is picked."""
    canvas = hand.canvas(Axis.XY)
    canvas.setFocus()
    hand.person.key(KEY.Key_Escape)
    assert hand.desk.picks.ids == ()


def merge(hand: Proofreader) -> None:
    """Click two objects, press Enter."""
    before = hand.voxels()
    hand.person.key(KEY.Key_M, SHIFT)
    clear(hand)  # the last item of the queue is picked still
    for label_id in (10005, 10007):
        place = hand.inside(label_id, before)
        hand.look_at(place)
        hand.click(Axis.XY, place)
    hand.enter()
    assert len(np.unique(hand.voxels())) == len(np.unique(before)) - 1


def split(hand: Proofreader) -> None:
    """Two points in an object, Enter."""
    before = hand.voxels()
    hand.person.key(KEY.Key_S, SHIFT)
    clear(hand)
    place = hand.inside(10008, before)
    hand.look_at(place)
    for end in np.argwhere(before[place[0]] == 10008)[[0, -1]]:
        hand.click(Axis.XY, (place[0], int(end[0]), int(end[1])))
    hand.person.until(lambda: hand.desk.outcome is not None)
    hand.enter()
    assert len(np.unique(hand.voxels())) == len(np.unique(before)) + 1


def paint(hand: Proofreader, axis: Axis, label_id: int) -> None:
    """Pick an object with the pick tool and draw a stroke from its middle in a plane."""
    before = hand.voxels()
    kept = int(before[mitochondria() == label_id].max())
    place = hand.inside(kept, before)
    hand.look_at(place)
    hand.person.key(KEY.Key_5)
    hand.person.click(hand.canvas(axis), hand.spot(axis, place))
    hand.person.until(lambda: hand.layer.active_id == kept)
    hand.person.key(KEY.Key_2)
    start = hand.spot(axis, place)
    position = hand.document.history.position
    hand.person.drag(hand.canvas(axis), start, start + QPoint(60, 40))
    hand.person.until(lambda: hand.document.history.position == position + 1)
    now = hand.voxels()
    changed = np.nonzero(now != before)
    assert len(changed[0]) > 20
    assert set(np.unique(changed[axis.normal]).tolist()) == {place[axis.normal]}
    assert set(np.unique(now[changed]).tolist()) == {kept}


def undo_all_and_redo_all(hand: Proofreader, done: NDArray[np.uint32]) -> None:
    """Ctrl+Z until the result is what it was, Ctrl+Shift+Z until everything is done again."""
    history = hand.document.history
    while not (history.next_undo is None or history.next_undo.title.startswith("Open")):
        before = history.position
        hand.person.key(KEY.Key_Z, CONTROL)
        hand.person.until(lambda before=before: history.position < before)
    np.testing.assert_array_equal(hand.voxels(), mitochondria())
    while history.next_redo is not None:
        before = history.position
        hand.person.key(KEY.Key_Z, CONTROL | SHIFT)
        hand.person.until(lambda before=before: history.position > before)
    np.testing.assert_array_equal(hand.voxels(), done)


def tell_and_wait(hand: Proofreader, done: NDArray[np.uint32]) -> None:
    """Tell what there is, then go on as if nothing were to happen."""
    hand.person.qtbot.wait(round(1000 * AN_EDIT_IS_KEPT))
    np.save(FOLDER / "mended.npy", done)
    titles = [edit.title for edit in hand.document.history.edits]
    (FOLDER / "telling.json").write_text(json.dumps(titles))
    (FOLDER / "telling.json").rename(FOLDER / "mended.json")
    until = time.monotonic() + 120
    while time.monotonic() < until:
        hand.person.qtbot.wait(50)
    raise AssertionError("the program was to be killed")
