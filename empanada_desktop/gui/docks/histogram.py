"""Contrast by hand: the image's histogram with two lines that can be dragged."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from empanada_desktop.gui.theme import theme

BINS = 128
HEIGHT, GRASP = 74, 10


class Histogram(QWidget):
    """The grey values of an image; `changed` carries the values that become black and white."""

    changed = Signal(float, float)

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setAccessibleName("Histogram")
        self._counts: NDArray[np.float64] = np.zeros(0)
        self._span = (0.0, 255.0)
        self._window = (0.0, 255.0)
        self._held: int | None = None
        theme.changed.connect(self.update)

    def show_counts(self, counts: NDArray[np.float64], span: tuple[float, float]) -> None:
        """Show a histogram; `span` are the grey values at its ends."""
        self._counts, self._span = counts, span
        self.update()

    def show_window(self, low: float, high: float) -> None:
        """Show which grey values are black and white."""
        self._window = (low, high)
        self.update()

    def place_of(self, value: float) -> float:
        """Where a grey value lies, in pixels."""
        low, high = self._span
        return (min(max(value, low), high) - low) / max(high - low, 1e-12) * (self.width() - 2) + 1

    def _value_at(self, place: float) -> float:
        low, high = self._span
        return low + min(max((place - 1) / max(1, self.width() - 2), 0.0), 1.0) * (high - low)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the counts and the two lines."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(theme.colour("border")))
        painter.setBrush(theme.colour("sunken"))
        painter.drawRect(frame)
        low, high = (self.place_of(value) for value in self._window)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("tint"))
        painter.drawRect(QRectF(low, 1, high - low, self.height() - 2))
        self._paint_counts(painter)
        painter.setPen(QPen(theme.colour("accent"), 2))
        for place in (low, high):
            painter.drawLine(QPointF(place, 1), QPointF(place, self.height() - 1))

    def _paint_counts(self, painter: QPainter) -> None:
        if self._counts.size == 0 or self._counts.max() <= 0:
            return
        heights = np.sqrt(self._counts / self._counts.max()) * (self.height() - 10)
        width, bottom = self.width() - 2, self.height() - 1
        points = [QPointF(1, bottom)]
        for number, height in enumerate(heights):
            points.append(QPointF(1 + (number + 0.5) * width / heights.size, bottom - height))
        points.append(QPointF(1 + width, bottom))
        painter.setBrush(theme.colour("disabled"))
        painter.drawPolygon(QPolygonF(points))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Take the nearer line."""
        distances = [abs(event.position().x() - self.place_of(value)) for value in self._window]
        self._held = distances.index(min(distances))
        self._drag(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Move the line that is held."""
        if self._held is not None:
            self._drag(event.position().x())
            return
        near = min(abs(event.position().x() - self.place_of(value)) for value in self._window) < GRASP
        self.setCursor(Qt.CursorShape.SplitHCursor if near else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Let the line go."""
        self._held = None

    def _drag(self, place: float) -> None:
        low, high = self._window
        value, least = self._value_at(place), (self._span[1] - self._span[0]) / 1000
        self._window = (min(value, high - least), high) if self._held == 0 else (low, max(value, low + least))
        self.update()
        self.changed.emit(*self._window)


def count_greys(planes: list[NDArray[np.generic]]) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Histogram of the finite values of some planes, and the grey values at its ends."""
    values = np.concatenate([np.asarray(plane, np.float64).ravel() for plane in planes])
    values = values[np.isfinite(values)]
    if values.size == 0:
        return np.zeros(BINS), (0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    if planes[0].dtype == np.uint8:
        low, high = 0.0, 255.0
    counts, _ = np.histogram(values, BINS, (low, high if high > low else low + 1))
    return counts.astype(np.float64), (low, high if high > low else low + 1)
