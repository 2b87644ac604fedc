"""Label volumes written as TIFF, read back by ours, by tifffile, and whole or not at all."""

import errno
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Spacing
from empanada_desktop.errors import JobCancelled, VolumeError
from empanada_desktop.io import tiff
from empanada_desktop.io.tiff import (
    read_tiff_recipe,
    smallest_label_dtype,
    write_label_strips,
    write_label_tiff,
    write_picture,
)
from empanada_desktop.io.volumes import open_volume
from empanada_desktop.io.volumes.faults import writing

RECIPE = {"task": "segment-volume", "a=b": "µ\n=", "numbers": [1, 2.5]}
SIZES = st.one_of(st.none(), st.floats(0.5, 500).map(lambda size: round(size, 2)))


@pytest.fixture
def labels(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return crop // 8


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    volume=st.sampled_from(["uint8", "uint16", "uint32"]).flatmap(
        lambda dtype: arrays(dtype, st.tuples(*[st.integers(1, 6)] * 3))
    ),
    sizes=st.tuples(SIZES, SIZES, SIZES),
)
def test_what_is_written_comes_back(
    tmp_path: Path, volume: NDArray[Any], sizes: tuple[float | None, float | None, float | None]
) -> None:
    path = tmp_path / "a.tif"
    write_label_tiff(path, iter(volume), volume.shape, Spacing(*sizes), RECIPE, volume.dtype, overwrite=True)  # type: ignore[arg-type]
    with open_volume(path) as opened:
        np.testing.assert_array_equal(opened[...], volume)
        assert opened.dtype == volume.dtype
        assert list(opened.spacing.zyx) == [size and pytest.approx(size, rel=1e-6) for size in sizes]
        assert opened.notes == []
    assert read_tiff_recipe(path) == RECIPE


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_small_dtypes_are_for_imagej(tmp_path: Path, labels: NDArray[np.uint8], dtype: str) -> None:
    path = write_label_tiff(tmp_path / "a.tif", labels, labels.shape, Spacing(40, 5.9, 4.6), RECIPE, dtype)  # type: ignore[arg-type]
    with tifffile.TiffFile(path) as tif:
        assert tif.is_imagej
        assert tif.imagej_metadata is not None
        assert tif.imagej_metadata["unit"] == "um"
        assert tif.imagej_metadata["slices"] == len(labels)
        assert tif.imagej_metadata["spacing"] == pytest.approx(0.04)
        numerator, denominator = tif.pages[0].tags["XResolution"].value
        assert denominator / numerator == pytest.approx(0.0046)
        np.testing.assert_array_equal(tif.asarray(), labels)


@pytest.mark.parametrize(("dtype", "spacing"), [("uint32", Spacing(40, 5.9, 4.6)), ("uint8", Spacing(40, None, None))])
def test_the_rest_is_ome(tmp_path: Path, labels: NDArray[np.uint8], dtype: str, spacing: Spacing) -> None:
    path = write_label_tiff(tmp_path / "a.tif", labels, labels.shape, spacing, RECIPE, dtype)  # type: ignore[arg-type]
    with tifffile.TiffFile(path) as tif:
        assert tif.is_ome
        assert tif.series[0].axes == "ZYX"
        np.testing.assert_array_equal(tif.asarray(), labels)


def test_beyond_four_gigabytes_it_is_bigtiff(
    tmp_path: Path, labels: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiff, "CLASSIC_BYTES", labels.nbytes - 1)
    path = write_label_tiff(tmp_path / "a.tif", labels, labels.shape, Spacing(40, 5.9, 4.6), RECIPE, "uint8")  # type: ignore[arg-type]
    with tifffile.TiffFile(path) as tif:
        assert tif.is_bigtiff
        assert tif.is_ome
    with open_volume(path) as volume:
        np.testing.assert_array_equal(volume[...], labels)
        assert volume.spacing.zyx == (40, 5.9, 4.6)


def test_one_plane_at_a_time(tmp_path: Path) -> None:
    shape = (64, 512, 512)

    def planes() -> Iterator[NDArray[np.uint32]]:
        for index in range(shape[0]):
            yield np.full(shape[1:], index, np.uint32)

    tracemalloc.start()
    path = write_label_tiff(tmp_path / "a.tif", planes(), shape, Spacing(), {})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 16 << 20  # the volume is 64 MiB
    with open_volume(path) as volume:
        assert volume[:, 7, 9].tolist() == list(range(64))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda planes: planes[:-1], "end after 23 of 24"),
        (lambda planes: np.concatenate([planes, planes[:1]]), "do not make a volume"),
        (lambda planes: planes[:, 1:], "do not make a volume"),
        (lambda planes: planes.astype(np.uint32) + 300, "does not fit uint8"),
    ],
)
def test_planes_that_break_their_promise_leave_nothing(
    tmp_path: Path, labels: NDArray[np.uint8], change: Any, message: str
) -> None:
    with pytest.raises(VolumeError, match=message):
        write_label_tiff(tmp_path / "a.tif", change(labels), labels.shape, Spacing(), {}, "uint8")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_cancelling_leaves_the_old_file(tmp_path: Path, labels: NDArray[np.uint8]) -> None:
    def cancelled() -> Iterator[NDArray[np.uint8]]:
        yield labels[0]
        raise JobCancelled

    path = write_label_tiff(tmp_path / "a.tif", labels, labels.shape, Spacing(), {"run": 1}, "uint8")  # type: ignore[arg-type]
    with pytest.raises(VolumeError, match="exists already"):
        write_label_tiff(path, labels, labels.shape, Spacing(), {}, "uint8")  # type: ignore[arg-type]
    with pytest.raises(JobCancelled):
        write_label_tiff(path, cancelled(), labels.shape, Spacing(), {}, "uint8", overwrite=True)  # type: ignore[arg-type]
    assert read_tiff_recipe(path) == {"run": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.tif"]


def test_places_that_cannot_be_written(tmp_path: Path, labels: NDArray[np.uint8]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(VolumeError, match="cannot be written"):
        write_label_tiff(tmp_path / "file" / "a.tif", labels, labels.shape, Spacing(), {}, "uint8")  # type: ignore[arg-type]
    with pytest.raises(VolumeError, match="exists already"):
        write_label_tiff(tmp_path, labels, labels.shape, Spacing(), {}, "uint8", overwrite=True)  # type: ignore[arg-type]


def test_other_dtypes_are_no_labels(tmp_path: Path, labels: NDArray[np.uint8]) -> None:
    with pytest.raises(VolumeError, match="int64"):
        write_label_tiff(tmp_path / "a.tif", labels, labels.shape, Spacing(), {}, "int64")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("largest", "dtype"), [(0, "uint8"), (255, "uint8"), (256, "uint16"), (65536, "uint32"), (2**32 - 1, "uint32")]
)
def test_the_smallest_dtype_that_fits(largest: int, dtype: str) -> None:
    assert smallest_label_dtype(largest) == dtype


def test_no_dtype_holds_more_than_32_bits() -> None:
    with pytest.raises(VolumeError, match="32 bits"):
        smallest_label_dtype(2**32)


def test_files_of_others_have_no_recipe(tmp_path: Path, labels: NDArray[np.uint8]) -> None:
    for name, options in {"plain": {}, "imagej": {"imagej": True}, "ome": {"ome": True}}.items():
        tifffile.imwrite(tmp_path / f"{name}.tif", labels, **options)
        with pytest.raises(VolumeError, match="no recipe"):
            read_tiff_recipe(tmp_path / f"{name}.tif")


def test_pictures(tmp_path: Path, labels: NDArray[np.uint8]) -> None:
    picture = np.stack([labels[0], labels[1], labels[2]], axis=-1)
    path = write_picture(tmp_path / "deep" / "a.png", picture)
    np.testing.assert_array_equal(imagecodecs.png_decode(path.read_bytes()), picture)
    with pytest.raises(VolumeError, match="exists already"):
        write_picture(path, picture, overwrite=False)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.tuples(st.integers(1, 3), st.integers(1, 1100), st.integers(1, 600)), st.integers(0, 2**32 - 1))
def test_strips_become_planes(tmp_path: Path, shape: tuple[int, int, int], seed: int) -> None:
    draw = np.random.default_rng(seed)
    volume = draw.integers(0, 2**32, shape, np.uint32)
    cuts = [np.unique([0, *draw.integers(0, shape[1] + 1, 3), shape[1]]) for _ in volume]
    strips = (plane[a:b] for plane, of_plane in zip(volume, cuts, strict=True) for a, b in pairwise(of_plane))
    path = write_label_strips(tmp_path / "a.tif", strips, shape, Spacing(40, 5, 4), RECIPE, overwrite=True)
    with open_volume(path) as opened:
        np.testing.assert_array_equal(opened[...], volume)
        assert opened.spacing.zyx == (40, 5, 4)
    assert read_tiff_recipe(path) == RECIPE


@pytest.mark.parametrize("heights", [[5, 5], [5, 6], [5, 5, 1], [11]])
def test_strips_that_make_no_planes_are_refused(tmp_path: Path, heights: list[int]) -> None:
    strips = [np.zeros((height, 8), np.uint32) for height in heights]
    path = tmp_path / "a.tif"
    if heights == [5, 5]:
        write_label_strips(path, strips, (1, 10, 8), Spacing(), RECIPE)
        return
    with pytest.raises(VolumeError, match="strips"):
        write_label_strips(path, strips, (1, 10, 8), Spacing(), RECIPE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("overwrite", [False, True])
def test_two_that_write_the_same_file_do_not_mix(tmp_path: Path, labels: NDArray[np.uint8], overwrite: bool) -> None:
    path, other = tmp_path / "a.tif", np.flip(labels).copy()

    def planes() -> Iterator[NDArray[np.uint8]]:
        yield labels[0]
        write_label_tiff(path, other, other.shape, Spacing(), RECIPE, "uint8", overwrite)  # type: ignore[arg-type]
        yield from labels[1:]

    if overwrite:
        write_label_tiff(path, planes(), labels.shape, Spacing(), RECIPE, "uint8", True)  # type: ignore[arg-type]
    else:
        with pytest.raises(VolumeError, match="exists already"):
            write_label_tiff(path, planes(), labels.shape, Spacing(), RECIPE, "uint8")  # type: ignore[arg-type]
    np.testing.assert_array_equal(tifffile.imread(path), labels if overwrite else other)
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_has_left_is_removed(tmp_path: Path, labels: NDArray[np.uint8]) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    left = tmp_path / f".a.tif.{ended.pid}-0123abcd.unfinished"
    running = tmp_path / f".a.tif.{os.getpid()}-0123abcd.unfinished"
    others = tmp_path / f".b.tif.{ended.pid}-0123abcd.unfinished"
    for path in (left, running, others):
        path.write_bytes(b"half")
    write_label_tiff(tmp_path / "a.tif", labels, labels.shape, Spacing(), {}, "uint8")  # type: ignore[arg-type]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([running.name, others.name, "a.tif"])


def test_a_disk_that_is_read_only_is_said_to_be_one() -> None:
    with pytest.raises(VolumeError, match=r"x\.tif lies on a disk that is read only\."), writing(Path("x.tif")):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))
