"""What holds wherever a job runs: here, in a process, on two devices, on a Dask cluster; and what a cluster adds."""

import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from warm_children import are_to_be_had

from empanada_desktop.cli import main
from empanada_desktop.core.context import JobContext
from empanada_desktop.errors import JobCancelled, VolumeError
from empanada_desktop.io.ome_zarr import finished_planes, read_recipe
from empanada_desktop.jobs import cluster as cluster_module
from empanada_desktop.jobs.cluster import Cluster, ClusterError, ClusterExecutor
from empanada_desktop.jobs.devices import Devices
from empanada_desktop.jobs.executor import Executor, InlineExecutor
from empanada_desktop.jobs.process import ProcessExecutor
from empanada_desktop.jobs.spec import JobSpec
from empanada_desktop.jobs.spreading import SpreadContext
from empanada_desktop.tasks import plane_runs
from empanada_desktop.tasks.registry import TaskResult, load_task

from .conftest import Killer, Watcher

N_PLANES = 18
RUN = 4
PLACES = ["here", "process", "devices", "cluster"]


class DevicesExecutor:
    """What InlineExecutor does with several devices, whose processes stay warm from job to job."""

    def __init__(self, devices: Devices) -> None:
        self._devices = devices

    def run(self, spec: JobSpec, context: JobContext) -> TaskResult:
        return load_task(spec.task).module.run(spec.inputs, spec.params, SpreadContext(context, self._devices))


@pytest.fixture(autouse=True)
def nothing_survives(children_are_warm: None) -> None:
    """Here processes stay from test to test."""


@pytest.fixture(scope="module")
def cluster(server_is_running: None) -> Iterator[Any]:
    """A scheduler with two workers, each a process that is started again when it dies."""
    import dask.config
    from distributed import LocalCluster

    begin = {"distributed.worker.multiprocessing-method": "forkserver" if are_to_be_had() else "spawn"}
    with dask.config.set(begin), LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as running:
        yield running


@pytest.fixture(scope="module")
def executors(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Executor]]:
    """Makes an executor once, when it is needed first."""
    made: dict[str, Any] = {"here": InlineExecutor()}

    def get(place: str) -> Executor:
        if place == "process" and place not in made:
            made[place] = ProcessExecutor()
            request.addfinalizer(made[place].close)
        if place == "devices" and place not in made:
            made[place] = DevicesExecutor(request.getfixturevalue("pool"))
        if place == "cluster" and place not in made:
            made[place] = ClusterExecutor(request.getfixturevalue("cluster").scheduler_address)
        executor: Executor = made[place]
        return executor

    return get


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255, (N_PLANES, 20, 18), np.uint8)


@pytest.fixture(scope="module")
def volume(pixels: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("executors") / "volume.tif"
    tifffile.imwrite(path, pixels)
    return str(path)


@pytest.fixture(autouse=True)
def short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plane_runs, "run_length", lambda *_: RUN)


@pytest.fixture
def job(volume: str, tiny_weights: str, tmp_path: Path) -> Callable[..., JobSpec]:
    def make(name: str, **changes: Any) -> JobSpec:
        inputs = {"volume": changes.pop("volume", volume), "out": str(tmp_path / name)}
        params = {"weights": tiny_weights, "use_gpu": False, "threads": 1, "backend": "torch", "chunk_size": [32]}
        params |= {"min_size": 0, "min_extent": 0, **changes}
        return JobSpec.from_plain({"task": "segment-volume", "inputs": inputs, "params": params})

    return make


@pytest.fixture
def expected(job: Callable[..., JobSpec], tmp_path: Path) -> dict[str, bytes]:
    """What comes out in this process."""
    InlineExecutor().run(job("expected.zarr"), Watcher())
    return content(tmp_path / "expected.zarr")


def content(path: Path) -> dict[str, bytes]:
    """All files of a result but the recipe, which says when and where."""
    return {
        str(file.relative_to(path)): file.read_bytes()
        for file in path.rglob("*")
        if file.is_file() and file != path / "zarr.json"
    }


@pytest.fixture(params=PLACES)
def executor(request: pytest.FixtureRequest, executors: Callable[[str], Executor]) -> Executor:
    return executors(request.param)


def test_the_result_is_the_same_and_progress_goes_plane_by_plane(
    executor: Executor, job: Callable[..., JobSpec], tmp_path: Path, expected: dict[str, bytes]
) -> None:
    watcher = Watcher()
    result = executor.run(job("result.zarr"), watcher)
    assert content(tmp_path / "result.zarr") == expected
    assert [done for done, _, words in watcher.told if words == "xy planes"] == list(range(1, N_PLANES + 1))
    assert [partial.done for partial in watcher.partials] == list(range(1, N_PLANES + 1))
    assert result.lines()[-1] == f"Written to {tmp_path / 'result.zarr'}"
    assert read_recipe(tmp_path / "result.zarr")["facts"] == read_recipe(tmp_path / "expected.zarr")["facts"]


def test_a_cancel_keeps_planes_and_the_job_goes_on_from_there(
    executor: Executor, job: Callable[..., JobSpec], tmp_path: Path, expected: dict[str, bytes]
) -> None:
    with pytest.raises(JobCancelled):
        executor.run(job("result.zarr"), Watcher(cancel_after=2))
    assert 2 <= finished_planes(tmp_path / "result.zarr") <= N_PLANES
    executor.run(job("result.zarr"), Watcher())
    assert content(tmp_path / "result.zarr") == expected


def test_an_error_arrives_whole(executor: Executor, job: Callable[..., JobSpec], tmp_path: Path) -> None:
    path = tmp_path / "damaged.tif"
    tifffile.imwrite(path, np.zeros((N_PLANES, 20, 18), np.uint8), compression="deflate", photometric="minisblack")
    with tifffile.TiffFile(path) as file:
        offset, length = file.pages[13].dataoffsets[0], file.pages[13].databytecounts[0]  # type: ignore[union-attr]
    damaged = bytearray(path.read_bytes())
    damaged[offset : offset + length] = bytes(length)
    path.write_bytes(damaged)
    with pytest.raises(VolumeError, match=r"damaged\.tif") as error:
        executor.run(job("result.zarr", volume=str(path)), Watcher())
    assert error.value.hint


def test_a_worker_that_is_killed_half_way_changes_nothing(
    cluster: Any, job: Callable[..., JobSpec], tmp_path: Path, expected: dict[str, bytes]
) -> None:
    tables = tmp_path / "result.zarr/predictions/xy/components"
    watcher = Killer(lambda: next(iter(cluster.workers.values())).pid, tables)
    ClusterExecutor(cluster.scheduler_address).run(job("result.zarr"), watcher)
    assert watcher.killed
    assert content(tmp_path / "result.zarr") == expected


def test_the_command_line_hands_it_to_the_cluster(
    cluster: Any, job: Callable[..., JobSpec], tmp_path: Path, expected: dict[str, bytes]
) -> None:
    job("result.zarr").write(tmp_path / "job.yaml")
    assert main(["run", str(tmp_path / "job.yaml"), "--cluster", cluster.scheduler_address]) == 0
    assert content(tmp_path / "result.zarr") == expected


def test_an_address_that_does_not_answer(
    job: Callable[..., JobSpec], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(cluster_module, "ANSWERS_WITHIN", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        places = [f"tcp://127.0.0.1:{port}"]
    for address in (*places, "nowhere://1", "tcp://", "127.0.0.1:1"):
        with pytest.raises(ClusterError, match="No Dask scheduler answers at"):
            ClusterExecutor(address).run(job("result.zarr"), Watcher())
    job("result.zarr").write(tmp_path / "job.yaml")
    assert main(["run", str(tmp_path / "job.yaml"), "--cluster", "127.0.0.1:1"]) == 2
    assert "Hint: Give the address that it shows when it starts" in capsys.readouterr().err
    assert not (tmp_path / "result.zarr").exists()


def test_without_the_extra_it_says_how_to_install_it(
    job: Callable[..., JobSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match="not installed") as error:
        ClusterExecutor("127.0.0.1:1").run(job("result.zarr"), Watcher())
    assert "empanada-desktop[cluster]" in error.value.hint


def test_workers_of_another_version_are_refused(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "__version__", "0.0.1")
    with Cluster(cluster.scheduler_address) as here, pytest.raises(ClusterError, match=r"and this is 0\.0\.1"):
        here.wait_for_workers(Watcher())
