"""Removing of objects that are small or touch the border, as edits: nothing is written here."""

from collections.abc import Iterable
from typing import Literal

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.edits import ArrayEdit
from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.objects import LabelArray, ObjectIndex
from empanada_desktop.core.proofread import delete

# volume: objects in 3D. plane: one plane. planes: every plane of an orientation on its own (a stack of 2D patches).
Scope = Literal["volume", "plane", "planes"]


def filter_small(
    labels: LabelArray,
    objects: ObjectIndex | None,
    min_size: int,
    *,
    ids: Iterable[int] | None = None,
    scope: Scope = "volume",
    axis: Axis = Axis.XY,
    index: int = 0,
    context: JobContext | None = None,
) -> tuple[ArrayEdit, ...]:
    """Return the edits that delete objects of fewer than `min_size` voxels, or pixels of a plane.

    objects: the volume's index; None: counted. ids: only these (None: all).
    """
    objects = objects or ObjectIndex.of(labels, context)
    small = objects.ids[objects.voxels < min_size]
    return delete(labels, objects.boxes, _among(small.tolist(), ids), context=context)


def filter_border(
    labels: LabelArray,
    objects: ObjectIndex | None,
    *,
    ids: Iterable[int] | None = None,
    scope: Scope = "volume",
    axis: Axis = Axis.XY,
    index: int = 0,
    context: JobContext | None = None,
) -> tuple[ArrayEdit, ...]:
    """Return the edits that delete objects that touch a face of the volume, or an edge of a plane."""
    objects = objects or ObjectIndex.of(labels, context)
    at_border = objects.ids[objects.touches_border]
    return delete(labels, objects.boxes, _among(at_border.tolist(), ids), context=context)


def _among(found: list[int], ids: Iterable[int] | None) -> list[int]:
    wanted = None if ids is None else {int(each) for each in ids}
    return found if wanted is None else [each for each in found if each in wanted]
