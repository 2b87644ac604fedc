"""One-to-one matching of two sets of objects by their overlaps, without a matrix of all pairs."""

from collections.abc import Iterator

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from empanada_desktop.core.overlap import intersection_over_area, iou

Indices = NDArray[np.int64]


def match_objects(
    first: Indices, second: Indices, shared: Indices, first_areas: Indices, second_areas: Indices, threshold: float
) -> Indices:
    """Assign second objects to first ones, one to one, with the largest sum of IoU; keep those with IoU >= `threshold`.

    Pair i says that objects `first[i]` and `second[i]` (indices from 0, each pair once) share `shared[i]` > 0 voxels.
    Returns for each second object the index of its first object, or -1. Groups of objects that overlap nothing else are
    solved one by one, so the cubic cost of the Hungarian method (Kuhn 1955) falls on small matrices.
    """
    scores = iou(shared, first_areas[first], second_areas[second])
    chosen = assign_pairs(first, second, scores)
    good = chosen[scores[chosen] >= threshold]
    found = np.full(len(second_areas), -1, np.int64)
    found[second[good]] = first[good]
    return found


def assign_pairs(first: Indices, second: Indices, scores: NDArray[np.float64]) -> Indices:
    """Choose pairs with the largest sum of `scores` (> 0), no object twice; returns their indices, ascending."""
    if not len(first):
        return np.zeros(0, np.int64)
    certain, open_ = certain_pairs(first, second, scores)
    rest = np.flatnonzero(open_)
    if not len(rest):
        return np.flatnonzero(certain)
    others = rest[_solve(first[rest], second[rest], scores[rest])]
    return np.sort(np.concatenate([np.flatnonzero(certain), others]))


@njit(cache=True, nogil=True)
def certain_pairs(
    first: Indices, second: Indices, scores: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Find pairs that every best assignment has; return these, and the pairs that are still open.

    A pair is certain when it scores more than the best other pair of its first object and the best other one of its
    second object together: what has these instead gets better with it. Its objects are then taken, which may make
    others certain.
    """
    certain, is_open = np.zeros(first.size, np.bool_), np.ones(first.size, np.bool_)
    found = True
    while found:
        found = False
        firsts, seconds = _two_best(first, scores, is_open), _two_best(second, scores, is_open)
        for pair in range(first.size):
            if is_open[pair]:
                rivals = _rival(firsts[first[pair]], pair) + _rival(seconds[second[pair]], pair)
                if scores[pair] > rivals:
                    certain[pair] = found = True
        if found:
            _close(first, second, certain, is_open)
    return certain, is_open


@njit(cache=True, nogil=True)
def _two_best(objects: Indices, scores: NDArray[np.float64], is_open: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return for each object its best open pair, that pair's score, and the next best score (0 for none)."""
    best = np.zeros((objects.max() + 1, 3))
    best[:, 0] = -1
    for pair in range(objects.size):
        if is_open[pair]:
            row = best[objects[pair]]
            if scores[pair] > row[1]:
                row[0], row[1], row[2] = pair, scores[pair], row[1]
            else:
                row[2] = max(row[2], scores[pair])
    return best


@njit(cache=True, nogil=True, inline="always")
def _rival(best: NDArray[np.float64], pair: int) -> float:
    """Return the best score of an object's other pairs."""
    return float(best[2]) if best[0] == pair else float(best[1])


@njit(cache=True, nogil=True)
def _close(first: Indices, second: Indices, certain: NDArray[np.bool_], is_open: NDArray[np.bool_]) -> None:
    """Close all pairs of objects that a certain pair has."""
    taken_first, taken_second = np.zeros(first.max() + 1, np.bool_), np.zeros(second.max() + 1, np.bool_)
    for pair in range(first.size):
        if certain[pair]:
            taken_first[first[pair]] = taken_second[second[pair]] = True
    for pair in range(first.size):
        if taken_first[first[pair]] or taken_second[second[pair]]:
            is_open[pair] = False


def _solve(first: Indices, second: Indices, scores: NDArray[np.float64]) -> Indices:
    """Choose pairs as assign_pairs does, where nothing is certain at first sight."""
    part, is_star, rows, columns = _parts(first, second)
    order = np.lexsort((second, first, -scores, part))
    starts = np.flatnonzero(np.diff(part[order], prepend=-1))
    best = order[starts[is_star[part[order[starts]]]]]
    chosen = [pairs[_assign(rows[pairs], columns[pairs], scores[pairs])] for pairs in _groups(part, ~is_star[part])]
    return np.sort(np.concatenate([best, *chosen]))


def _parts(first: Indices, second: Indices) -> tuple[Indices, NDArray[np.bool_], Indices, Indices]:
    """Return the connected part of the overlap graph of each pair, and of each part whether an object is in all pairs.

    Most parts are such stars, of which the best pair is the whole answer. Last come the places of each pair's objects
    among the first and among the second objects of their part.
    """
    n_first = int(first.max()) + 1
    n_nodes = n_first + int(second.max()) + 1
    graph = coo_array((np.ones(len(first), np.int8), (first, second + n_first)), shape=(n_nodes, n_nodes))
    count, part_of = connected_components(graph.tocsr(), directed=False)
    part = part_of[first].astype(np.int64)
    n_pairs = np.bincount(part, minlength=count)
    n_firsts = np.bincount(part_of[:n_first], minlength=count)
    n_seconds = np.bincount(part_of[n_first:], minlength=count)
    is_star = (n_pairs > 0) & ((n_firsts == 1) | (n_seconds == 1))
    return part, is_star, _places(part_of[:n_first])[first], _places(part_of[n_first:])[second]


def _places(part_of: NDArray[np.int32]) -> Indices:
    """Return the place of each object among those of its part."""
    order = np.argsort(part_of, kind="stable")
    starts = np.flatnonzero(np.diff(part_of[order], prepend=-1))
    places = np.empty(len(part_of), np.int64)
    places[order] = np.arange(len(part_of)) - np.repeat(starts, np.diff(starts, append=len(part_of)))
    return places


def _groups(part: Indices, chosen: NDArray[np.bool_]) -> Iterator[Indices]:
    """Yield the chosen pairs, as indices, part by part."""
    places = np.flatnonzero(chosen)
    order = places[np.argsort(part[places], kind="stable")]
    yield from np.split(order, np.flatnonzero(np.diff(part[order])) + 1) if len(order) else ()


def _assign(rows: Indices, columns: Indices, scores: NDArray[np.float64]) -> Indices:
    """Return the indices of the pairs of the best one-to-one assignment of rows and columns, numbered from 0."""
    shape = int(rows.max()) + 1, int(columns.max()) + 1
    matrix = np.zeros(shape)
    matrix[rows, columns] = scores
    pair_at = np.full(shape, -1, np.int64)
    pair_at[rows, columns] = np.arange(len(rows))
    chosen = pair_at[linear_sum_assignment(matrix, maximize=True)]
    return np.asarray(chosen[chosen >= 0])


def merge_unmatched(
    found: Indices, first: Indices, second: Indices, shared: Indices, second_areas: Indices, threshold: float
) -> Indices:
    """Give each second object without a match the first object that holds most of it, if that part is >= `threshold`.

    Of first objects with equal parts the one with the lowest index wins. Arguments as for `match_objects`, whose result
    is `found`.
    """
    result = found.copy()
    order = np.lexsort((-first, shared))  # the last one written wins
    best = np.full(len(second_areas), -1, np.int64)
    best[second[order]] = order
    left = np.flatnonzero((found < 0) & (best >= 0))
    pairs = best[left]
    enough = intersection_over_area(shared[pairs], second_areas[left]) >= threshold
    result[left[enough]] = first[pairs[enough]]
    return result
