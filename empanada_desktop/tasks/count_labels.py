"""Count the objects of each class, and list their ids."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.counting import ClassCount, count_classes
from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.objects import ObjectIndex
from empanada_desktop.core.plurals import counted
from empanada_desktop.errors import SettingsError
from empanada_desktop.io.tables import TableColumn, check_table_name, write_tables
from empanada_desktop.tasks.label_edits import Divisor, LabelInputs, class_titles, opened_labels
from empanada_desktop.tasks.params import TaskParams, ui

if TYPE_CHECKING:
    from empanada_desktop.io.volumes import Volume

TITLE = "Count the objects of each class and list their ids."


def _read_names(value: object) -> object:
    """Take "1=mito,2=er" as it is typed, whole or cut at its commas."""
    parts = value.split(",") if isinstance(value, str) else value
    if isinstance(parts, list | tuple) and all(isinstance(part, str) for part in parts):
        return [tuple(text.strip() for text in part.split("=", 1)) for part in parts if part.strip()]
    return parts


class Params(TaskParams):
    """What is counted."""

    scope: Literal["volume", "plane", "planes"] = Field(
        "volume",
        title="Works in",
        description="volume: objects in 3D. plane: one plane. planes: each plane on its own.",
        json_schema_extra=ui("Count"),
    )
    plane: Literal["xy", "xz", "yz"] = Field(
        "xy", title="Plane", description="Orientation of the planes.", json_schema_extra=ui("Count")
    )
    index: Annotated[int, Field(ge=0)] = Field(
        0, title="Index", description="Which plane, from 0.", json_schema_extra=ui("Count")
    )
    class_names: Annotated[tuple[tuple[int, str], ...], BeforeValidator(_read_names)] = Field(
        (),
        title="Classes",
        description="Names of the classes: 1=mito,2=er. Without: what the result says, or their numbers.",
        json_schema_extra={**ui("Count"), "metavar": "N=NAME,…"},
    )
    max_objects_per_class: Divisor = 10_000


class Inputs(LabelInputs):
    """What to count, and where the list goes."""

    out: str | None = Field(
        None, title="Table", description="Also write the ids of every class to this .csv or .xlsx file."
    )
    overwrite: bool = Field(False, title="Overwrite", description="Replace an existing table.")


@dataclass(frozen=True)
class CountResult:
    """What was counted: for each place (the volume, or a plane) the objects of each class."""

    counts: tuple[tuple[str, tuple[ClassCount, ...]], ...]
    out: str | None = None

    def lines(self) -> list[str]:
        """Say how many objects of each class there are, and where."""
        said = [f"{place}: {_in_words(counts)}." for place, counts in self.counts]
        return [*said, *([f"Ids: {self.out}"] if self.out else [])]


def run(inputs: Inputs, params: Params, context: JobContext) -> CountResult:
    """Count; SettingsError where the plane is not there or the table cannot be written."""
    out = None if inputs.out is None else check_table_name(inputs.out, inputs.overwrite)
    names = class_titles(inputs.labels, inputs.dataset) | dict(params.class_names)
    with opened_labels(inputs.labels, inputs.dataset, inputs.voxel_size) as volume:
        axis = Axis(params.plane)
        if params.scope == "plane" and params.index >= volume.planes(axis):
            raise SettingsError(f"There is no {axis} plane {params.index}.", f"They go to {volume.planes(axis) - 1}.")
        counts = [
            (place, tuple(count_classes(objects, params.max_objects_per_class, names)))
            for place, objects in _counted(volume, params, axis, context)
        ]
    if out is not None:
        write_tables(out, dict(_tables(counts)))
    return CountResult(tuple(counts), inputs.out)


def _counted(volume: "Volume", params: Params, axis: Axis, context: JobContext) -> Iterator[tuple[str, ObjectIndex]]:
    if params.scope == "volume":
        yield "Volume", ObjectIndex.of(volume, context)
        return
    planes = range(params.index, params.index + 1) if params.scope == "plane" else range(volume.planes(axis))
    for done, index in enumerate(planes, 1):
        context.check_cancelled()
        yield f"{axis} plane {index}", ObjectIndex.of(np.expand_dims(volume.read_plane(axis, index), axis.normal))
        context.report(done, len(planes), "Counting planes")


def _tables(counts: list[tuple[str, tuple[ClassCount, ...]]]) -> Iterator[tuple[str, list[TableColumn]]]:
    """Make one table of ids for each class."""
    titles = {each.class_id: each.title for _, found in counts for each in found}
    for class_id, title in sorted(titles.items()):
        rows = [
            (place, label_id, voxels)
            for place, found in counts
            for each in found
            if each.class_id == class_id
            for label_id, voxels in zip(each.ids, each.voxels, strict=True)
        ]
        places, ids, voxels = zip(*rows, strict=True)
        yield (
            title,
            [
                TableColumn("Where", "The volume, or the plane, in which it was counted.", places),
                TableColumn("Label ID", "The object's label id.", ids),
                TableColumn("Voxels", "Number of its voxels there.", voxels),
            ],
        )


def _in_words(counts: tuple[ClassCount, ...]) -> str:
    if [each.class_id for each in counts] == [0] and not counts[0].is_named:
        return counted(len(counts[0]), "object")
    return ", ".join(f"{len(each)} {_kind(each)}" for each in counts) or "no objects"


def _kind(each: ClassCount) -> str:
    if each.is_named:
        return each.title
    return f"of {each.title}" if each.class_id else each.title
