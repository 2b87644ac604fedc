"""The labels of a job that still runs: the planes that it has finished, with ids carried on from plane to plane."""

import threading
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.context import Partial
from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.document.sources import FlatSource, Triple, box_of, cut, intersection, whole_box, within

CACHED_BYTES = 128 << 20


class PartialSource(FlatSource):
    """What a running segment-volume has found so far; empty where it has not been yet. Ids are for the eyes only.

    An object keeps the id of the one in the plane before that it covers most; the job itself matches more carefully.
    Reading is safe from several threads; the first read of a plane looks at those before it. The planes read last are
    kept: what is shown from all sides asks for the newest of them dozens of times.
    """

    def __init__(self, partial: Partial, array: Any = None) -> None:  # noqa: ANN401 - zarr or numpy
        self.axis = partial.axis
        self._array = _open(partial) if array is None else array
        z, y, x = (int(self._array.shape[self.order.index(axis)]) for axis in range(3))
        super().__init__(partial.shape or (z, y, x), np.dtype(np.uint32))
        self._part = partial.part or whole_box((z, y, x))
        self._version = partial.done
        self._planes: OrderedDict[int, NDArray[np.uint32]] = OrderedDict()
        self._tables: list[NDArray[np.uint32]] = []
        self._last = np.zeros(0, np.uint32)
        self._next_id = 1
        self._lock = threading.Lock()

    @property
    def order(self) -> Triple:
        """Volume axes that the array's axes (planes, rows, columns) lie along."""
        return self.axis.normal, *self.axis.in_plane

    @property
    def done(self) -> int:
        """How many planes are finished."""
        return self._version

    def advance(self, done: int) -> Box | None:
        """Take note of finished planes; returns the voxels that came with them, None where there are no new ones."""
        before, self._version = self._version, max(done, self._version)
        if self._version == before:
            return None
        spans = list(self._part.spans)
        first = spans[self.axis.normal][0]
        spans[self.axis.normal] = (first + before, first + self._version)
        return Box.of_spans(spans)

    def read(self, level: int, axis: Axis, index: int, rows: slice, columns: slice) -> NDArray[np.uint32]:
        """Return part of a plane."""
        return self[cut(axis, slice(index, index + 1), rows, columns)].squeeze(axis.normal)

    def __getitem__(self, index: Any, /) -> NDArray[np.uint32]:  # noqa: ANN401 - three slices
        wanted = box_of(index, self.shape)
        common = intersection(wanted, self._part)
        if common == wanted:
            return self._of_part(wanted.moved(self._part.start, -1))
        result = np.zeros(wanted.shape, np.uint32)
        if common is not None:
            result[within(common, wanted)] = self._of_part(common.moved(self._part.start, -1))
        return result

    def _of_part(self, box: Box) -> NDArray[np.uint32]:
        """The voxels of a box of what the job works on."""
        planes, rows, columns = (box.slices[axis] for axis in self.order)
        result = np.zeros([part.stop - part.start for part in (planes, rows, columns)], np.uint32)
        for place, plane in enumerate(range(planes.start, min(planes.stop, self._version))):
            result[place] = self._plane(plane)[rows, columns]
        return np.ascontiguousarray(np.moveaxis(result, (0, 1, 2), self.order))

    def _plane(self, index: int) -> NDArray[np.uint32]:
        """A finished plane with its ids, as the array lies."""
        with self._lock:
            while len(self._tables) <= index:
                self._carry_on(np.asarray(self._array[len(self._tables)]))
                self._keep(len(self._tables) - 1, self._last)
            if index in self._planes:
                self._planes.move_to_end(index)
                return self._planes[index]
            table = self._tables[index]
        components = np.asarray(self._array[index])
        ids: NDArray[np.uint32] = table[np.minimum(components, len(table) - 1)]
        with self._lock:
            self._keep(index, ids)
        return ids

    def _keep(self, index: int, ids: NDArray[np.uint32]) -> None:
        self._planes[index] = ids
        while len(self._planes) > max(1, CACHED_BYTES // max(1, ids.nbytes)):
            self._planes.popitem(last=False)

    def _carry_on(self, components: NDArray[np.uint32]) -> None:
        """Give the components of the next plane their ids."""
        count = int(components.max(initial=0))
        table = np.zeros(count + 1, np.uint32)
        if self._last.shape == components.shape:
            _inherit(table, components, self._last)
        new = np.flatnonzero(table[1:] == 0) + 1
        table[new] = np.arange(self._next_id, self._next_id + len(new), dtype=np.uint32)
        self._next_id += len(new)
        self._tables.append(table)
        self._last = table[components]


def _inherit(table: NDArray[np.uint32], components: NDArray[np.uint32], before: NDArray[np.uint32]) -> None:
    """Fill a table with the id of the plane before that each component covers most, each id once."""
    both = (components > 0) & (before > 0)
    if not both.any():
        return
    pairs, counts = np.unique(
        components[both].astype(np.uint64) << np.uint64(32) | before[both].astype(np.uint64), return_counts=True
    )
    taken: set[int] = set()
    for pair in pairs[np.argsort(-counts, kind="stable")]:
        component, label_id = int(pair >> np.uint64(32)), int(pair & np.uint64(0xFFFFFFFF))
        if table[component] == 0 and label_id not in taken:
            table[component] = label_id
            taken.add(label_id)


def _open(partial: Partial) -> Any:  # noqa: ANN401 - zarr keeps the type apart
    import zarr

    return zarr.open_array(f"{partial.path}/{partial.array}", mode="r")
