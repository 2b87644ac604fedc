"""Proofreading in 3D; run by test_proofread_room in a process that has a screen."""

from pathlib import Path

import numpy as np
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtWidgets import QApplication

from .person import Person
from .proofreader import mitochondria, open_room, write_result


def test_objects_are_picked_merged_and_asked_about_in_3d(person: Person, tmp_path: Path) -> None:
    assert QApplication.platformName() != "offscreen"
    labels = mitochondria()
    hand = open_room(person, write_result(tmp_path / "sample.zarr", labels))
    view = hand.workspace.grid.volume_view
    assert view is not None
    person.until(lambda: view.gl is not None)
    hand.settle()
    gl = view.gl
    assert gl is not None
    seen = {0: QPoint()}
    for place in (QPoint(x, y) for y in range(60, gl.height(), 24) for x in range(40, gl.width(), 24)):
        if len(seen) < 3:
            seen.setdefault(gl.object_at(QPointF(place)), place)
    seen.pop(0)
    one, other = list(seen)
    for label_id in (one, other):
        person.click(gl, seen[label_id])
    hand.settle()
    assert hand.desk.picks.ids == (one, other), "clicks in 3D add to what is picked, as in the planes"
    hand.qtbot.mouseClick(gl, Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier, seen[one])
    menu = hand.room.menu
    assert menu is not None
    person.until(menu.isVisible)
    assert menu.label_id == one
    menu.close()
    before = hand.document.history.position
    gl.setFocus()
    hand.qtbot.keyClick(gl, Qt.Key.Key_Return)
    person.until(lambda: hand.document.history.position == before + 1)
    hand.settle()
    assert len(np.unique(hand.voxels())) == len(np.unique(labels)) - 1
    hand.undo()
    np.testing.assert_array_equal(hand.voxels(), labels)
