"""The review queue as a list: which items are shown, in which order, and what became of each."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt, Signal

from empanada_desktop.document.reviewing import OPEN, SKIPPED, QueueItem, state_of
from empanada_desktop.gui.objects.desk import ObjectsDesk
from empanada_desktop.gui.objects.facts import sizes_of

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()
SHOWN = {"open": "To be reviewed", "reviewed": "Reviewed", "all": "All"}
SORTS: dict[str, tuple[str, Callable[["Entry"], Any]]] = {
    "score": ("most suspicious first", lambda entry: -entry.item.score),
    "id": ("by id", lambda entry: entry.item.ids),
    "place": ("from the first plane to the last", lambda entry: entry.item.place),
    "size": ("largest first", lambda entry: -sum(entry.item.voxels)),
}


@dataclass(frozen=True)
class Entry:
    """An item with what became of it ("" or "skipped": still open)."""

    item: QueueItem
    state: str

    @property
    def is_open(self) -> bool:
        """Whether it is still to be reviewed."""
        return self.state in OPEN


class QueueModel(QAbstractListModel):
    """The items of the desk's layer; told: counts or the current item have changed."""

    told = Signal()

    def __init__(self, desk: ObjectsDesk) -> None:
        super().__init__()
        self.desk = desk
        self.every: list[Entry] = []
        self.entries: list[Entry] = []
        self.shown, self.sorted_by = "open", "score"
        self.questions: frozenset[str] = frozenset()
        self.current_key = ""

    # What is there

    @property
    def n_reviewed(self) -> int:
        """How many items are answered."""
        return sum(not entry.is_open for entry in self.every)

    @property
    def current(self) -> Entry | None:
        """The item that is looked at."""
        return next((entry for entry in self.entries if entry.item.key == self.current_key), None)

    @property
    def row(self) -> int:
        """The row of the current item; -1 when there is none."""
        keys = [entry.item.key for entry in self.entries]
        return keys.index(self.current_key) if self.current_key in keys else -1

    def next_key(self, but: Iterable[int] = ()) -> str:
        """The key of the open item after the current one; that of the first one after the last, "" if there is none.

        but: objects that were just changed, before they are counted anew: what is asked of them is answered.
        """
        row, changed = self.row, set(but)
        order = [*self.entries[row + 1 :], *self.entries[: max(row, 0)]]
        return next((entry.item.key for entry in order if entry.is_open and not changed & set(entry.item.ids)), "")

    # What changes

    def refresh(self) -> None:
        """Take over what the layer says now. The row stays where the current item leaves the list."""
        layer, index = self.desk.layer, self.desk.index
        before, row = {entry.item.key for entry in self.entries}, self.row
        sizes = sizes_of(index) if index is not None and layer is not None and layer.queue else {}
        if layer is None or index is None:
            self.every = []
        else:
            self.every = [Entry(item, state_of(item, layer.decisions, sizes)) for item in layer.queue]
        self._show([entry for entry in self.every if self._is_wanted(entry)])
        come = [entry.item.key for entry in self.entries if entry.item.key not in before]
        if before and len(come) == 1:  # undone: it is looked at again
            self.current_key = come[0]
        elif self.row < 0:
            self.current_key = self.entries[min(max(row, 0), len(self.entries) - 1)].item.key if self.entries else ""
        self.told.emit()

    def choose(self, key: str) -> None:
        """Look at another item."""
        if key != self.current_key:
            self.current_key = key
            self._redraw()
            self.told.emit()

    def show_only(self, shown: str | None = None, questions: frozenset[str] | None = None) -> None:
        """Show open items, reviewed ones or all, and only some questions (none named: all)."""
        self.shown = shown or self.shown
        self.questions = self.questions if questions is None else questions
        self.refresh()

    def sort_by(self, name: str) -> None:
        """Sort by one of SORTS."""
        self.sorted_by = name
        self.refresh()

    def _is_wanted(self, entry: Entry) -> bool:
        is_asked = not self.questions or entry.item.question in self.questions
        return is_asked and (self.shown == "all" or entry.is_open == (self.shown == "open"))

    def _show(self, entries: list[Entry]) -> None:
        key = SORTS[self.sorted_by][1]
        # What was skipped comes again at the end.
        entries = sorted(entries, key=lambda entry: (entry.state == SKIPPED, key(entry)))
        before, now = len(self.entries), len(entries)
        if now > before:
            self.beginInsertRows(QModelIndex(), before, now - 1)
            self.entries = entries
            self.endInsertRows()
        elif now < before:
            self.beginRemoveRows(QModelIndex(), now, before - 1)
            self.entries = entries
            self.endRemoveRows()
        self.entries = entries
        self._redraw()

    def _redraw(self) -> None:
        if self.entries:
            self.dataChanged.emit(self.index(0), self.index(len(self.entries) - 1))

    # Qt's side

    def rowCount(self, parent: Index = ROOT) -> int:  # noqa: N802 - Qt's name
        """How many items are shown."""
        return 0 if parent.isValid() else len(self.entries)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: ANN401 - as Qt has it
        """The words of an item."""
        if not index.isValid() or index.row() >= len(self.entries):
            return None
        item = self.entries[index.row()].item
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{item.title} {item.question} {item.reason}"
        return item.reason if role == Qt.ItemDataRole.ToolTipRole else None
