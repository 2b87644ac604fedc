"""How rows of forms look: a name at the left, a control at the right, words below, less room in a narrow dock."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit, QSizePolicy, QWidget

from empanada_desktop.gui.controls import ElidedLabel, Row, Segmented, SliderField, text_label

LABEL_WIDTH, NARROW_LABEL, ROW_HEIGHT, RESET_WIDTH = 159, 116, 30, 20
NARROW, NARROWEST = 345, 290
LABEL_NAME = "field name"


class FormBody(QWidget):
    """What a form's area shows: it gives way where the dock is narrow."""

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As narrow as the dock: what it holds gives way."""
        return QSize(NARROWEST, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """In a narrow dock names take less room, in two lines if need be."""
        super().resizeEvent(event)
        width = NARROW_LABEL if event.size().width() < NARROW else LABEL_WIDTH
        for label in self.findChildren(QLabel, LABEL_NAME):
            label.setFixedWidth(width)


def plain_row(title: str, widget: QWidget, beside: QWidget | None = None) -> QWidget:
    """A row that looks like a field's and belongs to the panel, not to the Params."""
    row = QWidget()
    label = field_label(title)
    room = QWidget()
    room.setFixedWidth(RESET_WIDTH)
    line = field_line(label, widget, beside, room)
    line.setContentsMargins(12, 0, 4, 0)
    row.setLayout(line)
    row.setAccessibleName(title)
    return row


def narrow_combo(box: QComboBox) -> None:
    """A combo box that may be narrower than its longest choice."""
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(8)


class ChoiceBox(QComboBox):
    """A choice of the panel's own; `chosen` carries the value that the user took."""

    chosen = Signal(object)

    def __init__(self, choices: Sequence[tuple[object, str]], tip: str = "") -> None:
        super().__init__()
        narrow_combo(self)
        for value, title in choices:
            self.addItem(title, value)
        self.setToolTip(tip)
        self.activated.connect(lambda _number: self.chosen.emit(self.value()))

    def value(self) -> object:
        """What is chosen."""
        return self.currentData()

    def set_value(self, value: object) -> None:
        """Choose without telling anybody."""
        self.setCurrentIndex(self.findData(value))


def words_below() -> QLabel:
    """A line under a row of the panel's own, hidden while it says nothing."""
    label = text_label(role="hint", wraps=True)
    label.setContentsMargins(26, 0, RESET_WIDTH + 6, 4)
    label.hide()
    return label


def say_below(label: QLabel, words: str) -> None:
    """Say something under a row, or nothing."""
    label.setText(words)
    label.setVisible(bool(words))


def field_line(label: QLabel, widget: QWidget, beside: QWidget | None, end: QWidget) -> Row:
    """One line of a form: controls that can be wide fill the room, so that their right edges stand under each other."""
    is_wide = isinstance(widget, SliderField | Segmented | QComboBox | QLineEdit | ElidedLabel)
    is_wide = is_wide or (isinstance(widget, QLabel) and widget.wordWrap())
    line = Row(label, widget, *([beside] if beside is not None else []), *([] if is_wide else [1]), end, spacing=5)
    if is_wide:
        line.setStretch(1, 1)
        room = widget.sizePolicy()
        room.setHorizontalPolicy(QSizePolicy.Policy.Expanding)
        widget.setSizePolicy(room)
    return line


def field_label(title: str) -> QLabel:
    """The name left of a control; its height is that of a row."""
    label = text_label(title, wraps=True)
    label.setObjectName(LABEL_NAME)
    label.setFixedWidth(LABEL_WIDTH)
    label.setMinimumHeight(ROW_HEIGHT)
    return label
