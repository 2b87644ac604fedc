"""What a review counts in: in space, or in a single plane, in which nothing goes on above and below."""

import math
from dataclasses import dataclass
from typing import Self

from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.core.proofread_change import ISOTROPIC, Sampling

# A contact or neck of so few voxels, or pixels, may be chance.
FEW_VOXELS, FEW_PIXELS = 40, 6


@dataclass(frozen=True)
class Space:
    """plane: the orientation of labels that are one plane; None in space.

    sampling: sizes of a voxel along z, y, x in units of the shortest one, across a plane 1. unit: that shortest one in
    `unit_name`.
    """

    plane: Axis | None
    sampling: Sampling
    unit: float
    unit_name: str

    @classmethod
    def of(cls, shape: tuple[int, ...], spacing: Spacing) -> Self:
        """The space of labels of a shape (z y x)."""
        plane = next((axis for axis in Axis if shape[axis.normal] == 1), None)
        normal = -1 if plane is None else plane.normal
        sizes = [size for at, size in enumerate(spacing.zyx) if at != normal]
        known = [size for size in sizes if size is not None]
        if len(known) < len(sizes):
            return cls(plane, ISOTROPIC, 1.0, "voxels" if plane is None else "pixels")
        z, y, x = (1.0 if at == normal else (size or 0.0) / min(known) for at, size in enumerate(spacing.zyx))
        return cls(plane, (z, y, x), min(known) / 1000, "µm")

    @property
    def words(self) -> str:
        """What objects consist of."""
        return "voxels" if self.plane is None else "pixels"

    @property
    def few(self) -> int:
        """A contact of fewer voxels, or pixels, counts the less."""
        return FEW_VOXELS if self.plane is None else FEW_PIXELS

    @property
    def cut_power(self) -> int:
        """To which power of a length a cut through an object grows: an area in space, a length in a plane."""
        return 2 if self.plane is None else 1

    def section(self, voxels: int) -> float:
        """Return the largest cut through a ball, in a plane through a disc, of so many voxels."""
        size = voxels * math.prod(self.sampling)
        if self.plane is not None:
            return 2 * math.sqrt(size / math.pi)
        return float(math.pi * (3 * size / (4 * math.pi)) ** (2 / 3))

    def width(self, cut: float) -> float:
        """Return how wide a cut is, in `unit_name`: across it if it were a disc; in a plane it is a length."""
        return self.unit * (cut if self.plane is not None else 2 * math.sqrt(cut / math.pi))
