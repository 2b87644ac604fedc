"""Several devices: a process each, planes shared among them; two processors stand for two graphics cards."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.geometry import Axis
from empanada_desktop.engine.device import DEVICES_VARIABLE, all_devices
from empanada_desktop.errors import JobCancelled, SettingsError
from empanada_desktop.io.ome_zarr import finished_planes, read_recipe
from empanada_desktop.io.predictions import PlanesAhead, file_of
from empanada_desktop.jobs.devices import Devices
from empanada_desktop.jobs.executor import InlineExecutor
from empanada_desktop.jobs.faults import JobDied
from empanada_desktop.jobs.spec import JobSpec
from empanada_desktop.jobs.spreading import AHEAD, SpreadContext
from empanada_desktop.tasks import plane_runs, segment_volume
from empanada_desktop.tasks.plane_runs import spans

from .conftest import Killer, Watcher, child_processes

N_PLANES = 24
RUN = 5
BASE: dict[str, Any] = {"use_gpu": False, "threads": 1, "min_size": 0, "min_extent": 0, "backend": "torch"}
Segment = Callable[..., Path]


@pytest.fixture(autouse=True)
def nothing_survives(children_are_warm: None) -> None:
    """Here processes stay from test to test, some are killed and come again; the tests look at them themselves."""


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("devices") / "volume.tif"
    tifffile.imwrite(path, np.random.default_rng(1).integers(0, 255, (N_PLANES, 20, 18), np.uint8))
    return str(path)


@pytest.fixture(autouse=True)
def short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plane_runs, "run_length", lambda *_: RUN)


@pytest.fixture
def segment(volume: str, tiny_weights: str, tmp_path: Path) -> Segment:
    def run(name: str, context: JobContext, **params: Any) -> Path:
        inputs = segment_volume.Inputs(volume=volume, out=str(tmp_path / name), region=params.pop("region", None))
        values = BASE | {"weights": tiny_weights, "chunk_size": [32], **params}
        segment_volume.run(inputs, segment_volume.Params.checked(values), context)
        return tmp_path / name

    return run


@pytest.fixture
def expected(segment: Segment) -> dict[str, bytes]:
    """What one device makes of the volume."""
    return content(segment("one.zarr", Watcher()))


def content(path: Path) -> dict[str, bytes]:
    """All files of a result but the recipe, which says when and where."""
    return {
        str(file.relative_to(path)): file.read_bytes()
        for file in path.rglob("*")
        if file.is_file() and file != path / "zarr.json"
    }


def test_two_devices_give_the_same_bytes_as_one(segment: Segment, pool: Devices) -> None:
    params = {"median_filter_size": 5, "ortho_plane": True, "return_stacks": True, "keep_confidence": True}
    watcher = Watcher()
    several = segment("several.zarr", SpreadContext(watcher, pool), **params)
    one = segment("one.zarr", Watcher(), **params)
    assert content(several) == content(one)
    assert len(pool.pids) == 2
    assert [done for done, _, words in watcher.told if words == "Stack 1 of 3, xy planes"] == list(
        range(1, N_PLANES + 1)
    )
    assert watcher.stages == [(0, 3), (1, 3), (2, 3), (0, 1)]
    assert [partial.done for partial in watcher.partials][:N_PLANES] == list(range(1, N_PLANES + 1))
    assert read_recipe(several)["facts"] == read_recipe(one)["facts"]


def test_a_tiff_of_a_region_and_a_back_end_that_is_chosen(segment: Segment, pool: Devices) -> None:
    params = {"backend": "auto", "region": ((3, 20), (2, 20), (0, 17))}
    several = segment("several.tif", SpreadContext(Watcher(), pool), **params)
    one = segment("one.tif", Watcher(), **params)
    np.testing.assert_array_equal(tifffile.imread(several), tifffile.imread(one))


def test_a_killed_device_ends_it_at_once_and_it_goes_on_from_there(
    segment: Segment, pool: Devices, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    out = tmp_path / "killed.zarr"
    killer = Killer(lambda: pool.pids[1], out / "predictions/xy/components")
    killed = r"cpu: The system ended the computation \(SIGKILL\)\. \d+ of 24 planes are kept\."
    with pytest.raises(JobDied, match=killed) as error:
        segment(out.name, SpreadContext(killer, pool))
    assert killer.killed
    assert "resume" in error.value.hint
    kept = finished_planes(out)
    assert 0 < kept < N_PLANES
    watcher = Watcher()
    assert content(segment(out.name, SpreadContext(watcher, pool))) == expected
    assert watcher.told[0][0] <= kept + 1


def test_one_device_goes_on_where_several_were_stopped_and_the_other_way_round(
    segment: Segment, pool: Devices, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    def context(watcher: Watcher, several: bool) -> JobContext:
        return SpreadContext(watcher, pool) if several else watcher

    for several in (True, False):
        name = f"result-{several}.zarr"
        with pytest.raises(JobCancelled):
            segment(name, context(Watcher(cancel_after=3), several))
        assert 3 <= finished_planes(tmp_path / name) <= N_PLANES
        assert content(segment(name, context(Watcher(), not several))) == expected


def test_planes_that_were_finished_out_of_turn_are_not_made_again(
    segment: Segment, pool: Devices, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    """Their files are marked: what is written anew loses the mark."""
    with pytest.raises(JobCancelled):
        segment("result.zarr", SpreadContext(Watcher(cancel_after=3), pool))
    components = tmp_path / "result.zarr/predictions/xy/components"
    ahead = PlanesAhead.open(tmp_path / "result.zarr", Axis.XY)
    taken = {index: file_of(components, index).stat().st_ino for index in range(N_PLANES) if ahead.has(index)}
    assert content(segment("result.zarr", SpreadContext(Watcher(), pool))) == expected
    assert {index: file_of(components, index).stat().st_ino for index in taken} == taken
    assert not list(components.glob("table.*"))


def test_the_parameter_starts_a_process_for_each_device_and_leaves_none(
    volume: str, tiny_weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second "device" that is not there: the error arrives whole from a process of the command line's own."""
    monkeypatch.setenv(DEVICES_VARIABLE, "cpu,cuda:9")
    before = child_processes()
    inputs = {"volume": volume, "out": str(tmp_path / "out.zarr")}
    params = BASE | {"weights": tiny_weights, "several_gpus": True}
    job = JobSpec.from_plain({"task": "segment-volume", "inputs": inputs, "params": params})
    with pytest.raises(SettingsError, match="no usable cuda:9"):
        InlineExecutor().run(job, Watcher())
    assert child_processes() == before


def test_a_cancel_reaches_into_a_device_that_looks_at_nothing() -> None:
    watcher = Watcher()
    threading.Timer(0.5, watcher.cancelled.set).start()
    with Devices(["cpu", "cpu"]) as places:
        results = SpreadContext(watcher, places).map(sleep_or_square, [-1, -1])
        with pytest.raises(JobCancelled):
            next(results)
    assert places.pids == []


def sleep_or_square(number: int, context: JobContext) -> int:
    """Stand for work that looks at nothing."""
    if number < 0:
        time.sleep(600)
    return number * number


def test_results_keep_their_order_and_nothing_piles_up(pool: Devices) -> None:
    asked: list[int] = []

    def items() -> Iterator[int]:
        for number in range(30):
            asked.append(number)
            yield number

    for expected, result in enumerate(SpreadContext(Watcher(), pool).map(sleep_or_square, items())):
        assert result == expected**2
        assert len(asked) <= expected + 1 + 2 * AHEAD


def test_gaps_become_spans() -> None:
    assert list(spans([0, 1, 2, 3, 7, 8, 20], 3)) == [(0, 3), (3, 4), (7, 9), (20, 21)]
    assert list(spans([], 3)) == []


def test_few_planes_are_predicted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for median in (1, 3, 5, 7, 9, 11):
        assert (median - 1) / plane_runs.run_length(median) <= 1 / 16


def test_runs_fill_the_groups_that_a_card_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    params = segment_volume.Params(median_filter_size=3)
    for shape, group in (((512, 512), 16), ((200, 200), 104), ((2048, 2048), 1), ((4096, 4096), 1)):
        assert plane_runs.together(params, shape) == group
        length = plane_runs.run_length(3, group)
        assert (length + 2) % group == 0
        assert length >= plane_runs.run_length(3)
    assert plane_runs.together(params.model_copy(update={"tile_size": 256}), (512, 512)) == 1


def test_one_device_is_said_to_be_one(tiny_weights: str, volume: str, tmp_path: Path) -> None:
    inputs = segment_volume.Inputs(volume=volume, out=str(tmp_path / "one.zarr"))
    params = segment_volume.Params.checked(BASE | {"weights": tiny_weights, "several_gpus": True})
    result = segment_volume.run(inputs, params, Watcher())
    assert any("one device did all the work" in note for note in result.notes)


def test_the_user_lists_devices_and_without_a_card_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEVICES_VARIABLE, "cuda:0, cuda:2")
    assert all_devices() == ["cuda:0", "cuda:2"]
    monkeypatch.delenv(DEVICES_VARIABLE)
    assert all_devices(use_gpu=False) == []
