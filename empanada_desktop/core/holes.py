"""Filling of holes in labelled objects; only background is ever filled."""

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

Labels = NDArray[np.uint32]
Indices = NDArray[np.int64]


def fill_holes(labels: Labels) -> Labels:
    """Fill the holes of every object in a plane or a volume, leaving all other objects as they are.

    A hole of an object is background that cannot reach the edge of the array through faces without crossing the
    object; what stands in the hole stays. Of nested objects the innermost takes the hole.
    """
    regions, count = ndimage.label(labels == 0)
    is_hole = np.ones(count + 1, np.bool_)
    is_hole[0] = False
    for axis in range(labels.ndim):
        for end in (0, -1):
            is_hole[np.take(regions, end, axis=axis)] = False
    if not is_hole.any():
        return labels.copy()
    voxels = np.argwhere(is_hole[regions])
    region_of = regions[tuple(voxels.T)].astype(np.int64)
    fill_with = _choose(labels, voxels, region_of, count)
    result = labels.copy()
    result[tuple(voxels.T)] = fill_with[region_of]
    return result


def _choose(labels: Labels, voxels: Indices, region_of: Indices, count: int) -> Labels:
    """Return the id to fill each region with (0: none), given the voxels of the enclosed ones."""
    pairs = _neighbours(labels, voxels, region_of)
    n_neighbours = np.bincount(pairs[:, 0], minlength=count + 1)
    fill_with = np.zeros(count + 1, np.uint32)
    single = pairs[n_neighbours[pairs[:, 0]] == 1]
    fill_with[single[:, 0]] = single[:, 1]
    several = pairs[n_neighbours[pairs[:, 0]] > 1]
    if len(several):
        samples = np.zeros((count + 1, voxels.shape[1]), np.int64)
        samples[region_of] = voxels
        _settle(labels, several, _region_boxes(voxels, region_of, count), samples, fill_with)
    return fill_with


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


def _region_boxes(voxels: Indices, region_of: Indices, count: int) -> Indices:
    """Return start and stop (count + 1, 2, n_axes) of the box of each region."""
    boxes = np.zeros((count + 1, 2, voxels.shape[1]), np.int64)
    boxes[:, 0] = np.iinfo(np.int64).max
    np.minimum.at(boxes[:, 0], region_of, voxels)
    np.maximum.at(boxes[:, 1], region_of, voxels + 1)
    return boxes


@njit(cache=True, nogil=True)
def _object_boxes(labels: Labels, ids: Labels) -> Indices:
    """Return start and stop (n, 2, 3) of the box of each object in `ids` (ascending) of a volume."""
    boxes = np.zeros((ids.size, 2, 3), np.int64)
    boxes[:, 0] = np.iinfo(np.int64).max
    last, place = np.uint32(0), -1
    for z in range(labels.shape[0]):
        for y in range(labels.shape[1]):
            for x in range(labels.shape[2]):
                value = labels[z, y, x]
                if value != last:
                    last = value
                    place = np.searchsorted(ids, value)
                    if place == ids.size or ids[place] != value:
                        place = -1
                if place >= 0 and value != 0:
                    start, stop = boxes[place, 0], boxes[place, 1]
                    start[0], start[1], start[2] = min(start[0], z), min(start[1], y), min(start[2], x)
                    stop[0], stop[1], stop[2] = max(stop[0], z + 1), max(stop[1], y + 1), max(stop[2], x + 1)
    return boxes


def _settle(labels: Labels, pairs: Indices, region_boxes: Indices, samples: Indices, fill_with: Labels) -> None:
    """Decide regions that touch several objects: an object that encloses one alone fills it, smallest box first.

    `samples` holds a voxel of each region.
    """
    ids = np.unique(pairs[:, 1]).astype(np.uint32)
    volume = labels if labels.ndim == 3 else labels[None]
    boxes = _object_boxes(volume, ids)[:, :, 3 - labels.ndim :]
    regions, owners = region_boxes[pairs[:, 0]], boxes[np.searchsorted(ids, pairs[:, 1])]
    inside = ((owners[:, 0] < regions[:, 0]) & (owners[:, 1] > regions[:, 1])).all(axis=1)
    pairs, owners = pairs[inside], owners[inside]
    order = np.argsort((owners[:, 1] - owners[:, 0]).prod(axis=1), kind="stable")
    for label_id in dict.fromkeys(pairs[order, 1].tolist()):
        chosen = pairs[:, 1] == label_id
        start, stop = owners[chosen][0]
        crop = labels[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
        filled = ndimage.binary_fill_holes(crop == label_id)
        held = pairs[chosen, 0]
        held = held[filled[tuple((samples[held] - start).T)] & (fill_with[held] == 0)]
        fill_with[held] = label_id
