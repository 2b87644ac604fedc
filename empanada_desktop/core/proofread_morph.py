"""Dilating, eroding, closing, opening and filling of objects, as edits; no object ever takes a voxel from another."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.edits import ArrayEdit
from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.core.holes import fill_holes as filled
from empanada_desktop.core.morphology import dilate_labels, erode_labels
from empanada_desktop.core.objects import LabelArray
from empanada_desktop.core.proofread_change import changed, chosen_boxes, object_boxes, widened

Kind = Literal["dilate", "erode", "close", "open"]
Sampling = tuple[float, float, float]
ISOTROPIC = (1.0, 1.0, 1.0)


def morph(
    labels: LabelArray,
    boxes: Mapping[int, Box] | None,
    ids: Iterable[int] | None,
    kind: Kind,
    radius: int,
    *,
    axis: Axis | None = None,
    index: int = 0,
    sampling: Sampling = ISOTROPIC,
    context: JobContext | None = None,
) -> tuple[ArrayEdit, ...]:
    """Return the edits that dilate, erode, close or open objects by `radius` (1–7) voxels; others stay as they are.

    sampling: relative sizes of a voxel along z, y, x; where they differ, the ball is round in space:
    the radius counts in voxels of size 1. Erosion does not begin at the volume's faces: objects may go on behind them.
    """
    found = chosen_boxes(object_boxes(labels, boxes, context), ids, axis, index)
    chosen = np.array(sorted(found), np.int64)
    where = [widened(box, (radius,) * 3, labels.shape)[0] for box in found.values()]

    def change(before: NDArray[Any]) -> NDArray[Any]:
        compact = before.astype(np.uint32)
        after = erode_labels(compact, radius) if kind in ("erode", "open") else dilate_labels(compact, radius)
        own = np.isin(after, chosen) & (before == 0) if kind == "dilate" else np.isin(before, chosen)
        return np.where(own, after, before)

    return changed(labels, where, change, reach=(2 * radius,) * 3, context=context, message="Shaping objects")


def fill_holes(
    labels: LabelArray,
    boxes: Mapping[int, Box] | None,
    ids: Iterable[int] | None,
    max_size: int | None = None,
    *,
    axis: Axis | None = None,
    index: int = 0,
    context: JobContext | None = None,
) -> tuple[ArrayEdit, ...]:
    """Return the edits that fill the holes of objects, of up to `max_size` voxels each (None: any size)."""
    found = chosen_boxes(object_boxes(labels, boxes, context), ids, axis, index)
    return changed(
        labels, found.values(), lambda before: filled(before.astype(np.uint32)), reach=(1, 1, 1), context=context
    )
