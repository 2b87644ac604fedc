"""Labels over a file as they were at one moment, while they go on changing: read by boxes, and written as a state."""

import contextlib
import itertools
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.document.placed import PlacedSource
from empanada_desktop.document.sources import Triple, VolumeSource, box_of
from empanada_desktop.errors import VolumeError
from empanada_desktop.io.journal import sync_file
from empanada_desktop.io.overlay import Block, Frozen, Pack, Spot, inside, new_pack, shared
from empanada_desktop.io.overlay_files import OverlayState, address_of, packs_of, write_overlay
from empanada_desktop.io.volumes.sources import CHUNK_CACHE_BYTES, ByteCache

if TYPE_CHECKING:
    from empanada_desktop.document.editable import EditableSource

Base = VolumeSource | PlacedSource
MOST_GARBAGE = 16 << 20


class FrozenLabels:
    """Labels as they were at one moment, to be read or written while the labels go on changing."""

    def __init__(self, source: "EditableSource", blocks: Frozen, version: int) -> None:
        self._source, self._blocks, self.version = source, blocks, version
        self.shape, self.dtype, self.spacing = source.shape, source.dtype, source.spacing
        self.base = source.base
        self._grid = source.blocks.grids[0]
        self._cache = ByteCache(CHUNK_CACHE_BYTES)

    def __getitem__(self, index: Any) -> NDArray[Any]:  # noqa: ANN401 - three slices
        box = box_of(index, self.shape)
        voxels = np.zeros(box.shape, self.dtype) if self.base is None else np.array(self.base[box.slices], self.dtype)
        for place in product(*self._grid.touched(box)):
            held = self._blocks.get((0, *place))
            if held is not None:
                own = self._grid.box(place)
                common = shared(box, own)
                voxels[inside(common, box)] = self._voxels(place, held)[inside(common, own)]
        return voxels

    def _voxels(self, place: Triple, held: Block | Spot) -> NDArray[Any]:
        """All of a block of level 0, read where it is not in memory."""
        if isinstance(held, Block):
            return held.voxels
        shape = self._grid.box(place).shape
        return self._cache.get(place, lambda: held.pack.read(held, shape, self.dtype)[0])

    @property
    def is_as_in_file(self) -> bool:
        """Whether there is a file below and nothing was changed over it."""
        return self.base is not None and not self._blocks

    def write(self, folder: Path, unsynced: list[Path] | None = None, is_lent: bool = False) -> Path:
        """Write the state into a folder and return its file; only blocks that lie nowhere yet are written. OSError.

        unsynced: takes the files, to be waited for by the caller; otherwise they are on the disk on return. is_lent:
        for a job, which reads it later. A pack that holds mostly what was overwritten is followed by a new one.
        """
        source = self._source
        with source._storing:
            pack = source.blocks.pack
            if pack is None or pack.path.parent != folder or self._is_mostly_old(pack):
                pack = new_pack(folder)
            spots = source.blocks.store(self._blocks, pack)
            source.blocks.pack = pack
            path = next(path for path in _numbered(folder, "-lent" if is_lent else "") if not path.exists())
            address = None if source.base is None else base_address(source.base)
            write_overlay(path, OverlayState(self.shape, self.dtype, source.levels, self.spacing, address, spots))
            files = [*{spot.pack.path for spot in spots.values()}, path]
            if unsynced is not None:
                unsynced += files
        for file in files if unsynced is None else ():
            sync_file(file)
        return path

    def _is_mostly_old(self, pack: Pack) -> bool:
        spots = [held if isinstance(held, Spot) else held.spot for held in self._blocks.values()]
        used = sum(spot.n_voxels + spot.n_mask for spot in spots if spot is not None and spot.pack is pack)
        return pack.n_bytes > MOST_GARBAGE + 2 * used

    def drop_old_packs(self, folder: Path) -> None:
        """Remove the packs of the layer's folder in which nothing lies that any state needs."""
        source = self._source
        with source._storing, contextlib.suppress(OSError, VolumeError):
            if len(list(folder.glob("*.pack"))) > 1:
                needed = {pack for state in folder.glob("*.overlay") for pack in packs_of(state)}
                needed |= {pack.path for pack in source.blocks.packs()}
                for path in {*folder.glob("*.pack")} - needed:
                    path.unlink()

    def leave_memory(self) -> None:
        """Let the layer's blocks lie on the disk only, as far as they are there."""
        self._source.blocks.leave_memory()


def base_address(base: Base) -> dict[str, Any]:
    """Return the address of a base as JSON holds it."""
    if isinstance(base, PlacedSource):
        return address_of(base.planes.ref, (base.shape, base.axis, base.box.start))
    return address_of(base.ref)


def _numbered(folder: Path, end: str) -> Iterator[Path]:
    stems = (path.stem.removesuffix(end) for path in folder.glob("*.overlay"))
    first = max((int(stem) for stem in stems if stem.isdigit()), default=0) + 1
    return (folder / f"{number}{end}.overlay" for number in itertools.count(first))
