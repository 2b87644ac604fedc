"""How points and shapes look: opacity, size and colour of the active layer."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QToolButton, QWidget

from empanada_desktop.document import Document, PointsLayer, ShapesLayer
from empanada_desktop.document.colours import LABEL_COLOURS
from empanada_desktop.gui.controls import Column, Row, SliderField
from empanada_desktop.gui.docks.rows import look_row, opacity_field, show_value
from empanada_desktop.gui.theme import theme

COLOUR_NAMES = ("yellow", "violet", "cyan", "orange", "blue", "pink", "green", "salmon")
LEAST_SIZE, LARGEST_SIZE, SIDE = 4, 40, 18


class ColourButton(QToolButton):
    """A square of one colour that can be chosen."""

    def __init__(self, colour: str, name: str) -> None:
        super().__init__()
        self.colour = colour
        self.setCheckable(True)
        self.setAutoExclusive(True)
        self.setFixedSize(SIDE, SIDE)
        self.setToolTip(name.capitalize())
        self.setAccessibleName(name.capitalize())
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As large as it is."""
        return QSize(SIDE, SIDE)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the square, with a ring when it is chosen or has the focus."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self.colour))
        painter.drawRoundedRect(self.rect().adjusted(3, 3, -3, -3), 2, 2)
        if self.isChecked() or self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.colour("text" if self.isChecked() else "accent"), 1.5))
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), 3, 3)
        painter.end()


class ColourChoice(QWidget):
    """The eight label colours, of which one is on; `chosen` carries its #RRGGBB."""

    chosen = Signal(str)

    def __init__(self, colours: Sequence[str] = LABEL_COLOURS) -> None:
        super().__init__()
        self.buttons = [ColourButton(colour, name) for colour, name in zip(colours, COLOUR_NAMES, strict=True)]
        for button in self.buttons:
            button.clicked.connect(lambda _on, colour=button.colour: self.chosen.emit(colour))
        self.setLayout(Row(*self.buttons, 1, spacing=1))

    def set_colour(self, colour: str) -> None:
        """Show which colour is on; none where it is another one."""
        for button in self.buttons:
            button.setAutoExclusive(False)
            button.setChecked(button.colour.lower() == colour.lower())
            button.setAutoExclusive(True)


class MarksLook(QWidget):
    """Opacity, size and colour of points; opacity and colour of shapes."""

    def __init__(self, document: Document) -> None:
        super().__init__()
        self._document = document
        self.opacity = opacity_field(lambda percent: self._change(opacity=percent / 100))
        self.size_field = SliderField(LEAST_SIZE, LARGEST_SIZE, 1, "px", 0)
        self.size_field.setAccessibleName("Size of the points")
        self.size_field.number.setFixedWidth(62)
        self.size_field.changed.connect(lambda size: self._change(size=float(size)))
        self.colour = ColourChoice()
        self.colour.chosen.connect(lambda colour: self._change(colour=colour))
        self._size_row = look_row("Size", self.size_field)
        self.setLayout(Column(look_row("Opacity", self.opacity), self._size_row, look_row("Colour", self.colour)))

    def refresh(self) -> None:
        """Show the active layer."""
        layer = self._document.active
        if not isinstance(layer, PointsLayer | ShapesLayer):
            return
        show_value(self.opacity, layer.opacity * 100)
        self.colour.set_colour(layer.colour)
        self._size_row.setVisible(isinstance(layer, PointsLayer))
        if isinstance(layer, PointsLayer):
            show_value(self.size_field, layer.size)

    def _change(self, **values: object) -> None:
        layer = self._document.active
        if isinstance(layer, PointsLayer | ShapesLayer):
            self._document.change_layer(layer, **values)
