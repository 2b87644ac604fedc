"""Filling of holes in the objects of a plane that comes in bands of rows, from top to bottom."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from empanada_desktop.core.components import find_roots, join_sets
from empanada_desktop.core.holes import PartGraph, Regions, face_parts, object_boxes, settle, touching

Labels = NDArray[np.uint32]
Indices = NDArray[np.int64]


class _Parts(NamedTuple):
    """Connected parts of a plane or band, background included: value, box (start, stop), whether at the edge."""

    values: Labels
    boxes: Indices
    at_edge: NDArray[np.bool_]


class BandHoles:
    """Fills the holes of every object as core.holes.fill_holes does, in two rounds over the bands.

    `add` all bands, `decide`, then `fill` the same bands in the same order. Only tables and one row are kept.
    """

    def __init__(self, height: int) -> None:
        """Expect bands of `height` rows together."""
        self._height = height
        self._rows, self._count, self._filled = 0, 0, 0
        self._tables: list[_Parts] = []
        self._pairs: list[Indices] = []
        self._same: list[Indices] = []
        self._last: tuple[Labels, Indices] | None = None
        self._fill_with = np.zeros(0, np.uint32)

    def add(self, labels: Labels) -> None:
        """Take the next band, (h, W)."""
        parts = face_parts(labels[None])[0]
        self._tables.append(self._describe(labels, parts))
        self._pairs.append(np.stack(touching(parts[None])).astype(np.int64) + self._count)
        first_row, last_row = (parts[row].astype(np.int64) + self._count for row in (0, -1))
        if self._last is not None:
            across, is_same = np.stack([self._last[1], first_row]), self._last[0] == labels[0]
            self._same.append(np.unique(across[:, is_same], axis=1))
            self._pairs.append(np.unique(across[:, ~is_same], axis=1))
        self._last = labels[-1].copy(), last_row
        self._rows += len(labels)
        self._count += len(self._tables[-1].values)

    def decide(self) -> None:
        """Find out, when all bands are known, which parts of the background are filled with what."""
        parts, part_of = self._joined()
        pairs = np.unique(part_of[np.concatenate(self._pairs, axis=1)], axis=1)
        fill_with = np.zeros(len(parts.values), np.uint32)
        both_ways = np.concatenate([pairs, pairs[::-1]], axis=1)
        is_region = (parts.values == 0) & ~parts.at_edge
        of_regions = both_ways[:, is_region[both_ways[0]]]
        neighbours = np.unique(np.stack([of_regions[0], parts.values[of_regions[1]]]), axis=1)
        is_single = np.bincount(neighbours[0], minlength=len(fill_with))[neighbours[0]] == 1
        fill_with[neighbours[0, is_single]] = neighbours[1, is_single]
        if not is_single.all():
            numbers = np.unique(neighbours[0, ~is_single])
            regions = Regions(numbers, numbers, parts.boxes[numbers, 0], parts.boxes[numbers, 1])
            graph = PartGraph(parts.values, parts.at_edge, *pairs.astype(np.uint32))
            settle(*_objects(parts), regions, graph, fill_with)
        self._fill_with = fill_with[part_of]

    def fill(self, labels: Labels) -> Labels:
        """Return the next band with its holes filled."""
        parts = face_parts(labels[None])[0].astype(np.int64) + self._filled
        self._filled = int(parts.max()) + 1
        return np.where(labels > 0, labels, self._fill_with[parts])

    def _describe(self, labels: Labels, parts: Labels) -> _Parts:
        count = int(parts.max()) + 1
        values = np.zeros(count, np.uint32)
        values[parts] = labels
        numbers = np.arange(1, count + 1, dtype=np.uint32)
        boxes = object_boxes(parts[None] + np.uint32(1), numbers)[:, :, 1:]
        boxes[:, :, 0] += self._rows
        at_edge = np.zeros(count, np.bool_)
        at_edge[parts[:, (0, -1)]] = True
        at_edge |= (boxes[:, 0, 0] == 0) | (boxes[:, 1, 0] == self._height)
        return _Parts(values, boxes, at_edge)

    def _joined(self) -> tuple[_Parts, Indices]:
        """Return the parts of the whole plane, and which of them each part of a band is."""
        parents = np.arange(self._count)
        _join_all(parents, np.concatenate([np.zeros((2, 0), np.int64), *self._same], axis=1))
        roots, part_of = np.unique(find_roots(parents), return_inverse=True)
        boxes = np.concatenate([table.boxes for table in self._tables])
        joined = boxes[roots]
        np.minimum.at(joined[:, 0], part_of, boxes[:, 0])
        np.maximum.at(joined[:, 1], part_of, boxes[:, 1])
        at_edge = np.zeros(len(roots), np.bool_)
        at_edge[part_of[np.concatenate([table.at_edge for table in self._tables])]] = True
        values = np.concatenate([table.values for table in self._tables])[roots]
        return _Parts(values, joined, at_edge), part_of


@njit(cache=True, nogil=True)
def _join_all(parents: Indices, pairs: Indices) -> None:
    for place in range(pairs.shape[1]):
        join_sets(parents, pairs[0, place], pairs[1, place])


def _objects(parts: _Parts) -> tuple[Labels, Indices]:
    """Return the ids of the objects, ascending, and the box of each."""
    ids, object_of = np.unique(parts.values, return_inverse=True)
    boxes = np.zeros((len(ids), 2, 2), np.int64)
    boxes[:, 0] = 2**62
    np.minimum.at(boxes[:, 0], object_of, parts.boxes[:, 0])
    np.maximum.at(boxes[:, 1], object_of, parts.boxes[:, 1])
    return ids[ids > 0], boxes[ids > 0]
