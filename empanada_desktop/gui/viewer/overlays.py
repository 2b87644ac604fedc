"""What is painted over the pixels of a plane: crosshair, scale bar, a box being drawn."""

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.gui.theme import OVER_DARK, OVER_WHITE, PLANE_COLOURS
from empanada_desktop.gui.viewer.camera import DISPLAYED, PLANE_OF, PlaneCamera, Triple
from empanada_desktop.gui.viewer.lengths import round_length, words

LONGEST_BAR = 130
BADGE = QColor(16, 17, 20, 215)
MARGIN = 10
PENS = {axis: QPen(QColor(PLANE_COLOURS[axis.value]), 1) for axis in Axis}


def paint_crosshair(painter: QPainter, camera: PlaneCamera, crosshair: Triple) -> None:
    """Draw both lines through the middle of the crosshair's voxel, each in the colour of the plane that it shows."""
    rows, columns = DISPLAYED[camera.axis]
    x, y = camera.point_of(crosshair[rows] + 0.5, crosshair[columns] + 0.5)
    painter.setPen(PENS[PLANE_OF[columns]])
    painter.drawLine(QPointF(int(x) + 0.5, 0), QPointF(int(x) + 0.5, camera.height))
    painter.setPen(PENS[PLANE_OF[rows]])
    painter.drawLine(QPointF(0, int(y) + 0.5), QPointF(camera.width, int(y) + 0.5))


def lines(camera: PlaneCamera, crosshair: Triple | None) -> set[tuple[int, int, int, int]]:
    """The rectangles (left, top, width, height) that the crosshair's two lines touch."""
    if crosshair is None:
        return set()
    rows, columns = DISPLAYED[camera.axis]
    x, y = camera.point_of(crosshair[rows] + 0.5, crosshair[columns] + 0.5)
    return {(int(x) - 1, 0, 3, camera.height), (0, int(y) - 1, camera.width, 3)}


def scale_bar(pixels_per_unit: float, nanometres_per_unit: float | None) -> tuple[float, str]:
    """Length in pixels and caption of a scale bar of a round length; in voxels where their size is not known."""
    per_pixel = (nanometres_per_unit or 1.0) / pixels_per_unit
    length = round_length(LONGEST_BAR * per_pixel)
    caption = words(length) if nanometres_per_unit else f"{length:g} px"
    return length / per_pixel, caption


def corner_of_scale_bar(area: QRect) -> QRect:
    """Where in a view the scale bar may be."""
    return QRect(area.left(), area.bottom() - 2 * MARGIN - 30, 2 * (LONGEST_BAR + MARGIN), 2 * MARGIN + 31)


def paint_scale_bar(painter: QPainter, height: int, bar: tuple[float, str], font: QFont) -> None:
    """Draw a scale bar in the bottom left corner."""
    length, caption = bar
    metrics = QFontMetricsF(font)
    width = max(length, metrics.horizontalAdvance(caption)) + 14
    badge = QRectF(MARGIN, height - MARGIN - 30, width, 30)
    _paint_badge(painter, badge)
    painter.setFont(font)
    painter.setPen(OVER_WHITE)
    painter.drawText(badge.adjusted(0, 3, 0, -9), Qt.AlignmentFlag.AlignCenter, caption)
    painter.fillRect(QRectF(badge.center().x() - length / 2, badge.bottom() - 8, length, 3), OVER_WHITE)


def paint_badge(painter: QPainter, left: float, bottom: float, caption: str, font: QFont) -> None:
    """Draw a short text in a dark badge whose bottom left corner is given."""
    width = QFontMetricsF(font).horizontalAdvance(caption) + 14
    badge = QRectF(left, bottom - 24, width, 24)
    _paint_badge(painter, badge)
    painter.setFont(font)
    painter.setPen(OVER_WHITE)
    painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, caption)


def paint_frame(painter: QPainter, camera: PlaneCamera, plane: int, box: Box) -> None:
    """Draw the edges of a box of voxels: whole lines where it holds the plane, dashes on the planes beside it."""
    rows, columns = DISPLAYED[camera.axis]
    corner = QPointF(*camera.point_of(box.start[rows], box.start[columns]))
    frame = QRectF(corner, QPointF(*camera.point_of(box.stop[rows], box.stop[columns])))
    holds = box.start[camera.axis.normal] <= plane < box.stop[camera.axis.normal]
    for pen in (QPen(OVER_DARK, 3), QPen(OVER_WHITE, 1)):
        pen.setStyle(Qt.PenStyle.SolidLine if holds else Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.drawRect(frame)


def paint_rubber_band(painter: QPainter, band: QRectF, caption: str, font: QFont) -> None:
    """Draw the box that is being drawn, with its size beside it."""
    painter.setPen(QPen(OVER_DARK, 3))
    painter.drawRect(band)
    painter.setPen(QPen(OVER_WHITE, 1))
    painter.drawRect(band)
    paint_badge(painter, band.left(), band.bottom() + 28, caption, font)


def _paint_badge(painter: QPainter, badge: QRectF) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(BADGE)
    painter.drawRoundedRect(badge, 3, 3)
    painter.setBrush(Qt.BrushStyle.NoBrush)
