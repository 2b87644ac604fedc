"""Where the voxels of a plane lie on the screen: arithmetic only, no drawing."""

from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Axis, Spacing

Triple = tuple[int, int, int]
Point = tuple[float, float]

# Volume axes shown downwards and to the right; yz lies on its side so that it shares its rows with xy.
DISPLAYED = {Axis.XY: (1, 2), Axis.XZ: (0, 2), Axis.YZ: (1, 0)}
# The plane whose position a line along a volume axis tells: z planes are xy, y planes xz, x planes yz.
PLANE_OF = {0: Axis.XY, 1: Axis.XZ, 2: Axis.YZ}

SMALLEST_ZOOM, LARGEST_ZOOM = 1 / 256, 128.0
SMOOTH_BELOW = 6.0


@dataclass(frozen=True)
class Look:
    """What the planes of a document have in common: the place in the middle (z y x, voxels) and pixels per unit.

    A unit is the shortest side of a voxel.
    """

    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    zoom: float = 1.0


@dataclass(frozen=True)
class PlaneCamera:
    """One view of a plane: `width` × `height` pixels round `centre` (row, column, in voxels; voxel i spans i to i + 1).

    `scale` is pixels per voxel along rows and columns; they differ where voxels are not cubes. The picture is moved by
    up to half a pixel, so that voxels lie on the same raster of pixels wherever the view is: after a move, what was
    drawn stays right.
    """

    axis: Axis
    width: int
    height: int
    centre: Point
    scale: Point

    @cached_property
    def corner(self) -> tuple[int, int]:
        """Row and column of the top left pixel, counted in pixels from the plane's first voxel."""
        # A little more than a half: where the middle lies between two pixels, rounding must not make it tremble.
        top, left = (
            floor(place * scale - size / 2 + 0.500001)
            for place, scale, size in zip(self.centre, self.scale, (self.height, self.width), strict=True)
        )
        return top, left

    def point_of(self, row: float, column: float) -> Point:
        """Return the pixel position x, y of a place in the plane."""
        return column * self.scale[1] - self.corner[1], row * self.scale[0] - self.corner[0]

    def place_at(self, x: float, y: float) -> Point:
        """Return the place in the plane (row, column, voxels) under a pixel position."""
        return (y + self.corner[0]) / self.scale[0], (x + self.corner[1]) / self.scale[1]

    def voxel_at(self, x: float, y: float) -> tuple[int, int]:
        """Return the row and column of the voxel under a pixel position; it may lie outside the plane."""
        row, column = self.place_at(x, y)
        return floor(row), floor(column)

    def rows_of(self, first: int, last: int) -> NDArray[np.float64]:
        """Places (voxels) of the middles of pixel rows first to last - 1."""
        return _places(self.corner[0] + first, last - first, self.scale[0])

    def columns_of(self, first: int, last: int) -> NDArray[np.float64]:
        """Places (voxels) of the middles of pixel columns first to last - 1."""
        return _places(self.corner[1] + first, last - first, self.scale[1])

    def pixel_rows(self, low: float, high: float, within: tuple[int, int]) -> tuple[int, int]:
        """Pixel rows, of those `within` first and one past the last, whose middles lie in the places low to high."""
        return _pixels(low * self.scale[0], high * self.scale[0], self.corner[0], within)

    def pixel_columns(self, low: float, high: float, within: tuple[int, int]) -> tuple[int, int]:
        """Pixel columns, of those `within` first and one past the last, whose middles lie in the places low to high."""
        return _pixels(low * self.scale[1], high * self.scale[1], self.corner[1], within)


@dataclass(frozen=True)
class Taps:
    """How pixels along one screen axis are mixed from samples: `weights[i]` from sample `first[i]` on."""

    first: NDArray[np.int32]
    weights: NDArray[np.float32]


def nearest(places: NDArray[np.float64], factor: int, origin: int, length: int) -> NDArray[np.int32]:
    """Indices, within a tile that begins at sample `origin`, of the samples (each `factor` voxels wide) at places."""
    samples: NDArray[np.int32] = np.floor(places / factor).astype(np.int32) - np.int32(origin)
    np.maximum(samples, 0, out=samples)
    np.minimum(samples, length - 1, out=samples)
    return samples


def taps(places: NDArray[np.float64], factor: int, origin: int, length: int, pixels_per_voxel: float) -> Taps:
    """Mix samples of a tile into pixels: means where many samples share a pixel, linear or nearest where few do."""
    per_pixel = 1 / (pixels_per_voxel * factor)
    if per_pixel < 1 / SMOOTH_BELOW:
        return _fitted(nearest(places, factor, origin, length), np.ones((len(places), 1), np.float32), length)
    count = max(2, min(round(per_pixel), 8, length))
    start = places / factor - origin - count / 2
    first = np.floor(start).astype(np.int32) if count == 2 else np.rint(start).astype(np.int32)
    if count > 2:
        return _fitted(first, np.full((len(places), count), 1 / count, np.float32), length)
    fraction = (places / factor - origin - 0.5) % 1
    return _fitted(
        np.floor(places / factor - origin - 0.5).astype(np.int32),
        np.stack([1 - fraction, fraction], axis=1).astype(np.float32),
        length,
    )


def _fitted(first: NDArray[np.int32], weights: NDArray[np.float32], length: int) -> Taps:
    """Move what reaches past the tile's ends onto its first and last samples."""
    count = min(weights.shape[1], length)
    clipped = np.minimum(np.maximum(first, 0), length - count)
    beyond = np.flatnonzero(clipped != first) if count == weights.shape[1] else np.arange(len(first))
    if len(beyond) == 0:
        return Taps(first, weights)
    places = np.arange(weights.shape[1]) + first[beyond, None]
    places = np.minimum(np.maximum(places, 0), length - 1) - clipped[beyond, None]
    fitted = np.zeros((len(first), count), np.float32) if len(beyond) == len(first) else weights.copy()
    fitted[beyond] = 0
    np.add.at(fitted, (beyond[:, None], places), weights[beyond])
    return Taps(clipped, fitted)


def _places(first: int, count: int, scale: float) -> NDArray[np.float64]:
    """Places of the middles of `count` pixels, of which the first is the plane's `first`."""
    places: NDArray[np.float64] = (np.arange(first, first + count, dtype=np.float64) + 0.5) / scale
    return places


def _pixels(low: float, high: float, corner: int, within: tuple[int, int]) -> tuple[int, int]:
    first, last = (max(within[0], min(within[1], ceil(edge - corner - 0.5))) for edge in (low, high))
    return first, last


def proportions(spacing: Spacing) -> tuple[float, float, float]:
    """How long voxels are along z, y, x, in units of the shortest side; 1 where a size is not known."""
    known = [size for size in spacing.zyx if size]
    if not known:
        return 1.0, 1.0, 1.0
    z, y, x = ((size or min(known)) / min(known) for size in spacing.zyx)
    return z, y, x


def fitting_zoom(shape: Triple, spacing: Spacing, axis: Axis, width: int, height: int) -> float:
    """Pixels per shortest voxel side at which a whole plane just fits."""
    unit = proportions(spacing)
    rows, columns = DISPLAYED[axis]
    zoom = min(height / (shape[rows] * unit[rows]), width / (shape[columns] * unit[columns]))
    return min(LARGEST_ZOOM, max(SMALLEST_ZOOM, zoom))
