"""Connected components of a plane that comes in bands of rows, from top to bottom."""

from collections.abc import Collection

import numpy as np
from numba import njit
from numpy.typing import NDArray

from empanada_desktop.core.components import ComponentTable, find_roots, join_sets, split_components

Labels = NDArray[np.uint32]
FAR = np.iinfo(np.int64).max


@njit(cache=True, nogil=True)
def _join_across(
    above: Labels, below: Labels, above_numbers: Labels, below_numbers: Labels, reach: int, parents: NDArray[np.int64]
) -> None:
    """Join the numbers of equal non-zero values in two neighbouring rows, `reach` columns apart at most."""
    width = above.size
    for column in range(width):
        value = below[column]
        if value == 0:
            continue
        for other in range(max(column - reach, 0), min(column + reach + 1, width)):
            if above[other] == value:
                join_sets(parents, np.int64(above_numbers[other]), np.int64(below_numbers[column]))


class BandComponents:
    """Splits the instances of a panoptic plane into 8-connected parts, as split_components does, band by band.

    Every band comes back with provisional numbers, and `finish` tells which components these are; only the table and
    one row are kept.
    """

    def __init__(self, things: Collection[int], label_divisor: int) -> None:
        self._things = things
        self._divisor = label_divisor
        self._tables: list[ComponentTable] = []
        self._parents = np.zeros(1, np.int64)
        self._stuff: dict[int, int] = {}
        self._rows = 0
        self._last: tuple[Labels, Labels] | None = None

    def add(self, panoptic: Labels) -> Labels:
        """Take the next band of panoptic ids, (h, W); returns its provisional numbers, which go on from the last."""
        numbers, table = split_components(panoptic, self._things, self._divisor)
        before = len(self._parents) - 1
        numbers[numbers > 0] += np.uint32(before)
        self._parents = np.concatenate([self._parents, np.arange(len(table)) + before + 1])
        if self._last is not None:
            _join_across(self._last[0], panoptic[0], self._last[1], numbers[0], 1, self._parents)
        for place in np.flatnonzero(~table.is_thing).tolist():
            number = before + 1 + place
            join_sets(self._parents, self._stuff.setdefault(int(table.classes[place]), number), number)
        boxes = table.boxes + np.array([self._rows, 0, self._rows, 0])
        self._tables.append(ComponentTable(table.classes, table.areas, boxes, table.is_thing))
        self._rows += len(panoptic)
        self._last = panoptic[-1].copy(), numbers[-1].copy()
        return numbers

    def finish(self) -> tuple[Labels, ComponentTable]:
        """Return the component 1..n of every provisional number (0: 0), and the table of the components.

        Components are numbered by their first pixel in reading order, as in the whole plane.
        """
        roots = find_roots(self._parents)
        kept, component = np.unique(roots, return_inverse=True)  # the root is the lowest number, and so the first
        place = component[1:] - 1
        classes, areas, boxes, is_thing = (
            np.concatenate([getattr(table, name) for table in self._tables])
            for name in ("classes", "areas", "boxes", "is_thing")
        )
        first = kept[1:] - 1
        joined = np.tile(np.array([FAR, FAR, 0, 0]), (len(first), 1))
        np.minimum.at(joined[:, :2], place, boxes[:, :2])
        np.maximum.at(joined[:, 2:], place, boxes[:, 2:])
        totals = np.bincount(place, areas, len(first)).astype(np.int64)
        return component.astype(np.uint32), ComponentTable(classes[first], totals, joined, is_thing[first])
