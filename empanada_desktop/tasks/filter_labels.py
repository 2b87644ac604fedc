"""Delete objects that are small, or that touch the border: of the volume, of one plane, or of every plane."""

from typing import Annotated, Literal

from pydantic import Field

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.edits import ArrayEdit
from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.objects import LabelArray
from empanada_desktop.core.proofread_filter import filter_border, filter_small
from empanada_desktop.tasks.label_edits import Divisor, EditInputs, EditResult, Ids, carry_out
from empanada_desktop.tasks.params import TaskParams, ui

TITLE = "Delete objects that are small or touch the border."
Inputs = EditInputs


class Params(TaskParams):
    """Which objects go."""

    remove: Literal["small", "border"] = Field(
        "small",
        title="Remove",
        description="small: objects below the least size. border: those that touch the border.",
        json_schema_extra=ui("Filter"),
    )
    min_size: Annotated[int, Field(ge=1, le=10**9)] = Field(
        100,
        title="Min size",
        description="Objects of fewer voxels (pixels of a plane) go.",
        json_schema_extra=ui("Filter", unit="voxels"),
    )
    scope: Literal["volume", "plane", "planes"] = Field(
        "volume",
        title="Works in",
        description="volume: objects in 3D. plane: one plane. planes: each plane on its own, as in a stack of patches.",
        json_schema_extra=ui("Filter"),
    )
    plane: Literal["xy", "xz", "yz"] = Field(
        "xy", title="Plane", description="Orientation of the planes.", json_schema_extra=ui("Filter")
    )
    index: Annotated[int, Field(ge=0)] = Field(
        0, title="Index", description="Which plane, from 0.", json_schema_extra=ui("Filter")
    )
    ids: Ids = ()
    max_objects_per_class: Divisor = 10_000


def run(inputs: Inputs, params: Params, context: JobContext) -> EditResult:
    """Delete what does not stay."""

    def deed(labels: LabelArray) -> tuple[ArrayEdit, ...]:
        axis, chosen = Axis(params.plane), params.ids or None
        if params.remove == "small":
            return filter_small(
                labels, None, params.min_size, ids=chosen, scope=params.scope, axis=axis, index=params.index,
                context=context,
            )  # fmt: skip
        return filter_border(
            labels, None, ids=chosen, scope=params.scope, axis=axis, index=params.index, context=context
        )

    return carry_out("filter-labels", inputs, params, deed, params.max_objects_per_class, context)
