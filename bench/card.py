"""Planes a second on a graphics card, and how busy it is; nothing where there is none."""

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bench import Row
from bench.stand_ins import StackOfDiscs

TITLE = "On a graphics card"
ARCHITECTURES = ("PanopticBiFPN", "PanopticDeepLab")
CASES = ((512, 200, 128), (1024, 1000, 64))  # side, objects, planes
NONE = "not measured: there was no graphics card"


def run() -> list[Row]:
    """Segment stacks with full-size networks; the network really runs, then its maps are replaced by discs."""
    import torch

    if not torch.cuda.is_available():
        return [Row("planes a second", math.nan, "1/s", NONE), Row("how busy the card is", math.nan, "%", NONE)]
    with tempfile.TemporaryDirectory() as folder:
        return [row for name in ARCHITECTURES for case in CASES for row in _case_rows(Path(folder), name, case)]


def _case_rows(folder: Path, architecture: str, case: tuple[int, int, int]) -> Iterator[Row]:
    """Measure whole jobs, and the same passes of the network alone, back to back on images that are there already."""
    import torch

    from bench.reference import our_weights, segmentation_job

    side, count, n_planes = case
    weights = our_weights(folder, architecture)
    segment = segmentation_job(
        folder, architecture, StackOfDiscs(side, count, n_planes), {"use_gpu": True, "threads": 0}
    )
    segment()  # prepares
    whole = _seconds(segment)
    alone = _network_alone(weights, side, n_planes)
    note = f"{torch.cuda.get_device_name()}, {n_planes} planes, from a TIFF to a whole OME-Zarr result"
    title = f"{architecture}, {side}², {count} objects a plane"
    yield Row(f"{title}: planes a second", n_planes / whole, "1/s", note)
    yield Row(
        f"{title}: how busy the card is", 100 * alone / whole, "%", "the network's passes alone, of the job's time"
    )


def _network_alone(weights: Any, side: int, n_planes: int) -> float:  # noqa: ANN401 - importing its type loads torch
    import torch

    from empanada_desktop.engine.predictor import Predictor
    from empanada_desktop.engine.tiled import BATCH_PIXELS

    predictor, together = Predictor.from_weights(weights), max(1, BATCH_PIXELS // side**2)
    planes = [np.random.default_rng(number).random((side, side), np.float32) for number in range(together)]

    def passes() -> None:
        for _ in range(-(-n_planes // together)):
            predictor.begin_many(planes)
        torch.cuda.synchronize()

    passes()
    return _seconds(passes)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
