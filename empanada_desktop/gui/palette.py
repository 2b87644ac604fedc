"""The command palette: type a few letters, press Enter, and it is done."""

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QSize, Qt, QTimer
from PySide6.QtGui import QAction, QFontMetrics, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from empanada_desktop.gui.actions import ROWS, Actions
from empanada_desktop.gui.controls import Column
from empanada_desktop.gui.theme import theme

WIDTH, ROW_HEIGHT, SHOWN = 560, 40, 9
ROLE = Qt.ItemDataRole.UserRole


class Palette(QDialog):
    """A list of all actions that narrows while typing."""

    def __init__(self, window: QWidget, actions: Actions) -> None:
        super().__init__(window, Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint)
        self.setObjectName("palette")
        self._actions = actions
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find an action")
        self.search.setMinimumHeight(34)
        self.list = QListWidget()
        self.list.setItemDelegate(_ActionDelegate(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = Column(self.search, self.list, spacing=6)
        layout.setContentsMargins(8, 8, 8, 8)
        self.setLayout(layout)
        self.list.setFixedHeight(ROW_HEIGHT * SHOWN)
        self.setFixedWidth(WIDTH)
        self.search.textChanged.connect(self._narrow)
        self.search.installEventFilter(self)
        self.list.itemActivated.connect(self._do)
        self.list.itemClicked.connect(self._do)
        self._narrow("")

    def open_over(self, window: QWidget) -> None:
        """Show the palette in the upper middle of the window."""
        place = window.mapToGlobal(window.rect().topLeft())
        self.move(place.x() + (window.width() - WIDTH) // 2, place.y() + 84)
        self.show()
        self.search.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Arrows and Enter work while the text field has the focus."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: SHOWN, Qt.Key.Key_PageUp: -SHOWN}
            key = Qt.Key(event.key())
            if key in steps:
                row = min(max(self.list.currentRow() + steps[key], 0), self.list.count() - 1)
                self.list.setCurrentRow(row)
                return True
            if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._do(self.list.currentItem())
                return True
        return super().eventFilter(watched, event)

    def _narrow(self, text: str) -> None:
        self.list.clear()
        words = text.lower().split()
        there = [row for row in ROWS if row.id != "palette" and self._actions[row.id].isVisible()]
        found = [row for row in there if _fits(f"{row.menu} {row.title} {row.tip}", words)]
        for row in sorted(found, key=lambda row: not _fits(row.title, words)):
            item = QListWidgetItem(self._actions[row.id].icon(), row.title.rstrip("…"))
            item.setData(ROLE, row.id)
            keys = self._actions.keys_of(row.id)
            item.setData(ROLE + 1, QKeySequence(keys[0]).toString() if keys else "")
            item.setData(ROLE + 2, row.tip)
            if not self._actions[row.id].isEnabled():
                item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEnabled)
            self.list.addItem(item)
        self.list.setCurrentRow(0)

    def _do(self, item: QListWidgetItem | None) -> None:
        if item is None or not item.flags() & Qt.ItemFlag.ItemIsEnabled:
            return
        action: QAction = self._actions[item.data(ROLE)]
        self.close()
        # Only when the list is done with the click: a dialog's own loop would do away with the list meanwhile.
        QTimer.singleShot(0, action, action.trigger)


def _fits(text: str, words: list[str]) -> bool:
    text = text.lower()
    return all(word in text for word in words)


class _ActionDelegate(QStyledItemDelegate):
    """Name and key on one line, what it does below."""

    def sizeHint(  # noqa: N802 - Qt's name
        self, _option: QStyleOptionViewItem, _index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        """The height of a row."""
        return QSize(0, ROW_HEIGHT)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Draw one action."""
        rect = option.rect
        is_chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        enabled = bool(index.flags() & Qt.ItemFlag.ItemIsEnabled)
        painter.save()
        if is_chosen:
            painter.fillRect(rect, theme.colour("selected"))
        index.data(Qt.ItemDataRole.DecorationRole).paint(painter, rect.left() + 8, rect.top() + 12, 16, 16)
        words = rect.adjusted(34, 3, -8, -3)
        top, bottom = words.adjusted(0, 0, 0, -words.height() // 2), words.adjusted(0, words.height() // 2, 0, 0)
        painter.setPen(theme.colour("text" if enabled else "disabled"))
        painter.drawText(top, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, index.data())
        painter.setPen(theme.colour("second" if enabled else "disabled"))
        painter.drawText(top, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, index.data(ROLE + 1))
        tip = QFontMetrics(painter.font()).elidedText(index.data(ROLE + 2), Qt.TextElideMode.ElideRight, bottom.width())
        painter.drawText(bottom, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, tip)
        painter.restore()
