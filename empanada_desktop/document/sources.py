"""Where a layer's voxels come from: a file, an array of the session, one plane, or a job that still runs."""

import threading
import weakref
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.document.frozen import FrozenArray
from empanada_desktop.errors import VolumeError
from empanada_desktop.io.volumes import Volume, VolumeRef

Triple = tuple[int, int, int]


@runtime_checkable
class PlaneSource(Protocol):
    """Voxels of a layer, z y x, perhaps with coarser levels; may be read from several threads at once."""

    @property
    def shape(self) -> Triple:
        """Voxels along z, y and x at level 0."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a voxel."""

    @property
    def levels(self) -> list[Triple]:
        """How many voxels of level 0 one sample of each level spans, z y x; (1, 1, 1) comes first."""

    @property
    def grains(self) -> list[Triple]:
        """How many neighbouring samples of each level are best read together, z y x."""

    @property
    def version(self) -> int:
        """A number that grows when voxels change."""

    def read(self, level: int, axis: Axis, index: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return part of plane `index` of a level, rows × columns as Axis.in_plane has them.

        index, rows and columns count samples of that level.
        """

    def __getitem__(self, index: Any, /) -> NDArray[Any]:  # noqa: ANN401 - three slices
        """Return a box of level 0."""


class FlatSource:
    """What sources share that have no level but their voxels, or make their own. The shape never changes."""

    def __init__(self, shape: Triple, dtype: np.dtype[Any], grain: Triple = (1, 1, 1)) -> None:
        """grain: samples along z, y, x that are best read together; single planes as long as nothing else is said."""
        self._shape, self._dtype, self._grain = shape, dtype, grain
        self._version = 0

    @property
    def shape(self) -> Triple:
        """Voxels along z, y and x."""
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a voxel."""
        return self._dtype

    @property
    def levels(self) -> list[Triple]:
        """Level 0 only."""
        return [(1, 1, 1)]

    @property
    def grains(self) -> list[Triple]:
        """What is best read together at level 0."""
        return [self._grain]

    @property
    def version(self) -> int:
        """A number that grows when voxels change."""
        return self._version


class ArraySource(FlatSource):
    """An array that can be written to: numpy in memory, or zarr in the session's folder."""

    def __init__(self, array: Any) -> None:  # noqa: ANN401 - numpy and zarr share no type
        if array.ndim != 3:
            raise ValueError(f"a layer has three axes, not {array.ndim}")
        z, y, x = (int(length) for length in array.shape)
        # The chunk of a zarr array is decoded as a whole.
        depth, height, width = (int(length) for length in getattr(array, "chunks", (1, 1, 1)))
        super().__init__((z, y, x), np.dtype(array.dtype), (depth, height, width))
        self.array = array
        self.lock = threading.Lock()
        self._frozen: weakref.WeakSet[FrozenArray] = weakref.WeakSet()

    @property
    def n_bytes(self) -> int:
        """Memory that the array takes; 0 when it lies on the disk."""
        return int(self.array.nbytes) if isinstance(self.array, np.ndarray) else 0

    def read(self, level: int, axis: Axis, index: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return part of a plane."""
        return np.asarray(self.array[cut(axis, index, rows, columns)])

    def __getitem__(self, index: Any) -> NDArray[Any]:  # noqa: ANN401 - whatever the array takes
        return np.asarray(self.array[index])

    def __setitem__(self, index: Any, values: Any) -> None:  # noqa: ANN401
        with self.lock:
            for frozen in tuple(self._frozen):
                frozen.keep(_box_written(index, self._shape))
            self.array[index] = values
            self._version += 1

    def freeze(self) -> FrozenArray:
        """Return the voxels as they are now; later writing leaves them alone."""
        with self.lock:
            frozen = FrozenArray(self)
            self._frozen.add(frozen)
        return frozen


class VolumeSource:
    """A volume in a file, with the smaller copies that come with it; read only."""

    def __init__(self, volumes: Sequence[Volume]) -> None:
        self._volumes = list(volumes)
        self._shape = self._volumes[0].shape
        self._levels = [_factor(self._shape, volume.shape) for volume in self._volumes]
        self._grains = [volume.grain for volume in self._volumes]

    @property
    def volume(self) -> Volume:
        """The volume at full size."""
        return self._volumes[0]

    @property
    def ref(self) -> VolumeRef:
        """The address of the volume."""
        return self.volume.ref

    @property
    def spacing(self) -> Spacing:
        """Voxel size at full size."""
        return self.volume.spacing

    @property
    def shape(self) -> Triple:
        """Voxels along z, y and x."""
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a voxel."""
        return self.volume.dtype

    @property
    def levels(self) -> list[Triple]:
        """How many voxels one sample of each level spans."""
        return self._levels

    @property
    def shapes(self) -> list[Triple]:
        """Samples of each level along z, y and x."""
        return [volume.shape for volume in self._volumes]

    @property
    def grains(self) -> list[Triple]:
        """How many samples of each level are decoded together."""
        return self._grains

    @property
    def version(self) -> int:
        """Files do not change while they are open."""
        return 0

    def read(self, level: int, axis: Axis, index: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return part of a plane of a level."""
        volume = self._volumes[level]
        row_axis, column_axis = axis.in_plane
        if _is_whole(rows, volume.shape[row_axis]) and _is_whole(columns, volume.shape[column_axis]):
            return volume.read_plane(axis, index)
        return volume[cut(axis, slice(index, index + 1), rows, columns)].squeeze(axis.normal)

    def __getitem__(self, index: Any) -> NDArray[Any]:  # noqa: ANN401 - ints and slices
        return self.volume[index]

    def close(self) -> None:
        """Let go of the files."""
        for volume in self._volumes:
            volume.close()


class PlaneLabels(FlatSource):
    """One plane of labels inside a volume that is empty elsewhere: a preview while its settings are being chosen."""

    def __init__(
        self, shape: Triple, axis: Axis, index: int, labels: NDArray[np.uint32], origin: tuple[int, int] = (0, 0)
    ) -> None:
        super().__init__(shape, np.dtype(np.uint32))
        self._placed = (axis, index, origin, labels)

    @property
    def axis(self) -> Axis:
        """Orientation of the plane."""
        return self._placed[0]

    @property
    def index(self) -> int:
        """Index of the plane."""
        return self._placed[1]

    @property
    def labels(self) -> NDArray[np.uint32]:
        """The plane's labels, rows × columns."""
        return self._placed[3]

    @property
    def box(self) -> Box:
        """The voxels that the labels cover."""
        return plane_box(*self._placed[:3], self.labels.shape)

    def put(
        self, labels: NDArray[np.uint32], axis: Axis | None = None, index: int | None = None,
        origin: tuple[int, int] | None = None,
    ) -> None:  # fmt: skip
        """Replace the plane, perhaps by another one; rows × columns from `origin` on."""
        old_axis, old_index, old_origin, _ = self._placed
        self._placed = (axis or old_axis, old_index if index is None else index, origin or old_origin, labels)
        self._version += 1

    def read(self, level: int, axis: Axis, index: int, rows: slice, columns: slice) -> NDArray[np.uint32]:
        """Return part of a plane: the labels, a line of them, or nothing."""
        own_axis, own_index, origin, labels = self._placed
        wanted = _to_box(axis, index, rows, columns, self._shape)
        held = plane_box(own_axis, own_index, origin, labels.shape)
        result = np.zeros(wanted.shape, np.uint32)
        common = intersection(wanted, held)
        if common is not None:
            voxels = np.expand_dims(labels, own_axis.normal)
            result[within(common, wanted)] = voxels[within(common, held)]
        return result.squeeze(axis.normal)

    def __getitem__(self, index: Any) -> NDArray[np.uint32]:  # noqa: ANN401 - three slices
        box = box_of(index, self._shape)
        return np.stack(
            [self.read(0, Axis.XY, z, box.slices[1], box.slices[2]) for z in range(box.start[0], box.stop[0])]
        )


def open_source(ref: VolumeRef) -> VolumeSource:
    """Open a volume with all its levels; VolumeError where it cannot be opened."""
    from empanada_desktop.io.volumes.pyramid import open_levels

    return VolumeSource(open_levels(ref))


def cut(axis: Axis, index: int | slice, rows: slice, columns: slice) -> tuple[int | slice, int | slice, int | slice]:
    """Return the z y x index that cuts part of a plane out of an array."""
    items: list[int | slice] = [index, index, index]
    items[axis.in_plane[0]], items[axis.in_plane[1]] = rows, columns
    return items[0], items[1], items[2]


def box_of(index: Any, shape: Triple) -> Box:  # noqa: ANN401 - slices as numpy takes them
    """Return the box that three slices cut out of a volume."""
    ranges = [item.indices(length) for item, length in zip(index, shape, strict=True)]
    start, stop = [first for first, _, _ in ranges], [last for _, last, _ in ranges]
    return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))


def plane_box(axis: Axis, index: int, origin: tuple[int, int], shape: tuple[int, ...]) -> Box:
    """Return the voxels of a part of a plane that begins at `origin` (row, column) and has `shape`."""
    start, stop = [index] * 3, [index + 1] * 3
    for normal, first, length in zip(axis.in_plane, origin, shape, strict=True):
        start[normal], stop[normal] = first, first + length
    return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))


def intersection(one: Box, other: Box) -> Box | None:
    """Return the voxels that two boxes share; None when there are none."""
    start = [max(pair) for pair in zip(one.start, other.start, strict=True)]
    stop = [min(pair) for pair in zip(one.stop, other.stop, strict=True)]
    if any(low >= high for low, high in zip(start, stop, strict=True)):
        return None
    return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))


def within(box: Box, outer: Box) -> tuple[slice, slice, slice]:
    """Return the place of a box inside an outer one, as an index into the outer one's array."""
    z, y, x = (
        slice(low - first, high - first) for low, high, first in zip(box.start, box.stop, outer.start, strict=True)
    )
    return z, y, x


def whole_box(shape: Triple) -> Box:
    """Return all voxels of a volume."""
    return Box((0, 0, 0), shape)


def check_labels_type(dtype: np.dtype[Any], title: str) -> None:
    """Raise VolumeError unless voxels of this type can be label ids."""
    if dtype.kind not in "bui" or (dtype.kind == "u" and dtype.itemsize > 8):
        raise VolumeError(f"{title} holds {dtype}, which are no label ids.", "Open it as an image.")


def _box_written(index: Any, shape: Triple) -> Box:  # noqa: ANN401 - as arrays take them
    """The box that an index of three slices reaches into; everything for any other index."""
    if isinstance(index, tuple) and len(index) == 3 and all(isinstance(item, slice) for item in index):
        return box_of(index, shape)
    return whole_box(shape)


def _to_box(axis: Axis, index: int, rows: slice, columns: slice, shape: Triple) -> Box:
    return box_of(cut(axis, slice(index, index + 1), rows, columns), shape)


def _is_whole(part: slice, length: int) -> bool:
    return part.indices(length)[:2] == (0, length)


def _factor(whole: Triple, level: Triple) -> Triple:
    z, y, x = (max(1, round(length / each)) for length, each in zip(whole, level, strict=True))
    return z, y, x
