"""Cut a large image, and its mask, into square tiles that can be annotated one by one and merged again."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.plurals import counted
from empanada_desktop.errors import SettingsError
from empanada_desktop.tasks.params import TaskInputs, TaskParams, ui
from empanada_desktop.tasks.planes_out import IMAGES, MASKS, digits, in_plane_spacing, new_folder, plain, plain_type

if TYPE_CHECKING:
    from empanada_desktop.io.volumes import Volume

TITLE = "Cut a large image, and its mask, into square tiles."
INDEX = "tiles.json"


class Params(TaskParams):
    """How large the tiles are."""

    tile_size: Annotated[int, Field(ge=1, le=300_000)] = Field(
        512,
        title="Tile size",
        description="Side of a tile; those at the right and lower edges are filled up with 0.",
        json_schema_extra=ui("Tiles", unit="px"),
    )


class Inputs(TaskInputs):
    """What to cut, and where the tiles go."""

    image: str = Field(title="Image", description="An image, or a volume, whose xy planes are cut.")
    dataset: str | None = Field(None, title="Dataset", description="Array inside the image's file.")
    mask: str | None = Field(None, title="Mask", description="Labels of the same size.")
    mask_dataset: str | None = Field(None, title="Mask's dataset", description="Array inside the mask's file.")
    out: str = Field(
        title="Folder",
        description=f"Folder for {IMAGES}/, {MASKS}/ and {INDEX}, which merge-tiles reads.",
        json_schema_extra={"option": True},
    )
    overwrite: bool = Field(False, title="Overwrite", description="Replace tiles that are there.")


@dataclass(frozen=True)
class TilesResult:
    """How many tiles there are, and where."""

    out: str
    tiles: int
    kinds: tuple[str, ...]

    def lines(self) -> list[str]:
        """Say what was made."""
        return [f"{counted(self.tiles, 'tile')} each of {' and '.join(self.kinds)}.", f"Written to {self.out}"]


def run(inputs: Inputs, params: Params, context: JobContext) -> TilesResult:
    """Cut tile by tile; memory holds one strip of tiles."""
    from empanada_desktop.io.volumes import open_volume

    with ExitStack() as stack:
        volumes = {IMAGES: stack.enter_context(open_volume(inputs.image, inputs.dataset))}
        if inputs.mask is not None:
            volumes[MASKS] = stack.enter_context(open_volume(inputs.mask, inputs.mask_dataset))
            _check_mask(volumes[IMAGES], volumes[MASKS])
        folder = new_folder(inputs.out, INDEX, inputs.overwrite, (inputs.image, inputs.mask))
        names = _write_tiles(folder, volumes, Path(inputs.image).stem, params.tile_size, context)
        _write_index(folder, volumes, names, params.tile_size)
    return TilesResult(inputs.out, len(names), tuple(volumes))


def _check_mask(image: "Volume", mask: "Volume") -> None:
    if image.shape != mask.shape:
        sizes = [" × ".join(map(str, volume.shape)) for volume in (image, mask)]
        raise SettingsError(f"The image has {sizes[0]} voxels, the mask {sizes[1]}.", "Give the mask of this image.")
    if mask.dtype.kind not in "bui":
        raise SettingsError(f"The mask holds {mask.dtype} values, not labels.", "Give integer labels.")


def _write_tiles(
    folder: Path, volumes: "dict[str, Volume]", stem: str, side: int, context: JobContext
) -> list[dict[str, Any]]:
    """Write all tiles and return what the index says of each: name, plane, first row and column."""
    from empanada_desktop.io.tiff import write_plane_tiff

    depth, height, width = volumes[IMAGES].shape
    places = [(z, top) for z in range(depth) for top in range(0, height, side)]
    entries: list[dict[str, Any]] = []
    for done, (z, top) in enumerate(places, 1):
        context.check_cancelled()
        for kind, volume in volumes.items():
            spacing = in_plane_spacing(volume.spacing, Axis.XY)
            strip = plain(volume[z : z + 1, top : top + side, :][0])
            for left, tile in _squares(strip, side):
                name = _name(stem, (z, top, left), (depth, height, width), side)
                write_plane_tiff(folder / kind / name, tile, spacing, overwrite=True)
                if kind == IMAGES:
                    entries.append({"name": name, "plane": z, "row": top, "column": left})
        context.report(done, len(places), "Cutting")
    return entries


def _squares(strip: NDArray[Any], side: int) -> Iterator[tuple[int, NDArray[Any]]]:
    for left in range(0, strip.shape[1], side):
        part = strip[:, left : left + side]
        yield left, np.pad(part, ((0, side - part.shape[0]), (0, side - part.shape[1])))


def _name(stem: str, place: tuple[int, int, int], shape: tuple[int, int, int], side: int) -> str:
    z, row, column = place[0], place[1] // side, place[2] // side
    widths = digits(shape[0]), digits(-(-shape[1] // side)), digits(-(-shape[2] // side))
    plane = f"_z{z:0{widths[0]}d}" if shape[0] > 1 else ""
    return f"{stem}{plane}_r{row:0{widths[1]}d}_c{column:0{widths[2]}d}.tif"


def _write_index(folder: Path, volumes: "dict[str, Volume]", entries: list[dict[str, Any]], side: int) -> None:
    from empanada_desktop.io.volumes.faults import writing

    image = volumes[IMAGES]
    facts = {
        "tile_size": side,
        "shape_zyx": list(image.shape),
        "voxel_size_nm_zyx": list(image.spacing.zyx),
        "voxel_size_source": image.spacing.source,
        "types": {kind: str(plain_type(volume.dtype)) for kind, volume in volumes.items()},
        "tiles": entries,
    }
    unfinished = folder / f".{INDEX}.unfinished"
    with writing(folder):
        unfinished.write_text(json.dumps(facts, indent=1), encoding="utf-8")
        unfinished.replace(folder / INDEX)
