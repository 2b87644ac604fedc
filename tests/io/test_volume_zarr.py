"""Zarr v2 and v3 and OME-Zarr 0.4 and 0.5, written by zarr and by ome-zarr."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

from empanada_desktop.errors import VolumeError
from empanada_desktop.io.volumes import Volume, list_datasets, open_volume

Check = Callable[[Volume, NDArray[Any]], None]
SizeCheck = Callable[[Volume, tuple[float | None, ...], str], None]

# ome-zarr and dask warn about their own insides, from the import on.
quiet = pytest.mark.filterwarnings("ignore")
FORMATS = {"0.4": 2, "0.5": 3}


def write_ome(path: Path, image: NDArray[Any], version: str, axes: str = "zyx", **options: Any) -> zarr.Group:
    from ome_zarr.format import format_from_version
    from ome_zarr.writer import write_image

    group = zarr.open_group(str(path), mode="w", zarr_format=FORMATS[version])
    write_image(image, group, fmt=format_from_version(version), axes=list(axes), scale_factors=[2], **options)
    return group


@quiet
@pytest.mark.parametrize("version", FORMATS)
@pytest.mark.parametrize(
    ("unit", "factor"), [("nanometer", 1), ("micrometer", 1000), ("angstrom", 0.1), ("millimeter", 1e6)]
)
def test_images_and_their_voxel_size(
    tmp_path: Path,
    crop: NDArray[Any],
    assert_reads: Check,
    assert_size: SizeCheck,
    version: str,
    unit: str,
    factor: float,
) -> None:
    scale = {"z": 40 / factor, "y": 5.9 / factor, "x": 4.6 / factor}
    write_ome(tmp_path / "a.zarr", crop, version, scale=scale, axes_units=dict.fromkeys("zyx", unit))
    with open_volume(tmp_path / "a.zarr") as volume:
        assert_reads(volume, crop)
        assert_size(volume, (40, 5.9, 4.6), "OME-Zarr scale")
    with open_volume(tmp_path / "a.zarr", "s1" if "s1" in zarr.open_group(tmp_path / "a.zarr") else "1") as volume:
        assert_size(volume, (40, 11.8, 9.2), "OME-Zarr scale")
        assert volume.shape == (24, 32, 40)


@quiet
@pytest.mark.parametrize("version", FORMATS)
def test_a_scale_without_unit_is_unknown_and_told(tmp_path: Path, crop: NDArray[Any], version: str) -> None:
    write_ome(tmp_path / "a.zarr", crop, version, scale={"z": 40, "y": 5.9, "x": 5.9})
    with open_volume(tmp_path / "a.zarr") as volume:
        assert volume.spacing.zyx == (None, None, None)
        assert volume.notes == ["The OME-Zarr scale (40, 5.9, 5.9) has no unit, so the voxel size is unknown."]


@quiet
@pytest.mark.parametrize("version", FORMATS)
def test_a_unit_on_some_axes_is_partly_known(
    tmp_path: Path, crop: NDArray[Any], assert_size: SizeCheck, version: str
) -> None:
    units = {"y": "nanometer", "x": "nanometer"}
    write_ome(tmp_path / "a.zarr", crop, version, scale={"z": 1, "y": 5.9, "x": 5.9}, axes_units=units)
    with open_volume(tmp_path / "a.zarr") as volume:
        assert_size(volume, (None, 5.9, 5.9), "OME-Zarr scale")


@quiet
@pytest.mark.parametrize("version", FORMATS)
def test_times_and_channels(tmp_path: Path, crop: NDArray[Any], assert_reads: Check, version: str) -> None:
    write_ome(tmp_path / "one.zarr", crop[None, None], version, "tczyx")
    with open_volume(tmp_path / "one.zarr") as volume:
        assert_reads(volume, crop)
        assert volume.notes == []
    write_ome(tmp_path / "more.zarr", np.stack([crop, 255 - crop])[None], version, "tczyx")
    with open_volume(tmp_path / "more.zarr") as volume:
        assert_reads(volume, crop)
        assert volume.notes == ["The file holds 2 channels; the first is open."]


@quiet
@pytest.mark.parametrize("version", FORMATS)
def test_a_picture(tmp_path: Path, crop: NDArray[Any], assert_reads: Check, version: str) -> None:
    write_ome(tmp_path / "a.zarr", crop[0], version, "yx")
    with open_volume(tmp_path / "a.zarr") as volume:
        assert_reads(volume, crop[:1])


@quiet
@pytest.mark.parametrize("version", FORMATS)
def test_labels_of_an_image(tmp_path: Path, crop: NDArray[Any], assert_reads: Check, version: str) -> None:
    from ome_zarr.format import format_from_version
    from ome_zarr.writer import write_labels

    labels = (crop > 100).astype(np.uint32) * 7
    group = write_ome(tmp_path / "a.zarr", crop, version)
    write_labels(labels, group, name="mito", axes=list("zyx"), fmt=format_from_version(version), scale_factors=[2])
    assert [info.name for info in list_datasets(tmp_path / "a.zarr")] == ["", "labels/mito"]
    with open_volume(tmp_path / "a.zarr") as volume:
        assert_reads(volume, crop)
    with open_volume(tmp_path / "a.zarr", "labels/mito") as volume:
        assert_reads(volume, labels)
        assert volume.title == "a.zarr: labels/mito"
    with open_volume(tmp_path / "a.zarr" / "labels" / "mito") as volume:
        assert_reads(volume, labels)


@quiet
def test_both_scales_of_an_image_count(tmp_path: Path, crop: NDArray[Any], assert_size: SizeCheck) -> None:
    group = write_ome(tmp_path / "a.zarr", crop, "0.5", scale={"z": 4, "y": 1, "x": 1}, axes_units={"x": "nanometer"})
    ome = dict(group.attrs["ome"])
    ome["multiscales"][0]["coordinateTransformations"] = [{"type": "scale", "scale": [10, 10, 10]}]
    group.attrs["ome"] = ome
    with open_volume(tmp_path / "a.zarr") as volume:
        assert_size(volume, (None, None, 10), "OME-Zarr scale")


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("chunks", [(24, 64, 80), (7, 9, 11), (1, 64, 80), (24, 8, 8)])
def test_plain_arrays(
    tmp_path: Path, crop: NDArray[Any], assert_reads: Check, zarr_format: int, chunks: tuple[int, ...]
) -> None:
    array = zarr.create_array(
        str(tmp_path / "a.zarr"), shape=crop.shape, chunks=chunks, dtype="uint8", zarr_format=zarr_format
    )
    array[...] = crop
    with open_volume(tmp_path / "a.zarr") as volume:
        assert_reads(volume, crop)
        assert volume.spacing.zyx == (None, None, None)


@pytest.mark.parametrize("dtype", ["bool", "int8", ">u2", "<i4", "uint64", "float16", "float32", ">f8"])
def test_dtypes(tmp_path: Path, crop: NDArray[Any], assert_reads: Check, dtype: str) -> None:
    expected = crop.astype(dtype)
    array = zarr.create_array(str(tmp_path / "a"), shape=crop.shape, chunks=(10, 20, 30), dtype=dtype, zarr_format=2)
    array[...] = expected
    with open_volume(tmp_path / "a") as volume:
        assert_reads(volume, expected)


def test_shards(tmp_path: Path, crop: NDArray[Any], assert_reads: Check) -> None:
    array = zarr.create_array(
        str(tmp_path / "a"), shape=crop.shape, chunks=(4, 16, 16), shards=(8, 64, 80), dtype="uint8"
    )
    array[...] = crop
    with open_volume(tmp_path / "a") as volume:
        assert_reads(volume, crop)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_choosing_from_a_group(tmp_path: Path, crop: NDArray[Any], assert_reads: Check, zarr_format: int) -> None:
    group = zarr.create_group(str(tmp_path / "a"), zarr_format=zarr_format)
    group.create_array("volumes/raw", data=crop)
    with open_volume(tmp_path / "a") as volume:
        assert_reads(volume, crop)
        assert volume.ref.dataset == "volumes/raw"
    group.create_array("volumes/labels", data=crop + 1)
    group.create_array("line", data=np.arange(5))
    assert [info.name for info in list_datasets(tmp_path / "a")] == ["volumes/labels", "volumes/raw"]
    with pytest.raises(VolumeError, match="2 arrays") as error:
        open_volume(tmp_path / "a")
    assert "volumes/labels (24 × 64 × 80, uint8)" in error.value.hint
    with open_volume(tmp_path / "a", "/volumes/labels/") as volume:
        assert_reads(volume, crop + 1)
    with pytest.raises(VolumeError, match="no dataset nothing"):
        open_volume(tmp_path / "a", "nothing")
    with pytest.raises(VolumeError, match="group"):
        open_volume(tmp_path / "a", "volumes")


def test_axes_that_nothing_names(tmp_path: Path, crop: NDArray[Any], assert_reads: Check) -> None:
    zarr.create_array(str(tmp_path / "one"), data=crop[None, ..., None])
    with open_volume(tmp_path / "one") as volume:
        assert_reads(volume, crop)
    zarr.create_array(str(tmp_path / "four"), data=np.stack([crop, crop]))
    with pytest.raises(VolumeError, match="4 axes"):
        open_volume(tmp_path / "four")
    zarr.create_array(str(tmp_path / "line"), data=np.arange(5))
    with pytest.raises(VolumeError, match="no image"):
        open_volume(tmp_path / "line")
    zarr.create_array(str(tmp_path / "named"), data=np.stack([crop, crop], -1), dimension_names=("x", "y", "z", "c"))
    with open_volume(tmp_path / "named") as volume:
        assert_reads(volume, crop.transpose(2, 1, 0))


def test_folders_that_are_no_zarr(tmp_path: Path) -> None:
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(VolumeError, match="no metadata"):
        open_volume(tmp_path / "empty.zarr")
    (tmp_path / "broken.zarr").mkdir()
    (tmp_path / "broken.zarr" / "zarr.json").write_text("{")
    with pytest.raises(VolumeError, match="cannot be read"):
        open_volume(tmp_path / "broken.zarr")
    (tmp_path / "n5").mkdir()
    (tmp_path / "n5" / "attributes.json").write_text("{}")
    with pytest.raises(VolumeError, match="N5"):
        open_volume(tmp_path / "n5")
    zarr.create_group(str(tmp_path / "bare.zarr"))
    with pytest.raises(VolumeError, match="holds no image"):
        open_volume(tmp_path / "bare.zarr")


def test_a_damaged_chunk_is_a_clear_error(tmp_path: Path, crop: NDArray[Any]) -> None:
    zarr.create_array(str(tmp_path / "a"), shape=crop.shape, chunks=(24, 64, 80), dtype="uint8")[...] = crop
    (tmp_path / "a" / "c" / "0" / "0" / "0").write_bytes(b"no chunk at all")
    with open_volume(tmp_path / "a") as volume, pytest.raises(VolumeError, match="cannot be read"):
        volume[0]
