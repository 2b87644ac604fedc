"""The ids that stand in the masks of a training set: by which label divisor they go, and which of them mean nothing."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Published sets have the first, labels of this program the second.
USUAL_DIVISORS = (1000, 10_000, 100_000, 1_000_000)
SHOWN = 5
Ids = NDArray[np.int64]


@dataclass
class MaskIds:
    """Ids class * label_divisor + k of all masks; with one class only, plain ids below the divisor will do."""

    class_ids: tuple[int, ...]
    label_divisor: int
    by_mask: dict[str, Ids] = field(default_factory=dict)
    """Those that stand in each mask, ascending, without 0."""

    def take(self, name: str, mask: NDArray[Any]) -> bool:
        """Take note of a mask; False where it is empty."""
        present = np.unique(mask).astype(np.int64)
        present = present[present != 0]
        if present.size:
            self.by_mask[name] = present
        return bool(present.size)

    def settle(self) -> list[str]:
        """Go by another usual divisor where that of the masks is clearly another one; say so."""
        asked = self.label_divisor
        if not any(self._is_plain(ids) for ids in self.by_mask.values()):
            fitting = (one for one in (asked, *USUAL_DIVISORS) if self._fits(one))
            self.label_divisor = next(fitting, asked)
        if self.label_divisor == asked:
            return []
        return [f"The masks' ids go by a label divisor of {self.label_divisor}, not {asked}: so they are read."]

    def faults(self) -> list[str]:
        """Say which masks hold ids of no class, or ids of another kind than others."""
        plain = [name for name, ids in self.by_mask.items() if self._is_plain(ids)]
        outside = {name: self._outside(ids, self.label_divisor) for name, ids in self.by_mask.items()}
        coded = [name for name, ids in outside.items() if not ids.size]
        found = []
        if plain and coded:
            found.append(
                f"Some masks hold plain instance ids (such as {plain[0]}), others class * {self.label_divisor} + k "
                f"(such as {coded[0]})"
            )
        wanted = ", ".join(map(str, self.class_ids))
        for name, ids in outside.items():
            if ids.size and name not in plain:
                few = ", ".join(map(str, ids[:SHOWN].tolist()))
                found.append(
                    f"{name} holds ids outside the classes {wanted} (label divisor {self.label_divisor}): {few}"
                )
        return found

    def _is_plain(self, ids: Ids) -> bool:
        return bool(len(self.class_ids) == 1 and ids[0] > 0 and ids[-1] < self.label_divisor)

    def _fits(self, divisor: int) -> bool:
        return not any(self._outside(ids, divisor).size for ids in self.by_mask.values())

    def _outside(self, ids: Ids, divisor: int) -> Ids:
        """Return the ids that belong to no class."""
        return ids[~np.isin(ids // divisor, self.class_ids)]
