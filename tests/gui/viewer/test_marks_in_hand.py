"""Points and shapes drawn, moved and deleted with the mouse in all planes; each is a deed that undoes."""

from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt

from empanada_desktop.core.geometry import Axis
from empanada_desktop.document import PointsLayer, Shape, ShapesLayer

from .hand import HERE, Hand, Studio

AXES = pytest.mark.parametrize("axis", list(Axis))


def points(hand: Hand) -> np.ndarray[Any, Any]:
    layers = hand.document.of_kind(PointsLayer)
    return layers[-1].points if layers else np.zeros((0, 3))


def shapes(hand: Hand) -> tuple[Shape, ...]:
    layers = hand.document.of_kind(ShapesLayer)
    return layers[-1].shapes if layers else ()


def titles(hand: Hand) -> list[str]:
    return [edit.title for edit in hand.document.history.edits]


def undo_all(hand: Hand) -> None:
    while hand.document.undo() is not None:
        pass


@AXES
def test_points_are_added_moved_and_deleted(studio: Studio, axis: Axis) -> None:
    hand = studio()
    hand.take("points")
    first, second = hand.spot(axis, HERE), (60.5, 70.5)
    hand.click(axis, first)
    hand.click(axis, second)
    found = points(hand)
    assert found.shape == (2, 3)
    np.testing.assert_allclose(found[0], np.array(HERE) + 0.5, atol=0.01)
    assert (found[:, axis.normal] == HERE[axis.normal] + 0.5).all()
    hand.draw(axis, second, (65, 80), (70.5, 90.5))
    moved = points(hand)
    assert len(moved) == 2
    np.testing.assert_allclose(moved[1] - found[1], hand_way(axis, 10, 20), atol=0.01)
    hand.key(axis, Qt.Key.Key_Delete)
    np.testing.assert_allclose(points(hand), found[:1])
    assert titles(hand) == ["Add a point", "Add a point", "Move a point", "Delete a point"]
    hand.document.undo()
    np.testing.assert_allclose(points(hand), moved)
    hand.document.undo()
    np.testing.assert_allclose(points(hand), found)
    undo_all(hand)
    assert hand.document.of_kind(PointsLayer) == []
    assert not hand.voxels().any()


def hand_way(axis: Axis, down: float, right: float) -> tuple[float, ...]:
    """A way on a canvas as z, y, x."""
    from empanada_desktop.gui.viewer.camera import DISPLAYED

    way = [0.0, 0.0, 0.0]
    way[DISPLAYED[axis][0]], way[DISPLAYED[axis][1]] = down, right
    return tuple(way)


def test_points_stay_in_the_volume_and_escape_puts_one_back(studio: Studio) -> None:
    hand = studio()
    hand.take("points")
    hand.click(Axis.XY, (-5, 30))
    assert len(points(hand)) == 0
    hand.click(Axis.XY, (50, 50))
    before = points(hand)
    hand.press(Axis.XY, (50, 50))
    hand.move(Axis.XY, (500, -500))
    assert (points(hand) >= 0).all()
    assert (points(hand) < 200).all()
    hand.key(Axis.XY, Qt.Key.Key_Escape)
    hand.release(Axis.XY, (500, -500))
    np.testing.assert_array_equal(points(hand), before)
    assert titles(hand) == ["Add a point"]
    hand.document.change_layer(hand.document.of_kind(PointsLayer)[0], locked=True)
    hand.click(Axis.XY, (90, 90))
    assert "is locked" in hand.refused.pop().message
    assert len(points(hand)) == 1


@AXES
@pytest.mark.parametrize("kind", ["rectangle", "line"])
def test_shapes_are_dragged_moved_reshaped_and_deleted(studio: Studio, axis: Axis, kind: str) -> None:
    hand = studio()
    hand.take("shapes")
    hand.toolbox.shapes.kind = kind  # type: ignore[assignment]
    hand.draw(axis, (40, 50), (60, 60), (80, 110))
    (shape,) = shapes(hand)
    assert (shape.kind, shape.axis, shape.index) == (kind, axis, HERE[axis.normal])
    turned = axis is Axis.YZ
    expected = [(40, 50), (80, 110)]
    np.testing.assert_allclose(shape.vertices, [(b, a) if turned else (a, b) for a, b in expected], atol=1e-6)
    side = (40, 80) if kind == "rectangle" else (60, 80)
    hand.draw(axis, side, (side[0] + 10, side[1] + 5))
    moved = shapes(hand)[0]
    way = np.array((5, 10) if turned else (10, 5))
    np.testing.assert_allclose(moved.vertices, np.array(shape.vertices) + way, atol=1e-6)
    hand.draw(axis, (90, 115), (120, 130))  # the far corner
    reshaped = shapes(hand)[0]
    np.testing.assert_allclose(reshaped.vertices[0], moved.vertices[0])
    np.testing.assert_allclose(reshaped.vertices[1], (130, 120) if turned else (120, 130), atol=1e-6)
    hand.key(axis, Qt.Key.Key_Delete)
    assert shapes(hand) == ()
    assert titles(hand) == [f"Add a {kind}", f"Move a {kind}", f"Move a {kind}", f"Delete a {kind}"]
    for known in ((reshaped,), (moved,), (shape,)):
        hand.document.undo()
        assert shapes(hand) == known
    undo_all(hand)
    assert hand.document.of_kind(ShapesLayer) == []


def test_a_rectangle_is_reshaped_by_each_of_its_corners(studio: Studio) -> None:
    hand = studio()
    hand.take("shapes")
    hand.draw(Axis.XY, (40, 50), (80, 110))
    for corner, opposite in (((40, 50), 2), ((40, 110), 3), ((80, 110), 0), ((80, 50), 1)):
        hand.draw(Axis.XY, corner, (corner[0] + 12, corner[1] - 7))
        (top, left), (bottom, right) = shapes(hand)[0].vertices
        fixed = [(40, 50), (40, 110), (80, 110), (80, 50)][opposite]
        assert min(abs(top - fixed[0]), abs(bottom - fixed[0])) < 1e-6
        assert min(abs(left - fixed[1]), abs(right - fixed[1])) < 1e-6
        hand.document.undo()


@AXES
def test_a_polygon_is_clicked(studio: Studio, axis: Axis) -> None:
    hand = studio()
    hand.take("shapes")
    hand.toolbox.shapes.kind = "polygon"
    for spot in ((40, 50), (40, 110)):
        hand.click(axis, spot)
    hand.double_click(axis, (80, 110))
    (shape,) = shapes(hand)
    assert shape.kind == "polygon"
    assert len(shape.vertices) == 3
    hand.draw(axis, (40, 80), (50, 80))
    assert titles(hand) == ["Add a polygon", "Move a polygon"]
    hand.click(axis, (150, 150))
    hand.key(axis, Qt.Key.Key_Escape)
    assert len(shapes(hand)) == 1


def test_a_drag_that_is_none_and_a_locked_layer_draw_nothing(studio: Studio) -> None:
    hand = studio()
    hand.take("shapes")
    hand.click(Axis.XY, (40, 50))
    assert hand.document.of_kind(ShapesLayer) == []
    hand.document.add_layer(ShapesLayer(title="shapes", locked=True))
    hand.draw(Axis.XY, (40, 50), (80, 110))
    assert "is locked" in hand.refused.pop().message
    assert shapes(hand) == ()
    hand.press(Axis.XY, (40, 50))
    hand.move(Axis.XY, (80, 110))
    hand.key(Axis.XY, Qt.Key.Key_Escape)
    hand.release(Axis.XY, (80, 110))
    assert shapes(hand) == ()


def test_moving_a_point_composes_no_voxels(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    hand = studio()
    hand.take("points")
    hand.click(Axis.XY, (50, 50))
    hand.qtbot.waitUntil(lambda: hand.grid.is_complete, timeout=10_000)
    hand.qtbot.wait(50)
    composed: list[Any] = []
    for axis in Axis:
        monkeypatch.setattr(hand.canvas(axis)._composer, "compose", lambda *what: composed.append(what))
    hand.press(Axis.XY, (50, 50))
    for step in range(5):
        hand.move(Axis.XY, (50 + step, 60))
        hand.canvas(Axis.XY).repaint()
    assert composed == []
    hand.release(Axis.XY, (54, 60))
