"""The part of a panel that scrolls."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QScrollArea, QWidget


class PanelArea(QScrollArea):
    """Scrolls what it holds up and down; it takes it in when it is first shown.

    A scroll area measures what it takes in, which puts the style sheet on every widget of it; and with each parent that
    is put into another one from then on, all that is undone and done again. For forms of hundreds of widgets, most of
    which are never looked at, that was two thirds of the time that the window took to open a volume.
    """

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.content: QWidget | None = None
        self.hold(content)

    def hold(self, content: QWidget) -> None:
        """Scroll something, in the place of what was there."""
        if content is self.content:
            return
        if self.content is not None and self.content is not self.widget():
            self.content.deleteLater()
        self.content = content
        self.destroyed.connect(content.deleteLater)  # until it is taken in it has no parent that would end it
        if self.isVisible():
            self._take_in()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Take in what is to be scrolled."""
        self._take_in()
        super().showEvent(event)

    def _take_in(self) -> None:
        if self.content is not None and self.widget() is not self.content:
            self.setWidget(self.content)

    def ensureWidgetVisible(self, child: QWidget, x: int = 50, y: int = 50) -> None:  # noqa: N802 - Qt's name
        """Scroll until something that is held is in sight."""
        self._take_in()
        super().ensureWidgetVisible(child, x, y)
