"""A stroke while it is drawn: shown at once, one deed when it ends, and as it was when it is cancelled."""

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.blocks import blocks_within
from empanada_desktop.core.edits import RegionEdit
from empanada_desktop.core.geometry import Box
from empanada_desktop.document.editable import EditableSource
from empanada_desktop.document.edits import VoxelEdit

if TYPE_CHECKING:
    from empanada_desktop.document.document import Document
    from empanada_desktop.document.layers import LabelsLayer

Triple = tuple[int, int, int]
SIDE, STEP = 64, 16
TELL_SECONDS = 0.4
# To compress a block takes a third of a millisecond: not all of a long stroke's are left for its end.
MOST_KEPT = 24


@dataclass
class _Kept:
    """What stood in a box before the stroke, or since it was told last."""

    box: Box
    voxels: NDArray[Any]


class Stroke:
    """Writes into a label layer bit by bit; made by Document.begin_stroke, ended by commit or cancel.

    What a long stroke has changed is told every TELL_SECONDS, or every MOST_KEPT blocks, so that the journal has it
    before the stroke ends.
    """

    def __init__(self, document: "Document", layer: "LabelsLayer", title: str) -> None:
        self._document, self._layer, self.title = document, layer, title
        self._source = document.writable(layer.id)
        self._before: dict[Triple, _Kept] = {}
        self._told: list[RegionEdit] = []
        self._told_at = time.monotonic()
        self.id = uuid.uuid4().hex[:8]
        self.is_open, self.was_cancelled = True, False

    @property
    def layer(self) -> "LabelsLayer":
        """The layer that is written to."""
        return self._layer

    def write(self, box: Box, after: NDArray[Any]) -> None:
        """Write voxels into a box that lies inside the volume, remember what was there, and tell it."""
        if not self.is_open:
            raise ValueError("the stroke has ended")
        for part in blocks_within(box, (SIDE, SIDE, SIDE)):
            self._keep(part)
        self._source[box.slices] = after
        self._document.tell_voxels_changed(self._layer.id, box)
        if time.monotonic() - self._told_at > TELL_SECONDS or len(self._before) > MOST_KEPT:
            self.tell()

    def read(self, box: Box) -> NDArray[Any]:
        """Return the voxels of a box as they are now."""
        return np.asarray(self._source[box.slices])

    def tell(self) -> None:
        """Tell what was changed since the last time."""
        parts = self._changes()
        self._told_at = time.monotonic()
        if parts:
            self._told += parts
            self._document.stroke_written.emit(self.id, VoxelEdit(self.title, self._layer.id, tuple(parts)))

    def commit(self) -> None:
        """Put the stroke in the history as one deed; nothing where no voxel is different."""
        if self.is_open:
            self.is_open = False
            self._document.end_stroke(self, (*self._told, *self._changes()))

    def cancel(self) -> None:
        """Put back what stood there before."""
        if not self.is_open:
            return
        self.is_open, self.was_cancelled = False, True
        for kept in self._before.values():
            self._source[kept.box.slices] = kept.voxels
            self._document.tell_voxels_changed(self._layer.id, kept.box)
        for part in reversed(self._told):
            part.revert(self._source)
            self._document.tell_voxels_changed(self._layer.id, part.box)
        self._before.clear()
        self._document.end_stroke(self, ())

    def _changes(self) -> list[RegionEdit]:
        """What was changed since the last time, as edits; begins anew."""
        changes = (RegionEdit.of_changes(kept.box, kept.voxels, self.read(kept.box)) for kept in self._before.values())
        parts = [part for part in changes if part is not None]
        self._before.clear()
        return parts

    def _keep(self, part: Box) -> None:
        """Remember a piece of a block; what is asked for twice is kept as it was the first time."""
        z, y, x = (low // SIDE for low in part.start)
        kept = self._before.get((z, y, x))
        if kept is None:
            whole = self._grown(part, part, (z, y, x))
            self._before[z, y, x] = _Kept(whole, self._now(whole))
        elif not _holds(kept.box, part):
            whole = self._grown(kept.box, part, (z, y, x))
            voxels = self._now(whole)
            voxels[kept.box.moved(whole.start, -1).slices] = kept.voxels
            self._before[z, y, x] = _Kept(whole, voxels)

    def _now(self, box: Box) -> NDArray[Any]:
        """The voxels of a box as they are, in an array of their own."""
        voxels: NDArray[Any] = self._source[box.slices]
        return voxels if isinstance(self._source, EditableSource) else np.array(voxels)

    def _grown(self, one: Box, other: Box, place: Triple) -> Box:
        """Both boxes and a little more of their block, so that a stroke's next dabs seldom make it grow again."""
        spans = []
        for axis, length in enumerate(self._source.shape):
            low, high = min(one.start[axis], other.start[axis]), max(one.stop[axis], other.stop[axis])
            if high - low > 1:
                last = min((place[axis] + 1) * SIDE, length)
                low, high = low // STEP * STEP, min(-(-high // STEP) * STEP, last)
            spans.append((low, high))
        return Box.of_spans(spans)


def _holds(outer: Box, box: Box) -> bool:
    spans = zip(outer.spans, box.spans, strict=True)
    return all(first <= low and high <= last for (first, last), (low, high) in spans)
