"""Memory and time of a plane that is larger than memory: part of it with the network, all of it from its outputs."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from bench import Row
from bench.processes import forget_peak, in_process, peak_megabytes
from bench.tiles import loaded_predictor, mosaic, sample_plane
from empanada_desktop.core.tiles import Tile
from empanada_desktop.engine.predictor import PlaneOutputs
from empanada_desktop.engine.tiled import QUARTER, ReadRectangle, TiledPredictor

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

TITLE = "A plane of 30,000 × 30,000 pixels"
SIDES = (7_500, 15_000, 30_000)
REGION = 3_000
TILE = 1024
PERIOD = 400  # pixels after which the sample, mirrored at its edges, begins again


def run() -> list[Row]:
    """Segment planes made of the sample, each in a process of its own; torch, one thread, from zarr to TIFF."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for side in SIDES:
            volume = mosaic(folder / f"{side}.zarr", side)
            rows += _rows(folder, volume, f"{side:,}², the network's outputs recorded", None)
        middle = (SIDES[-1] - REGION) // 2
        region = (middle, middle, middle + REGION, middle + REGION)
        return rows + _rows(folder, volume, f"{REGION:,}² in the middle of {SIDES[-1]:,}²", region)


def _rows(folder: Path, volume: Path, title: str, region: tuple[int, int, int, int] | None) -> list[Row]:
    out = folder / "out.tif"
    peak, before, seconds, counts = in_process(_job, str(volume), str(out), region)
    size = out.stat().st_size / 1e6
    out.unlink()
    note = f"whole segment-plane job in tiles of {TILE}, {size:.0f} MB written; {counts}"
    return [
        Row(f"{title}: memory", peak - before, "MB", f"{note}; peak beyond the {before:.0f} MB of torch and weights"),
        Row(f"{title}: processor time", seconds, "s"),
    ]


class RecordedTiles(TiledPredictor):
    """Says of each tile of the repeated sample what the network said of one period of it; tiles are read all the same.

    Memory and time are those of everything but the network.
    """

    def __init__(self, predictor: TiledPredictor) -> None:
        super().__init__(predictor, 16, TILE)
        seen = predictor.predict(sample_plane(3 * PERIOD).astype(np.float32) / np.float32(255))
        pixels, cells = slice(PERIOD, 2 * PERIOD), slice(PERIOD // QUARTER, 2 * PERIOD // QUARTER)
        self._semantic = seen.semantic[:, pixels, pixels].copy()
        self._cells = np.concatenate([seen.heatmap[None, cells, cells], seen.offsets[:, cells, cells]])

    def _outputs(
        self, tiles: Sequence[Tile], read: ReadRectangle, image_downsampling: int
    ) -> Iterator[tuple[Tile, PlaneOutputs]]:
        for tile in tiles:
            read(*tile.slices)
            (top, bottom), (left, right) = tile.rows, tile.columns
            heatmap, *offsets = _again(
                self._cells, (top // QUARTER, -(-bottom // QUARTER)), (left // QUARTER, -(-right // QUARTER))
            )
            semantic = _again(self._semantic, tile.rows, tile.columns)
            yield tile, PlaneOutputs(semantic, heatmap, np.stack(offsets), QUARTER, image_downsampling)


def _again(period: NDArray[np.float32], rows: tuple[int, int], columns: tuple[int, int]) -> NDArray[np.float32]:
    """Return rows and columns of a map (n, h, w) that repeats for ever."""
    places = [np.arange(*span) % length for span, length in zip((rows, columns), period.shape[1:], strict=True)]
    return period[:, places[0][:, None], places[1]]


def _job(volume: str, out: str, region: tuple[int, int, int, int] | None, pipe: "Connection") -> None:
    """Run segment-plane: with the network where there is a region, else from what it said of the sample."""
    from empanada_desktop.core.context import QuietContext
    from empanada_desktop.core.memory import give_back_memory
    from empanada_desktop.tasks import segment_plane

    predictor = loaded_predictor(TILE)
    if region is None:
        predictor = RecordedTiles(predictor)
    inputs = segment_plane.Inputs(volume=volume, out=out, region=region)
    params = segment_plane.Params.checked({"use_gpu": False, "threads": 1, "tile_size": TILE, "backend": "torch"})
    give_back_memory()
    forget_peak()
    before, started = peak_megabytes(), time.process_time()
    with mock.patch.object(segment_plane, "load_predictor", return_value=predictor):
        result = segment_plane.run(inputs, params, QuietContext())
    counts = ", ".join(f"{count:,} {name}" for name, count in result.objects.items())
    pipe.send((peak_megabytes(), before, time.process_time() - started, counts))
