"""Nearest of many points for every pixel of a plane, exactly, at a cost that does not grow with the number of points.

The plane is cut into square leaves, and each leaf gets the short list of points that can be nearest to any place in
it. The lists come from the top down: a cell drops a point when another one is closer at all four of its corners,
for then it is closer everywhere between them (the difference of two squared distances is linear in the place).
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

LEAVES_LIMIT = 1 << 20  # bounds the table's memory when a few stray places stretch the box


class NearestTable(NamedTuple):
    """Short lists of points: leaf i = row * side + column holds `members[starts[i]:starts[i + 1]]`."""

    top: float
    left: float
    leaf: float
    side: int
    starts: NDArray[np.int64]
    members: NDArray[np.int32]


@njit(cache=True, nogil=True, inline="always")
def _may_be_nearer(own: float, other: float) -> bool:
    """Compare squared distances; the slack only ever keeps a point too many."""
    return own <= other * (1 + 1e-9) + 1e-6


@njit(cache=True, nogil=True)
def _filter_cell(
    points: NDArray[np.float64],
    parents: NDArray[np.int32],
    top: float,
    left: float,
    size: float,
    kept: NDArray[np.int32],
) -> int:
    """Write into `kept` those of `parents` that may be nearest to a place in the cell; return how many."""
    best = np.inf
    rival = parents[0]
    for member in parents:
        dy = points[member, 0] - (top + 0.5 * size)
        dx = points[member, 1] - (left + 0.5 * size)
        distance = dy * dy + dx * dx
        if distance < best:
            best, rival = distance, member
    count = 0
    above, below = (points[rival, 0] - top) ** 2, (points[rival, 0] - (top + size)) ** 2
    before, after = (points[rival, 1] - left) ** 2, (points[rival, 1] - (left + size)) ** 2
    for member in parents:
        own_above, own_below = (points[member, 0] - top) ** 2, (points[member, 0] - (top + size)) ** 2
        own_before, own_after = (points[member, 1] - left) ** 2, (points[member, 1] - (left + size)) ** 2
        if (
            _may_be_nearer(own_above + own_before, above + before)
            or _may_be_nearer(own_above + own_after, above + after)
            or _may_be_nearer(own_below + own_before, below + before)
            or _may_be_nearer(own_below + own_after, below + after)
        ):
            kept[count] = member
            count += 1
    return count


@njit(cache=True, nogil=True)
def _split_cells(
    points: NDArray[np.float64],
    starts: NDArray[np.int64],
    members: NDArray[np.int32],
    side: int,
    box: tuple[float, float, float, float],
    size: float,
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Halve the cells of a `side` x `side` table over `box` (top, left, bottom, right) to the side length `size`."""
    new_side = 2 * side
    new_starts = np.zeros(new_side * new_side + 1, np.int64)
    new_members = np.empty(max(64, 2 * members.size), np.int32)
    kept = np.empty(points.shape[0], np.int32)
    total = 0
    for cell in range(new_side * new_side):
        row, column = cell // new_side, cell % new_side
        top, left = box[0] + row * size, box[1] + column * size
        if top <= box[2] and left <= box[3]:
            parent = (row // 2) * side + column // 2
            count = _filter_cell(points, members[starts[parent] : starts[parent + 1]], top, left, size, kept)
            if total + count > new_members.size:
                grown = np.empty(2 * (total + count), np.int32)
                grown[:total] = new_members[:total]
                new_members = grown
            new_members[total : total + count] = kept[:count]
            total += count
        new_starts[cell + 1] = total
    return new_starts, new_members[:total]


def build_nearest_table(
    points: NDArray[np.float64], box: tuple[float, float, float, float], leaf: float
) -> NearestTable:
    """Prepare the search for the nearest of `points` ((k, 2): y, x; k >= 1) from any place in `box`.

    `box` is top, left, bottom, right in the points' unit, bounds included; `leaf` is the wished side of a leaf.
    """
    top, left, bottom, right = box
    extent = max(bottom - top, right - left, leaf) * (1 + 1e-9)
    levels = min(int(np.ceil(np.log2(extent / leaf))), int(np.log2(LEAVES_LIMIT)) // 2)
    starts = np.array([0, len(points)], np.int64)
    members = np.arange(len(points), dtype=np.int32)
    for level in range(levels):
        size = extent / 2 ** (level + 1)
        starts, members = _split_cells(points, starts, members, 2**level, box, size)
    return NearestTable(top, left, extent / 2**levels, 2**levels, starts, members)


@njit(cache=True, nogil=True)
def nearest_member(points: NDArray[np.float64], table: NearestTable, y: float, x: float) -> int:
    """Return the index of the point nearest to (y, x), a place in the table's box; the lowest index among equals."""
    row = min(int((y - table.top) / table.leaf), table.side - 1)
    column = min(int((x - table.left) / table.leaf), table.side - 1)
    cell = row * table.side + column
    first, last = table.starts[cell], table.starts[cell + 1]
    best_member = table.members[first]
    if last - first == 1:
        return int(best_member)
    best = np.inf
    for position in range(first, last):
        member = table.members[position]
        distance = (points[member, 0] - y) ** 2 + (points[member, 1] - x) ** 2
        if distance < best:
            best, best_member = distance, member
    return int(best_member)
