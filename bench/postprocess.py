"""Milliseconds a plane from the network's outputs to objects, by the size of the plane and the number of objects."""

import statistics
import time
from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from bench import Row
from empanada_desktop.core.components import split_components
from empanada_desktop.core.consensus import StackOverlaps
from empanada_desktop.core.holes import fill_holes
from empanada_desktop.core.median import MedianQueue
from empanada_desktop.core.tracking import ObjectTable, StackTracker
from empanada_desktop.engine.postprocess import classify, find_centres, group_pixels, merge_panoptic, panoptic_plane

TITLE = "From the network's outputs to objects"
CASES = ((512, 200), (1024, 1000), (2048, 1000))
REPEATS = 7
STACK_PLANES = 8
AIMS = ((512, 200, 15), (1024, 1000, 60))  # side, objects, milliseconds a plane
TOGETHER_PLANES = 16
MIN_DISTANCE = 7
DIVISOR = 10_000

Maps = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def run() -> list[Row]:
    """Time every step on planes of round objects with noisy offsets; one thread."""
    singly = [row for side, count in CASES for row in _case_rows(side, count)]
    return [*(row for side, count, aim in AIMS for row in _together(side, count, aim)), *singly]


def _case_rows(side: int, count: int) -> list[Row]:
    semantic, heatmap, offsets = round_objects(side, count)
    classes = classify(semantic, 0.5)
    centres = find_centres(heatmap, 0.1, MIN_DISTANCE)
    instances = group_pixels(offsets, centres, 1, classes > 0)
    panoptic = merge_panoptic(classes, instances, [1], DIVISOR)
    quarter, quarter_offsets = heatmap[::4, ::4].copy(), offsets[:, ::4, ::4].copy()
    tracker, components = StackTracker(), split_components(panoptic, [1], DIVISOR)
    queue: MedianQueue[None] = MedianQueue(3)
    steps: dict[str, Callable[[], object]] = {
        "find centres": lambda: find_centres(heatmap, 0.1, MIN_DISTANCE),
        "grouping and merging": lambda: merge_panoptic(
            classes, group_pixels(offsets, centres, 1, classes > 0), [1], DIVISOR
        ),
        "whole plane, fine boundaries": lambda: panoptic_plane(
            semantic, heatmap, offsets, things=[1], fine_boundaries=True, centre_min_distance=MIN_DISTANCE, step=1
        ),
        "whole plane, fine boundaries from quarter maps": lambda: panoptic_plane(
            semantic, quarter, quarter_offsets, things=[1], fine_boundaries=True, centre_min_distance=MIN_DISTANCE
        ),
        "whole plane, coarse": lambda: panoptic_plane(semantic, quarter, quarter_offsets, things=[1]),
        "fill holes": lambda: fill_holes(panoptic),
        "components": lambda: split_components(panoptic, [1], DIVISOR),
        "overlap with the plane before": lambda: tracker.add_plane(*components),
        "median over 3 planes": lambda: queue.push(semantic, None),
    }
    note = f"{len(centres)} objects on {side} × {side}, median of {REPEATS}"
    rows = [Row(f"{side}²: {name}", _milliseconds(step), "ms", note) for name, step in steps.items()]
    return [*rows, Row(f"{side}²: matching there and back", _matching(panoptic), "ms", f"a plane; {note}")]


def _together(side: int, count: int, aim: int) -> list[Row]:
    """Return what a plane costs from the network's outputs to the consensus of three stacks.

    A voxel's consensus belongs to a plane of each of three stacks: a third of it is counted, and beside that all of it.
    """
    semantic, heatmap, offsets = round_objects(side, count)
    maps = semantic, heatmap[::4, ::4], offsets[:, ::4, ::4]
    there_and_back = [min(n % 8, 8 - n % 8) for n in range(TOGETHER_PLANES)]
    planes = [_moved(maps, cells) for cells in there_and_back]
    _objects_of(planes[:4])
    with_a_third, with_all = [], []
    for _ in range(REPEATS):
        started = time.process_time()
        ids, objects = _objects_of(planes)
        alone = time.process_time() - started
        stacks, classes = (ids, np.roll(ids, 1, axis=1), np.roll(ids, 1, axis=2)), objects.classes
        started = time.process_time()
        overlaps = StackOverlaps(classes, classes, classes)
        overlaps.add_block(*stacks)
        overlaps.fuse().apply(*stacks)
        consensus = time.process_time() - started
        with_a_third.append(alone + consensus / len(stacks))
        with_all.append(alone + consensus)
    rows = []
    for seconds, part in ((with_a_third, "a third of"), (with_all, "all of")):
        note = (
            f"median over 3 planes, objects, components, matching, and {part} the consensus of three stacks; processor "
            f"time of one thread, a plane of {len(planes)}, median of {REPEATS} (aim {aim})"
        )
        milliseconds = statistics.median(seconds) * 1000 / len(planes)
        rows.append(Row(f"{side}², {count} objects: all that follows the network", milliseconds, "ms", note))
    return rows


def _moved(maps: Maps, cells: int) -> Maps:
    """Return the maps moved down by some cells of the heatmap."""
    semantic, heatmap, offsets = maps
    return np.roll(semantic, 4 * cells, axis=1), np.roll(heatmap, cells, axis=0), np.roll(offsets, cells, axis=1)


def _objects_of(planes: Sequence[Maps]) -> tuple[NDArray[np.uint32], ObjectTable]:
    """Turn the outputs of a stack into its objects: their numbers (planes, H, W), and their table."""
    queue, tracker = MedianQueue[Maps](3), StackTracker()
    volume = np.empty((len(planes), *planes[0][0].shape[1:]), np.uint32)
    ready = (done for plane in planes if (done := queue.push(plane[0], plane)))
    for target, (semantic, (_, heatmap, offsets)) in zip(volume, chain(ready, queue.finish()), strict=True):
        panoptic = panoptic_plane(semantic, heatmap, offsets, things=[1], label_divisor=DIVISOR)
        components, table = split_components(panoptic, [1], DIVISOR)
        tracker.add_plane(components, table)
        target[:] = components
    tracks = tracker.finish()
    for plane, lookup in zip(volume, tracks.lookups, strict=True):
        np.take(lookup, plane, out=plane)
    return volume, tracks.objects


def _milliseconds(step: Callable[[], object]) -> float:
    """Return the median of several calls, after one that may compile."""
    step()
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds) * 1000


def _matching(panoptic: NDArray[np.uint32]) -> float:
    """Return the time that the matching of a stack of shifted planes takes, for one plane."""
    tracker = StackTracker()
    for index in range(STACK_PLANES):
        tracker.add_plane(*split_components(np.roll(panoptic, 3 * index, axis=0), [1], DIVISOR))
    return _milliseconds(tracker.finish) / STACK_PLANES


def round_objects(side: int, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return what a network would say of about `count` discs: semantic (1, H, W), heatmap (H, W), offsets (2, H, W)."""
    draw = np.random.default_rng(0)
    per_side = int(np.ceil(np.sqrt(count)))
    pitch = side / per_side
    jitter = draw.uniform(-0.15, 0.15, (2, per_side, per_side)) * pitch
    cell = np.minimum(np.arange(side) / pitch, per_side - 1).astype(int)
    index = np.ix_(cell, cell)
    middles = (np.arange(per_side) + 0.5) * pitch
    pixels = np.arange(side)
    rows = (middles[:, None] + jitter[0])[index] - pixels[:, None]
    columns = (middles[None, :] + jitter[1])[index] - pixels[None, :]
    offsets = np.stack([rows, columns]).astype(np.float32)
    distances = (offsets**2).sum(axis=0)
    semantic = (distances < (0.38 * pitch) ** 2).astype(np.float32)[None]
    noise = draw.normal(0, 1, offsets.shape).astype(np.float32)
    return semantic, np.exp(-distances / 72).astype(np.float32), offsets + noise
