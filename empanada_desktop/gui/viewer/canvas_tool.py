"""What a tool in the user's hand hears from the planes, and how it is told: brush, picker, merge line and the like."""

from typing import TYPE_CHECKING, TypeAlias

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QTabletEvent

from empanada_desktop.gui.viewer.camera import DISPLAYED, PlaneCamera

if TYPE_CHECKING:
    from empanada_desktop.gui.viewer.canvas import PlaneCanvas

Place = tuple[float, float, float]
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
Buttons: TypeAlias = Qt.MouseButton
Modifiers: TypeAlias = Qt.KeyboardModifier


class CanvasTool:
    """A tool for the left button on all planes; the methods that a tool does not need do nothing.

    A place is z, y, x in voxels: voxel i spans i to i + 1, and along the plane's normal it is the middle of the plane.
    It may lie outside the volume. `buttons` are those that are down, `pressure` is 0 to 1 for a pen and 1 for a mouse.
    Middle button, wheel and held Space keep moving the picture. Wanted news is drawn by `canvas.update()`.
    """

    cursor = Qt.CursorShape.CrossCursor

    def press(
        self, canvas: "PlaneCanvas", position: Place, buttons: Buttons, modifiers: Modifiers, pressure: float
    ) -> None:
        """The left button, or a pen, went down."""

    def move(
        self, canvas: "PlaneCanvas", position: Place, buttons: Buttons, modifiers: Modifiers, pressure: float
    ) -> None:
        """The mouse moved: with the left button down since `press` when `buttons` has it, hovering otherwise."""

    def release(
        self, canvas: "PlaneCanvas", position: Place, buttons: Buttons, modifiers: Modifiers, pressure: float
    ) -> None:
        """The left button, or a pen, came up. Not told when `cancel` came first."""

    def double_click(self, canvas: "PlaneCanvas", position: Place, modifiers: Modifiers) -> None:
        """The second press of a double click, instead of `press`; `release` follows."""

    def wheel(self, canvas: "PlaneCanvas", notches: float, modifiers: Modifiers) -> bool:
        """The wheel was turned; return True to keep it from zooming or going through planes."""
        return False

    def key(self, canvas: "PlaneCanvas", event: QKeyEvent) -> bool:
        """A key that is nobody's shortcut was pressed over the views; return True when it was for the tool."""
        return False

    def leave(self, canvas: "PlaneCanvas") -> None:
        """The mouse left a plane."""

    def cancel(self) -> bool:
        """Escape, or the right button: give up what has begun; return True when something had."""
        return False

    def take_back(self) -> bool:
        """Undo: take back the last step of what has begun and is no deed yet; return True when there was one."""
        return False

    def put_away(self) -> None:
        """Another tool is taken in hand, or none: end what has begun."""
        self.cancel()

    def paint(self, painter: QPainter, camera: PlaneCamera, plane: int) -> None:
        """Draw over plane `plane` of the orientation `camera.axis`; `camera.point_of` gives pixels."""


class ToolHand:
    """Hands to a tool what happens on one canvas."""

    def __init__(self, canvas: "PlaneCanvas") -> None:
        self._canvas = canvas
        self.tool: CanvasTool | None = None
        self.is_pen_turned = False
        self._is_down = False
        self._pen = False
        self._space = False
        self._swallows_menu = False

    @property
    def pans(self) -> bool:
        """Whether the left button moves the picture although a tool is in hand: Space is held."""
        return self._space

    def take(self, tool: CanvasTool | None) -> None:
        """Take another tool in hand, or none."""
        self.tool, self._is_down, self._pen = tool, False, False

    def press(self, event: QMouseEvent) -> bool:
        """A button went down; True when that was for the tool."""
        self._swallows_menu = False
        if self.tool is None or self._space:
            return False
        if event.button() == RIGHT:
            self._swallows_menu = self.cancel()
            return self._swallows_menu
        if event.button() != LEFT:
            return False
        self._is_down, self.is_pen_turned = True, False
        self.tool.press(self._canvas, self._place(event.position()), event.buttons(), event.modifiers(), 1.0)
        return True

    def move(self, event: QMouseEvent) -> None:
        """The mouse moved."""
        if self.tool is None:
            return
        buttons = event.buttons() if self._is_down else event.buttons() & ~LEFT
        self.tool.move(self._canvas, self._place(event.position()), buttons, event.modifiers(), 1.0)

    def release(self, event: QMouseEvent) -> bool:
        """A button came up; True when that was for the tool."""
        if self.tool is None or event.button() != LEFT or not self._is_down:
            return False
        self._is_down = False
        self.tool.release(self._canvas, self._place(event.position()), event.buttons(), event.modifiers(), 1.0)
        return True

    def double_click(self, event: QMouseEvent) -> bool:
        """The second press of a double click; True when that was for the tool."""
        if self.tool is None or self._space or event.button() != LEFT:
            return False
        self._is_down = True
        self.tool.double_click(self._canvas, self._place(event.position()), event.modifiers())
        return True

    def pen(self, event: QTabletEvent) -> bool:
        """A pen touched, moved or came up; True when that was for the tool, otherwise Qt makes it a mouse event."""
        if self.tool is None or self._space or (not self._pen and event.type() != QTabletEvent.Type.TabletPress):
            return False
        if event.type() == QTabletEvent.Type.TabletPress and event.button() != LEFT:
            return False
        told = self._place(event.position()), event.buttons(), event.modifiers(), event.pressure()
        if event.type() == QTabletEvent.Type.TabletPress:
            self._pen = self._is_down = True
            self.is_pen_turned = event.pointerType() == event.pointerType().Eraser
            self.tool.press(self._canvas, *told)
        elif event.type() == QTabletEvent.Type.TabletMove and self._is_down:
            self.tool.move(self._canvas, *told)
        elif event.type() == QTabletEvent.Type.TabletRelease:
            was_down, self._pen, self._is_down = self._is_down, False, False
            if was_down:
                self.tool.release(self._canvas, *told)
        return True

    def key(self, event: QKeyEvent) -> bool:
        """A key was pressed; True when that was for the tool."""
        if event.key() == Qt.Key.Key_Space and self.tool is not None and not self._is_down:
            self._space = True
            return True
        if event.key() == Qt.Key.Key_Escape and self.cancel():
            return True
        return self.tool is not None and self.tool.key(self._canvas, event)

    def key_up(self, event: QKeyEvent) -> bool:
        """A key came up; True when that was for the tool."""
        held = self._space and event.key() == Qt.Key.Key_Space
        if held and not event.isAutoRepeat():
            self._space = False
        return held

    def let_go(self) -> None:
        """The keys are somebody else's now: what is held is not seen coming up."""
        self._space = False

    def hide(self) -> None:
        """The canvas is out of sight: what is being drawn on it cannot go on."""
        if self._is_down:
            self.cancel()

    def cancel(self) -> bool:
        """Give up what the tool has begun; True when it had."""
        self._is_down = False
        return self.tool is not None and self.tool.cancel()

    def swallows_menu(self) -> bool:
        """Whether the right button has just given something up, so that it asks for no menu."""
        swallowed, self._swallows_menu = self._swallows_menu, False
        return swallowed

    def _place(self, position: QPointF) -> Place:
        return place_at(self._canvas, position)


def place_at(canvas: "PlaneCanvas", position: QPointF) -> Place:
    """The place z, y, x (voxels) under a position on a canvas."""
    rows, columns = DISPLAYED[canvas.axis]
    place = [canvas.plane + 0.5] * 3
    place[rows], place[columns] = canvas.camera().place_at(position.x(), position.y())
    return place[0], place[1], place[2]
