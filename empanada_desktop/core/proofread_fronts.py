"""Parts of an object from points in it: fronts that run fast where it is thick and slowly where it is thin."""

import heapq

import numpy as np
from numba import njit
from numpy.typing import NDArray

from empanada_desktop.core.proofread_change import Sampling

Mask = NDArray[np.bool_]
Numbers = NDArray[np.int32]
POWER = 2.0


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
        _deepen(numbers, depth, tuple(marker.tolist()))
    _run(mask, slowness, numbers, np.array(sampling, np.float64))
    return numbers


def _deepen(numbers: Numbers, depth: NDArray[np.float32], marker: tuple[int, ...]) -> None:
    """Extend a marker along the way of steepest ascent to where it is half as deep as at that way's end."""
    path = [marker]
    while True:
        start = [max(0, place - 1) for place in path[-1]]
        around = depth[tuple(slice(first, place + 2) for first, place in zip(start, path[-1], strict=True))]
        best = np.unravel_index(int(np.argmax(around)), around.shape)
        deeper = tuple(first + int(step) for first, step in zip(start, best, strict=True))
        if depth[deeper] <= depth[path[-1]]:
            break
        path.append(deeper)
    for place in path[1:]:
        if depth[place] > depth[path[-1]] / 2 or numbers[place] not in (0, numbers[marker]):
            break
        numbers[place] = numbers[marker]


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
