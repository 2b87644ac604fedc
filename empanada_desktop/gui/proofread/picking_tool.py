"""The tool for picking in the planes: click objects or points in them, draw a line; a drag moves the picture."""

from math import floor, hypot
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPainterPath, QPen, QPolygonF

from empanada_desktop.gui.proofread.picks import Line, Place, Triple
from empanada_desktop.gui.theme import OVER_DARK, OVER_WHITE
from empanada_desktop.gui.viewer.camera import DISPLAYED, Look, PlaneCamera
from empanada_desktop.gui.viewer.canvas_tool import LEFT, Buttons, CanvasTool, Modifiers
from empanada_desktop.gui.viewer.overlays import paint_badge

if TYPE_CHECKING:
    from empanada_desktop.gui.proofread.desk import ProofreadDesk
    from empanada_desktop.gui.viewer.canvas import PlaneCanvas

DRAG_BEGINS, POINT_REACH, LINE_STEP = 4, 8, 2
RADIUS, BADGE_BELOW, BADGE_ABOVE = 6, 40, 14
ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class PickingTool(CanvasTool):
    """Hands clicks, points and lines to the desk, and draws what is picked."""

    def __init__(self, desk: "ProofreadDesk") -> None:
        self._desk = desk
        self._from: Place | None = None
        self._moved = False
        self._line: list[Place] = []
        self._line_on: PlaneCanvas | None = None

    # Mouse

    def press(
        self, canvas: "PlaneCanvas", position: Place, buttons: Buttons, modifiers: Modifiers, pressure: float
    ) -> None:
        """Begin a click, a line, or a drag."""
        self._from, self._moved = position, False
        if self._desk.values.pick_by == "line":
            self._line, self._line_on = [position], canvas

    def double_click(self, canvas: "PlaneCanvas", position: Place, modifiers: Modifiers) -> None:
        """Two quick clicks are two clicks."""
        self.press(canvas, position, LEFT, modifiers, 1.0)

    def move(
        self, canvas: "PlaneCanvas", position: Place, buttons: Buttons, modifiers: Modifiers, pressure: float
    ) -> None:
        """Go on with the line, or move the picture."""
        if self._from is None or not buttons & LEFT:
            return
        self._moved = self._moved or _pixels(canvas, self._from, position) >= DRAG_BEGINS
        if self._line:
            if _pixels(canvas, self._line[-1], position) >= LINE_STEP:
                self._line.append(position)
                canvas.update()
        elif self._moved:
            self._pan(canvas, self._from, position)

    def release(
        self, canvas: "PlaneCanvas", position: Place, buttons: Buttons, modifiers: Modifiers, pressure: float
    ) -> None:
        """A click, or the line's end."""
        line, moved = [*self._line, position], self._moved
        has_line = bool(self._line)
        self._give_up()
        voxel = _voxel(position)
        if has_line and moved:
            self._desk.picking.take_line(Line(canvas.axis, canvas.plane, tuple(line)))
        elif not moved and canvas.holds(voxel):
            near = [point for point in self._desk.picks.points if self._is_near(canvas, point, position)]
            self._desk.picking.click(voxel, modifiers, near[0] if near else None)
        canvas.update()

    def cancel(self) -> bool:
        """Give up a line that is being drawn."""
        had_line = bool(self._line)
        self._give_up()
        return had_line

    def put_away(self) -> None:
        """Another tool is taken."""
        self._give_up()

    def _give_up(self) -> None:
        canvas, self._line_on = self._line_on, None
        self._from, self._moved, self._line = None, False, []
        if canvas is not None:
            canvas.update()

    def _pan(self, canvas: "PlaneCanvas", grabbed: Place, position: Place) -> None:
        """Move the picture so that what was grabbed is under the mouse again."""
        look = self._desk.look
        z, y, x = (centre + start - now for centre, start, now in zip(look.centre, grabbed, position, strict=True))
        canvas.look_changed.emit(Look((z, y, x), look.zoom))

    def _is_near(self, canvas: "PlaneCanvas", point: Triple, position: Place) -> bool:
        z, y, x = (place + 0.5 for place in point)
        same_plane = point[canvas.axis.normal] == canvas.plane
        return same_plane and _pixels(canvas, (z, y, x), position) <= POINT_REACH

    # Keys

    def key(self, canvas: "PlaneCanvas", event: QKeyEvent) -> bool:
        """Enter carries out, Shift+Enter clicks at the crosshair, Escape clears, Backspace drops the last point."""
        return self._desk.picking.take_key(event)

    # Drawing

    def paint(self, painter: QPainter, camera: PlaneCamera, plane: int) -> None:
        """Draw discs on what is picked in this plane, a dashed line between two, points, and lines."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        places = self._desk.looking.places_in(camera.axis, plane)
        seen = [_point(camera, place) for place in places]
        if len(seen) > 1:
            _paint_dashes(painter, QPolygonF(seen))
        for point in seen:
            _paint_disc(painter, point, RADIUS, dotted=False)
        if len(seen) == 2 and self._desk.looking.contact_words(camera.axis):
            self._paint_contact(painter, camera, seen)
        for voxel in self._desk.picks.points:
            if voxel[camera.axis.normal] == plane:
                z, y, x = (place + 0.5 for place in voxel)
                _paint_disc(painter, _point(camera, (z, y, x)), RADIUS, dotted=True)
        self._paint_lines(painter, camera, plane)

    def _paint_lines(self, painter: QPainter, camera: PlaneCamera, plane: int) -> None:
        lines = [self._line] if self._line_on is not None and self._line_on.axis is camera.axis else []
        kept = self._desk.picks.line
        if kept is not None and kept.axis is camera.axis and kept.index == plane and not self._line:
            lines.append(list(kept.places))
        for line in lines:
            _paint_dashes(painter, QPolygonF([_point(camera, place) for place in line]))

    def _paint_contact(self, painter: QPainter, camera: PlaneCamera, seen: list[QPointF]) -> None:
        words = self._desk.looking.contact_words(camera.axis)
        middle = (seen[0] + seen[1]) / 2
        width = painter.fontMetrics().horizontalAdvance(words) + 14
        below = max(point.y() for point in seen) + BADGE_BELOW
        if below > camera.height:
            below = min(point.y() for point in seen) - BADGE_ABOVE
        paint_badge(painter, middle.x() - width / 2, below, words, painter.font())


def _voxel(place: Place) -> Triple:
    z, y, x = (floor(each) for each in place)
    return z, y, x


def _pixels(canvas: "PlaneCanvas", one: Place, other: Place) -> float:
    """How far two places of a plane lie apart on the screen."""
    rows, columns = DISPLAYED[canvas.axis]
    scale = canvas.camera().scale
    return hypot((one[rows] - other[rows]) * scale[0], (one[columns] - other[columns]) * scale[1])


def _point(camera: PlaneCamera, place: Place) -> QPointF:
    rows, columns = DISPLAYED[camera.axis]
    return QPointF(*camera.point_of(place[rows], place[columns]))


def _paint_dashes(painter: QPainter, line: QPolygonF) -> None:
    path = QPainterPath()
    path.addPolygon(line)
    dark = QPen(OVER_DARK, 5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
    white = QPen(OVER_WHITE, 2.5, Qt.PenStyle.CustomDashLine, Qt.PenCapStyle.FlatCap, Qt.PenJoinStyle.RoundJoin)
    white.setDashPattern([2.4, 1.6])
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen in (dark, white):
        painter.setPen(pen)
        painter.drawPath(path)


def _paint_disc(painter: QPainter, middle: QPointF, radius: float, dotted: bool) -> None:
    painter.setPen(QPen(OVER_DARK, 2.5))
    painter.setBrush(OVER_WHITE)
    painter.drawEllipse(middle, radius, radius)
    if dotted:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(OVER_DARK)
        painter.drawEllipse(middle, radius * 0.4, radius * 0.4)
    painter.setBrush(Qt.BrushStyle.NoBrush)
