"""Changes to voxels as values: a box with what stood there before and after, or ids that were exchanged."""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.blocks import blocks
from empanada_desktop.core.geometry import Box

COMPRESSION = 1
BLOCK = (64, 512, 512)


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
    """The voxels of a box before and after, zlib-compressed."""

    box: Box
    dtype: str
    before: bytes = field(repr=False)
    after: bytes = field(repr=False)

    @classmethod
    def between(cls, box: Box, before: NDArray[Any], after: NDArray[Any]) -> "RegionEdit":
        """Make the edit from the box's voxels as they are and as they shall be; `before`'s type is kept."""
        if before.shape != box.shape or after.shape != box.shape:
            raise ValueError(f"voxels of {before.shape} and {after.shape} do not fill a box of {box.shape}")
        return cls(box, before.dtype.str, _packed(before), _packed(after.astype(before.dtype, copy=False)))

    @property
    def n_bytes(self) -> int:
        """Memory that the edit takes."""
        return len(self.before) + len(self.after)

    def apply(self, array: Writable) -> None:
        """Write what shall stand in the box."""
        array[self.box.slices] = self._unpacked(self.after)

    def revert(self, array: Writable) -> None:
        """Write what stood in the box before."""
        array[self.box.slices] = self._unpacked(self.before)

    def _unpacked(self, packed: bytes) -> NDArray[Any]:
        return np.frombuffer(zlib.decompress(packed), np.dtype(self.dtype)).reshape(self.box.shape)


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


def relabel(array: Writable, box: Box, mapping: Mapping[int, int]) -> tuple[ArrayEdit, ...]:
    """Return the edits that turn ids into others within a box; nothing is written yet.

    One small RelabelEdit where it can be taken back from the ids alone; where objects run together, the blocks that
    change are kept as they were.
    """
    old, new = tuple(mapping), tuple(mapping.values())
    kept = set(new) - set(old)
    if len(set(new)) == len(new) and not _occurs(array, box, kept):
        return (RelabelEdit(box, old, new),)
    edits = []
    for part in box_blocks(box):
        before = np.asarray(array[part.slices])
        after = _looked_up(before, old, new)
        if not np.array_equal(before, after):
            edits.append(RegionEdit.between(part, before, after))
    return tuple(edits)


def box_blocks(box: Box, side: tuple[int, int, int] = BLOCK) -> Iterator[Box]:
    """Cut a box into blocks of at most `side`."""
    for part in blocks(box.shape, side):
        yield Box(_sum(box.start, part.start), _sum(box.start, part.stop))


def _exchange(array: Writable, box: Box, old: tuple[int, ...], new: tuple[int, ...]) -> None:
    for part in box_blocks(box):
        before = np.asarray(array[part.slices])
        after = _looked_up(before, old, new)
        if not np.array_equal(before, after):
            array[part.slices] = after


def _looked_up(ids: NDArray[Any], old: tuple[int, ...], new: tuple[int, ...]) -> NDArray[Any]:
    if not old:
        return ids
    order = np.argsort(np.asarray(old, np.int64))
    sorted_old, sorted_new = np.asarray(old, np.int64)[order], np.asarray(new, np.int64)[order]
    place = np.minimum(np.searchsorted(sorted_old, ids), len(sorted_old) - 1)
    return np.where(sorted_old[place] == ids, sorted_new[place], ids).astype(ids.dtype)


def _occurs(array: Writable, box: Box, ids: set[int]) -> bool:
    wanted = np.array(sorted(ids), np.int64)
    return bool(ids) and any(bool(np.isin(array[part.slices], wanted).any()) for part in box_blocks(box))


def _packed(values: NDArray[Any]) -> bytes:
    return zlib.compress(np.ascontiguousarray(values).tobytes(), COMPRESSION)


def _sum(first: tuple[int, int, int], second: tuple[int, int, int]) -> tuple[int, int, int]:
    z, y, x = (one + other for one, other in zip(first, second, strict=True))
    return z, y, x
