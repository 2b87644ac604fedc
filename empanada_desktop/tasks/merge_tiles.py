"""Merge tiles that cut-tiles made back into one image and one mask; ids stay as they are in the tiles."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from pydantic import BaseModel, Field, ValidationError

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.geometry import Spacing
from empanada_desktop.errors import SettingsError, VolumeError
from empanada_desktop.tasks.cut_tiles import INDEX
from empanada_desktop.tasks.inference import check_tiff_output
from empanada_desktop.tasks.params import TaskInputs, TaskParams
from empanada_desktop.tasks.planes_out import IMAGES, MASKS, plain
from empanada_desktop.tasks.recipe import make_recipe

TITLE = "Merge tiles back into one image and one mask."


class Params(TaskParams):
    """There is nothing to choose."""


class Inputs(TaskInputs):
    """Where the tiles are, and what becomes of them."""

    tiles: str = Field(title="Tiles", description=f"Folder that cut-tiles made, with its {INDEX}.")
    image: str | None = Field(None, title="Image", description="Write the image to this .tif file.")
    mask: str | None = Field(None, title="Mask", description="Write the mask to this .tif file.")
    overwrite: bool = Field(False, title="Overwrite", description="Replace existing files.")


class Tile(BaseModel):
    """One tile, by the index."""

    name: str
    plane: int
    row: int
    column: int


class TileIndex(BaseModel):
    """What cut-tiles writes down."""

    tile_size: int = Field(ge=1)
    shape_zyx: tuple[int, int, int]
    voxel_size_nm_zyx: tuple[float | None, float | None, float | None] = (None, None, None)
    voxel_size_source: str = "unknown"
    types: dict[str, str]
    tiles: list[Tile]


@dataclass(frozen=True)
class MergedResult:
    """Which files were written, and what there is to say."""

    files: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Say where they are."""
        return [*self.notes, *(f"Written to {each}" for each in self.files)]


def run(inputs: Inputs, params: Params, context: JobContext) -> MergedResult:
    """Merge the tiles strip by strip; a tile that is gone or of another size is named in the error."""
    wanted = {kind: name for kind, name in ((IMAGES, inputs.image), (MASKS, inputs.mask)) if name is not None}
    if not wanted:
        raise SettingsError("Nothing is to be written.", "Give --image X.tif, --mask Y.tif or both.")
    targets = {kind: check_tiff_output(name, inputs.overwrite) for kind, name in wanted.items()}
    folder = Path(inputs.tiles)
    index = _read_index(folder)
    missing = [kind for kind in targets if kind not in index.types and not (folder / kind).is_dir()]
    if missing:
        raise SettingsError(f"{folder} has no {missing[0]}.", "Leave them out.")
    recipe = make_recipe("merge-tiles", params, inputs).to_dict()
    for kind, target in targets.items():
        _merge(folder / kind, target, index, np.uint32 if kind == MASKS else index.types[kind], recipe, context)
    return MergedResult(tuple(wanted.values()))


def _read_index(folder: Path) -> TileIndex:
    from empanada_desktop.io.volumes.faults import reading

    path = folder / INDEX
    with reading(path):
        text = path.read_text(encoding="utf-8")
        try:
            return TileIndex.model_validate(json.loads(text))
        except (ValidationError, json.JSONDecodeError) as error:
            raise VolumeError(f"{path} is damaged or was not made by cut-tiles.", "Cut the image again.") from error


def _merge(
    folder: Path, target: Path, index: TileIndex, dtype: DTypeLike, recipe: dict[str, Any], context: JobContext
) -> None:
    from empanada_desktop.io.tiff import write_label_strips

    z, y, x = index.voxel_size_nm_zyx
    spacing = Spacing(z, y, x, index.voxel_size_source)
    strips = _strips(folder, index, np.dtype(dtype), context)
    write_label_strips(target, strips, index.shape_zyx, spacing, recipe, overwrite=True, dtype=dtype)


def _strips(folder: Path, index: TileIndex, dtype: np.dtype[Any], context: JobContext) -> Iterator[NDArray[Any]]:
    """Yield the strips of tiles, plane by plane from top to bottom."""
    _, height, width = index.shape_zyx
    by_strip: dict[tuple[int, int], list[Tile]] = {}
    for tile in index.tiles:
        by_strip.setdefault((tile.plane, tile.row), []).append(tile)
    for done, (_, top) in enumerate(order := sorted(by_strip), 1):
        context.check_cancelled()
        strip = np.zeros((min(index.tile_size, height - top), width), dtype)
        for tile in by_strip[order[done - 1]]:
            values = _read_tile(folder / tile.name, index.tile_size, dtype)
            part = strip[:, tile.column : tile.column + index.tile_size]
            part[:] = values[: part.shape[0], : part.shape[1]]
        yield strip
        context.report(done, len(order), f"Merging {folder.name}")


def _read_tile(path: Path, side: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    from empanada_desktop.io.volumes import open_volume

    with open_volume(path) as volume:
        if volume.shape != (1, side, side):
            size = " × ".join(map(str, volume.shape[1:]))
            raise VolumeError(f"{path} has {size} pixels, not {side} × {side}.", "Put the tile back as it was cut.")
        values = plain(volume[0])
    if not np.can_cast(values.dtype, dtype) and not _fits(values, dtype):
        raise VolumeError(f"{path} holds {values.dtype} values that do not fit into {dtype}.", "Save it as before.")
    return values.astype(dtype, copy=False)


def _fits(values: NDArray[Any], dtype: np.dtype[Any]) -> bool:
    if values.dtype.kind not in "ui" or dtype.kind not in "ui":
        return False
    limits = np.iinfo(dtype)
    return int(values.min(initial=0)) >= limits.min and int(values.max(initial=0)) <= limits.max
