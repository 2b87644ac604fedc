"""Merge objects: several ids become one, in the volume or in a plane."""

from typing import Annotated

from pydantic import Field

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.edits import ArrayEdit
from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.objects import LabelArray, ObjectIndex
from empanada_desktop.core.proofread import merge
from empanada_desktop.errors import SettingsError
from empanada_desktop.tasks.label_edits import Divisor, EditInputs, EditResult, WhereParams, carry_out
from empanada_desktop.tasks.params import ui

TITLE = "Merge objects."
Inputs = EditInputs


class Params(WhereParams):
    """Which objects become one, and under which id."""

    into: Annotated[int, Field(ge=0)] = Field(
        0, title="Kept id", description="The id they get; 0: that of the largest.", json_schema_extra=ui("Objects")
    )
    bridge: Annotated[int, Field(ge=0, le=100)] = Field(
        0,
        title="Bridge gap",
        description="Fill gaps of up to so many xy planes between them, from the shapes on both sides.",
        json_schema_extra=ui("Objects", unit="planes"),
    )
    max_objects_per_class: Divisor = 10_000


def run(inputs: Inputs, params: Params, context: JobContext) -> EditResult:
    """Merge the objects; SettingsError unless two of them are there, or one and another id."""
    if len(params.ids) < 2 and not params.into:
        raise SettingsError("Merging needs two objects or more.", "Name them: --ids 10012,10019.")

    def deed(labels: LabelArray) -> tuple[ArrayEdit, ...]:
        objects = ObjectIndex.of(labels, context)
        missing = [each for each in params.ids if each not in objects]
        if missing:
            raise SettingsError(f"There is no object {missing[0]}.", "Count the objects to see their ids.")
        into = params.into or max(params.ids, key=lambda each: _voxels(objects, each))
        if into not in params.ids and into in objects:
            raise SettingsError(f"{into} is another object.", "Name it with --ids, too, or choose another id.")
        return merge(
            labels, objects.boxes, params.ids, into, bridge=params.bridge, bridge_axis=Axis.XY,
            axis=params.axis, index=params.index, context=context,
        )  # fmt: skip

    return carry_out("merge-labels", inputs, params, deed, params.max_objects_per_class, context)


def _voxels(objects: ObjectIndex, label_id: int) -> int:
    row = objects.find(label_id)
    return 0 if row is None else int(objects.voxels[row])
