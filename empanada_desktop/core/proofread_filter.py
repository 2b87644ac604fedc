"""Removing of objects that are small or touch the border, as edits: nothing is written here."""

from collections.abc import Callable, Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.context import JobContext, QuietContext
from empanada_desktop.core.edits import ArrayEdit, RegionEdit
from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.core.objects import LabelArray, ObjectIndex
from empanada_desktop.core.proofread import delete, exchanged

# volume: objects in 3D. plane: one plane. planes: every plane of an orientation on its own (a stack of 2D patches).
Scope = Literal["volume", "plane", "planes"]
# Given the objects of a volume or of a plane, tells which ones go.
Doomed = Callable[[ObjectIndex], NDArray[np.bool_]]
VOXELS_AT_ONCE = 2**25


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

    objects: the volume's index; None: counted. ids: only these (None: all). axis: whose planes `scope` means.
    """
    return _filtered(labels, objects, lambda found: found.voxels < min_size, ids, scope, axis, index, context)


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
    return _filtered(labels, objects, lambda found: found.touches_border, ids, scope, axis, index, context)


def going_ids(objects: ObjectIndex, min_size: int | None, ids: Iterable[int] | None = None) -> NDArray[np.int64]:
    """Return which objects filter_small, or filter_border (min_size None), would delete in the volume; ascending."""
    wanted = None if ids is None else np.array(sorted({int(each) for each in ids}), np.int64)
    doomed = objects.touches_border if min_size is None else objects.voxels < min_size
    return _going(objects, lambda _: doomed, wanted)


def _filtered(
    labels: LabelArray, objects: ObjectIndex | None, doomed: Doomed, ids: Iterable[int] | None, scope: Scope,
    axis: Axis, index: int, context: JobContext | None,
) -> tuple[ArrayEdit, ...]:  # fmt: skip
    wanted = None if ids is None else np.array(sorted({int(each) for each in ids}), np.int64)
    if scope == "volume":
        objects = objects or ObjectIndex.of(labels, context)
        return delete(labels, objects.boxes, _going(objects, doomed, wanted).tolist(), context=context)
    planes = range(index, index + 1) if scope == "plane" else range(labels.shape[axis.normal])
    return _planes_filtered(labels, doomed, wanted, axis, planes, context or QuietContext())


def _planes_filtered(
    labels: LabelArray, doomed: Doomed, wanted: NDArray[np.int64] | None, axis: Axis, planes: range, context: JobContext
) -> tuple[ArrayEdit, ...]:
    """Filter each plane on its own; several neighbouring ones are read at once."""
    normal = axis.normal
    of_plane = int(np.prod(labels.shape)) // max(1, labels.shape[normal])
    step = max(1, VOXELS_AT_ONCE // max(1, of_plane))
    edits = []
    for first in planes[::step]:
        context.check_cancelled()
        spans = [(0, length) for length in labels.shape]
        spans[normal] = (first, min(first + step, planes.stop))
        box = Box.of_spans(spans)
        edit = _slab_filtered(np.asarray(labels[box.slices]), box, normal, doomed, wanted)
        edits += [] if edit is None else [edit]
        context.report(box.stop[normal] - planes.start, len(planes), "Filtering planes")
    return tuple(edits)


def _slab_filtered(
    before: NDArray[Any], box: Box, normal: int, doomed: Doomed, wanted: NDArray[np.int64] | None
) -> ArrayEdit | None:
    after = before.copy()
    for place in range(before.shape[normal]):
        plane = [slice(None)] * 3
        plane[normal] = slice(place, place + 1)
        going = _going(ObjectIndex.of(before[tuple(plane)]), doomed, wanted)
        if len(going):
            after[tuple(plane)] = exchanged(before[tuple(plane)], going, np.zeros_like(going))
    return RegionEdit.of_changes(box, before, after)


def _going(objects: ObjectIndex, doomed: Doomed, wanted: NDArray[np.int64] | None) -> NDArray[np.int64]:
    going = objects.ids[doomed(objects)]
    return going if wanted is None else going[np.isin(going, wanted)]
