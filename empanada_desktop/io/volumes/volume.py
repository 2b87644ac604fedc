"""An open image volume, and the address that opens it again in another process."""

import operator
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import EllipsisType, TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.errors import VolumeError
from empanada_desktop.io.volumes.faults import reading
from empanada_desktop.io.volumes.sources import ByteCache, Source, Triple

SLAB_BYTES = 256 << 20
SLABS_KEPT = 2

Item = int | slice | EllipsisType
Selection = list[range]


@dataclass(frozen=True)
class VolumeRef:
    """The address of a volume: picklable, small, and opened wherever it arrives.

    as_labels: its voxels are ids of objects, read as uint32 whatever whole numbers the file holds.
    """

    path: str
    dataset: str | None = None
    voxel_size: tuple[float, float, float] | None = None
    region: Box | None = None
    as_labels: bool = False

    def open(self) -> "Volume":
        """Open the volume that this is the address of, or the region of it."""
        from empanada_desktop.io.volumes import open_volume

        volume = open_volume(self.path, self.dataset, self.voxel_size)
        volume = volume.as_labels() if self.as_labels else volume
        return volume if self.region is None else volume.cropped(self.region)


@dataclass(frozen=True)
class DatasetInfo:
    """One of the arrays that a file holds, by the name that open_volume takes."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        return f"{self.name} ({' × '.join(map(str, self.shape))}, {self.dtype})"


@dataclass(frozen=True)
class Opened:
    """What a reader of one format hands over: the voxels and what the file says about them."""

    source: Source
    spacing: Spacing
    notes: list[str] = field(default_factory=list)
    dataset: str | None = None


class Volume:
    """A z y x image in a file, read piece by piece; nothing is loaded before it is asked for.

    `notes` tells in plain sentences what opening it had to decide. Reading from several threads is safe. Memory: what
    is asked for, plus at most CHUNK_CACHE_BYTES of decoded chunks, plus SLABS_KEPT slabs of SLAB_BYTES: where planes
    of an orientation cannot be decoded singly (xz out of compressed xy pages, any plane out of thick chunks), a slab of
    as many neighbouring planes as fit is decoded at once, so that going along the axis decodes little twice.
    """

    def __init__(self, opened: Opened, ref: VolumeRef, start: Triple = (0, 0, 0)) -> None:
        """start: where the volume begins among the source's grains."""
        self._source = opened.source
        self._start = start
        # A volume that nobody closed lets go of its file when nobody holds it any more.
        weakref.finalize(self, opened.source.close)
        self._slabs = ByteCache(SLAB_BYTES * SLABS_KEPT)
        self._slab_lock = threading.Lock()
        self.ref = ref
        self.spacing = opened.spacing
        self.notes = opened.notes

    @property
    def shape(self) -> Triple:
        """Voxels along z, y and x."""
        return self._source.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a voxel, in this machine's byte order."""
        return self._source.dtype

    @property
    def nbytes(self) -> int:
        """Bytes that the whole volume would take in memory."""
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize

    @property
    def grain(self) -> Triple:
        """How many neighbouring planes of each orientation come at about the price of one, z y x."""
        return self._source.grain

    @property
    def title(self) -> str:
        """A short caption: the file's name, and the dataset inside it."""
        name = Path(self.ref.path).name
        return f"{name}: {self.ref.dataset}" if self.ref.dataset else name

    def planes(self, axis: Axis) -> int:
        """Number of planes of an orientation."""
        return self.shape[axis.normal]

    def read_plane(self, axis: Axis, index: int) -> NDArray[Any]:
        """Return one plane, rows by columns as Axis.in_plane has them; IndexError outside the volume."""
        normal = axis.normal
        index = _place(index, self.shape[normal])
        slab = self._slab_around(normal, index)
        if slab.shape[normal] == 1:
            return self._read(slab).squeeze(normal)
        with self._slab_lock:
            planes = self._slabs.get((normal, slab.start[normal]), lambda: self._read(slab))
        plane: NDArray[Any] = np.take(planes, index - slab.start[normal], axis=normal)
        return plane

    def __getitem__(self, key: Item | tuple[Item, ...]) -> NDArray[Any]:
        """Return the voxels of an index made of ints, slices and an ellipsis, as numpy would; always a new array."""
        items = _expand(key)
        for axis in Axis:
            item = items[axis.normal]
            if not isinstance(item, slice) and all(items[other] == slice(None) for other in axis.in_plane):
                return self.read_plane(axis, operator.index(item))
        selection = [_ask(item, length) for item, length in zip(items, self.shape, strict=True)]
        dropped = tuple(position for position, item in enumerate(items) if not isinstance(item, slice))
        return self._select(selection).squeeze(dropped)

    def cropped(self, region: Box) -> "Volume":
        """Return a region as a volume of its own, which reads nothing outside of it; closing either closes both."""
        opened = Opened(_Region(self, region), self.spacing, self.notes, self.ref.dataset)
        return Volume(opened, replace(self.ref, region=region), region.start)

    def as_labels(self) -> "Volume":
        """Return the voxels as ids of objects, uint32; closing either closes both. VolumeError where they are none.

        What lies below 0 is background, as in files that mark it with -1.
        """
        if self.dtype.kind not in "bui":
            raise VolumeError(
                f"{self.title} holds {self.dtype}, which are no label ids.",
                "Save it with whole numbers, 16 or 32 bits, then open it again.",
            )
        opened = Opened(_AsLabels(self), self.spacing, self.notes, self.ref.dataset)
        return Volume(opened, replace(self.ref, as_labels=True))

    def iterate_planes(self, axis: Axis = Axis.XY) -> Iterator[NDArray[Any]]:
        """Yield the planes of an orientation in order, one at a time."""
        for index in range(self.planes(axis)):
            yield self.read_plane(axis, index)

    def close(self) -> None:
        """Let go of the file and of everything kept in memory."""
        self._slabs.clear()
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Volume {self.title} {' × '.join(map(str, self.shape))} {self.dtype} {self.spacing}>"

    def _slab_around(self, normal: int, index: int) -> Box:
        """The planes to read for plane `index`: inside one grain of the source, and within SLAB_BYTES."""
        length, grain = self.shape[normal], self._source.grain[normal]
        thickness = min(grain, max(1, SLAB_BYTES * length // max(1, self.nbytes)))
        first = (index + self._start[normal]) // grain * grain - self._start[normal]
        start = first + (index - first) // thickness * thickness
        box_start, box_stop = [0, 0, 0], list(self.shape)
        box_start[normal], box_stop[normal] = max(0, start), min(start + thickness, first + grain, length)
        return Box(_triple(box_start), _triple(box_stop))

    def _read(self, box: Box) -> NDArray[Any]:
        with reading(Path(self.ref.path)):
            return self._source.read(box)

    def _select(self, selection: Selection) -> NDArray[Any]:
        """Read ranges of any step; with steps plane by plane, so that no more than a plane is read in vain."""
        if not all(selection):
            return np.empty([len(steps) for steps in selection], self.dtype)
        if all(steps.step == 1 for steps in selection):
            return self._read(_box(selection))
        z, *in_plane = selection
        return np.concatenate([self._strided([range(index, index + 1), *in_plane]) for index in z])

    def _strided(self, selection: Selection) -> NDArray[Any]:
        box = _box(selection)
        local = (slice(steps[0] - low, None, steps.step) for steps, low in zip(selection, box.start, strict=True))
        return self._read(box)[tuple(local)]


class _Region(Source):
    """A region of a volume, which it holds open."""

    def __init__(self, whole: Volume, box: Box) -> None:
        super().__init__(box.shape, whole.dtype, whole.grain)
        self._whole = whole
        self._start = box.start

    def read(self, box: Box) -> NDArray[Any]:
        """Return the voxels of a box of the region."""
        return self._whole[box.moved(self._start).slices]

    def close(self) -> None:
        """Close the volume."""
        self._whole.close()


class _AsLabels(Source):
    """A volume of whole numbers as ids of objects."""

    def __init__(self, whole: Volume) -> None:
        super().__init__(whole.shape, np.dtype(np.uint32), whole.grain)
        self._whole = whole

    def read(self, box: Box) -> NDArray[Any]:
        """Return the ids in a box."""
        voxels = self._whole[box.slices]
        if voxels.dtype.kind == "i":
            voxels = np.maximum(voxels, 0)
        return voxels.astype(np.uint32, copy=False)

    def close(self) -> None:
        """Close the volume."""
        self._whole.close()


def typed_spacing(voxel_size: tuple[float, float, float]) -> Spacing:
    """The voxel size that somebody typed, z y x in nm; VolumeError unless all three are positive lengths."""
    if len(voxel_size) != 3 or not all(np.isfinite(size) and size > 0 for size in voxel_size):
        raise VolumeError(
            f"{', '.join(f'{size:g}' for size in voxel_size)} is no voxel size.",
            "Give three positive numbers in nanometres: z, y, x.",
        )
    z, y, x = (float(size) for size in voxel_size)
    return Spacing(z, y, x, "typed")


def _expand(key: Item | tuple[Item, ...]) -> list[int | slice]:
    """The index with its ellipsis spelled out: one int or slice for each of the three axes."""
    items = list(key) if isinstance(key, tuple) else [key]
    if any(item is Ellipsis for item in items):
        place = next(position for position, item in enumerate(items) if item is Ellipsis)
        items[place : place + 1] = [slice(None)] * (4 - len(items))
    items += [slice(None)] * (3 - len(items))
    if len(items) > 3 or any(item is Ellipsis for item in items):
        raise IndexError("a volume has three axes: z, y, x")
    return [item if isinstance(item, slice) else operator.index(item) for item in items]  # type: ignore[arg-type]


def _ask(item: int | slice, length: int) -> range:
    if isinstance(item, slice):
        return range(*item.indices(length))
    place = _place(item, length)
    return range(place, place + 1)


def _place(index: int, length: int) -> int:
    place = index + length if index < 0 else index
    if not 0 <= place < length:
        raise IndexError(f"index {index} is outside 0 to {length - 1}")
    return place


def _box(selection: Selection) -> Box:
    return Box(
        _triple([min(steps[0], steps[-1]) for steps in selection]),
        _triple([max(steps[0], steps[-1]) + 1 for steps in selection]),
    )


def _triple(values: list[int]) -> Triple:
    z, y, x = values
    return z, y, x
