"""Labels of any size that can be changed: a file that is only read, or nothing, under blocks that were changed."""

import threading
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.document.read_ahead import ReadAhead
from empanada_desktop.document.sources import PlaneSource, Triple, box_of, cut
from empanada_desktop.io.ome_metadata import level_factors
from empanada_desktop.io.overlay import Blocks, inside, shared

# A box of more blocks is no brush's: it is read from the base at once.
MOST_BLOCKS = 64


class EditableSource:
    """Voxels that can be written to, with coarser levels. The base is never written.

    Made of a base source (its levels are kept), or of a shape where there is nothing yet. May be read from any thread;
    written from one.
    """

    def __init__(
        self,
        base: PlaneSource | None = None,
        shape: Triple | None = None,
        dtype: DTypeLike = np.uint32,
        spacing: Spacing | None = None,
    ) -> None:
        if base is None and shape is None:
            raise ValueError("an editable source needs a base or a shape")
        self.base = base
        self._shape: Triple = base.shape if base is not None else shape  # type: ignore[assignment]
        self._dtype = np.dtype(base.dtype if base is not None else dtype)
        self._levels = base.levels if base is not None else level_factors(self._shape, spacing or Spacing())
        self._blocks = [Blocks(_level_shape(self._shape, factor), self._dtype) for factor in self._levels]
        self._ahead = ReadAhead()
        self._lock = threading.Lock()
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
        """How many voxels one sample of each level spans."""
        return self._levels

    @property
    def grains(self) -> list[Triple]:
        """What is best read together: as in the base; blocks in memory are read plane by plane."""
        return self.base.grains if self.base is not None else [(1, 1, 1)] * len(self._levels)

    @property
    def version(self) -> int:
        """A number that grows when voxels change."""
        return self._version

    @property
    def n_bytes(self) -> int:
        """Memory that changed blocks take."""
        return sum(blocks.n_bytes for blocks in self._blocks)

    def read(self, level: int, axis: Axis, index: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return part of a plane of a level."""
        blocks = self._blocks[level]
        box = box_of(cut(axis, slice(index, index + 1), rows, columns), blocks.shape)
        if self.base is not None and not blocks.changed(box):
            return self.base.read(level, axis, index, rows, columns)
        return self._voxels(level, box).squeeze(axis.normal)

    def __getitem__(self, index: Any) -> NDArray[Any]:  # noqa: ANN401 - ints and slices, as numpy takes them
        items = index if isinstance(index, tuple) else (index,)
        items = (*items, *[slice(None)] * (3 - len(items)))
        box = box_of([item if isinstance(item, slice) else slice(item, item + 1) for item in items], self._shape)
        dropped = tuple(axis for axis, item in enumerate(items) if not isinstance(item, slice))
        return self._voxels(0, box).squeeze(dropped)

    def __setitem__(self, index: Any, values: Any) -> None:  # noqa: ANN401 - three slices, a number or an array
        box = box_of(index, self._shape)
        with self._lock:
            self._blocks[0].write(box, values, lambda own: self._voxels(0, own))
            for level in range(1, len(self._levels)):
                self._follow(level, box)
            self._version += 1

    def _follow(self, level: int, box: Box) -> None:
        """Write the samples of a coarser level that lie in a box of level 0."""
        coarse = self._samples(level, box)
        if coarse is None:
            return
        factor = self._levels[level]
        fine = Box.of_spans(
            [(low * step, (high - 1) * step + 1) for (low, high), step in zip(coarse.spans, factor, strict=True)]
        )
        z, y, x = factor
        samples = self._voxels(0, fine)[::z, ::y, ::x]
        self._blocks[level].write(coarse, samples, lambda own: self._voxels(level, own))

    def _samples(self, level: int, box: Box) -> Box | None:
        """Return the samples of a coarser level that stand for voxels in a box of level 0; None when there are none."""
        factor, shape = self._levels[level], self._blocks[level].shape
        start = [-(-low // step) for low, step in zip(box.start, factor, strict=True)]
        stop = [min(-(-high // step), end) for high, step, end in zip(box.stop, factor, shape, strict=True)]
        if any(low >= high for low, high in zip(start, stop, strict=True)):
            return None
        return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))

    def is_at_hand(self, box: Box) -> bool:
        """Whether a box can be read and written, coarser levels too, without waiting for a file."""
        return self.base is None or not any(True for _ in self._out_of_hand(box))

    def read_ahead(self, box: Box) -> None:
        """Read what writing into a box needs to know; from any thread."""
        for level, place in self._out_of_hand(box) if self.base is not None else ():
            self._ahead.put(level, place, self._base_voxels(level, self._blocks[level].box(place)))

    def _out_of_hand(self, box: Box) -> Iterator[tuple[int, Triple]]:
        """Yield level and place of the blocks under a box that were neither changed nor read ahead."""
        for level, blocks in enumerate(self._blocks):
            part = box if level == 0 else self._samples(level, box)
            for place in blocks.touched(part) if part is not None else ():
                if not blocks.holds(place) and not self._ahead.holds(level, place):
                    yield level, place

    def _voxels(self, level: int, box: Box) -> NDArray[Any]:
        """Return a new array of voxels as they are now."""
        voxels = self._voxels_at_hand(level, box)
        if voxels is None:
            voxels = self._base_voxels(level, box)
            self._blocks[level].lay_over(box, voxels)
        return voxels

    def _voxels_at_hand(self, level: int, box: Box) -> NDArray[Any] | None:
        """Return a new array of voxels whose blocks were all changed or read ahead; otherwise None."""
        blocks = self._blocks[level]
        places = list(islice(blocks.touched(box), MOST_BLOCKS + 1))
        if self.base is None or len(places) > MOST_BLOCKS:
            return None
        voxels = np.empty(box.shape, self._dtype)
        for place in places:
            block = blocks.get(place)
            if block is None:
                block = self._ahead.get(level, place)
            if block is None:
                return None
            own = blocks.box(place)
            common = shared(box, own)
            voxels[inside(common, box)] = block[inside(common, own)]
        return voxels

    def _base_voxels(self, level: int, box: Box) -> NDArray[Any]:
        """Return a new array of the base's voxels."""
        if self.base is None:
            return np.zeros(box.shape, self._dtype)
        if level == 0:
            return np.array(self.base[box.slices], self._dtype)
        _, rows, columns = box.slices
        planes = [self.base.read(level, Axis.XY, z, rows, columns) for z in range(box.start[0], box.stop[0])]
        return np.array(np.stack(planes), self._dtype)

    def close(self) -> None:
        """Let go of the files."""
        close = getattr(self.base, "close", None)
        if close is not None:
            close()


def _level_shape(shape: Triple, factor: Triple) -> Triple:
    z, y, x = (-(-length // step) for length, step in zip(shape, factor, strict=True))
    return z, y, x
