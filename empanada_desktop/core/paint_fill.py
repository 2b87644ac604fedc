"""All voxels of one value that hang together with a place: in a plane or in 3D, found block by block, up to a limit."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from empanada_desktop.core.context import JobContext, QuietContext
from empanada_desktop.core.edits import Writable
from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.errors import SettingsError

Triple = tuple[int, int, int]
BLOCK, PLANE_BLOCK = 64, 512


@dataclass(frozen=True)
class Component:
    """Voxels that hang together by their faces. parts: boxes that do not overlap, each with which of its voxels."""

    value: int
    voxels: int
    parts: tuple[tuple[Box, NDArray[np.bool_]], ...] = field(repr=False)

    @property
    def box(self) -> Box:
        """The smallest box of blocks' parts that holds all voxels."""
        inner = [_trimmed(box, mask) for box, mask in self.parts]
        start = [min(box.start[axis] for box in inner) for axis in range(3)]
        stop = [max(box.stop[axis] for box in inner) for axis in range(3)]
        return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))

    def mask(self, box: Box) -> NDArray[np.bool_]:
        """Return which voxels of a box belong to it."""
        whole = np.zeros(box.shape, np.bool_)
        for part, inside in self.parts:
            shared = _shared(part, box)
            if shared is not None:
                whole[shared.moved(box.start, -1).slices] = inside[shared.moved(part.start, -1).slices]
        return whole


def component(
    array: Writable,
    shape: Triple,
    seed: Triple,
    axis: Axis | None = None,
    limit: int = 50_000_000,
    context: JobContext | None = None,
) -> Component:
    """Find the voxels that have the value of `seed` and hang together with it by faces, within its plane or in 3D.

    array: z y x ids, read a block at a time, only where the component goes. axis: the orientation of the plane, None
    for 3D. Raises SettingsError when there are more voxels than `limit`.
    """
    search = _Search(array, shape, seed, axis, limit)
    search.run(context or QuietContext())
    return search.found()


class _Search:
    """Blocks are labelled as they are reached; components of blocks that touch are one."""

    def __init__(self, array: Writable, shape: Triple, seed: Triple, axis: Axis | None, limit: int) -> None:
        self._array, self._limit = array, limit
        side = [BLOCK if axis is None else PLANE_BLOCK] * 3
        self._bounds = Box((0, 0, 0), shape)
        if axis is not None:
            side[axis.normal] = 1
            low, high = [0, 0, 0], list(shape)
            low[axis.normal], high[axis.normal] = seed[axis.normal], seed[axis.normal] + 1
            self._bounds = Box((low[0], low[1], low[2]), (high[0], high[1], high[2]))
        self._side: Triple = (side[0], side[1], side[2])
        self._axes = [each for each in range(3) if axis is None or each != axis.normal]
        self._seed = seed
        self._value = int(np.asarray(array[Box(seed, (seed[0] + 1, seed[1] + 1, seed[2] + 1)).slices]).item())
        self._blocks: dict[Triple, NDArray[np.int32]] = {}
        self._sizes: dict[Triple, NDArray[np.intp]] = {}
        self._taken: dict[Triple, set[int]] = {}
        self._voxels = 0

    def run(self, context: JobContext) -> None:
        """Follow the component from block to block."""
        first = self._block_of(self._seed)
        here = tuple(place - low for place, low in zip(self._seed, self._box(first).start, strict=True))
        waiting = [(first, int(self._pieces(first)[here]))]
        while waiting:
            context.check_cancelled()
            block, piece = waiting.pop()
            taken = self._taken.setdefault(block, set())
            if piece in taken:
                continue
            taken.add(piece)
            self._count(block, piece)
            context.report(self._voxels, 0, "Filling")
            waiting.extend(self._touching(block, piece))

    def found(self) -> Component:
        """Return what was found."""
        parts = []
        for block, pieces in self._taken.items():
            mask = np.isin(self._blocks[block], np.array(sorted(pieces), np.int32))
            parts.append((self._box(block), mask))
        return Component(self._value, self._voxels, tuple(parts))

    def _count(self, block: Triple, piece: int) -> None:
        self._voxels += int(self._sizes[block][piece])
        if self._voxels > self._limit:
            raise SettingsError(
                f"This would go over more than {self._limit:,} voxels, so nothing was changed.",
                "Close the gap that it runs out through, or allow more voxels.",
            )

    def _touching(self, block: Triple, piece: int) -> Iterator[tuple[Triple, int]]:
        """Pieces of the blocks beside that a piece touches."""
        for axis, step in product(self._axes, (-1, 1)):
            beside = list(block)
            beside[axis] += step
            other: Triple = (beside[0], beside[1], beside[2])
            if not self._holds(other):
                continue
            face = np.take(self._blocks[block], -1 if step > 0 else 0, axis) == piece
            if face.any():
                met = np.take(self._pieces(other), 0 if step > 0 else -1, axis)[face]
                yield from ((other, int(one)) for one in np.unique(met[met > 0]))

    def _pieces(self, block: Triple) -> NDArray[np.int32]:
        """The pieces of a block, numbered from 1."""
        if block not in self._blocks:
            voxels = np.asarray(self._array[self._box(block).slices])
            numbered: Any = ndimage.label(voxels == self._value)
            self._blocks[block] = numbered[0].astype(np.int32, copy=False)
            self._sizes[block] = np.bincount(self._blocks[block].ravel())
        return self._blocks[block]

    def _block_of(self, voxel: Triple) -> Triple:
        z, y, x = ((at - low) // side for at, low, side in zip(voxel, self._bounds.start, self._side, strict=True))
        return z, y, x

    def _holds(self, block: Triple) -> bool:
        return all(
            place >= 0 and low + place * side < high
            for place, side, low, high in zip(block, self._side, self._bounds.start, self._bounds.stop, strict=True)
        )

    def _box(self, block: Triple) -> Box:
        start = [low + place * side for place, side, low in zip(block, self._side, self._bounds.start, strict=True)]
        stop = [min(first + side, high) for first, side, high in zip(start, self._side, self._bounds.stop, strict=True)]
        return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))


def _trimmed(box: Box, mask: NDArray[np.bool_]) -> Box:
    spans = []
    for axis in range(3):
        held = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        spans.append((box.start[axis] + int(held[0]), box.start[axis] + int(held[-1]) + 1))
    return Box.of_spans(spans)


def _shared(one: Box, other: Box) -> Box | None:
    spans = [
        (max(a, c), min(b, d))
        for (a, b), (c, d) in zip(
            zip(one.start, one.stop, strict=True), zip(other.start, other.stop, strict=True), strict=True
        )
    ]
    return Box.of_spans(spans) if all(low < high for low, high in spans) else None
