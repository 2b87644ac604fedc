"""Brush, eraser and smart brush in the user's hand: strokes into the painter, and the outline under the cursor."""

from collections.abc import Callable, Iterable
from math import floor

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen, QPolygonF

from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.paint_path import THIN
from empanada_desktop.document.paint_settings import Kind
from empanada_desktop.document.painting import Painter
from empanada_desktop.gui.theme import OVER_WHITE
from empanada_desktop.gui.viewer.camera import DISPLAYED, PlaneCamera
from empanada_desktop.gui.viewer.canvas import PlaneCanvas
from empanada_desktop.gui.viewer.canvas_tool import LEFT, Buttons, CanvasTool, Modifiers, Place

SHIFT, CONTROL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
DARK, WAITING = QColor(16, 17, 20, 200), QColor(255, 255, 255, 110)
STEP = 1.15
AROUND = 4


class BrushTool(CanvasTool):
    """Paints while the left button or a pen is down; Ctrl, or the pen's other end, erases.

    `guard` does a deed and tells what is refused; `canvases` are those of all planes, for a ball is seen in all.
    """

    def __init__(
        self,
        kind: Kind,
        painter: Painter,
        guard: Callable[[Callable[[], object]], bool],
        canvases: Callable[[], Iterable[PlaneCanvas]],
    ) -> None:
        self.kind, self.painter, self._guard, self._canvases = kind, painter, guard, canvases
        self._at: tuple[PlaneCanvas, Place] | None = None
        self._pressure = 1.0

    def press(
        self, canvas: PlaneCanvas, position: Place, buttons: Buttons, modifiers: Modifiers, pressure: float
    ) -> None:
        """Begin a stroke."""
        erases = canvas.hand.is_pen_turned or bool(modifiers & CONTROL)
        kind: Kind = "eraser" if erases else self.kind
        self._pressure = pressure
        self._hover(canvas, position)
        self._guard(lambda: self.painter.begin(kind, canvas.axis, position, pressure))

    def move(
        self, canvas: PlaneCanvas, position: Place, buttons: Buttons, modifiers: Modifiers, pressure: float
    ) -> None:
        """Go on with the stroke, or show where one would begin."""
        if buttons & LEFT:
            self._pressure = pressure
            self._guard(lambda: self.painter.go_to(position, pressure))
        else:
            self.painter.prepare(canvas.axis, position)
        self._hover(canvas, position)

    def release(
        self, canvas: PlaneCanvas, position: Place, buttons: Buttons, modifiers: Modifiers, pressure: float
    ) -> None:
        """End the stroke where the button came up; a pen no longer presses there."""
        self._guard(lambda: self.painter.go_to(position, self._pressure))
        self._guard(self.painter.end)

    def wheel(self, canvas: PlaneCanvas, notches: float, modifiers: Modifiers) -> bool:
        """Shift and the wheel change the size."""
        if not modifiers & SHIFT:
            return False
        resize(self.painter, notches)
        return True

    def key(self, canvas: PlaneCanvas, event: QKeyEvent) -> bool:
        """[ and ] change the size."""
        steps = {Qt.Key.Key_BracketLeft: -1.0, Qt.Key.Key_BracketRight: 1.0}.get(Qt.Key(event.key()))
        if steps is not None:
            resize(self.painter, steps)
        return steps is not None

    def leave(self, canvas: PlaneCanvas) -> None:
        """No outline without a cursor."""
        self._at = None
        self._redraw(canvas)

    def cancel(self) -> bool:
        """Give the stroke up."""
        return self.painter.cancel()

    def put_away(self) -> None:
        """What was painted stays."""
        self.painter.end()
        self._at = None

    def paint(self, painter: QPainter, camera: PlaneCamera, plane: int) -> None:
        """Draw the outline of the brush, and what waits for voxels to be read."""
        if self.painter.waiting:
            self._paint_waiting(painter, camera, plane)
        outline = self.outline(camera, plane)
        if outline is None:
            return
        # Lines of one pixel without antialiasing take 0.02 ms; a smooth one of three took 1.3.
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        draw = painter.drawRect if self._is_thin(camera.axis) else painter.drawEllipse
        rect = outline.toRect()
        for colour, away in ((DARK, 1), (DARK, -1), (OVER_WHITE, 0)):
            painter.setPen(colour)
            draw(rect.adjusted(-away, -away, away, away))

    def outline(self, camera: PlaneCamera, plane: int) -> QRectF | None:
        """The pixels around what the brush would paint on a plane; None where it is not."""
        if self._at is None:
            return None
        canvas, place = self._at
        settings, units = self.painter.settings, self.painter.units
        normal = camera.axis.normal
        apart = (plane + 0.5 - place[normal]) * units[normal]
        is_here = canvas.axis is camera.axis
        if not is_here and (not settings.is_ball or abs(apart) >= settings.radius):
            return None
        radius = settings.radius if is_here else (settings.radius**2 - apart**2) ** 0.5
        rows, columns = DISPLAYED[camera.axis]
        top, bottom = _extent(place[rows], radius, units[rows])
        left, right = _extent(place[columns], radius, units[columns])
        return QRectF(QPointF(*camera.point_of(top, left)), QPointF(*camera.point_of(bottom, right)))

    def _is_thin(self, axis: Axis) -> bool:
        radius, units = self.painter.settings.radius, self.painter.units
        return any(radius < THIN * units[along] for along in DISPLAYED[axis])

    def _paint_waiting(self, painter: QPainter, camera: PlaneCamera, plane: int) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rows, columns = DISPLAYED[camera.axis]
        units = self.painter.units
        for path in self.painter.waiting:
            if floor(path[-1, camera.axis.normal] / units[camera.axis.normal]) != plane:
                continue
            width = 2 * float(path[-1, 3]) / units[columns] * camera.scale[1]
            pen = QPen(WAITING, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
            painter.setPen(pen)
            line = [QPointF(*camera.point_of(at[rows] / units[rows], at[columns] / units[columns])) for at in path]
            painter.drawPolyline(QPolygonF([line[0], *line]))

    def _hover(self, canvas: PlaneCanvas, position: Place) -> None:
        self._redraw(canvas)
        self._at = (canvas, position)
        self._redraw(canvas)

    def _redraw(self, canvas: PlaneCanvas) -> None:
        """Draw again where the outline is: on its canvas, that of a ball on all."""
        for each in self._canvases() if self.painter.settings.is_ball else (canvas,):
            outline = self.outline(each.camera(), each.plane)
            if outline is not None and not self.painter.waiting:
                each.update(outline.toAlignedRect().adjusted(-AROUND, -AROUND, AROUND, AROUND))
            elif self.painter.waiting or each is canvas:
                each.update()


def resize(painter: Painter, steps: float) -> None:
    """Make the brush larger or smaller, by a pixel at least."""
    size = painter.settings.size
    wanted = float(round(size * STEP**steps))
    painter.change(size=wanted if wanted != round(size) else size + (1 if steps > 0 else -1))


def _extent(place: float, radius: float, unit: float) -> tuple[float, float]:
    """What a brush covers along an axis, in voxels: one whole voxel where it is thinner than that."""
    if radius < THIN * unit:
        return float(floor(place)), floor(place) + 1.0
    return place - radius / unit, place + radius / unit
