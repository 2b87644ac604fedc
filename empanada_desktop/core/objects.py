"""The objects of a label volume: ids, voxels, boxes, centroids and mean grey, in one pass and kept up to date."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from empanada_desktop.core.blocks import blocks, blocks_within, count_blocks
from empanada_desktop.core.context import JobContext, QuietContext
from empanada_desktop.core.geometry import Box
from empanada_desktop.core.overlap import EMPTY, find_slot

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Triple = tuple[int, int, int]

# Read at once, and counted apart from its neighbours: an edit counts again only the cells that it touches.
READ = (256, 256, 256)
CELL = (64, 128, 128)
VOXELS, SUMS, STARTS, STOPS = 0, slice(1, 4), slice(4, 7), slice(7, 10)
N_FACTS = 10
FAR = 2**62


class LabelArray(Protocol):
    """A z y x array of ids that is read by boxes: numpy, memmap, zarr, a volume or a source of the document."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along z, y and x."""

    def __getitem__(self, index: Any, /) -> Any:  # noqa: ANN401 - numpy and zarr differ in their index types
        """Return the voxels of a box."""


@dataclass(frozen=True)
class _Counts:
    """Rows of facts by cell of the volume and id: voxels, sums of z y x, first and last places, sum of grey values."""

    cells: Ints
    ids: Ints
    facts: Ints
    grey: Floats

    def __len__(self) -> int:
        return len(self.ids)

    def where(self, chosen: NDArray[np.bool_]) -> "_Counts":
        return _Counts(self.cells[chosen], self.ids[chosen], self.facts[chosen], self.grey[chosen])


class ObjectIndex:
    """What there is to know of the objects of a label volume, in order of their ids (ascending).

    ids, voxels: (n,) int64. starts, stops: (n, 3) int64, the boxes. centroids: (n, 3) float64 z y x in voxels, the
    middle of a voxel at its index. mean_grey: (n,) float64, NaN without an image.
    """

    def __init__(self, shape: Triple, counts: _Counts, has_grey: bool) -> None:
        self.shape = shape
        self._counts = counts
        self._has_grey = has_grey
        self._summarise()

    @classmethod
    def of(cls, labels: LabelArray, context: JobContext | None = None, grey: LabelArray | None = None) -> Self:
        """Count the objects of a volume in one pass; `grey`: an image of the same shape."""
        context = context or QuietContext()
        shape = _triple(labels.shape)
        total = count_blocks(shape, READ)
        found = []
        for done, box in enumerate(blocks(shape, READ), 1):
            context.check_cancelled()
            found += list(_count_cells(labels, grey, box, shape))
            context.report(done, total, "Counting objects")
        return cls(shape, _joined(found), grey is not None)

    def updated(self, labels: LabelArray, boxes: Iterable[Box], grey: LabelArray | None = None) -> "ObjectIndex":
        """Return the index after the voxels of `boxes` were changed; only the cells around them are read."""
        cells = {cell for box in boxes for cell in _cells_of(box)}
        numbers = np.array([_cell_number(cell, self.shape) for cell in cells], np.int64)
        kept = self._counts.where(~np.isin(self._counts.cells, numbers))
        whole = Box((0, 0, 0), self.shape)
        found = [
            counts for cell in cells for counts in _count_cells(labels, grey, _cut(_cell_box(cell), whole), self.shape)
        ]
        return ObjectIndex(self.shape, _joined([kept, *found]), self._has_grey and grey is not None)

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, label_id: object) -> bool:
        return isinstance(label_id, int | np.integer) and self.find(int(label_id)) is not None

    def find(self, label_id: int) -> int | None:
        """Return the row of an id, None when there is no such object."""
        row = int(np.searchsorted(self.ids, label_id))
        return row if row < len(self.ids) and self.ids[row] == label_id else None

    def rows_of(self, ids: Iterable[int]) -> NDArray[np.int64]:
        """Return the rows of ids, in their order; those that are no objects are left out."""
        wanted = np.fromiter(ids, np.int64)
        rows = np.searchsorted(self.ids, wanted)
        there = rows < len(self.ids)
        there[there] = self.ids[rows[there]] == wanted[there]
        return np.asarray(rows[there])

    def box(self, label_id: int) -> Box:
        """Return the box of an object; KeyError when there is none."""
        row = self.find(label_id)
        if row is None:
            raise KeyError(label_id)
        return Box(_triple(self.starts[row]), _triple(self.stops[row]))

    @property
    def boxes(self) -> "ObjectBoxes":
        """The boxes by id, as merging, splitting and the like take them."""
        return ObjectBoxes(self)

    @property
    def touches_border(self) -> NDArray[np.bool_]:
        """(n,) whether each object reaches a face of the volume; an axis of one voxel has no faces."""
        shape = np.array(self.shape)
        at_face = ((self.starts == 0) | (self.stops == shape)) & (shape > 1)
        return np.asarray(at_face.any(axis=1))

    def _summarise(self) -> None:
        counts = self._counts
        self.ids, first = np.unique(counts.ids, return_index=True) if len(counts) else (counts.ids, counts.ids)
        empty = not len(self.ids)
        facts = counts.facts
        sums = facts[:, :4] if empty else np.add.reduceat(facts[:, :4], first)
        self.voxels = sums[:, 0]
        self.centroids = sums[:, 1:] / np.maximum(self.voxels, 1)[:, None]
        self.starts = facts[:, STARTS] if empty else np.minimum.reduceat(facts[:, STARTS], first)
        self.stops = facts[:, STOPS] if empty else np.maximum.reduceat(facts[:, STOPS], first)
        grey = counts.grey if empty else np.add.reduceat(counts.grey, first)
        self.mean_grey = grey / self.voxels if self._has_grey else np.full(len(self.ids), np.nan)


class ObjectBoxes(Mapping[int, Box]):
    """The boxes of an index by id."""

    def __init__(self, objects: ObjectIndex) -> None:
        self._objects = objects

    def __getitem__(self, label_id: int) -> Box:
        return self._objects.box(label_id)

    def __iter__(self) -> Iterator[int]:
        return iter(self._objects.ids.tolist())

    def __len__(self) -> int:
        return len(self._objects)


def _count_cells(labels: LabelArray, grey: LabelArray | None, box: Box, shape: Triple) -> Iterator[_Counts]:
    """Count each cell of a box, which is read at once."""
    read = np.ascontiguousarray(labels[box.slices])
    if not read.any():
        return
    values = None if grey is None else np.asarray(grey[box.slices])
    for cell in blocks_within(box, CELL):
        place = cell.moved(box.start, -1).slices
        part = None if values is None else np.ascontiguousarray(values[place], np.float32)
        ids, facts, sums = _count(
            np.ascontiguousarray(read[place]), np.zeros((1, 1, 1), np.float32) if part is None else part
        )
        if len(ids):
            facts[:, SUMS] += facts[:, :1] * np.array(cell.start)
            facts[:, STARTS] += np.array(cell.start)
            facts[:, STOPS] += np.array(cell.start)
            number = _cell_number(_cell_of(cell.start), shape)
            yield _Counts(np.full(len(ids), number), ids, facts, sums)


@njit(cache=True, nogil=True)
def _count(labels: NDArray[Any], grey: NDArray[np.float32]) -> tuple[Ints, Ints, Floats]:
    """Count the ids other than 0 of a block; a run of equal ids along x costs one look-up. No order."""
    keys, facts, sums = np.full(64, EMPTY, np.uint64), np.zeros((64, N_FACTS), np.int64), np.zeros(64)
    used = 0
    depth, height, width = labels.shape
    has_grey = grey.shape == labels.shape
    for z in range(depth):
        for y in range(height):
            x = 0
            while x < width:
                value, first = labels[z, y, x], x
                while x < width and labels[z, y, x] == value:
                    x += 1
                if value == 0:
                    continue
                key = np.uint64(value)
                slot = find_slot(keys, key)
                if keys[slot] == EMPTY:
                    keys[slot] = key
                    facts[slot, 4:7] = FAR
                    used += 1
                row = facts[slot]
                length = x - first
                row[0] += length
                row[1] += z * length
                row[2] += y * length
                row[3] += (first + x - 1) * length // 2
                row[4], row[5], row[6] = min(row[4], z), min(row[5], y), min(row[6], first)
                row[7], row[8], row[9] = max(row[7], z + 1), max(row[8], y + 1), max(row[9], x)
                if has_grey:
                    for place in range(first, x):
                        sums[slot] += grey[z, y, place]
                if 2 * used > keys.size:
                    keys, facts, sums = _doubled(keys, facts, sums)
    filled = keys != EMPTY
    return keys[filled].astype(np.int64), facts[filled], sums[filled]


@njit(cache=True, nogil=True)
def _doubled(keys: NDArray[np.uint64], facts: Ints, sums: Floats) -> tuple[NDArray[np.uint64], Ints, Floats]:
    """Return the table in twice the slots."""
    new_keys = np.full(2 * keys.size, EMPTY, np.uint64)
    new_facts, new_sums = np.zeros((2 * keys.size, N_FACTS), np.int64), np.zeros(2 * keys.size)
    for old in range(keys.size):
        if keys[old] != EMPTY:
            slot = find_slot(new_keys, keys[old])
            new_keys[slot], new_sums[slot] = keys[old], sums[old]
            new_facts[slot] = facts[old]
    return new_keys, new_facts, new_sums


def _joined(parts: list[_Counts]) -> _Counts:
    """Put the rows of several cells in order of their ids."""
    if not parts:
        nothing = np.zeros(0, np.int64)
        return _Counts(nothing, nothing, np.zeros((0, N_FACTS), np.int64), np.zeros(0))
    ids = np.concatenate([part.ids for part in parts])
    order = np.argsort(ids, kind="stable")
    return _Counts(
        np.concatenate([part.cells for part in parts])[order],
        ids[order],
        np.concatenate([part.facts for part in parts])[order],
        np.concatenate([part.grey for part in parts])[order],
    )


def _cell_of(voxel: Triple) -> Triple:
    return _triple([place // side for place, side in zip(voxel, CELL, strict=True)])


def _cell_box(cell: Triple) -> Box:
    start = _triple([place * side for place, side in zip(cell, CELL, strict=True)])
    return Box(start, _triple([first + side for first, side in zip(start, CELL, strict=True)]))


def _cell_number(cell: Triple, shape: Triple) -> int:
    _, rows, columns = (-(-length // side) for length, side in zip(shape, CELL, strict=True))
    return (cell[0] * rows + cell[1]) * columns + cell[2]


def _cells_of(box: Box) -> Iterator[Triple]:
    return (_cell_of(part.start) for part in blocks_within(box, CELL))


def _cut(box: Box, whole: Box) -> Box:
    stop = _triple([min(pair) for pair in zip(box.stop, whole.stop, strict=True)])
    return Box(box.start, stop)


def _triple(values: Any) -> Triple:  # noqa: ANN401 - any three whole numbers
    z, y, x = (int(value) for value in values)
    return z, y, x
