"""Export labels as one file per plane or as one volume, with the grey images beside them on request."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.core.plurals import counted
from empanada_desktop.io.volumes.faults import writing
from empanada_desktop.tasks.label_edits import LabelInputs, opened_labels
from empanada_desktop.tasks.measure import check_same_shape
from empanada_desktop.tasks.params import TaskParams, ui
from empanada_desktop.tasks.planes_out import (
    IMAGES,
    MASKS,
    LabelType,
    digits,
    in_plane_spacing,
    label_type,
    narrowed,
    new_folder,
    plain,
    plain_type,
    strips_of,
)
from empanada_desktop.tasks.recipe import make_recipe

if TYPE_CHECKING:
    from empanada_desktop.io.volumes import Volume

TITLE = "Export labels as planes or as a volume, with grey images on request."
ROWS = 512


class Params(TaskParams):
    """How labels are written."""

    export_as: Literal["planes", "volume"] = Field(
        "planes",
        title="Export as",
        description="planes: a file for each plane. volume: one file.",
        json_schema_extra=ui("Export"),
    )
    plane: Literal["xy", "xz", "yz"] = Field(
        "xy", title="Plane", description="Orientation of the planes.", json_schema_extra=ui("Export")
    )
    label_type: LabelType = Field(
        "auto",
        title="Label type",
        description="Type of the ids; auto: the smallest one that holds them all.",
        json_schema_extra=ui("Export"),
    )


class Inputs(LabelInputs):
    """What to export, and where to."""

    image: str | None = Field(None, title="Image", description="The image, to write its grey values beside the labels.")
    image_dataset: str | None = Field(None, title="Image's dataset", description="Array inside the image.")
    out: str = Field(
        title="Folder",
        description=f"Folder for {MASKS}/ and {IMAGES}/; files that are there stay, of equal names none.",
        json_schema_extra={"option": True},
    )
    name: str | None = Field(None, title="Name", description="What the files' names begin with.")
    overwrite: bool = Field(False, title="Overwrite", description="Replace files that are there.")


@dataclass(frozen=True)
class ExportResult:
    """How many files of each kind there are, and where."""

    out: str
    files: int
    kinds: tuple[str, ...]
    label_type: str

    def lines(self) -> list[str]:
        """Say what was written."""
        return [
            f"{counted(self.files, 'file')} each of {' and '.join(self.kinds)} ({self.label_type} ids).",
            f"Written to {self.out}",
        ]


def run(inputs: Inputs, params: Params, context: JobContext) -> ExportResult:
    """Write the files; VolumeError where one is there already."""
    from empanada_desktop.io.volumes import open_volume

    axis = Axis(params.plane)
    with ExitStack() as stack:
        volumes = {MASKS: stack.enter_context(opened_labels(inputs.labels, inputs.dataset, inputs.voxel_size))}
        if inputs.image is not None:
            volumes[IMAGES] = stack.enter_context(open_volume(inputs.image, inputs.image_dataset))
            check_same_shape(volumes[MASKS].shape, volumes[IMAGES])
        folder = new_folder(inputs.out, MASKS, True, (inputs.labels, inputs.image))
        ids = label_type(volumes[MASKS], params.label_type)
        stem = inputs.name or Path(inputs.image or inputs.labels).stem
        work = _Export(folder, volumes, stem, axis, ids.name, inputs.overwrite)
        if params.export_as == "volume":
            work.volumes(make_recipe("export-planes", params, inputs).to_dict(), context)
            return ExportResult(inputs.out, 1, tuple(volumes), ids.name)
        work.planes(context)
        return ExportResult(inputs.out, volumes[MASKS].planes(axis), tuple(volumes), ids.name)


@dataclass(frozen=True)
class _Export:
    """What is written where."""

    folder: Path
    opened: "dict[str, Volume]"
    stem: str
    axis: Axis
    ids: str
    overwrite: bool

    def planes(self, context: JobContext) -> None:
        """Write a file for each plane."""
        from empanada_desktop.io.tiff import write_plane_tiff

        count = self.opened[MASKS].planes(self.axis)
        for index in range(count):
            context.check_cancelled()
            for kind, volume in self.opened.items():
                plane = volume.read_plane(self.axis, index)
                values = self._typed(kind, plane)
                path = self.folder / kind / f"{self.stem}_{index:0{digits(count)}d}.tif"
                write_plane_tiff(path, values, self._spacing(volume), self.overwrite)
            context.report(index + 1, count, "Writing planes")

    def volumes(self, recipe: dict[str, Any], context: JobContext) -> None:
        """Write a file for the labels, and one for the image."""
        from empanada_desktop.io.tiff import write_label_strips

        for done, (kind, volume) in enumerate(self.opened.items()):
            context.report(done, len(self.opened), f"Writing {kind}")
            shape = tuple(volume.shape[at] for at in (self.axis.normal, *self.axis.in_plane))
            dtype = self.ids if kind == MASKS else plain_type(volume.dtype)
            strips = (self._typed(kind, strip) for strip in _watched(strips_of(volume, self.axis, ROWS), context))
            path = self.folder / kind / f"{self.stem}.tif"
            with writing(path):
                path.parent.mkdir(parents=True, exist_ok=True)
            sides = (shape[0], shape[1], shape[2])
            write_label_strips(path, strips, sides, self._spacing(volume), recipe, self.overwrite, dtype)
        context.report(len(self.opened), len(self.opened), "Writing")

    def _spacing(self, volume: "Volume") -> Spacing:
        """The voxel size of the labels, which somebody may have typed, otherwise the file's own."""
        labels = self.opened[MASKS].spacing
        return in_plane_spacing(labels if labels.is_known else volume.spacing, self.axis)

    def _typed(self, kind: str, values: NDArray[Any]) -> NDArray[Any]:
        return narrowed(values, np.dtype(self.ids)) if kind == MASKS else plain(values)


def _watched(strips: Iterator[NDArray[Any]], context: JobContext) -> Iterator[NDArray[Any]]:
    for strip in strips:
        context.check_cancelled()
        yield strip
