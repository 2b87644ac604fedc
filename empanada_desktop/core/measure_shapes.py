"""Surface, moments, neighbours and greatest width of one object, from its voxels; boxes add up."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import ConvexHull, QhullError, SphericalVoronoi
from scipy.spatial.distance import cdist

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Sizes = tuple[float, float, float]
# A hull of fewer points is not worth its search.
FEW_POINTS = 200


@dataclass(frozen=True)
class Lattice:
    """The directions in which an object's outline is crossed, and how much surface one crossing stands for.

    offsets: (m, 3) int64 steps from a voxel to its neighbours, each with its opposite. weights: (m,) surface (length in
    a plane) for each neighbour that is not the object's.
    """

    offsets: Ints
    weights: Floats


@lru_cache(maxsize=64)
def lattice(sizes: Sizes, normal: int = -1) -> Lattice:
    """Return the lattice of voxels of `sizes` (z y x) in space, or in planes across the axis `normal`.

    Cauchy and Crofton: the surface is twice the mean over all directions of the crossings for each unit of area across
    them; in a plane the length is π/2 times the mean for each unit of length. The directions are those to the 26 (8)
    neighbours, each standing for the part of the sphere (circle) that is nearest to it (Lehmann, Legland 2012).
    """
    around = itertools.product((-1, 0, 1), repeat=3)
    steps = [step for step in around if any(step) and (normal < 0 or not step[normal])]
    offsets = np.array(steps, np.int64)
    ways = offsets * np.array(sizes)
    lengths = np.linalg.norm(ways, axis=1)
    directions = ways / lengths[:, None]
    if normal < 0:
        parts = SphericalVoronoi(directions).calculate_areas() / (4 * math.pi)
        # Each line counts from both ends: half of a part is for each of its two directions.
        return Lattice(offsets, 4 * parts * math.prod(sizes) / lengths)
    rows, columns = (axis for axis in range(3) if axis != normal)
    angles = np.arctan2(directions[:, rows], directions[:, columns])
    order = np.argsort(angles)
    gaps = np.diff(angles[order], append=angles[order[0]] + 2 * math.pi)
    parts = np.empty(len(offsets))
    parts[order] = (gaps + np.roll(gaps, 1)) / 2 / (2 * math.pi)
    return Lattice(offsets, math.pi * parts * sizes[rows] * sizes[columns] / lengths)


@dataclass(frozen=True)
class Outline:
    """Sums over the voxels of an object in a box. crossings: (m,) for each offset, neighbours that are not its own.

    sums, products: of the places z y x within the box, and of their products. touching: crossings (m,) for each other
    object's id.
    """

    voxels: int
    sums: Floats
    products: Floats
    crossings: Ints
    touching: dict[int, Ints]
    ends: NDArray[np.int32]


def outline(ids: NDArray[Any], label_id: int, place: Sequence[slice], offsets: Ints) -> Outline:
    """Go once over the voxels `place` of an array of ids (z y x), in which their neighbours are as well.

    What is outside of the array counts as background: there the volume ends. ends: (k, 3) the first and the last voxel
    of each row, places in the array.
    """
    window = np.array([[part.start, part.stop] for part in place], np.int64)
    deep = _surrounded(ids == label_id, offsets)
    voxels, sums, products, crossings, keys, counts, ends = _scan(ids, ids.dtype.type(label_id), deep, window, offsets)
    touching = {int(key): count for key, count in zip(keys, counts, strict=True)}
    return Outline(int(voxels), sums, products, crossings, touching, ends)


def _surrounded(mask: NDArray[np.bool_], offsets: Ints) -> NDArray[np.bool_]:
    """Return which voxels of a mask have only voxels of the mask around them, nothing being outside of the array."""
    inner = np.pad(mask, 1)
    for axis in range(3):
        first, middle, last = (_cut(inner, axis, start, stop) for start, stop in ((0, -2), (1, -1), (2, None)))
        inner = first & middle & last if offsets[:, axis].any() else middle
    return np.ascontiguousarray(inner)


def _cut(mask: NDArray[np.bool_], axis: int, start: int, stop: int | None) -> NDArray[np.bool_]:
    return mask[(slice(None),) * axis + (slice(start, stop),)]


@njit(cache=True, nogil=True)
def _scan(
    ids: NDArray[Any], own: np.integer, deep: NDArray[np.bool_], window: Ints, offsets: Ints
) -> tuple[int, Floats, Floats, Ints, Ints, Ints, NDArray[np.int32]]:
    depth, height, width = ids.shape
    n_offsets = offsets.shape[0]
    crossings = np.zeros(n_offsets, np.int64)
    keys, counts, n_keys, last = np.zeros(8, np.int64), np.zeros((8, n_offsets), np.int64), 0, 0
    ends, n_ends = np.zeros((64, 3), np.int32), 0
    voxels = 0
    sums, products = np.zeros(3), np.zeros((3, 3))
    for z in range(window[0, 0], window[0, 1]):
        for y in range(window[1, 0], window[1, 1]):
            first, latest = -1, -1
            for x in range(window[2, 0], window[2, 1]):
                if ids[z, y, x] != own:
                    continue
                if first < 0:
                    first = x
                latest = x
                voxels += 1
                sums[0] += z
                sums[1] += y
                sums[2] += x
                products[0, 0] += z * z
                products[0, 1] += z * y
                products[0, 2] += z * x
                products[1, 1] += y * y
                products[1, 2] += y * x
                products[2, 2] += x * x
                if deep[z, y, x]:
                    continue
                for offset in range(n_offsets):
                    a, b, c = z + offsets[offset, 0], y + offsets[offset, 1], x + offsets[offset, 2]
                    inside = 0 <= a < depth and 0 <= b < height and 0 <= c < width
                    if inside and ids[a, b, c] == own:
                        continue
                    crossings[offset] += 1
                    if not inside or ids[a, b, c] == 0:
                        continue
                    other = np.int64(ids[a, b, c])
                    if n_keys == 0 or keys[last] != other:
                        last = 0
                        while last < n_keys and keys[last] != other:
                            last += 1
                        if last == n_keys:
                            if n_keys == keys.size:
                                keys = np.concatenate((keys, np.zeros_like(keys)))
                                counts = np.concatenate((counts, np.zeros_like(counts)))
                            keys[last] = other
                            n_keys += 1
                    counts[last, offset] += 1
            if first >= 0:
                if n_ends + 2 > ends.shape[0]:
                    ends = np.concatenate((ends, np.zeros_like(ends)))
                ends[n_ends, 0], ends[n_ends, 1], ends[n_ends, 2] = z, y, first
                ends[n_ends + 1, 0], ends[n_ends + 1, 1], ends[n_ends + 1, 2] = z, y, latest
                n_ends += 2
    return voxels, sums, products, crossings, keys[:n_keys], counts[:n_keys], ends[:n_ends]


def principal_lengths(voxels: int, sums: Floats, products: Floats, sizes: Sizes, normal: int = -1) -> list[float]:
    """Return the full axes, longest first, of the ellipsoid (ellipse in a plane) with the same second moments.

    2 √(5 λ) in space and 4 √λ in a plane, λ the eigenvalues of the covariance; a voxel counts as the body that it is,
    which adds a twelfth of its squared size.
    """
    mean = sums / voxels
    upper = products / voxels - np.outer(mean, mean)
    covariance = (np.triu(upper) + np.triu(upper, 1).T + np.eye(3) / 12) * np.outer(sizes, sizes)
    axes = [axis for axis in range(3) if axis != normal]
    variances = np.linalg.eigvalsh(covariance[np.ix_(axes, axes)])[::-1]
    factor = 2 * math.sqrt(5) if normal < 0 else 4.0
    return [factor * math.sqrt(max(0.0, float(variance))) for variance in variances]


def greatest_width(ends: NDArray[np.integer], sizes: Sizes, normal: int = -1) -> float:
    """Return the largest distance between two points of a body (Feret's diameter, max caliper).

    ends: (k, 3) voxels among which the outermost are. The body's corners are the middles of its voxels' faces, the
    points at which marching cubes cuts a mask.
    """
    axes = [axis for axis in range(3) if axis != normal]
    scale = np.array(sizes)[axes]
    corners = _hull(ends[:, axes] * scale)
    apart = cdist(corners, corners)
    first, second = np.nonzero(apart >= apart.max() - scale.max())
    ways = np.abs(corners[first] - corners[second])
    # Of two voxels the faces farthest apart are those across the axis along which that adds most.
    squares = (ways**2).sum(axis=1) + (2 * scale * ways + scale**2).max(axis=1)
    return float(np.sqrt(squares.max()))


def _hull(points: Floats) -> Floats:
    """Return the corners of the convex hull; all points where there are few or all of them lie in a plane or line."""
    if len(points) < FEW_POINTS:
        return points
    try:
        return np.asarray(points[ConvexHull(points).vertices])
    except QhullError:
        return np.asarray(points[ConvexHull(points, qhull_options="QJ").vertices])
