"""Planes, boxes and voxel sizes. Volumes are indexed z, y, x throughout."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Axis(StrEnum):
    """The orientation of a plane, named by the two axes that it shows."""

    XY = "xy"
    XZ = "xz"
    YZ = "yz"

    @property
    def normal(self) -> int:
        """Index of the volume axis that the planes are stacked along (z 0, y 1, x 2)."""
        return _NORMALS[self]

    @property
    def in_plane(self) -> tuple[int, int]:
        """Indices of the volume axes that are the plane's rows and columns (xy: y, x; xz: z, x; yz: z, y)."""
        return _IN_PLANE[self]


# Looked up by the viewer hundreds of times a picture.
_NORMALS = {Axis.XY: 0, Axis.XZ: 1, Axis.YZ: 2}
_IN_PLANE = {Axis.XY: (1, 2), Axis.XZ: (0, 2), Axis.YZ: (0, 1)}


@dataclass(frozen=True)
class Box:
    """A range of voxels: start inclusive, stop exclusive, z y x."""

    start: tuple[int, int, int]
    stop: tuple[int, int, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along z, y and x."""
        z, y, x = (stop - start for start, stop in zip(self.start, self.stop, strict=True))
        return z, y, x

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """The box as an index into an array."""
        z, y, x = (slice(start, stop) for start, stop in zip(self.start, self.stop, strict=True))
        return z, y, x

    @property
    def spans(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """First voxel and the one after the last along z, y and x."""
        z, y, x = zip(self.start, self.stop, strict=True)
        return z, y, x

    def moved(self, by: tuple[int, int, int], sign: int = 1) -> "Box":
        """Return the box `by` voxels further along z, y and x; with sign -1 as much nearer."""
        z, y, x = (sign * step for step in by)
        return Box(
            (self.start[0] + z, self.start[1] + y, self.start[2] + x),
            (self.stop[0] + z, self.stop[1] + y, self.stop[2] + x),
        )

    @classmethod
    def of_spans(cls, spans: Sequence[Sequence[int]]) -> "Box":
        """Make the box of (start, stop) along z, y and x."""
        (z, z_stop), (y, y_stop), (x, x_stop) = spans
        return cls((int(z), int(y), int(x)), (int(z_stop), int(y_stop), int(x_stop)))


@dataclass(frozen=True)
class Spacing:
    """Voxel size in nanometres, z y x; None where it is not known, with the place that it was read from."""

    z: float | None = None
    y: float | None = None
    x: float | None = None
    source: str = "unknown"

    @property
    def zyx(self) -> tuple[float | None, float | None, float | None]:
        """The three sizes in axis order."""
        return self.z, self.y, self.x

    @property
    def is_known(self) -> bool:
        """True when all three sizes are known."""
        return None not in self.zyx

    @property
    def words(self) -> str:
        """What is known, for a person: "10 × 10 × 10 nm", "5 × 5 nm in y and x, z unknown", "unknown"."""
        known = [(name, f"{size:g}") for name, size in zip("zyx", self.zyx, strict=True) if size is not None]
        if not known:
            return "unknown"
        names = [name for name, _ in known]
        missing = "".join(f", {name} unknown" for name in "zyx" if name not in names)
        sizes = " × ".join(size for _, size in known)
        return f"{sizes} nm in {' and '.join(names)}{missing}" if missing else f"{sizes} nm"

    def __str__(self) -> str:
        if self.zyx == (None, None, None):
            return "unknown"
        sizes = " × ".join("?" if size is None else f"{size:g}" for size in self.zyx)
        return f"{sizes} nm (z, y, x; {self.source})"


def plane_index(axis: Axis, index: int) -> tuple[slice | int, ...]:
    """Return the index that cuts plane `index` of orientation `axis` out of a z y x array."""
    full: list[slice | int] = [slice(None)] * 3
    full[axis.normal] = index
    return tuple(full)
