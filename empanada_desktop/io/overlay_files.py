"""States of changed labels as files: written beside their packs, opened as volumes wherever their path arrives."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.errors import VolumeError
from empanada_desktop.io.overlay import Grid, Key, Pack, Spot, Triple, inside, shared
from empanada_desktop.io.records import packed, read_record
from empanada_desktop.io.volumes.faults import reading
from empanada_desktop.io.volumes.sources import CHUNK_CACHE_BYTES, ByteCache, Source
from empanada_desktop.io.volumes.volume import DatasetInfo, Opened, Volume, VolumeRef

Address = Mapping[str, Any]


@dataclass(frozen=True)
class OverlayState:
    """One state of changed labels. base: address of what lies below (see address_of), None: nothing."""

    shape: Triple
    dtype: np.dtype[Any]
    levels: list[Triple]
    spacing: Spacing
    base: Address | None
    spots: dict[Key, Spot]


def address_of(ref: VolumeRef, placed: tuple[Triple, Axis, Triple] | None = None) -> dict[str, Any]:
    """Return the address of a volume as JSON holds it; placed: shape, axis and start of planes inside a volume."""
    address: dict[str, Any] = {
        "path": str(Path(ref.path).absolute()),
        "dataset": ref.dataset,
        "voxel_size": list(ref.voxel_size) if ref.voxel_size else None,
        "as_labels": ref.as_labels,
    }
    if placed is not None:
        address["placed"] = {"shape": list(placed[0]), "axis": str(placed[1]), "start": list(placed[2])}
    return address


def ref_of(address: Address) -> VolumeRef:
    """Return the volume that an address names; for placed planes, the file of them."""
    size = address.get("voxel_size")
    voxel_size = (size[0], size[1], size[2]) if size else None
    as_labels = bool(address.get("as_labels"))
    return VolumeRef(address["path"], address.get("dataset"), voxel_size, as_labels=as_labels)


def write_overlay(path: Path, state: OverlayState) -> None:
    """Write a state, complete or not at all. OSError where the disk is full."""
    packs = sorted({spot.pack.path for spot in state.spots.values()})
    rows = [
        (*key, packs.index(spot.pack.path), spot.start, spot.n_voxels, spot.n_mask, spot.checksum)
        for key, spot in sorted(state.spots.items())
    ]
    values = {
        "kind": "overlay",
        "shape": state.shape,
        "dtype": state.dtype.str,
        "levels": state.levels,
        "spacing": [*state.spacing.zyx, state.spacing.source],
        "base": state.base,
        "packs": [pack.name for pack in packs],
    }
    unfinished = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(packed(values, [np.array(rows, np.int64).tobytes()]))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def read_overlay(path: Path, packs: dict[Path, Pack] | None = None) -> OverlayState:
    """Read a state; VolumeError where it is gone or damaged. packs: those that are open already."""
    with reading(path):
        values, (index,) = _record(path)
        opened = [_open(path.with_name(name), packs) for name in values["packs"]]
        rows = np.frombuffer(index, np.int64).reshape(-1, 9).tolist()
        spots = {(row[0], row[1], row[2], row[3]): Spot(opened[row[4]], *row[5:]) for row in rows}
        z, y, x, source = values["spacing"]
        shape, levels = values["shape"], [(level[0], level[1], level[2]) for level in values["levels"]]
        return OverlayState(
            (shape[0], shape[1], shape[2]),
            np.dtype(values["dtype"]),
            levels,
            Spacing(z, y, x, str(source)),
            values["base"],
            spots,
        )


def packs_of(path: Path) -> list[Path]:
    """Return the packs in which the blocks of a state lie; VolumeError where it is gone or damaged."""
    with reading(path):
        return [path.with_name(name) for name in _record(path)[0]["packs"]]


def base_of(path: Path) -> Address | None:
    """Return the address of what lies below a state, None where nothing does; VolumeError as packs_of."""
    with reading(path):
        base: Address | None = _record(path)[0]["base"]
        return base


def _record(path: Path) -> tuple[dict[str, Any], list[bytes]]:
    with path.open("rb") as file:
        record = read_record(file)
    if record is None or record[0].get("kind") != "overlay":
        raise ValueError("this is no state of labels")
    return record


def open_overlay(path: Path, dataset: str | None = None) -> Opened:
    """Open a state as a volume that is only read."""
    state = read_overlay(path)
    with reading(path):
        return Opened(_Overlaid(state), state.spacing)


def overlay_datasets(path: Path) -> list[DatasetInfo]:
    """The one array of a state."""
    state = read_overlay(path)
    return [DatasetInfo("", state.shape, str(state.dtype))]


class _Overlaid(Source):
    """Level 0 of a state: the base, and the changed blocks over it."""

    def __init__(self, state: OverlayState) -> None:
        self._grid = Grid(state.shape)
        super().__init__(state.shape, state.dtype, self._grid.side)
        self._spots = state.spots
        self._base = None if state.base is None else ref_of(state.base).open()
        self._placed = None if state.base is None else state.base.get("placed")
        self._cache = ByteCache(CHUNK_CACHE_BYTES)

    def read(self, box: Box) -> NDArray[Any]:
        """Return the voxels of a box."""
        voxels = self._below(box)
        for place in product(*self._grid.touched(box)):
            if (0, *place) in self._spots:
                own = self._grid.box(place)
                common = shared(box, own)
                block = self._cache.get(place, lambda: self._block(place, own.shape))  # noqa: B023 - called at once
                voxels[inside(common, box)] = block[inside(common, own)]
        return voxels

    def close(self) -> None:
        """Let go of the files."""
        for pack in {spot.pack for spot in self._spots.values()}:
            pack.close()
        if self._base is not None:
            self._base.close()

    def _block(self, place: Triple, shape: Triple) -> NDArray[Any]:
        spot = self._spots[0, *place]
        return spot.pack.read(spot, shape, self.dtype)[0]

    def _below(self, box: Box) -> NDArray[Any]:
        if self._base is None:
            return np.zeros(box.shape, self.dtype)
        if self._placed is None:
            return np.array(self._base[box.slices], self.dtype)
        return placed_voxels(self._base, self._placed, box, self.dtype)


def placed_voxels(planes: Volume, placed: Address, box: Box, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return a box of a volume that is empty but for planes at their place in it."""
    axis = Axis(placed["axis"])
    order = (axis.normal, *axis.in_plane)
    start = placed["start"]
    stop = list(start)
    for place, length in zip(order, planes.shape, strict=True):
        stop[place] += length
    result = np.zeros(box.shape, dtype)
    common = shared(box, Box.of_spans(list(zip(start, stop, strict=True))))
    if min(common.shape) > 0:
        held = common.moved((start[0], start[1], start[2]), -1).slices
        result[inside(common, box)] = np.moveaxis(planes[tuple(held[place] for place in order)], (0, 1, 2), order)
    return result


def _open(path: Path, packs: dict[Path, Pack] | None) -> Pack:
    if packs is not None and path in packs:
        return packs[path]
    if not path.is_file():
        raise VolumeError(f"{path} is missing.", "Open the file that the labels were saved to.")
    pack = Pack(path, read_only=packs is None)
    if packs is not None:
        packs[path] = pack
    return pack
