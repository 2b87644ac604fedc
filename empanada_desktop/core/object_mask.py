"""One object as a mask of its box, smaller by a whole factor where the box is large."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Box
from empanada_desktop.core.objects import LabelArray
from empanada_desktop.core.proofread_change import Sampling
from empanada_desktop.core.proofread_flood import Mask

# An object whose box is larger is looked at, and split, on a copy of its mask that is smaller by a whole factor;
# splitting takes about 40 bytes for each of these voxels.
BOX_VOXELS = 2**25

Place = tuple[float, float, float]


@dataclass(frozen=True)
class ObjectMask:
    """Which voxels of its box an object has; each one of `mask` stands for factor³ voxels, any of which it has."""

    label_id: int
    box: Box
    factor: int
    mask: Mask = field(repr=False)

    def place(self, voxel: NDArray[np.int64]) -> tuple[int, ...]:
        """Return where a voxel of the volume is in the mask."""
        return tuple(((voxel - self.box.start) // self.factor).tolist())

    def sampling(self, sizes: Sampling) -> Sampling:
        """Return the sizes of the mask's voxels in units of the volume's."""
        z, y, x = (size * self.factor for size in sizes)
        return z, y, x

    def areas(self, axis: int) -> NDArray[np.int64]:
        """Return the mask's voxels in each plane across an axis."""
        return np.asarray(self.mask.sum(axis=tuple(other for other in range(3) if other != axis)), np.int64)

    def across(self, axis: int, sizes: Sampling) -> tuple[float, float]:
        """Return the distance of the mask's planes across an axis, and the area of a pixel in them; as `sampling`."""
        own = self.sampling(sizes)
        return own[axis], math.prod(own) / own[axis]

    def in_volume(self, place: Sequence[float]) -> Place:
        """Return where a place in the mask is in the volume."""
        z, y, x = (at * self.factor + first for at, first in zip(place, self.box.start, strict=True))
        return z, y, x

    def middle_of_plane(self, axis: int, index: int) -> Place:
        """Return where in the volume the middle of the mask's plane across an axis is."""
        places = np.argwhere(np.take(self.mask, index, axis)).mean(axis=0)
        return self.in_volume(np.insert(places, axis, index).tolist())


def read_mask(labels: LabelArray, label_id: int, box: Box, most_voxels: int = BOX_VOXELS) -> ObjectMask:
    """Read which voxels of its box an object has, smaller by a whole factor where they are more than `most_voxels`."""
    factor = 1
    while math.prod(-(-side // factor) for side in box.shape) > most_voxels:
        factor += 1
    mask = np.zeros([-(-side // factor) for side in box.shape], np.bool_)
    for part in _slabs(box, factor):
        own = np.asarray(labels[part.slices]) == label_id
        z = (part.start[0] - box.start[0]) // factor
        pooled = _any_of(own, factor)
        mask[z : z + len(pooled)] = pooled
    return ObjectMask(label_id, box, factor, mask)


def _slabs(box: Box, factor: int) -> Iterator[Box]:
    """Cut a box into slabs of whole multiples of `factor` planes."""
    step = factor * max(1, BOX_VOXELS // max(1, factor * box.shape[1] * box.shape[2]))
    for first in range(box.start[0], box.stop[0], step):
        yield Box.of_spans([(first, min(first + step, box.stop[0])), *box.spans[1:]])


def _any_of(mask: Mask, factor: int) -> Mask:
    """Return whether any voxel of each cube of `factor` voxels is set."""
    for axis in range(3) if factor > 1 else ():
        starts = np.arange(0, mask.shape[axis], factor)
        mask = np.logical_or.reduceat(mask, starts, axis=axis)
    return mask
