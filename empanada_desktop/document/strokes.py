"""A stroke while it is drawn: shown at once, one deed when it ends, and as it was when it is cancelled."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.edits import RegionEdit
from empanada_desktop.core.geometry import Box

if TYPE_CHECKING:
    from empanada_desktop.document.document import Document
    from empanada_desktop.document.layers import LabelsLayer

SIDE, STEP = 64, 16


@dataclass
class _Kept:
    """What stood in a box before the stroke."""

    box: Box
    voxels: NDArray[Any]


class Stroke:
    """Writes into a label layer bit by bit; made by Document.begin_stroke, ended by commit or cancel."""

    def __init__(self, document: "Document", layer: "LabelsLayer", title: str) -> None:
        self._document, self._layer, self.title = document, layer, title
        self._source = document.writable(layer.id)
        self._before: dict[tuple[int, int, int], _Kept] = {}
        self.is_open = True

    @property
    def layer(self) -> "LabelsLayer":
        """The layer that is written to."""
        return self._layer

    def write(self, box: Box, after: NDArray[Any]) -> None:
        """Write voxels into a box that lies inside the volume, remember what was there, and tell it."""
        if not self.is_open:
            raise ValueError("the stroke has ended")
        for place, part in _pieces(box):
            self._keep(place, part)
        self._source[box.slices] = after
        self._document.tell_voxels_changed(self._layer.id, box)

    def read(self, box: Box) -> NDArray[Any]:
        """Return the voxels of a box as they are now."""
        return np.asarray(self._source[box.slices])

    def commit(self) -> None:
        """Put the stroke in the history as one deed; nothing where no voxel is different."""
        self.is_open = False
        parts = []
        for kept in self._before.values():
            after = self.read(kept.box)
            if not np.array_equal(kept.voxels, after):
                parts.append(RegionEdit.between(kept.box, kept.voxels, after))
        self._before.clear()
        self._document.end_stroke(self, tuple(parts))

    def cancel(self) -> None:
        """Put back what stood there before."""
        self.is_open = False
        for kept in self._before.values():
            self._source[kept.box.slices] = kept.voxels
            self._document.tell_voxels_changed(self._layer.id, kept.box)
        self._before.clear()
        self._document.end_stroke(self, ())

    def _keep(self, place: tuple[int, int, int], part: Box) -> None:
        """Remember a piece of a block; what is asked for twice is kept as it was the first time."""
        kept = self._before.get(place)
        if kept is None:
            self._before[place] = _Kept(part, np.array(self._source[part.slices]))
        elif not _holds(kept.box, part):
            whole = self._grown(kept.box, part, place)
            voxels = np.array(self._source[whole.slices])
            voxels[kept.box.moved(whole.start, -1).slices] = kept.voxels
            self._before[place] = _Kept(whole, voxels)

    def _grown(self, one: Box, other: Box, place: tuple[int, int, int]) -> Box:
        """Both boxes and a little more of their block, so that a stroke's next dabs seldom make it grow again."""
        spans = []
        for axis, length in enumerate(self._source.shape):
            low, high = min(one.start[axis], other.start[axis]), max(one.stop[axis], other.stop[axis])
            if high - low > 1:
                first = place[axis] * SIDE
                low, high = low // STEP * STEP, min(-(-high // STEP) * STEP, first + SIDE, length)
            spans.append((low, high))
        return Box.of_spans(spans)


def _holds(outer: Box, box: Box) -> bool:
    starts, stops = zip(outer.start, box.start, strict=True), zip(outer.stop, box.stop, strict=True)
    return all(one <= other for one, other in starts) and all(one >= other for one, other in stops)


def _pieces(box: Box) -> list[tuple[tuple[int, int, int], Box]]:
    """A box cut along the grid of blocks, each piece with its block's place."""
    from empanada_desktop.core.blocks import blocks_within

    pieces = []
    for part in blocks_within(box, (SIDE, SIDE, SIDE)):
        z, y, x = (low // SIDE for low in part.start)
        pieces.append(((z, y, x), part))
    return pieces


OnEnd = Callable[[Stroke], object]
