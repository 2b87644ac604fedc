"""What can be had without waiting for a file: blocks that were read ahead of a brush, so that painting never waits."""

import math
import threading
from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.blocks import Sliceable, blocks_within
from empanada_desktop.core.geometry import Box
from empanada_desktop.document.sources import ArraySource, PlaneSource

SIDE = 64
BUDGET = 128 << 20
# A larger box is no brush's.
MOST_VOXELS = 64 * SIDE**3
Triple = tuple[int, int, int]


class BlocksAhead:
    """Blocks of 64³ voxels of a source, the least recently used dropped beyond a budget of bytes; for any thread."""

    def __init__(self, source: Sliceable, shape: Triple, budget: int = BUDGET) -> None:
        self._source, self._budget = source, budget
        self._whole = Box((0, 0, 0), shape)
        self._n_bytes = 0
        self._blocks: OrderedDict[Triple, NDArray[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def holds(self, box: Box) -> bool:
        """Whether all voxels of a box were read."""
        with self._lock:
            return all(part.start in self._blocks for part in self._touched(box))

    def read(self, box: Box) -> None:
        """Read the blocks that a box reaches into; this waits for the file."""
        for part in self._touched(box):
            with self._lock:
                is_there = part.start in self._blocks
            if not is_there:
                self._keep(part.start, np.array(self._source[part.slices]))

    def voxels(self, box: Box) -> NDArray[Any] | None:
        """Return a new array of the voxels of a box; None unless all were read."""
        if not self._blocks or math.prod(box.shape) > MOST_VOXELS:
            return None
        touched = self._touched(box)
        with self._lock:
            found = [self._blocks.get(part.start) for part in touched]
            if not touched or any(block is None for block in found):
                return None
            for part in touched:
                self._blocks.move_to_end(part.start)
        pieces = [(part, block) for part, block in zip(touched, found, strict=True) if block is not None]
        voxels = np.empty(box.shape, pieces[0][1].dtype)
        for part, block in pieces:
            common = _shared(part, box)
            voxels[common.moved(box.start, -1).slices] = block[common.moved(part.start, -1).slices]
        return voxels

    def _touched(self, box: Box) -> list[Box]:
        """The blocks that a box reaches into, whole."""
        spans = [
            (low // SIDE * SIDE, min(-(-high // SIDE) * SIDE, end))
            for (low, high), end in zip(box.spans, self._whole.shape, strict=True)
        ]
        return list(blocks_within(Box.of_spans(spans), (SIDE, SIDE, SIDE)))

    def _keep(self, start: Triple, block: NDArray[Any]) -> None:
        with self._lock:
            before = self._blocks.pop(start, None)
            self._n_bytes += block.nbytes - (0 if before is None else before.nbytes)
            self._blocks[start] = block
            while self._n_bytes > self._budget and len(self._blocks) > 1:
                self._n_bytes -= self._blocks.popitem(last=False)[1].nbytes


def _shared(one: Box, other: Box) -> Box:
    pairs = zip(one.spans, other.spans, strict=True)
    return Box.of_spans([(max(low, first), min(high, last)) for (low, high), (first, last) in pairs])


def is_in_memory(source: PlaneSource) -> bool:
    """Whether all voxels of a source lie in memory."""
    return isinstance(source, ArraySource) and isinstance(source.array, np.ndarray)


def is_at_hand(source: PlaneSource, box: Box) -> bool:
    """Whether voxels of a box can be had, and written where they may be, without waiting for a file."""
    asked = getattr(source, "is_at_hand", None)
    return is_in_memory(source) if asked is None else bool(asked(box))


def can_read_ahead(source: PlaneSource) -> bool:
    """Whether a source keeps what was read ahead of writing into it."""
    return hasattr(source, "read_ahead")


def read_ahead(source: PlaneSource, box: Box) -> None:
    """Read what is_at_hand asks for, in any thread; sources that cannot keep it are left alone."""
    asked = getattr(source, "read_ahead", None)
    if asked is not None:
        asked(box)


class Beside:
    """The voxels of a source that is read beside the one that is painted on: an image, or labels that guide a brush."""

    def __init__(self, source: PlaneSource) -> None:
        self.source = source
        keeps_itself = is_in_memory(source) or can_read_ahead(source)
        self._ahead = None if keeps_itself else BlocksAhead(source, source.shape)

    def is_at_hand(self, box: Box) -> bool:
        """Whether a box can be had without reading."""
        return is_at_hand(self.source, box) if self._ahead is None else self._ahead.holds(box)

    def read(self, box: Box) -> None:
        """Read a box."""
        if self._ahead is None:
            read_ahead(self.source, box)
        else:
            self._ahead.read(box)

    def get(self, box: Box) -> NDArray[Any]:
        """Return a box that is at hand."""
        voxels = None if self._ahead is None else self._ahead.voxels(box)
        return np.asarray(self.source[box.slices]) if voxels is None else voxels
