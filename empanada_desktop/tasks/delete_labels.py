"""Delete objects, in the volume or in a plane."""

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.edits import ArrayEdit
from empanada_desktop.core.objects import LabelArray
from empanada_desktop.core.proofread import delete
from empanada_desktop.errors import SettingsError
from empanada_desktop.tasks.label_edits import Divisor, EditInputs, EditResult, WhereParams, boxes_of, carry_out

TITLE = "Delete objects."
Inputs = EditInputs


class Params(WhereParams):
    """Which objects go."""

    max_objects_per_class: Divisor = 10_000


def run(inputs: Inputs, params: Params, context: JobContext) -> EditResult:
    """Delete the objects; SettingsError where none is named."""
    if not params.ids:
        raise SettingsError("No object is named.", "Name the objects to delete: --ids 10012,10019.")

    def deed(labels: LabelArray) -> tuple[ArrayEdit, ...]:
        boxes = boxes_of(labels, params.ids, params.axis, context)
        return delete(labels, boxes, params.ids, axis=params.axis, index=params.index, context=context)

    return carry_out("delete-labels", inputs, params, deed, params.max_objects_per_class, context)
