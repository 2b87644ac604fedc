"""How the values of a column are spread; a click on a bar selects the objects in it."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from empanada_desktop.core.plurals import counted
from empanada_desktop.gui.objects.columns import rounded
from empanada_desktop.gui.theme import SMALL, scaled_font, theme

HEIGHT, FOOT, FEWEST_BINS, MOST_BINS = 132, 18, 6, 40


class ColumnHistogram(QWidget):
    """Bars of equal width; `chosen` carries the mask of the objects of a bar, among those that were shown."""

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setAccessibleName("Histogram of a column")
        scaled_font(self, SMALL)
        self.values: NDArray[np.float64] = np.zeros(0)
        self.counts: NDArray[np.int64] = np.zeros(0, np.int64)
        self.edges: NDArray[np.float64] = np.zeros(1)
        self._marked: NDArray[np.int64] = np.zeros(0, np.int64)
        self._unit, self._under, self._median = "", -1, float("nan")
        theme.changed.connect(self.update)

    def show_values(self, values: NDArray[np.float64], unit: str, marked: NDArray[np.bool_]) -> None:
        """Show how values are spread; `marked` ones, the selected, are shown in each bar."""
        self.values, self._unit = values.astype(np.float64), unit
        is_there = np.isfinite(self.values)
        there = self.values[is_there]
        self.counts, self.edges = bins_of(there)
        self._marked = np.histogram(self.values[is_there & marked], self.edges)[0]
        self._median = float(np.median(there)) if len(there) else float("nan")
        self.update()

    def mask_of(self, bar: int) -> NDArray[np.bool_]:
        """The values of a bar."""
        with np.errstate(invalid="ignore"):
            places = np.searchsorted(self.edges[1:-1], self.values, side="right")
        return np.asarray((places == bar) & np.isfinite(self.values))

    def words_of(self, bar: int) -> str:
        """What a bar stands for."""
        low, high, count = self.edges[bar], self.edges[bar + 1], int(self.counts[bar])
        return f"{rounded(low)} to {rounded(high)} {self._unit}: {counted(count, 'object')}".replace(" :", ":")

    # Drawing

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the bars, and the values at both ends."""
        painter = QPainter(self)
        frame = QRectF(0.5, 0.5, self.width() - 1, self.height() - FOOT - 1)
        painter.setPen(QPen(theme.colour("border")))
        painter.setBrush(theme.colour("sunken"))
        painter.drawRect(frame)
        painter.setPen(theme.colour("second"))
        if not self.counts.sum():
            painter.drawText(frame, int(Qt.AlignmentFlag.AlignCenter), "No figures in this column yet.")
            return
        self._paint_bars(painter)
        foot = QRectF(0, self.height() - FOOT, self.width(), FOOT)
        painter.setPen(theme.colour("second"))
        painter.drawText(foot, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom), rounded(self.edges[0]))
        words = f"{rounded(self.edges[-1])} {self._unit}".strip()
        painter.drawText(foot, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom), words)
        middle = f"median {rounded(self._median)}"
        painter.drawText(foot, int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom), middle)

    def _paint_bars(self, painter: QPainter) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        room, width = self.height() - FOOT - 8, self._bar_width()
        bottom = self.height() - FOOT - 1
        for bar, count in enumerate(self.counts.tolist()):
            height = count / self.counts.max() * room
            marked = int(self._marked[bar])
            painter.setBrush(theme.colour("second" if bar == self._under else "disabled"))
            painter.drawRect(QRectF(1 + bar * width + 0.5, bottom - height, width - 1, height))
            if marked:
                part = height * marked / count
                painter.setBrush(theme.colour("accent"))
                painter.drawRect(QRectF(1 + bar * width + 0.5, bottom - part, width - 1, part))

    def _bar_width(self) -> float:
        return (self.width() - 2) / max(1, len(self.counts))

    # Mouse

    def bar_at(self, x: float) -> int:
        """The bar at a place across; -1 when there are none."""
        if not self.counts.sum():
            return -1
        return int(np.clip((x - 1) // self._bar_width(), 0, len(self.counts) - 1))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Say what the bar under the mouse stands for."""
        bar = self.bar_at(event.position().x())
        if bar != self._under:
            self._under = bar
            self.update()
        if bar >= 0:
            QToolTip.showText(event.globalPosition().toPoint(), self.words_of(bar), self)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """No bar is meant any more."""
        super().leaveEvent(event)
        self._under = -1
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Select the objects of a bar."""
        bar = self.bar_at(event.position().x())
        if bar >= 0:
            self.chosen.emit(self.mask_of(bar))


def bins_of(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return counts and edges of bars of equal width: as many as the square root of the count, within limits."""
    if not len(values):
        return np.zeros(1, np.int64), np.array([0.0, 1.0])
    low, high = float(values.min()), float(values.max())
    n_bins = int(np.clip(np.ceil(np.sqrt(len(values))), FEWEST_BINS, MOST_BINS))
    counts, edges = np.histogram(values, n_bins, (low, high if high > low else low + 1))
    return counts, edges
