"""What was done and can be undone: every step, in memory within a budget of bytes and in the journal beyond."""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from empanada_desktop.document.edit_parts import (
    Ids,
    count_voxels,
    holds_layers,
    ids_of,
    named_layers,
    touched_layers,
    voxel_edits,
)
from empanada_desktop.document.edits import Edit
from empanada_desktop.document.journal_file import Reachable
from empanada_desktop.document.layers import Layer

DEFAULT_BUDGET = 1 << 30
Reader = Callable[[], Edit]


@dataclass(eq=False)
class Deed:
    """An edit in the history: its words are always at hand, itself perhaps only in the journal.

    number: of its record in the journal, 0 where it has none. reader: reads it from there, once it is there. n_voxels:
    in its boxes. ids: the objects that it changes, by layer, once somebody has looked.
    """

    title: str
    when: datetime.datetime
    who: str
    where: str
    n_bytes: int = 0
    number: int = 0
    layer_ids: frozenset[str] = frozenset()
    n_voxels: int = 0
    ids: Ids | None = field(default=None, repr=False)
    held: Edit | None = field(default=None, repr=False)
    reader: Reader | None = field(default=None, repr=False)

    @classmethod
    def of(cls, edit: Edit, ids: Ids | None = None) -> "Deed":
        """Return the deed of an edit that is in memory."""
        layers, n_voxels = frozenset(touched_layers(edit)), count_voxels(edit)
        if ids is None and not voxel_edits(edit):
            ids = {}
        words = (edit.title, edit.when, edit.who, edit.where)
        return cls(*words, edit.n_bytes, layer_ids=layers, n_voxels=n_voxels, ids=ids, held=edit)

    @property
    def edit(self) -> Edit:
        """The edit; read from the journal where it is not in memory. AppError where that is gone or damaged."""
        if self.held is not None:
            return self.held
        if self.reader is None:
            raise ValueError(f"{self.title} is nowhere")
        return self.reader()

    def changed_ids(self) -> Ids:
        """Return the objects that it changes, by layer, looked for now where nobody has. AppError as `edit`."""
        if self.ids is None:
            self.ids = ids_of(self.edit)
        return self.ids

    def let_go(self) -> int:
        """Let the edit be in the journal only, where that is possible; returns the bytes that are free now."""
        if self.reader is None or self.held is None or holds_layers(self.held):
            return 0
        self.held, freed = None, self.n_bytes
        return freed


class History:
    """Deeds in order; those after `position` were undone. The oldest leave the memory when the budget is spent.

    With a journal they stay undoable; without one they are forgotten.
    """

    def __init__(self, budget: int = DEFAULT_BUDGET, open_layers: Callable[[], Sequence[Layer]] = tuple) -> None:
        """open_layers: those whose memory is not the history's."""
        self._budget, self._open_layers = budget, open_layers
        self._deeds: list[Deed] = []
        self._with_layers: list[Deed] = []
        self._position = 0
        self._saved = 0
        self._bytes = 0
        self._held_from = 0
        self.has_journal = False

    @property
    def edits(self) -> Sequence[Deed]:
        """All deeds, oldest first."""
        return tuple(self._deeds)

    @property
    def position(self) -> int:
        """How many of the deeds stand; the rest were undone."""
        return self._position

    @property
    def n_bytes(self) -> int:
        """Memory that the edits take, and the layers that only they hold: as much as those take now."""
        return self._bytes + self._layer_bytes()

    def _layer_bytes(self) -> int:
        held: dict[str, Layer] = {}
        for deed in self._with_layers:
            held |= named_layers(deed.edit)
        for layer in self._open_layers():
            held.pop(layer.id, None)
        return sum(layer.n_bytes for layer in held.values())

    @property
    def next_undo(self) -> Deed | None:
        """The deed that undo would take back."""
        return self._deeds[self._position - 1] if self._position else None

    @property
    def next_redo(self) -> Deed | None:
        """The deed that redo would make again."""
        return self._deeds[self._position] if self._position < len(self._deeds) else None

    @property
    def is_saved(self) -> bool:
        """Whether nothing was done or undone since mark_saved."""
        return self._saved == self._position

    def mark_saved(self) -> None:
        """Remember that everything up to here is in a file."""
        self._saved = self._position

    def push(self, edit: Edit, ids: Ids | None = None) -> Deed:
        """Add an edit that was just made; what was undone before it is gone."""
        if self._saved > self._position:
            self._saved = -1
        self._let_go(self._deeds[self._position :])
        del self._deeds[self._position :]
        deed = Deed.of(edit, ids)
        if holds_layers(edit):
            self._with_layers.append(deed)
        self._deeds.append(deed)
        self._position += 1
        self._bytes += deed.n_bytes
        self._make_room()
        return deed

    def put(self, deeds: list[Deed], position: int) -> None:
        """Begin with deeds that were read from a journal."""
        self.clear()
        self._deeds, self._position, self._saved = deeds, position, position
        self._bytes = sum(deed.n_bytes for deed in deeds if deed.held is not None)

    def step_back(self) -> None:
        """Note that the last edit was undone."""
        self._position -= 1

    def step_forward(self) -> None:
        """Note that the next edit was made again."""
        self._position += 1

    def reachable(self, position: int) -> Reachable:
        """What of a journal, of which `position` is the last record, the history leads to."""
        standing = self._deeds[self._position - 1].number if self._position else 0
        return Reachable(position, frozenset(deed.number for deed in self._deeds if deed.number), standing)

    def clear(self) -> None:
        """Forget everything."""
        self._deeds, self._with_layers = [], []
        self._position = self._saved = self._bytes = self._held_from = 0

    def _make_room(self) -> None:
        if self.has_journal:
            self._spill()
        else:
            self._forget()

    def _spill(self) -> None:
        """Let the oldest deeds be in the journal only; those that are not in it yet stay."""
        place, room = min(self._held_from, len(self._deeds)), self._budget - self._layer_bytes()
        while self._bytes > room and place < len(self._deeds) - 1:
            deed = self._deeds[place]
            if deed.number and deed.held is not None and deed.reader is None:
                break
            self._bytes -= deed.let_go()
            place += 1
        self._held_from = place

    def _forget(self) -> None:
        while self.n_bytes > self._budget and len(self._deeds) > 1:
            self._let_go(self._deeds[:1])
            del self._deeds[0]
            self._position -= 1
            self._saved -= 1

    def _let_go(self, deeds: Sequence[Deed]) -> None:
        self._bytes -= sum(deed.n_bytes for deed in deeds if deed.held is not None)
        self._with_layers = [deed for deed in self._with_layers if deed not in deeds]
