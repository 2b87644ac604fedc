"""Ends of objects that look cut off, and what goes on behind them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Box
from empanada_desktop.core.object_mask import ObjectMask
from empanada_desktop.core.objects import LabelArray, ObjectIndex
from empanada_desktop.core.proofread_change import Sampling, widened
from empanada_desktop.core.review_profiles import bluntness
from empanada_desktop.core.suspicion import AXES, Suspicion

# Voxels beyond an end in which the shape may go on.
BEYOND = 3
END_MARGIN = 12
# An object that only passes by an end is that much less its rest.
PASSING = 0.4
BLUNT, ALIKE = 0.3, 0.3


@dataclass(frozen=True)
class Ends:
    """Looks at the ends of objects of `labels`. sampling: relative sizes of a voxel along z, y, x."""

    labels: LabelArray
    objects: ObjectIndex
    sampling: Sampling

    def of(self, thing: ObjectMask) -> Iterator[Suspicion]:
        """Yield the blunt ends of an object that are not at the volume's faces."""
        for axis in range(3):
            blunt = bluntness(thing.areas(axis), *thing.across(axis, self.sampling))
            for side, value in enumerate(blunt):
                at_face = (thing.box.start, thing.box.stop)[side][axis] == (0, self.labels.shape[axis])[side]
                if value > BLUNT and not at_face:
                    yield self._end(thing, axis, side, value)

    def _end(self, thing: ObjectMask, axis: int, side: int, value: float) -> Suspicion:
        """Say of a blunt end whether the shape goes on in another object."""
        last = thing.box.stop[axis] - 1 if side else thing.box.start[axis]
        shape = np.take(thing.mask, -1 if side else 0, axis)
        place = thing.middle_of_plane(axis, thing.mask.shape[axis] - 1 if side else 0)
        onward = self._goes_on(thing, axis, side, shape)
        if onward is None:
            reason = f"Ends at {AXES[axis]} {last} with a blunt face, nothing goes on"
            return Suspicion((thing.label_id,), "Real?", "end", reason, 0.6 * value, place)
        other, index, overlap = onward
        reason = f"Ends at {AXES[axis]} {last}, same shape goes on at {AXES[axis]} {index}"
        ids = (min(thing.label_id, other), max(thing.label_id, other))
        return Suspicion(ids, "Join?", "end", reason, value * (0.4 + 0.6 * overlap), place)

    def _goes_on(
        self, thing: ObjectMask, axis: int, side: int, shape: NDArray[np.bool_]
    ) -> tuple[int, int, float] | None:
        """Return the object whose section beyond an end is most like the end's: id, plane and IoU."""
        best: tuple[int, int, float] | None = None
        edge = thing.box.stop[axis] if side else thing.box.start[axis] - 1
        for step in range(min(BEYOND, max(2, round(BEYOND / self.sampling[axis])))):
            index = edge + step if side else edge - step
            if not 0 <= index < self.labels.shape[axis]:
                break
            spans = list(thing.box.spans)
            spans[axis] = (index, index + 1)
            wide, _ = widened(Box.of_spans(spans), _off_axis(axis, END_MARGIN), self.labels.shape)
            plane = np.asarray(self.labels[wide.slices]).take(0, axis)
            within = [at for at in range(3) if at != axis]
            corner = [thing.box.start[at] - wide.start[at] for at in within]
            for other, overlap in _similar(plane, shape, corner, thing):
                overlap *= 1 if self._begins_at(other, axis, side, index) else PASSING
                if best is None or overlap > best[2]:
                    best = other, index, overlap
        return best if best is not None and best[2] > ALIKE else None

    def _begins_at(self, label_id: int, axis: int, side: int, index: int) -> bool:
        """Whether an object has its own end near a plane, and so does not only pass by."""
        row = self.objects.find(label_id)
        if row is None:
            return False
        end = int((self.objects.starts if side else self.objects.stops)[row, axis]) - (0 if side else 1)
        return abs(end - index) <= BEYOND


def _similar(
    plane: NDArray[Any], shape: NDArray[np.bool_], corner: list[int], thing: ObjectMask
) -> Iterator[tuple[int, float]]:
    """Yield the objects of a plane that lie over a shape, with the IoU of the two sections."""
    whole = shape.repeat(thing.factor, 0).repeat(thing.factor, 1)
    rows, columns = (slice(first, first + side) for first, side in zip(corner, whole.shape, strict=True))
    below = plane[rows, columns]
    whole = whole[: below.shape[0], : below.shape[1]]
    for other in np.unique(below[whole]).tolist():
        if other not in (0, thing.label_id):
            shared = np.count_nonzero(below[whole] == other)
            union = np.count_nonzero(whole) + np.count_nonzero(plane == other) - shared
            yield int(other), shared / union


def _off_axis(axis: int, margin: int) -> tuple[int, int, int]:
    z, y, x = (0 if at == axis else margin for at in range(3))
    return z, y, x
