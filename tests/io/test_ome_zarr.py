"""Results: written, marked, finished, replaced, and reopened by ours, by zarr, and by ome-zarr."""

import json
import sys
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from empanada_desktop.core.context import QuietContext
from empanada_desktop.core.geometry import Spacing
from empanada_desktop.errors import JobCancelled, VolumeError
from empanada_desktop.io.ome_metadata import SMALLEST_LEVEL, level_factors
from empanada_desktop.io.ome_zarr import (
    ResultStore,
    is_complete,
    read_header,
    read_recipe,
)
from empanada_desktop.io.volumes import Volume, list_datasets, open_volume

Check = Callable[[Volume, NDArray[Any]], None]
KNOWN = Spacing(40, 5.9, 4.6, "typed")
RECIPE = {"task": "segment-volume", "params": {"min_size": 500}, "path": Path("a/b")}
MIB = 1 << 20


@pytest.fixture(scope="module")
def labels() -> NDArray[np.uint32]:
    """Objects of class 1 with divisor 10,000, larger than the smallest level in y and x."""
    _, y, x = np.indices((20, 200, 270))
    return np.where((y // 30 + x // 40) % 2 == 0, 10_000 + 1 + y // 30 * 13 + x // 40, 0).astype(np.uint32)


def write_result(path: Path, labels: NDArray[np.uint32], spacing: Spacing = KNOWN, **options: Any) -> ResultStore:
    store = ResultStore.create(path, labels.shape, spacing, 64, RECIPE, **options)  # type: ignore[arg-type]
    store.label_array("labels/mito", 1, "mito", 10_000)[...] = labels
    return store


def test_a_finished_result_reopens(tmp_path: Path, labels: NDArray[np.uint32], assert_reads: Check) -> None:
    path = write_result(tmp_path / "X.zarr", labels).finish()
    with open_volume(path) as volume:
        assert_reads(volume, labels)
        assert volume.spacing.zyx == KNOWN.zyx
        assert volume.title == "X.zarr: labels/mito"
    with open_volume(path / "labels" / "mito") as volume:
        assert_reads(volume, labels)
        assert volume.spacing.zyx == KNOWN.zyx
    assert is_complete(path)
    assert read_recipe(path) == {"task": "segment-volume", "params": {"min_size": 500}, "path": "a/b"}
    assert sorted(entry.name for entry in path.iterdir()) == ["labels", "zarr.json"]


def test_plain_zarr_reads_it(tmp_path: Path, labels: NDArray[np.uint32]) -> None:
    path = write_result(tmp_path / "X.zarr", labels).finish()
    array = zarr.open_array(path / "labels" / "mito" / "0", mode="r")
    np.testing.assert_array_equal(array[...], labels)
    assert array.dtype == np.uint32
    assert array.chunks == (20, 64, 64)
    assert array.metadata.dimension_names == ("z", "y", "x")
    np.testing.assert_array_equal(zarr.open_array(path / "labels" / "mito" / "1", mode="r")[...], labels[:, ::2, ::2])


@pytest.mark.filterwarnings("ignore")  # ome-zarr's and dask's own
@pytest.mark.parametrize("place", ["", "labels", "labels/mito"])
def test_the_ome_zarr_reader_reads_it(tmp_path: Path, labels: NDArray[np.uint32], place: str) -> None:
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Multiscales, Reader

    path = write_result(tmp_path / "X.zarr", labels).finish()
    location = parse_url(path / place)
    assert location is not None
    nodes = [node for node in Reader(location)() if node.load(Multiscales) is not None]
    assert nodes
    for node in nodes:
        np.testing.assert_array_equal(node.data[0].compute(), labels)
        assert node.metadata["coordinateTransformations"][0] == [{"type": "scale", "scale": [40, 5.9, 4.6]}]
        assert [axis["unit"] for axis in node.metadata["axes"]] == ["nanometer"] * 3
        assert max(node.data[-1].shape) <= SMALLEST_LEVEL


@pytest.mark.filterwarnings("ignore")
def test_it_is_valid_ome_zarr(tmp_path: Path, labels: NDArray[np.uint32]) -> None:
    from ome_zarr_models import open_ome_zarr
    from ome_zarr_models.v05 import Image, ImageLabel, Labels

    path = write_result(tmp_path / "X.zarr", labels).finish()
    for place, kind in (("", Image), ("labels", Labels), ("labels/mito", ImageLabel)):
        model = open_ome_zarr(zarr.open_group(path / place, mode="r"))
        assert isinstance(model, kind)
        assert json.loads((path / place / "zarr.json").read_text())["attributes"]["ome"]["version"] == "0.5"


@pytest.mark.parametrize(
    ("spacing", "scale", "units"),
    [
        (Spacing(), [1, 1, 1], [None, None, None]),
        (Spacing(None, 5.9, 4.6), [1, 5.9, 4.6], [None, "nanometer", "nanometer"]),
        (KNOWN, [40, 5.9, 4.6], ["nanometer"] * 3),
    ],
)
def test_units_stand_only_where_the_size_is_known(
    tmp_path: Path, labels: NDArray[np.uint32], spacing: Spacing, scale: list[float], units: list[str | None]
) -> None:
    path = write_result(tmp_path / "X.zarr", labels[:2, :9, :9], spacing).finish()
    entry = zarr.open_group(path / "labels/mito", mode="r").attrs["ome"]["multiscales"][0]  # type: ignore[index,call-overload]
    assert entry["datasets"][0]["coordinateTransformations"][0]["scale"] == scale
    assert [axis.get("unit") for axis in entry["axes"]] == units
    with open_volume(path) as volume:
        assert volume.spacing.zyx == spacing.zyx


def test_classes_and_stacks(tmp_path: Path, labels: NDArray[np.uint32], assert_reads: Check) -> None:
    store = write_result(tmp_path / "X.zarr", labels)
    store.label_array("stacks/xy/mito", 1, "mito", 10_000)[...] = labels
    path = store.finish()
    with open_volume(path) as volume:
        assert volume.ref.dataset == "labels/mito"
    assert [info.name for info in list_datasets(path)] == ["labels/mito", "stacks/xy/mito"]
    with open_volume(path, "stacks/xy/mito") as volume:
        assert_reads(volume, labels)

    store = write_result(tmp_path / "Y.zarr", labels)
    store.label_array("labels/er", 2, "er", 10_000)[...] = labels + 10_000
    path = store.finish()
    with pytest.raises(VolumeError, match="2 arrays") as error:
        open_volume(path)
    assert "labels/er" in error.value.hint
    assert zarr.open_group(path / "labels", mode="r").attrs["ome"] == {"version": "0.5", "labels": ["er", "mito"]}
    group = zarr.open_group(path / "labels" / "er", mode="r")
    assert group.attrs["empanada_desktop"] == {"class_id": 2, "class_name": "er", "label_divisor": 10_000}


def test_unfinished_work_is_marked_and_no_result(tmp_path: Path, labels: NDArray[np.uint32]) -> None:
    path = tmp_path / "X.zarr"
    store = write_result(path, labels)
    store.scratch_array("xy/semantic", (20, 200, 270), (1, 128, 128), np.float16)[3] = np.ones((200, 270))
    assert not is_complete(path)
    for place in (path, path / "labels" / "mito", path / "labels" / "mito" / "0"):
        with pytest.raises(VolumeError, match="unfinished result"):
            open_volume(place)
    assert "ome" not in zarr.open_group(path, mode="r").attrs
    store.finish({"done": True})
    assert is_complete(path)
    assert read_recipe(path) == {"done": True}
    assert not (path / "unfinished").exists()


def test_going_on_with_unfinished_work(tmp_path: Path, labels: NDArray[np.uint32], assert_reads: Check) -> None:
    path = tmp_path / "X.zarr"
    write_result(path, labels).scratch_array("a", (4, 9, 9), (1, 4, 4), np.uint8)[1] = 7
    (path / "labels" / "mito" / "0" / "c.0.0.0.torn.partial").touch()  # as a kill leaves it
    store = ResultStore.resume(path)
    assert not list(path.rglob("*.partial"))
    assert store.header.spacing == KNOWN
    assert store.header.recipe["task"] == "segment-volume"
    np.testing.assert_array_equal(store.label_array("labels/mito", 1, "mito", 10_000)[...], labels)
    assert store.scratch_array("a", (4, 9, 9), (1, 4, 4), np.uint8)[1].min() == 7  # type: ignore[union-attr]
    store.update_recipe({"changed": 1})
    assert read_recipe(path) == {"changed": 1}
    store.finish()
    with open_volume(path) as volume:
        assert_reads(volume, labels)
    with pytest.raises(VolumeError, match="no unfinished result"):
        ResultStore.resume(path)


def test_scratch_is_one_file_a_plane(tmp_path: Path) -> None:
    store = ResultStore.create(tmp_path / "X.zarr", (5, 100, 90), Spacing(), 64, {})
    array = store.scratch_array("xz/centres", (100, 5, 90), (1, 4, 32), np.float32)
    planes = np.random.default_rng(0).random((100, 5, 90)).astype(np.float32)
    for index in (0, 7, 99):
        array[index] = planes[index]
    files = [file for file in (tmp_path / "X.zarr" / "unfinished" / "xz" / "centres").rglob("*") if file.is_file()]
    assert len(files) == 3 + 1
    np.testing.assert_array_equal(array[7, 2:4, 10:60], planes[7, 2:4, 10:60])
    assert not np.any(array[8])


def test_an_existing_path_is_refused(tmp_path: Path, labels: NDArray[np.uint32]) -> None:
    path = write_result(tmp_path / "X.zarr", labels).finish()
    with pytest.raises(VolumeError, match="exists already"):
        write_result(path, labels)
    assert is_complete(path)


def test_only_our_own_results_are_replaced(tmp_path: Path, labels: NDArray[np.uint32]) -> None:
    zarr.create_array(str(tmp_path / "image.zarr"), data=labels)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "precious.txt").write_text("data")
    (tmp_path / "file.zarr").write_text("data")
    for name in ("image.zarr", "folder", "file.zarr"):
        with pytest.raises(VolumeError, match="no result of this program"):
            write_result(tmp_path / name, labels, overwrite=True)
    assert (tmp_path / "folder" / "precious.txt").exists()
    assert (tmp_path / "image.zarr" / "zarr.json").exists()
    (tmp_path / "empty.zarr").mkdir()
    assert is_complete(write_result(tmp_path / "empty.zarr", labels, overwrite=True).finish())


def test_the_old_result_stays_until_the_new_one_is_complete(tmp_path: Path, labels: NDArray[np.uint32]) -> None:
    path = write_result(tmp_path / "X.zarr", labels).finish({"run": 1})
    write_result(path, labels, overwrite=True).discard()
    assert is_complete(path)
    assert read_recipe(path) == {"run": 1}

    write_result(path, labels, overwrite=True)  # a crash: neither finished nor discarded
    assert is_complete(tmp_path / "X.zarr.previous")
    write_result(path, labels, overwrite=True)
    assert read_recipe(tmp_path / "X.zarr.previous") == {"run": 1}
    ResultStore.resume(path).finish({"run": 2})
    assert read_recipe(path) == {"run": 2}
    assert not (tmp_path / "X.zarr.previous").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no locks on folders")
def test_a_result_that_is_being_written_is_left_alone(tmp_path: Path, labels: NDArray[np.uint32]) -> None:
    path = tmp_path / "X.zarr"
    store = write_result(path, labels)
    for overwrite in (False, True):
        with pytest.raises(VolumeError, match="Another job is writing"):
            write_result(path, labels, overwrite=overwrite)
    with pytest.raises(VolumeError, match="Another job is writing"):
        ResultStore.resume(path)
    store.finish({"run": 1})
    assert read_recipe(path) == {"run": 1}
    assert is_complete(write_result(path, labels, overwrite=True).finish())


def test_what_a_stopped_job_left_is_told(tmp_path: Path, labels: NDArray[np.uint32]) -> None:
    path = write_result(tmp_path / "X.zarr", labels).finish()
    write_result(path, labels, overwrite=True)  # a crash: neither finished nor discarded
    with pytest.raises(VolumeError, match=r"unfinished result of a job that was stopped.*X\.zarr\.previous"):
        write_result(path, labels)


def test_a_neighbour_that_this_run_did_not_move_stays(tmp_path: Path, labels: NDArray[np.uint32]) -> None:
    kept = write_result(tmp_path / "X.zarr.previous", labels).finish({"run": 1})
    write_result(tmp_path / "X.zarr", labels).finish({"run": 2})
    assert read_recipe(kept) == {"run": 1}
    write_result(tmp_path / "Y.zarr", labels).finish()
    (tmp_path / "Y.zarr.previous").mkdir()
    (tmp_path / "Y.zarr.previous" / "precious.txt").write_text("data")
    with pytest.raises(VolumeError, match="no result of this program"):
        write_result(tmp_path / "Y.zarr", labels, overwrite=True)
    assert is_complete(tmp_path / "Y.zarr")
    assert (tmp_path / "Y.zarr.previous" / "precious.txt").exists()


def test_discarding_leaves_nothing(tmp_path: Path, labels: NDArray[np.uint32]) -> None:
    write_result(tmp_path / "X.zarr", labels).discard()
    assert list(tmp_path.iterdir()) == []


def test_cancelling_the_pyramid_leaves_it_unfinished(tmp_path: Path, labels: NDArray[np.uint32]) -> None:
    class Cancelled(QuietContext):
        def check_cancelled(self) -> None:
            raise JobCancelled

    store = write_result(tmp_path / "X.zarr", labels)
    with pytest.raises(JobCancelled):
        store.finish(context=Cancelled())
    assert not is_complete(tmp_path / "X.zarr")
    store.finish()
    assert is_complete(tmp_path / "X.zarr")


def test_what_is_no_result_has_no_recipe(tmp_path: Path) -> None:
    zarr.create_group(str(tmp_path / "a.zarr"))
    assert read_header(tmp_path / "a.zarr") is None
    assert not is_complete(tmp_path / "nowhere")
    with pytest.raises(VolumeError, match="no recipe"):
        read_recipe(tmp_path / "a.zarr")


def test_a_place_that_cannot_be_written(tmp_path: Path, labels: NDArray[np.uint32]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(VolumeError, match="cannot be written"):
        write_result(tmp_path / "file" / "X.zarr", labels)


@given(
    shape=st.tuples(*[st.integers(1, 5000)] * 3),
    sizes=st.one_of(st.none(), st.tuples(*[st.floats(1, 100)] * 3)),
)
def test_levels_end_small_and_halve(shape: tuple[int, int, int], sizes: tuple[float, float, float] | None) -> None:
    spacing = Spacing() if sizes is None else Spacing(*sizes)
    factors = level_factors(shape, spacing)
    assert factors[0] == (1, 1, 1)
    assert max(-(-length // factor) for length, factor in zip(shape, factors[-1], strict=True)) <= SMALLEST_LEVEL
    for before, after in pairwise(factors):
        assert {now // then for then, now in zip(before, after, strict=True)} <= {1, 2}
        assert before != after
    assert len(factors) <= (6 if sizes is None else 16)


def test_coarse_axes_wait() -> None:
    assert level_factors((100, 2000, 2000), Spacing(40, 10, 10)) == [
        (1, 1, 1),
        (1, 2, 2),
        (1, 4, 4),
        (2, 8, 8),
    ]


def test_pyramids_take_no_more_memory_for_a_deeper_volume(tmp_path: Path) -> None:
    peaks = []
    for depth in (128, 512):
        store = ResultStore.create(tmp_path / f"{depth}.zarr", (depth, 300, 300), Spacing(), 64, {})
        array = store.label_array("labels/mito", 1, "mito", 1000)
        for start in range(0, depth, 64):
            array[start : start + 64] = np.full((64, 300, 300), start + 1, np.uint32)
        tracemalloc.start()
        store.finish()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(peaks) < 16 * MIB
    assert peaks[1] < peaks[0] * 1.5
