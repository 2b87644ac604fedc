"""Objects of a stack from the components of its planes: each is matched to the plane before, then to the one after.

Nothing here grows with pixels times depth: a plane leaves behind the table of its components and their overlaps with
the plane before. All decisions are taken from those tables at the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.components import ComponentTable
from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.matching import match_objects, merge_unmatched
from empanada_desktop.core.overlap import Contingency, contingency

Indices = NDArray[np.int64]

FIRST_LABEL = 256  # of instances; a stuff class is one object, and its label is its class


@dataclass(frozen=True)
class ObjectTable:
    """What there is to know of objects 1..n of a stack; row i is object i + 1.

    `classes`, `voxels`, `n_planes` (n,) and `boxes` (n, 6: start z y x, stop z y x, excluded) int64; `is_thing` (n,).
    Objects are in order of class, then of their first plane, then of reading in it.
    """

    classes: Indices
    voxels: Indices
    boxes: Indices
    n_planes: Indices
    is_thing: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self.classes)


@dataclass(frozen=True)
class Tracks:
    """The objects of a stack, and for each plane the object (1..n) of its components 0..m, 0 for 0."""

    objects: ObjectTable
    lookups: tuple[NDArray[np.uint32], ...]


@dataclass(frozen=True)
class PlaneRecord:
    """What is kept of a plane: its components, and their overlaps (rows) with those of the plane before, from 0."""

    table: ComponentTable
    before: Indices
    here: Indices
    shared: Indices


class StackTracker:
    """Joins the components of consecutive planes into objects.

    Forward, a plane's components take the labels of the plane before: one to one by Hungarian assignment on IoU,
    accepted from `merge_iou`; what is left joins the label that holds the largest part of it, from `merge_ioa`; else a
    new label. Backward the same, last to first, by whole labels and without new ones, which joins what a single pass
    splits.
    """

    def __init__(self, axis: Axis = Axis.XY, merge_iou: float = 0.25, merge_ioa: float = 0.25) -> None:
        """Start an empty stack of planes of orientation `axis`."""
        self._axis = axis
        self._merge_iou = merge_iou
        self._merge_ioa = merge_ioa
        self._planes: list[PlaneRecord] = []
        self._previous: NDArray[np.uint32] | None = None

    def add_plane(self, components: NDArray[np.uint32], table: ComponentTable) -> PlaneRecord:
        """Take the next plane, as `split_components` returns it; the array is read again at the next call.

        Returns what is kept of it: enough to go on from there another day.
        """
        if self._previous is None:
            nothing = np.zeros(0, np.int64)
            self._planes.append(PlaneRecord(table, nothing, nothing, nothing))
        else:
            overlaps = contingency(self._previous, components).overlaps
            self._planes.append(_link(self._planes[-1].table, table, overlaps))
        self._previous = components
        return self._planes[-1]

    def take_up(self, records: Sequence[PlaneRecord], previous: NDArray[np.uint32] | None = None) -> None:
        """Begin after planes that were added before; `previous`, the last one's components, when more will follow."""
        self._planes = list(records)
        self._previous = previous

    def finish(self) -> Tracks:
        """Match forward and backward and return the objects."""
        self._previous = None
        labels = self._match_forward()
        labels = self._match_backward(labels)
        return _collect(self._axis, [plane.table for plane in self._planes], labels)

    def _match_forward(self) -> list[Indices]:
        """Return the label of each component of each plane."""
        next_label = FIRST_LABEL
        labels: list[Indices] = []
        for plane in self._planes:
            own = np.arange(len(plane.table))
            before = labels[-1] if labels else np.zeros(0, np.int64)
            areas_before = self._planes[len(labels) - 1].table.areas if labels else before
            found = self._match(before, areas_before, own, plane.table.areas, (plane.before, plane.here, plane.shared))
            found[~plane.table.is_thing] = plane.table.classes[~plane.table.is_thing]
            new = (found < 0) & plane.table.is_thing
            found[new] = next_label + np.arange(np.count_nonzero(new))
            next_label += int(np.count_nonzero(new))
            labels.append(found)
        return labels

    def _match_backward(self, labels: list[Indices]) -> list[Indices]:
        """Return the labels after matching each plane to the one after it."""
        result = list(labels)
        for index in range(len(labels) - 2, -1, -1):
            plane, after = self._planes[index].table, self._planes[index + 1]
            pairs = (after.here, after.before, after.shared)
            found = self._match(result[index + 1], after.table.areas, labels[index], plane.areas, pairs)
            result[index] = np.where(found < 0, labels[index], found)
        return result

    def _match(
        self,
        target_labels: Indices,
        target_areas: Indices,
        own_labels: Indices,
        own_areas: Indices,
        pairs: tuple[Indices, Indices, Indices],
    ) -> Indices:
        """Return the target's label for each component, -1 where none fits; components of one label go together."""
        targets, target_of, target_areas = _merge_by_label(target_labels, target_areas)
        _, own_of, own_areas = _merge_by_label(own_labels, own_areas)
        first, second, shared = _merge_pairs(target_of[pairs[0]], own_of[pairs[1]], pairs[2])
        found = match_objects(first, second, shared, target_areas, own_areas, self._merge_iou)
        found = merge_unmatched(found, first, second, shared, own_areas, self._merge_ioa)
        labels = np.where(found < 0, -1, targets[found]) if len(targets) else found
        return labels[own_of]


def _link(before: ComponentTable, here: ComponentTable, overlaps: Contingency) -> PlaneRecord:
    """Keep the overlaps of instances of the same class."""
    first, second = overlaps.first.astype(np.int64) - 1, overlaps.second.astype(np.int64) - 1
    kept = (before.classes[first] == here.classes[second]) & here.is_thing[second]
    return PlaneRecord(here, first[kept], second[kept], overlaps.voxels[kept])


def _merge_by_label(labels: Indices, areas: Indices) -> tuple[Indices, Indices, Indices]:
    """Return the distinct labels, the index of each component's label among them, and the area of each label."""
    distinct, index = np.unique(labels, return_inverse=True)
    return distinct, index, np.bincount(index, areas, len(distinct)).astype(np.int64)


def _merge_pairs(first: Indices, second: Indices, shared: Indices) -> tuple[Indices, Indices, Indices]:
    """Sum the overlaps of equal pairs."""
    keys, index = np.unique((first << 32) | second, return_inverse=True)
    return keys >> 32, keys & 0xFFFFFFFF, np.bincount(index, shared, len(keys)).astype(np.int64)


def _collect(axis: Axis, tables: Sequence[ComponentTable], labels: Sequence[Indices]) -> Tracks:
    """Sum the components of each label and number the labels."""
    plane_of = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    every_label = np.concatenate([np.zeros(0, np.int64), *labels])
    distinct, first_seen, index = np.unique(every_label, return_index=True, return_inverse=True)
    table = _concatenate(tables)
    order = np.lexsort((first_seen, table.classes[first_seen]))
    rank = np.empty(len(distinct), np.int64)
    rank[order] = np.arange(len(distinct))
    objects = _sum_objects(table, plane_of, rank[index], len(distinct), axis)
    numbers = (rank[index] + 1).astype(np.uint32)
    ends = np.cumsum([len(plane) for plane in labels])[:-1]
    lookups = tuple(np.concatenate([np.zeros(1, np.uint32), plane]) for plane in np.split(numbers, ends))
    return Tracks(objects, lookups if labels else ())


def _concatenate(tables: Sequence[ComponentTable]) -> ComponentTable:
    """Return one table of the components of all planes."""
    return ComponentTable(
        np.concatenate([np.zeros(0, np.int64), *(table.classes for table in tables)]),
        np.concatenate([np.zeros(0, np.int64), *(table.areas for table in tables)]),
        np.concatenate([np.zeros((0, 4), np.int64), *(table.boxes for table in tables)]),
        np.concatenate([np.zeros(0, np.bool_), *(table.is_thing for table in tables)]),
    )


def _sum_objects(table: ComponentTable, plane_of: Indices, number_of: Indices, count: int, axis: Axis) -> ObjectTable:
    """Return the table of `count` objects, given the plane and the object (from 0) of each component."""
    starts = np.full((count, 3), np.iinfo(np.int64).max)
    stops = np.zeros((count, 3), np.int64)
    rows, columns = axis.in_plane
    component_starts = np.empty((len(table), 3), np.int64)
    component_stops = np.empty((len(table), 3), np.int64)
    component_starts[:, axis.normal], component_stops[:, axis.normal] = plane_of, plane_of + 1
    component_starts[:, [rows, columns]] = table.boxes[:, :2]
    component_stops[:, [rows, columns]] = table.boxes[:, 2:]
    np.minimum.at(starts, number_of, component_starts)
    np.maximum.at(stops, number_of, component_stops)
    voxels = np.zeros(count, np.int64)
    np.add.at(voxels, number_of, table.areas)
    classes = np.zeros(count, np.int64)
    classes[number_of] = table.classes
    is_thing = np.zeros(count, np.bool_)
    is_thing[number_of] = table.is_thing
    seen = np.unique((number_of << 32) | plane_of) >> 32
    return ObjectTable(classes, voxels, np.hstack([starts, stops]), np.bincount(seen, minlength=count), is_thing)
