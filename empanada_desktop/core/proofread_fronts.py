"""Parts of an object from points in it: fronts that run fast where it is thick and slowly where it is thin."""

import heapq

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from empanada_desktop.core.proofread_change import Sampling

Mask = NDArray[np.bool_]
Numbers = NDArray[np.int32]
Place = tuple[int, int, int]
POWER = 2.0
BEYOND, LEAST_GAIN = 2, 0.5
EVERYWHERE = np.ones((3, 3, 3), np.bool_)


def met_fronts(mask: Mask, depth: NDArray[np.float32], markers: Numbers, sampling: Sampling) -> Numbers:
    """Give every voxel of a mask the number of the marker (int32 > 0) whose front reaches it first.

    A front's speed is the square of the depth inside the object, so fronts of two bodies meet at the neck between
    them, wherever in the bodies the markers are; within one body they meet about halfway. A marker near the surface
    begins half as deep as the body is there: watershed on the depth would give it next to nothing. Dijkstra over the
    26 neighbours; sampling: sizes of a voxel.
    """
    slowness = np.where(mask, 1.0 / np.maximum(depth, 0.5) ** POWER, 0.0).astype(np.float32)
    numbers = np.where(mask, markers, 0).astype(np.int32)
    for marker in np.argwhere(numbers > 0):
        _deepen(numbers, depth, (int(marker[0]), int(marker[1]), int(marker[2])))
    _run(mask, slowness, numbers, np.array(sampling, np.float64))
    return numbers


def _deepen(numbers: Numbers, depth: NDArray[np.float32], marker: Place) -> None:
    """Begin a front also on the way from its marker into the body, until half as deep as at that way's end."""
    way = [marker]
    while (deeper := _deeper(depth, way[-1])) is not None:
        way.append(deeper)
    for place in way[1:]:
        if depth[place] > depth[way[-1]] / 2 or numbers[place] not in (0, numbers[marker]):
            break
        numbers[place] = numbers[marker]


def _deeper(depth: NDArray[np.float32], place: Place) -> Place | None:
    """Return the deepest voxel that can be reached within a little more than the depth here; None when this is it."""
    reach = int(depth[place]) + BEYOND
    start = [max(0, at - reach) for at in place]
    around = depth[tuple(slice(first, at + reach + 1) for first, at in zip(start, place, strict=True))]
    own = tuple(at - first for first, at in zip(start, place, strict=True))
    parts, _ = ndimage.label(around > 0, EVERYWHERE)
    near = np.where(parts == parts[own], around, 0)
    best = np.unravel_index(int(np.argmax(near)), near.shape)
    if near[best] <= depth[place] + LEAST_GAIN:
        return None
    z, y, x = (first + int(at) for first, at in zip(start, best, strict=True))
    return z, y, x


@njit(cache=True, nogil=True)
def _run(mask: Mask, slowness: NDArray[np.float32], numbers: Numbers, sizes: NDArray[np.float64]) -> None:
    depth, height, width = mask.shape
    flat, inside, slow = numbers.reshape(-1), mask.reshape(-1), slowness.reshape(-1)
    arrival = np.full(flat.size, np.inf)
    queue = [(0.0, np.int64(0))]
    queue.clear()
    for seed in np.flatnonzero(flat > 0):
        arrival[seed] = 0.0
        heapq.heappush(queue, (0.0, np.int64(seed)))
    while queue:
        time, place = heapq.heappop(queue)
        if time > arrival[place]:
            continue
        z, y, x = place // (height * width), place // width % height, place % width
        for step_z in range(-1 if z > 0 else 0, 2 if z + 1 < depth else 1):
            for step_y in range(-1 if y > 0 else 0, 2 if y + 1 < height else 1):
                for step_x in range(-1 if x > 0 else 0, 2 if x + 1 < width else 1):
                    other = place + (step_z * height + step_y) * width + step_x
                    if not inside[other]:
                        continue
                    length = np.sqrt((step_z * sizes[0]) ** 2 + (step_y * sizes[1]) ** 2 + (step_x * sizes[2]) ** 2)
                    later = time + length * 0.5 * (slow[place] + slow[other])
                    if later < arrival[other]:
                        arrival[other] = later
                        flat[other] = flat[place]
                        heapq.heappush(queue, (later, np.int64(other)))
