"""What a brush does to the voxels that it covers: paint, erase, keep other objects, mind grey values or an object."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Rule:
    """Which voxels take `label_id` (0 erases).

    keeps_others: only background is painted over, and only `own` is erased. grey: lowest and highest grey value that
    may be painted. guide: only inside this object (where is_inside), or only outside of it.
    """

    label_id: int
    own: int = 0
    keeps_others: bool = False
    grey: tuple[float, float] | None = None
    guide: int | None = None
    is_inside: bool = True

    @property
    def minds_grey(self) -> bool:
        """Whether grey values have to be known."""
        return self.grey is not None


def painted(
    before: NDArray[np.uint32],
    mask: NDArray[np.bool_],
    rule: Rule,
    grey: NDArray[Any] | None = None,
    guide: NDArray[np.uint32] | None = None,
) -> NDArray[np.uint32]:
    """Return voxels as they are after a brush; all arrays have one shape.

    before: the ids. mask: which voxels the brush covers. grey: the image there, where the rule minds it. guide: the
    ids of another layer that the rule's `guide` is looked for in, `before` itself when None.
    """
    takes = mask & may_take(before, rule)
    if rule.grey is not None and grey is not None:
        takes &= (grey >= rule.grey[0]) & (grey <= rule.grey[1])
    if rule.guide is not None:
        takes &= ((before if guide is None else guide) == rule.guide) == rule.is_inside
    return np.where(takes, before.dtype.type(rule.label_id), before)


def may_take(before: NDArray[np.uint32], rule: Rule) -> NDArray[np.bool_]:
    """Return which voxels a rule lets go, as far as the ids in them decide."""
    if not rule.keeps_others:
        return np.ones(before.shape, np.bool_)
    allowed: NDArray[np.bool_] = before == (0 if rule.label_id else rule.own)
    return allowed


def seeded_range(values: NDArray[Any], tolerance: float) -> tuple[float, float]:
    """Return the grey values that are like those under the brush where a stroke begins.

    The median, and on both sides of it `tolerance` times their standard deviation, one grey value at least.
    """
    middle = float(np.median(values))
    reach = max(1.0, tolerance * float(np.std(values)))
    return middle - reach, middle + reach
