"""Seconds to turn a network's outputs for a 2048² plane into objects, by the number of objects."""

import statistics
import time

import numpy as np
from numpy.typing import NDArray

from bench import Row

TITLE = "Planes to objects"
SIDE = 2048
COUNTS = (10, 100, 1000, 4000)
REPEATS = 7


def run() -> list[Row]:
    """Time centres, grouping and merging together: the median of several planes, compilation left out."""
    from empanada_desktop.engine.postprocess import panoptic_plane

    rows = []
    for fine in (False, True):
        for count in COUNTS:
            semantic, heatmap, offsets = _outputs(count)
            seconds = []
            for _ in range(REPEATS + 1):
                started = time.perf_counter()
                panoptic = panoptic_plane(
                    semantic, heatmap, offsets, things={1}, centre_confidence=0.5, fine_boundaries=fine
                )
                seconds.append(time.perf_counter() - started)
            found = len(np.unique(panoptic)) - 1
            name = f"{found} objects, {'fine' if fine else 'coarse'} boundaries"
            rows.append(Row(name, statistics.median(seconds[1:]), "s", f"plane of {SIDE}², median of {REPEATS}"))
    return rows


def _outputs(count: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return what a good network says of discs on a jittered grid: semantic at full, the rest at quarter resolution."""
    random = np.random.default_rng(count)
    per_side = int(np.ceil(np.sqrt(count)))
    pitch = SIDE / per_side
    places = np.stack(np.divmod(np.arange(count), per_side), axis=1)
    centres = (places + 0.5 + random.uniform(-0.1, 0.1, places.shape)) * pitch
    semantic = np.zeros((1, SIDE, SIDE), np.float32)
    heatmap = np.zeros((SIDE // 4, SIDE // 4), np.float32)
    offsets = np.zeros((2, SIDE // 4, SIDE // 4), np.float32)
    for y, x in centres:
        _draw(semantic[0], (y, x), 0.35 * pitch)
        _point(heatmap, offsets, (y / 4, x / 4), 0.45 * pitch / 4)
    offsets += random.normal(0, 2, offsets.shape).astype(np.float32)
    return semantic, heatmap, offsets


def _window(centre: tuple[float, float], radius: float, side: int) -> tuple[slice, slice]:
    y, x = (slice(max(0, int(c - radius)), min(side, int(c + radius) + 2)) for c in centre)
    return y, x


def _draw(mask: NDArray[np.float32], centre: tuple[float, float], radius: float) -> None:
    box = _window(centre, radius, len(mask))
    rows, columns = np.ogrid[box]
    mask[box][(rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2] = 1


def _point(
    heatmap: NDArray[np.float32], offsets: NDArray[np.float32], centre: tuple[float, float], radius: float
) -> None:
    box = _window(centre, radius, len(heatmap))
    rows, columns = np.ogrid[box]
    dy, dx = centre[0] - rows, centre[1] - columns
    heatmap[box] = np.maximum(heatmap[box], np.exp(-(dy**2 + dx**2) / 4.5))
    offsets[0][box], offsets[1][box] = 4 * dy, 4 * dx
