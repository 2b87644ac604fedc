"""Labels of any size that can be changed: a file that is only read, or nothing, under blocks that were changed."""

import itertools
import operator
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.document.at_hand import BlocksAhead
from empanada_desktop.document.frozen_labels import Base, FrozenLabels
from empanada_desktop.document.placed import PlacedSource
from empanada_desktop.document.sources import FlatSource, Triple, VolumeSource, box_of, cut, open_source
from empanada_desktop.errors import VolumeError
from empanada_desktop.io.ome_metadata import level_factors
from empanada_desktop.io.overlay import BUDGET, Blocks, Pack, new_pack
from empanada_desktop.io.overlay_files import read_overlay, ref_of
from empanada_desktop.io.volumes import VolumeRef
from empanada_desktop.io.volumes.faults import writing


class EditableSource(FlatSource):
    """Voxels that can be written to, with coarser levels that follow at once. The base is never written.

    Made of a base source (its levels are kept), or of a shape where there is nothing yet. May be read from any thread;
    written from one. What does not fit into `budget` bytes lies in a pack in `folder`, once there is one.
    """

    def __init__(
        self,
        base: Base | None = None,
        shape: Triple | None = None,
        dtype: DTypeLike = np.uint32,
        spacing: Spacing | None = None,
        budget: int = BUDGET,
        levels: list[Triple] | None = None,
    ) -> None:
        if base is None and shape is None:
            raise ValueError("an editable source needs a base or a shape")
        self.base = base
        self.spacing = spacing or (Spacing() if base is None else base.spacing)
        super().__init__(
            base.shape if base is not None else shape,  # type: ignore[arg-type]
            np.dtype(base.dtype if base is not None else dtype),
        )
        self._levels = base.levels if base is not None else levels or level_factors(self._shape, self.spacing)
        shapes = [_level_shape(self._shape, factor) for factor in self._levels]
        if isinstance(base, VolumeSource):
            shapes = base.shapes
        self.blocks = Blocks(shapes, self._dtype, budget)
        self._ahead = None if base is None else BlocksAhead(base, base.shape)
        self._storing = threading.Lock()

    @property
    def levels(self) -> list[Triple]:
        """How many voxels one sample of each level spans."""
        return self._levels

    @property
    def grains(self) -> list[Triple]:
        """What is best read together: as in the base; blocks in memory are read plane by plane."""
        return self.base.grains if self.base is not None else [(1, 1, 1)] * len(self._levels)

    @property
    def n_bytes(self) -> int:
        """Memory that changed blocks take."""
        return self.blocks.n_bytes

    def read(self, level: int, axis: Axis, index: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return part of a plane of a level."""
        box = box_of(cut(axis, slice(index, index + 1), rows, columns), self.blocks.grids[level].shape)
        changed = self.blocks.changed(level, box)
        if changed and self.blocks.cover(box, changed):
            return self._voxels(box).squeeze(axis.normal)
        if self.base is None:
            plane = np.zeros([length for place, length in enumerate(box.shape) if place != axis.normal], self._dtype)
        else:
            plane = self.base.read(level, axis, index, rows, columns)
        if not changed:
            return plane
        voxels = np.expand_dims(np.array(plane, self._dtype), axis.normal)
        self.blocks.lay_over(box, voxels, changed)
        return voxels.squeeze(axis.normal)

    def __getitem__(self, index: Any) -> NDArray[Any]:  # noqa: ANN401 - ints and slices, as numpy takes them
        box, dropped = _box_and_dropped(index, self._shape)
        return self._voxels(box).squeeze(dropped)

    def __setitem__(self, index: Any, values: Any) -> None:  # noqa: ANN401 - ints and slices; a number or an array
        box, dropped = _box_and_dropped(index, self._shape)
        kept = [length for axis, length in enumerate(box.shape) if axis not in dropped]
        voxels = np.broadcast_to(np.asarray(values), kept).reshape(box.shape).astype(self._dtype, copy=False)
        if not voxels.size:
            return
        self.blocks.write(box, voxels, self._base_voxels)
        for level, factor in enumerate(self._levels[1:], 1):
            self._follow(level, factor, box, voxels)
        self._version += 1

    def _follow(self, level: int, factor: Triple, box: Box, voxels: NDArray[Any]) -> None:
        """Write the samples of a coarser level that lie among voxels of level 0: each factor-th, as in our results."""
        ends = self.blocks.grids[level].shape
        spans = [
            (-(-low // step), min(-(-high // step), end))
            for (low, high), step, end in zip(box.spans, factor, ends, strict=True)
        ]
        if any(low >= high for low, high in spans):
            return
        coarse = Box.of_spans(spans)
        samples = tuple(
            slice(low * step - first, None, step)
            for (low, _), step, first in zip(spans, factor, box.start, strict=True)
        )
        z, y, x = coarse.shape
        self.blocks.write_sparsely(level, coarse, voxels[samples][:z, :y, :x])

    def _voxels(self, box: Box) -> NDArray[Any]:
        """Return a new array of the voxels of a box of level 0."""
        changed = self.blocks.changed(0, box)
        is_covered = self.blocks.cover(box, changed)
        voxels = np.empty(box.shape, self._dtype) if is_covered else self._base_voxels(box)
        self.blocks.lay_over(box, voxels, changed)
        return voxels

    def _base_voxels(self, box: Box) -> NDArray[Any]:
        """Return a new array of the base's voxels."""
        if self.base is None or self._ahead is None:
            return np.zeros(box.shape, self._dtype)
        ahead = self._ahead.voxels(box)
        return np.array(self.base[box.slices] if ahead is None else ahead, self._dtype)

    # Reading ahead of a brush

    def is_at_hand(self, box: Box) -> bool:
        """Whether a box can be read and written without waiting for a file."""
        changed = self.blocks.changed(0, box)
        if not all(self.blocks.is_in_memory(key) for key in changed):
            return False
        return self._ahead is None or self.blocks.cover(box, changed) or all(map(self._ahead.holds, self._whole(box)))

    def read_ahead(self, box: Box) -> None:
        """Read what is_at_hand asks for; from any thread."""
        changed = self.blocks.changed(0, box)
        for key in changed:
            self.blocks.get(key)
        if self._ahead is not None and not self.blocks.cover(box, changed):
            for own in self._whole(box):
                self._ahead.read(own)

    def _whole(self, box: Box) -> Iterator[Box]:
        """The blocks that a box reaches into: the first writing into one needs to know all of it."""
        grid = self.blocks.grids[0]
        return (grid.box(place) for place in itertools.product(*grid.touched(box)))

    # Keeping

    @property
    def is_as_in_file(self) -> bool:
        """Whether there is a file below and nothing was changed over it."""
        return self.base is not None and self.blocks.is_empty

    def freeze(self) -> FrozenLabels:
        """Return the labels as they are now; later writing leaves them alone."""
        return FrozenLabels(self, self.blocks.freeze(), self._version)

    def copy(self) -> "EditableSource":
        """Return labels that are the same now and are changed on their own; the file below is shared."""
        twin = EditableSource(self.base, self._shape, self._dtype, self.spacing, self.blocks.budget, self._levels)
        twin.blocks.adopt(self.blocks.freeze())
        return twin

    def use_folder(self, folder: Path) -> None:
        """Let blocks that find no room in memory lie in a folder; OSError where it cannot be written to."""
        pack = self.blocks.pack
        if pack is None or pack.path.parent != folder:
            self.blocks.pack = new_pack(folder)

    def use_own_folder(self) -> None:
        """Let blocks that find no room lie in a temporary folder until the labels belong to a session."""
        self.use_folder(self._own_folder())

    def ref(self, moment: FrozenLabels | None = None) -> VolumeRef:
        """Write what was changed, and return the address of the labels as they are now, for other processes.

        moment: or as they were then. VolumeError on a full disk.
        """
        pack = self.blocks.pack
        folder = pack.path.parent if pack is not None else self._own_folder()
        with writing(folder):
            return VolumeRef(str((moment or self.freeze()).write(folder, is_lent=True)))

    @classmethod
    def opened(cls, path: Path, budget: int = BUDGET, moved: Mapping[str, str] | None = None) -> Self:
        """Go on with a state that was written; VolumeError where it, its pack or its base is gone or damaged.

        moved: where files are now that lay elsewhere then.
        """
        packs: dict[Path, Pack] = {}
        state = read_overlay(path, packs)
        base = None if state.base is None else _open_base(state.base, moved or {})
        if base is not None and (base.shape, base.dtype, base.levels) != (state.shape, state.dtype, state.levels):
            raise VolumeError("the file below its labels is another one now.", "Put the old file back.")
        source = cls(base, state.shape, state.dtype, state.spacing, budget, state.levels)
        source.blocks.adopt(state.spots)
        source.blocks.pack = next(iter(packs.values()), None)
        return source

    def _own_folder(self) -> Path:
        """A folder that goes with the source, for labels that belong to no session."""
        folder = Path(tempfile.mkdtemp(prefix="empanada-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder

    def close(self) -> None:
        """Let go of the files."""
        if self.base is not None:
            self.base.close()


def file_of(layer: object) -> tuple[str, str | None] | None:
    """Return path and dataset of the file in which, or over which, the voxels of a layer lie; None where in none."""
    source = getattr(layer, "source", None)
    source = source.base if isinstance(source, EditableSource) else source
    source = source.planes if isinstance(source, PlacedSource) else source
    return (str(Path(source.ref.path).absolute()), source.ref.dataset) if isinstance(source, VolumeSource) else None


def _open_base(address: Any, moved: Mapping[str, str]) -> Base:  # noqa: ANN401 - of any age
    ref = ref_of(address)
    volume = open_source(replace(ref, path=moved.get(str(ref.path), ref.path)))
    placed = address.get("placed")
    if placed is None:
        return volume
    axis, start = Axis(placed["axis"]), placed["start"]
    z, y, x = placed["shape"]
    origin = (start[axis.in_plane[0]], start[axis.in_plane[1]])
    return PlacedSource(volume, (z, y, x), axis, start[axis.normal], origin)


def _box_and_dropped(index: Any, shape: Triple) -> tuple[Box, tuple[int, ...]]:  # noqa: ANN401
    """Return the box that an index of ints and slices cuts out, and the axes that it drops."""
    items = index if isinstance(index, tuple) else (index,)
    items = (*items, *[slice(None)] * (3 - len(items)))
    dropped = tuple(axis for axis, item in enumerate(items) if not isinstance(item, slice))
    whole = []
    for item, length in zip(items, shape, strict=True):
        if not isinstance(item, slice):
            place = operator.index(item)
            place += length if place < 0 else 0
            item = slice(place, place + 1)
        whole.append(item)
    return box_of(whole, shape), dropped


def _level_shape(shape: Triple, factor: Triple) -> Triple:
    z, y, x = (-(-length // step) for length, step in zip(shape, factor, strict=True))
    return z, y, x
