"""How an open volume is read: indexing as numpy does it, slabs, threads, bounded memory, headers only."""

import gc
import pickle
import threading
import time
import tracemalloc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import basic_indices
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Axis
from empanada_desktop.errors import VolumeError
from empanada_desktop.io.volumes import Volume, VolumeRef, open_volume, sources
from empanada_desktop.io.volumes import volume as volume_module

Check = Callable[[Volume, NDArray[Any]], None]
MIB = 1 << 20


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, crop: NDArray[np.uint8]) -> list[Volume]:
    """The crop as raw voxels, as strips, and as chunks."""
    folder = tmp_path_factory.mktemp("volumes")
    tifffile.imwrite(folder / "raw.tif", crop)
    tifffile.imwrite(folder / "strips.tif", crop, compression="zlib", rowsperstrip=7)
    zarr.create_array(str(folder / "chunks"), shape=crop.shape, chunks=(5, 16, 33), dtype="uint8")[...] = crop
    return [open_volume(folder / name) for name in ("raw.tif", "strips.tif", "chunks")]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(index=basic_indices((24, 64, 80), allow_newaxis=False, allow_ellipsis=True))
def test_indexing_is_numpys(opened: list[Volume], crop: NDArray[np.uint8], index: Any) -> None:
    for volume in opened:
        result = volume[index]
        np.testing.assert_array_equal(result, crop[index])
        assert result.shape == crop[index].shape
        assert result.dtype == np.uint8


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(axis=st.sampled_from(list(Axis)), place=st.floats(0, 1, exclude_max=True))
def test_planes(opened: list[Volume], crop: NDArray[np.uint8], axis: Axis, place: float) -> None:
    index = int(place * crop.shape[axis.normal])
    for volume in opened:
        np.testing.assert_array_equal(volume.read_plane(axis, index), np.take(crop, index, axis.normal))


def test_what_is_no_basic_index_is_refused(opened: list[Volume]) -> None:
    for index in [(0, 0, 0, 0), 24, -25, (0, 64), (..., 0, ...)]:
        with pytest.raises(IndexError):
            opened[0][index]
    with pytest.raises(TypeError):
        opened[0][[0, 1]]  # type: ignore[index]
    with pytest.raises(IndexError):
        opened[0].read_plane(Axis.XZ, 64)


def test_planes_in_order(opened: list[Volume], crop: NDArray[np.uint8]) -> None:
    for volume in opened:
        for axis in Axis:
            planes = np.stack(list(volume.iterate_planes(axis)), axis=axis.normal)
            np.testing.assert_array_equal(planes, crop)


def test_what_is_read_may_be_written_into(opened: list[Volume], crop: NDArray[np.uint8]) -> None:
    for volume in opened:
        for axis in Axis:
            volume.read_plane(axis, 3)[:] = 0
            np.testing.assert_array_equal(volume.read_plane(axis, 3), np.take(crop, 3, axis.normal))


def test_threads_read_side_by_side(opened: list[Volume], crop: NDArray[np.uint8]) -> None:
    failures: list[Exception] = []

    def read(seed: int) -> None:
        rng = np.random.default_rng(seed)
        try:
            for _ in range(60):
                axis = list(Axis)[rng.integers(3)]
                index = int(rng.integers(crop.shape[axis.normal]))
                for volume in opened:
                    np.testing.assert_array_equal(volume.read_plane(axis, index), np.take(crop, index, axis.normal))
        except AssertionError as error:
            failures.append(error)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_the_address_opens_it_again(tmp_path: Path, crop: NDArray[np.uint8], assert_reads: Check) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw"] = crop
        file["other"] = crop
    with open_volume(str(tmp_path / "a.h5"), "raw", (40, 5.9, 5.9)) as volume:
        ref = pickle.loads(pickle.dumps(volume.ref))
    assert ref == VolumeRef(str(tmp_path / "a.h5"), "raw", (40, 5.9, 5.9))
    with ref.open() as again:
        assert_reads(again, crop)
        assert str(again.spacing) == "40 × 5.9 × 5.9 nm (z, y, x; typed)"


@pytest.mark.parametrize("size", [(0, 1, 1), (-1, 1, 1), (float("nan"), 1, 1), (float("inf"), 1, 1), (1, 1)])
def test_typed_sizes_have_to_be_lengths(tmp_path: Path, crop: NDArray[np.uint8], size: Any) -> None:
    tifffile.imwrite(tmp_path / "a.tif", crop)
    with pytest.raises(VolumeError, match="no voxel size"):
        open_volume(tmp_path / "a.tif", voxel_size=size)


def test_an_unread_volume_lets_go_of_its_file(tmp_path: Path, crop: NDArray[np.uint8]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", crop, compression="zlib")
    volume = open_volume(tmp_path / "a.tif")
    handle = weakref.ref(volume._source)
    del volume
    gc.collect()
    # A file that is still open would be a ResourceWarning now, and those fail tests.
    assert handle() is None


class CountingSource(sources.ChunkedSource):
    """Chunks of a fixed shape, and a count of how often each was decoded."""

    def __init__(self, shape: tuple[int, int, int], chunks: tuple[int, int, int]) -> None:
        super().__init__(shape, np.uint8, chunks)
        self.decoded = 0

    def read_chunk(self, index: tuple[int, int, int]) -> NDArray[np.uint8]:
        self.decoded += 1
        return np.full(self.chunks, index[0], np.uint8)


@pytest.mark.parametrize("axis", list(Axis))
@pytest.mark.parametrize("chunks", [(1, 256, 256), (1, 16, 256), (64, 64, 64)])
def test_going_along_an_axis_decodes_everything_once(
    monkeypatch: pytest.MonkeyPatch, axis: Axis, chunks: tuple[int, int, int]
) -> None:
    monkeypatch.setattr(sources, "CHUNK_CACHE_BYTES", 1 * MIB)
    source = CountingSource((256, 256, 256), chunks)
    volume = Volume(volume_module.Opened(source, volume_module.Spacing()), VolumeRef("none"))
    for index in range(256):
        plane = volume.read_plane(axis, index)
        assert plane[0, 0] == (index // chunks[0] if axis is Axis.XY else 0)
    assert source.decoded == np.prod([256 // size for size in chunks])


@pytest.mark.parametrize("axis", list(Axis))
def test_memory_stays_within_the_bounds(monkeypatch: pytest.MonkeyPatch, axis: Axis) -> None:
    monkeypatch.setattr(sources, "CHUNK_CACHE_BYTES", 4 * MIB)
    monkeypatch.setattr(volume_module, "SLAB_BYTES", 4 * MIB)
    source = CountingSource((512, 512, 512), (64, 64, 64))
    volume = Volume(volume_module.Opened(source, volume_module.Spacing()), VolumeRef("none"))
    tracemalloc.start()
    for index in range(0, 512, 5):
        volume.read_plane(axis, index)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < (4 + 2 * 4 + 4 + 2) * MIB  # chunks, slabs kept, the slab being read, a plane and change
    assert source.decoded <= 512 * 2 * 8  # not every chunk for every plane


GIANT = (4000, 5000, 5000)


def giant_tiff(path: Path) -> None:
    tifffile.imwrite(path, shape=GIANT, dtype=np.uint8, bigtiff=True, photometric="minisblack")


def giant_imagej(path: Path) -> None:
    # ImageJ keeps stacks beyond 4 GB behind a single page's header.
    description = f"ImageJ=1.53t\nimages={GIANT[0]}\nslices={GIANT[0]}\nunit=nm\nspacing=8.0\n"
    plane = np.zeros(GIANT[1:], np.uint8)
    tifffile.imwrite(path, plane, description=description, metadata=None, resolution=(0.125, 0.125))
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size + plane.size * GIANT[0])


def giant_mrc(path: Path) -> None:
    words = np.zeros(256, "<i4")
    words[:4] = *reversed(GIANT), 0
    words[7:10] = words[:3]
    words[10:13] = (words[:3] * 80.0).astype("<f4").view("<i4")
    words[16:19] = 1, 2, 3
    header = bytearray(words.tobytes())
    header[208:214] = b"MAP DD"
    with path.open("wb") as file:
        file.write(header)
        file.truncate(1024 + int(np.prod(GIANT)))


def giant_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("raw", GIANT, np.uint8, chunks=(64, 64, 64), compression="gzip")


def giant_contiguous_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("raw", GIANT, np.uint8)[0, 0, 0] = 1


def giant_zarr(path: Path) -> None:
    zarr.create_array(str(path), shape=GIANT, chunks=(128, 128, 128), dtype=np.uint8)


GIANTS: dict[str, Callable[[Path], None]] = {
    "a.tif": giant_tiff,
    "imagej.tif": giant_imagej,
    "a.mrc": giant_mrc,
    "a.h5": giant_hdf5,
    "contiguous.h5": giant_contiguous_hdf5,
    "a.zarr": giant_zarr,
}


@pytest.mark.parametrize("name", GIANTS)
def test_of_100_gigabytes_only_the_header_is_read(tmp_path: Path, name: str) -> None:
    GIANTS[name](tmp_path / name)
    open_volume(tmp_path / name).close()  # the reader's own modules are loaded by now
    tracemalloc.start()
    started = time.process_time()
    with open_volume(tmp_path / name) as volume:
        seconds = time.process_time() - started
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert volume.shape == GIANT
        assert volume.nbytes == 10**11
        corner = volume[-1, -64:, -64:]
    assert corner.shape == (64, 64)
    assert seconds < 1
    assert peak < 8 * MIB


def test_a_thousand_compressed_pages_open_without_being_read(tmp_path: Path) -> None:
    plane = np.random.default_rng(0).integers(0, 255, (128, 128), np.uint8)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for _ in range(1000):
            writer.write(plane, contiguous=False, compression="zlib", metadata=None)
    open_volume(tmp_path / "a.tif").close()
    tracemalloc.start()
    with open_volume(tmp_path / "a.tif") as volume:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert volume.shape == (1000, 128, 128)
        np.testing.assert_array_equal(volume[999], plane)
    assert peak < 8 * MIB
