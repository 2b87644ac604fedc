"""Changes to voxels as values: a box with what stood there before and after, or ids that were exchanged or merged."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.blocks import Sliceable, blocks, blocks_within
from empanada_desktop.core.geometry import Box
from empanada_desktop.errors import SettingsError

COMPRESSION = 1  # of zstd: on labels six times as fast as zlib's level 1, and smaller
BLOCK = (64, 512, 512)
MERGE_BLOCK = (64, 256, 256)


class Writable(Protocol):
    """An array that is read and written by boxes: numpy, memmap and zarr alike."""

    def __getitem__(self, index: Any, /) -> Any:  # noqa: ANN401 - numpy and zarr differ in their index types
        """Return the voxels of a box."""

    def __setitem__(self, index: Any, values: Any, /) -> None:  # noqa: ANN401
        """Write the voxels of a box."""


class ArrayEdit(Protocol):
    """A change of an array that can be made and taken back any number of times."""

    @property
    def box(self) -> Box:
        """The voxels that may differ before and after."""

    @property
    def n_bytes(self) -> int:
        """Memory that the edit takes."""

    def apply(self, array: Writable) -> None:
        """Make the change."""

    def revert(self, array: Writable) -> None:
        """Take the change back."""


@dataclass(frozen=True)
class RegionEdit:
    """The voxels of a box before and after, compressed."""

    box: Box
    dtype: str
    before: bytes = field(repr=False)
    after: bytes = field(repr=False)

    @classmethod
    def between(cls, box: Box, before: NDArray[Any], after: NDArray[Any]) -> "RegionEdit":
        """Make the edit from the box's voxels as they are and as they shall be; `before`'s type is kept."""
        if before.shape != box.shape or after.shape != box.shape:
            raise ValueError(f"voxels of {before.shape} and {after.shape} do not fill a box of {box.shape}")
        return cls(box, before.dtype.str, pack_voxels(before), pack_voxels(after.astype(before.dtype, copy=False)))

    @classmethod
    def of_changes(cls, box: Box, before: NDArray[Any], after: NDArray[Any]) -> "RegionEdit | None":
        """Make the edit of the smallest box that holds all differing voxels; None where none differs."""
        differing = bounds(before != after)
        if differing is None:
            return None
        return cls.between(differing.moved(box.start), before[differing.slices], after[differing.slices])

    @property
    def n_bytes(self) -> int:
        """Memory that the edit takes."""
        return len(self.before) + len(self.after)

    def apply(self, array: Writable) -> None:
        """Write what shall stand in the box."""
        array[self.box.slices] = unpack_voxels(self.after, self.dtype, self.box.shape)

    def revert(self, array: Writable) -> None:
        """Write what stood in the box before."""
        array[self.box.slices] = unpack_voxels(self.before, self.dtype, self.box.shape)


@dataclass(frozen=True)
class RelabelEdit:
    """Ids exchanged one for one within a box; no other voxel of the box has one of the new ids."""

    box: Box
    old: tuple[int, ...]
    new: tuple[int, ...]

    @property
    def n_bytes(self) -> int:
        """Memory that the edit takes."""
        return 16 * len(self.old)

    def apply(self, array: Writable) -> None:
        """Turn every old id into its new one."""
        _exchange(array, self.box, self.old, self.new)

    def revert(self, array: Writable) -> None:
        """Turn every new id back into its old one."""
        _exchange(array, self.box, self.new, self.old)


@dataclass(frozen=True)
class MergedBlock:
    """A box in which ids became others. codes: which one each voxel had (place in `old`, from 1), compressed uint32,
    uint16 or uint8; empty where the new ids alone tell."""

    box: Box
    old: tuple[int, ...]
    new: tuple[int, ...]
    codes: bytes = field(default=b"", repr=False)

    @property
    def code_type(self) -> str:
        """Type of the codes."""
        return np.min_scalar_type(len(self.old)).str


@dataclass(frozen=True)
class MergeEdit:
    """Ids that became others, some of which were there already; pixels are kept only where objects ran together."""

    box: Box
    blocks: tuple[MergedBlock, ...]

    @property
    def n_bytes(self) -> int:
        """Memory that the edit takes."""
        return sum(120 + 16 * len(block.old) + len(block.codes) for block in self.blocks)

    def apply(self, array: Writable) -> None:
        """Turn every old id into its new one."""
        for block in self.blocks:
            _exchange(array, block.box, block.old, block.new)

    def revert(self, array: Writable) -> None:
        """Give every voxel that changed its old id back."""
        for block in self.blocks:
            if not block.codes:
                _exchange(array, block.box, block.new, block.old)
                continue
            codes = unpack_voxels(block.codes, block.code_type, block.box.shape)
            voxels = np.array(array[block.box.slices])
            changed = codes > 0
            voxels[changed] = np.array(block.old, voxels.dtype)[codes[changed].astype(np.int64) - 1]
            array[block.box.slices] = voxels


def relabel(array: Sliceable, box: Box, mapping: Mapping[int, int]) -> tuple[ArrayEdit, ...]:
    """Return the edit that turns ids into others within a box; nothing is written yet.

    A RelabelEdit, a table alone, where it can be taken back from the ids; a MergeEdit where objects run together;
    nothing where no voxel changes. SettingsError where a new id does not fit into the array's type.
    """
    mapping = {old: new for old, new in mapping.items() if old != new}
    changed, staying = [], set[int]()
    for part in blocks_within(box, MERGE_BLOCK):
        block, others = _change(array, part, mapping)
        staying |= others
        changed += [] if block is None else [block]
    if not changed:
        return ()
    whole = _around([block.box for block in changed])
    old = sorted({number for block in changed for number in block.old})
    new = [mapping[number] for number in old]
    if len(set(new)) == len(new) and staying.isdisjoint(new):
        return (RelabelEdit(whole, tuple(old), tuple(new)),)
    return (MergeEdit(whole, tuple(changed)),)


def pack_voxels(voxels: NDArray[Any]) -> bytes:
    """Compress an array's values; type and shape are the caller's to remember."""
    import imagecodecs

    return bytes(imagecodecs.zstd_encode(np.ascontiguousarray(voxels).tobytes(), COMPRESSION))


def unpack_voxels(packed: bytes, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return what pack_voxels was given."""
    import imagecodecs

    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer(imagecodecs.zstd_decode(packed, out=size), np.dtype(dtype)).reshape(shape)


def box_blocks(box: Box, side: tuple[int, int, int] = BLOCK) -> Iterator[Box]:
    """Cut a box into blocks of at most `side`."""
    for part in blocks(box.shape, side):
        yield part.moved(box.start)


def bounds(mask: NDArray[np.bool_]) -> Box | None:
    """Return the smallest box that holds all true voxels of a z y x mask; None where there is none."""
    spans = []
    # Each voxel is looked at twice, not three times.
    planes_rows: NDArray[np.bool_] = np.logical_or.reduce(mask, axis=2)
    for held in (planes_rows.any(axis=1), planes_rows.any(axis=0), mask.any(axis=(0, 1))):
        along = np.flatnonzero(held)
        if not len(along):
            return None
        spans.append((int(along[0]), int(along[-1]) + 1))
    return Box.of_spans(spans)


def _exchange(array: Writable, box: Box, old: tuple[int, ...], new: tuple[int, ...]) -> None:
    for part in blocks_within(box, MERGE_BLOCK):
        before = np.asarray(array[part.slices])
        runs = _Runs.of(before)
        changed, ids = _looked_up(runs.ids, old, new)
        if changed.any():
            array[part.slices] = runs.spread(ids)


@dataclass(frozen=True)
class _Runs:
    """An array as stretches of equal values in memory order: what is done per value is done once per stretch."""

    ids: NDArray[Any]
    lengths: NDArray[np.int64]
    shape: tuple[int, ...]

    @classmethod
    def of(cls, voxels: NDArray[Any]) -> "_Runs":
        flat = np.ascontiguousarray(voxels).reshape(-1)
        starts = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        starts = np.concatenate(([0], starts)) if flat.size else starts
        return cls(flat[starts], np.diff(starts, append=flat.size), voxels.shape)

    def spread(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return an array of the shape with a value for each stretch."""
        return np.repeat(values, self.lengths).reshape(self.shape)


def _looked_up(ids: NDArray[Any], old: Sequence[int], new: Sequence[int]) -> tuple[NDArray[np.bool_], NDArray[Any]]:
    """Return which values are among `old`, and all values with those exchanged."""
    table = np.asarray(old, np.int64)
    if not len(table):
        return np.zeros(ids.shape, np.bool_), ids
    order = np.argsort(table)
    place = order[np.minimum(np.searchsorted(table, ids, sorter=order), len(table) - 1)]
    changed = table[place] == ids
    return changed, np.where(changed, np.asarray(new, np.int64)[place], ids).astype(ids.dtype)


def _change(array: Sliceable, part: Box, mapping: Mapping[int, int]) -> tuple[MergedBlock | None, set[int]]:
    """What a mapping changes in a block, None where nothing; and the ids that stay what they are."""
    runs = _Runs.of(np.asarray(array[part.slices]))
    _check_fit(runs.ids.dtype, mapping)
    changed, _ = _looked_up(runs.ids, tuple(mapping), tuple(mapping.values()))
    others = set(np.unique(runs.ids[~changed]).tolist())
    where = bounds(runs.spread(changed)) if changed.any() else None
    if where is None:
        return None, others
    old = tuple(int(number) for number in np.unique(runs.ids[changed]))
    new = tuple(mapping[number] for number in old)
    box = where.moved(part.start)
    if len(set(new)) == len(new) and others.isdisjoint(new):
        return MergedBlock(box, old, new), others
    return MergedBlock(box, old, new, pack_voxels(_codes(runs, changed, old)[where.slices])), others


def _check_fit(dtype: np.dtype[Any], mapping: Mapping[int, int]) -> None:
    largest = max(mapping.values(), default=0)
    if dtype.kind in "iu" and largest > np.iinfo(dtype).max:
        raise SettingsError(
            f"Id {largest} is too large for these labels, which hold ids up to {np.iinfo(dtype).max}.",
            "Choose a smaller id, or copy the labels into a new layer.",
        )


def _codes(runs: _Runs, changed: NDArray[np.bool_], old: tuple[int, ...]) -> NDArray[Any]:
    """Which of the old ids each voxel has, from 1; 0 where none."""
    place = np.searchsorted(np.asarray(old, np.int64), runs.ids) + 1
    return runs.spread(np.where(changed, place, 0).astype(np.min_scalar_type(len(old))))


def _around(boxes: Sequence[Box]) -> Box:
    spans = [(min(box.start[axis] for box in boxes), max(box.stop[axis] for box in boxes)) for axis in range(3)]
    return Box.of_spans(spans)
