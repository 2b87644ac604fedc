"""What was done and can be undone, within a budget of bytes."""

from collections.abc import Sequence

from empanada_desktop.document.edits import Edit

DEFAULT_BUDGET = 1 << 30


class History:
    """Edits in order; those after `position` were undone. The oldest are dropped when the budget is spent."""

    def __init__(self, budget: int = DEFAULT_BUDGET) -> None:
        self._budget = budget
        self._edits: list[Edit] = []
        self._position = 0
        self._saved = 0

    @property
    def edits(self) -> Sequence[Edit]:
        """All edits that are kept, oldest first."""
        return tuple(self._edits)

    @property
    def position(self) -> int:
        """How many of the kept edits stand; the rest were undone."""
        return self._position

    @property
    def n_bytes(self) -> int:
        """Memory that the edits take."""
        return sum(edit.n_bytes for edit in self._edits)

    @property
    def next_undo(self) -> Edit | None:
        """The edit that undo would take back."""
        return self._edits[self._position - 1] if self._position else None

    @property
    def next_redo(self) -> Edit | None:
        """The edit that redo would make again."""
        return self._edits[self._position] if self._position < len(self._edits) else None

    @property
    def is_saved(self) -> bool:
        """Whether nothing was done or undone since mark_saved."""
        return self._saved == self._position

    def mark_saved(self) -> None:
        """Remember that everything up to here is in a file."""
        self._saved = self._position

    def push(self, edit: Edit) -> None:
        """Add an edit that was just made; what was undone before it is gone."""
        if self._saved > self._position:
            self._saved = -1
        del self._edits[self._position :]
        self._edits.append(edit)
        self._position += 1
        while self.n_bytes > self._budget and len(self._edits) > 1:
            del self._edits[0]
            self._position -= 1
            self._saved -= 1

    def step_back(self) -> None:
        """Note that the last edit was undone."""
        self._position -= 1

    def step_forward(self) -> None:
        """Note that the next edit was made again."""
        self._position += 1

    def clear(self) -> None:
        """Forget everything."""
        self._edits.clear()
        self._position = self._saved = 0
