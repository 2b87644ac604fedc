"""Which image downsampling to take: what was found at each, and how well neighbouring scales agree."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TINY_PART = 20
NEARLY = 0.9
COARSE_DIAMETER = 7.0
FEWER = 0.7


@dataclass(frozen=True)
class ScaleLook:
    """What was found at one scale. diameter: typical one in pixels that the network saw; agreement: 0 to 1."""

    objects: int
    tiny: int
    diameter: float
    agreement: float


def look_at_scales(found: Mapping[int, NDArray[np.uint32]]) -> dict[int, ScaleLook]:
    """Describe label planes (H, W), all of the same plane, by the downsampling that they were found at."""
    order = sorted(found)
    masks = {factor: found[factor] > 0 for factor in order}
    looks = {}
    for place, factor in enumerate(order):
        counts = np.unique(found[factor][masks[factor]], return_counts=True)[1]
        typical = float(np.median(np.sort(counts)[-max(1, (counts.size + 1) // 2) :])) if counts.size else 0.0
        tiny = int((counts < typical / TINY_PART).sum())
        near = order[max(0, place - 1) : place] + order[place + 1 : place + 2]
        agreement = float(np.mean([overlap(masks[factor], masks[other]) for other in near])) if near else 0.0
        looks[factor] = ScaleLook(counts.size, tiny, 2 * float(np.sqrt(typical / np.pi)) / factor, agreement)
    return looks


def overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Intersection over union of two masks; 0 where both are empty."""
    union = int((one | other).sum())
    return float((one & other).sum()) / union if union else 0.0


def suggested_scale(looks: Mapping[int, ScaleLook]) -> int | None:
    """The coarsest scale that agrees nearly as well with its neighbours as any; None where nothing was found."""
    best = max((look.agreement for look in looks.values()), default=0.0)
    fit = [factor for factor, look in looks.items() if look.objects and look.agreement >= NEARLY * best]
    return max(fit) if fit and best > 0 else None


def verdict(factor: int, looks: Mapping[int, ScaleLook]) -> tuple[bool, str]:
    """Whether a scale will do, and why, in a few words."""
    look, suggested = looks[factor], suggested_scale(looks)
    if look.objects == 0:
        return False, "Nothing found"
    if factor == suggested:
        return True, "Agrees best with its neighbours"
    if look.diameter < COARSE_DIAMETER:
        return False, "Too coarse for these objects"
    if (
        suggested is not None and look.objects - look.tiny > 1.5 * looks[suggested].objects
    ) or look.tiny > look.objects / 3:
        return False, "Breaks objects into pieces"
    if suggested is not None and look.objects < FEWER * looks[suggested].objects:
        return False, "Finds fewer of them"
    return True, "Finds nearly the same"
