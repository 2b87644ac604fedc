"""From the network's outputs for one plane to a panoptic plane: centres, grouping, merging. No torch in here.

The rules are those of Panoptic-DeepLab (arXiv 1911.10194, section 3.2) with the details that published weights were
tuned with. Every step is one pass over the pixels, whatever the number of objects.
"""

from collections.abc import Collection

import numpy as np
from numba import njit
from numpy.typing import NDArray

from empanada_desktop.core import holes
from empanada_desktop.core.ids import check_room, number_by_class
from empanada_desktop.core.nearest import NearestTable, build_nearest_table, nearest_member
from empanada_desktop.errors import SettingsError

STUFF_AREA = 64
QUARTER = 4  # side of a heatmap cell of the coarse maps, in pixels of the network's input


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
def _target(offsets: NDArray[np.float32], row: int, column: int, step: int) -> tuple[float, float]:
    """Return the place (y, x) that a cell points to; an offset that is no number points nowhere else."""
    dy, dx = offsets[0, row, column], offsets[1, row, column]
    if not (np.isfinite(dy) and np.isfinite(dx)):
        dy, dx = np.float32(0), np.float32(0)
    return float(np.float32(row * step) + dy), float(np.float32(column * step) + dx)


@njit(cache=True, nogil=True)
def _target_box(
    offsets: NDArray[np.float32], wanted: NDArray[np.bool_], step: int, margin: float
) -> tuple[float, float, float, float]:
    """Return top, left, bottom, right of all places that wanted cells point to, at most `margin` outside the plane."""
    height, width = wanted.shape
    top, left, bottom, right = np.inf, np.inf, -np.inf, -np.inf
    for row in range(height):
        for column in range(width):
            if wanted[row, column]:
                y, x = _target(offsets, row, column, step)
                top, bottom = min(top, y), max(bottom, y)
                left, right = min(left, x), max(right, x)
    return (
        max(top, -margin),
        max(left, -margin),
        min(bottom, height * step + margin),
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
) -> int:
    """Write 1 + the nearest point's index for every wanted cell; -1 out of the box: return how many of these."""
    height, width = wanted.shape
    strays = 0
    for row in range(height):
        for column in range(width):
            if wanted[row, column]:
                y, x = _target(offsets, row, column, step)
                if y < box[0] or x < box[1] or y > box[2] or x > box[3]:
                    instances[row, column] = -1
                    strays += 1
                else:
                    instances[row, column] = 1 + nearest_member(points, table, y, x)
    return strays


def _assign_strays(
    offsets: NDArray[np.float32], step: int, points: NDArray[np.float64], instances: NDArray[np.int32]
) -> None:
    """Finish the cells marked -1, which point far out of the plane, with a search tree."""
    from scipy.spatial import cKDTree

    rows, columns = np.nonzero(instances == -1)
    places = offsets[:, rows, columns].T + np.stack([rows, columns], axis=1) * np.float32(step)
    instances[rows, columns] = 1 + cKDTree(points).query(places)[1]


def group_pixels(
    offsets: NDArray[np.float32],
    centres: NDArray[np.int32],
    step: int = 1,
    foreground: NDArray[np.bool_] | None = None,
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
    box = _target_box(offsets, wanted, step, margin=float(max(shape) * step))
    if box[0] > box[2] or box[1] > box[3]:  # every cell points far away
        box = (0.0, 0.0, 0.0, 0.0)
    spacing = float(np.sqrt(shape[0] * shape[1] * step * step / len(points)))
    table = build_nearest_table(points, box, leaf=min(max(spacing / 4, 2.0), 16.0 * step))
    if _assign(offsets, wanted, step, points, table, box, instances):
        _assign_strays(offsets, step, points, instances)
    return instances


@njit(cache=True, nogil=True)
def _count_classes(
    classes: NDArray[np.uint8], instances: NDArray[np.int32], is_thing: NDArray[np.bool_], zoom: int, n_instances: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the pixels of each thing class in each instance, and of each other class over the whole plane."""
    votes = np.zeros((n_instances + 1, is_thing.size), np.int64)
    areas = np.zeros(is_thing.size, np.int64)
    for row in range(classes.shape[0]):
        for column in range(classes.shape[1]):
            class_id = classes[row, column]
            if is_thing[class_id]:
                votes[instances[row // zoom, column // zoom], class_id] += 1
            else:
                areas[class_id] += 1
    return votes, areas


@njit(cache=True, nogil=True)
def _paint(
    classes: NDArray[np.uint8],
    instances: NDArray[np.int32],
    is_thing: NDArray[np.bool_],
    zoom: int,
    thing_ids: NDArray[np.uint32],
    stuff_ids: NDArray[np.uint32],
) -> NDArray[np.uint32]:
    """Write the panoptic id of every pixel."""
    panoptic = np.zeros(classes.shape, np.uint32)
    for row in range(classes.shape[0]):
        for column in range(classes.shape[1]):
            class_id = classes[row, column]
            if is_thing[class_id]:
                panoptic[row, column] = thing_ids[instances[row // zoom, column // zoom]]
            elif class_id:
                panoptic[row, column] = stuff_ids[class_id]
    return panoptic


def _number_instances(votes: NDArray[np.int64], label_divisor: int) -> NDArray[np.uint32]:
    """Return the panoptic id of each instance: its majority class (the lower of equals), numbered 1, 2, … by class."""
    present = votes.sum(axis=1) > 0
    present[0] = False
    majority = votes[present].argmax(axis=1)
    ids = np.zeros(len(votes), np.uint32)
    ids[present] = number_by_class(majority, np.ones(len(majority), np.bool_), label_divisor, where="This plane")
    return ids


def _number_stuff(areas: NDArray[np.int64], label_divisor: int, stuff_area: int) -> NDArray[np.uint32]:
    """Return the panoptic id of each stuff class: class * divisor, 0 where its area is too small."""
    ids = np.zeros(len(areas), np.uint32)
    for class_id in np.flatnonzero(areas[1:]) + 1:
        check_room(0, int(class_id), label_divisor, where="This plane")
        if areas[class_id] >= stuff_area:
            ids[class_id] = class_id * label_divisor
    return ids


def merge_panoptic(
    classes: NDArray[np.uint8],
    instances: NDArray[np.int32],
    things: Collection[int],
    label_divisor: int,
    stuff_area: int = STUFF_AREA,
    zoom: int = 1,
) -> NDArray[np.uint32]:
    """Join a class map and class-agnostic instances into panoptic ids class * divisor + k.

    An instance takes the class that most of its pixels have, the lower of equals; k counts from 1 by class in the order
    of the instances' numbers. The other classes ("stuff") keep class * divisor where they cover `stuff_area` pixels or
    more. Pixels of thing classes without an instance become 0.

    With `zoom` > 1 the instances are coarser than the classes: a cell covers a square of zoom x zoom pixels.
    Raises SettingsError when a class has more objects than the divisor has room for.
    """
    is_thing = np.zeros(256, np.bool_)
    is_thing[list(things)] = True
    is_thing[0] = False
    n_instances = int(instances.max(initial=0))
    votes, areas = _count_classes(classes, instances, is_thing, zoom, n_instances)
    thing_ids = _number_instances(votes, label_divisor)
    stuff_ids = _number_stuff(areas, label_divisor, stuff_area)
    panoptic: NDArray[np.uint32] = _paint(classes, instances, is_thing, zoom, thing_ids, stuff_ids)
    return panoptic


@njit(cache=True, nogil=True)
def _largest_channel(semantic: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the channel with the largest value of each pixel, the first of equals."""
    channels, height, width = semantic.shape
    classes = np.zeros((height, width), np.uint8)
    for row in range(height):
        best = semantic[0, row].copy()
        for channel in range(1, channels):
            for column in range(width):
                if semantic[channel, row, column] > best[column]:
                    best[column] = semantic[channel, row, column]
                    classes[row, column] = channel
    return classes


def classify(semantic: NDArray[np.float32], confidence: float) -> NDArray[np.uint8]:
    """Turn probabilities (C, H, W) into class ids (H, W), 0 background.

    One channel: 1 from `confidence` upwards. Several: the largest, the first of equals.
    """
    if len(semantic) == 1:
        mask: NDArray[np.bool_] = semantic[0] >= confidence
        return mask.view(np.uint8)
    classes: NDArray[np.uint8] = _largest_channel(np.ascontiguousarray(semantic))
    return classes


@njit(cache=True, nogil=True)
def _stretch(source: NDArray[np.float32], result: NDArray[np.float32]) -> None:
    """Interpolate a row linearly to the length of `result`; the ends stay at the ends."""
    scale = np.float32((source.size - 1) / max(result.size - 1, 1))
    for column in range(result.size):
        x = np.float32(column) * scale
        left = min(int(x), source.size - 1)
        right = min(left + 1, source.size - 1)
        part = x - np.float32(left)
        result[column] = (np.float32(1) - part) * source[left] + part * source[right]


@njit(cache=True, nogil=True)
def _enlarge(maps: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Interpolate maps (n, h, w) linearly to (n, h * factor, w * factor); the outermost cells stay at the corners."""
    n_maps, height, width = maps.shape
    rows, columns = height * factor, width * factor
    scale = np.float32((height - 1) / max(rows - 1, 1))
    result = np.empty((n_maps, rows, columns), np.float32)
    stretched = np.empty((height, columns), np.float32)
    for n in range(n_maps):
        for row in range(height):
            _stretch(maps[n, row], stretched[row])
        for row in range(rows):
            y = np.float32(row) * scale
            top = min(int(y), height - 1)
            bottom = min(top + 1, height - 1)
            part = y - np.float32(top)
            for column in range(columns):
                above, below = stretched[top, column], stretched[bottom, column]
                result[n, row, column] = (np.float32(1) - part) * above + part * below
    return result


def panoptic_plane(
    semantic: NDArray[np.float32],
    heatmap: NDArray[np.float32],
    offsets: NDArray[np.float32],
    *,
    things: Collection[int],
    segmentation_confidence: float = 0.5,
    centre_confidence: float = 0.1,
    centre_min_distance: int = 3,
    fine_boundaries: bool = False,
    semantic_only: bool = False,
    label_divisor: int = 10_000,
    stuff_area: int = STUFF_AREA,
    fill_holes: bool = False,
    step: int = QUARTER,
    downsampling: int = 1,
) -> NDArray[np.uint32]:
    """Make the panoptic plane from a network's outputs.

    Parameters
    ----------
    semantic
        (C, H, W) probabilities at the size of the plane: one class, or softmax with the background as channel 0.
    heatmap, offsets
        (h, w) and (2, h, w); each cell covers `step * downsampling` pixels. Cells beyond the plane (padding) are fine.
    things
        Ids of the classes that come as instances.
    centre_min_distance
        In cells of the heatmap: of the full-resolution one with `fine_boundaries`.
    fine_boundaries
        Group at full resolution; quarter-resolution maps are interpolated first.
    step
        Side of a cell of the given maps in pixels of the network's input: 4, or 1 when they come interpolated.
    downsampling
        By how much the plane was shrunk for the network; offsets are in pixels of the shrunk plane.

    Returns
    -------
    (H, W) uint32: class * divisor + k, stuff class * divisor, background 0.
    """
    classes = classify(semantic, segmentation_confidence)
    wanted_classes: Collection[int] = () if semantic_only else things
    if fine_boundaries and step > 1 and wanted_classes:
        maps = _enlarge(np.concatenate([heatmap[None], offsets]).astype(np.float32, copy=False), step)
        heatmap, offsets, step = maps[0], maps[1:], 1
    zoom = step * downsampling
    _check_cover(classes.shape, heatmap.shape, zoom)
    instances = np.zeros(heatmap.shape, np.int32)
    if wanted_classes:
        centres = find_centres(heatmap, centre_confidence, centre_min_distance)
        instances = group_pixels(offsets, centres, step, _wanted_cells(classes, wanted_classes, zoom, heatmap.shape))
    panoptic = merge_panoptic(classes, instances, wanted_classes, label_divisor, stuff_area, zoom)
    return holes.fill_holes(panoptic) if fill_holes else panoptic


def _check_cover(plane: tuple[int, ...], cells: tuple[int, ...], zoom: int) -> None:
    """Raise ValueError when the cells do not cover the plane: a mistake of the calling code."""
    if cells[0] * zoom < plane[0] or cells[1] * zoom < plane[1]:
        raise ValueError(f"maps of {cells} cells of {zoom} pixels do not cover a plane of {plane}")


def _wanted_cells(
    classes: NDArray[np.uint8], things: Collection[int], zoom: int, shape: tuple[int, ...]
) -> NDArray[np.bool_] | None:
    """Return where a cell is needed; None, for all, where cells are larger than pixels and finding out costs more."""
    if zoom > 1:
        return None
    is_thing = np.zeros(256, np.bool_)
    is_thing[list(things)] = True
    wanted = np.zeros(shape, np.bool_)
    wanted[: classes.shape[0], : classes.shape[1]] = is_thing[classes]
    return wanted
