"""Large changes of voxels piece by piece, so that nobody waits long for one; and which objects a change concerns."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.blocks import blocks_within, count_blocks_within
from empanada_desktop.core.edits import (
    ArrayEdit,
    MergedBlock,
    MergeEdit,
    RegionEdit,
    RelabelEdit,
    Writable,
    unpack_voxels,
)
from empanada_desktop.core.geometry import Box
from empanada_desktop.errors import AppError

PIECE = (64, 128, 128)


@dataclass(frozen=True)
class Piece:
    """Part of a change. box: the voxels that it may change; write: makes it in an array."""

    box: Box
    write: Callable[[Writable], None]


def pieces(part: ArrayEdit, forwards: bool = True) -> Iterator[Piece]:
    """Cut the making (or the taking back) of a change into pieces of at most some million voxels.

    Boxes of pieces do not overlap and come in the same order both ways, so that the first n of one way are undone by
    the first n of the other.
    """
    if isinstance(part, RegionEdit):
        yield from _region_pieces(part, forwards)
    elif isinstance(part, RelabelEdit):
        yield from _relabel_pieces(part, forwards)
    elif isinstance(part, MergeEdit):
        for block in part.blocks:
            yield from _block_pieces(block, forwards)
    else:
        yield Piece(part.box, part.apply if forwards else part.revert)


def count_pieces(part: ArrayEdit) -> int:
    """Return how many pieces `pieces` gives."""
    if isinstance(part, MergeEdit):
        return sum(1 if block.codes else count_blocks_within(block.box, PIECE) for block in part.blocks)
    return count_blocks_within(part.box, PIECE) if isinstance(part, RegionEdit | RelabelEdit) else 1


def write_all(array: Writable, parts: Sequence[ArrayEdit], forwards: bool, told: Callable[[Box], object]) -> None:
    """Make changes, or take them back in reverse order: all, or none where a file fails in between (AppError).

    told: called with the box of each piece that was written.
    """
    made: list[tuple[ArrayEdit, int]] = []
    try:
        for part in parts if forwards else reversed(parts):
            made.append((part, 0))
            for count, piece in enumerate(pieces(part, forwards), 1):
                piece.write(array)
                made[-1] = (part, count)
                told(piece.box)
    except AppError:
        for part, count in reversed(made):
            for piece in islice(pieces(part, not forwards), count):
                piece.write(array)
                told(piece.box)
        raise


def _region_pieces(part: RegionEdit, forwards: bool) -> Iterator[Piece]:
    voxels = unpack_voxels(part.after if forwards else part.before, part.dtype, part.box.shape)
    for box in blocks_within(part.box, PIECE):
        yield Piece(box, partial(_put, box, voxels[box.moved(part.box.start, -1).slices]))


def _put(box: Box, voxels: NDArray[np.generic], array: Writable) -> None:
    array[box.slices] = voxels


def _relabel_pieces(part: RelabelEdit, forwards: bool) -> Iterator[Piece]:
    for box in blocks_within(part.box, PIECE):
        small = RelabelEdit(box, part.old, part.new)
        yield Piece(box, small.apply if forwards else small.revert)


def _block_pieces(block: MergedBlock, forwards: bool) -> Iterator[Piece]:
    """A block with codes is one piece: they are compressed together."""
    for box in [block.box] if block.codes else blocks_within(block.box, PIECE):
        small = MergeEdit(box, (MergedBlock(box, block.old, block.new, block.codes),))
        yield Piece(box, small.apply if forwards else small.revert)


def changed_ids(part: ArrayEdit) -> NDArray[np.int64]:
    """Return the ids, ascending and without the background, of which voxels come or go by a change."""
    if isinstance(part, RegionEdit):
        sides = (unpack_voxels(side, part.dtype, part.box.shape) for side in (part.before, part.after))
        found = [ids for before, after in zip(*sides, strict=True) for ids in _plane_ids(before, after)]
    elif isinstance(part, RelabelEdit):
        found = [np.array(part.old, np.int64), np.array(part.new, np.int64)]
    elif isinstance(part, MergeEdit):
        found = [np.array((*block.old, *block.new), np.int64) for block in part.blocks]
    else:
        found = []
    return np.setdiff1d(np.concatenate([np.zeros(0, np.int64), *found]), [0])


def _plane_ids(before: NDArray[np.generic], after: NDArray[np.generic]) -> list[NDArray[np.int64]]:
    """Ids of a plane that come or go; plane by plane no step keeps other threads waiting."""
    differing = before != after
    return [_held(before[differing]), _held(after[differing])]


def _held(values: NDArray[np.generic]) -> NDArray[np.int64]:
    """Ids among values, most of which are like the one before: those are left out first."""
    if not values.size:
        return np.zeros(0, np.int64)
    begins = np.concatenate(([True], values[1:] != values[:-1]))
    return np.unique(values[begins]).astype(np.int64)
