"""Smoothing of objects, each by itself and as large as it was, as edits: nothing is written here."""

import math
from collections.abc import Iterable, Mapping

import numpy as np

from empanada_desktop.core.context import JobContext, QuietContext
from empanada_desktop.core.edits import ArrayEdit
from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.core.objects import LabelArray
from empanada_desktop.core.paint_shapes import smoothed
from empanada_desktop.core.proofread_bridge import Filling
from empanada_desktop.core.proofread_change import ISOTROPIC, Sampling, chosen_boxes, object_boxes, patched, widened
from empanada_desktop.errors import SettingsError

# About 20 bytes of memory for each voxel of an object's box.
LARGEST_BOX = 2**27


def smooth(
    labels: LabelArray,
    boxes: Mapping[int, Box] | None,
    ids: Iterable[int] | None,
    radius: float,
    *,
    axis: Axis | None = None,
    index: int = 0,
    sampling: Sampling = ISOTROPIC,
    context: JobContext | None = None,
) -> tuple[ArrayEdit, ...]:
    """Return the edits that smooth objects (None: all); what is added to one comes from the background alone.

    radius: of the bumps that go, in voxels of size 1 of `sampling`, the relative sizes along z, y, x. Where two would
    take the same voxel, the lower id does. SettingsError where an object is too large.
    """
    context = context or QuietContext()
    found = chosen_boxes(object_boxes(labels, boxes, context), ids, axis, index)
    patches: list[Filling] = []
    for done, (label_id, box) in enumerate(sorted(found.items()), 1):
        context.check_cancelled()
        reach = [0 if axis is not None and at == axis.normal else math.ceil(2 * radius) for at in range(3)]
        wide, _ = widened(box, (reach[0], reach[1], reach[2]), labels.shape)
        patches += _smoothed(labels, label_id, wide, radius, sampling)
        context.report(done, len(found), "Smoothing")
    return patched(labels, patches, context=context, message="Smoothing")


def _smoothed(labels: LabelArray, label_id: int, box: Box, radius: float, sampling: Sampling) -> list[Filling]:
    if math.prod(box.shape) > LARGEST_BOX:
        raise SettingsError(f"Object {label_id} is too large to be smoothed in 3D.", "Smooth it in a plane.")
    ids = np.asarray(labels[box.slices])
    before = ids == label_id
    after = smoothed(before, float(radius), sampling)
    gained, lost = after & (ids == 0), before & ~after
    fillings = [Filling.of(box, label_id, gained)] if gained.any() else []
    return [*fillings, Filling.of(box, 0, lost, over=label_id)] if lost.any() else fillings
