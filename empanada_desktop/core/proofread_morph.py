"""Dilating, eroding, closing, opening and filling of objects, as edits; no object ever takes a voxel from another."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from empanada_desktop.core.context import JobContext, QuietContext
from empanada_desktop.core.edits import ArrayEdit
from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.core.morphology import dilate_labels, erode_labels
from empanada_desktop.core.objects import LabelArray
from empanada_desktop.core.proofread_bridge import Filling
from empanada_desktop.core.proofread_change import (
    ISOTROPIC,
    Sampling,
    Triple,
    as_uint32,
    changed,
    chosen_boxes,
    common,
    object_boxes,
    parts_of,
    patched,
    widened,
)

Kind = Literal["dilate", "erode", "close", "open"]
Labels = NDArray[np.uint32]
Mask = NDArray[np.bool_]
# A larger object is searched for holes part by part; a hole longer than the margin is then none.
HOLE_BOX = 2**27
HOLE_MARGIN = 64


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

    The ball, or disc in a plane, is Euclidean. sampling: relative sizes of a voxel along z, y, x; where they differ,
    the ball is round in space: the radius counts in voxels of size 1. Between two growing objects a voxel goes to the
    nearer one; a closing takes voxels in order of ids. Growing goes on through faces and not past a neighbour's back.
    Erosion does not begin at the volume's faces: objects may go on behind them.
    """
    found = chosen_boxes(object_boxes(labels, boxes, context), ids, axis, index)
    chosen = np.array(sorted(found), np.int64)
    margin = _triple([_steps(radius) if at != _normal(axis) else 0 for at in range(3)])
    where = [widened(box, margin, labels.shape)[0] for box in found.values()]
    change = _Shaping(kind, radius, sampling, chosen, found)
    reach = _triple([3 * side for side in margin])
    return changed(labels, where, change, reach=reach, context=context, message="Shaping objects")


class _Shaping:
    """What a deed makes of a box."""

    def __init__(
        self, kind: Kind, radius: int, sampling: Sampling, chosen: NDArray[np.int64], boxes: Mapping[int, Box]
    ) -> None:
        self._deed = {"dilate": self._dilated, "erode": self._eroded, "open": self._opened, "close": self._closed}[kind]
        self._radius, self._sampling, self._chosen, self._boxes = radius, sampling, chosen, boxes

    def __call__(self, before: NDArray[Any], box: Box) -> NDArray[Any]:
        ids = as_uint32(before)
        own = np.where(np.isin(ids, self._chosen), ids, 0).astype(np.uint32)
        return self._deed(ids, own, box).astype(before.dtype, copy=False) if own.any() else before

    def _dilated(self, ids: Labels, own: Labels, box: Box) -> Labels:
        grown = np.where(ids == 0, dilate_labels(own, self._radius, self._sampling), own)
        return np.where(ids == 0, connected_to(own, grown, _steps(self._radius)), ids)

    def _eroded(self, ids: Labels, own: Labels, box: Box) -> Labels:
        return np.where(own > 0, erode_labels(ids, self._radius, self._sampling), ids)

    def _opened(self, ids: Labels, own: Labels, box: Box) -> Labels:
        cores = np.where(own > 0, erode_labels(ids, self._radius, self._sampling), 0)
        grown = dilate_labels(cores, self._radius, self._sampling)
        return np.where((own > 0) & (grown != ids), 0, ids)

    def _closed(self, ids: Labels, own: Labels, box: Box) -> Labels:
        after = ids.copy()
        margin = (2 * self._radius + 1,) * 3
        for label_id in np.unique(own[own > 0]).tolist():
            near = common(widened(self._boxes[label_id], margin, box.stop)[0], box)
            if near is not None:
                part = after[near.moved(box.start, -1).slices]
                mask = own[near.moved(box.start, -1).slices] == label_id
                part[self._closing(mask) & (part == 0)] = label_id
        return after

    def _closing(self, mask: Mask) -> Mask:
        grown = dilate_labels(mask.astype(np.uint32), self._radius, self._sampling)
        return np.asarray(erode_labels(grown, self._radius, self._sampling) > 0)


def connected_to(own: Labels, grown: Labels, steps: int) -> Labels:
    """Return of `grown` what its object `own` reaches in at most `steps` steps through faces."""
    reached = own.copy()
    for _ in range(steps):
        if not _step(reached, grown):
            break
    return reached


@njit(cache=True, nogil=True)
def _step(reached: Labels, grown: Labels) -> bool:
    """Let every object take the voxels that it was offered and that touch it by a face."""
    depth, height, width = grown.shape
    before = reached.copy()
    any_taken = False
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                value = grown[z, y, x]
                if value == 0 or before[z, y, x] == value:
                    continue
                if (
                    (z > 0 and before[z - 1, y, x] == value)
                    or (z + 1 < depth and before[z + 1, y, x] == value)
                    or (y > 0 and before[z, y - 1, x] == value)
                    or (y + 1 < height and before[z, y + 1, x] == value)
                    or (x > 0 and before[z, y, x - 1] == value)
                    or (x + 1 < width and before[z, y, x + 1] == value)
                ):
                    reached[z, y, x] = value
                    any_taken = True
    return any_taken


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
    """Return the edits that fill the holes of objects, of up to `max_size` voxels each (None: any size).

    A hole is what cannot reach the faces of the object's box through faces without crossing the object; its size counts
    all that stands in it, and only its background is filled. Of nested objects the one with the smallest box comes
    first.
    """
    context = context or QuietContext()
    found = chosen_boxes(object_boxes(labels, boxes, context), ids, axis, index)
    patches: list[Filling] = []
    for done, (label_id, box) in enumerate(sorted(found.items(), key=lambda item: math.prod(item[1].shape)), 1):
        context.check_cancelled()
        patches += _fillings(labels, label_id, box, max_size, _normal(axis))
        context.report(done, len(found), "Looking for holes")
    return patched(labels, patches, context=context, message="Filling holes")


def _fillings(labels: LabelArray, label_id: int, box: Box, max_size: int | None, normal: int) -> list[Filling]:
    parts = [box] if math.prod(box.shape) <= HOLE_BOX else list(parts_of([box]))
    margin = _triple([0 if at == normal else HOLE_MARGIN if len(parts) > 1 else 0 for at in range(3)])
    found = []
    for part in parts:
        wide, place = widened(part, margin, labels.shape)
        ids = np.asarray(labels[wide.slices])
        holes = holes_of(ids == label_id, max_size, normal)[place] & (ids[place] == 0)
        found += [Filling.of(part, label_id, holes)] if holes.any() else []
    return found


def holes_of(mask: Mask, max_size: int | None, normal: int = -1) -> Mask:
    """Return the holes of an object in its box (z y x); normal: the axis of length 1 of a plane, none otherwise."""
    flat = mask if normal < 0 else mask.squeeze(normal)
    parts, count = ndimage.label(~flat)
    is_hole = np.ones(count + 1, np.bool_)
    is_hole[0] = False
    for axis in range(flat.ndim):
        for end in (0, -1):
            is_hole[np.take(parts, end, axis=axis)] = False
    if max_size is not None and is_hole.any():
        is_hole &= np.bincount(parts.ravel(), minlength=count + 1) <= max_size
    return np.asarray(is_hole[parts].reshape(mask.shape))


def _steps(radius: int) -> int:
    """Return how many steps through faces a ball's voxel is from its middle at most."""
    return math.ceil(math.sqrt(3) * radius)


def _normal(axis: Axis | None) -> int:
    return -1 if axis is None else axis.normal


def _triple(values: list[int]) -> Triple:
    z, y, x = values
    return z, y, x
