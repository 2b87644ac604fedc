"""Merging and deleting of objects, as edits: nothing is written here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from empanada_desktop.core.context import JobContext, QuietContext
from empanada_desktop.core.edits import ArrayEdit, relabel
from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.core.objects import LabelArray
from empanada_desktop.core.proofread_bridge import bridges
from empanada_desktop.core.proofread_change import chosen_boxes, common, object_boxes, parts_of, patched


@dataclass(frozen=True)
class Renaming:
    """An object that gets another id."""

    box: Box
    old: int
    new: int

    def put(self, ids: NDArray[Any], box: Box) -> None:
        """Write the new id over the old one."""
        shared = common(self.box, box)
        if shared is not None:
            part = ids[shared.moved(box.start, -1).slices]
            part[part == self.old] = self.new


def merge(
    labels: LabelArray,
    boxes: Mapping[int, Box] | None,
    ids: Iterable[int],
    into: int,
    *,
    bridge: int = 0,
    bridge_axis: Axis = Axis.XY,
    axis: Axis | None = None,
    index: int = 0,
    context: JobContext | None = None,
) -> tuple[ArrayEdit, ...]:
    """Return the edits that make objects `ids` one under the id `into`, in the volume or in one plane of it.

    boxes: where objects are, as ObjectIndex.boxes gives them; None: looked for. bridge: gaps of up to so many planes
    of `bridge_axis` between the objects are filled from the planes on both sides, where there is background; not in a
    single plane.
    """
    found = chosen_boxes(object_boxes(labels, boxes, context), ids, axis, index)
    others = {each: box for each, box in found.items() if each != into}
    bridged = list(bridges(labels, found, into, bridge_axis, bridge)) if axis is None and bridge else []
    if not bridged:
        return relabelled(labels, dict.fromkeys(others, into), others, context, "Merging")
    renamed = [Renaming(box, each, into) for each, box in others.items()]
    return patched(labels, [*renamed, *bridged], context=context, message="Merging")


def delete(
    labels: LabelArray,
    boxes: Mapping[int, Box] | None,
    ids: Iterable[int],
    *,
    axis: Axis | None = None,
    index: int = 0,
    context: JobContext | None = None,
) -> tuple[ArrayEdit, ...]:
    """Return the edits that make background of objects, in the volume or in one plane of it."""
    found = chosen_boxes(object_boxes(labels, boxes, context), ids, axis, index)
    return relabelled(labels, dict.fromkeys(found, 0), found, context, "Deleting")


def relabelled(
    labels: LabelArray, new: Mapping[int, int], boxes: Mapping[int, Box], context: JobContext | None, message: str
) -> tuple[ArrayEdit, ...]:
    """Return the edits that turn ids into others within the boxes of the objects: tables, not pixels, where they do."""
    context = context or QuietContext()
    parts = list(parts_of(boxes[each] for each in new))
    edits: list[ArrayEdit] = []
    for done, part in enumerate(parts, 1):
        context.check_cancelled()
        edits += relabel(labels, part, new)
        context.report(done, len(parts), message)
    return tuple(edits)


def exchanged(ids: NDArray[Any], old: NDArray[np.int64], new: NDArray[np.int64]) -> NDArray[Any]:
    """Return a box (z y x) with old ids (ascending) turned into new ones, everything else as it was."""
    result = np.ascontiguousarray(ids).copy()
    if len(old):
        _exchange(result.reshape(-1), old, new)
    return result


@njit(cache=True, nogil=True)
def _exchange(ids: NDArray[Any], old: NDArray[np.int64], new: NDArray[np.int64]) -> None:
    """Exchange in place; a run of equal ids costs one look-up."""
    position = 0
    while position < ids.size:
        value, start = ids[position], position
        while position < ids.size and ids[position] == value:
            position += 1
        if value == 0:
            continue
        place = np.searchsorted(old, np.int64(value))
        if place < old.size and old[place] == value:
            ids[start:position] = new[place]
