"""The voxels of a plane inside a polygon."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def polygon_mask(
    vertices: Sequence[tuple[float, float]], shape: tuple[int, int], origin: tuple[int, int]
) -> NDArray[np.bool_]:
    """Return which voxels of a rectangle have their middles inside a polygon (where it crosses itself: even-odd).

    vertices: row, column in voxels; voxel i spans i to i + 1. shape, origin: rows and columns of the rectangle, and its
    first voxel. A middle exactly on an edge belongs to the polygon on the right of it and below it, so that polygons
    that share an edge share no voxel and leave none out.
    """
    mask = np.zeros(shape, np.bool_)
    if len(vertices) < 3:
        return mask
    corners = np.asarray(vertices, float) - np.asarray(origin, float) - 0.5
    starts, stops = corners, np.roll(corners, -1, axis=0)
    for row in range(max(0, int(np.ceil(corners[:, 0].min()))), min(shape[0], int(corners[:, 0].max()) + 1)):
        crosses = (starts[:, 0] <= row) != (stops[:, 0] <= row)
        first, last = starts[crosses], stops[crosses]
        columns = np.sort(first[:, 1] + (row - first[:, 0]) / (last[:, 0] - first[:, 0]) * (last[:, 1] - first[:, 1]))
        for left, right in np.ceil(columns).astype(int).reshape(-1, 2):
            mask[row, max(0, left) : max(0, right)] = True
    return mask


def polygon_extent(
    vertices: Sequence[tuple[float, float]], shape: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Return the first voxel and the size (rows, columns) of the part of a plane that a polygon may cover; or None."""
    corners = np.asarray(vertices, float)
    low = np.maximum(np.floor(corners.min(axis=0)), 0).astype(int)
    high = np.minimum(np.ceil(corners.max(axis=0)), shape).astype(int)
    if (low >= high).any():
        return None
    (top, left), (height, width) = low.tolist(), (high - low).tolist()
    return (top, left), (height, width)
