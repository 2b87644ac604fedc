"""Side by side under the views: the plane at four scales, or the planes through the crosshair; a click takes one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QFrame, QWidget

from empanada_desktop.gui.controls import Column, ElidedLabel, IconButton, IconLabel, Row, push_button, rule, text_label
from empanada_desktop.gui.theme import theme

HEIGHT, PICTURE_HEIGHT = 292, 120


@dataclass(frozen=True)
class Card:
    """What is said of one candidate."""

    title: str
    words: str
    lines: tuple[tuple[str, str], ...]
    verdict: str
    good: bool
    in_use: bool
    suggested: bool


class Finder(QFrame):
    """A row of candidates; `taken` carries the number of the one that is taken."""

    taken = Signal(int)
    closed = Signal()

    def __init__(self, title: str, words: str, names: Sequence[str], take_words: Sequence[str]) -> None:
        super().__init__()
        self.setProperty("role", "card")
        self.setFixedHeight(HEIGHT)
        self.words = text_label(words, "second")
        head = Row(text_label(title, "strong"), self.words, 1, IconButton("x", "Close", self._close, 14), spacing=10)
        head.setContentsMargins(12, 4, 6, 0)
        self.cards = [
            FinderCard(name, words, self._taker(place)) for place, (name, words) in _places(names, take_words)
        ]
        line = Row(*self.cards, spacing=8)
        line.setContentsMargins(10, 0, 10, 10)
        self.setLayout(Column(head, line, spacing=4))

    def _taker(self, place: int) -> Callable[[], None]:
        def take() -> None:
            self.taken.emit(place)

        return take

    def _close(self) -> None:
        self.hide()
        self.closed.emit()


def _places(names: Sequence[str], words: Sequence[str]) -> list[tuple[int, tuple[str, str]]]:
    return list(enumerate(zip(names, words, strict=True)))


class FinderCard(QFrame):
    """One candidate: picture, figures, verdict, and the button that takes it."""

    def __init__(self, title: str, take_words: str, take: Callable[[], None]) -> None:
        super().__init__()
        self.setProperty("role", "well")
        self._title = text_label(title, "strong")
        self._words = text_label("waits", "second")
        self._badge = text_label("Suggested", "good")
        self._badge.hide()
        self.picture = PlanePicture()
        self._names = [text_label(role="second") for _ in range(3)]
        self._values = [text_label() for _ in range(3)]
        self._icon = IconLabel("hourglass-medium", "second", 14)
        self.verdict = ElidedLabel(role="second")
        self._take_words = take_words
        self.button = push_button(take_words, take)
        self.button.setEnabled(False)
        head = Row(self._title, self._words, 1, self._badge)
        head.setContentsMargins(8, 4, 8, 2)
        figures = Column(spacing=0)
        for name, value in zip(self._names, self._values, strict=True):
            figures.addLayout(Row(name, 1, value))
        verdict = Row(self._icon, self.verdict, spacing=6)
        verdict.setStretch(1, 1)
        body = Column(figures, verdict, self.button, spacing=3)
        body.setContentsMargins(8, 4, 8, 6)
        layout = Column(head, self.picture, rule(), body)
        layout.setStretch(1, 1)
        self.setLayout(layout)

    def show_card(self, card: Card) -> None:
        """Show what was found out."""
        self._title.setText(card.title)
        self._words.setText(card.words)
        self._badge.setVisible(card.suggested)
        for place, (name, value) in enumerate(card.lines[:3]):
            self._names[place].setText(name)
            self._values[place].setText(value)
        self._icon.show_icon("check-circle" if card.good else "warning", "good" if card.good else "warning")
        self.verdict.set_text(card.verdict)
        self.button.setText("In use" if card.in_use else self._take_words)
        self.button.setEnabled(True)

    def set_words(self, words: str) -> None:
        """Say how far it is."""
        self._words.setText(words)


class PlanePicture(QWidget):
    """A small picture of a plane, whole and in its proportions."""

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumHeight(PICTURE_HEIGHT)
        self._pixmap: QPixmap | None = None

    def show_rgb(self, rgb: NDArray[np.uint8]) -> None:
        """Show (H, W, 3) red, green, blue."""
        self._pixmap = pixmap_of(rgb)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the middle of the picture over the whole width."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.colour("canvas"))
        if self._pixmap is None:
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        scale = max(self.width() / self._pixmap.width(), self.height() / self._pixmap.height())
        size = QSize(max(1, round(self.width() / scale)), max(1, round(self.height() / scale)))
        source = QRect(0, 0, size.width(), size.height())
        source.moveCenter(self._pixmap.rect().center())
        painter.drawPixmap(self.rect(), self._pixmap, source)


def pixmap_of(rgb: NDArray[np.uint8]) -> QPixmap:
    """A pixmap of (H, W, 3) red, green, blue."""
    data = np.ascontiguousarray(rgb)
    height, width, _ = data.shape
    image = QImage(data.data, width, height, 3 * width, QImage.Format.Format_RGB888)
    return QPixmap.fromImage(image.copy(), Qt.ImageConversionFlag.AutoColor)
