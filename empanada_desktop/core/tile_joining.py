"""Objects that were labelled tile by tile become those of the whole plane."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.components import connected_parts, find_roots, join_sets
from empanada_desktop.core.overlap import contingency

Labels = NDArray[np.uint32]
Span = tuple[int, int]

LEAST_SHARE = 0.5


def join_label_tiles(
    tiles: Sequence[NDArray[np.integer]],
    corners: Sequence[tuple[int, int]],
    shape: tuple[int, int],
    least_share: float = LEAST_SHARE,
) -> Labels:
    """Join tiles (h, w) whose ids are of their own, with their first pixel at `corners`, into a plane of `shape`.

    Two pieces are one object when connected parts of theirs in the overlap of their tiles share at least `least_share`
    of the smaller part; whatever is joined with the same piece is joined. So objects may span any number of tiles, a
    piece that another tile saw as two joins these, and neighbours whose borders differ by some pixels stay apart.
    A pixel is background only if it is in every tile that holds it; where tiles differ, the one counts in which it lies
    deepest, the earlier one of equals.

    Returns (H, W) uint32, objects numbered from 1 by the first pixel in reading order.
    """
    numbered, starts = _number_apart(tiles)
    parents = np.arange(starts[-1] + 1)
    for first, second, low, high in _overlaps([tile.shape for tile in tiles], corners):
        views = []
        for number in (first, second):
            top, left = low - corners[number]
            bottom, right = high - corners[number]
            views.append(numbered[number][top:bottom, left:right])
        _join(parents, views[0], views[1], least_share)
    plane = _paint(numbered, corners, shape)
    return _renumber(find_roots(parents).astype(np.uint32)[plane])


def _number_apart(tiles: Sequence[NDArray[np.integer]]) -> tuple[list[Labels], list[int]]:
    """Give all pieces numbers 1..n over all tiles; returns the tiles and the last number of each."""
    numbered, ends = [], [0]
    for tile in tiles:
        ids, places = np.unique(tile, return_inverse=True)
        number = np.zeros(len(ids), np.uint32)
        number[ids > 0] = np.arange(np.count_nonzero(ids)) + 1 + ends[-1]
        numbered.append(number[places].reshape(tile.shape))
        ends.append(ends[-1] + int(np.count_nonzero(ids)))
    return numbered, ends


def _overlaps(
    shapes: Sequence[tuple[int, ...]], corners: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int, NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the pairs of tiles that share pixels, and the first corner and the end of what they share."""
    starts = np.array(corners, np.int64).reshape(-1, 2)
    ends = starts + np.array(shapes, np.int64).reshape(-1, 2)
    for first in range(len(starts)):
        lows = np.maximum(starts[first], starts[first + 1 :])
        highs = np.minimum(ends[first], ends[first + 1 :])
        for place in np.flatnonzero((lows < highs).all(axis=1)):
            yield first, first + 1 + int(place), lows[place], highs[place]


def _join(parents: NDArray[np.int64], first: Labels, second: Labels, least_share: float) -> None:
    """Join pieces through the connected parts that they have in the overlap of two tiles."""
    parts = [connected_parts(np.ascontiguousarray(view)) for view in (first, second)]
    table = contingency(*parts)
    pairs = table.overlaps
    ids, areas = [], []
    for view, part, own, counted in zip(
        (first, second), parts, (pairs.first, pairs.second), (table.first_areas, table.second_areas), strict=True
    ):
        piece = np.zeros(int(part.max(initial=0)) + 1, np.int64)
        piece[part] = view
        ids.append(piece[own])
        areas.append(counted[1][own.astype(np.int64) - 1])
    same = pairs.voxels >= least_share * np.minimum(*areas)
    for one, other in zip(ids[0][same].tolist(), ids[1][same].tolist(), strict=True):
        join_sets(parents, one, other)


def _paint(tiles: Sequence[Labels], corners: Sequence[tuple[int, int]], shape: tuple[int, int]) -> Labels:
    """Write every tile into the plane, deeper pixels over shallower ones, objects over background."""
    plane, depths = np.zeros(shape, np.uint32), np.zeros(shape, np.int32)
    for tile, (top, left) in zip(tiles, corners, strict=True):
        place = slice(top, top + tile.shape[0]), slice(left, left + tile.shape[1])
        depth = np.where(tile > 0, _depths(tile.shape), 0)
        wins = depth > depths[place]
        plane[place][wins] = tile[wins]
        depths[place][wins] = depth[wins]
    return plane


def _depths(shape: tuple[int, ...]) -> NDArray[np.int32]:
    """Return how far each pixel of a tile lies from its nearest edge, 1 at the edge."""
    rows, columns = (np.minimum(np.arange(1, n + 1), np.arange(n, 0, -1)).astype(np.int32) for n in shape)
    return np.minimum(rows[:, None], columns[None, :])


def _renumber(plane: Labels) -> Labels:
    """Number the objects from 1 by their first pixel."""
    ids, first, places = np.unique(plane, return_index=True, return_inverse=True)
    numbers = np.zeros(len(ids), np.uint32)
    order = np.argsort(np.where(ids > 0, first, -1), kind="stable")
    numbers[order] = np.arange(len(ids)) + (0 if ids[0] == 0 else 1)
    return numbers[places].reshape(plane.shape)
