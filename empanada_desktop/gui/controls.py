"""The small widgets that every panel is made of: segments, sections, slider fields, icon buttons, message bars."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from empanada_desktop.gui.icons import pixmap, show_icon
from empanada_desktop.gui.theme import SMALL, scaled_font, theme


def text_label(text: str = "", role: str = "", wraps: bool = False) -> QLabel:
    """A label in one of the style sheet's roles (second, hint, strong, good, warning, error)."""
    label = QLabel(text)
    if role:
        label.setProperty("role", role)
    if role == "hint":
        scaled_font(label, SMALL)
    label.setWordWrap(wraps)
    return label


def set_role(widget: QWidget, role: str, name: str = "role") -> None:
    """Change a widget's role in the style sheet and have it drawn so."""
    if widget.property(name) == role:
        return
    widget.setProperty(name, role)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def rule() -> QFrame:
    """A line of one pixel between two parts."""
    line = QFrame()
    line.setProperty("role", "rule")
    line.setFixedHeight(1)
    return line


class Row(QHBoxLayout):
    """A horizontal layout without margins that takes widgets, layouts, and numbers for stretches."""

    def __init__(self, *items: "QWidget | QHBoxLayout | QVBoxLayout | int", spacing: int = 8) -> None:
        super().__init__()
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(spacing)
        fill(self, items)


class Column(QVBoxLayout):
    """A vertical layout without margins that takes widgets, layouts, and numbers for stretches."""

    def __init__(self, *items: "QWidget | QHBoxLayout | QVBoxLayout | int", spacing: int = 0) -> None:
        super().__init__()
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(spacing)
        fill(self, items)


def fill(layout: QHBoxLayout | QVBoxLayout, items: Sequence["QWidget | QHBoxLayout | QVBoxLayout | int"]) -> None:
    """Add widgets and layouts in order; a number becomes a stretch."""
    for item in items:
        if isinstance(item, int):
            layout.addStretch(item)
        elif isinstance(item, QWidget):
            layout.addWidget(item)
        else:
            layout.addLayout(item)


def empty(layout: QHBoxLayout | QVBoxLayout) -> None:
    """Take every widget out of a layout and end it."""
    while (item := layout.takeAt(0)) is not None:
        widget = item.widget()
        if widget is not None:
            widget.hide()
            widget.deleteLater()


class IconLabel(QLabel):
    """An icon that is no button, in a colour of the theme."""

    def __init__(self, name: str, token: str = "second", size: int = 16) -> None:
        super().__init__()
        self._what = (name, token, size)
        self.setFixedSize(size, size)
        theme.changed.connect(self._draw)
        self._draw()

    def show_icon(self, name: str, token: str) -> None:
        """Show another icon."""
        self._what = (name, token, self._what[2])
        self._draw()

    def _draw(self) -> None:
        name, token, size = self._what
        self.setPixmap(pixmap(name, theme.colour(token), size))


class IconButton(QToolButton):
    """A flat button with an icon alone; its tooltip says what it does."""

    def __init__(self, name: str, tip: str, pressed: Callable[[], object] | None = None, size: int = 16) -> None:
        super().__init__()
        self.setProperty("role", "icon")
        self.setIconSize(QSize(size, size))
        self.setToolTip(tip)
        self.setAccessibleName(tip)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        show_icon(self, name, "second", "tint_text")
        if pressed is not None:
            self.clicked.connect(lambda: pressed())


def push_button(
    text: str, pressed: Callable[[], object] | None = None, name: str = "", role: str = "", token: str = "text"
) -> QPushButton:
    """A button with a text, perhaps an icon; role "primary" or "link"."""
    button = QPushButton(f" {text}" if name else text)
    if role:
        button.setProperty("role", role)
    if name:
        show_icon(button, name, "on_accent" if role == "primary" else token)
    if role == "link":
        button.setCursor(Qt.CursorShape.PointingHandCursor)
    if pressed is not None:
        button.clicked.connect(lambda: pressed())
    return button


class ElidedLabel(QLabel):
    """A label of one line that shortens its text to the room there is; the whole text is its tooltip."""

    def __init__(self, text: str = "", role: str = "") -> None:
        super().__init__()
        self._whole = ""
        if role:
            self.setProperty("role", role)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setMinimumWidth(20)
        self.set_text(text)

    def set_text(self, text: str) -> None:
        """Show another text."""
        self._whole = text
        self.setToolTip(text)
        self._shorten()

    @property
    def whole(self) -> str:
        """The text before it was shortened."""
        return self._whole

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Shorten anew."""
        super().resizeEvent(event)
        self._shorten()

    def _shorten(self) -> None:
        room = max(20, self.width())
        self.setText(QFontMetrics(self.font()).elidedText(self._whole, Qt.TextElideMode.ElideMiddle, room))


class Segmented(QWidget):
    """A choice of few values, side by side; `chosen` carries the value that a click chose."""

    chosen = Signal(object)

    def __init__(self, values: Sequence[tuple[object, str]], tips: Sequence[str] = ()) -> None:
        super().__init__()
        self._values = [value for value, _ in values]
        self._group = QButtonGroup(self)
        layout = Row(spacing=0)
        for number, (_, title) in enumerate(values):
            button = QPushButton(title)
            button.setCheckable(True)
            button.setProperty("role", "segment")
            button.setProperty("place", _place(number, len(values)))
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            button.setMinimumWidth(button.fontMetrics().horizontalAdvance(title) + 12)
            button.setToolTip(tips[number] if number < len(tips) else "")
            self._group.addButton(button, number)
            layout.addWidget(button)
        self.setLayout(layout)
        self._group.button(0).setChecked(True)
        self._group.idClicked.connect(lambda number: self.chosen.emit(self._values[number]))

    def value(self) -> object:
        """The value that is chosen."""
        return self._values[self._group.checkedId()]

    def set_value(self, value: object) -> None:
        """Choose a value without telling anybody."""
        self._group.button(self._values.index(value)).setChecked(True)

    def button(self, value: object) -> QPushButton:
        """The button of a value."""
        found = self._group.button(self._values.index(value))
        if not isinstance(found, QPushButton):
            raise KeyError(value)
        return found


def _place(number: int, count: int) -> str:
    if count == 1:
        return "only"
    return "first" if number == 0 else "last" if number == count - 1 else "middle"


WIDEST_TITLE = 190


class Section(QWidget):
    """A part of a panel that folds; closed, it shows its values in one line."""

    def __init__(self, title: str, content: QWidget, is_open: bool = True) -> None:
        super().__init__()
        self.content = content
        self._summary = ""
        self._note = ""
        self._header = QPushButton(title)
        self._header.setProperty("role", "section")
        self._header.setIconSize(QSize(12, 12))
        self._right = ElidedLabel(role="second")
        self._right.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        header = Row(self._header, self._right)
        header.setStretch(1, 1)
        header.setContentsMargins(8, 3, 12, 3)
        self.setLayout(Column(header, content, rule()))
        self._header.clicked.connect(lambda: self.set_open(self.content.isHidden()))
        self.set_open(is_open)

    def set_open(self, is_open: bool) -> None:
        """Fold or unfold."""
        self.content.setVisible(is_open)
        show_icon(self._header, "caret-down" if is_open else "caret-right", "second")
        self._right.set_text(self._note if is_open else self._summary or self._note)

    def set_words(self, note: str, summary: str = "") -> None:
        """Say something at the right: `note` when open ("1 changed"), `summary` when closed."""
        self._note, self._summary = note, summary
        self._right.set_text(note if not self.content.isHidden() else summary or note)

    def set_title(self, title: str) -> None:
        """Change the title; one that is too long, as a file's name may be, is shortened."""
        whole = self._header.fontMetrics().elidedText(title, Qt.TextElideMode.ElideMiddle, WIDEST_TITLE)
        self._header.setText(whole.replace("&", "&&"))
        self._header.setToolTip("" if whole == title else title)

    @property
    def note(self) -> str:
        """What stands at the right while open."""
        return self._note


class QuietSlider(QSlider):
    """A horizontal slider that leaves the wheel to the panel around it unless it has the focus."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Scroll the panel, not the value."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class SliderField(QWidget):
    """A slider and a number that go together; `changed` carries the value."""

    changed = Signal(float)

    def __init__(self, low: float, high: float, step: float, unit: str = "", digits: int = 2) -> None:
        super().__init__()
        self._low, self._step = low, step
        self.slider = QuietSlider()
        self.slider.setMinimumWidth(48)
        self.slider.setRange(0, round((high - low) / step))
        self.number: QSpinBox | QDoubleSpinBox = whole_box() if digits == 0 else fraction_box(digits)
        self.number.setRange(low, high)  # type: ignore[arg-type] # ints where the box holds ints
        self.number.setSingleStep(step)  # type: ignore[arg-type]
        self.number.setSuffix(f" {unit}" if unit else "")
        self.number.setFixedWidth(52 if not unit else 72)
        layout = Row(self.slider, self.number)
        layout.setStretch(0, 1)
        self.setLayout(layout)
        self.setFocusProxy(self.number)
        self.slider.valueChanged.connect(self._slid)
        self.number.valueChanged.connect(self._typed)

    def value(self) -> float:
        """The number shown."""
        return self.number.value()

    def set_value(self, value: float) -> None:
        """Show a number."""
        self.number.setValue(value)  # type: ignore[arg-type]

    def _slid(self, place: int) -> None:
        value = self._low + place * self._step
        if round((self.number.value() - self._low) / self._step) != place:
            self.number.setValue(value if isinstance(self.number, QDoubleSpinBox) else round(value))  # type: ignore[arg-type]

    def _typed(self, value: float) -> None:
        self.slider.setValue(round((value - self._low) / self._step))
        self.changed.emit(value)


class QuietSpinBox(QSpinBox):
    """A whole number without arrows that leaves the wheel to the panel around it unless it has the focus."""

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Scroll the panel, not the value."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


class QuietDoubleSpinBox(QDoubleSpinBox):
    """A fraction without arrows that leaves the wheel to the panel around it unless it has the focus."""

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Scroll the panel, not the value."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()


def whole_box() -> QSpinBox:
    """A field for a whole number."""
    box = QuietSpinBox()  # the style sheet hides its arrows: with NoButtons Qt 6.11 leaves no room for the number
    box.lineEdit().setTextMargins(6, 0, 0, 0)
    box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    box.setGroupSeparatorShown(False)
    return box


def fraction_box(digits: int = 2) -> QDoubleSpinBox:
    """A field for a fraction."""
    box = QuietDoubleSpinBox()
    box.setDecimals(digits)
    box.lineEdit().setTextMargins(6, 0, 0, 0)
    box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    return box


class MessageBar(QFrame):
    """A bar in a panel that says what happened and what to do; hidden while there is nothing to say."""

    ICONS: ClassVar = {
        "bar": ("lightning", "tint_text"),
        "warning": ("warning", "warning"),
        "error": ("warning-circle", "error"),
    }

    def __init__(self, role: str = "error", can_close: bool = True) -> None:
        super().__init__()
        self._icon = IconLabel(*self.ICONS[role])
        self._text = text_label(wraps=True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.buttons = Row(0)
        column = Column(self._text, self.buttons, spacing=4)
        layout = Row(self._icon, column)
        layout.setStretch(1, 1)
        layout.setAlignment(self._icon, Qt.AlignmentFlag.AlignTop)
        layout.setContentsMargins(10, 7, 8, 7)
        if can_close:
            layout.addWidget(IconButton("x", "Close this message", self.hide, 14), 0, Qt.AlignmentFlag.AlignTop)
        self.setLayout(layout)
        self.setProperty("role", role)
        self._about = ""
        self.hide()

    def say(self, text: str, role: str = "error", hint: str = "", about: str = "") -> None:
        """Show a message with its hint; `about` names what it is about, so that `settle` can take it back."""
        self._about = about
        self._icon.show_icon(*self.ICONS[role])
        self._text.setText(f"{text}\n{hint}" if hint else text)
        set_role(self, role)
        self.clear_buttons()
        self.show()

    def settle(self, about: str) -> None:
        """What a message was about has come right: hide it, unless something else is said now."""
        if about and about == self._about:
            self.hide()

    def text(self) -> str:
        """What is said now."""
        return self._text.text()

    def offer(self, title: str, deed: Callable[[], object]) -> None:
        """Add a button to the message."""
        self.buttons.insertWidget(self.buttons.count() - 1, push_button(title, deed, role="link"))

    def clear_buttons(self) -> None:
        """Take the offers away."""
        for place in reversed(range(self.buttons.count())):
            item = self.buttons.itemAt(place)
            widget = item.widget() if item is not None else None
            if widget is not None:
                self.buttons.removeWidget(widget)
                widget.deleteLater()


class Swatch(QWidget):
    """A small square of one colour."""

    def __init__(self, colour: str = "#000000", size: int = 12) -> None:
        super().__init__()
        self._colour = colour
        self.setFixedSize(size, size)

    def set_colour(self, colour: str) -> None:
        """Show another colour."""
        self._colour = colour
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the square."""
        from PySide6.QtGui import QColor, QPainter

        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._colour))
        painter.drawRoundedRect(self.rect(), 2, 2)
