"""Splitting of objects: by points, by distance, along a line. As edits: nothing is written here."""

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from empanada_desktop.core.context import JobContext, QuietContext
from empanada_desktop.core.edits import ArrayEdit
from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.core.ids import FreeIds
from empanada_desktop.core.object_mask import ObjectMask, read_mask
from empanada_desktop.core.objects import LabelArray
from empanada_desktop.core.proofread_change import (
    ISOTROPIC,
    Patch,
    Sampling,
    chosen_boxes,
    common,
    object_boxes,
    patched,
)
from empanada_desktop.core.proofread_flood import Numbers, depth_inside, flooded
from empanada_desktop.core.proofread_fronts import met_fronts
from empanada_desktop.core.proofread_line import cut_along
from empanada_desktop.errors import SettingsError

EVERYWHERE = np.ones((3, 3, 3), np.bool_)


# Numbers the parts of an object from 1; one number only: it is not split.
Parts = Callable[[ObjectMask], Numbers]


def split_by_points(
    labels: LabelArray,
    boxes: Mapping[int, Box] | None,
    points: ArrayLike,
    new_ids: FreeIds,
    *,
    ids: Iterable[int] | None = None,
    axis: Axis | None = None,
    index: int = 0,
    sampling: Sampling = ISOTROPIC,
    context: JobContext | None = None,
) -> tuple[ArrayEdit, ...]:
    """Return the edits that split each object with two points or more in it, at the necks between them.

    points: (n, 3) z y x in voxels. The largest part keeps the id, the others get `new_ids`. sampling: relative sizes
    of a voxel along z, y, x. With axis and index only that plane is split, by the points in it. SettingsError when no
    object has two points.
    """
    places = _inside(points, labels.shape, axis, index)
    hit = _ids_at(labels, places)
    several = {each for each in hit if hit.count(each) > 1 and each}
    wanted = several if ids is None else several & {int(each) for each in ids}
    found = chosen_boxes(object_boxes(labels, boxes, context), sorted(wanted), axis, index)

    def parts(thing: ObjectMask) -> Numbers:
        markers = np.zeros(thing.mask.shape, np.int32)
        own = [place for place, label_id in zip(places, hit, strict=True) if label_id == thing.label_id]
        for number, place in enumerate(own, 1):
            markers[thing.place(place)] = number
        sizes = thing.sampling(sampling)
        return met_fronts(thing.mask, depth_inside(thing.mask, sizes), markers, sizes)

    return _split(labels, found, parts, new_ids, context, "Put two points or more into one object.")


def split_by_distance(
    labels: LabelArray,
    boxes: Mapping[int, Box] | None,
    ids: Iterable[int] | None,
    min_distance: int,
    new_ids: FreeIds,
    *,
    axis: Axis | None = None,
    index: int = 0,
    sampling: Sampling = ISOTROPIC,
    context: JobContext | None = None,
) -> tuple[ArrayEdit, ...]:
    """Return the edits that split objects at their necks, where bodies are `min_distance` (1–100) or more apart.

    Bodies are the places that lie deepest inside within that distance, counted in voxels of size 1 of `sampling`.
    SettingsError when nothing is split.
    """
    found = chosen_boxes(object_boxes(labels, boxes, context), ids, axis, index)

    def parts(thing: ObjectMask) -> Numbers:
        sizes = thing.sampling(sampling)
        depth = depth_inside(thing.mask, sizes)
        return flooded(thing.mask, depth, body_markers(depth, min_distance, sizes))

    return _split(labels, found, parts, new_ids, context, "Lower the minimum distance.")


def split_by_line(
    labels: LabelArray,
    boxes: Mapping[int, Box] | None,
    line: Sequence[tuple[float, float]],
    new_ids: FreeIds,
    *,
    axis: Axis,
    index: int,
    ids: Iterable[int] | None = None,
    in_3d: bool = False,
    context: JobContext | None = None,
) -> tuple[ArrayEdit, ...]:
    """Return the edits that cut the objects under a drawn line in two.

    line: (row, column) of its vertices in plane `index` of `axis`, voxel i from i to i + 1. in_3d: the line goes on
    along the plane's normal as a surface, as far as the object under the line reaches; otherwise only the plane is cut.
    A line that ends inside the only object it meets goes straight on. SettingsError when no object is cut through.
    """
    boxes = object_boxes(labels, boxes, context)
    under = _ids_under(labels, line, axis, index)
    wanted = under if ids is None else under & {int(each) for each in ids}
    plane = None if in_3d else axis
    found = chosen_boxes(boxes, sorted(wanted), plane, index)
    goes_on = len(found) == 1

    def parts(thing: ObjectMask) -> Numbers:
        rows, columns = axis.in_plane
        corner = thing.box.start[rows], thing.box.start[columns]
        local = [((row - corner[0]) / thing.factor, (column - corner[1]) / thing.factor) for row, column in line]
        middle = (index - thing.box.start[axis.normal]) // thing.factor
        return cut_along(thing.mask, local, axis, middle, goes_on=goes_on)

    return _split(labels, found, parts, new_ids, context, "Draw the line right across the object.")


def body_markers(depth: NDArray[np.float32], min_distance: float, sampling: Sampling) -> Numbers:
    """Number the places (z y x, int32) that lie deepest within `min_distance`, the deepest of all first."""
    size = [
        2 * max(1, min(int(min_distance / step), length - 1)) + 1
        for step, length in zip(sampling, depth.shape, strict=True)
    ]
    peaks = (depth > 0) & (depth == ndimage.maximum_filter(depth, size, mode="constant"))
    plateaus, _ = ndimage.label(peaks, EVERYWHERE)
    voxels = np.argwhere(plateaus)
    first = np.unique(plateaus[tuple(voxels.T)], return_index=True)[1]
    middle = voxels[first]
    chosen = _apart(middle * np.array(sampling), depth[tuple(middle.T)], min_distance)
    markers = np.zeros(depth.shape, np.int32)
    for number, place in enumerate(chosen, 1):
        markers[plateaus == plateaus[tuple(middle[place])]] = number
    return markers


def _apart(places: NDArray[np.float64], depths: NDArray[np.float32], min_distance: float) -> list[int]:
    """Return the places (n, 3) that stay when each drops all less deep ones nearer than `min_distance`."""
    if not len(places):
        return []
    near = cKDTree(places).query_ball_point(places, min_distance * (1 - 1e-9))
    dropped, chosen = set[int](), []
    for place in np.argsort(-depths, kind="stable").tolist():
        if place not in dropped:
            chosen.append(place)
            dropped.update(near[place])
    return chosen


@dataclass(frozen=True)
class _Parting:
    """An object of which some parts get other ids: new_ids[number], 0 where the id stays."""

    box: Box
    label_id: int
    factor: int
    shape: tuple[int, ...]
    new_ids: NDArray[np.int64] = field(repr=False)
    packed: bytes = field(repr=False)

    @classmethod
    def of(cls, thing: ObjectMask, numbers: Numbers, new_ids: NDArray[np.int64]) -> "_Parting":
        packed = zlib.compress(np.ascontiguousarray(numbers).tobytes(), 1)
        return cls(thing.box, thing.label_id, thing.factor, numbers.shape, new_ids, packed)

    def put(self, ids: NDArray[Any], box: Box) -> None:
        """Write the new ids over the object's own."""
        shared = common(self.box, box)
        if shared is None:
            return
        numbers = np.frombuffer(zlib.decompress(self.packed), np.int32).reshape(self.shape)
        local = shared.moved(self.box.start, -1)
        places = np.ix_(*(np.arange(low, high) // self.factor for low, high in local.spans))
        wanted = self.new_ids[numbers[places]]
        part = ids[shared.moved(box.start, -1).slices]
        chosen = (part == self.label_id) & (wanted > 0)
        part[chosen] = wanted[chosen]


def _split(
    labels: LabelArray, boxes: Mapping[int, Box], parts: Parts, new_ids: FreeIds, context: JobContext | None, hint: str
) -> tuple[ArrayEdit, ...]:
    context = context or QuietContext()
    patches: list[Patch] = []
    for done, (label_id, box) in enumerate(sorted(boxes.items()), 1):
        context.check_cancelled()
        thing = read_mask(labels, label_id, box)
        numbers = parts(thing)
        sizes = np.bincount(numbers.ravel())
        sizes[0] = 0
        if np.count_nonzero(sizes) > 1:
            wanted = np.zeros(len(sizes), np.int64)
            for number in np.flatnonzero(sizes):
                if number != np.argmax(sizes):
                    wanted[number] = new_ids.take(label_id)
            patches.append(_Parting.of(thing, numbers, wanted))
        context.report(done, len(boxes), "Splitting")
    if not patches:
        raise SettingsError("Nothing was split.", hint)
    return patched(labels, patches, context=context, message="Writing the parts")


def _inside(points: ArrayLike, shape: tuple[int, ...], axis: Axis | None, index: int) -> NDArray[np.int64]:
    """Return the voxels that the points are in, each once, of those in the volume, or in the plane."""
    places = np.floor(np.asarray(points, np.float64).reshape(-1, 3)).astype(np.int64)
    inside = ((places >= 0) & (places < np.array(shape))).all(axis=1)
    if axis is not None:
        inside &= places[:, axis.normal] == index
    return np.unique(places[inside], axis=0)


def _ids_at(labels: LabelArray, places: NDArray[np.int64]) -> list[int]:
    return [int(np.asarray(labels[z : z + 1, y : y + 1, x : x + 1]).item()) for z, y, x in places.tolist()]


def _ids_under(labels: LabelArray, line: Sequence[tuple[float, float]], axis: Axis, index: int) -> set[int]:
    """Return the ids that a drawn line passes."""
    found: set[int] = set()
    rows, columns = axis.in_plane
    for (row, column), (next_row, next_column) in pairwise(line):
        steps = 2 * int(max(abs(next_row - row), abs(next_column - column))) + 2
        places = np.empty((steps, 3))
        places[:, axis.normal] = index
        places[:, rows], places[:, columns] = np.linspace(row, next_row, steps), np.linspace(column, next_column, steps)
        found |= set(_ids_at(labels, _inside(places, labels.shape, axis, index)))
    return found - {0}
