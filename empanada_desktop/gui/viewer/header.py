"""The bar above a view: which plane it shows, where it is, and the buttons that fit and maximise it."""

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QSlider, QSpinBox, QToolButton, QWidget

from empanada_desktop.gui.icons import show_icon
from empanada_desktop.gui.theme import theme
from empanada_desktop.gui.viewer.lengths import position_words

HEIGHT = 27


class Dot(QWidget):
    """A small disc in the colour of an axis."""

    def __init__(self, colour: str) -> None:
        super().__init__()
        self._colour = colour
        self.setFixedSize(8, 8)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the disc."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(self._colour) if not self._colour.startswith("#") else QColor(self._colour))
        painter.drawEllipse(QRectF(0, 0, 8, 8))
        painter.end()


class ViewHeader(QFrame):
    """Dot and name on the left, buttons on the right; what stands between is for the view to add."""

    maximise_asked = Signal()
    fit_asked = Signal()

    def __init__(self, name: str, colour: str) -> None:
        super().__init__()
        self.setProperty("role", "header")
        self.setFixedHeight(HEIGHT)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(8, 0, 6, 0)
        self._row.setSpacing(8)
        self._row.addWidget(Dot(colour))
        self.title = QLabel(name)
        self.title.setProperty("role", "strong")
        self._row.addWidget(self.title)
        self.words = QLabel()
        self.words.setProperty("role", "second")
        self.words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._row.addWidget(self.words, 1)
        self._maximise = self.add_button("ph.arrows-out-simple", f"Maximise {name}, or show all views again")
        self._maximise.clicked.connect(self.maximise_asked)
        fit = self.add_button("ph.frame-corners", "Fit the volume into the view")
        fit.clicked.connect(self.fit_asked)

    def add_button(self, icon: str, tip: str) -> QToolButton:
        """Add a button to the left of those on the right."""
        button = QToolButton()
        button.setProperty("role", "icon")
        button.setAutoRaise(True)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setFixedSize(26, 24)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        show_icon(button, icon.removeprefix("ph."), "second")
        self._row.insertWidget(self._row.indexOf(self.words) + 1, button)
        return button

    def insert(self, widget: QWidget) -> None:
        """Add a widget before the words."""
        self._row.insertWidget(self._row.indexOf(self.words), widget)

    def show_maximised(self, is_maximised: bool) -> None:
        """Turn the maximise button's icon."""
        show_icon(self._maximise, "arrows-in-simple" if is_maximised else "arrows-out-simple", "second")

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Double-clicking the bar maximises the view."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.maximise_asked.emit()


class PlaneHeader(ViewHeader):
    """The header of a plane: slider and number, "of 250, 1.90 µm"."""

    plane_asked = Signal(int)

    def __init__(self, name: str, colour: str) -> None:
        super().__init__(name, colour)
        self._planes = 1
        self._size: float | None = None
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setMinimumWidth(40)
        self.slider.setMaximumWidth(110)
        self.slider.setAccessibleName(f"{name} plane")
        self.number = QSpinBox()
        # Not NoButtons: with a style sheet, Qt 6.11 then leaves the number one pixel of room.
        self.number.setStyleSheet("QSpinBox::up-button, QSpinBox::down-button { width: 0; height: 0; border: none; }")
        self.number.setFixedSize(58, 24)
        self.number.lineEdit().setTextMargins(5, 0, 0, 0)
        self.number.setKeyboardTracking(False)
        self.number.setAccessibleName(f"number of the {name} plane")
        self.insert(self.slider)
        self.insert(self.number)
        self.slider.valueChanged.connect(self.plane_asked)
        self.number.valueChanged.connect(self.plane_asked)
        # A click that only wants another plane must leave the keys to the views.
        self.slider.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    def set_planes(self, count: int, size: float | None) -> None:
        """Say how many planes there are, and their distance in nm when it is known."""
        self._planes, self._size = count, size
        for control in (self.slider, self.number):
            was = control.blockSignals(True)
            control.setRange(0, max(0, count - 1))
            control.blockSignals(was)
        self._tell()

    def show_plane(self, plane: int) -> None:
        """Show where the view is, without asking for it."""
        if plane == self.slider.value() == self.number.value():
            return
        for control in (self.slider, self.number):
            was = control.blockSignals(True)
            control.setValue(plane)
            control.blockSignals(was)
        self._tell()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Say as much as there is room for."""
        super().resizeEvent(event)
        self._tell()

    def _tell(self) -> None:
        count, words = f"of {self._planes}", self.words
        place = position_words(self.slider.value() * self._size, self._planes * self._size) if self._size else ""
        whole = f"{count}, {place}" if place else count
        metrics = words.fontMetrics()
        words.setText(whole if metrics.horizontalAdvance(whole) <= words.width() else count)
        # The slider gives way first: how many planes there are is always seen.
        words.setMinimumWidth(metrics.horizontalAdvance(f"{count} "))
