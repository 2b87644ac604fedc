"""Merging and deleting of objects, as edits: nothing is written here."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.edits import ArrayEdit
from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.core.objects import LabelArray
from empanada_desktop.core.proofread_change import changed, chosen_boxes, object_boxes


def merge(
    labels: LabelArray,
    boxes: Mapping[int, Box] | None,
    ids: Iterable[int],
    into: int,
    *,
    bridge: int = 0,
    axis: Axis | None = None,
    index: int = 0,
    context: JobContext | None = None,
) -> tuple[ArrayEdit, ...]:
    """Return the edits that make objects `ids` one under the id `into`, in the volume or in one plane of it.

    boxes: where objects are, as ObjectIndex.boxes gives them; None: looked for. bridge: gaps of up to so many planes
    along z between the objects are filled from the planes on both sides, where there is background.
    """
    found = chosen_boxes(object_boxes(labels, boxes, context), ids, axis, index)
    return relabelled(labels, {each: into for each in found if each != into}, found, context, "Merging")


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
    """Return the edits that turn ids into others within the boxes of the objects."""
    old_ids = np.array(sorted(new), np.int64)
    new_ids = np.array([new[each] for each in sorted(new)], np.int64)
    where = [boxes[each] for each in new]
    return changed(labels, where, lambda ids: exchanged(ids, old_ids, new_ids), context=context, message=message)


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
