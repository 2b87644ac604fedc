"""Necks: where an object is so thin between two bodies that it may be two."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from empanada_desktop.core.components import find_root
from empanada_desktop.core.proofread_change import Sampling
from empanada_desktop.core.proofread_flood import Mask, Numbers, depth_inside, flooded

# What is no body of its own: less of the object's voxels, or not deeper than this many voxels.
LEAST_PART = 0.05
LEAST_DEPTH = 2.0


@dataclass(frozen=True)
class Neck:
    """Two bodies of an object and what joins them.

    tightness: 0 to 1, how much thinner the neck is than the smaller body. part: voxels of the smaller body by those of
    the object. voxels: of the cut through the neck. place: z y x in the mask.
    """

    tightness: float
    part: float
    voxels: int
    place: tuple[float, float, float]


def find_neck(mask: Mask, sampling: Sampling) -> Neck | None:
    """Return the neck of a mask (z y x) between its two most distinct bodies; None where there is only one."""
    depth = depth_inside(mask, sampling)
    order = np.flatnonzero(mask)
    order = order[np.argsort(-depth.reshape(-1)[order], kind="stable")]
    found = _tightest(mask, depth, order.astype(np.int64), LEAST_PART * len(order), np.float32(LEAST_DEPTH))
    tightness, one, other, voxels = found
    if one < 0:
        return None
    markers = np.zeros(mask.shape, np.int32)
    markers.reshape(-1)[[one, other]] = 1, 2
    cut = _cut(flooded(mask, depth, markers))
    if not len(cut):
        return None
    z, y, x = cut.mean(axis=0).tolist()
    return Neck(float(tightness), float(voxels / len(order)), len(cut), (z, y, x))


def _cut(numbers: Numbers) -> NDArray[np.int64]:
    """Return the places of part 2 that touch part 1 by a face."""
    beside = np.zeros(numbers.shape, np.bool_)
    for axis in range(3):
        one, other = (slice(None),) * axis + (slice(None, -1),), (slice(None),) * axis + (slice(1, None),)
        beside[one] |= (numbers[one] == 2) & (numbers[other] == 1)
        beside[other] |= (numbers[other] == 2) & (numbers[one] == 1)
    return np.argwhere(beside)


@njit(cache=True, nogil=True)
def _tightest(
    mask: Mask, depth: NDArray[np.float32], order: NDArray[np.int64], least: float, least_depth: np.float32
) -> tuple[float, int, int, int]:
    """Lower the water: voxels come up from the deepest on; where two bodies meet, their neck is as deep as there.

    Returns tightness · √(smaller part) at its best as tightness, the deepest places of both bodies (-1: none) and the
    voxels of the smaller one.
    """
    _, height, width = mask.shape
    flat = depth.reshape(-1)
    parents = np.full(flat.size, -1, np.int64)
    peaks = np.zeros(flat.size, np.int64)
    counts = np.zeros(flat.size, np.int64)
    best, best_tightness, one, other, part = 0.0, 0.0, -1, -1, 0
    for place in order:
        parents[place], peaks[place], counts[place] = place, place, 1
        z, y, x = place // (height * width), place // width % height, place % width
        for dz in range(max(z - 1, 0), min(z + 2, mask.shape[0])):
            for dy in range(max(y - 1, 0), min(y + 2, height)):
                for dx in range(max(x - 1, 0), min(x + 2, width)):
                    beside = (dz * height + dy) * width + dx
                    if parents[beside] < 0:
                        continue
                    a, b = find_root(parents, place), find_root(parents, beside)
                    if a == b:
                        continue
                    if flat[peaks[a]] < flat[peaks[b]]:
                        a, b = b, a
                    smaller = min(counts[a], counts[b])
                    shallower = flat[peaks[b]]
                    if smaller >= least and shallower > least_depth:
                        tightness = 1.0 - flat[place] / shallower
                        value = tightness * (2.0 * smaller / order.size) ** 0.25
                        if value > best:
                            best, best_tightness, one, other, part = value, tightness, peaks[a], peaks[b], smaller
                    parents[b] = a
                    counts[a] += counts[b]
    return best_tightness, one, other, part
