"""Object centres in a heatmap, and the centre that each pixel's offset points to.

The rules are those of Panoptic-DeepLab (arXiv 1911.10194, section 3.2); the cost is that of one pass over the pixels,
whatever the number of centres.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from empanada_desktop.core.nearest import NearestTable, build_nearest_table, nearest_member
from empanada_desktop.errors import SettingsError

CELLS_FOR_SMALL_LEAVES = 512  # for each centre


@njit(cache=True, nogil=True)
def _row_maxima(heatmap: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Return the largest value in the `width` cells of the row around each cell."""
    rows, columns = heatmap.shape
    maxima = np.empty_like(heatmap)
    padded = np.full(columns + width, -np.inf, np.float32)
    for row in range(rows):
        padded[width // 2 : width // 2 + columns] = heatmap[row]
        for column in range(columns):
            maxima[row, column] = padded[column]
        for shift in range(1, width):  # inner loops over columns are SIMD
            for column in range(columns):
                maxima[row, column] = max(maxima[row, column], padded[column + shift])
    return maxima


@njit(cache=True, nogil=True)
def _peaks(heatmap: NDArray[np.float32], width: int, floor: np.float32) -> NDArray[np.bool_]:
    """Mark the cells above `floor` that no cell of the square around them exceeds."""
    rows, columns = heatmap.shape
    maxima = _row_maxima(heatmap, width)
    peaks = np.zeros(heatmap.shape, np.bool_)
    highest = np.empty(columns, np.float32)
    for row in range(rows):
        highest[:] = heatmap[row]
        for other in range(max(row - width // 2, 0), min(row - width // 2 + width, rows)):
            for column in range(columns):
                highest[column] = max(highest[column], maxima[other, column])
        for column in range(columns):
            peaks[row, column] = heatmap[row, column] == highest[column] and heatmap[row, column] > floor
    return peaks


def find_centres(heatmap: NDArray[np.float32], confidence: float, min_distance: int) -> NDArray[np.int32]:
    """Find the peaks of a heatmap (h, w).

    A peak is above `confidence` and not below any other cell of a square around it, `min_distance` cells wide (an even
    square reaches one cell less far down and right). Equal neighbours on a plateau are all peaks.
    Returns (k, 2) rows and columns in heatmap cells, row by row.
    """
    if min_distance < 1:
        raise SettingsError("The minimum distance of centres must be at least 1.", "Choose a value from 1 to 35.")
    floor = np.float32(max(confidence, 0.0))
    if not (heatmap > floor).any():
        return np.zeros((0, 2), np.int32)
    peaks = _peaks(np.ascontiguousarray(heatmap, np.float32), min_distance, floor)
    return np.argwhere(peaks).astype(np.int32)


@njit(cache=True, nogil=True)
def _target(offsets: NDArray[np.float32], row: int, column: int, step: int, first_row: int) -> tuple[float, float]:
    """Return the place (y, x) that a cell points to; an offset that is no number points nowhere else."""
    dy, dx = offsets[0, row, column], offsets[1, row, column]
    if not (np.isfinite(dy) and np.isfinite(dx)):
        dy, dx = np.float32(0), np.float32(0)
    return float(np.float32((first_row + row) * step) + dy), float(np.float32(column * step) + dx)


@njit(cache=True, nogil=True)
def _target_box(
    offsets: NDArray[np.float32], wanted: NDArray[np.bool_], step: int, margin: float, first_row: int
) -> tuple[float, float, float, float]:
    """Return top, left, bottom, right of all places that wanted cells point to, at most `margin` outside the plane."""
    height, width = wanted.shape
    top, left, bottom, right = np.inf, np.inf, -np.inf, -np.inf
    for row in range(height):
        for column in range(width):
            if wanted[row, column]:
                y, x = _target(offsets, row, column, step, first_row)
                top, bottom = min(top, y), max(bottom, y)
                left, right = min(left, x), max(right, x)
    return (
        max(top, first_row * step - margin),
        max(left, -margin),
        min(bottom, (first_row + height) * step + margin),
        min(right, width * step + margin),
    )


@njit(cache=True, nogil=True)
def _assign(
    offsets: NDArray[np.float32],
    wanted: NDArray[np.bool_],
    step: int,
    points: NDArray[np.float64],
    table: NearestTable,
    box: tuple[float, float, float, float],
    instances: NDArray[np.int32],
    first_row: int,
) -> int:
    """Write 1 + the nearest point's index for every wanted cell; -1 out of the box: return how many of these."""
    height, width = wanted.shape
    strays = 0
    for row in range(height):
        for column in range(width):
            if wanted[row, column]:
                y, x = _target(offsets, row, column, step, first_row)
                if y < box[0] or x < box[1] or y > box[2] or x > box[3]:
                    instances[row, column] = -1
                    strays += 1
                else:
                    instances[row, column] = 1 + nearest_member(points, table, y, x)
    return strays


def _assign_strays(
    offsets: NDArray[np.float32],
    step: int,
    points: NDArray[np.float64],
    instances: NDArray[np.int32],
    first_row: int,
) -> None:
    """Finish the cells marked -1, which point far out of the plane, with a search tree."""
    from scipy.spatial import cKDTree

    rows, columns = np.nonzero(instances == -1)
    places = offsets[:, rows, columns].T + np.stack([rows + first_row, columns], axis=1) * np.float32(step)
    instances[rows, columns] = 1 + cKDTree(points).query(places)[1]


def group_pixels(
    offsets: NDArray[np.float32],
    centres: NDArray[np.int32],
    step: int = 1,
    foreground: NDArray[np.bool_] | None = None,
    first_row: int = 0,
) -> NDArray[np.int32]:
    """Give each cell the centre that is nearest (Euclidean) to where its offset points.

    Parameters
    ----------
    offsets
        (2, h, w) y and x towards the centre, in pixels of the network's input.
    centres
        (k, 2) rows and columns in cells, in any range.
    step
        Side of a cell in pixels: 4 at quarter resolution, 1 at full resolution.
    foreground
        (h, w); cells outside stay 0 and cost nothing.
    first_row
        Row of the plane at which `offsets` begin, in cells, where they are some rows of it only. Centres are always
        those of the plane.

    Returns
    -------
    (h, w) int32: 1 + index of the centre, the lowest index among equally near ones; 0 without centres.
    """
    shape = offsets.shape[1:]
    instances = np.zeros(shape, np.int32)
    wanted = np.ones(shape, np.bool_) if foreground is None else foreground
    if len(centres) == 0 or not wanted.any():
        return instances
    offsets = np.ascontiguousarray(offsets, np.float32)
    points = centres.astype(np.float64) * step
    box = _target_box(offsets, wanted, step, float(max(shape) * step), first_row)
    if box[0] > box[2] or box[1] > box[3]:  # every cell points far away
        box = (0.0, 0.0, 0.0, 0.0)
    near = np.count_nonzero((points[:, 0] >= box[0]) & (points[:, 0] <= box[2]))
    spacing = float(np.sqrt(shape[0] * shape[1] * step * step / max(near, 1)))
    # Small leaves have short lists, but there are many: they pay when many pixels look up each.
    parts = 4 if shape[0] * shape[1] > CELLS_FOR_SMALL_LEAVES * near else 2
    table = build_nearest_table(points, box, leaf=min(max(spacing / parts, 2.0), 16.0 * step))
    if _assign(offsets, wanted, step, points, table, box, instances, first_row):
        _assign_strays(offsets, step, points, instances, first_row)
    return instances
