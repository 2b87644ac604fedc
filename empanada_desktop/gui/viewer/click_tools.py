"""Fill, pick and polygon in the user's hand."""

from collections.abc import Callable
from math import floor, hypot

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen, QPolygonF

from empanada_desktop.core.geometry import Axis
from empanada_desktop.gui.theme import OVER_DARK, OVER_WHITE
from empanada_desktop.gui.viewer.camera import DISPLAYED, PlaneCamera
from empanada_desktop.gui.viewer.canvas import PlaneCanvas
from empanada_desktop.gui.viewer.canvas_tool import Buttons, CanvasTool, Modifiers, Place

Voxel = tuple[int, int, int]
Vertices = tuple[tuple[float, float], ...]
CONTROL = Qt.KeyboardModifier.ControlModifier
TINT = QColor(255, 255, 255, 40)
NEAR = 8.0
ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
BACK = (Qt.Key.Key_Backspace, Qt.Key.Key_Delete)


class VoxelTool(CanvasTool):
    """A click on a voxel of the volume is a deed; `cancel_deed` ends one that runs."""

    def __init__(
        self, deed: Callable[[Axis, Voxel, Modifiers], object], cancel_deed: Callable[[], bool], cursor: Qt.CursorShape
    ) -> None:
        self._deed, self._cancel_deed = deed, cancel_deed
        self.cursor = cursor

    def press(
        self, canvas: PlaneCanvas, position: Place, buttons: Buttons, modifiers: Modifiers, pressure: float
    ) -> None:
        """Do it."""
        voxel = (floor(position[0]), floor(position[1]), floor(position[2]))
        if canvas.holds(voxel):
            self._deed(canvas.axis, voxel, modifiers)

    def cancel(self) -> bool:
        """Stop a deed that runs."""
        return self._cancel_deed()

    def put_away(self) -> None:
        """What runs goes on with another tool in hand."""


class PolygonTool(CanvasTool):
    """Clicks are corners on one plane; a double click, Enter or a click on the first one closes.

    `close` takes orientation, plane, corners (row, column as Axis.in_plane has them) and the keyboard modifiers.
    """

    def __init__(
        self, close: Callable[[Axis, int, Vertices, Modifiers], object], refuse: Callable[[str, str], object]
    ) -> None:
        self._close, self._refuse = close, refuse
        self._axis, self._plane = Axis.XY, 0
        self._places: list[Place] = []
        self._cursor_at: Place | None = None
        self._canvas: PlaneCanvas | None = None

    @property
    def vertices(self) -> Vertices:
        """The corners so far: row, column as Axis.in_plane has them."""
        rows, columns = self._axis.in_plane
        return tuple((place[rows], place[columns]) for place in self._places)

    def press(
        self, canvas: PlaneCanvas, position: Place, buttons: Buttons, modifiers: Modifiers, pressure: float
    ) -> None:
        """Add a corner, or close on the first one."""
        if len(self._places) > 2 and self._is_here(canvas) and self._is_near_first(canvas, position):
            self._finish(modifiers)
            return
        if not self._places:
            self._axis, self._plane, self._canvas = canvas.axis, canvas.plane, canvas
        elif not self._is_here(canvas):
            self._refuse(
                f"The polygon is on {self._axis} plane {self._plane}.", "Close it there, or give it up with Escape."
            )
            return
        self._places.append(position)
        canvas.update()

    def move(
        self, canvas: PlaneCanvas, position: Place, buttons: Buttons, modifiers: Modifiers, pressure: float
    ) -> None:
        """Show where the next side would go."""
        if self._places and self._is_here(canvas):
            self._cursor_at = position
            canvas.update()

    def double_click(self, canvas: PlaneCanvas, position: Place, modifiers: Modifiers) -> None:
        """Close: the first click of the two was the last corner."""
        if self._places and self._is_here(canvas):
            self._finish(modifiers)

    def key(self, canvas: PlaneCanvas, event: QKeyEvent) -> bool:
        """Enter closes, Backspace takes the last corner back."""
        if event.key() in BACK:
            return self.take_back()
        if not self._places or event.key() not in ENTER:
            return False
        self._finish(event.modifiers())
        return True

    def take_back(self) -> bool:
        """Take the last corner back."""
        had = bool(self._places)
        self._places = self._places[:-1]
        self._redraw()
        return had

    def leave(self, canvas: PlaneCanvas) -> None:
        """No side follows the cursor."""
        self._cursor_at = None
        canvas.update()

    def cancel(self) -> bool:
        """Give the polygon up."""
        had = bool(self._places)
        self._places, self._cursor_at = [], None
        self._redraw()
        return had

    def paint(self, painter: QPainter, camera: PlaneCamera, plane: int) -> None:
        """Draw what is there of the polygon."""
        if not self._places or camera.axis is not self._axis or plane != self._plane:
            return
        rows, columns = DISPLAYED[camera.axis]
        seen = [QPointF(*camera.point_of(place[rows], place[columns])) for place in self._places]
        line = list(seen)
        if self._cursor_at is not None:
            line.append(QPointF(*camera.point_of(self._cursor_at[rows], self._cursor_at[columns])))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(TINT)
        painter.drawPolygon(QPolygonF(line))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for pen in (QPen(OVER_DARK, 3), QPen(OVER_WHITE, 1)):
            painter.setPen(pen)
            painter.drawPolyline(QPolygonF(line))
        for corner in seen:
            painter.setPen(QPen(OVER_DARK, 1))
            painter.setBrush(OVER_WHITE)
            painter.drawEllipse(corner, 3.5, 3.5)

    def _finish(self, modifiers: Modifiers) -> None:
        vertices = self.vertices
        if len(set(vertices)) < 3:
            self._refuse("A polygon takes three corners.", "Click more of them, or give it up with Escape.")
            return
        self._places, self._cursor_at = [], None
        self._redraw()
        self._close(self._axis, self._plane, vertices, modifiers)

    def _is_here(self, canvas: PlaneCanvas) -> bool:
        return canvas.axis is self._axis and canvas.plane == self._plane

    def _is_near_first(self, canvas: PlaneCanvas, position: Place) -> bool:
        rows, columns = DISPLAYED[canvas.axis]
        camera, first = canvas.camera(), self._places[0]
        (x, y), (first_x, first_y) = (camera.point_of(one[rows], one[columns]) for one in (position, first))
        return hypot(x - first_x, y - first_y) < NEAR

    def _redraw(self) -> None:
        if self._canvas is not None:
            self._canvas.update()
