"""The picture of a plane under mouse and wheel: what they ask for becomes signals."""

from enum import StrEnum

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QTabletEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QWidget

from empanada_desktop.core.geometry import Axis
from empanada_desktop.gui.viewer.camera import DISPLAYED, LARGEST_ZOOM, SMALLEST_ZOOM, Look
from empanada_desktop.gui.viewer.canvas_tool import CanvasTool, ToolHand
from empanada_desktop.gui.viewer.loader import TileLoader
from empanada_desktop.gui.viewer.plane_picture import PlanePicture

__all__ = ["Look", "PlaneCanvas", "Tool"]

NOTCH = 120
ZOOM_STEP = 1.2
DRAG_BEGINS = 4


class Tool(StrEnum):
    """What the left button does on a plane. Dragging the middle one always moves the picture."""

    CURSOR = "cursor"
    HAND = "hand"
    BOX = "box"


class PlaneCanvas(PlanePicture):
    """A plane that is clicked, dragged and scrolled."""

    clicked = Signal(object, object)
    """A voxel (z, y, x) and the keyboard modifiers."""
    hovered = Signal(object)
    """The voxel (z, y, x) under the cursor, None when it leaves."""
    look_changed = Signal(object)
    """The Look that a drag or the wheel asks for."""
    stepped = Signal(int)
    """Planes to go on by."""
    box_drawn = Signal(object)
    """A Box, one plane thick, of voxels."""
    activated = Signal()
    menu_asked = Signal(object, object)
    """The voxel (z, y, x) that the right button was pressed on, and where on the screen a menu goes."""

    def __init__(self, axis: Axis, loader: TileLoader, parent: QWidget | None = None) -> None:
        super().__init__(axis, loader, parent)
        self.tool = Tool.CURSOR
        self.hand = ToolHand(self)
        self.wheel_zooms = True
        self._pressed: QPointF | None = None
        self._dragged_from: Look | None = None
        self._turned = 0
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def set_tool(self, tool: Tool) -> None:
        """Choose what the left button does while no canvas tool is in hand."""
        self.tool = tool
        self._show_cursor()

    def set_canvas_tool(self, tool: CanvasTool | None) -> None:
        """Give the left button to a tool, or back."""
        self.hand.take(tool)
        self._show_cursor()
        self.update()

    def _show_cursor(self) -> None:
        shapes = {Tool.HAND: Qt.CursorShape.OpenHandCursor, Tool.BOX: Qt.CursorShape.CrossCursor}
        shape = shapes.get(self.tool, Qt.CursorShape.ArrowCursor)
        if self.hand.pans:
            shape = Qt.CursorShape.OpenHandCursor
        elif self.hand.tool is not None:
            shape = self.hand.tool.cursor
        self.setCursor(shape)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Begin a click or a drag."""
        self.activated.emit()
        if self.hand.press(event):
            return
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._pressed = event.position()
            is_box = self.tool is Tool.BOX and not self.hand.pans
            is_pan = event.button() == Qt.MouseButton.MiddleButton or not is_box
            self._dragged_from = self._look if is_pan else None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Tell the voxel under the cursor; drag the picture or the box."""
        voxel = self.voxel_at(event.position())
        self.hovered.emit(voxel if self.holds(voxel) else None)
        self.hand.move(event)
        if self._pressed is None or not self._is_drag(event.position()):
            return
        if self._dragged_from is None:
            self._band = QRectF(self._pressed, event.position()).normalized()
            self.update()
        else:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
            self.look_changed.emit(self._moved(self._dragged_from, event.position() - self._pressed))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """End a drag, or make it a click."""
        if self.hand.release(event):
            return
        pressed, self._pressed = self._pressed, None
        if pressed is None:
            return
        self._show_cursor()
        is_cursor = self.tool is Tool.CURSOR and self.hand.tool is None
        if self._band is not None:
            self._finish_box()
        elif event.button() == Qt.MouseButton.LeftButton and is_cursor:
            still = (event.position() - pressed).manhattanLength() < DRAG_BEGINS
            voxel = self.voxel_at(event.position())
            if still and self.holds(voxel):
                self.clicked.emit(voxel, event.modifiers())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """For a tool; otherwise like any press."""
        if not self.hand.double_click(event):
            super().mouseDoubleClickEvent(event)

    def tabletEvent(self, event: QTabletEvent) -> None:  # noqa: N802 - Qt's name
        """A pen on a tablet, with its pressure; what no tool takes, Qt makes a mouse event."""
        if event.type() == QTabletEvent.Type.TabletPress:
            self.activated.emit()
            self.setFocus(Qt.FocusReason.MouseFocusReason)
        voxel = self.voxel_at(event.position())
        if self.hand.pen(event):
            self.hovered.emit(voxel if self.holds(voxel) else None)
            event.accept()
        else:
            event.ignore()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802 - Qt's name
        """Ask for a menu, unless the right button has just given up a stroke."""
        voxel = self.voxel_at(QPointF(event.pos()))
        if not self.hand.swallows_menu() and self.holds(voxel):
            self.menu_asked.emit(voxel, event.globalPos())

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Nothing is under the cursor any more."""
        super().leaveEvent(event)
        self.hovered.emit(None)
        if self.hand.tool is not None:
            self.hand.tool.leave(self)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Zoom round the cursor, or go through the planes: which of them Ctrl does is a matter of the preset."""
        self.activated.emit()
        turned = event.angleDelta().y() or event.angleDelta().x()
        if self.hand.tool is not None and self.hand.tool.wheel(self, turned / NOTCH, event.modifiers()):
            event.accept()
            return
        with_control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if with_control != self.wheel_zooms:
            self.zoom_about(ZOOM_STEP ** (turned / NOTCH), event.position())
        else:
            self._turned += turned
            notches = int(self._turned / NOTCH)
            self._turned -= notches * NOTCH
            if notches:
                self.stepped.emit(notches)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Escape gives up a box, or what the tool has begun; Space lends the left button to the picture."""
        if self.hand.key(event):
            self._show_cursor()
            return
        if event.key() == Qt.Key.Key_Escape and self._band is not None:
            self._band, self._pressed = None, None
            self.update()
            return
        super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Space gives the left button back to the tool."""
        if self.hand.key_up(event):
            self._show_cursor()
        else:
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        """Space may come up where nobody sees it."""
        super().focusOutEvent(event)
        self.hand.let_go()
        self._show_cursor()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        """Nothing can be drawn on it any more."""
        super().hideEvent(event)
        self.hand.hide()

    def zoom_about(self, factor: float, position: QPointF) -> None:
        """Ask to zoom so that the place under a position stays there."""
        zoom = min(LARGEST_ZOOM, max(SMALLEST_ZOOM, self._look.zoom * factor))
        rows, columns = DISPLAYED[self.axis]
        row, column = self.camera().place_at(position.x(), position.y())
        shrunk = self._look.zoom / zoom
        centre = list(self._look.centre)
        centre[rows] = row + (centre[rows] - row) * shrunk
        centre[columns] = column + (centre[columns] - column) * shrunk
        self.look_changed.emit(Look((centre[0], centre[1], centre[2]), zoom))

    def _paint_overlays(self, painter: QPainter, exposed: QRect) -> None:
        super()._paint_overlays(painter, exposed)
        if self.hand.tool is not None:
            painter.save()
            self.hand.tool.paint(painter, self.camera(), self.plane)
            painter.restore()

    def _moved(self, look: Look, by: QPointF) -> Look:
        rows, columns = DISPLAYED[self.axis]
        scale = self.camera().scale
        centre = list(look.centre)
        centre[rows] -= by.y() / scale[0]
        centre[columns] -= by.x() / scale[1]
        return Look((centre[0], centre[1], centre[2]), look.zoom)

    def _is_drag(self, position: QPointF) -> bool:
        begun = self._band is not None or self.cursor().shape() == Qt.CursorShape.ClosedHandCursor
        return begun or (self._pressed is not None and (position - self._pressed).manhattanLength() >= DRAG_BEGINS)

    def _finish_box(self) -> None:
        box = self._box(self._band) if self._band is not None else None
        self._band = None
        self.update()
        if box is not None:
            self.box_drawn.emit(box)
