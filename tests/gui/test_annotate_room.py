"""Annotate with mouse and keys: paint in the three planes, count labels, fill, pick, protect, between planes, undo."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QToolButton

from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.document import LabelsLayer, PointsLayer, ShapesLayer
from empanada_desktop.gui.annotate.dock import AnnotateDock
from empanada_desktop.gui.main_window import MainWindow
from empanada_desktop.gui.objects.desk import ObjectsDesk
from empanada_desktop.gui.viewer.canvas import PlaneCanvas

from .person import CONTROL, NO_KEY, SHIFT, Person
from .viewer.test_canvas_tool import touch

KEY = Qt.Key
PLANES = (Axis.XY, Axis.XZ, Axis.YZ)


@pytest.fixture
def at_home(window: MainWindow, person: Person, crop: Path) -> Person:
    """A person in the room Annotate, with the crop open and nothing painted."""
    window.open_path(str(crop))
    person.until(lambda: window.workspace is not None and bool(window.workspace.document.layers))
    person.click(window.top.tab_button("annotate"))
    person.until_rest()
    return person


@pytest.fixture
def painting(at_home: Person) -> Person:
    """The same with empty labels, made with the room's one button, and the brush in hand."""
    at_home.click(at_home.button("New labels", within=dock(at_home)))
    at_home.until(lambda: ObjectsDesk.of(at_home.workspace).is_current)
    at_home.key(KEY.Key_2)
    return at_home


def dock(person: Person) -> AnnotateDock:
    found = person.workspace.rooms["annotate"].right
    assert isinstance(found, AnnotateDock)
    return found


def labels(person: Person) -> LabelsLayer:
    layer = person.workspace.labels()
    assert layer is not None
    return layer


def voxels(person: Person) -> np.ndarray:
    return np.asarray(labels(person).source[:, :, :])


def spot(person: Person, axis: Axis, row: float, column: float) -> QPoint:
    """Where on a canvas a row and column of its plane (as displayed) are."""
    x, y = person.workspace.grid.canvas(axis).camera().point_of(row, column)
    return QPoint(round(x), round(y))


def choose_from_button(person: Person, button: QToolButton, title: str) -> None:
    """Click a button with a menu, and an entry of it; the button waits until its menu is closed."""
    menu, timer = button.menu(), QTimer()

    def choose() -> None:
        if menu.isVisible():
            timer.stop()
            person.menu_entry(menu, title)

    timer.timeout.connect(choose)
    timer.start(10)
    person.click(button)
    person.until(lambda: not timer.isActive())


def stroke(person: Person, axis: Axis, start: tuple[float, float], stop: tuple[float, float]) -> None:
    steps = person.workspace.document.history.position
    canvas = person.workspace.grid.canvas(axis)
    person.drag(canvas, spot(person, axis, *start), spot(person, axis, *stop))
    person.until(lambda: person.workspace.document.history.position == steps + 1)


def test_there_is_one_button_where_there_are_no_labels(at_home: Person) -> None:
    assert isinstance(at_home.window.focusWidget(), PlaneCanvas), "Space moves the picture at once"
    found = dock(at_home)
    assert found.empty.isVisible()
    assert not found.paint_section.isVisible()
    at_home.key(KEY.Key_P)
    canvas = at_home.workspace.grid.canvas(Axis.XY)
    at_home.click(canvas)
    at_home.until(lambda: "no labels to paint on" in at_home.window.bar.text())
    at_home.click(at_home.button("New labels", within=at_home.window.bar))
    at_home.until(lambda: found.paint_section.isVisible())
    assert not at_home.window.bar.isVisible()
    assert not found.empty.isVisible()
    assert labels(at_home).active_id == 1001


def test_strokes_in_three_planes_count_up_and_undo(painting: Person) -> None:
    z, y, x = painting.workspace.document.view.crosshair
    stroke(painting, Axis.XY, (10, 10), (10, 40))
    assert set(np.unique(voxels(painting)).tolist()) == {0, 1001}
    assert (voxels(painting)[z, 10, 10:40] == 1001).all()
    painting.key(KEY.Key_M)
    painting.until(lambda: labels(painting).active_id == 1002)
    stroke(painting, Axis.XZ, (4, 50), (4, 60))
    painting.key(KEY.Key_M)
    painting.until(lambda: labels(painting).active_id == 1003)
    stroke(painting, Axis.YZ, (50, 4), (60, 4))
    done = voxels(painting)
    assert (done[4, y, 50:60] == 1002).all()
    assert (done[4, 50:60, x] == 1003).all()
    for _ in range(3):
        painting.key(KEY.Key_Z, CONTROL)
    assert not voxels(painting).any()
    for _ in range(3):
        painting.key(KEY.Key_Z, CONTROL | SHIFT)
    assert np.array_equal(voxels(painting), done)


def test_keys_choose_labels_and_say_where_a_class_ends(painting: Person) -> None:
    layer, found = labels(painting), dock(painting)
    painting.type_into(found.label.divisor, "10")
    painting.until(lambda: layer.active_id == 11)
    painting.click(found)
    painting.key(KEY.Key_Minus)
    assert "first id of class 1, object" in painting.window.bar.text()
    painting.key(KEY.Key_Equal)
    assert layer.active_id == 12
    assert not painting.window.bar.isVisible()
    painting.key(KEY.Key_X)
    assert layer.active_id == 0
    painting.key(KEY.Key_X)
    assert layer.active_id == 12
    painting.click(found.label.add_class)
    painting.qtbot.keyClicks(found.label.name, "mito")
    painting.key(KEY.Key_Return)
    painting.until(lambda: layer.active_id == 21)
    assert layer.class_names == {1: "object", 2: "mito"}
    assert found.label.class_choice.currentText() == "2  mito"
    painting.choose(found.label.class_choice, "1  object")
    painting.until(lambda: layer.active_id == 11)


def test_every_key_of_the_room_is_heard_over_every_plane(painting: Person) -> None:
    """[ ], Shift and the wheel, = - X, B, M and a pen, over a canvas that was clicked before."""
    layer, grid = labels(painting), painting.workspace.grid
    settings = lambda: dock(painting).tools.brush._painter.settings  # noqa: E731
    for number, (axis, (row, column)) in enumerate(zip(PLANES, ((10, 10), (4, 30), (30, 4)), strict=True)):
        canvas, new = grid.canvas(axis), 1001 + number
        assert layer.active_id == new
        canvas.setFocus()
        for key, steps in ((KEY.Key_BracketRight, 1), (KEY.Key_BracketLeft, -1)):
            before = settings().size
            painting.key(key)
            assert (settings().size - before) * steps > 0
        for notches in (2, -2):
            before = settings().size
            painting.wheel(canvas, notches, SHIFT)
            assert (settings().size - before) * notches > 0
        for key, wanted in ((KEY.Key_Equal, new + 1), (KEY.Key_Minus, new), (KEY.Key_X, 0), (KEY.Key_X, new)):
            painting.key(key)
            assert layer.active_id == wanted
        for is_on in (True, False):
            painting.key(KEY.Key_B)
            assert settings().keeps_others is is_on
        widths = [pen_line(painting, axis, row + 18 * line, column, 0.2 + 0.8 * line) for line in range(2)]
        assert 0 < widths[0] < widths[1]
        painting.key(KEY.Key_M)
        painting.until(lambda new=new: layer.active_id == new + 1)


def pen_line(person: Person, axis: Axis, row: float, column: float, pressure: float) -> int:
    """Draw a short line with a pen that presses so much, and return how many voxels it has painted."""
    canvas, before = person.workspace.grid.canvas(axis), int((voxels(person) > 0).sum())
    kinds = (QEvent.Type.TabletPress, QEvent.Type.TabletMove, QEvent.Type.TabletRelease)
    for kind, step in zip(kinds, (0, 12, 12), strict=True):
        touch(canvas, kind, QPointF(spot(person, axis, row, column + step)), pressure)
    person.until(lambda: int((voxels(person) > 0).sum()) > before)
    return int((voxels(person) > 0).sum()) - before


def test_ids_can_be_reserved_where_people_share_a_volume(painting: Person) -> None:
    layer, found = labels(painting), dock(painting)
    painting.type_into(found.label.first, "1500")
    assert layer.id_range is None
    assert found.label._half.text() == "Both ends are needed; 0 and 0 take all ids."
    assert found.label._half.isVisible()
    painting.type_into(found.label.last, "1400")
    assert not found.label._half.isVisible()
    assert "No id lies between 1500 and 1400." in found.bar.text()
    painting.type_into(found.label.first, "1500")
    painting.type_into(found.label.last, "1600")
    assert layer.id_range == (1500, 1600)
    assert "ids 1500 to 1600" in found.label.words.text()
    painting.click(found)
    painting.key(KEY.Key_Z, CONTROL)
    assert layer.id_range is None
    assert found.label.first.text() == "all"


KEYS = {
    "eraser": (KEY.Key_1, KEY.Key_E),
    "brush": (KEY.Key_2, KEY.Key_P),
    "polygon": (KEY.Key_3,),
    "fill": (KEY.Key_4, KEY.Key_F),
    "pick": (KEY.Key_5, KEY.Key_L),
    "cursor": (KEY.Key_6,),
    "smart": (KEY.Key_7,),
    "points": (KEY.Key_8,),
    "shapes": (KEY.Key_9,),
}


def test_size_by_slider_keys_and_wheel_and_the_ball(painting: Person) -> None:
    for tool, keys in KEYS.items():
        for key in keys:
            painting.key(KEY.Key_6 if tool != "cursor" else KEY.Key_2)
            painting.key(key)
            assert painting.workspace.tool == tool
    painting.key(KEY.Key_2)
    found = dock(painting)
    settings = lambda: found.tools.brush._painter.settings  # noqa: E731
    size = settings().size
    painting.key(KEY.Key_BracketRight)
    assert settings().size > size
    painting.key(KEY.Key_BracketLeft)
    assert settings().size == size
    canvas = painting.workspace.grid.canvas(Axis.XY)
    painting.wheel(canvas, 3, SHIFT)
    assert settings().size > size
    assert found.tools.brush.size_field.value() == settings().size
    assert found.tools.brush.real_size.text() == f"{settings().size * 10:.3g} nm across"
    painting.slide(found.tools.brush.size_field.slider, 0.03)
    wide = settings().size
    assert wide < size
    painting.click(found.tools.brush.shape.button(True))
    painting.click(canvas, spot(painting, Axis.XY, 30, 30))
    painting.until(lambda: bool(voxels(painting).any()))
    assert np.ptp(np.flatnonzero(voxels(painting).any(axis=(1, 2)))) + 1 >= wide - 1
    for layer in painting.workspace.document.layers:
        painting.workspace.document.edit_properties(layer, "Voxel size", spacing=Spacing(40, 20, 20, "typed"))
    assert found.tools.brush.real_size.text() == f"{settings().size * 20:.3g} nm across"


def test_protect_pick_erase_and_fill(painting: Person) -> None:
    layer, found = labels(painting), dock(painting)
    z = painting.workspace.document.view.crosshair[0]
    stroke(painting, Axis.XY, (10, 10), (10, 40))
    first = int((voxels(painting) == 1001).sum())
    painting.key(KEY.Key_M)
    painting.until(lambda: layer.active_id == 1002)
    painting.key(KEY.Key_B)
    assert found.tools.protect.isChecked()
    stroke(painting, Axis.XY, (4, 25), (40, 25))
    assert int((voxels(painting) == 1001).sum()) == first, "the other object is protected"
    painting.key(KEY.Key_5)
    canvas = painting.workspace.grid.canvas(Axis.XY)
    painting.click(canvas, spot(painting, Axis.XY, 10, 12))
    painting.until(lambda: layer.active_id == 1001)
    assert layer.selected == {1001}
    painting.key(KEY.Key_1)
    stroke(painting, Axis.XY, (10, 12), (10, 14))
    assert voxels(painting)[z, 10, 12] == 0
    painting.key(KEY.Key_4)
    assert found.tool_section._header.text() == "Fill"
    painting.click(canvas, spot(painting, Axis.XY, 55, 60))
    painting.until(lambda: voxels(painting)[z, 55, 60] == 1001)
    assert set(np.unique(voxels(painting)[:z]).tolist()) == {0}, "in the plane alone"


def test_a_fill_that_takes_long_is_cancelled_in_the_strip(painting: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def never_ending(*values: Any) -> None:
        context = values[-1]
        context.report(1200, 0, "Filling")
        while True:
            context.check_cancelled()
            time.sleep(0.005)

    monkeypatch.setattr("empanada_desktop.document.paint_deeds.fill", never_ending)
    position = painting.workspace.document.history.position
    painting.key(KEY.Key_4)
    painting.click(painting.workspace.grid.canvas(Axis.XY), spot(painting, Axis.XY, 20, 30))
    painting.until(lambda: painting.window.strip.text() == "1 running")
    tips = [one.toolTip() for one in painting.window.strip.findChildren(QToolButton) if one.isVisible()]
    assert [tip for tip in tips if "ause" in tip] == []  # it cannot wait
    painting.click(painting.button("Cancel this job"))
    painting.until(lambda: painting.window.strip.text() == "nothing running")
    assert not painting.workspace.rooms["annotate"].tools["fill"].cancel()  # nothing runs any more
    assert painting.workspace.document.history.position == position
    assert not voxels(painting).any()


def test_copy_interpolate_and_smooth(painting: Person) -> None:
    document = painting.workspace.document
    z = document.view.crosshair[0]
    stroke(painting, Axis.XY, (20, 20), (20, 30))
    for _ in range(3):  # as quickly as a key that is held repeats
        painting.key(KEY.Key_Right, SHIFT)
    painting.until(lambda: document.view.crosshair[0] == z + 3)
    done = voxels(painting)
    assert all(np.array_equal(done[z], done[z + step]) for step in (1, 2, 3))
    for _ in range(2):
        painting.key(KEY.Key_Z, CONTROL)
        painting.key(KEY.Key_Left)
    assert np.flatnonzero(voxels(painting).any(axis=(1, 2))).tolist() == [z, z + 1]
    for _ in range(3):
        painting.key(KEY.Key_Right)
    stroke(painting, Axis.XY, (24, 20), (24, 30))
    painting.click(painting.button("Interpolate", within=dock(painting)))
    painting.until(lambda: voxels(painting)[z + 1 : z + 5].any(axis=(1, 2)).all())
    done = voxels(painting)
    painting.click(painting.button("Smooth", within=dock(painting)))
    painting.until(lambda: not np.array_equal(done, voxels(painting)))
    painting.key(KEY.Key_Z, CONTROL)
    assert np.array_equal(done, voxels(painting))


def test_the_smart_brush_paints_only_greys_of_the_range(painting: Person) -> None:
    found = dock(painting)
    painting.key(KEY.Key_7)
    painting.until(lambda: found.tools.smart.histogram._counts.size > 0)
    painting.click(found.tools.smart.mode.button("range"))
    image = painting.workspace.image()
    assert image is not None
    grey = np.asarray(image.source[:, :, :])
    z = painting.workspace.document.view.crosshair[0]
    middle = round(float(np.median(grey[z])))
    painting.type_into(found.tools.smart.low, "250")
    assert found.tools.smart._painter.settings.grey_range == (250, 250)  # the other end gives way
    painting.type_into(found.tools.smart.high, str(middle))
    painting.type_into(found.tools.smart.low, "0")
    stroke(painting, Axis.XY, (20, 10), (40, 60))
    painted = voxels(painting)[z] > 0
    assert painted.any()
    assert grey[z][painted].max() <= middle


def test_the_smart_brush_minds_the_object_that_was_picked(painting: Person) -> None:
    workspace, found = painting.workspace, dock(painting)
    stroke(painting, Axis.XY, (20, 10), (20, 50))
    guide, z = labels(painting), workspace.document.view.crosshair[0]
    painting.click(painting.button("Make labels", "New labels", within=found.label))
    painting.until(lambda: labels(painting) is not guide)
    painting.key(KEY.Key_7)
    smart = found.tools.smart
    painting.click(smart.mode.button("inside"))
    assert smart.words.text() == "Paints only within the object in which a stroke begins."
    painting.click(smart.pick_guide)
    assert smart.guide_words.whole == "click it in a view"
    painting.click(workspace.grid.canvas(Axis.XY), spot(painting, Axis.XY, 20, 30))
    painting.until(lambda: smart.words.text() == "Paints only within 1001 of labels.")
    assert not smart.pick_guide.isChecked()
    assert not voxels(painting).any()  # that click has painted nothing
    stroke(painting, Axis.XY, (5, 30), (40, 30))
    inside = np.asarray(guide.source[z]) == 1001
    painted = voxels(painting)[z] > 0
    assert painted.any()
    assert not (painted & ~inside).any()
    painting.click(smart.forget_guide)
    assert workspace.grid.canvas_tool is workspace.rooms["annotate"].tools["smart"]
    painting.click(smart.pick_guide)
    painting.key(KEY.Key_2)  # another tool: nothing waits for a click any more
    assert (smart.pick_guide.isChecked(), smart.guide_words.whole) == (False, "the one a stroke begins in")


def test_points_and_shapes_are_added_and_coloured(painting: Person) -> None:
    document, layers = painting.workspace.document, painting.workspace.layers
    choose_from_button(painting, layers.add, "New points")
    painting.until(lambda: isinstance(document.active, PointsLayer))
    painting.let_it_settle()
    canvas = painting.workspace.grid.canvas(Axis.XY)
    painting.click(canvas, spot(painting, Axis.XY, 30, 40))
    points = document.active
    assert isinstance(points, PointsLayer)
    painting.until(lambda: len(points.points) == 1)
    assert np.allclose(points.points[0], (12.5, 30, 40), atol=0.5)
    painting.until(layers.marks_look.colour.buttons[2].isVisible)
    painting.click(layers.marks_look.colour.buttons[2])
    assert QColor(points.colour) == QColor(layers.marks_look.colour.buttons[2].colour)
    painting.type_into(layers.marks_look.size_field.number, "14")
    assert points.size == 14
    painting.palette("new shapes")
    painting.until(lambda: isinstance(document.active, ShapesLayer))
    painting.until(dock(painting).tools.shapes.kind.button("line").isVisible)
    painting.let_it_settle()
    painting.click(dock(painting).tools.shapes.kind.button("line"))
    painting.drag(canvas, spot(painting, Axis.XY, 10, 10), spot(painting, Axis.XY, 20, 50))
    shapes = document.active
    assert isinstance(shapes, ShapesLayer)
    painting.until(lambda: [shape.kind for shape in shapes.shapes] == ["line"])


def test_a_click_with_the_cursor_makes_the_object_the_one_to_paint(painting: Person) -> None:
    stroke(painting, Axis.XY, (10, 10), (10, 40))
    painting.key(KEY.Key_M)
    painting.until(lambda: labels(painting).active_id == 1002)
    painting.key(KEY.Key_6)
    painting.until_rest()
    painting.click(painting.workspace.grid.canvas(Axis.XY), spot(painting, Axis.XY, 10, 20))
    assert labels(painting).active_id == 1001
    assert dock(painting).label.id.value() == 1001
    shown = painting.workspace.layers.object
    count = int((voxels(painting) == 1001).sum())
    painting.until(lambda: shown.volume.text() == f"{count * 1e-6:.4f} µm³")
    assert (shown.free.text(), shown.status.text()) == ("1002", "Not reviewed")


@pytest.mark.parametrize("modifier", [NO_KEY, CONTROL])
def test_a_polygon_paints_or_erases(painting: Person, modifier: Qt.KeyboardModifier) -> None:
    z = painting.workspace.document.view.crosshair[0]
    if modifier == CONTROL:
        stroke(painting, Axis.XY, (20, 10), (20, 50))
    painting.key(KEY.Key_3)
    canvas = painting.workspace.grid.canvas(Axis.XY)
    for row, column in ((10, 10), (10, 40), (40, 40)):
        painting.click(canvas, spot(painting, Axis.XY, row, column), modifier)
    painting.key(KEY.Key_Return, modifier)
    wanted = 0 if modifier == CONTROL else 1001
    painting.until(lambda: voxels(painting)[z, 18, 35] == wanted)


def test_undo_takes_back_what_is_no_deed_yet(painting: Person) -> None:
    stroke(painting, Axis.XY, (10, 10), (10, 40))
    grid, history = painting.workspace.grid, painting.workspace.document.history
    canvas = grid.canvas(Axis.XY)
    painting.key(KEY.Key_3)
    for corner in ((30, 10), (30, 40), (50, 40)):
        painting.click(canvas, spot(painting, Axis.XY, *corner))
    painting.key(KEY.Key_Z, CONTROL)
    assert len(grid.canvas_tool.vertices) == 2, "a corner goes, not the stroke"
    painting.key(KEY.Key_Escape)
    painting.key(KEY.Key_8)
    for place in ((20, 20), (40, 50)):
        painting.click(canvas, spot(painting, Axis.XY, *place))
    points = painting.workspace.document.of_kind(PointsLayer)[0]
    before, steps = points.points, history.position
    painting.qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, NO_KEY, spot(painting, Axis.XY, 20, 20))
    painting.qtbot.mouseMove(canvas, spot(painting, Axis.XY, 30, 30))
    painting.key(KEY.Key_Z, CONTROL)
    painting.qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, NO_KEY, spot(painting, Axis.XY, 30, 30))
    np.testing.assert_array_equal(points.points, before)
    assert history.position == steps, "moving is given up, the point added last stays"
