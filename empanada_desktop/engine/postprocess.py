"""From the network's outputs for one plane to a panoptic plane: centres, grouping, merging. No torch in here.

The rules are those of Panoptic-DeepLab (arXiv 1911.10194, section 3.2) with the details that published weights were
tuned with. Every step is one pass over the pixels, whatever the number of objects.
"""

from collections.abc import Collection

import numpy as np
from numba import njit
from numpy.typing import NDArray

from empanada_desktop.core import holes
from empanada_desktop.core.grouping import find_centres, group_pixels
from empanada_desktop.core.ids import check_room, number_by_class

__all__ = ["classify", "find_centres", "group_pixels", "merge_panoptic", "panoptic_plane"]

STUFF_AREA = 64
QUARTER = 4  # side of a heatmap cell of the coarse maps, in pixels of the network's input


@njit(cache=True, nogil=True)
def count_classes(
    classes: NDArray[np.uint8], instances: NDArray[np.int32], is_thing: NDArray[np.bool_], zoom: int, n_instances: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the pixels of each thing class in each instance, and of each other class but 0 over the whole plane."""
    votes = np.zeros((n_instances + 1, is_thing.size), np.int64)
    areas = np.zeros(is_thing.size, np.int64)
    for row in range(classes.shape[0]):
        pixels, cells = classes[row], instances[row // zoom]
        for cell in range(-(-pixels.size // zoom)):  # a division a pixel would cost more than all else
            column, end = cell * zoom, min((cell + 1) * zoom, pixels.size)
            while column < end:
                class_id, first = pixels[column], column
                while column < end and pixels[column] == class_id:
                    column += 1
                if class_id == 0:
                    continue
                if is_thing[class_id]:
                    votes[cells[cell], class_id] += column - first
                else:
                    areas[class_id] += column - first
    return votes, areas


@njit(cache=True, nogil=True)
def paint(
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
        pixels, cells = classes[row], instances[row // zoom]
        for cell in range(-(-pixels.size // zoom)):
            own = thing_ids[cells[cell]]
            for column in range(cell * zoom, min((cell + 1) * zoom, pixels.size)):
                class_id = pixels[column]
                if class_id:
                    panoptic[row, column] = own if is_thing[class_id] else stuff_ids[class_id]
    return panoptic


def number_instances(votes: NDArray[np.int64], label_divisor: int) -> NDArray[np.uint32]:
    """Return the panoptic id of each instance: its majority class (the lower of equals), numbered 1, 2, … by class."""
    present = votes.sum(axis=1) > 0
    present[0] = False
    majority = votes[present].argmax(axis=1)
    ids = np.zeros(len(votes), np.uint32)
    ids[present] = number_by_class(majority, np.ones(len(majority), np.bool_), label_divisor, where="This plane")
    return ids


def number_stuff(areas: NDArray[np.int64], label_divisor: int, stuff_area: int) -> NDArray[np.uint32]:
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
    votes, areas = count_classes(classes, instances, is_thing, zoom, n_instances)
    thing_ids = number_instances(votes, label_divisor)
    stuff_ids = number_stuff(areas, label_divisor, stuff_area)
    panoptic: NDArray[np.uint32] = paint(classes, instances, is_thing, zoom, thing_ids, stuff_ids)
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
def enlarge_rows(
    maps: NDArray[np.float32], factor: int, height: int, start: int, first: int, end: int
) -> NDArray[np.float32]:
    """Interpolate maps linearly, the outermost cells staying at the corners; returns rows first .. end - 1 of these.

    maps: rows start, start + 1 … of maps of `height` rows, (n, h, w); as many as source_rows says. The result is
    (n, end - first, w * factor).
    """
    n_maps, given, width = maps.shape
    columns = width * factor
    scale = np.float32((height - 1) / max(height * factor - 1, 1))
    result = np.empty((n_maps, end - first, columns), np.float32)
    stretched = np.empty((given, columns), np.float32)
    for n in range(n_maps):
        for row in range(given):
            _stretch(maps[n, row], stretched[row])
        for row in range(first, end):
            y = np.float32(row) * scale
            top = min(int(y), height - 1)
            bottom = min(top + 1, height - 1)
            part = y - np.float32(top)
            for column in range(columns):
                above, below = stretched[top - start, column], stretched[bottom - start, column]
                result[n, row - first, column] = (np.float32(1) - part) * above + part * below
    return result


def source_rows(factor: int, height: int, first: int, end: int) -> tuple[int, int]:
    """Return which rows of maps of `height` rows (start, stop) enlarge_rows needs for rows first .. end - 1."""
    scale = np.float32((height - 1) / max(height * factor - 1, 1))
    start, last = (min(int(np.float32(row) * scale), height - 1) for row in (first, max(end - 1, first)))
    return start, min(last + 2, height)


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
        maps = np.concatenate([heatmap[None], offsets]).astype(np.float32, copy=False)
        maps = enlarge_rows(maps, step, len(heatmap), 0, 0, len(heatmap) * step)
        heatmap, offsets, step = maps[0], maps[1:], 1
    zoom = step * downsampling
    _check_cover(classes.shape, heatmap.shape, zoom)
    instances = np.zeros(heatmap.shape, np.int32)
    if wanted_classes:
        centres = find_centres(heatmap, centre_confidence, centre_min_distance)
        instances = group_pixels(offsets, centres, step, wanted_cells(classes, wanted_classes, zoom, heatmap.shape))
    panoptic = merge_panoptic(classes, instances, wanted_classes, label_divisor, stuff_area, zoom)
    return holes.fill_holes(panoptic) if fill_holes else panoptic


def _check_cover(plane: tuple[int, ...], cells: tuple[int, ...], zoom: int) -> None:
    """Raise ValueError when the cells do not cover the plane: a mistake of the calling code."""
    if cells[0] * zoom < plane[0] or cells[1] * zoom < plane[1]:
        raise ValueError(f"maps of {cells} cells of {zoom} pixels do not cover a plane of {plane}")


def wanted_cells(
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
