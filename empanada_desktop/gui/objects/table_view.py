"""The rows of the object table: drawn straight from the arrays, selected by thousands without a pause."""

import functools

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QColor, QContextMenuEvent, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from empanada_desktop.gui.icons import pixmap
from empanada_desktop.gui.objects.columns import STATUSES, Column
from empanada_desktop.gui.objects.table_model import ObjectsModel
from empanada_desktop.gui.theme import theme
from empanada_desktop.gui.timers import single_shot

ROW_HEIGHT, HEADER_HEIGHT, PADDING, ICON, SWATCH = 27, 28, 8, 14, 10
TELL_MS = 30
STATUS_ICONS = {
    "queued": ("circle", "second"),
    "accepted": ("check-circle", "good"),
    "edited": ("paint-brush", "second"),
    "flagged": ("flag", "warning"),
    "reviewing": ("eye", "tint_text"),
}
Keys = Qt.Key
STEPS = {Keys.Key_Up: -1, Keys.Key_Down: 1}
OWN_KEYS = (
    Keys.Key_Up, Keys.Key_Down, Keys.Key_PageUp, Keys.Key_PageDown, Keys.Key_Home, Keys.Key_End,
    Keys.Key_Return, Keys.Key_Enter, Keys.Key_Delete, Keys.Key_Escape,
)  # fmt: skip
SHIFT, CONTROL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
LEFT = Qt.MouseButton.LeftButton
CENTRED = Qt.AlignmentFlag.AlignVCenter
FLUSH_LEFT, FLUSH_RIGHT = int(Qt.AlignmentFlag.AlignLeft | CENTRED), int(Qt.AlignmentFlag.AlignRight | CENTRED)
Index = QModelIndex | QPersistentModelIndex


@functools.lru_cache(maxsize=256)
def _colour(name: str) -> QColor:
    return QColor(name)


@functools.lru_cache(maxsize=128)
def _icon(name: str, colour: str, size: int = ICON) -> QPixmap:
    return pixmap(name, QColor(colour), size)


class ObjectsView(QTableView):
    """A table whose selection is a mask over the objects, kept by the model."""

    selection_made = Signal()
    """The user has selected other objects."""
    jump_asked = Signal(int)
    eye_clicked = Signal(int)
    """The id of an object whose eye was clicked."""
    delete_asked = Signal()
    menu_asked = Signal(QPoint)

    def __init__(self, model: ObjectsModel) -> None:
        super().__init__()
        self.objects_model = model
        self.setModel(model)
        self.setItemDelegate(_CellDelegate(self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setAccessibleName("Objects")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setCornerButtonEnabled(False)
        self._set_headers()
        self._anchor = self._row = -1
        self._base: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._tell_later = single_shot(self, self.selection_made, TELL_MS)
        theme.changed.connect(self.viewport().update)

    def _set_headers(self) -> None:
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setMinimumSectionSize(ROW_HEIGHT)
        rows.setDefaultSectionSize(ROW_HEIGHT)
        titles = self.horizontalHeader()
        titles.setFixedHeight(HEADER_HEIGHT)
        titles.setHighlightSections(False)
        titles.setSectionsMovable(True)
        titles.setStretchLastSection(True)
        titles.setMinimumSectionSize(30)
        titles.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        titles.setSortIndicator(1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)

    @property
    def current_row(self) -> int:
        """The row that keys start from; -1 when there is none."""
        return self._row

    def go_to(self, row: int) -> None:
        """Bring a row into sight and let keys start from it."""
        self._anchor = self._row = row
        if 0 <= row < len(self.objects_model.rows):
            self.scrollTo(self.objects_model.index(row, 0))

    def colour_of(self, row: int) -> QColor:
        """The colour of the object of a row of all objects."""
        raise NotImplementedError

    def rows_in_sight(self) -> int:
        """How many whole rows the view shows."""
        return max(1, self.viewport().height() // ROW_HEIGHT)

    # Mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Select a row; with Ctrl add it or take it out, with Shift all up to it; on an eye hide or show."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        row = self.rowAt(event.position().toPoint().y())
        if event.button() != LEFT:
            if row >= 0 and not self._is_selected(row):
                self._select(row, Qt.KeyboardModifier.NoModifier)
                self._tell_now()
            return
        if row < 0:
            self._choose(np.zeros(len(self.objects_model.objects), np.bool_))
        elif self._column_at(event) == "visible":
            self.eye_clicked.emit(self._id_of(row))
            return
        else:
            self._select(row, event.modifiers())
        self._tell_now()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Dragging selects from the row that was pressed to the one under the mouse."""
        if not event.buttons() & LEFT or self._anchor < 0 or event.modifiers() & CONTROL:
            return
        row = self._row_near(event.position().toPoint().y())
        if row != self._row and row >= 0:
            self._select(row, SHIFT)
            self.scrollTo(self.objects_model.index(row, 0))
            self._tell_later.start()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """The end of a drag is told at once."""
        if self._tell_later.isActive() and event.button() == LEFT:
            self._tell_now()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Go to an object; two quick clicks on an eye are two clicks."""
        row = self.rowAt(event.position().toPoint().y())
        if event.button() == LEFT and row >= 0:
            if self._column_at(event) == "visible":
                self.eye_clicked.emit(self._id_of(row))
            else:
                self.jump_asked.emit(self._id_of(row))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802 - Qt's name
        """Ask for the menu of what is selected."""
        self.menu_asked.emit(event.globalPos())

    # Keys

    def event(self, event: QEvent) -> bool:
        """These keys belong to the rows here, whatever they mean elsewhere in the window."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride and _is_own(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Arrows, pages, ends; Ctrl+A, Enter, Delete, Escape."""
        row = self._row_after(event)
        if row is not None:
            if len(self.objects_model.rows):
                row = min(max(0, row), len(self.objects_model.rows) - 1)
                self._select(row, event.modifiers() & SHIFT)
                self.scrollTo(self.objects_model.index(row, 0))
                self._tell_later.start()
        elif event.key() == Keys.Key_A and event.modifiers() == CONTROL:
            self.select_all_shown()
        elif event.key() in (Keys.Key_Return, Keys.Key_Enter) and self._row >= 0:
            self.jump_asked.emit(self._id_of(self._row))
        elif event.key() == Keys.Key_Delete:
            self.delete_asked.emit()
        elif event.key() == Keys.Key_Escape:
            self._choose(np.zeros(len(self.objects_model.objects), np.bool_))
            self._tell_now()
        else:
            event.ignore()

    def select_all_shown(self) -> None:
        """Select every object that the filter leaves."""
        mask = np.zeros(len(self.objects_model.objects), np.bool_)
        mask[self.objects_model.rows] = True
        self._choose(mask)
        self._tell_now()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        """Show which row keys start from."""
        super().focusInEvent(event)
        self.viewport().update()

    # Inside

    def _row_after(self, event: QKeyEvent) -> int | None:
        page, last = self.rows_in_sight(), len(self.objects_model.rows) - 1
        places = {Keys.Key_Home: 0, Keys.Key_End: last}
        places |= {Keys.Key_PageUp: self._row - page, Keys.Key_PageDown: self._row + page}
        places |= {Keys(key): self._row + step for key, step in STEPS.items()}
        return places.get(Keys(event.key()))

    def _select(self, row: int, modifiers: Qt.KeyboardModifier) -> None:
        model = self.objects_model
        if modifiers & SHIFT and self._anchor >= 0:
            low, high = sorted((min(self._anchor, len(model.rows) - 1), row))
            mask = (
                self._base.copy() if len(self._base) == len(model.objects) else np.zeros(len(model.objects), np.bool_)
            )
            mask[model.rows[low : high + 1]] = True
        elif modifiers & CONTROL:
            mask = model.selected.copy()
            mask[model.rows[row]] ^= True
            self._anchor, self._base = row, mask
        else:
            mask = np.zeros(len(model.objects), np.bool_)
            mask[model.rows[row]] = True
            self._anchor, self._base = row, mask[:0]
        self._row = row
        self._choose(mask)

    def _choose(self, mask: NDArray[np.bool_]) -> None:
        self.objects_model.select_mask(mask)

    def _tell_now(self) -> None:
        self._tell_later.stop()
        self.selection_made.emit()

    def _is_selected(self, row: int) -> bool:
        return bool(self.objects_model.selected[self.objects_model.rows[row]])

    def _id_of(self, row: int) -> int:
        return int(self.objects_model.objects.ids[self.objects_model.rows[row]])

    def _column_at(self, event: QMouseEvent) -> str:
        column = self.columnAt(event.position().toPoint().x())
        return self.objects_model.columns[column].key if column >= 0 else ""

    def _row_near(self, y: int) -> int:
        """The row at a height; beyond the ends the first or last in sight and one more, so that dragging scrolls."""
        if y < 0:
            return max(0, self.rowAt(0) - 1)
        row = self.rowAt(y)
        if row >= 0:
            return row
        return min(len(self.objects_model.rows) - 1, self.rowAt(self.viewport().height() - 1) + 1)

    def viewportEvent(self, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Nothing lights up under the mouse, so nothing is drawn again as it moves."""
        if event.type() in (QEvent.Type.HoverMove, QEvent.Type.HoverEnter, QEvent.Type.HoverLeave):
            return True
        return super().viewportEvent(event)


def _is_own(event: QKeyEvent) -> bool:
    is_all = event.key() == Keys.Key_A and event.modifiers() == CONTROL
    return is_all or (event.key() in OWN_KEYS and not event.modifiers() & ~SHIFT)


class _CellDelegate(QStyledItemDelegate):
    """Draws a cell without asking the model for each of Qt's roles."""

    def __init__(self, view: ObjectsView) -> None:
        super().__init__(view)
        self._view = view

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw the ground, then what the column shows."""
        model, row, place = self._view.objects_model, index.row(), index.column()
        rect: QRect = option.rect
        column, own = model.columns[place], int(model.rows[row])
        tokens = theme.tokens
        is_selected = bool(model.selected[own])
        ground = tokens.selected if is_selected else tokens.window if row % 2 else tokens.panel
        painter.fillRect(rect, _colour(ground))
        if row == self._view.current_row and self._view.hasFocus():
            painter.fillRect(QRect(rect.left(), rect.bottom(), rect.width(), 1), QColor(tokens.accent))
        self._draw(painter, rect, model, column, row, place, own)

    def _draw(
        self, painter: QPainter, rect: QRect, model: ObjectsModel, column: Column, row: int, place: int, own: int
    ) -> None:
        tone = "disabled" if model.is_older(row, place) or model.objects.hidden[own] else "text"
        room = rect.adjusted(PADDING, 0, -PADDING, 0)
        if column.key == "visible":
            name = "eye-slash" if model.objects.hidden[own] else "eye"
            painter.drawPixmap(rect.left() + 10, _middle(rect, ICON), _icon(name, getattr(theme.tokens, tone)))
            return
        if column.key == "id":
            room.setLeft(room.left() + SWATCH + PADDING)
            swatch = QRect(rect.left() + PADDING, _middle(rect, SWATCH), SWATCH, SWATCH)
            painter.fillRect(swatch, self._view.colour_of(own))
        elif column.key == "status" and model.objects.status[own]:
            tone = self._draw_status(painter, room, STATUSES[model.objects.status[own]], tone)
        painter.setPen(_colour(getattr(theme.tokens, tone)))
        painter.drawText(room, FLUSH_RIGHT if column.is_right else FLUSH_LEFT, model.words(row, place))

    def _draw_status(self, painter: QPainter, room: QRect, status: str, tone: str) -> str:
        name, token = STATUS_ICONS[status]
        painter.drawPixmap(room.left(), _middle(room, ICON), _icon(name, getattr(theme.tokens, token)))
        room.setLeft(room.left() + ICON + 6)
        return "second" if status == "queued" else tone


def _middle(rect: QRect, height: int) -> int:
    return rect.top() + (rect.height() - height) // 2
