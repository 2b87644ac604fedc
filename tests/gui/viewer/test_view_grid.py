"""The views under real clicks, drags, wheels and keys: what moves, what is selected, what is shown."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QWheelEvent
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.document.layers import ImageLayer, PointsLayer, Shape, ShapesLayer
from empanada_desktop.document.sources import ArraySource
from empanada_desktop.gui.viewer.canvas import Look, Tool
from empanada_desktop.gui.viewer.composing import backend
from empanada_desktop.gui.viewer.overlays import scale_bar

LEFT = Qt.MouseButton.LeftButton
CONTROL = Qt.KeyboardModifier.ControlModifier
NONE = Qt.KeyboardModifier.NoModifier


def turn_wheel(widget: QWidget, at: QPoint, notches: float, keys: Qt.KeyboardModifier = NONE) -> None:
    spot = QPointF(at)
    event = QWheelEvent(
        spot,
        widget.mapToGlobal(spot),
        QPoint(),
        QPoint(0, round(120 * notches)),
        Qt.MouseButton.NoButton,
        keys,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def drag(qtbot: QtBot, widget: QWidget, start: QPoint, stop: QPoint, button: Qt.MouseButton = LEFT) -> None:
    qtbot.mousePress(widget, button, pos=start)
    for part in (0.3, 0.7, 1.0):
        qtbot.mouseMove(widget, start + (stop - start) * part)
        # Offscreen, Qt's own mouseMove carries no button.
        move_with_button(widget, start + (stop - start) * part, button)
    qtbot.mouseRelease(widget, button, pos=stop)


def move_with_button(widget: QWidget, at: QPoint, button: Qt.MouseButton) -> None:
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QMouseEvent

    spot = QPointF(at)
    QApplication.sendEvent(
        widget, QMouseEvent(QEvent.Type.MouseMove, spot, widget.mapToGlobal(spot), button, button, NONE)
    )


def test_it_fits_the_volume_when_it_opens(story: Any) -> None:
    for axis in Axis:
        camera = story.canvas(axis).camera()
        left, top = camera.point_of(0, 0)
        assert left >= 0
        assert top >= 0
    assert story.document.view.zoom > 1


def test_a_click_moves_the_crosshair_of_all_views_and_selects(story: Any) -> None:
    story.qtbot.mouseClick(story.canvas(), LEFT, pos=story.point(Axis.XY, 12, 18))
    assert story.document.view.crosshair == (6, 12, 18)
    assert story.labels.selected == {7}
    assert story.canvas(Axis.XZ).plane == 12
    assert story.canvas(Axis.YZ).plane == 18
    story.qtbot.mouseClick(story.canvas(Axis.YZ), LEFT, pos=story.point(Axis.YZ, 30, 22))
    assert story.document.view.crosshair == (22, 30, 18)
    assert story.canvas(Axis.XY).plane == 22
    assert story.labels.selected == frozenset()


def test_ctrl_click_adds_and_takes_out(story: Any) -> None:
    story.qtbot.mouseClick(story.canvas(), LEFT, pos=story.point(Axis.XY, 12, 18))
    story.document.change_view(crosshair=(20, 30, 40))
    story.settle()
    story.qtbot.mouseClick(story.canvas(), LEFT, CONTROL, pos=story.point(Axis.XY, 30, 40))
    assert story.labels.selected == {7, 9}
    story.qtbot.mouseClick(story.canvas(), LEFT, CONTROL, pos=story.point(Axis.XY, 30, 40))
    assert story.labels.selected == {7}


def test_every_corner_voxel_is_picked_exactly(story: Any) -> None:
    for row, column in ((0, 0), (0, 49), (39, 0), (39, 49)):
        story.qtbot.mouseClick(story.canvas(), LEFT, pos=story.point(Axis.XY, row, column))
        assert story.document.view.crosshair[1:] == (row, column)


def test_a_click_beside_the_volume_does_nothing(story: Any) -> None:
    story.document.change_view(zoom=2.0)
    before = story.document.view.crosshair
    story.qtbot.mouseClick(story.canvas(), LEFT, pos=QPoint(3, 3))
    assert story.document.view.crosshair == before


def test_the_wheel_zooms_round_the_cursor_in_all_views(story: Any) -> None:
    spot = story.point(Axis.XY, 30, 40)
    place = story.canvas().camera().place_at(spot.x(), spot.y())
    zoom = story.document.view.zoom
    turn_wheel(story.canvas(), spot, 2)
    assert story.document.view.zoom == pytest.approx(zoom * 1.44)
    half_a_pixel = 0.5 / story.document.view.zoom
    assert story.canvas().camera().place_at(spot.x(), spot.y()) == pytest.approx(place, abs=half_a_pixel)
    assert story.canvas(Axis.XZ).camera().scale[0] == pytest.approx(story.document.view.zoom)


def test_ctrl_and_wheel_go_through_the_planes_and_presets_swap_them(story: Any) -> None:
    spot = story.point(Axis.XZ, 5, 5)
    turn_wheel(story.canvas(Axis.XZ), spot, 1, CONTROL)
    assert story.document.view.crosshair == (6, 11, 12)
    assert story.document.view.active == "xz"
    story.grid.set_wheel(zooms=False)
    turn_wheel(story.canvas(Axis.XZ), spot, -3)
    assert story.document.view.crosshair == (6, 8, 12)
    turn_wheel(story.canvas(Axis.XZ), spot, -100)
    assert story.document.view.crosshair == (6, 0, 12)


def test_a_fine_wheel_adds_up_to_whole_planes(story: Any) -> None:
    for _ in range(4):
        turn_wheel(story.canvas(), QPoint(50, 50), 0.25, CONTROL)
    assert story.document.view.crosshair[0] == 7


def test_dragging_moves_the_picture_and_not_the_crosshair(story: Any) -> None:
    place = story.canvas().camera().place_at(100, 100)
    before = story.document.view.crosshair
    drag(story.qtbot, story.canvas(), QPoint(100, 100), QPoint(160, 130))
    assert story.canvas().camera().place_at(160, 130) == pytest.approx(place)
    assert story.document.view.crosshair == before
    assert story.labels.selected == frozenset()


def test_the_middle_button_drags_with_every_tool(story: Any) -> None:
    story.grid.set_tool(Tool.BOX)
    place = story.canvas().camera().place_at(100, 100)
    drag(story.qtbot, story.canvas(), QPoint(100, 100), QPoint(90, 60), Qt.MouseButton.MiddleButton)
    assert story.canvas().camera().place_at(90, 60) == pytest.approx(place)


def test_a_box_is_drawn_in_voxels(story: Any) -> None:
    story.grid.set_tool(Tool.BOX)
    boxes: list[tuple[Axis, Box]] = []
    story.grid.box_drawn.connect(lambda axis, box: boxes.append((axis, box)))
    start, stop = story.point(Axis.YZ, 5, 3), story.point(Axis.YZ, 20, 9)
    drag(story.qtbot, story.canvas(Axis.YZ), start, stop)
    assert boxes == [(Axis.YZ, Box((3, 5, 12), (10, 21, 13)))]


def test_slider_and_number_go_to_a_plane(story: Any) -> None:
    header = story.grid.planes[Axis.XY].plane_header
    header.number.setFocus()
    header.number.selectAll()
    story.qtbot.keyClicks(header.number, "21")
    story.qtbot.keyClick(header.number, Qt.Key.Key_Return)
    assert story.document.view.crosshair == (21, 10, 12)
    assert header.slider.value() == 21
    story.qtbot.keyClick(header.slider, Qt.Key.Key_Right)
    assert story.document.view.crosshair == (22, 10, 12)
    assert header.words.text() == "of 30, 220.0 nm"


def test_double_clicking_a_header_maximises_and_back(story: Any) -> None:
    view = story.grid.planes[Axis.XZ]
    story.qtbot.mouseDClick(view.header.title, LEFT)
    assert story.document.view.maximised == "xz"
    assert not story.canvas(Axis.XY).isVisible()
    story.qtbot.waitUntil(lambda: view.width() > 780)
    story.qtbot.mouseDClick(view.header.title, LEFT)
    assert story.document.view.maximised is None
    assert story.canvas(Axis.XY).isVisible()


def test_what_was_fitted_is_fitted_again_when_its_room_changes(story: Any) -> None:
    story.grid.fit()
    four = story.document.view.zoom
    story.qtbot.mouseDClick(story.grid.planes[Axis.XY].header.title, LEFT)
    story.qtbot.waitUntil(lambda: story.document.view.zoom > four * 1.5)
    camera = story.canvas(Axis.XY).camera()
    left, top = camera.point_of(0, 0)
    right, bottom = camera.point_of(*story.image.shape[1:])
    assert min(left, top) >= -1
    assert right <= camera.width + 1
    assert bottom <= camera.height + 1
    story.qtbot.mouseDClick(story.grid.planes[Axis.XY].header.title, LEFT)
    story.qtbot.waitUntil(lambda: story.document.view.zoom == pytest.approx(four))
    story.grid.zoom(2)
    story.qtbot.mouseDClick(story.grid.planes[Axis.XY].header.title, LEFT)
    story.settle()
    assert story.document.view.zoom == pytest.approx(2 * four), "a place that was zoomed to stays"


def test_a_narrow_window_shows_one_view_with_tabs(story: Any) -> None:
    story.grid.set_narrow(True)
    assert [story.canvas(axis).isVisible() for axis in (Axis.XY, Axis.XZ, Axis.YZ)] == [True, False, False]
    tabs = story.grid._tabs
    story.qtbot.mouseClick(tabs, LEFT, pos=tabs.tabRect(1).center())
    assert story.canvas(Axis.YZ).isVisible()
    assert not story.canvas(Axis.XY).isVisible()
    story.document.change_view(maximised=None)
    assert not story.canvas(Axis.XY).isVisible(), "narrow has room for one only"
    story.grid.set_narrow(False)
    assert all(story.canvas(axis).isVisible() for axis in (Axis.XY, Axis.XZ, Axis.YZ))


def test_what_was_maximised_is_so_after_a_narrow_window(story: Any) -> None:
    story.grid.maximise("yz")
    story.grid.set_narrow(True)
    story.grid.set_narrow(False)
    assert story.document.view.maximised == "yz"
    assert [story.canvas(axis).isVisible() for axis in (Axis.XY, Axis.XZ, Axis.YZ)] == [False, False, True]


def test_zooming_by_key_keeps_the_crosshair_in_place(story: Any) -> None:
    at = story.canvas().camera().point_of(10.5, 12.5)
    story.grid.zoom(2)
    assert story.canvas().camera().point_of(10.5, 12.5) == pytest.approx(at, abs=1)
    story.grid.zoom_to(1.0)
    assert story.document.view.zoom == pytest.approx(1.0)


def test_jumping_brings_a_place_into_the_middle(story: Any) -> None:
    story.grid.show_place((20, 30, 40), zoom=5)
    camera = story.canvas(Axis.XZ).camera()
    assert camera.point_of(20.5, 40.5) == pytest.approx((camera.width / 2, camera.height / 2), abs=0.5)


def test_what_is_under_the_pointer_is_told(story: Any) -> None:
    heard: list[object] = []
    story.grid.hovered.connect(heard.append)
    story.qtbot.mouseMove(story.canvas(), story.point(Axis.XY, 8, 9))
    assert (6, 8, 9) in heard
    value, layer, label_id = story.grid.values_at((6, 8, 9))
    assert (value, layer, label_id) == (story.image.source[6:7, 8:9, 9:10].item(), story.labels, 7)
    assert story.grid.values_at((6, 100, 9)) == (None, None, 0)


def test_selected_only_leaves_the_others_faint(story: Any) -> None:
    def colour() -> int:
        story.settle()
        seen = story.pixel(Axis.XY, 8, 8)
        return int(max(seen)) - int(min(seen))

    story.document.select(story.labels, [9])
    full = colour()
    story.document.change_layer(story.labels, shows_selected_only=True)
    assert 0 < colour() == pytest.approx(full * 0.12 / 0.42, abs=3)
    story.document.select(story.labels, [7])
    assert colour() == full


def test_hiding_a_layer_hides_it(story: Any) -> None:
    story.document.change_layer(story.labels, visible=False)
    story.settle()
    assert len(set(story.pixel(Axis.XY, 8, 8))) == 1


def test_contrast_is_seen(story: Any) -> None:
    story.document.change_layer(story.labels, visible=False)
    story.document.change_layer(story.image, contrast=(300.0, 400.0))
    story.settle()
    assert story.pixel(Axis.XY, 8, 8) == (0, 0, 0)


def test_painted_voxels_appear_and_only_their_part_is_composed(story: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    composed: list[int] = []
    canvas = story.canvas()
    original = canvas._composer.compose

    def counting(out: NDArray[np.uint32], rect: tuple[int, int, int, int], *rest: Any) -> None:
        composed.append((rect[1] - rect[0]) * (rect[3] - rect[2]))
        original(out, rect, *rest)

    monkeypatch.setattr(canvas._composer, "compose", counting)
    before = story.pixel(Axis.XY, 30, 30)
    composed.clear()
    box = Box((6, 28, 28), (7, 33, 33))
    story.labels.source[box.slices] = 9
    story.document.voxels_changed.emit(story.labels, box)
    story.qtbot.waitUntil(lambda: len(composed) > 0)
    story.settle()
    assert story.pixel(Axis.XY, 30, 30) != before
    assert max(composed) < canvas.width() * canvas.height() / 4
    assert story.grid.values_at((6, 30, 30))[2] == 9


def test_moving_the_crosshair_in_a_plane_composes_nothing_there(story: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    composed: list[object] = []
    monkeypatch.setattr(story.canvas()._composer, "compose", lambda *arguments: composed.append(arguments))
    story.document.change_view(crosshair=(6, 20, 20))
    story.settle()
    assert composed == []


def test_voxels_of_unknown_size_are_counted(make_story: Callable[..., Any]) -> None:
    story = make_story(Spacing())
    assert story.grid.planes[Axis.XY].plane_header.words.text() == "of 30"
    assert scale_bar(2.0, None) == (100.0, "50 px")


def test_the_scale_bar_has_a_round_length() -> None:
    length, caption = scale_bar(2.02, 10)
    assert (round(length), caption) == (101, "500 nm")


def test_flat_voxels_are_drawn_flat(make_story: Callable[..., Any]) -> None:
    story = make_story(Spacing(40, 10, 10))
    scale = story.canvas(Axis.XZ).camera().scale
    assert scale[0] == pytest.approx(4 * scale[1])
    spot = story.point(Axis.XZ, 20, 30)
    story.qtbot.mouseClick(story.canvas(Axis.XZ), LEFT, pos=spot)
    assert story.document.view.crosshair == (20, 10, 30)


def test_the_window_thread_never_reads_and_shows_the_last_plane_meanwhile(make_story: Callable[..., Any]) -> None:
    gate, readers = threading.Event(), set()
    gate.set()

    class Slow(ArraySource):
        def __getitem__(self, index: Any) -> NDArray[Any]:
            readers.add(threading.current_thread())
            gate.wait(10)
            return super().__getitem__(index)

        def read(self, *place: Any) -> NDArray[Any]:
            readers.add(threading.current_thread())
            gate.wait(10)
            return super().read(*place)

    grey = np.zeros((60, 40, 50), np.uint8)
    grey[:, :, 25:] = 200
    grey[50] = 90
    story = make_story(image=ImageLayer(title="slow", source=Slow(grey), spacing=Spacing(10, 10, 10)))
    story.document.change_layer(story.labels, visible=False)
    story.document.change_view(crosshair=(6, 35, 45))
    story.settle()
    shown = story.pixel(Axis.XY, 5, 40)
    gate.clear()
    story.document.change_view(crosshair=(50, 35, 45))
    story.qtbot.wait(100)
    assert story.pixel(Axis.XY, 5, 40) == shown == (200, 200, 200)
    assert not story.canvas().is_complete
    gate.set()
    story.settle()
    assert story.pixel(Axis.XY, 5, 40) == (90, 90, 90)
    assert threading.main_thread() not in readers


def test_the_first_paint_does_not_wait_for_the_compiler(
    make_story: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from empanada_desktop.gui.viewer import drawing

    monkeypatch.setattr(backend, "functions", drawing)
    story = make_story()
    assert len(set(story.pixel(Axis.XY, 8, 8))) > 1


def test_a_removed_layer_leaves_no_tiles(story: Any) -> None:
    before = story.grid.loader.cache.nbytes
    story.document.remove_layer(story.labels)
    story.settle()
    assert 0 < story.grid.loader.cache.nbytes < before
    story.document.undo()
    story.settle()
    assert len(set(story.pixel(Axis.XY, 8, 8))) > 1


def test_reading_errors_are_told(make_story: Callable[..., Any]) -> None:
    class Broken(ArraySource):
        def __getitem__(self, index: Any) -> NDArray[Any]:
            raise OSError("The disk is gone.")

    story = make_story()
    with story.qtbot.waitSignal(story.grid.reading_failed) as news:
        broken = Broken(np.zeros((30, 40, 50), np.uint8))
        story.document.add_layer(ImageLayer(title="broken", source=broken))
    assert news.args == ["The disk is gone."]


def test_looks_are_values() -> None:
    assert Look((1, 2, 3), 2.0) == Look((1, 2, 3), 2.0)


def test_points_and_shapes_are_drawn_on_their_planes(story: Any) -> None:
    points = PointsLayer(title="seeds", points=np.array([[6.5, 30.5, 40.5], [9.5, 35.5, 40.5]]), size=12)
    shape = Shape("rectangle", Axis.YZ, 12, ((2.0, 20.0), (10.0, 30.0)))
    story.document.add_layer(points)
    story.document.add_layer(ShapesLayer(title="region", shapes=(shape,), colour="#F2C14E"))
    story.settle()
    assert max(story.pixel(Axis.XY, 30, 40)) < 40, "the dark dot in the middle"
    assert len(set(story.pixel(Axis.XY, 35, 40))) == 1, "a point of another plane is not shown"
    left_edge = story.canvas(Axis.YZ).camera().point_of(25, 2)
    image = story.canvas(Axis.YZ).grab().toImage()
    seen = image.pixelColor((QPointF(*left_edge) * image.devicePixelRatio()).toPoint())
    assert seen.hueF() == pytest.approx(QColor("#F2C14E").hueF(), abs=0.02)
    story.document.change_layer(points, visible=False)
    story.settle()
    assert max(story.pixel(Axis.XY, 30, 40)) > 40


def test_neighbours_get_different_colours_without_opengl(make_story: Callable[..., Any], qtbot: QtBot) -> None:
    story = make_story(with_3d=True)
    assert story.grid.volume_view.gl is None, "Qt draws offscreen here"
    qtbot.waitUntil(lambda: len(story.labels.colour_table) == 10)
    table = story.labels.colour_table
    assert table[7] != table[9]
    story.document.shuffle_colours(story.labels)
    qtbot.waitUntil(lambda: len(story.labels.colour_table) == 10 and story.grid.is_complete)
    assert story.labels.colour_table[7] != story.labels.colour_table[9]
