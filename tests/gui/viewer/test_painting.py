"""Painting with the mouse on the sample, in all three planes, on labels of the session and over a file."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication

from empanada_desktop.core.edits import RegionEdit
from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.core.paint_masks import backend
from empanada_desktop.document import EditableSource, ImageLayer, VolumeSource
from empanada_desktop.errors import VolumeError
from empanada_desktop.gui.viewer.camera import DISPLAYED
from empanada_desktop.gui.viewer.composing import DrawnLabels

from .hand import CONTROL, HERE, LEFT, NO_BUTTON, NO_KEY, RIGHT, SHIFT, Studio
from .test_canvas_tool import touch


def disc(shape: tuple[int, ...], row: float, column: float, radius: float) -> NDArray[np.bool_]:
    rows, columns = np.indices(shape) + 0.5
    inside: NDArray[np.bool_] = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
    return inside


def displayed(voxels: NDArray[Any], axis: Axis, index: int) -> NDArray[Any]:
    """A plane as it is displayed."""
    rows, columns = DISPLAYED[axis]
    return np.moveaxis(voxels, (axis.normal, rows, columns), (0, 1, 2))[index]


@pytest.mark.parametrize("in_file", [False, True])
@pytest.mark.parametrize("axis", list(Axis))
def test_a_dab_and_a_stroke_in_every_plane(studio: Studio, axis: Axis, in_file: bool) -> None:
    hand = studio(in_file=in_file)
    hand.toolbox.painter.change(size=21)
    hand.take("brush")
    middle = hand.spot(axis, HERE)
    hand.click(axis, middle)
    index = HERE[axis.normal]
    plane = displayed(hand.voxels(), axis, index)
    place = hand.canvas(axis).camera().place_at(*hand.pixel(axis, middle).toTuple())
    np.testing.assert_array_equal(plane == 1001, disc(plane.shape, *place, 10.5))
    assert np.count_nonzero(hand.voxels()) == np.count_nonzero(plane)
    row, column = middle
    hand.draw(axis, (row, column), (row + 40, column + 60), (row - 30, column + 80))
    assert [edit.title for edit in hand.document.history.edits] == ["Paint 1001"] * 2
    assert isinstance(hand.layer.source, EditableSource)
    after = hand.voxels()
    plane = displayed(after, axis, index)
    assert plane[int(row + 40), int(column + 60)] == 1001
    assert np.count_nonzero(after) == np.count_nonzero(plane) > 2000
    hand.document.undo()
    hand.document.undo()
    assert not hand.voxels().any()
    hand.document.redo()
    hand.document.redo()
    np.testing.assert_array_equal(hand.voxels(), after)


def test_fast_moves_leave_no_gap_and_lines_are_smooth(studio: Studio) -> None:
    hand = studio()
    hand.toolbox.painter.change(size=3)
    hand.take("brush")
    turns = np.linspace(0, 2 * np.pi, 13)
    spots = [(100 + 60 * np.sin(turn), 120 + 60 * np.cos(turn)) for turn in turns]
    hand.draw(Axis.XY, *spots)
    rows, columns = np.nonzero(hand.voxels()[HERE[0]])
    radii = np.hypot(rows + 0.5 - 100, columns + 0.5 - 120)
    assert radii.max() < 62.6
    assert radii.min() > 56  # twelve straight lines would come within 58 - 1.5 everywhere, the first one does
    angles = np.unique(np.round(np.degrees(np.arctan2(rows + 0.5 - 100, columns + 0.5 - 120)) / 3))
    assert len(angles) >= 120  # every 3 degrees something is painted


@pytest.mark.parametrize("axis", list(Axis))
def test_a_ball_is_round_in_nanometres(studio: Studio, axis: Axis) -> None:
    """Planes four times as thick as pixels: a ball of 20 pixels goes through five of them."""
    hand = studio(spacing=Spacing(40, 10, 10, "test"))
    hand.toolbox.painter.change(size=20, is_ball=True)
    hand.take("brush")
    hand.click(axis, hand.spot(axis, HERE))
    found = np.argwhere(hand.voxels()) + 0.5
    middle = found.mean(axis=0)
    reach = (found.max(axis=0) - found.min(axis=0) + 1) * (4, 1, 1)
    assert np.abs(middle - HERE - 0.5).max() < 1
    assert (np.abs(reach - 20) <= 4).all()
    assert abs(len(found) - 4 / 3 * np.pi * 10**3 / 4) < 60
    hand.document.undo()
    assert not hand.voxels().any()


def test_in_flat_planes_the_brush_is_round_on_the_screen_or_in_voxels(studio: Studio) -> None:
    hand = studio(spacing=Spacing(40, 10, 10, "test"))
    brush: Any = hand.toolbox.tools["brush"]
    hand.take("brush")
    canvas, spot = hand.canvas(Axis.XZ), hand.spot(Axis.XZ, HERE)
    for in_voxels, flatness in ((False, 1.0), (True, 4.0)):
        hand.toolbox.painter.change(size=40, is_round_in_voxels=in_voxels)
        hand.move(Axis.XZ, spot, held=NO_BUTTON)
        outline = brush.outline(canvas.camera(), canvas.plane)
        assert outline.height() / outline.width() == pytest.approx(flatness)
        assert outline.width() == pytest.approx(40 * canvas.camera().scale[1])
        hand.click(Axis.XZ, spot)
        rows, columns = np.nonzero(displayed(hand.voxels(), Axis.XZ, HERE[1]))
        painted = QPointF(*canvas.camera().point_of(rows.max() + 1, columns.max() + 1)) - QPointF(
            *canvas.camera().point_of(rows.min(), columns.min())
        )
        assert abs(painted.x() - outline.width()) <= 2 * canvas.camera().scale[1]
        assert abs(painted.y() - outline.height()) <= 2 * canvas.camera().scale[0]
        hand.document.undo()


def test_erasing_swapping_and_protecting(studio: Studio) -> None:
    voxels = np.zeros((200, 200, 200), np.uint32)
    voxels[HERE[0], 60:140, 60:100] = 1007
    voxels[HERE[0], 60:140, 100:140] = 1008
    hand = studio(voxels)
    hand.document.change_layer(hand.layer, active_id=1007)
    line = ((100.0, 50.0), (100.0, 150.0))
    hand.toolbox.painter.change(size=11, keeps_others=True)
    hand.take("eraser")
    hand.draw(Axis.XY, *line)
    expected = voxels.copy()
    expected[HERE[0], 95:106, 60:100] = 0
    differing = np.argwhere(hand.voxels() != voxels)
    assert differing[:, 2].max() < 100
    assert (hand.voxels()[HERE[0], 96:105, 60:100] == 0).all()
    hand.document.undo()
    hand.take("brush")
    hand.draw(Axis.XY, *line)
    assert (hand.voxels()[voxels > 0] == voxels[voxels > 0]).all()
    assert (hand.voxels()[HERE[0], 98:103, 140:150] == 1007).all()
    hand.document.undo()
    assert hand.said == []
    for tool in ("brush", "eraser"):
        hand.take(tool)
        hand.draw(Axis.XY, (100, 110), (100, 130))
    assert hand.said == [f"Nothing {done}: other objects are protected." for done in ("painted", "erased")]
    hand.take("brush")
    hand.draw(Axis.XY, (100, 70), (100, 90))  # it is that label everywhere there: nothing was to be done
    assert len(hand.said) == 2
    hand.toolbox.painter.change(keeps_others=False)
    hand.draw(Axis.XY, *line)
    assert (hand.voxels()[HERE[0], 98:103, 50:150] == 1007).all()
    hand.document.undo()
    hand.draw(Axis.XY, *line, keys=CONTROL)
    assert (hand.voxels()[HERE[0], 98:103, 50:150] == 0).all()
    hand.document.undo()
    hand.document.change_layer(hand.layer, active_id=0)
    hand.draw(Axis.XY, *line)
    assert (hand.voxels()[HERE[0], 98:103, 50:150] == 0).all()
    hand.document.undo()
    np.testing.assert_array_equal(hand.voxels(), voxels)


@pytest.mark.parametrize("by", ["escape", "right button", "another tool"])
def test_a_stroke_is_given_up_without_a_trace(studio: Studio, by: str) -> None:
    hand = studio(np.full((200, 200, 200), 5, np.uint32))
    hand.take("brush")
    hand.press(Axis.XY, (100, 100))
    hand.move(Axis.XY, (120, 160))
    assert (hand.voxels() == 1001).any()
    if by == "escape":
        hand.key(Axis.XY, Qt.Key.Key_Escape)
    elif by == "right button":
        hand.send(Axis.XY, QEvent.Type.MouseButtonPress, (120, 160), RIGHT, LEFT | RIGHT)
    else:
        hand.take("fill")
        assert hand.document.history.next_undo is not None  # what was painted stays
        hand.document.undo()
    hand.move(Axis.XY, (160, 160))
    hand.release(Axis.XY, (160, 160))
    hand.settle()
    assert (hand.voxels() == 5).all()
    assert hand.document.history.next_undo is None


def test_undo_while_drawing_gives_the_stroke_up(studio: Studio) -> None:
    hand = studio()
    hand.take("brush")
    hand.click(Axis.XY, (60, 60))
    before = hand.voxels()
    hand.press(Axis.XY, (60, 60))
    hand.move(Axis.XY, (90, 90))
    hand.document.undo()
    np.testing.assert_array_equal(hand.voxels(), before)
    hand.move(Axis.XY, (120, 120))
    hand.release(Axis.XY, (120, 120))
    np.testing.assert_array_equal(hand.voxels(), before)
    hand.document.undo()
    assert not hand.voxels().any()


def test_a_deed_that_comes_while_drawing_lies_between_two_strokes(studio: Studio) -> None:
    hand = studio()
    hand.toolbox.painter.change(size=9)
    hand.take("brush")
    hand.press(Axis.XY, (60, 60))
    hand.move(Axis.XY, (60, 90))
    box = Box((HERE[0], 55, 55), (HERE[0] + 1, 65, 100))
    before = hand.voxels()
    edit = RegionEdit.between(box, before[box.slices], np.full(box.shape, 7, np.uint32))
    hand.document.edit_voxels(hand.layer, "Another", edit)
    hand.move(Axis.XY, (60, 120))
    hand.release(Axis.XY, (60, 120))
    assert [edit.title for edit in hand.document.history.edits] == ["Paint 1001", "Another", "Paint 1001"]
    assert hand.voxels()[HERE[0], 60, 60] == 7
    assert hand.voxels()[HERE[0], 60, 115] == 1001
    hand.document.undo()
    hand.document.undo()
    np.testing.assert_array_equal(hand.voxels(), before)
    hand.document.undo()
    assert not hand.voxels().any()


def test_going_through_planes_while_drawing_makes_one_deed(studio: Studio) -> None:
    hand = studio()
    hand.toolbox.painter.change(size=9)
    hand.take("brush")
    hand.press(Axis.XY, (60, 60))
    hand.move(Axis.XY, (60, 90))
    hand.show((HERE[0] + 1, *HERE[1:]))
    hand.move(Axis.XY, (120, 90), (120, 120))
    hand.release(Axis.XY, (120, 120))
    voxels = hand.voxels()
    assert np.flatnonzero(voxels.any(axis=(1, 2))).tolist() == [HERE[0], HERE[0] + 1]
    assert voxels[HERE[0], 60, 75] == 1001
    assert voxels[HERE[0] + 1, 120, 105] == 1001
    assert not voxels[HERE[0] + 1, 62:110, :].any()
    hand.document.undo()
    assert not hand.voxels().any()


def test_painting_over_the_edge_is_clipped(studio: Studio) -> None:
    hand = studio()
    hand.toolbox.painter.change(size=30, is_ball=True)
    hand.take("brush")
    hand.show((0, 0, 0))
    hand.draw(Axis.XY, (-40, -40), (3, 3), (3, -300), (300, 300))
    assert hand.voxels()[0, 0, 0] == 1001
    hand.document.undo()
    assert not hand.voxels().any()
    hand.draw(Axis.XZ, (-200, -200), (-150, -190))
    assert hand.document.history.next_undo is None


@pytest.mark.parametrize(
    ("values", "words"),
    [({"locked": True}, "is locked"), ({"is_preview": True}, "preview"), ({"visible": False}, "hidden")],
)
def test_what_may_not_be_painted_is_refused_with_words(studio: Studio, values: dict[str, bool], words: str) -> None:
    hand = studio()
    for tool in ("brush", "eraser", "smart", "fill", "polygon"):
        hand.document.change_layer(hand.layer, **values)
        hand.take(tool)
        if tool == "polygon":
            hand.click(Axis.XY, (60, 60))
            hand.click(Axis.XY, (60, 90))
            hand.double_click(Axis.XY, (90, 90))
        else:
            hand.draw(Axis.XY, (60, 60), (80, 80))
        assert words in hand.refused.pop().message
        assert hand.refused == []
    assert not hand.voxels().any()


def test_without_labels_painting_is_refused(studio: Studio) -> None:
    hand = studio()
    hand.document.remove_layer(hand.layer)
    hand.take("brush")
    hand.draw(Axis.XY, (60, 60), (80, 80))
    assert [problem.message for problem in hand.refused] == ["There are no labels to paint on."]


def test_a_layer_that_goes_while_it_is_painted(studio: Studio) -> None:
    hand = studio()
    hand.take("brush")
    hand.press(Axis.XY, (60, 60))
    hand.move(Axis.XY, (90, 90))
    hand.document.remove_layer(hand.layer)
    hand.move(Axis.XY, (120, 90))
    hand.release(Axis.XY, (120, 90))
    hand.settle()
    assert not hand.toolbox.painter.is_painting


@pytest.mark.parametrize("axis", list(Axis))
def test_smart_brush_keeps_to_the_grey_that_it_begins_on(studio: Studio, axis: Axis) -> None:
    hand = studio()
    index = HERE[axis.normal]
    image = np.array(hand.document.of_kind(ImageLayer)[0].source[:, :, :])
    grey = displayed(image, axis, index).astype(float)
    hand.toolbox.painter.change(size=40, smart="range", grey_range=(0.0, 90.0))
    hand.take("smart")
    hand.draw(axis, (100, 80), (110, 150))
    painted = displayed(hand.voxels(), axis, index) > 0
    hand.document.undo()
    hand.take("brush")
    hand.draw(axis, (100, 80), (110, 150))
    covered = displayed(hand.voxels(), axis, index) > 0
    np.testing.assert_array_equal(painted, covered & (grey <= 90))
    assert 0 < painted.sum() < covered.sum()
    hand.document.undo()
    hand.take("smart")
    hand.toolbox.painter.change(grey_range=(300.0, 400.0))
    hand.click(axis, (100, 80))
    assert hand.said == ["Nothing painted: no grey here is in the range."]
    hand.toolbox.painter.change(smart="seeded", tolerance=1.0)
    hand.draw(axis, (100, 80), (110, 150))
    seeded = displayed(hand.voxels(), axis, index) > 0
    place = hand.canvas(axis).camera().place_at(*hand.pixel(axis, (100, 80)).toTuple())
    under = grey[disc(grey.shape, *place, 10)]
    low, high = np.median(under) - under.std(), np.median(under) + under.std()
    np.testing.assert_array_equal(seeded, covered & (grey >= low) & (grey <= high))


def test_smart_brush_stays_inside_or_outside_an_object(studio: Studio) -> None:
    voxels = np.zeros((200, 200, 200), np.uint32)
    voxels[HERE[0], 60:140, 60:100] = 1007
    hand = studio(voxels)
    hand.toolbox.painter.change(size=21, smart="inside")
    hand.take("smart")
    hand.draw(Axis.XY, (100, 80), (100, 150))
    changed = np.argwhere(hand.voxels() != voxels)
    assert changed[:, 2].max() == 99
    hand.document.undo()
    hand.toolbox.painter.change(smart="outside", guide_id=1007)
    hand.click(Axis.XY, (100, 80))
    assert hand.said == ["Nothing painted: this is inside of object 1007."]
    hand.draw(Axis.XY, (100, 80), (100, 150))
    changed = np.argwhere(hand.voxels() != voxels)
    assert changed[:, 2].min() == 100
    hand.document.undo()
    np.testing.assert_array_equal(hand.voxels(), voxels)


@pytest.mark.parametrize(("axis", "in_3d"), [(Axis.XY, False), (Axis.XZ, False), (Axis.YZ, False), (Axis.XZ, True)])
def test_filling_a_component(studio: Studio, axis: Axis, in_3d: bool) -> None:
    voxels = np.zeros((200, 200, 200), np.uint32)
    box = Box((100, 80, 100), (150, 120, 170))
    voxels[box.slices] = 1002
    voxels[10:20, 10:20, 10:20] = 1002
    hand = studio(voxels, in_file=axis is Axis.XZ)
    hand.toolbox.painter.change(fills_in_3d=in_3d)
    hand.take("fill")
    hand.click(axis, hand.spot(axis, HERE))
    filled = np.zeros(voxels.shape, np.bool_)
    filled[box.slices] = True
    if not in_3d:
        own = np.zeros(voxels.shape, np.bool_)
        np.moveaxis(own, axis.normal, 0)[HERE[axis.normal]] = True
        filled &= own
    np.testing.assert_array_equal(hand.voxels(), np.where(filled, 1001, voxels))
    hand.document.undo()
    np.testing.assert_array_equal(hand.voxels(), voxels)
    hand.toolbox.painter.change(keeps_others=True)
    hand.click(axis, hand.spot(axis, HERE))
    assert "other objects are protected" in hand.refused.pop().message
    hand.toolbox.painter.change(keeps_others=False, fill_limit=100)
    hand.click(axis, hand.spot(axis, HERE))
    assert "more than 100 voxels" in hand.refused.pop().message
    np.testing.assert_array_equal(hand.voxels(), voxels)


@pytest.mark.parametrize("axis", list(Axis))
def test_picking_paints_on_with_what_is_there(studio: Studio, axis: Axis) -> None:
    voxels = np.zeros((200, 200, 200), np.uint32)
    voxels[110:130, 90:110, 120:140] = 1005
    hand = studio(voxels, in_file=True)
    hand.take("pick")
    hand.click(axis, hand.spot(axis, HERE))
    hand.qtbot.waitUntil(lambda: hand.layer.active_id == 1005, timeout=10_000)
    assert hand.layer.selected == {1005}
    hand.click(axis, hand.spot(axis, (10, 10, 10)))
    hand.qtbot.waitUntil(lambda: hand.said == ["No object here."], timeout=10_000)
    assert hand.layer.active_id == 1005
    assert isinstance(hand.layer.source, VolumeSource)  # nothing was changed


@pytest.mark.parametrize("axis", list(Axis))
def test_a_polygon_is_clicked_and_closed(studio: Studio, axis: Axis) -> None:
    hand = studio()
    hand.take("polygon")
    for spot in ((60.2, 60.2), (60.2, 150.2), (10, 10)):
        hand.click(axis, spot)
    hand.key(axis, Qt.Key.Key_Backspace)
    hand.key(axis, Qt.Key.Key_Return)
    assert hand.refused.pop().message == "A polygon takes three corners."
    hand.double_click(axis, (120.2, 150.2))
    plane = displayed(hand.voxels(), axis, HERE[axis.normal])
    assert plane[80, 140] == 1001
    assert not plane[80, 70]
    area = np.count_nonzero(plane)
    assert abs(area - 60 * 90 / 2) < 100
    assert area == np.count_nonzero(hand.voxels())
    for spot in ((10, 10), (10, 30), (30, 30)):
        hand.click(axis, spot)
    hand.key(axis, Qt.Key.Key_Escape)
    assert np.count_nonzero(hand.voxels()) == area
    for spot in ((10, 10), (10, 30), (30, 30)):
        hand.click(axis, spot)
    hand.key(axis, Qt.Key.Key_Return)
    assert np.count_nonzero(hand.voxels()) > area
    hand.document.undo()
    hand.document.undo()
    assert not hand.voxels().any()
    hand.click(axis, (10, 10))
    other = Axis.XZ if axis is Axis.XY else Axis.XY
    hand.click(other, (30, 30))
    assert "The polygon is on" in hand.refused.pop().message


@pytest.mark.parametrize("axis", list(Axis))
def test_interpolating_copying_smoothing(studio: Studio, axis: Axis) -> None:
    hand = studio(in_file=axis is Axis.YZ)
    hand.toolbox.painter.change(size=40)
    hand.take("brush")
    hand.grid.activate(axis.value)
    hand.click(axis, hand.spot(axis, HERE))
    further = list(HERE)
    further[axis.normal] += 6
    hand.toolbox.painter.change(size=20)
    hand.show((further[0], further[1], further[2]))
    hand.click(axis, hand.spot(axis, HERE))
    hand.toolbox.interpolate()
    hand.settle()
    voxels = hand.voxels()
    areas = [np.count_nonzero(displayed(voxels, axis, HERE[axis.normal] + step)) for step in range(-1, 8)]
    assert areas[0] == areas[8] == 0
    assert areas[1:8] == sorted(areas[1:8], reverse=True)
    assert len(set(areas[1:8])) == 7
    hand.toolbox.copy_plane(1)
    hand.settle()
    assert hand.document.view.crosshair[axis.normal] == HERE[axis.normal] + 7
    copied = displayed(hand.voxels(), axis, HERE[axis.normal] + 7)
    np.testing.assert_array_equal(copied, displayed(voxels, axis, HERE[axis.normal] + 6))
    hand.draw(axis, *[(hand.spot(axis, HERE)[0] + away, hand.spot(axis, HERE)[1]) for away in (0, 20)])
    for in_3d in (False, True):
        before = hand.voxels()
        hand.toolbox.smooth(3, in_3d)
        hand.settle()
        changed = np.argwhere(hand.voxels() != before)
        planes = np.unique(changed[:, axis.normal])
        assert (len(planes) > 3) is in_3d
        assert (HERE[axis.normal] + 7 in planes) or in_3d
    titles = [edit.title for edit in hand.document.history.edits]
    assert titles[2:4] == ["Interpolate 1001", f"Copy 1001 to {axis} plane {HERE[axis.normal] + 7}"]
    while hand.document.undo() is not None:
        pass
    assert not hand.voxels().any()
    hand.toolbox.interpolate()
    hand.settle()
    assert "no two" in hand.refused.pop().message


def test_the_size_changes_by_keys_and_wheel(studio: Studio) -> None:
    hand = studio()
    hand.take("brush")
    painter, canvas, zoom = hand.toolbox.painter, hand.canvas(Axis.XY), hand.grid.look.zoom
    hand.key(Axis.XY, Qt.Key.Key_BracketRight)
    assert painter.settings.size == 23
    hand.key(Axis.XY, Qt.Key.Key_BracketLeft)
    assert painter.settings.size == 20
    spot = QPointF(100, 100)
    for notches, keys in ((2, SHIFT), (-2, SHIFT), (1, NO_KEY)):
        # fmt: off
        turned = QWheelEvent(
            spot, canvas.mapToGlobal(spot), QPoint(), QPoint(0, 120 * notches), NO_BUTTON, keys,
            Qt.ScrollPhase.NoScrollPhase, False,
        )
        # fmt: on
        QApplication.sendEvent(canvas, turned)
        assert (painter.settings.size == 26) is (notches == 2)
    assert painter.settings.size == 20
    assert hand.grid.look.zoom > zoom
    painter.change(size=1)
    hand.key(Axis.XY, Qt.Key.Key_BracketLeft)
    assert painter.settings.size == 1


def test_it_paints_without_the_compiled_functions_too(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    from empanada_desktop.core import paint_kernels, paint_masks

    painted = []
    for stamp in (paint_masks.stamp, paint_kernels.stamp):
        hand = studio()
        hand.settle()
        monkeypatch.setattr(backend, "stamp", stamp)
        hand.take("brush")
        hand.draw(Axis.XY, (60, 60), (80, 110), (60, 150))
        painted.append(hand.voxels())
    assert np.count_nonzero(painted[0] != painted[1]) <= 3


def test_a_pen_presses_wider_lines_and_its_other_end_erases(studio: Studio) -> None:
    hand = studio()
    hand.toolbox.painter.change(size=30)
    hand.take("brush")
    canvas = hand.canvas(Axis.XY)
    spots = [(100.5, 40.5 + 10 * step) for step in range(12)]
    kinds = [QEvent.Type.TabletPress, *[QEvent.Type.TabletMove] * 10, QEvent.Type.TabletRelease]
    pressures = [*np.linspace(0.1, 1, 11), 0.0]
    for kind, spot, pressure in zip(kinds, spots, pressures, strict=True):
        touch(canvas, kind, hand.pixel(Axis.XY, spot), float(pressure))
    hand.settle()
    widths = (hand.voxels()[HERE[0]] > 0).sum(axis=0)
    assert 2 <= widths[45] <= 6
    assert 26 <= widths[138] <= 30
    assert widths[150] >= 28  # where the pen comes up, it presses no more: it paints as it did last
    for kind, spot, pressure in zip(kinds, spots, pressures, strict=True):
        touch(canvas, kind, hand.pixel(Axis.XY, spot), float(pressure), eraser=True)
    hand.settle()
    assert not hand.voxels().any()
    hand.document.undo()
    hand.toolbox.painter.change(uses_pressure=False)
    hand.document.undo()
    touch(canvas, kinds[0], hand.pixel(Axis.XY, spots[5]), 0.01)
    touch(canvas, kinds[-1], hand.pixel(Axis.XY, spots[5]), 0.0)
    hand.settle()
    assert (hand.voxels()[HERE[0]] > 0).sum(axis=0).max() == 31  # middles up to 15 away on both sides


class SlowLabels(VolumeSource):
    """A file that lets nobody read until its gate is open, and never the window's thread."""

    gate = threading.Event()

    def read(self, *place: Any) -> NDArray[Any]:
        assert threading.current_thread() is not threading.main_thread(), "the window waits for a file"
        self.gate.wait(20)
        return super().read(*place)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        assert threading.current_thread() is not threading.main_thread(), "the window waits for a file"
        self.gate.wait(20)
        return super().__getitem__(index)


def test_the_window_never_waits_for_the_file_that_is_painted_on(studio: Studio) -> None:
    """Two strokes and a given-up one while nothing of the file is read: they wait, and are painted in order."""
    voxels = np.zeros((200, 200, 200), np.uint32)
    voxels[HERE[0], 40:80, 40:160] = 1005
    hand = studio(voxels, in_file=True)
    hand.qtbot.waitUntil(lambda: hand.grid.is_complete, timeout=10_000)
    slow = SlowLabels(hand.layer.source._volumes)  # type: ignore[attr-defined]
    SlowLabels.gate = threading.Event()
    hand.document.change_layer(hand.layer, source=slow)
    hand.toolbox.painter.change(size=9, keeps_others=True)
    hand.take("brush")
    line = [(60.0, 20.0), (60.0, 100.0), (60.0, 180.0)]
    for label_id, row in ((1001, 0), (1002, 30)):
        hand.document.change_layer(hand.layer, active_id=label_id)
        hand.press(Axis.XY, (row + 60.0, 20.0))
        hand.move(Axis.XY, *[(row + at, column) for at, column in line[1:]])
        hand.release(Axis.XY, (row + 60.0, 180.0))
    hand.press(Axis.XY, (150.0, 20.0))
    hand.move(Axis.XY, (150.0, 180.0))
    hand.key_only(Axis.XY, Qt.Key.Key_Escape)
    assert hand.toolbox.painter.waiting
    hand.canvas(Axis.XY).repaint()  # what waits is drawn
    assert hand.document.history.next_undo is None
    SlowLabels.gate.set()
    hand.settle()
    assert [edit.title for edit in hand.document.history.edits] == ["Paint 1001", "Paint 1002"]
    SlowLabels.gate.set()
    plane = read_in_a_thread(hand.layer.source)[HERE[0]]
    assert (plane[60, 22:39] == 1001).all()
    assert (plane[60, 42:158] == 1005).all()
    assert (plane[90, 22:178] == 1002).all()
    assert not plane[140:160].any()
    hand.document.undo()
    hand.document.undo()
    np.testing.assert_array_equal(read_in_a_thread(hand.layer.source), voxels)


def test_the_window_never_waits_for_the_file_that_is_filled_or_cut_out_of(studio: Studio) -> None:
    voxels = np.zeros((200, 200, 200), np.uint32)
    voxels[100:140, 40:80, 40:160] = 1005
    hand = studio(voxels, in_file=True)
    hand.qtbot.waitUntil(lambda: hand.grid.is_complete, timeout=10_000)
    SlowLabels.gate = threading.Event()
    SlowLabels.gate.set()
    hand.document.change_layer(hand.layer, source=SlowLabels(hand.layer.source._volumes))  # type: ignore[attr-defined]
    hand.toolbox.painter.change(fills_in_3d=True)
    hand.take("fill")
    hand.click(Axis.XY, (60, 60))
    hand.take("pick")
    hand.click(Axis.XY, (60, 60))
    hand.take("polygon")
    for spot in ((120, 20), (120, 90), (190, 90)):
        hand.click(Axis.XY, spot)
    hand.key(Axis.XY, Qt.Key.Key_Return)
    hand.toolbox.smooth(2, in_3d=True)
    hand.settle()
    titles = [edit.title for edit in hand.document.history.edits]
    assert titles == ["Fill with 1001", "Polygon 1001", "Smooth 1001"]
    hand.qtbot.waitUntil(lambda: hand.grid.is_complete, timeout=10_000)
    while hand.document.undo() is not None:
        pass
    np.testing.assert_array_equal(read_in_a_thread(hand.layer.source), voxels)


def read_in_a_thread(source: Any) -> NDArray[Any]:
    with ThreadPoolExecutor(1) as threads:
        return np.array(threads.submit(lambda: source[:, :, :]).result())


def test_a_file_that_cannot_be_read_any_more_ends_the_stroke_with_words(studio: Studio) -> None:
    hand = studio(in_file=True)
    hand.qtbot.waitUntil(lambda: hand.grid.is_complete, timeout=10_000)

    class Gone(VolumeSource):
        def __getitem__(self, index: Any) -> NDArray[Any]:
            raise VolumeError("The disk is gone.", "Plug it in.")

    hand.document.change_layer(hand.layer, source=Gone(hand.layer.source._volumes))  # type: ignore[attr-defined]
    hand.take("brush")
    hand.draw(Axis.XY, (60, 60), (90, 90))
    assert [problem.message for problem in hand.refused] == ["The disk is gone."]
    assert hand.document.history.next_undo is None


def test_the_first_stroke_on_a_file_does_not_flicker(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every picture while a file becomes editable shows its object, and nothing is read for the display."""
    voxels = np.zeros((200, 200, 200), np.uint32)
    voxels[HERE[0], 120:180, 120:180] = 1005
    hand = studio(voxels, in_file=True)
    canvas = hand.canvas(Axis.XY)
    hand.qtbot.waitUntil(lambda: hand.grid.is_complete, timeout=10_000)
    inside = hand.pixel(Axis.XY, (150.5, 130.5)).toPoint()
    shown = canvas.grab().toImage().pixelColor(inside)
    reads: list[Any] = []
    monkeypatch.setattr(hand.grid.loader, "_missing_tile", lambda: reads.append(1))
    hand.take("brush")
    hand.press(Axis.XY, (60, 60))
    seen = []
    for step in range(10):
        hand.move(Axis.XY, (60, 60 + 5 * step))
        seen.append(canvas.grab().toImage().pixelColor(inside))
        hand.qtbot.wait(5)
    hand.release(Axis.XY, (60, 105))
    hand.settle()
    assert isinstance(hand.layer.source, EditableSource)
    assert seen == [shown] * 10
    painted = hand.pixel(Axis.XY, (60.5, 80.5)).toPoint()
    assert canvas.grab().toImage().pixelColor(painted) != shown


def test_hovering_reads_ahead_so_that_nothing_waits(studio: Studio) -> None:
    hand = studio(in_file=True)
    hand.take("brush")
    hand.click(Axis.XY, (30, 30))
    source, painter = hand.layer.source, hand.toolbox.painter
    assert isinstance(source, EditableSource)
    there = Box((HERE[0], 140, 140), (HERE[0] + 1, 160, 160))
    assert not source.is_at_hand(there)
    hand.move(Axis.XY, (150, 150), held=NO_BUTTON)
    hand.qtbot.waitUntil(lambda: source.is_at_hand(there), timeout=10_000)
    hand.qtbot.waitUntil(lambda: not painter._is_reading, timeout=10_000)
    hand.press(Axis.XY, (150, 150))
    assert hand.voxels()[HERE[0], 150, 150] == 1001
    hand.release(Axis.XY, (150, 150))


def test_the_outline_of_a_ball_follows_in_all_planes(studio: Studio) -> None:
    hand = studio()
    hand.toolbox.painter.change(size=60, is_ball=True)
    hand.take("brush")
    hand.qtbot.waitUntil(lambda: hand.grid.is_complete, timeout=10_000)
    brush: Any = hand.toolbox.tools["brush"]
    canvas = hand.canvas(Axis.YZ)
    seen = []
    for spot in ((100, 130), (100, 150), (100, 170)):
        hand.move(Axis.XY, spot, held=NO_BUTTON)
        outline = brush.outline(canvas.camera(), canvas.plane)
        seen.append(None if outline is None else round(outline.width() / canvas.camera().scale[1]))
    assert seen == [60, 46, None]
    painted: list[Any] = []
    brush.outline = lambda camera, plane: painted.append(camera.axis)
    hand.move(Axis.XY, (100, 150), held=NO_BUTTON)
    painted.clear()
    hand.qtbot.waitUntil(lambda: set(painted) == set(Axis), timeout=10_000)


def test_what_is_painted_shows_where_only_selected_objects_do(studio: Studio) -> None:
    voxels = np.zeros((200, 200, 200), np.uint32)
    voxels[HERE[0], 20:40, 20:40] = 1007
    hand = studio(voxels)
    hand.document.select(hand.layer, [1007])
    hand.document.change_layer(hand.layer, shows_selected_only=True)

    def strength(label_id: int) -> float:
        drawn = hand.grid.link.drawn()[-1]
        assert isinstance(drawn, DrawnLabels)
        return drawn.fill[0 if label_id in drawn.selected else 2 if label_id == drawn.painted else 1]

    assert (strength(1007), strength(1001)) == (0.42, 0.12)
    for tool in ("brush", "fill"):
        hand.take(tool)
        hand.click(Axis.XY, (100, 80))
        assert hand.voxels()[HERE[0], 100, 80] == 1001
        assert (strength(1007), strength(1001)) == (0.42, 0.42)
        hand.document.select(hand.layer, [1008])  # others are looked at now
        assert strength(1001) == 0.12
        hand.document.undo()
        hand.document.select(hand.layer, [1007])
