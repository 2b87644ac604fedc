"""Seconds a plane by stage, and memory by depth, of segmenting a volume with the bundled weights."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from bench import Row
from bench.processes import in_process, peak_megabytes
from empanada_desktop.core.context import QuietContext
from empanada_desktop.core.geometry import Axis
from empanada_desktop.io.volumes.sources import CHUNK_CACHE_BYTES

Result = TypeVar("Result")

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

TITLE = "Segmenting a volume"
PLANES = 12
DEPTHS = (32, 64, 128, 256)
MEMORY_SIDE = 256


def run() -> list[Row]:
    """Time the stages on planes of the sample with one thread; measure the peak memory of jobs of several depths."""
    return [*_stage_rows(), *_memory_rows()]


class _Stopwatch:
    """Seconds of every call, by the name of its stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    def __call__(self, stage: str, work: Callable[..., Result], *arguments: object) -> Result:
        started = time.perf_counter()
        result = work(*arguments)
        self.seconds.setdefault(stage, []).append(time.perf_counter() - started)
        return result


def _stage_rows() -> list[Row]:
    from empanada_desktop.core.components import split_components
    from empanada_desktop.core.median import MedianQueue
    from empanada_desktop.core.tracking import StackTracker
    from empanada_desktop.engine.plane import PLANE_DIVISOR, PlaneSettings, panoptic_from, predict_plane
    from empanada_desktop.engine.predictor import PlaneOutputs, Predictor
    from empanada_desktop.io.volumes import open_volume
    from empanada_desktop.io.weights import find_weights
    from empanada_desktop.tasks.demo import sample_path
    from empanada_desktop.tasks.inference import volume_grey_range
    from empanada_desktop.tasks.inference_params import BUNDLED_WEIGHTS

    weights = find_weights(BUNDLED_WEIGHTS)
    predictor = Predictor.from_weights(weights, use_gpu=False, threads=1)
    settings = PlaneSettings(things=frozenset(weights.descriptor.thing_list))
    timed, tracker, queue = _Stopwatch(), StackTracker(Axis.XY), MedianQueue[PlaneOutputs](3)
    with open_volume(sample_path()) as volume:
        scale = volume_grey_range(volume).scale
        for index in range(PLANES):
            plane = timed("read and scale", lambda z: scale(volume.read_plane(Axis.XY, z)), index)
            outputs = timed("network", predict_plane, predictor, plane, settings)
            ready = timed("median over 3 planes", queue.push, outputs.semantic, outputs)
            if ready is not None:
                panoptic = timed("grouping and merging", panoptic_from, ready[1], settings, ready[0])
                parts = timed("components", split_components, panoptic, settings.things, PLANE_DIVISOR)
                timed("matching", tracker.add_plane, *parts)
        side = f"{volume.shape[1]} × {volume.shape[2]}"
    note = f"plane of {side}, one thread, median of {PLANES} planes"
    return [Row(stage, statistics.median(values[1:]) * 1000, "ms", note) for stage, values in timed.seconds.items()]


def _memory_rows() -> list[Row]:
    job = f"whole segment-volume job, depth × {MEMORY_SIDE}² voxels, peak resident memory of its process"
    note = f"{job}, in which the reader may keep {CHUNK_CACHE_BYTES >> 20} MB of decoded chunks"
    with tempfile.TemporaryDirectory() as folder:
        return [Row(f"{depth} planes", _peak_of_job(Path(folder), depth), "MB", note) for depth in DEPTHS]


def _peak_of_job(folder: Path, depth: int) -> float:
    volume = _tiled_volume(folder / f"{depth}.zarr", depth)
    peak: float = in_process(_job, volume, folder / f"{depth}_out.zarr")
    return peak


def _tiled_volume(path: Path, depth: int) -> Path:
    """Write a volume of `depth` planes made of the sample, there and back, so that neighbouring planes always fit."""
    import zarr

    from empanada_desktop.io.volumes import open_volume
    from empanada_desktop.tasks.demo import sample_path

    shape = (depth, MEMORY_SIDE, MEMORY_SIDE)
    array = zarr.create_array(str(path), shape=shape, chunks=(1, MEMORY_SIDE, MEMORY_SIDE), dtype=np.uint8)
    with open_volume(sample_path()) as sample:
        there_and_back = [*range(sample.shape[0]), *range(sample.shape[0] - 2, 0, -1)]
        for index in range(depth):
            plane = sample.read_plane(Axis.XY, there_and_back[index % len(there_and_back)])
            missing = [(0, max(0, MEMORY_SIDE - length)) for length in plane.shape]
            array[index] = np.pad(plane, missing, mode="reflect")[:MEMORY_SIDE, :MEMORY_SIDE]
    return path


def _job(volume: Path, out: Path, pipe: "Connection") -> None:
    from empanada_desktop.tasks import segment_volume

    inputs = segment_volume.Inputs(volume=str(volume), out=str(out))
    params = segment_volume.Params(use_gpu=False, threads=1, chunk_size=(64,))
    segment_volume.run(inputs, params, QuietContext())
    pipe.send(peak_megabytes())
