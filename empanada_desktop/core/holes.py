"""Filling of holes in labelled objects; only background is ever filled."""

from typing import NamedTuple, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from empanada_desktop.core.components import find_root, join_sets
from empanada_desktop.core.overlap import contingency

Labels = NDArray[np.uint32]
Indices = NDArray[np.int64]


class Regions(NamedTuple):
    """Parts of the background that touch no edge of the array: number, place in a PartGraph, box (start, stop)."""

    numbers: Indices
    places: Indices
    starts: Indices
    stops: Indices


def fill_holes(labels: Labels) -> Labels:
    """Fill the holes of every object in a plane or a volume, leaving all other objects as they are.

    A hole of an object is background that cannot reach the edge of the array through faces without crossing the
    object; what stands in the hole stays. Of nested objects the one with the smallest box takes the hole.
    """
    background, count = ndimage.label(labels == 0)
    enclosed = np.ones(count + 1, np.bool_)
    enclosed[0] = False
    for axis in range(labels.ndim):
        for end in (0, -1):
            enclosed[np.take(background, end, axis=axis)] = False
    if not enclosed.any():
        return labels.copy()
    voxels = np.argwhere(enclosed[background])
    region_of = background[tuple(voxels.T)].astype(np.int64)
    fill_with = np.zeros(count + 1, np.uint32)
    pairs = _neighbours(labels, voxels, region_of)
    is_single = np.bincount(pairs[:, 0], minlength=count + 1)[pairs[:, 0]] == 1
    fill_with[pairs[is_single, 0]] = pairs[is_single, 1]
    if not is_single.all():
        _settle_in(labels, voxels, region_of, np.unique(pairs[~is_single, 0]), fill_with)
    result = labels.copy()
    result[tuple(voxels.T)] = fill_with[region_of]
    return result


def _neighbours(labels: Labels, voxels: Indices, region_of: Indices) -> Indices:
    """Return the distinct pairs (region, id of an object that touches it by a face)."""
    found = []
    for axis in range(labels.ndim):
        for step in (-1, 1):
            beside = voxels.copy()
            beside[:, axis] += step
            ids = labels[tuple(beside.T)]
            found.append(np.stack([region_of, ids], axis=1)[ids > 0])
    return np.unique(np.concatenate(found), axis=0)


def _settle_in(labels: Labels, voxels: Indices, region_of: Indices, numbers: Indices, fill_with: Labels) -> None:
    """Decide the regions `numbers` (ascending), which touch several objects."""
    chosen = np.isin(region_of, numbers)
    voxels, place = voxels[chosen], np.searchsorted(numbers, region_of[chosen])
    shape = (len(numbers), voxels.shape[1])
    samples, starts, stops = np.zeros(shape, np.int64), np.full(shape, 2**62), np.zeros(shape, np.int64)
    samples[place] = voxels
    np.minimum.at(starts, place, voxels)
    np.maximum.at(stops, place, voxels + 1)
    ids = contingency(labels, np.zeros_like(labels)).first
    volume = labels.reshape((1,) * (3 - labels.ndim) + labels.shape)
    parts = face_parts(volume)
    places = parts.reshape(labels.shape)[tuple(samples.T)].astype(np.int64)
    boxes = object_boxes(volume, ids)[:, :, 3 - labels.ndim :]
    settle(ids, boxes, Regions(numbers, places, starts, stops), PartGraph.of(volume, parts), fill_with)


def settle(ids: Labels, boxes: Indices, regions: Regions, graph: "PartGraph", fill_with: Labels) -> None:
    """Decide regions that touch several objects: one that encloses them alone fills them, smallest box first.

    ids: the objects, ascending. boxes: (n, 2, axes) start and stop of each. fill_with: by region's number, in place.
    """
    sizes = (boxes[:, 1] - boxes[:, 0]).prod(axis=1)
    for place in np.argsort(sizes, kind="stable"):
        start, stop = boxes[place]
        inside = ((start < regions.starts) & (stop > regions.stops)).all(axis=1)
        inside &= fill_with[regions.numbers] == 0
        if inside.any():
            shut_in = inside & ~graph.reached_without(ids[place])[regions.places]
            fill_with[regions.numbers[shut_in]] = ids[place]


@njit(cache=True, nogil=True)
def object_boxes(labels: Labels, ids: Labels) -> Indices:
    """Return start and stop (n, 2, 3) of the box of each object in `ids` (ascending) of a volume."""
    boxes = np.zeros((ids.size, 2, 3), np.int64)
    boxes[:, 0] = 2**62
    last, place = np.uint32(0), 0
    for z in range(labels.shape[0]):
        for y in range(labels.shape[1]):
            for x in range(labels.shape[2]):
                value = labels[z, y, x]
                if value == 0:
                    continue
                if value != last:
                    last, place = value, np.searchsorted(ids, value)
                start, stop = boxes[place, 0], boxes[place, 1]
                start[0], start[1], start[2] = min(start[0], z), min(start[1], y), min(start[2], x)
                stop[0], stop[1], stop[2] = max(stop[0], z + 1), max(stop[1], y + 1), max(stop[2], x + 1)
    return boxes


@njit(cache=True, nogil=True)
def face_parts(labels: Labels) -> Labels:
    """Number the parts of a volume, background included, that are connected through faces; from 0."""
    flat = labels.ravel()
    depth, height, width = labels.shape
    parents = np.arange(flat.size)
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                here = (z * height + y) * width + x
                if x > 0 and flat[here - 1] == flat[here]:
                    join_sets(parents, here, here - 1)
                if y > 0 and flat[here - width] == flat[here]:
                    join_sets(parents, here, here - width)
                if z > 0 and flat[here - width * height] == flat[here]:
                    join_sets(parents, here, here - width * height)
    numbers = np.zeros(flat.size, np.uint32)
    count = 0
    for here in range(flat.size):
        root = find_root(parents, here)
        if root == here:
            numbers[here] = count
            count += 1
        else:
            numbers[here] = numbers[root]
    return numbers.reshape(labels.shape)


class PartGraph:
    """Which parts of a volume touch each other by a face, and which touch the edge of the array."""

    def __init__(self, values: Labels, at_edge: NDArray[np.bool_], first: Labels, second: Labels) -> None:
        """Take the value of each part, and every pair of parts that touch, either way round."""
        self._values = values
        self._at_edge = at_edge
        one, other = (np.concatenate(pair).astype(np.int64) for pair in ((first, second), (second, first)))
        order = np.argsort(one, kind="stable")
        self._neighbours = other[order]
        self._starts = np.searchsorted(one[order], np.arange(len(values) + 1))

    @classmethod
    def of(cls, labels: Labels, parts: Labels) -> Self:
        """Build the graph of a volume from its parts."""
        values = np.zeros(int(parts.max()) + 1, np.uint32)
        values[parts] = labels
        at_edge = np.zeros(len(values), np.bool_)
        for axis in range(3):
            if parts.shape[axis] > 1:
                at_edge[np.take(parts, (0, -1), axis=axis)] = True
        return cls(values, at_edge, *touching(parts))

    def reached_without(self, label_id: int) -> NDArray[np.bool_]:
        """Return which parts the edge of the array reaches without crossing object `label_id`."""
        reached: NDArray[np.bool_] = _reach(
            self._starts, self._neighbours, self._values, self._at_edge, np.uint32(label_id)
        )
        return reached


def touching(parts: Labels) -> tuple[Labels, Labels]:
    """Return the pairs of parts of a volume that touch each other by a face; a pair may come twice."""
    pairs = [(np.zeros(0, np.uint32), np.zeros(0, np.uint32))]
    for axis in range(3):
        length = parts.shape[axis]
        if length > 1:
            table = contingency(np.take(parts, range(length - 1), axis), np.take(parts, range(1, length), axis))
            differ = table.first != table.second
            pairs.append((table.first[differ], table.second[differ]))
    return np.concatenate([pair[0] for pair in pairs]), np.concatenate([pair[1] for pair in pairs])


@njit(cache=True, nogil=True)
def _reach(
    starts: Indices, neighbours: Indices, values: Labels, at_edge: NDArray[np.bool_], wall: np.uint32
) -> NDArray[np.bool_]:
    """Flood a graph from the parts at the edge; parts with the value `wall` stop the flood."""
    reached = at_edge & (values != wall)
    waiting = np.empty(reached.size, np.int64)
    count = 0
    for part in range(reached.size):
        if reached[part]:
            waiting[count] = part
            count += 1
    while count:
        count -= 1
        part = waiting[count]
        for place in range(starts[part], starts[part + 1]):
            other = neighbours[place]
            if not reached[other] and values[other] != wall:
                reached[other] = True
                waiting[count] = other
                count += 1
    return np.asarray(reached)
