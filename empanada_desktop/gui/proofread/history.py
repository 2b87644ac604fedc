"""The history: what was done, where and when; a click goes back to that state, undone steps stay in grey."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QToolButton, QWidget

from empanada_desktop.core.plurals import counted
from empanada_desktop.document import Document
from empanada_desktop.document.edits import Edit
from empanada_desktop.errors import AppError
from empanada_desktop.gui.actions import Actions
from empanada_desktop.gui.controls import Column, Row, rule, text_label
from empanada_desktop.gui.icons import pixmap
from empanada_desktop.gui.long_deeds import LongDeeds
from empanada_desktop.gui.theme import SMALL, theme
from empanada_desktop.gui.timers import single_shot

if TYPE_CHECKING:
    from empanada_desktop.document.history import Deed

ROW_HEIGHT, HEADER_HEIGHT, ICON, MARGIN, TEXT_LEFT = 40, 35, 16, 14, 42
REFRESH_MS = 30_000
DEED = Qt.ItemDataRole.UserRole
START = "As it was opened"
ICONS = {
    "merge": "git-merge",
    "split": "scissors",
    "paint": "paint-brush",
    "erase": "eraser",
    "fill": "paint-bucket",
    "interpolate": "arrows-left-right",
    "copy": "copy",
    "duplicate": "copy",
    "smooth": "drop-half",
    "dilate": "circle-dashed",
    "erode": "circle-dashed",
    "close": "circle-dashed",
    "open": "circle-dashed",
    "delete": "trash",
    "filter": "funnel",
    "segment": "magic-wand",
    "fuse": "intersect",
    "keep": "magic-wand",
    "rename": "pencil-simple",
    "move": "arrows-down-up",
    "accept": "check-circle",
    "flag": "flag",
    "find": "magnifying-glass",
    "skip": "skip-forward",
    "queue": "list-bullets",
    "add": "plus",
}

Index = QModelIndex | QPersistentModelIndex


def icon_of(title: str) -> str:
    """The icon of a deed, by the verb that its title begins with."""
    words = title.split()
    verb = words[0].lower() if words else ""
    if verb == "open" and "radius" not in title:
        return "folder-open"
    return ICONS.get(verb, "pencil-simple")


def when_words(when: datetime, now: datetime) -> str:
    """How long ago something was, in a word or two."""
    minutes = int((now - when).total_seconds() // 60)
    if minutes < 1:
        return "now"
    if minutes < 60:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < 48 else f"{hours // 24} d"


def size_words(n_bytes: int) -> str:
    """Memory in a unit that suits it."""
    for size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{n_bytes} bytes"


class HistoryModel(QAbstractListModel):
    """The edits, newest first, and below them the state before all of them."""

    def __init__(self, document: Document, parent: QObject) -> None:
        super().__init__(parent)
        self._document = document
        self.edits: Sequence[Deed] = ()
        self.position = 0
        self.refresh()

    def refresh(self) -> None:
        """Show the history as it is now."""
        history = self._document.history
        self.beginResetModel()
        self.edits, self.position = history.edits, history.position
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's name and default
        """One row for every edit, and one for the beginning."""
        return 0 if parent.isValid() else len(self.edits) + 1

    def position_of(self, row: int) -> int:
        """How many edits stand in the state that a row is for."""
        return len(self.edits) - row

    def row_of(self, position: int) -> int:
        """The row of the state in which so many edits stand."""
        return len(self.edits) - position

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Title, tooltip, and the edit itself (None for the beginning)."""
        position = self.position_of(index.row())
        edit = self.edits[position - 1] if position else None
        if role == DEED:
            return edit
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return START if edit is None else f"{edit.title}{', undone' if position > self.position else ''}"
        if role == Qt.ItemDataRole.ToolTipRole:
            where = "" if edit is None or not edit.where else f"\n{edit.where}"
            return f"{START if edit is None else edit.title}{where}\nClick to go to this state."
        return None


class HistoryList(QListView):
    """The rows; a click or Enter travels."""

    failed = Signal(object)
    """Why a step could not be made."""

    def __init__(self, document: Document, edits: LongDeeds) -> None:
        super().__init__()
        self._document, self._edits = document, edits
        self.rows = HistoryModel(document, self)
        self.setModel(self.rows)
        self.setItemDelegate(_Delegate(self))
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("History")
        self.setMouseTracking(True)
        self._target: int | None = None
        self._step = single_shot(self, self._travel_on)
        self.clicked.connect(lambda index: self.travel(self.rows.position_of(index.row())))
        self.activated.connect(lambda index: self.travel(self.rows.position_of(index.row())))
        theme.changed.connect(self.viewport().update)

    def refresh(self) -> None:
        """Show the history as it is now, the present state in sight."""
        self.rows.refresh()
        here = self.rows.index(self.rows.row_of(self.rows.position), 0)
        self.setCurrentIndex(here)
        self.scrollTo(here)

    def travel(self, position: int) -> None:
        """Undo or redo until `position` edits stand: one at a time, so that the window goes on meanwhile."""
        was_travelling, self._target = self.is_travelling, position
        if not was_travelling:
            self._step.start()

    @property
    def is_travelling(self) -> bool:
        """Whether it is on its way to another state."""
        return self._target is not None

    def _travel_on(self) -> None:
        here, target = self._document.history.position, self._target
        if target is None or here == target:
            self._target = None
            return
        try:
            (self._edits.undo if here > target else self._edits.redo)(self._arrived)
        except AppError as problem:
            self._target = None
            self.failed.emit(problem)

    def _arrived(self, edit: Edit | None) -> None:
        """A step was made; None: there was none to make."""
        if edit is None:
            self._target = None
        else:
            self._step.start()


class _Delegate(QStyledItemDelegate):
    """Icon, deed, where, when."""

    def __init__(self, view: HistoryList) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:  # noqa: N802 - Qt's name
        """Two lines."""
        metrics = self._view.fontMetrics()
        return QSize(200, max(ROW_HEIGHT, 2 * metrics.height() + 8))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one row."""
        rows, edit = self._view.rows, index.data(DEED)
        rect: QRect = option.rect
        place = rows.position_of(index.row())
        is_here, is_undone = place == rows.position, place > rows.position
        painter.save()
        self._paint_ground(painter, option, rect, is_here)
        token = "disabled" if is_undone else "text"
        name = "flag" if edit is None else icon_of(edit.title)
        picture = pixmap(name, theme.colour("disabled" if is_undone else "second"), ICON)
        painter.drawPixmap(rect.left() + MARGIN, rect.center().y() - ICON // 2, picture)
        when = "undone" if is_undone else "" if edit is None else when_words(edit.when, datetime.now(UTC))
        self._paint_words(painter, rect, (edit.title if edit else START, edit.where if edit else ""), when, token)
        painter.restore()

    def _paint_ground(self, painter: QPainter, option: QStyleOptionViewItem, rect: QRect, is_here: bool) -> None:
        state = option.state
        if is_here:
            painter.fillRect(rect, theme.colour("selected"))
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, theme.colour("hover"))
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(theme.colour("accent"))
            painter.drawRect(rect.adjusted(0, 0, -1, -1))

    def _paint_words(self, painter: QPainter, rect: QRect, words: tuple[str, str], when: str, token: str) -> None:
        title, where = words
        right = painter.fontMetrics().horizontalAdvance(when) + MARGIN
        painter.setPen(theme.colour("disabled" if token == "disabled" else "second"))
        painter.drawText(
            rect.adjusted(0, 0, -MARGIN, 0), Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, when
        )
        room = rect.adjusted(TEXT_LEFT, 3, -right - 8, -3)
        upper = room if not where else QRect(room.left(), room.top(), room.width(), room.height() // 2 + 1)
        elided = painter.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, room.width())
        painter.setPen(theme.colour(token))
        painter.drawText(upper, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, elided)
        small = painter.font()
        if small.pixelSize() > 0:
            small.setPixelSize(round(small.pixelSize() * SMALL))
        painter.setFont(small)
        painter.setPen(theme.colour("disabled" if token == "disabled" else "second"))
        lower = QRect(room.left(), upper.bottom(), room.width(), room.bottom() - upper.bottom())
        elided = painter.fontMetrics().elidedText(where, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(lower, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, elided)


class HistoryView(QWidget):
    """The list under a line that says how much there is, with the buttons for undo and redo."""

    def __init__(self, document: Document, edits: LongDeeds, actions: Actions) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self._document = document
        self.words = text_label(role="second")
        self.list = HistoryList(document, edits)
        self.undo, self.redo = _button(actions, "undo"), _button(actions, "redo")
        header = Row(text_label("History", "strong"), self.words, 1, self.undo, self.redo, spacing=8)
        header.setContentsMargins(12, 0, 8, 0)
        holder = QWidget()
        holder.setFixedHeight(HEADER_HEIGHT)
        holder.setLayout(header)
        layout = Column(holder, rule(), self.list)
        layout.setStretch(2, 1)
        self.setLayout(layout)
        document.history_changed.connect(self._changed)
        self._clock = QTimer(self)
        self._clock.setInterval(REFRESH_MS)
        self._clock.timeout.connect(self.list.viewport().update)
        self._clock.start()
        self._changed()

    def _changed(self) -> None:
        history = self._document.history
        steps = history.position
        self.words.setText(f"{counted(steps, 'step')}, {size_words(history.n_bytes)}")
        self.list.refresh()


def _button(actions: Actions, name: str) -> QToolButton:
    button = QToolButton()
    button.setProperty("role", "icon")
    button.setIconSize(QSize(ICON, ICON))
    button.setDefaultAction(actions[name])
    button.setAccessibleName(actions[name].text())
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
