"""Seconds to fuse a volume anew from its kept per-plane predictions: votes, sizes, erosion, without the network."""

import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench import Row
from bench.processes import in_process, peak_megabytes
from empanada_desktop.core.components import split_components
from empanada_desktop.core.context import QuietContext
from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.core.kept_maps import KeptMaps
from empanada_desktop.core.tracking import StackTracker
from empanada_desktop.io.ome_zarr import ResultStore

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

TITLE = "Fusing anew"
SIDE = 256
CELLS = 10  # objects along each axis
REPEATS = 3
DEPTHS = (128, 256, 512)
DIVISOR = 1_000_000


def run() -> list[Row]:
    """Time `fuse` with one thread on a volume of 256³ with 1000 objects, ortho-plane."""
    changes: dict[str, dict[str, object]] = {
        "2 votes": {},
        "1 vote, one stack": {"voxel_votes": 1, "permit_one_stack": True},
    }
    changes["erosion 1, dilation 1"] = {"erode_labels": 1, "dilate_labels": 1}
    changes["segmentation confidence 0.6"] = {"segmentation_confidence": 0.6}
    note = f"{SIDE}³ voxels, {CELLS**3} objects, three stacks, one thread, median of {REPEATS}"
    with tempfile.TemporaryDirectory() as folder:
        result = recorded_result(Path(folder) / "X.zarr", (SIDE,) * 3)
        sizes = {path: path.stat().st_size for path in (result / "predictions").rglob("*") if path.is_file()}
        rows = [row for name, change in changes.items() for row in _time_rows(name, result, change, note)]
    confidence = sum(size for path, size in sizes.items() if path.name.startswith("maps."))
    predictions = sum(sizes.values()) - confidence
    rows += [Row("kept predictions", predictions / 1e6, "MB", note)]
    return [*rows, Row("kept confidence", confidence / 1e6, "MB", note), *_memory_rows()]


def _memory_rows() -> list[Row]:
    note = f"depth × {SIDE}² voxels, three stacks, peak resident memory of a process that fuses, torch not loaded"
    with tempfile.TemporaryDirectory() as folder:
        return [Row(f"{depth} planes", _peak_of_job(Path(folder), depth), "MB", note) for depth in DEPTHS]


def _peak_of_job(folder: Path, depth: int) -> float:
    result = recorded_result(folder / f"{depth}.zarr", (depth, SIDE, SIDE))
    peak: float = in_process(_job, result)
    return peak


def _job(result: Path, pipe: "Connection") -> None:
    from empanada_desktop.tasks import fuse

    inputs = fuse.Inputs(result=str(result), out=str(result.with_suffix(".fused.zarr")))
    fuse.run(inputs, fuse.Params.checked({}), QuietContext())
    pipe.send(peak_megabytes())


def _time_rows(name: str, result: Path, changes: Mapping[str, object], note: str) -> list[Row]:
    from empanada_desktop.tasks import fuse

    seconds, processor = [], []
    for _ in range(REPEATS + 1):
        inputs = fuse.Inputs(result=str(result), out=str(result.with_name("Y.zarr")), overwrite=True)
        started, used = time.perf_counter(), time.process_time()
        fuse.run(inputs, fuse.Params.checked(changes), QuietContext())
        seconds.append(time.perf_counter() - started)
        processor.append(time.process_time() - used)
    return [
        Row(f"fuse, {name}", statistics.median(seconds[1:]), "s", note),
        Row(f"fuse, {name}: processor time", statistics.median(processor[1:]), "s", note),
    ]


def recorded_result(path: Path, shape: tuple[int, int, int]) -> Path:
    """Write what segment-volume keeps of a volume of round objects that each stack sees a little differently."""
    from empanada_desktop.tasks.recipe import make_recipe
    from empanada_desktop.tasks.segment_volume import Inputs, Params

    params = Params(ortho_plane=True, use_gpu=False, threads=1, min_size=100, keep_confidence=True)
    facts = {"class_names": {"1": "mito"}, "things": [1]}
    recipe = make_recipe("segment-volume", params, Inputs(volume="v.tif", out=str(path)), **facts).to_dict()
    store = ResultStore.create(path, shape, Spacing(8, 8, 8, "typed"), 256, recipe)
    for axis in Axis:
        record_stack(store, axis, shape)
    store.finish(recipe, keep_predictions=True)
    return path


def record_stack(store: ResultStore, axis: Axis, shape: tuple[int, int, int]) -> None:
    """Write the planes of one stack as the network's pass leaves them."""
    planes, tracker = store.stack_planes(axis), StackTracker(axis)
    for index in range(shape[axis.normal]):
        plane, maps = _plane(shape, axis, index)
        components, table = split_components(plane, (1,), DIVISOR)
        planes.maps.put(index, maps)
        planes.append(components, tracker.add_plane(components, table))


def _plane(shape: tuple[int, int, int], axis: Axis, index: int) -> tuple[NDArray[np.uint32], KeptMaps]:
    """Return a plane through a grid of balls of changing sizes, moved by a voxel along each axis of its stack.

    With it what a network would say of the plane.
    """
    pitch = SIDE / CELLS
    grids = np.ogrid[tuple(slice(index, index + 1) if n == axis.normal else slice(0, shape[n]) for n in range(3))]
    shifted = [grid + (n == axis.normal) for n, grid in enumerate(grids)]
    cells = [(grid // pitch).astype(np.int64) for grid in shifted]
    number = (cells[0] * 1009 + cells[1]) * 1013 + cells[2]
    radius = pitch * (0.3 + 0.18 * (number * 2654435761 % 101) / 101)
    away = [(cell + 0.5) * pitch - grid for grid, cell in zip(shifted, cells, strict=True)]
    distance = np.sqrt(sum(each**2 for each in away)).squeeze(axis.normal)
    reach = radius.squeeze(axis.normal)
    labels = np.where(distance < reach, DIVISOR + 1 + number.squeeze(axis.normal) % (DIVISOR - 2), 0)
    y, x = (np.broadcast_to(away[n], number.shape).squeeze(axis.normal)[::4, ::4] for n in axis.in_plane)
    semantic = np.clip(0.5 + (reach - distance) / 8, 0, 1)[None]
    maps = KeptMaps.of(semantic.astype(np.float32), np.exp(-(y**2 + x**2) / 72), np.stack([y, x]))
    return labels.astype(np.uint32), maps
