"""Memory and time of segmenting volumes of any size: the network in tiles, and all that follows it over all planes."""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from bench import Row
from bench.processes import forget_peak, in_process, peak_megabytes
from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.io.volumes.sources import Source
from empanada_desktop.io.volumes.volume import Opened, Volume, VolumeRef

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from empanada_desktop.engine.predictor import PlaneOutputs

TITLE = "Volumes of any size"
# Depth × side of the volumes that are made of recorded outputs; in place of SIZES: "1000x2048,64x512".
SIZES_VARIABLE = "EMPANADA_BENCH_SIZES"
SIZES = ((125, 512), (250, 512), (500, 512), (1000, 512), (64, 2048), (1000, 2048))  # half an hour of one core
# Depth × side × tile of the volumes that the network itself sees; in place of NETWORK: "32x2048x1024".
NETWORK_VARIABLE = "EMPANADA_BENCH_NETWORK"
NETWORK = ((8, 2048, 1024), (32, 2048, 1024))
# A folder to work in that stays, with the outputs that were recorded there before.
FOLDER_VARIABLE = "EMPANADA_BENCH_FOLDER"
# A file to write the figures of each phase to as soon as it ends: the largest volumes take hours.
LOG_VARIABLE = "EMPANADA_BENCH_LOG"
CORNER = 48  # pixels by which a plane is known again
QUARTER = 4
COMMON = {"use_gpu": False, "threads": 1, "backend": "torch"}

Phases = dict[str, tuple[float, float]]


def run() -> list[Row]:
    """Measure whole segment-volume jobs on the sample repeated in space, each in a process of its own, one thread."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(os.environ.get(FOLDER_VARIABLE, temporary))
        folder.mkdir(parents=True, exist_ok=True)
        rows = [row for size in _sizes(NETWORK_VARIABLE, NETWORK) for row in _network_rows(folder, *size)]
        sizes = _sizes(SIZES_VARIABLE, SIZES)
        if sizes and not (folder / "recorded.npz").exists():
            in_process(_record, folder / "recorded.npz")
        return rows + [row for size in sizes for row in _repeated_rows(folder, *size)]


def _sizes(variable: str, usual: tuple[tuple[int, ...], ...]) -> list[tuple[int, ...]]:
    text = os.environ.get(variable)
    if text is None:
        return list(usual)
    return [tuple(map(int, size.split("x"))) for size in text.split(",") if size]


def _network_rows(folder: Path, depth: int, side: int, tile: int) -> list[Row]:
    title = f"network, {depth} planes of {side}²"
    note = f"whole segment-volume job along xy in tiles of {tile}, torch, from zarr with chunks of 64³"
    return _rows(title, note, in_process(_network_job, folder, depth, side, tile))


def _repeated_rows(folder: Path, depth: int, side: int) -> list[Row]:
    note = "whole segment-volume job with ortho-plane, the network's outputs recorded on the sample"
    return _rows(f"{depth} × {side}²", note, in_process(_repeated_job, folder, depth, side))


def _rows(title: str, note: str, found: tuple[float, Phases, str]) -> list[Row]:
    loaded, phases, counts = found
    peaks = "; ".join(f"{name} {peak - loaded:.0f} MB, {seconds:.0f} s" for name, (peak, seconds) in phases.items())
    memory = max(peak for peak, _ in phases.values()) - loaded
    told = f"{note}; {counts}; peak beyond the {loaded:.0f} MB of torch, weights and records. {peaks}"
    seconds = sum(seconds for _, seconds in phases.values())
    return [Row(f"{title}: memory", memory, "MB", told), Row(f"{title}: processor time", seconds, "s")]


class _PhaseContext:
    """A job's context that notes the peak of memory and the processor's seconds of every phase, told by its messages.

    Where the system does not let the peak be set back, that of a phase counts for those after it. A
    phase lasts until the next one reports, so matching a stack counts with the planes before it.
    """

    def __init__(self) -> None:
        self.phases: Phases = {}
        self._name, self._started = "begin", time.process_time()
        forget_peak()

    def report(self, done: int, total: int, message: str = "") -> None:
        """Note what is over when something else begins."""
        del done, total
        name = message.split(" of ")[0]
        if name != self._name:
            self.close(name)

    def close(self, following: str = "") -> None:
        """End the present phase."""
        now = time.process_time()
        peak, seconds = self.phases.get(self._name, (0.0, 0.0))
        self.phases[self._name] = max(peak, peak_megabytes()), seconds + now - self._started
        if log := os.environ.get(LOG_VARIABLE):
            with Path(log).open("a") as file:
                file.write("{}: {:.0f} MB, {:.0f} s\n".format(self._name, *self.phases[self._name]))
        self._name, self._started = following, now
        forget_peak()

    def check_cancelled(self) -> None:
        """Never cancelled."""

    def map(self, function: Callable[..., Any], items: Any) -> Any:  # noqa: ANN401 - as JobContext has it
        """Apply `function` to the items one after the other."""
        return (function(item, self) for item in items)


def _measured(folder: Path, volume: str, changes: dict[str, object], pipe: "Connection") -> None:
    """Run segment-volume; send what was resident before, the phases, and what was found."""
    from empanada_desktop.tasks import segment_volume

    with tempfile.TemporaryDirectory(dir=folder) as out:
        inputs = segment_volume.Inputs(volume=volume, out=str(Path(out) / "X.zarr"))
        params = segment_volume.Params.checked({**COMMON, **changes})
        forget_peak()
        loaded, context = peak_megabytes(), _PhaseContext()
        result = segment_volume.run(inputs, params, context)
        context.close()
        counts = ", ".join(f"{count:,} {name}" for name, count in result.objects.items())
    pipe.send((loaded, context.phases, counts))


def _network_job(folder: Path, depth: int, side: int, tile: int, pipe: "Connection") -> None:
    predictor = _load_predictor()
    volume = _written(folder / f"{depth}x{side}.zarr", depth, side)
    _measured(folder, str(volume), {"tile_size": tile}, pipe)
    del predictor


def _repeated_job(folder: Path, depth: int, side: int, pipe: "Connection") -> None:
    from empanada_desktop.tasks import segment_volume

    predictor = _load_predictor()  # only to be resident, as in a real job
    sample, recorded = sample_volume(), RecordedPredictor.load(folder / "recorded.npz")
    opened = Opened(RepeatedSource(sample, (depth, side, side)), Spacing(8, 8, 8, "typed"))
    volume = Volume(opened, VolumeRef("sample.tif"))
    with (
        mock.patch("empanada_desktop.io.volumes.open_volume", return_value=volume),
        mock.patch.object(segment_volume, "load_predictor", return_value=recorded),
    ):
        _measured(folder, "sample.tif", {"ortho_plane": True}, pipe)
    del predictor


def _load_predictor() -> Any:  # noqa: ANN401 - importing its type would load torch
    from empanada_desktop.io.weights import find_weights
    from empanada_desktop.tasks.inference import load_predictor
    from empanada_desktop.tasks.inference_params import PlaneParams

    params = PlaneParams.checked(COMMON)
    return load_predictor(find_weights(params.weights), params)


def sample_volume() -> NDArray[np.uint8]:
    """Return the sample that the program comes with."""
    from empanada_desktop.io.volumes import open_volume
    from empanada_desktop.tasks.demo import sample_path

    with open_volume(sample_path()) as sample:
        return np.asarray(sample[:, :, :], np.uint8)


def mirrored(count: int, length: int) -> NDArray[np.int64]:
    """Return which of `length` things stand at places 0 .. count - 1, there and back and there again."""
    place = np.arange(count) % (2 * length)
    return np.where(place < length, place, 2 * length - 1 - place)


class RepeatedSource(Source):
    """A small volume repeated in space, every second time mirrored so that its objects go on; nothing is stored."""

    def __init__(self, sample: NDArray[np.uint8], shape: tuple[int, int, int]) -> None:
        super().__init__(shape, sample.dtype, (1, 1, 1))
        self._sample = sample
        self._places = [mirrored(count, length) for count, length in zip(shape, sample.shape, strict=True)]

    def read(self, box: Box) -> NDArray[Any]:
        """Return the voxels of a box."""
        return self._sample[np.ix_(*(places[cut] for places, cut in zip(self._places, box.slices, strict=True)))]

    def close(self) -> None:
        """There is nothing to let go of."""


class RecordedPredictor:
    """Stands in for a network: knows a plane of a RepeatedSource by its corner, and says what was recorded of it."""

    ran_with = "recorded"
    is_on_card = False
    padding_factor = 16

    def __init__(self, known: dict[bytes, int], maps: dict[str, NDArray[np.float16]]) -> None:
        self.notes: list[str] = []
        self._known = known
        self._maps = maps

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what _record wrote."""
        with np.load(path) as file:
            keys = [key.tobytes() for key in file["keys"]]
            maps = {name: file[name] for name in ("semantic", "heatmaps", "offsets")}
        return cls({key: number for number, key in enumerate(keys)}, maps)

    def predict(
        self, plane: NDArray[np.float32], image_downsampling: int = 1, fine_boundaries: bool = False
    ) -> "PlaneOutputs":
        """Return the recorded outputs, repeated as the plane is; mirrored offsets point the other way."""
        from empanada_desktop.engine.predictor import PlaneOutputs

        del fine_boundaries
        number = self._known[corner_of(plane)]
        semantic, heatmap, offsets = (self._maps[name][number] for name in ("semantic", "heatmaps", "offsets"))
        pixels = np.ix_(*(mirrored(count, length) for count, length in zip(plane.shape, semantic.shape, strict=True)))
        sides = [-(-count // QUARTER) for count in plane.shape]
        rows, columns = (mirrored(count, length) for count, length in zip(sides, heatmap.shape, strict=True))
        turned = [np.where(np.arange(n) // length % 2, -1, 1) for n, length in zip(sides, heatmap.shape, strict=True)]
        cells = np.ix_(rows, columns)
        pointing = [offsets[0][cells] * turned[0][:, None], offsets[1][cells] * turned[1]]
        return PlaneOutputs(
            semantic[pixels].astype(np.float32)[None],
            heatmap[cells].astype(np.float32),
            np.stack(pointing).astype(np.float32),
            QUARTER,
            image_downsampling,
        )


def corner_of(plane: NDArray[np.float32]) -> bytes:
    """Return by what a plane of grey values 0..1 is known again."""
    grey = np.rint(plane[:CORNER, :CORNER] * 255).astype(np.uint8)
    return hashlib.blake2b(grey.tobytes(), digest_size=16).digest()


def _record(path: Path, pipe: "Connection") -> None:
    """Write what the network says of every plane of the sample, in half precision."""
    sample, predictor = sample_volume(), _load_predictor()
    keys, found = [], SimpleNamespace(semantic=[], heatmaps=[], offsets=[])
    for axis in Axis:
        for plane in np.moveaxis(sample, axis.normal, 0):
            grey = plane.astype(np.float32) / np.float32(255)
            outputs, cells = predictor.predict(grey), tuple(slice(length // QUARTER) for length in plane.shape)
            keys.append(np.frombuffer(corner_of(grey), np.uint8))
            found.semantic.append(outputs.semantic[0].astype(np.float16))
            found.heatmaps.append(outputs.heatmap[cells].astype(np.float16))
            found.offsets.append(outputs.offsets[(slice(None), *cells)].astype(np.float16))
    if len({key.tobytes() for key in keys}) != len(keys):
        raise ValueError("two planes of the sample have the same corner")
    maps = {name: np.array(each) for name, each in vars(found).items()}
    np.savez(path, keys=np.array(keys), allow_pickle=False, **maps)
    pipe.send(len(keys))


def _written(path: Path, depth: int, side: int) -> Path:
    """Write the sample, repeated, as a zarr of chunks of 64³."""
    import zarr

    if path.exists():
        return path
    source = RepeatedSource(sample_volume(), (depth, side, side))
    array = zarr.create_array(str(path), shape=source.shape, chunks=(min(64, depth), 64, 64), dtype=np.uint8)
    for row in range(0, side, 64):
        box = Box((0, row, 0), (depth, min(row + 64, side), side))
        array[box.slices] = source.read(box)
    return path
