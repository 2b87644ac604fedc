"""Seconds for what proofreading does to a volume: filters, merging, splitting, shaping, counting, measuring.

Processor time of one thread, which others on the machine disturb less than the clock.
"""

import math
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from bench import Row
from bench.consensus import round_objects
from empanada_desktop.core.edits import ArrayEdit
from empanada_desktop.core.geometry import Box, Spacing
from empanada_desktop.core.ids import FreeIds
from empanada_desktop.core.measure import measure
from empanada_desktop.core.objects import ObjectIndex
from empanada_desktop.core.proofread import delete, merge
from empanada_desktop.core.proofread_filter import filter_border, filter_small
from empanada_desktop.core.proofread_morph import fill_holes, morph
from empanada_desktop.core.proofread_split import split_by_distance, split_by_points
from empanada_desktop.core.review import suspicions

TITLE = "Proofreading"
SIDE, COUNT = 256, 729
REPEATS = 3
MANY_SIDE = 276
LARGE_SHAPE = (256, 384, 384)
MEGABYTE = 1e6
DIVISOR = 1_000_000

Labels = NDArray[np.uint32]
Edits = tuple[ArrayEdit, ...]


def run() -> list[Row]:
    """Time deeds on 256³ with some 600 objects, on one thread; a first round compiles."""
    labels = round_objects(SIDE, COUNT, 0)
    index = ObjectIndex.of(labels)
    grey = np.random.default_rng(0).integers(0, 255, labels.shape, np.uint8)
    what = f"{SIDE}³, {len(index)} objects, processor time, median of {REPEATS}"
    deeds = _deeds(labels, index)
    rows = [_row(name, deed, what) for name, deed in deeds.items()]
    filtered = filter_border(labels, None)
    after = labels.copy()
    rows.append(Row("boundary filter: make the change", _median(lambda: _apply(filtered, after)), "s", what))
    taken = sum(edit.n_bytes for edit in filtered) / MEGABYTE
    rows.append(Row("boundary filter: kept for undoing", taken, "MB", f"of {labels.nbytes / MEGABYTE:.0f} MB"))
    clock = time.perf_counter()
    filter_border(labels, None)
    rows.append(Row("boundary filter, objects not yet counted: clock", time.perf_counter() - clock, "s", "once"))
    rows.append(_row("measure all objects", lambda: measure(labels, grey, Spacing(8, 8, 8), objects=index), what))
    rows.append(
        _row("find suspicious objects", lambda: suspicions(labels, grey, Spacing(8, 8, 8), objects=index), what)
    )
    return [*rows, *_many(), *_large()]


def _deeds(labels: Labels, index: ObjectIndex) -> dict[str, Callable[[], object]]:
    largest = index.ids[np.argsort(-index.voxels)][:2].tolist()
    ball = _two_balls()

    def ids() -> FreeIds:
        return FreeIds(index.ids, DIVISOR)

    return {
        "boundary filter, objects not yet counted": lambda: filter_border(labels, None),
        "boundary filter, objects counted": lambda: filter_border(labels, index),
        "filter below the median size": lambda: filter_small(labels, index, int(np.median(index.voxels))),
        "boundary filter of every xy plane": lambda: filter_border(labels, None, scope="planes"),
        "merge two objects": lambda: merge(labels, index.boxes, largest, largest[0]),
        "delete an object": lambda: delete(labels, index.boxes, largest[:1]),
        "split an object of 2 million voxels by points": lambda: split_by_points(
            ball, None, [(64, 64, 64), (64, 64, 164)], FreeIds([1], DIVISOR)
        ),
        "split all by distance 12": lambda: _none_split(
            lambda: split_by_distance(labels, index.boxes, None, 12, ids())
        ),
        "dilate an object by 3": lambda: morph(labels, index.boxes, largest[:1], "dilate", 3),
        "dilate all by 3": lambda: morph(labels, index.boxes, None, "dilate", 3),
        "erode all by 3": lambda: morph(labels, index.boxes, None, "erode", 3),
        "close all by 3": lambda: morph(labels, index.boxes, None, "close", 3),
        "fill holes of all": lambda: fill_holes(labels, index.boxes, None),
        "count objects": lambda: ObjectIndex.of(labels),
    }


def _many() -> list[Row]:
    """Count and update an index of very many objects."""
    labels = round_objects(MANY_SIDE, 100_000, 0)
    index = ObjectIndex.of(labels)
    box = Box((100, 100, 100), (164, 164, 164))
    what = f"{MANY_SIDE}³, {len(index):,} objects, processor time, median of {REPEATS}"
    return [
        _row("count very many objects", lambda: ObjectIndex.of(labels), what),
        _row("update their index after an edit of 64³", lambda: index.updated(labels, [box]), what),
    ]


def _large() -> list[Row]:
    """Measure the memory that deeds take on a volume in a Zarr store."""
    with tempfile.TemporaryDirectory() as folder:
        labels = zarr.create_array(Path(folder) / "ids", shape=LARGE_SHAPE, chunks=(64, 128, 128), dtype=np.uint32)
        part = round_objects(128, 64, 0)
        for z in range(0, LARGE_SHAPE[0], 128):
            for y in range(0, LARGE_SHAPE[1], 128):
                row = np.concatenate([part] * (LARGE_SHAPE[2] // 128), axis=2)
                labels[z : z + 128, y : y + 128] = np.where(row > 0, row + np.uint32(64 * (z // 128)), 0)
        size = f"{math.prod(LARGE_SHAPE) * 4 / MEGABYTE:.0f} MB"
        what = f"{' × '.join(map(str, LARGE_SHAPE))} in Zarr, {size}; NumPy's allocations"
        return [
            Row("boundary filter of a large volume: memory", _peak(lambda: filter_border(labels, None)), "MB", what),
            Row(
                "dilate all of a large volume by 3: memory",
                _peak(lambda: morph(labels, None, None, "dilate", 3)),
                "MB",
                what,
            ),
        ]


def _two_balls() -> Labels:
    grid = np.ogrid[:128, :128, :228]
    squares = [(grid[0] - 64) ** 2 + (grid[1] - 64) ** 2 + (grid[2] - x) ** 2 for x in (64, 164)]
    return np.where((squares[0] < 60**2) | (squares[1] < 60**2), 1, 0).astype(np.uint32)


def _none_split(deed: Callable[[], Edits]) -> None:
    from empanada_desktop.errors import SettingsError

    try:
        deed()
    except SettingsError:
        return


def _apply(edits: Edits, labels: Any) -> None:  # noqa: ANN401 - numpy or zarr
    for edit in edits:
        edit.apply(labels)


def _row(name: str, deed: Callable[[], object], note: str) -> Row:
    deed()
    return Row(name, _median(deed), "s", note)


def _median(deed: Callable[[], object]) -> float:
    seconds = []
    for _ in range(REPEATS):
        started = time.process_time()
        deed()
        seconds.append(time.process_time() - started)
    return statistics.median(seconds)


def _peak(deed: Callable[[], object]) -> float:
    tracemalloc.start()
    deed()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / MEGABYTE
