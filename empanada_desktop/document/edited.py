"""Which objects were changed: what the edits that stand say, so that undo takes it back and a restart knows it."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.document.history import Deed, History
from empanada_desktop.errors import AppError


class EditedIds:
    """Keeps count while the history goes back and forth: a step costs its own objects only."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._counted: list[Deed] = []
        self._counts: dict[str, Counter[int]] = {}
        self._ids: dict[str, NDArray[np.int64]] = {}

    def of(self, layer_id: str) -> NDArray[np.int64]:
        """Return the objects of a layer, ascending, that edits which stand have changed."""
        self._follow()
        if layer_id not in self._ids:
            counts = self._counts.get(layer_id, Counter())
            self._ids[layer_id] = np.array(sorted(counts), np.int64)
        return self._ids[layer_id]

    def _follow(self) -> None:
        """Take back what was undone or forgotten, and add what was done since."""
        standing = self._history.edits[: self._history.position]
        if self._counted and (not standing or standing[0] is not self._counted[0]):
            self._counted, self._counts, self._ids = [], {}, {}
        same = min(len(self._counted), len(standing))
        while same and self._counted[same - 1] is not standing[same - 1]:
            same -= 1
        while len(self._counted) > same:
            self._count(self._counted.pop(), -1)
        for deed in standing[same:]:
            self._count(deed, 1)
            self._counted.append(deed)

    def _count(self, deed: Deed, by: int) -> None:
        try:
            changed = deed.changed_ids()
        except AppError:  # it can be read no more; that is said when it is to be undone
            changed = deed.ids = {}
        for layer_id, ids in changed.items():
            counts = self._counts.setdefault(layer_id, Counter())
            for label_id in ids.tolist():
                counts[label_id] += by
                if not counts[label_id]:
                    del counts[label_id]
            self._ids.pop(layer_id, None)
