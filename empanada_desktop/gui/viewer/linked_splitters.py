"""Two rows of two views whose inner edges move together."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

GAP = 4


class LinkedSplitters(QWidget):
    """Four widgets, two over two: dragging an edge between two columns moves it in both rows."""

    def __init__(self, widgets: list[QWidget]) -> None:
        super().__init__()
        self._widgets = widgets
        self._rows = QSplitter(Qt.Orientation.Vertical)
        self._columns = [QSplitter(Qt.Orientation.Horizontal) for _ in range(2)]
        for number, splitter in enumerate(self._columns):
            for widget in widgets[2 * number : 2 * number + 2]:
                splitter.addWidget(widget)
            self._rows.addWidget(splitter)
            splitter.splitterMoved.connect(self._align)
        for splitter in (self._rows, *self._columns):
            splitter.setHandleWidth(GAP)
            splitter.setChildrenCollapsible(False)
            splitter.setStretchFactor(0, 1)
            splitter.setStretchFactor(1, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._rows)
        self.reset()

    def reset(self) -> None:
        """Make all four equally large."""
        for splitter in (self._rows, *self._columns):
            splitter.setSizes([10_000, 10_000])

    def show_only(self, widget: QWidget | None) -> None:
        """Give all the room to one of the widgets, or let all of them be seen again."""
        for one in self._widgets:
            one.setVisible(widget is None or one is widget)
        for number, splitter in enumerate(self._columns):
            splitter.setVisible(widget is None or widget in self._widgets[2 * number : 2 * number + 2])

    def _align(self) -> None:
        moved = self.sender()
        for splitter in self._columns:
            if splitter is not moved and isinstance(moved, QSplitter):
                splitter.setSizes(moved.sizes())
