"""The 3D view with OpenGL; run by test_volume_view in a process that has a screen."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QMouseEvent
from PySide6.QtWidgets import QApplication

from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.document.colours import colours_of
from empanada_desktop.document.view import Camera
from empanada_desktop.gui.viewer.volume_view import REST_MS

LEFT, CONTROL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier
MIDDLES = {7: (7.0, 10.0, 12.5), 9: (23.0, 31.5, 37.5)}


@pytest.fixture
def solid(make_story: Callable[..., Any]) -> Any:
    story = make_story(with_3d=True)
    story.qtbot.waitUntil(lambda: story.grid.volume_view.gl is not None)
    story.document.change_view(camera=Camera(azimuth=-30, elevation=20))
    story.settle()
    return story


def picture(story: Any) -> QImage:
    return story.grid.volume_view.gl.grabFramebuffer()


def colour_at(story: Any, place: QPointF) -> QColor:
    image = picture(story)
    ratio = image.width() / story.grid.volume_view.gl.width()
    return image.pixelColor((place * ratio).toPoint())


def hue_of(story: Any, label_id: int) -> float:
    layer = story.labels
    return QColor(*colours_of(np.array([label_id], np.uint32), layer.colour_table, layer.seed)[0].tolist()).hueF()


def test_objects_are_seen_in_their_colours(solid: Any) -> None:
    for label_id, middle in MIDDLES.items():
        seen = colour_at(solid, solid.grid.volume_view.gl.position_of(middle))
        assert seen.hueF() == pytest.approx(hue_of(solid, label_id), abs=0.05)
    assert solid.grid.volume_view.words == "2 objects, 3 planes"


def test_the_walls_show_the_image(solid: Any) -> None:
    walls = solid.grid.volume_view.gl.wanted_walls()
    assert len(walls) == 3
    assert solid.grid.volume_view.gl.n_walls == 3
    solid.document.change_view(camera=Camera(azimuth=150, elevation=-20))
    solid.settle()
    turned = solid.grid.volume_view.gl.wanted_walls()
    assert all(one != other for one, other in zip(walls, turned, strict=True)), "they are always behind the objects"
    assert {axis for axis, _ in turned} == set(Axis)


def test_picking_in_3d_selects_everywhere(solid: Any) -> None:
    view = solid.grid.volume_view.gl
    for label_id, middle in MIDDLES.items():
        solid.qtbot.mouseClick(view, LEFT, pos=view.position_of(middle).toPoint())
        assert solid.labels.selected == {label_id}
        assert solid.labels.source[solid.document.view.crosshair] == label_id, "the other views show it"
    solid.qtbot.mouseClick(view, LEFT, CONTROL, pos=view.position_of(MIDDLES[7]).toPoint())
    assert solid.labels.selected == {7, 9}
    assert solid.document.view.active == "3d"
    solid.qtbot.mouseClick(view, LEFT, pos=QPoint(2, 2))
    assert solid.labels.selected == frozenset()


def test_what_is_selected_elsewhere_is_brighter_in_3d(solid: Any) -> None:
    place = solid.grid.volume_view.gl.position_of(MIDDLES[7])
    before = colour_at(solid, place).saturationF()
    solid.document.select(solid.labels, [7])
    solid.settle()
    assert colour_at(solid, place).saturationF() < before - 0.1


def test_selected_only_hides_the_others(solid: Any) -> None:
    solid.document.select(solid.labels, [7])
    solid.document.change_layer(solid.labels, shows_selected_only=True)
    solid.settle()
    view = solid.grid.volume_view.gl
    assert view.object_at(view.position_of(MIDDLES[7])) == 7
    assert view.object_at(view.position_of(MIDDLES[9])) == 0


def test_dragging_turns_and_is_kept_in_the_document(solid: Any) -> None:
    view = solid.grid.volume_view.gl
    before = solid.document.view.camera
    solid.qtbot.mousePress(view, LEFT, pos=QPoint(100, 100))
    for x in (120, 160):
        spot = QPointF(x, 100)
        QApplication.sendEvent(
            view, QMouseEvent(QEvent.Type.MouseMove, spot, view.mapToGlobal(spot), LEFT, LEFT, Qt.NoModifier)
        )
    solid.qtbot.mouseRelease(view, LEFT, pos=QPoint(160, 100))
    assert solid.document.view.camera.azimuth != before.azimuth
    assert solid.labels.selected == frozenset(), "a drag picks nothing"


def test_new_voxels_get_a_surface(solid: Any) -> None:
    box = Box((2, 28, 5), (12, 38, 15))
    solid.labels.source[box.slices] = 12
    solid.document.voxels_changed.emit(solid.labels, box)
    solid.settle()
    view = solid.grid.volume_view.gl
    assert solid.grid.volume_view.words == "3 objects, 3 planes"
    assert view.object_at(view.position_of((7, 33, 10))) in (12, 7)


def test_hiding_the_labels_hides_the_surfaces(solid: Any) -> None:
    solid.document.change_layer(solid.labels, visible=False)
    solid.settle()
    view = solid.grid.volume_view.gl
    assert view.object_at(view.position_of(MIDDLES[7])) == 0
    assert solid.grid.volume_view.words == "no labels yet, 3 planes"


def test_the_objects_of_all_visible_layers_are_seen(solid: Any) -> None:
    other = solid.labels.duplicate()
    other.source.array[:] = 0
    other.source.array[2:8, 30:38, 5:12] = 7
    solid.document.add_layer(other)
    solid.settle()
    view = solid.grid.volume_view
    assert view.words == "3 objects, 3 planes"
    solid.qtbot.mouseClick(view.gl, LEFT, pos=view.gl.position_of((4, 34, 8.5)).toPoint())
    assert (other.selected, solid.labels.selected) == ({7}, frozenset()), "the same id in two layers is two objects"
    solid.document.change_layer(other, visible=False)
    solid.settle()
    assert view.words == "2 objects, 3 planes"
    assert view.gl.object_at(view.gl.position_of(MIDDLES[9])) == 9


def test_scrolling_does_not_redraw_before_it_rests(solid: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[object] = []
    view = solid.grid.volume_view
    monkeypatch.setattr(view.gl, "set_crosshair", moved.append)
    rest = view._timers[REST_MS]
    rest.setInterval(600_000)  # however slowly the planes come, nobody rests
    for z in range(6, 20):
        solid.document.change_view(crosshair=(z, 10, 12))
        solid.qtbot.wait(10)
    assert moved == []
    rest.start(REST_MS)
    solid.settle()
    assert moved == [(19, 10, 12)]


def test_a_picture_is_taken(solid: Any) -> None:
    from PySide6.QtWidgets import QToolButton

    buttons = solid.grid.volume_view.header.findChildren(QToolButton)
    camera = next(button for button in buttons if "picture" in button.toolTip())
    with solid.qtbot.waitSignal(solid.grid.picture_taken) as news:
        solid.qtbot.mouseClick(camera, LEFT)
    assert news.args[0].width() > 100


def test_neighbours_get_different_colours_and_keep_them(solid: Any) -> None:
    labels = np.zeros(solid.labels.shape, np.uint32)
    for number in range(8):
        labels[5:12, 4 * number + 2 : 4 * number + 5, 10:20] = 8 * number + 1
    box = Box((0, 0, 0), solid.labels.shape)
    solid.labels.source[box.slices] = labels
    solid.document.change_layer(solid.labels, colour_table=np.zeros(0, np.uint8))
    solid.document.voxels_changed.emit(solid.labels, box)
    solid.settle()
    ids = np.arange(8) * 8 + 1
    table = solid.labels.colour_table
    assert len(set(table[ids].tolist())) == 8
    solid.labels.source[20:25, 2:5, 10:20] = 90
    solid.document.voxels_changed.emit(solid.labels, box)
    solid.settle()
    assert len(solid.labels.colour_table) == 91
    assert np.array_equal(solid.labels.colour_table[ids], table[ids])
    solid.document.shuffle_colours(solid.labels)
    solid.settle()
    assert len(set(solid.labels.colour_table[ids].tolist())) == 8
