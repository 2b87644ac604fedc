"""Changed blocks over a volume that is only read: what was painted on a file of any size, without touching the file."""

import threading
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Box

Triple = tuple[int, int, int]
Block = NDArray[Any]
SIDE = 64


def block_side(shape: Triple) -> Triple:
    """Return the side of the blocks of a volume: 64 voxels, more along y and x where there are few planes."""
    z, y, x = shape
    depth = min(SIDE, 1 << (z - 1).bit_length())
    wide = SIDE
    while 4 * wide * wide * depth <= SIDE**3:
        wide *= 2
    return depth, min(wide, y), min(wide, x)


class Blocks:
    """The changed blocks of one array, by their place in a grid; the others are those of the base."""

    def __init__(self, shape: Triple, dtype: np.dtype[Any]) -> None:
        self.shape, self.dtype, self.side = shape, dtype, block_side(shape)
        self._blocks: dict[Triple, Block] = {}
        self._lock = threading.RLock()

    @property
    def n_bytes(self) -> int:
        """Memory that the blocks take."""
        return sum(block.nbytes for block in tuple(self._blocks.values()))

    @property
    def places(self) -> frozenset[Triple]:
        """Where blocks were changed."""
        with self._lock:
            return frozenset(self._blocks)

    def box(self, place: Triple) -> Box:
        """Return the voxels of a block."""
        start = [index * side for index, side in zip(place, self.side, strict=True)]
        stop = [min(low + side, end) for low, side, end in zip(start, self.side, self.shape, strict=True)]
        return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))

    def touched(self, box: Box) -> Iterator[Triple]:
        """Yield the places of all blocks that a box reaches into, changed or not."""
        ranges = (
            range(low // side, -(-high // side)) for low, high, side in zip(box.start, box.stop, self.side, strict=True)
        )
        yield from product(*ranges)

    def changed(self, box: Box) -> list[Triple]:
        """Return the places of changed blocks that a box reaches into."""
        with self._lock:
            if not self._blocks:
                return []
            return [place for place in self.touched(box) if place in self._blocks]

    def holds(self, place: Triple) -> bool:
        """Whether a block was changed."""
        with self._lock:
            return place in self._blocks

    def get(self, place: Triple) -> Block | None:
        """Return a changed block; not to be written into."""
        with self._lock:
            return self._blocks.get(place)

    def write(self, box: Box, values: Any, base: Callable[[Box], Block]) -> None:  # noqa: ANN401 - a number or an array
        """Write into a box; blocks that are not wholly covered begin as those of the base."""
        values = np.broadcast_to(values, box.shape)
        for place in self.touched(box):
            own = self.box(place)
            common = shared(box, own)
            part = values[inside(common, box)]
            with self._lock:
                block = self._blocks.get(place)
                if block is None:
                    block = np.empty(own.shape, self.dtype) if common == own else np.array(base(own), self.dtype)
                    self._blocks[place] = block
                block[inside(common, own)] = part

    def lay_over(self, box: Box, voxels: Block) -> None:
        """Put what was changed over the base's voxels of a box."""
        for place in self.changed(box):
            own, block = self.box(place), self.get(place)
            if block is not None:
                common = shared(box, own)
                voxels[inside(common, box)] = block[inside(common, own)]


def shared(one: Box, other: Box) -> Box:
    """Return the voxels of two boxes that overlap."""
    z, y, x = (
        (max(first), min(last))
        for first, last in zip(zip(one.start, other.start, strict=True), zip(one.stop, other.stop, strict=True),
                               strict=True)
    )  # fmt: skip
    return Box((z[0], y[0], x[0]), (z[1], y[1], x[1]))


def inside(box: Box, outer: Box) -> tuple[slice, slice, slice]:
    """Return the place of a box inside an outer one, as an index into the outer one's array."""
    return box.moved(outer.start, -1).slices
