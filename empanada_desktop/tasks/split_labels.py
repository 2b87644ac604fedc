"""Split objects: by points in their parts, by the distance of their bodies, or along a line."""

from typing import Annotated, Literal

from pydantic import Field

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.edits import ArrayEdit
from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.ids import FreeIds
from empanada_desktop.core.objects import LabelArray, ObjectIndex
from empanada_desktop.core.proofread_change import relative_sizes
from empanada_desktop.core.proofread_split import split_by_distance, split_by_line, split_by_points
from empanada_desktop.errors import SettingsError
from empanada_desktop.tasks.label_edits import (
    Divisor,
    EditInputs,
    EditResult,
    Line,
    Points,
    WhereParams,
    carry_out,
    opened_labels,
)
from empanada_desktop.tasks.params import ui

TITLE = "Split objects by points, distance or a line."
Inputs = EditInputs


class Params(WhereParams):
    """Which objects are split, and how."""

    by: Literal["distance", "points", "line"] = Field(
        "distance",
        title="By",
        description="distance: at necks between bodies. points: one point or more in each part. line: along a line.",
        json_schema_extra=ui("Split"),
    )
    min_distance: Annotated[int, Field(ge=1, le=100)] = Field(
        10,
        title="Min distance",
        description="How far apart bodies are at least.",
        json_schema_extra=ui("Split", unit="voxels"),
    )
    points: Points = ()
    line: Line = ()
    line_plane: Literal["xy", "xz", "yz"] = Field(
        "xy", title="Line's plane", description="Orientation of the plane of the line.", json_schema_extra=ui("Split")
    )
    new_ids_from: Annotated[int, Field(ge=0)] = Field(
        0,
        title="New ids from",
        description="The lowest new id; 0: the next free ones of the class.",
        json_schema_extra=ui("Split", zero="next free"),
    )
    max_objects_per_class: Divisor = 10_000


def run(inputs: Inputs, params: Params, context: JobContext) -> EditResult:
    """Split the objects; SettingsError where nothing is split."""
    with opened_labels(inputs.labels, inputs.dataset, inputs.voxel_size) as volume:
        sampling = relative_sizes(volume.spacing)
    taken: list[int] = []

    def deed(labels: LabelArray) -> tuple[ArrayEdit, ...]:
        objects = ObjectIndex.of(labels, context)
        new_ids = FreeIds(objects.ids, params.max_objects_per_class, params.new_ids_from or None)
        edits = _split(labels, objects, params, new_ids, sampling, context)
        taken.extend(new_ids.taken)
        return edits

    result = carry_out("split-labels", inputs, params, deed, params.max_objects_per_class, context)
    words = ", ".join(map(str, taken[:8])) + (f" and {len(taken) - 8} more" if len(taken) > 8 else "")
    return EditResult(result.out, result.changed, result.recipe, (f"New ids: {words}.",))


def _split(
    labels: LabelArray, objects: ObjectIndex, params: Params, new_ids: FreeIds,
    sampling: tuple[float, float, float], context: JobContext,
) -> tuple[ArrayEdit, ...]:  # fmt: skip
    boxes, chosen, axis, index = objects.boxes, params.chosen, params.axis, params.index
    if params.by == "points":
        return split_by_points(
            labels, boxes, params.points, new_ids, ids=chosen, axis=axis, index=index, sampling=sampling,
            context=context,
        )  # fmt: skip
    if params.by == "distance":
        return split_by_distance(
            labels, boxes, chosen, params.min_distance, new_ids, axis=axis, index=index, sampling=sampling,
            context=context,
        )  # fmt: skip
    if len(params.line) < 2:
        raise SettingsError("A line needs two points or more.", "Give it as --line 10,40;90,40.")
    return split_by_line(
        labels, boxes, params.line, new_ids, axis=axis or Axis(params.line_plane), index=index, ids=chosen,
        in_3d=axis is None, context=context,
    )  # fmt: skip
