"""What a tool hears: real buttons, pens, wheels and keys over the planes, as places in voxels."""

from typing import Any

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import (
    QContextMenuEvent,
    QInputDevice,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPointingDevice,
    QPointingDeviceUniqueId,
    QTabletEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QWidget

from empanada_desktop.core.geometry import Axis
from empanada_desktop.gui.viewer.camera import PlaneCamera
from empanada_desktop.gui.viewer.canvas import PlaneCanvas, Tool
from empanada_desktop.gui.viewer.canvas_tool import CanvasTool, Place

LEFT, RIGHT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.MiddleButton
NO_BUTTON, NO_KEY, SHIFT = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier


class Listening(CanvasTool):
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []
        self.painted: list[tuple[Axis, int]] = []
        self.has_begun = False

    def press(self, canvas: PlaneCanvas, position: Place, buttons: Any, modifiers: Any, pressure: float) -> None:
        self.heard.append(("press", canvas.axis, position, buttons, modifiers, pressure))
        self.has_begun = True

    def move(self, canvas: PlaneCanvas, position: Place, buttons: Any, modifiers: Any, pressure: float) -> None:
        self.heard.append(("drag" if buttons & LEFT else "hover", canvas.axis, position, buttons, modifiers, pressure))

    def release(self, canvas: PlaneCanvas, position: Place, buttons: Any, modifiers: Any, pressure: float) -> None:
        self.heard.append(("release", canvas.axis, position, buttons, modifiers, pressure))
        self.has_begun = False

    def double_click(self, canvas: PlaneCanvas, position: Place, modifiers: Any) -> None:
        self.heard.append(("double", canvas.axis, position))

    def wheel(self, canvas: PlaneCanvas, notches: float, modifiers: Any) -> bool:
        self.heard.append(("wheel", notches))
        return bool(modifiers & SHIFT)

    def key(self, canvas: PlaneCanvas, event: QKeyEvent) -> bool:
        self.heard.append(("key", event.text()))
        return True

    def leave(self, canvas: PlaneCanvas) -> None:
        self.heard.append(("leave", canvas.axis))

    def cancel(self) -> bool:
        had, self.has_begun = self.has_begun, False
        if had:
            self.heard.append(("cancel",))
        return had

    def paint(self, painter: QPainter, camera: PlaneCamera, plane: int) -> None:
        self.painted.append((camera.axis, plane))

    @property
    def names(self) -> list[str]:
        """What was heard, without where."""
        return [heard[0] for heard in self.heard]


def send(widget: QWidget, kind: QEvent.Type, at: QPoint, button: Any = NO_BUTTON, held: Any = NO_BUTTON) -> None:
    spot = QPointF(at)
    QApplication.sendEvent(widget, QMouseEvent(kind, spot, widget.mapToGlobal(spot), button, held, NO_KEY))


def touch(widget: QWidget, kind: QEvent.Type, at: QPointF, pressure: float, eraser: bool = False) -> bool:
    """Send what a pen on a tablet sends; returns whether it was taken."""
    pointer = QPointingDevice.PointerType.Eraser if eraser else QPointingDevice.PointerType.Pen
    # fmt: off
    pen = QPointingDevice(
        "pen", 1, QInputDevice.DeviceType.Stylus, pointer, QInputDevice.Capability.Pressure, 1, 1, "",
        QPointingDeviceUniqueId(),
    )
    held = NO_BUTTON if kind == QEvent.Type.TabletRelease else LEFT
    event = QTabletEvent(
        kind, pen, at, QPointF(widget.mapToGlobal(at)), pressure, 0, 0, 0, 0, 0, NO_KEY, LEFT, held
    )
    # fmt: on
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


@pytest.fixture
def tool(story: Any) -> Listening:
    tool = Listening()
    story.grid.set_canvas_tool(tool)
    return tool


@pytest.mark.parametrize(("axis", "plane"), [(Axis.XY, 6), (Axis.XZ, 10), (Axis.YZ, 12)])
def test_a_stroke_is_told_in_voxels_in_every_plane(story: Any, tool: Listening, axis: Axis, plane: int) -> None:
    canvas = story.canvas(axis)
    start, stop = story.point(axis, 5, 8), story.point(axis, 9, 20)
    send(canvas, QEvent.Type.MouseButtonPress, start, LEFT, LEFT)
    send(canvas, QEvent.Type.MouseMove, stop, NO_BUTTON, LEFT)
    send(canvas, QEvent.Type.MouseButtonRelease, stop, LEFT)
    send(canvas, QEvent.Type.MouseMove, start)
    assert tool.names == ["press", "drag", "release", "hover"]
    first, second = tool.heard[0][2], tool.heard[1][2]
    assert first[axis.normal] == second[axis.normal] == plane + 0.5
    rows, columns = {Axis.XY: (1, 2), Axis.XZ: (0, 2), Axis.YZ: (1, 0)}[axis]
    assert (int(first[rows]), int(first[columns])) == (5, 8)
    assert (int(second[rows]), int(second[columns])) == (9, 20)
    assert story.document.view.crosshair == (6, 10, 12)
    assert story.labels.selected == frozenset()


def test_the_tool_draws_over_its_planes(story: Any, tool: Listening) -> None:
    tool.painted.clear()
    story.grid.update_overlays()
    story.qtbot.waitUntil(lambda: len(tool.painted) >= 3, timeout=10_000)
    assert set(tool.painted) == {(Axis.XY, 6), (Axis.XZ, 10), (Axis.YZ, 12)}


def test_a_pen_tells_its_pressure_and_which_end(story: Any, tool: Listening) -> None:
    canvas = story.canvas()
    spot = QPointF(story.point(Axis.XY, 12, 18))
    assert not touch(canvas, QEvent.Type.TabletMove, spot, 0.0)
    assert touch(canvas, QEvent.Type.TabletPress, spot, 0.25)
    assert touch(canvas, QEvent.Type.TabletMove, spot, 0.75)
    assert touch(canvas, QEvent.Type.TabletRelease, spot, 0.0)
    assert [(heard[0], heard[-1]) for heard in tool.heard[-3:]] == [("press", 0.25), ("drag", 0.75), ("release", 0.0)]
    assert not canvas.hand.is_pen_turned
    touch(canvas, QEvent.Type.TabletPress, spot, 0.5, eraser=True)
    assert canvas.hand.is_pen_turned


def test_without_a_tool_a_pen_is_a_mouse(story: Any) -> None:
    assert not touch(story.canvas(), QEvent.Type.TabletPress, QPointF(20, 20), 0.5)


@pytest.mark.parametrize("by", ["escape", "right button"])
def test_what_has_begun_is_given_up(story: Any, tool: Listening, by: str) -> None:
    canvas, menus = story.canvas(), []
    story.grid.menu_asked.connect(lambda *what: menus.append(what))
    start = story.point(Axis.XY, 5, 8)
    send(canvas, QEvent.Type.MouseButtonPress, start, LEFT, LEFT)
    if by == "escape":
        story.qtbot.keyClick(canvas, Qt.Key.Key_Escape)
    else:
        send(canvas, QEvent.Type.MouseButtonPress, start, RIGHT, LEFT | RIGHT)
        QApplication.sendEvent(
            canvas, QContextMenuEvent(QContextMenuEvent.Reason.Mouse, start, canvas.mapToGlobal(start))
        )
    send(canvas, QEvent.Type.MouseMove, start + QPoint(9, 9), NO_BUTTON, LEFT)
    send(canvas, QEvent.Type.MouseButtonRelease, start, LEFT)
    assert tool.names == ["press", "cancel", "hover"]
    assert menus == []


def test_the_right_button_asks_for_a_menu(story: Any, tool: Listening) -> None:
    canvas, menus = story.canvas(Axis.XZ), []
    story.grid.menu_asked.connect(lambda *what: menus.append(what))
    spot = story.point(Axis.XZ, 5, 8)
    send(canvas, QEvent.Type.MouseButtonPress, spot, RIGHT, RIGHT)
    QApplication.sendEvent(canvas, QContextMenuEvent(QContextMenuEvent.Reason.Mouse, spot, canvas.mapToGlobal(spot)))
    assert menus == [((5, 10, 8), canvas.mapToGlobal(spot))]
    assert tool.names == []


def test_the_middle_button_and_held_space_move_the_picture(story: Any, tool: Listening) -> None:
    canvas = story.canvas()
    for button in (MIDDLE, LEFT):
        centre = story.document.view.centre
        if button == LEFT:
            story.qtbot.keyPress(canvas, Qt.Key.Key_Space)
        send(canvas, QEvent.Type.MouseButtonPress, QPoint(100, 100), button, button)
        send(canvas, QEvent.Type.MouseMove, QPoint(140, 120), NO_BUTTON, button)
        send(canvas, QEvent.Type.MouseButtonRelease, QPoint(140, 120), button)
        assert story.document.view.centre != centre
    story.qtbot.keyRelease(canvas, Qt.Key.Key_Space)
    assert set(tool.names) == {"hover"}
    send(canvas, QEvent.Type.MouseButtonPress, QPoint(100, 100), LEFT, LEFT)
    assert tool.names[-1] == "press"


def test_wheel_and_keys_are_the_tools_first(story: Any, tool: Listening) -> None:
    canvas, zoom = story.canvas(), story.document.view.zoom
    for keys, grows in ((SHIFT, False), (NO_KEY, True)):
        spot = QPointF(50, 50)
        # fmt: off
        turned = QWheelEvent(
            spot, canvas.mapToGlobal(spot), QPoint(), QPoint(0, 120), NO_BUTTON, keys, Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        # fmt: on
        QApplication.sendEvent(canvas, turned)
        assert (story.document.view.zoom > zoom) is grows
    story.qtbot.keyClicks(canvas, "k")
    assert tool.heard == [("wheel", 1.0), ("wheel", 1.0), ("key", "k")]


def test_a_double_click_is_told_as_one(story: Any, tool: Listening) -> None:
    canvas, spot = story.canvas(), story.point(Axis.XY, 5, 8)
    send(canvas, QEvent.Type.MouseButtonDblClick, spot, LEFT, LEFT)
    send(canvas, QEvent.Type.MouseButtonRelease, spot, LEFT)
    assert tool.names == ["double", "release"]


def test_another_tool_puts_the_first_away(story: Any, tool: Listening) -> None:
    send(story.canvas(), QEvent.Type.MouseButtonPress, story.point(Axis.XY, 5, 8), LEFT, LEFT)
    story.grid.set_tool(Tool.CURSOR)
    assert tool.names == ["press", "cancel"]
    assert story.grid.canvas_tool is None
    send(story.canvas(), QEvent.Type.MouseButtonRelease, story.point(Axis.XY, 5, 8), LEFT)
    story.qtbot.mouseClick(story.canvas(), LEFT, pos=story.point(Axis.XY, 12, 18))
    assert story.document.view.crosshair == (6, 12, 18)
    assert tool.names == ["press", "cancel"]
