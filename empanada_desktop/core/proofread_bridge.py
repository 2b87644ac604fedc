"""Filling of the planes that are missing between two objects which are one."""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.core.objects import LabelArray
from empanada_desktop.core.proofread_change import around, box_in_plane, common

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Filling:
    """Background within a box, or voxels of object `over`, that become another object's where a mask says so."""

    box: Box
    label_id: int
    packed: bytes = field(repr=False)
    over: int = 0

    @classmethod
    def of(cls, box: Box, label_id: int, mask: Mask, over: int = 0) -> Self:
        """Make the patch from the mask of the box."""
        return cls(box, label_id, zlib.compress(np.packbits(mask).tobytes(), 1), over)

    def put(self, ids: NDArray[Any], box: Box) -> None:
        """Write the id where there is background, or what it is written over."""
        shared = common(self.box, box)
        if shared is not None:
            bits = np.frombuffer(zlib.decompress(self.packed), np.uint8)
            mask = np.unpackbits(bits, count=int(np.prod(self.box.shape))).reshape(self.box.shape).astype(np.bool_)
            part = ids[shared.moved(box.start, -1).slices]
            part[mask[shared.moved(self.box.start, -1).slices] & (part == self.over)] = self.label_id


def bridges(labels: LabelArray, boxes: Mapping[int, Box], label_id: int, axis: Axis, planes: int) -> Iterator[Filling]:
    """Yield what fills the gaps of at most `planes` planes between objects that follow one another along an axis."""
    normal = axis.normal
    in_order = sorted(boxes.items(), key=lambda item: item[1].spans[normal])
    for (before, box), (after, next_box) in pairwise(in_order):
        first, last = box.stop[normal] - 1, next_box.start[normal]
        if 0 < last - first - 1 <= planes:
            spans = list(around(box, next_box).spans)
            spans[normal] = (first, last + 1)
            between = Box.of_spans(spans)
            ends = [_plane(labels, between, axis, place, each) for place, each in ((first, before), (last, after))]
            spans[normal] = (first + 1, last)
            mask = np.moveaxis(between_shapes(ends[0], ends[1], last - first - 1), 0, normal)
            yield Filling.of(Box.of_spans(spans), label_id, mask)


def between_shapes(first: Mask, last: Mask, planes: int) -> Mask:
    """Return `planes` masks that go evenly from one shape to another (planes, rows, columns).

    The signed distances to the two outlines are mixed (Herman, Zheng, Bucholtz 1992).
    """
    low, high = _signed_distance(first), _signed_distance(last)
    parts = (np.arange(1, planes + 1) / (planes + 1))[:, None, None]
    return np.asarray((1 - parts) * low + parts * high > 0)


def _signed_distance(mask: Mask) -> NDArray[np.float64]:
    """Return the distance to the outline, positive inside."""
    wide = np.pad(mask, 1)
    inside, outside = ndimage.distance_transform_edt(wide), ndimage.distance_transform_edt(~wide)
    return np.asarray((inside - outside)[1:-1, 1:-1])


def _plane(labels: LabelArray, box: Box, axis: Axis, index: int, label_id: int) -> Mask:
    plane = box_in_plane(box, axis, index)
    if plane is None:
        raise ValueError(f"plane {index} is outside {box}")
    return np.asarray(labels[plane.slices] == label_id).squeeze(axis.normal)
