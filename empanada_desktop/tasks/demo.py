"""Segment the sample volume that comes with the program, and draw the result: the main job, without a window."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.grey import sampled_planes
from empanada_desktop.core.picture import outlined_plane, side_by_side
from empanada_desktop.errors import AppError
from empanada_desktop.settings import resources_folder
from empanada_desktop.tasks import segment_volume
from empanada_desktop.tasks.inference import SegmentationResult, volume_grey_range
from empanada_desktop.tasks.inference_params import StackParams
from empanada_desktop.tasks.params import TaskInputs

if TYPE_CHECKING:
    from empanada_desktop.io.volumes import Volume

TITLE = "Segment the sample volume and draw the result."
Params = StackParams
PICTURE_WIDTH = 1900
PLANES_TO_CHOOSE_FROM = 21


class Inputs(TaskInputs):
    """Where the result of the sample goes."""

    folder: str = Field("output", title="Folder", description="Folder to write the result to.")


@dataclass(frozen=True)
class DemoResult:
    """The segmented sample as OME-Zarr, TIFF and picture."""

    volume: SegmentationResult
    tiff: Path
    picture: Path

    def lines(self) -> list[str]:
        """Say in plain sentences what was made and where it is."""
        return [*self.volume.lines(), f"As TIFF: {self.tiff}", f"Picture: {self.picture}"]


def sample_path() -> Path:
    """Return the sample volume's path; AppError when this copy of the program has none."""
    found = sorted((resources_folder() / "sample").glob("*.tif"))
    if not found:
        raise AppError("This copy of the program has no sample volume.", "Install it again, or open a volume of yours.")
    return found[0]


def run(inputs: Inputs, params: StackParams, context: JobContext) -> DemoResult:
    """Segment the sample in 3D; writes OME-Zarr, TIFF and a picture of planes with outlines, replacing earlier ones."""
    from empanada_desktop.io.volumes.faults import writing

    folder = Path(inputs.folder).absolute()
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    sample = sample_path()
    out = folder / f"{sample.stem}_mitochondria.zarr"
    volume_inputs = segment_volume.Inputs(volume=str(sample), out=str(out), overwrite=True)
    result = segment_volume.run(volume_inputs, params, context)
    tiff, picture = out.with_suffix(".tif"), out.with_suffix(".png")
    _write_tiff(out, tiff, result)
    draw_result(sample, out, picture)
    return DemoResult(result, tiff, picture)


def draw_result(image: Path, labels: Path, picture: Path) -> None:
    """Draw an xy, an xz and a yz plane of an image with the outlines of its labels, as PNG."""
    from empanada_desktop.io.tiff import write_picture
    from empanada_desktop.io.volumes import open_volume

    with open_volume(image) as grey_volume, open_volume(labels) as label_volume:
        scale = volume_grey_range(grey_volume).scale
        zoom = max(1, PICTURE_WIDTH // (2 * grey_volume.shape[2] + grey_volume.shape[1]))

        def drawn(axis: Axis) -> NDArray[np.uint8]:
            index = _fullest_plane(label_volume, axis)
            grey = scale(grey_volume.read_plane(axis, index))
            return outlined_plane(grey, label_volume.read_plane(axis, index), zoom)

        write_picture(picture, side_by_side([drawn(axis) for axis in Axis]))


def _fullest_plane(labels: "Volume", axis: Axis) -> int:
    """Choose the plane with most labelled area, among evenly spaced ones."""
    indices = sampled_planes(labels.planes(axis), PLANES_TO_CHOOSE_FROM)
    return max(indices, key=lambda index: np.count_nonzero(labels.read_plane(axis, index)))


def _write_tiff(labels: Path, tiff: Path, result: SegmentationResult) -> None:
    from empanada_desktop.io.tiff import write_label_tiff
    from empanada_desktop.io.volumes import open_volume

    with open_volume(labels) as volume:
        planes = (volume.read_plane(Axis.XY, index) for index in range(volume.shape[0]))
        write_label_tiff(tiff, planes, volume.shape, volume.spacing, result.recipe, np.uint32, overwrite=True)
