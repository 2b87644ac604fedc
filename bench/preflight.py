"""What the estimates before a start are worth: memory, disk and time of whole jobs against what was foretold."""

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bench import Row
from bench.any_size import RepeatedSource
from bench.processes import in_process, peak_megabytes
from empanada_desktop.core.context import QuietContext
from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.core.preflight import Plan, estimate, pixels_to_show

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

TITLE = "Estimates before a start"
COMMON = {"use_gpu": False, "threads": 1, "min_size": 500}
TIMED = 3


class Case(NamedTuple):
    """A volume and what is asked for."""

    shape: tuple[int, int, int]
    changes: dict[str, Any]


CASES = (
    Case((200, 200, 200), {}),
    Case((64, 512, 512), {}),
    Case((16, 1024, 1024), {"tile_size": 512}),
    Case((64, 200, 320), {"ortho_plane": True}),
    Case((64, 512, 512), {"ortho_plane": True, "image_downsampling": 2, "keep_confidence": True}),
)


def run() -> list[Row]:
    """Time planes as the window does, then run whole jobs; each in a process of its own, one thread."""
    with tempfile.TemporaryDirectory() as folder:
        return [row for case in CASES for row in _case_rows(Path(folder), case)]


def _case_rows(folder: Path, case: Case) -> list[Row]:
    volume = _written(folder, case.shape)
    foretold = estimate(_plan(case, in_process(_time_plane, volume, case)))
    seconds, memory, disk = in_process(_job, volume, folder / "out.zarr", case)
    size = " × ".join(map(str, case.shape))
    what = ", ".join(f"{name} {value}" for name, value in case.changes.items()).replace("_", " ") or "along xy"
    title = f"{size}, {what}"
    return [
        Row(f"{title}: time", seconds, "s", f"foretold {foretold.seconds:.0f} s; processor time"),
        Row(f"{title}: memory", memory, "MB", f"foretold {foretold.memory * 1000:.0f} MB"),
        Row(f"{title}: disk", disk, "MB", f"foretold {foretold.disk * 1000:.0f} MB, an upper bound"),
    ]


def _plan(case: Case, seconds_per_pixel: float) -> Plan:
    changes = case.changes
    return Plan(
        case.shape,
        (0, 1, 2) if changes.get("ortho_plane") else (0,),
        downsampling=changes.get("image_downsampling", 1),
        tile_size=changes.get("tile_size", 0),
        seconds_per_pixel=seconds_per_pixel,
        n_confidences=int(changes.get("keep_confidence", False)),
    )


def _written(folder: Path, shape: tuple[int, int, int]) -> Path:
    """Write the sample, repeated, as a TIFF."""
    import tifffile

    from bench.any_size import sample_volume

    path = folder / "volume.tif"
    tifffile.imwrite(path, RepeatedSource(sample_volume(), shape).read(Box((0, 0, 0), shape)))
    return path


def _time_plane(volume: Path, case: Case, pipe: "Connection") -> None:
    """Send what the network takes for a plane, by its pixels: the plane as it is shown, the quickest of some."""
    from empanada_desktop.io.volumes import open_volume
    from empanada_desktop.io.weights import find_weights
    from empanada_desktop.tasks.inference import load_predictor
    from empanada_desktop.tasks.inference_params import StackParams

    params = StackParams.checked({**COMMON, **case.changes})
    predictor, seconds = load_predictor(find_weights(params.weights), params), list[float]()
    with open_volume(str(volume)) as opened:
        plane = opened.read_plane(Axis.XY, case.shape[0] // 2).astype(np.float32) / np.float32(255)
    for _ in range(TIMED):
        started = time.process_time()
        predictor.predict(plane, params.image_downsampling)
        seconds.append(time.process_time() - started)
    shown = pixels_to_show((1, *case.shape[1:]), (0,), params.image_downsampling, params.tile_size)
    pipe.send(min(seconds) / shown)


def _job(volume: Path, out: Path, case: Case, pipe: "Connection") -> None:
    from empanada_desktop.tasks import segment_volume

    started = time.process_time()
    inputs = segment_volume.Inputs(volume=str(volume), out=str(out), overwrite=True)
    segment_volume.run(inputs, segment_volume.Params.checked({**COMMON, **case.changes}), QuietContext())
    taken = sum(file.stat().st_blocks * 512 for file in out.rglob("*"))
    pipe.send((time.process_time() - started, peak_megabytes(), taken / 1e6))
