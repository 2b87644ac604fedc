"""Dilate, erode, close, open or smooth objects or fill their holes; no object takes a voxel from another."""

from typing import Annotated, Literal

from pydantic import Field

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.edits import ArrayEdit
from empanada_desktop.core.objects import LabelArray
from empanada_desktop.core.proofread_change import ISOTROPIC, relative_sizes
from empanada_desktop.core.proofread_morph import fill_holes, morph
from empanada_desktop.core.proofread_smooth import smooth
from empanada_desktop.tasks.label_edits import (
    Divisor,
    EditInputs,
    EditResult,
    WhereParams,
    boxes_of,
    carry_out,
    opened_labels,
)
from empanada_desktop.tasks.params import ui

TITLE = "Dilate, erode, close, open or smooth objects, or fill their holes."
Inputs = EditInputs


class Params(WhereParams):
    """What is done to the objects' shapes."""

    operation: Literal["dilate", "erode", "close", "open", "fill", "smooth"] = Field(
        "dilate", title="Operation", description="What to do.", json_schema_extra=ui("Morph")
    )
    radius: Annotated[int, Field(ge=1, le=7)] = Field(
        1,
        title="Radius",
        description="Radius of the ball or disc, or of bumps that are smoothed.",
        json_schema_extra=ui("Morph", unit="voxels"),
    )
    hole_size: Annotated[int, Field(ge=0)] = Field(
        64,
        title="Hole size",
        description="Fill holes of up to so many voxels; 0: of any size.",
        json_schema_extra=ui("Morph", unit="voxels", zero="any"),
    )
    anisotropic: bool = Field(
        True,
        title="Follow the voxel size",
        description="Where voxels are no cubes the ball is round in space: fewer planes than pixels.",
        json_schema_extra=ui("Morph"),
    )
    max_objects_per_class: Divisor = 10_000


def run(inputs: Inputs, params: Params, context: JobContext) -> EditResult:
    """Shape the objects."""
    with opened_labels(inputs.labels, inputs.dataset, inputs.voxel_size) as volume:
        sampling = relative_sizes(volume.spacing) if params.anisotropic else ISOTROPIC

    def deed(labels: LabelArray) -> tuple[ArrayEdit, ...]:
        axis, index = params.axis, params.index
        boxes = boxes_of(labels, params.ids, axis, context)
        if params.operation == "fill":
            size = params.hole_size or None
            return fill_holes(labels, boxes, params.chosen, size, axis=axis, index=index, context=context)
        if params.operation == "smooth":
            return smooth(
                labels, boxes, params.chosen, params.radius, axis=axis, index=index, sampling=sampling, context=context
            )
        return morph(
            labels, boxes, params.chosen, params.operation, params.radius, axis=axis, index=index, sampling=sampling,
            context=context,
        )  # fmt: skip

    return carry_out("morph-labels", inputs, params, deed, params.max_objects_per_class, context)
