"""Segmenting goes on after a kill, a cancel or an error, at any moment, to the same bytes."""

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
import zarr

from empanada_desktop.cli import main
from empanada_desktop.core.context import QuietContext
from empanada_desktop.engine.device import GraphicsMemoryError, memory_guard
from empanada_desktop.engine.predictor import PlaneOutputs, Predictor
from empanada_desktop.errors import DiskFullError, JobCancelled, SettingsError
from empanada_desktop.io.ome_zarr import find_unfinished, finished_planes, is_complete, read_header, read_recipe
from empanada_desktop.io.predictions import StackPlanes
from empanada_desktop.tasks import segment_volume
from empanada_desktop.tasks.segment_volume import Inputs, Params

N_PLANES = 10
COMMON: dict[str, Any] = {"use_gpu": False, "threads": 1, "backend": "torch", "min_size": 0, "min_extent": 0}

Segment = Callable[..., Path]

# A process that has everything loaded; each job runs in a copy of it, which may be killed.
FORKING = """
import json, os, signal, sys, time
from empanada_desktop.core.context import QuietContext
from empanada_desktop.engine import stack, tiled
from empanada_desktop.io import ome_zarr, volumes
from empanada_desktop.tasks import segment_volume
for line in sys.stdin:
    inputs, params, kill_after = json.loads(line)
    pid = os.fork()
    if pid == 0:
        inputs, params = segment_volume.Inputs.checked(inputs), segment_volume.Params.checked(params)
        segment_volume.run(inputs, params, QuietContext())
        os._exit(0)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(pid, signal.SIGKILL)  # not waited for yet: the number is still its own
    print(os.waitpid(pid, 0)[1], flush=True)
"""


def content(path: Path) -> dict[str, bytes]:
    """All files of a result but the recipe, which says when and where."""
    return {
        str(file.relative_to(path)): file.read_bytes()
        for file in path.rglob("*")
        if file.is_file() and file != path / "zarr.json"
    }


@pytest.fixture
def segment(tiny_volume: str, tiny_weights: str, tmp_path: Path) -> Segment:
    def run(name: str, context: object = None, overwrite: bool = False, **params: object) -> Path:
        values = COMMON | {"weights": tiny_weights, "chunk_size": (32,)}
        inputs = Inputs(volume=tiny_volume, out=str(tmp_path / name), overwrite=overwrite)
        chosen = Params.checked({**values, "median_filter_size": 5, **params})
        segment_volume.run(inputs, chosen, context or QuietContext())  # type: ignore[arg-type]
        return tmp_path / name

    return run


class CancelAt(QuietContext):
    """Cancels when so many planes are finished, and counts those that are reported."""

    def __init__(self, plane: int) -> None:
        self.plane = plane
        self.reported: list[int] = []

    def report(self, done: int, total: int, message: str = "") -> None:
        if message.endswith("planes"):
            self.reported.append(done)

    def check_cancelled(self) -> None:
        if len(self.reported) >= self.plane:
            raise JobCancelled


@pytest.mark.parametrize("name", ["result.zarr", "result.tif"])
@pytest.mark.parametrize("plane", [1, 3])  # up to six more are on their way from the network to the file then
def test_a_cancelled_job_goes_on_to_the_same_bytes(name: str, plane: int, segment: Segment, tmp_path: Path) -> None:
    whole = segment(f"whole{Path(name).suffix}")
    first, second = CancelAt(plane), CancelAt(99)
    with pytest.raises(JobCancelled):
        segment(name, first)
    kept = finished_planes(tmp_path / ("result.zarr" if name.endswith("zarr") else "result.unfinished.zarr"))
    assert plane <= kept < N_PLANES
    out = segment(name, second)
    assert second.reported[: N_PLANES - kept] == list(range(kept + 1, N_PLANES + 1))
    if out.suffix == ".zarr":
        assert content(out) == content(whole)
        assert is_complete(out)
    else:
        np.testing.assert_array_equal(tifffile.imread(out), tifffile.imread(whole))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, whole.name])


def test_a_second_cancel_and_a_cancel_while_blocks_are_written(segment: Segment, tmp_path: Path) -> None:
    class CancelWriting(QuietContext):
        writes = False

        def report(self, done: int, total: int, message: str = "") -> None:
            self.writes = message == "Writing blocks"

        def check_cancelled(self) -> None:
            if self.writes:
                raise JobCancelled

    for context in (CancelAt(2), CancelAt(3), CancelWriting(), CancelWriting()):
        with pytest.raises(JobCancelled):
            segment("result.zarr", context)
    assert finished_planes(tmp_path / "result.zarr") == N_PLANES
    assert content(segment("result.zarr")) == content(segment("whole.zarr"))


def test_device_and_threads_may_differ_and_nothing_else(segment: Segment, tmp_path: Path) -> None:
    with pytest.raises(JobCancelled):
        segment("result.zarr", CancelAt(3))
    for change in ({"median_filter_size": 3}, {"segmentation_confidence": 0.7}, {"min_size": 10}):
        with pytest.raises(SettingsError, match=next(iter(change)).replace("_", "-")) as error:
            segment("result.zarr", **change)
        assert "--overwrite" in error.value.hint
    kept = finished_planes(tmp_path / "result.zarr")
    second = CancelAt(99)
    segment("result.zarr", second, threads=2)
    assert second.reported[0] == kept + 1


def test_other_weights_are_another_job(segment: Segment, tiny_weights: str, tmp_path: Path) -> None:
    with pytest.raises(JobCancelled):
        segment("result.zarr", CancelAt(3))
    header = (tmp_path / "result.zarr" / "zarr.json").read_text()
    sha256 = read_recipe(tmp_path / "result.zarr")["facts"]["weights"]["sha256"]
    (tmp_path / "result.zarr" / "zarr.json").write_text(header.replace(sha256, "0" * 64))
    with pytest.raises(SettingsError, match="weights"):
        segment("result.zarr")


def test_another_picture_under_the_same_name_is_another_job(segment: Segment, tiny_volume: str, tmp_path: Path) -> None:
    """It was gone on with: a result half of one volume, half of another."""
    with pytest.raises(JobCancelled):
        segment("result.zarr", CancelAt(3))
    voxels = tifffile.imread(tiny_volume)
    tifffile.imwrite(tiny_volume, np.ascontiguousarray(voxels[:, ::-1]), photometric="minisblack")
    with pytest.raises(SettingsError, match="holds other grey values than it did"):
        segment("result.zarr")
    tifffile.imwrite(tiny_volume, voxels, photometric="minisblack", compression="zlib")
    segment("result.zarr")


def test_an_unfinished_result_of_an_older_version_is_gone_on_with(segment: Segment, tmp_path: Path) -> None:
    with pytest.raises(JobCancelled):
        segment("result.zarr", CancelAt(3))
    place = tmp_path / "result.zarr" / "zarr.json"
    header = json.loads(place.read_text())
    facts = header["attributes"]["empanada_desktop"]["recipe"]["facts"]
    assert facts.pop("voxels_checksum")
    assert facts.pop("weights_mean_std")
    place.write_text(json.dumps(header))
    context = CancelAt(99)
    segment("result.zarr", context)
    assert context.reported[0] > 3


def test_overwrite_begins_anew_with_other_values(segment: Segment, tmp_path: Path) -> None:
    with pytest.raises(JobCancelled):
        segment("result.zarr", CancelAt(3))
    context = CancelAt(99)
    segment("result.zarr", context, overwrite=True, median_filter_size=1)
    assert context.reported[0] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["result.zarr"]


def test_a_full_disk_keeps_what_is_done(segment: Segment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append = StackPlanes.append

    def until_full(planes: StackPlanes, *plane: Any) -> None:
        if planes.n_done == 6:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        append(planes, *plane)

    monkeypatch.setattr(StackPlanes, "append", until_full)
    with pytest.raises(DiskFullError, match=r"The disk is full after plane 6 of 10\.") as error:
        segment("result.zarr")
    assert error.value.hint == "Free 10 MB, then resume: the same job goes on from there."
    monkeypatch.undo()
    assert content(segment("result.zarr")) == content(segment("whole.zarr"))


def test_a_graphics_card_without_memory_keeps_what_is_done(
    segment: Segment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no fewer planes and no smaller tiles help."""
    append, predict = StackPlanes.append, Predictor.predict
    shown, two_are_done = 0, threading.Event()

    def appended(planes: StackPlanes, *plane: Any) -> None:
        append(planes, *plane)
        if planes.n_done == 2:
            two_are_done.set()

    def until_short(predictor: Predictor, *plane: Any) -> PlaneOutputs:
        nonlocal shown
        shown += 1
        if shown == 7:
            assert two_are_done.wait(60)
            with memory_guard("Use less."):
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return predict(predictor, *plane)

    monkeypatch.setattr(StackPlanes, "append", appended)
    monkeypatch.setattr(Predictor, "predict", until_short)
    words = r"The graphics card has not enough memory for this\. [2-5] of 10 planes are kept\."
    with pytest.raises(GraphicsMemoryError, match=words) as error:
        segment("result.zarr")
    assert error.value.hint == "Use less. Then resume: the same job goes on from there."
    monkeypatch.undo()
    assert content(segment("result.zarr")) == content(segment("whole.zarr"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_really_full(segment: Segment, small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(shutil.disk_usage(small_disk).free - 12 * 4096))
    with pytest.raises(DiskFullError, match=r"The disk is full after plane \d of 10"):
        segment("disk/result.zarr")
    assert 0 < finished_planes(small_disk / "result.zarr") < N_PLANES
    ballast.unlink()
    assert content(segment("disk/result.zarr")) == content(segment("whole.zarr"))


def test_a_plane_whose_file_is_gone_is_made_again(segment: Segment, tmp_path: Path) -> None:
    with pytest.raises(JobCancelled):
        segment("result.zarr", CancelAt(6))
    components = tmp_path / "result.zarr" / "predictions" / "xy" / "components"
    planes = StackPlanes(zarr.open_array(str(components), mode="r"), components)
    lost = next(index for index, record in enumerate(planes.records) if len(record.table) and index > 1)
    (components / f"c.{lost}.0.0").unlink()
    with (components / "planes.journal").open("ab") as journal:
        journal.write(b"torn")
    context = CancelAt(99)
    assert content(segment("result.zarr", context)) == content(segment("whole.zarr"))
    assert context.reported[0] == lost + 1


def test_the_command_line_goes_on(
    tiny_volume: str, tiny_weights: str, tmp_path: Path, segment: Segment, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(JobCancelled):
        segment("result.zarr", CancelAt(3), return_stacks=True)
    out = tmp_path / "result.zarr"
    arguments = ["segment-volume", tiny_volume, "--out", str(out), "--weights", tiny_weights, "--no-use-gpu"]
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert 'unfinished result of another job: backend was "torch", not "auto"; median-filter-size was 5, not 3' in said
    kept = finished_planes(out)
    assert main(["run", str(out)]) == 0
    assert f"xy planes, {kept + 1} of 10" in capsys.readouterr().err
    assert is_complete(out)


class Killer:
    """Runs jobs in copies of a warm process and kills them."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(self, inputs: dict[str, Any], params: dict[str, Any], kill_after: float | None = None) -> bool:
        """Run a job, or a part of it; True when it ended by itself."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([inputs, params, kill_after]) + "\n")
        self._process.stdin.flush()
        status = int(self._process.stdout.readline())
        assert status in (0, signal.SIGKILL)
        return status == 0


@pytest.fixture
def killer() -> Iterator[Killer]:
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot copy a process")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", FORKING]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield Killer(process)
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.long)])
def test_killed_at_random_moments_it_ends_in_the_same_bytes(
    kills: int, killer: Killer, tiny_weights: str, tmp_path: Path
) -> None:
    """Ortho-plane, since it has all the steps; killed again and again until it is through, and then once more."""
    volume = tmp_path / "volume.tif"
    tifffile.imwrite(volume, np.random.default_rng(1).integers(0, 255, (7, 30, 34), np.uint8))
    params = COMMON | {"weights": tiny_weights, "ortho_plane": True, "return_stacks": True, "chunk_size": [16]}
    params |= {"keep_confidence": True}

    def inputs(name: str) -> dict[str, Any]:
        return {"volume": str(volume), "out": str(tmp_path / name)}

    assert killer.run(inputs("warm.zarr"), params)  # compiles what is not compiled yet
    started = time.monotonic()
    assert killer.run(inputs("whole.zarr"), params)
    takes = time.monotonic() - started
    expected, moments, round_ = content(tmp_path / "whole.zarr"), random.Random(kills), 0
    while kills:
        out = tmp_path / f"killed{round_}.zarr"
        ended = killer.run(inputs(out.name), params, moments.uniform(0.05, 0.95) * takes)
        kills -= not ended
        assert_consistent(out)
        if not ended and kills:
            continue
        assert is_complete(out) or killer.run(inputs(out.name), params)
        assert content(out) == expected
        round_ += 1
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".partial", ".part", ".removed")]


def assert_consistent(out: Path) -> None:
    """What a kill leaves is nothing, an unfinished result, or a whole one."""
    if not out.exists():
        return
    header = read_header(out)
    assert header is not None
    assert header.is_complete == (find_unfinished(out) is None)
