"""MRC written by mrcfile and HDF5 written by h5py."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import mrcfile
import numpy as np
import pytest
from numpy.typing import NDArray

from empanada_desktop.errors import VolumeError
from empanada_desktop.io.volumes import Volume, list_datasets, open_volume

Check = Callable[[Volume, NDArray[Any]], None]
SizeCheck = Callable[[Volume, tuple[float | None, ...], str], None]


def write_mrc(path: Path, data: NDArray[Any], angstrom: tuple[float, float, float] | None = (59, 46, 400)) -> None:
    """Write an MRC file; the voxel size is x, y, z in Å."""
    with mrcfile.new(path, overwrite=True) as mrc:
        mrc.set_data(data)
        if angstrom is not None:
            mrc.voxel_size = angstrom


def patch(path: Path, position: int, values: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        file.write(values)


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "float16", "float32"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_mrc_modes(
    tmp_path: Path, crop: NDArray[Any], assert_reads: Check, assert_size: SizeCheck, dtype: str, order: str
) -> None:
    expected = (crop.astype(np.int16) - 128).astype(np.dtype(dtype).newbyteorder(order))
    write_mrc(tmp_path / "a.mrc", expected)
    with open_volume(tmp_path / "a.mrc") as volume:
        assert_reads(volume, expected)
        assert_size(volume, (40, 4.6, 5.9), "MRC header")
    assert list_datasets(tmp_path / "a.mrc")[0].shape == crop.shape


def test_mrc_with_an_extended_header(tmp_path: Path, crop: NDArray[Any], assert_reads: Check) -> None:
    write_mrc(tmp_path / "a.rec", crop.astype(np.int16))
    with mrcfile.open(tmp_path / "a.rec", "r+") as mrc:
        mrc.set_extended_header(np.zeros(321, np.uint8))
    with open_volume(tmp_path / "a.rec") as volume:
        assert_reads(volume, crop.astype(np.int16))


def test_mrc_stack_of_volumes_keeps_its_z_size(tmp_path: Path, crop: NDArray[Any], assert_size: SizeCheck) -> None:
    write_mrc(tmp_path / "a.mrc", crop.reshape(4, 6, 64, 80).astype(np.int16))
    with open_volume(tmp_path / "a.mrc") as volume:
        assert volume.shape == crop.shape
        assert_size(volume, (40, 4.6, 5.9), "MRC header")


def test_mrc_bytes_of_imod(tmp_path: Path, crop: NDArray[Any], assert_reads: Check) -> None:
    write_mrc(tmp_path / "a.mrc", crop.view(np.int8))
    with open_volume(tmp_path / "a.mrc") as volume:
        assert volume.dtype == np.int8
    stamp = np.array([1146047817, 0], "<i4")
    patch(tmp_path / "a.mrc", 152, stamp.tobytes())
    with open_volume(tmp_path / "a.mrc") as volume:
        assert_reads(volume, crop)
        assert volume.notes == ["The bytes are read as 0 to 255, because IMOD wrote it."]
    stamp[1] = 1
    patch(tmp_path / "a.mrc", 152, stamp.tobytes())
    with open_volume(tmp_path / "a.mrc") as volume:
        assert_reads(volume, crop.view(np.int8))


def test_mrc_bytes_whose_header_says_that_they_exceed_127(
    tmp_path: Path, crop: NDArray[Any], assert_reads: Check
) -> None:
    write_mrc(tmp_path / "a.mrc", crop.view(np.int8))
    patch(tmp_path / "a.mrc", 76, np.array([0, 255], "<f4").tobytes())
    with open_volume(tmp_path / "a.mrc") as volume:
        assert_reads(volume, crop)


def test_mrc_voxel_sizes_that_nobody_measured(tmp_path: Path, crop: NDArray[Any]) -> None:
    write_mrc(tmp_path / "none.mrc", crop.astype(np.int16), None)
    with open_volume(tmp_path / "none.mrc") as volume:
        assert volume.spacing.zyx == (None, None, None)
    write_mrc(tmp_path / "one.mrc", crop.astype(np.int16), (1, 1, 1))
    with open_volume(tmp_path / "one.mrc") as volume:
        assert volume.spacing.zyx == (None, None, None)
        assert "1 Å" in volume.notes[0]


def test_mrc_that_cannot_be_opened(tmp_path: Path, crop: NDArray[Any]) -> None:
    path = tmp_path / "a.mrc"
    write_mrc(path, crop.astype(np.complex64))
    with pytest.raises(VolumeError, match="complex numbers"):
        open_volume(path)
    write_mrc(path, crop.astype(np.int16))
    with pytest.raises(VolumeError, match="one volume"):
        open_volume(path, "raw")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(VolumeError, match="cut short"):
        open_volume(path)
    path.write_bytes(whole[:500])
    with pytest.raises(VolumeError, match="too short for a header"):
        open_volume(path)
    path.write_bytes(bytes(2000))
    with pytest.raises(VolumeError, match="damaged"):
        open_volume(path)


@pytest.mark.parametrize(
    "storage", [{}, {"chunks": (5, 20, 30)}, {"chunks": (24, 64, 80), "compression": "gzip"}, {"chunks": (1, 8, 8)}]
)
@pytest.mark.parametrize("dtype", ["uint8", ">u2", "bool", "float32", "int64"])
def test_hdf5(tmp_path: Path, crop: NDArray[Any], assert_reads: Check, storage: dict[str, Any], dtype: str) -> None:
    expected = crop.astype(dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("volumes/raw", data=expected, **storage)
        file.create_dataset("table", data=np.arange(9))
        file["name"] = "text"
    with open_volume(tmp_path / "a.h5") as volume:
        assert_reads(volume, expected)
        assert volume.ref.dataset == "volumes/raw"
        assert volume.notes == []


def test_hdf5_choosing(tmp_path: Path, crop: NDArray[Any], assert_reads: Check) -> None:
    path = tmp_path / "a.hdf5"
    with h5py.File(path, "w") as file:
        file["raw"] = crop
        file["labels"] = crop.astype(np.uint32)
    with pytest.raises(VolumeError, match="2 datasets") as error:
        open_volume(path)
    assert error.value.hint == "Choose one with --dataset: labels (24 × 64 × 80, uint32), raw (24 × 64 × 80, uint8)."
    with open_volume(path, "/labels") as volume:
        assert_reads(volume, crop.astype(np.uint32))
    with pytest.raises(VolumeError, match="no image dataset nothing"):
        open_volume(path, "nothing")
    assert [info.name for info in list_datasets(path)] == ["labels", "raw"]


@pytest.mark.parametrize(
    ("attributes", "expected", "source"),
    [
        ({"element_size_um": [0.04, 0.0046, 0.0059]}, (40, 4.6, 5.9), "HDF5 element_size_um"),
        ({"resolution": [40.0, 4.6, 5.9]}, (40, 4.6, 5.9), "HDF5 resolution"),
        ({"element_size_um": [0.0, 0.0059, 0.0059]}, (None, 5.9, 5.9), "HDF5 element_size_um"),
        ({}, (None, None, None), "unknown"),
    ],
)
def test_hdf5_voxel_size(
    tmp_path: Path,
    crop: NDArray[Any],
    assert_size: SizeCheck,
    attributes: dict[str, list[float]],
    expected: tuple[float | None, ...],
    source: str,
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw"] = crop
        file["raw"].attrs.update(attributes)
    with open_volume(tmp_path / "a.h5") as volume:
        assert_size(volume, expected, source)


def test_hdf5_axes_of_ilastik(tmp_path: Path, crop: NDArray[Any], assert_reads: Check) -> None:
    stored = np.stack([crop.transpose(2, 1, 0), crop.transpose(2, 1, 0) + 1], axis=-1)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["exported"] = stored
        file["exported"].attrs["axistags"] = json.dumps({"axes": [{"key": key} for key in "xyzc"]})
    with open_volume(tmp_path / "a.h5") as volume:
        assert_reads(volume, crop)
        assert volume.notes == ["The file holds 2 channels; the first is open."]


def test_hdf5_without_axes_for_four(tmp_path: Path, crop: NDArray[Any], assert_reads: Check) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["four"] = np.stack([crop, crop])
        file["padded"] = crop[None, ..., None]
    with pytest.raises(VolumeError, match=r"4 axes \(2 × 24 × 64 × 80\)"):
        open_volume(tmp_path / "a.h5", "four")
    with open_volume(tmp_path / "a.h5", "padded") as volume:
        assert_reads(volume, crop)


def test_hdf5_that_cannot_be_opened(tmp_path: Path, crop: NDArray[Any]) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["line"] = np.arange(5)
    with pytest.raises(VolumeError, match="no image"):
        open_volume(path)
    with h5py.File(path, "w") as file:
        file["raw"] = crop
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(VolumeError, match="cannot be read"):
        open_volume(path)
