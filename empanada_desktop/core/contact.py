"""Where two objects touch: how large the contact is, and how wide in a plane."""

from collections.abc import Callable
from dataclasses import dataclass
from math import hypot, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.core.objects import LabelArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Contact:
    """Faces of voxels that two objects share. faces: those whose normal is z, y, x."""

    faces: tuple[int, int, int]

    @property
    def count(self) -> int:
        """How many faces there are; 0 where the objects do not touch."""
        return sum(self.faces)

    def area(self, spacing: Spacing) -> float | None:
        """Return the area of the faces in nm²; None where the voxel size is not known."""
        sizes = [size for size in spacing.zyx if size is not None]
        if len(sizes) < 3:
            return None
        return sum(count * prod(sizes) / size for count, size in zip(self.faces, sizes, strict=True))

    def width(self, axis: Axis, spacing: Spacing) -> float | None:
        """Return the length, in nm, of a contact found in one plane of an orientation, as the way along it is.

        Edges of pixels make stairs; their rows and columns are the two sides of a triangle, of which this is the third.
        None where the voxel size is not known.
        """
        rows, columns = axis.in_plane
        sizes = spacing.zyx
        if sizes[rows] is None or sizes[columns] is None:
            return None
        return hypot(self.faces[rows] * (sizes[columns] or 0), self.faces[columns] * (sizes[rows] or 0))


def contact(labels: LabelArray, one: tuple[int, Box], other: tuple[int, Box]) -> Contact:
    """Count the faces that two objects, each with its box, share; reads where the boxes meet only."""
    (one_id, one_box), (other_id, other_box) = one, other
    spans = [
        (max(low, second_low) - 1, min(high, second_high) + 1)
        for (low, high), (second_low, second_high) in zip(one_box.spans, other_box.spans, strict=True)
    ]
    cut = [(max(low, 0), min(high, length)) for (low, high), length in zip(spans, labels.shape, strict=True)]
    if any(low >= high for low, high in cut):
        return Contact((0, 0, 0))
    block: NDArray[Any] = np.asarray(labels[Box.of_spans(cut).slices])
    return shared_faces(block == one_id, block == other_id)


def shared_faces(one: Mask, other: Mask) -> Contact:
    """Count the faces between two masks (z y x) that have no voxel in common."""
    z, y, x = (_along(one, other, axis) for axis in range(3))
    return Contact((z, y, x))


def _along(one: Mask, other: Mask, axis: int) -> int:
    before: Callable[[Mask], Mask] = lambda mask: mask.swapaxes(0, axis)[:-1]  # noqa: E731 - two views of one thing
    after: Callable[[Mask], Mask] = lambda mask: mask.swapaxes(0, axis)[1:]  # noqa: E731
    return int(np.count_nonzero(before(one) & after(other)) + np.count_nonzero(before(other) & after(one)))
