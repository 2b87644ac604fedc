"""Memory and time of large planes, whole and in tiles, with the bundled weights."""

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench import Row
from bench.processes import in_process, peak_megabytes

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from empanada_desktop.engine.tiled import TiledPredictor

TITLE = "Large planes, whole and in tiles"
SIDE = 2048
TILE_SIZES = (0, 1024, 512)
JOB_SIDES = (2048, 4096, 16_000)
JOB_TILE = 1024
CHUNK = 512
BACK_END = "torch"


def run() -> list[Row]:
    """Segment planes made of the sample, each in a process of its own; torch, one thread."""
    rows = []
    for tile_size in TILE_SIZES:
        how = f"in tiles of {tile_size}" if tile_size else "whole"
        peak, before, seconds = in_process(_plane, tile_size)
        note = f"{SIDE}² plane {how}, objects included, torch, one thread"
        rows.append(Row(f"{SIDE}², {how}: memory", peak - before, "MB", f"{note}; peak beyond torch and weights"))
        rows.append(Row(f"{SIDE}², {how}: processor time", seconds, "s", note))
    with tempfile.TemporaryDirectory() as folder:
        for side in JOB_SIDES:
            rows += _job_rows(Path(folder), side)
    return rows


def _job_rows(folder: Path, side: int) -> list[Row]:
    peak, before, seconds = in_process(_job, str(mosaic(folder / f"{side}.zarr", side)), str(folder / f"{side}.tif"))
    size = (folder / f"{side}.tif").stat().st_size / 1024**2
    note = f"whole segment-plane job, {side}² plane from zarr to TIFF ({size:.3g} MB), tiles of {JOB_TILE}"
    return [
        Row(
            f"job, {side}²: memory", peak, "MB", f"{note}; peak of its process, {before:.0f} MB of it torch and weights"
        ),
        Row(f"job, {side}²: processor time", seconds / (side / 1000) ** 2, "s per 1000²", note),
    ]


def _plane(tile_size: int, pipe: "Connection") -> None:
    from empanada_desktop.engine.plane import PlaneSettings, labels_from

    predictor, settings = loaded_predictor(0), PlaneSettings(things=frozenset({1}))
    grey = sample_plane(SIDE).astype(np.float32) / np.float32(255)
    labels_from(predictor.predict(grey[:64, :64].copy()), settings, 10_000)
    before, started = peak_megabytes(), time.process_time()
    predictor.tile_size = tile_size
    labels_from(predictor.predict(grey), settings, 10_000)
    pipe.send((peak_megabytes(), before, time.process_time() - started))


def _job(volume: str, out: str, pipe: "Connection") -> None:
    from empanada_desktop.core.context import QuietContext
    from empanada_desktop.tasks import segment_plane

    loaded_predictor(JOB_TILE).predict(sample_plane(64).astype(np.float32))
    before, started = peak_megabytes(), time.process_time()
    inputs = segment_plane.Inputs(volume=volume, out=out)
    params = segment_plane.Params.checked({"use_gpu": False, "threads": 1, "tile_size": JOB_TILE, "backend": BACK_END})
    segment_plane.run(inputs, params, QuietContext())
    pipe.send((peak_megabytes(), before, time.process_time() - started))


def loaded_predictor(tile_size: int) -> "TiledPredictor":
    """Load the bundled weights for one thread of the processor."""
    from empanada_desktop.io.weights import find_weights
    from empanada_desktop.tasks.inference import load_predictor
    from empanada_desktop.tasks.inference_params import PlaneParams

    params = PlaneParams.checked({"use_gpu": False, "threads": 1, "tile_size": tile_size, "backend": BACK_END})
    return load_predictor(find_weights(params.weights), params)


def sample_plane(side: int) -> NDArray[np.uint8]:
    """Planes of the sample side by side, every second one turned, so that their edges fit."""
    from empanada_desktop.io.volumes import open_volume
    from empanada_desktop.tasks.demo import sample_path

    with open_volume(sample_path()) as sample:
        plane = sample[sample.shape[0] // 2]
    return np.pad(plane, [(0, max(0, side - length)) for length in plane.shape], mode="symmetric")[:side, :side]


def mosaic(path: Path, side: int) -> Path:
    """Write a plane of `side` pixels, one block of CHUNK rows at a time."""
    import zarr

    array = zarr.create_array(str(path), shape=(1, side, side), chunks=(1, CHUNK, CHUNK), dtype=np.uint8)
    block = sample_plane(2 * 8 * 200)  # what repeats
    columns = np.arange(side) % len(block)
    for first in range(0, side, CHUNK):
        rows = np.arange(first, min(first + CHUNK, side)) % len(block)
        array[0, first : first + len(rows)] = block[rows][:, columns]
    return path
