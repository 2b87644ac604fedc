"""Mangled and cut files end in a VolumeError or in an image, never in anything else; so do wrong paths."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import imagecodecs
import mrcfile
import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Axis
from empanada_desktop.errors import VolumeError
from empanada_desktop.io.volumes import list_datasets, open_volume

Writer = Callable[[Path, NDArray[np.uint8]], None]


def write_mrc(path: Path, crop: NDArray[np.uint8]) -> None:
    with mrcfile.new(path) as mrc:
        mrc.set_data(crop.astype(np.int16))


def write_hdf5(path: Path, crop: NDArray[np.uint8]) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("raw", data=crop, chunks=(8, 32, 32), compression="gzip")


def write_zarr(path: Path, crop: NDArray[np.uint8]) -> None:
    group = zarr.create_group(str(path))
    group.create_array("0", data=crop, chunks=(8, 32, 32))
    axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
    scale = [{"type": "scale", "scale": [10, 10, 10]}]
    levels = [{"path": "0", "coordinateTransformations": scale}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": levels}]}


def tiff_writer(**options: Any) -> Writer:
    return lambda path, crop: tifffile.imwrite(path, crop, photometric="minisblack", **options)


WRITERS: dict[str, Writer] = {
    "deflate.tif": tiff_writer(compression="zlib", rowsperstrip=16),
    "raw.tif": tiff_writer(bigtiff=True),
    "imagej.tif": tiff_writer(imagej=True, metadata={"axes": "ZYX", "spacing": 0.01, "unit": "um"}),
    "ome.ome.tif": tiff_writer(tile=(32, 32), compression="lzw", metadata={"axes": "ZYX", "PhysicalSizeX": 1}),
    "a.mrc": write_mrc,
    "a.h5": write_hdf5,
    "a.zarr": write_zarr,
    "a.png": lambda path, crop: [path.write_bytes(imagecodecs.png_encode(crop[0])), None][1],
    "a.jpg": lambda path, crop: [path.write_bytes(imagecodecs.jpeg8_encode(crop[0])), None][1],
}


def victim(path: Path, rng: np.random.Generator) -> Path:
    """The file to damage: the path itself, or a file of the folder, metadata more often than pixels."""
    if path.is_file():
        return path
    files = sorted(file for file in path.rglob("*") if file.is_file())
    metadata = [file for file in files if file.name == "zarr.json"]
    pool = metadata if rng.random() < 0.7 else files
    return pool[rng.integers(len(pool))]


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Cut the content, or overwrite some of its bytes, the first kilobyte more often."""
    if rng.random() < 0.25:
        return content[: rng.integers(len(content))]
    mangled = bytearray(content)
    reach = len(mangled) if rng.random() < 0.3 else min(len(mangled), 1024)
    for place in rng.integers(0, reach, rng.integers(1, 9)):
        mangled[place] = rng.choice([0, 1, 255, rng.integers(256), (mangled[place] + 1) % 256])
    return bytes(mangled)


def read_all(path: Path) -> bool:
    """Open and read; True when a clear error came of it."""
    try:
        list_datasets(path)
        with open_volume(path) as volume:
            for axis in Axis:
                volume.read_plane(axis, 0)
            assert volume.shape[0] > 0
    except VolumeError as error:
        return bool(error.message) and "\n" not in error.message
    return False


def mangle(name: str, tmp_path: Path, crop: NDArray[np.uint8], seeds: range) -> None:
    path = tmp_path / name
    WRITERS[name](path, np.ascontiguousarray(crop[:8]))
    refused = 0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        file = victim(path, rng)
        content = file.read_bytes()
        file.write_bytes(damaged(content, rng))
        refused += read_all(path)
        file.write_bytes(content)
    assert refused > 0
    assert not read_all(path)


@pytest.mark.parametrize("name", WRITERS)
def test_mangled_files(tmp_path: Path, crop: NDArray[np.uint8], name: str) -> None:
    mangle(name, tmp_path, crop, range(40))


@pytest.mark.long
@pytest.mark.parametrize("name", WRITERS)
def test_thousands_of_mangled_files(tmp_path: Path, crop: NDArray[np.uint8], name: str) -> None:
    mangle(name, tmp_path, crop, range(1000, 4000))


@pytest.mark.parametrize("name", ["deflate.tif", "raw.tif", "imagej.tif", "a.mrc", "a.h5", "a.png", "a.jpg"])
def test_cut_files_are_refused_when_read(tmp_path: Path, crop: NDArray[np.uint8], name: str) -> None:
    path = tmp_path / name
    WRITERS[name](path, crop)
    content = path.read_bytes()
    for share in (0.2, 0.5, 0.9):
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(VolumeError), open_volume(path) as volume:
            volume[...]


def test_wrong_paths(tmp_path: Path) -> None:
    def refused(name: str, content: bytes | None) -> VolumeError:
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(VolumeError) as error:
            open_volume(path)
        assert error.value.hint
        assert str(path) in error.value.message
        return error.value

    assert "does not exist" in refused("nothing.tif", None).message
    assert "is empty" in refused("empty.tif", b"").message
    assert "not known here" in refused("text.txt", b"just a text").message
    assert "not known here" in refused("no.tif", b"no tiff at all").message
    assert "packed" in refused("a.mrc.gz", b"\x1f\x8b" + bytes(100)).message
    assert "packed" in refused("a.zip", b"PK\x03\x04" + bytes(100)).message
    assert "gunzip" in refused("a.rec.bz2", b"BZh9" + bytes(100)).hint


@pytest.mark.skipif(os.name != "posix", reason="special files are a matter of POSIX")
def test_special_files_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    with pytest.raises(VolumeError, match="no file"):
        open_volume(tmp_path / "pipe.tif")


def test_the_content_counts_not_the_name(tmp_path: Path, crop: NDArray[np.uint8]) -> None:
    tifffile.imwrite(tmp_path / "a.mrc", crop)
    with open_volume(tmp_path / "a.mrc") as volume:
        np.testing.assert_array_equal(volume[...], crop)


def test_oddities_of_a_file_are_not_shouted(
    tmp_path: Path, crop: NDArray[np.uint8], capfd: pytest.CaptureFixture[str]
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", crop, description="ImageJ=1.53t\nimages=9999\nslices=9999\n", metadata=None)
    read_all(tmp_path / "a.tif")
    (tmp_path / "b.ome.tif").write_bytes(b"")
    tifffile.imwrite(tmp_path / "b.ome.tif", crop, description="<OME broken", metadata=None)
    read_all(tmp_path / "b.ome.tif")
    assert capfd.readouterr() == ("", "")
