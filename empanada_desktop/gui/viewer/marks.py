"""Points and shapes over a plane: those that lie in it."""

from collections.abc import Sequence
from math import floor

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from empanada_desktop.document.layers import Layer, PointsLayer, Shape, ShapesLayer
from empanada_desktop.gui.theme import OVER_DARK, OVER_WHITE
from empanada_desktop.gui.viewer.camera import DISPLAYED, PlaneCamera


def paint_marks(painter: QPainter, camera: PlaneCamera, plane: int, layers: Sequence[Layer]) -> None:
    """Draw the visible points and shapes of a plane, bottom to top."""
    for layer in layers:
        painter.setOpacity(layer.opacity)
        if isinstance(layer, PointsLayer):
            _paint_points(painter, camera, plane, layer)
        elif isinstance(layer, ShapesLayer):
            for shape in layer.shapes:
                if shape.axis == camera.axis and shape.index == plane:
                    _paint_shape(painter, camera, shape, QColor(layer.colour))
    painter.setOpacity(1)


def _paint_points(painter: QPainter, camera: PlaneCamera, plane: int, layer: PointsLayer) -> None:
    """White discs with a dark dot, `size` pixels wide."""
    rows, columns = DISPLAYED[camera.axis]
    radius = layer.size / 2
    for place in layer.points:
        if floor(place[camera.axis.normal]) != plane:
            continue
        middle = QPointF(*camera.point_of(float(place[rows]), float(place[columns])))
        painter.setPen(QPen(OVER_DARK, 1))
        painter.setBrush(OVER_WHITE)
        painter.drawEllipse(middle, radius, radius)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(OVER_DARK)
        painter.drawEllipse(middle, radius * 0.45, radius * 0.45)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _paint_shape(painter: QPainter, camera: PlaneCamera, shape: Shape, colour: QColor) -> None:
    outline = QPolygonF([_seen(camera, *vertex) for vertex in shape.vertices])
    for pen in (QPen(OVER_DARK, 3), QPen(colour, 1.5)):
        painter.setPen(pen)
        if shape.kind == "rectangle":
            painter.drawRect(QRectF(outline.first(), outline.last()).normalized())
        elif shape.kind == "polygon":
            painter.drawPolygon(outline)
        else:
            painter.drawPolyline(outline)


def _seen(camera: PlaneCamera, row: float, column: float) -> QPointF:
    """Where a vertex (rows and columns as Axis.in_plane) is on the canvas."""
    turned = DISPLAYED[camera.axis] != camera.axis.in_plane
    return QPointF(*camera.point_of(*((column, row) if turned else (row, column))))
