"""The model of the object table: which objects, in which order, which are selected; nothing is kept per cell."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal

from empanada_desktop.errors import SettingsError
from empanada_desktop.gui.objects.columns import CORE, PLACED, Column, ObjectColumns
from empanada_desktop.gui.objects.filtering import filter_mask

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()
OLDER = "Measured before the object's voxels were changed. Measure again for the figure of now."


class ObjectsModel(QAbstractTableModel):
    """Objects as rows. `rows` are the places of the shown objects in `objects`; `selected` goes with `objects`."""

    told = Signal()
    """Something that the words over the table tell of has changed: counts, the selection, the filter."""

    def __init__(self) -> None:
        super().__init__()
        self.objects = ObjectColumns.none()
        self.columns: tuple[Column, ...] = (*CORE, *PLACED)
        self.rows: NDArray[np.int64] = np.zeros(0, np.int64)
        self.selected: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self.sorted_by, self.is_descending = "id", False
        self.filter_text, self.fault = "", ""
        self._tellers: dict[int, Callable[[int], str]] = {}

    # What is shown

    def show_objects(self, objects: ObjectColumns, columns: tuple[Column, ...] | None = None) -> None:
        """Show other objects, or the same ones with other values; what is selected stays so by its id."""
        chosen = self.objects.ids[self.selected]
        if columns is not None and columns != self.columns:
            self.beginResetModel()
            self.columns, self.rows = columns, self.rows[:0]
            self.endResetModel()
        self.objects = objects
        self.selected = _mask(objects, chosen)
        self._tellers = {}
        self._arrange()

    def select_ids(self, ids: NDArray[np.uint32]) -> None:
        """Take over which objects are selected."""
        mask = _mask(self.objects, ids)
        if not np.array_equal(mask, self.selected):
            self.select_mask(mask)

    def select_mask(self, mask: NDArray[np.bool_]) -> None:
        """Select the objects of a mask over all objects."""
        self.selected = mask
        self._redraw()
        self.told.emit()

    @property
    def selected_ids(self) -> NDArray[np.uint32]:
        """The ids that are selected."""
        return self.objects.ids[self.selected]

    def set_filter(self, text: str) -> None:
        """Show what a filter leaves; what is wrong with it is kept in `fault`, and the rows stay as they are."""
        self.filter_text = text
        self._arrange()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column."""
        if 0 <= column < len(self.columns):
            self.sorted_by, self.is_descending = self.columns[column].key, order == Qt.SortOrder.DescendingOrder
            self._arrange()

    def row_of(self, label_id: int) -> int | None:
        """The row that shows an object; None when there is none."""
        places = self.objects.rows_of(np.array([label_id], np.uint32))
        found = np.flatnonzero(self.rows == places[0]) if len(places) else places
        return int(found[0]) if len(found) else None

    def place_of(self, key: str) -> int:
        """The place of a column; -1 when there is none."""
        return next((place for place, column in enumerate(self.columns) if column.key == key), -1)

    def words(self, row: int, column: int) -> str:
        """What a cell says."""
        teller = self._tellers.get(column)
        if teller is None:
            teller = self._tellers[column] = self.objects.teller(self.columns[column])
        return teller(int(self.rows[row]))

    def is_older(self, row: int, column: int) -> bool:
        """Whether a cell's figure was measured before the object's voxels changed."""
        stale = self.objects.is_stale
        return bool(len(stale) and stale[self.rows[row]]) and self.columns[column].key in self.objects.measured

    # Qt's side

    def rowCount(self, parent: Index = ROOT) -> int:  # noqa: N802 - Qt's name
        """How many objects are shown."""
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = ROOT) -> int:  # noqa: N802 - Qt's name
        """How many columns there are, hidden ones too."""
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401 - as Qt has it
        """What a cell says, and why it is said faintly."""
        if not index.isValid() or index.row() >= len(self.rows):
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return self.words(index.row(), index.column())
        if role == Qt.ItemDataRole.ToolTipRole and self.is_older(index.row(), index.column()):
            return OLDER
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(self.columns[index.column()])
        return None

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:  # noqa: ANN401 - as Qt has it
        """Titles over the columns, with what they mean."""
        if orientation == Qt.Orientation.Vertical or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.heading
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{column.heading or 'Visible'}\n{column.meaning}"
        return _alignment(column) if role == Qt.ItemDataRole.TextAlignmentRole else None

    # Inside

    def _arrange(self) -> None:
        """Sort and filter anew. Rows have no identity to Qt: those at the end come or go, the others are redrawn."""
        order = self.objects.order(self._key(), self.is_descending)
        mask = self._kept()
        rows = order if mask is None else order[mask[order]]
        before, now = len(self.rows), len(rows)
        if now > before:
            self.beginInsertRows(QModelIndex(), before, now - 1)
            self.rows = rows
            self.endInsertRows()
        elif now < before:
            self.beginRemoveRows(QModelIndex(), now, before - 1)
            self.rows = rows
            self.endRemoveRows()
        self.rows = rows
        self._redraw()
        self.told.emit()

    def _key(self) -> str:
        return self.sorted_by if self.place_of(self.sorted_by) >= 0 else "id"

    def _kept(self) -> NDArray[np.bool_] | None:
        """Which objects the filter leaves; with a filter that cannot be read, those of before."""
        try:
            mask = filter_mask(self.filter_text, self.objects.fields(self.columns, self.selected), len(self.objects))
        except SettingsError as problem:
            self.fault = f"{problem.message} {problem.hint}".strip()
            return (
                None if not len(self.rows) or self.rows.max() >= len(self.objects) else _shown(self.rows, self.objects)
            )
        self.fault = ""
        return mask

    def _redraw(self) -> None:
        if len(self.rows):
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.rows) - 1, len(self.columns) - 1))


def _mask(objects: ObjectColumns, ids: NDArray[np.uint32]) -> NDArray[np.bool_]:
    mask = np.zeros(len(objects), np.bool_)
    mask[objects.rows_of(ids)] = True
    return mask


def _shown(rows: NDArray[np.int64], objects: ObjectColumns) -> NDArray[np.bool_]:
    mask = np.zeros(len(objects), np.bool_)
    mask[rows] = True
    return mask


def _alignment(column: Column) -> int:
    side = Qt.AlignmentFlag.AlignRight if column.is_right else Qt.AlignmentFlag.AlignLeft
    return int(side | Qt.AlignmentFlag.AlignVCenter)
