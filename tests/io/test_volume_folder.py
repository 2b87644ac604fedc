"""Folders of planes, and single pictures."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from empanada_desktop.errors import VolumeError
from empanada_desktop.io.volumes import Volume, list_datasets, open_volume

Check = Callable[[Volume, NDArray[Any]], None]
SizeCheck = Callable[[Volume, tuple[float | None, ...], str], None]


def write_plane(path: Path, plane: NDArray[Any]) -> None:
    if path.suffix == ".tif":
        tifffile.imwrite(path, plane, compression="zlib")
    else:
        encode = {".png": imagecodecs.png_encode, ".jp2": imagecodecs.jpeg2k_encode, ".bmp": imagecodecs.bmp_encode}
        path.write_bytes(encode[path.suffix](np.ascontiguousarray(plane)))


def write_folder(folder: Path, planes: NDArray[Any], suffix: str = ".png") -> None:
    folder.mkdir()
    for number, plane in enumerate(planes, 1):
        write_plane(folder / f"plane{number}{suffix}", plane)


@pytest.mark.parametrize("suffix", [".tif", ".png", ".jp2", ".bmp"])
def test_planes_come_in_natural_order(tmp_path: Path, crop: NDArray[Any], assert_reads: Check, suffix: str) -> None:
    write_folder(tmp_path / "planes", crop, suffix)
    with open_volume(tmp_path / "planes") as volume:
        assert_reads(volume, crop)
        assert volume.notes == []
    assert [info.shape for info in list_datasets(tmp_path / "planes")] == [crop.shape]


@pytest.mark.parametrize("suffix", [".tif", ".png", ".jp2"])
def test_sixteen_bits(tmp_path: Path, crop: NDArray[Any], assert_reads: Check, suffix: str) -> None:
    expected = crop[:3].astype(np.uint16) * 257
    write_folder(tmp_path / "planes", expected, suffix)
    with open_volume(tmp_path / "planes") as volume:
        assert_reads(volume, expected)


def test_strays_are_skipped_and_told(tmp_path: Path, crop: NDArray[Any], assert_reads: Check) -> None:
    folder = tmp_path / "planes"
    write_folder(folder, crop[:4])
    for stray in ("Thumbs.db", ".DS_Store", "notes.txt", "._plane1.png", "desktop.ini"):
        (folder / stray).write_bytes(b"stray")
    write_plane(folder / "overview.tif", crop[0, :5, :5])
    (folder / "old").mkdir()
    with open_volume(folder) as volume:
        assert_reads(volume, crop[:4])
        assert volume.notes[0].startswith("Skipped 6 stray files: ")
        assert "Thumbs.db" in volume.notes[0]
        assert volume.notes[1] == "Skipped 1 folder: old."


def test_planes_that_differ_are_refused_by_name(tmp_path: Path, crop: NDArray[Any]) -> None:
    write_folder(tmp_path / "sizes", crop[:4])
    write_plane(tmp_path / "sizes" / "plane3.png", crop[0, :-1])
    with pytest.raises(VolumeError, match=r"plane3\.png is 63 × 80 uint8, but plane1\.png is 64 × 80 uint8"):
        open_volume(tmp_path / "sizes")
    write_folder(tmp_path / "types", crop[:4], ".tif")
    write_plane(tmp_path / "types" / "plane2.tif", crop[0].astype(np.uint16))
    with pytest.raises(VolumeError, match=r"plane2\.tif"):
        open_volume(tmp_path / "types")
    write_folder(tmp_path / "stacks", crop[:4], ".tif")
    write_plane(tmp_path / "stacks" / "plane4.tif", crop[:6])
    with pytest.raises(VolumeError, match=r"plane4\.tif holds 6 planes"):
        open_volume(tmp_path / "stacks")
    write_folder(tmp_path / "broken", crop[:4], ".tif")
    (tmp_path / "broken" / "plane2.tif").write_bytes(b"")
    with pytest.raises(VolumeError, match=r"plane2\.tif"):
        open_volume(tmp_path / "broken")


def test_missing_planes_are_told(tmp_path: Path, crop: NDArray[Any]) -> None:
    write_folder(tmp_path / "planes", crop[:9])
    (tmp_path / "planes" / "plane4.png").unlink()
    with open_volume(tmp_path / "planes") as volume:
        assert volume.notes == ["The numbers of the planes jump 1 time, first between plane3.png and plane5.png."]


def test_a_plane_that_changed_meanwhile_is_a_clear_error(tmp_path: Path, crop: NDArray[Any]) -> None:
    write_folder(tmp_path / "planes", crop[:4])
    with open_volume(tmp_path / "planes") as volume:
        write_plane(tmp_path / "planes" / "plane2.png", crop[0, :9])
        (tmp_path / "planes" / "plane3.png").unlink()
        np.testing.assert_array_equal(volume[0], crop[0])
        with pytest.raises(VolumeError, match="changed"):
            volume[1]
        with pytest.raises(VolumeError, match="does not exist"):
            volume[2]


def test_a_folder_of_one_stack_opens_it(tmp_path: Path, crop: NDArray[Any], assert_reads: Check) -> None:
    (tmp_path / "planes").mkdir()
    write_plane(tmp_path / "planes" / "stack.tif", crop)
    with open_volume(tmp_path / "planes") as volume:
        assert_reads(volume, crop)
        assert volume.notes == ["The folder holds one image file, stack.tif."]


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match="holds no images"):
        open_volume(tmp_path)


def test_voxel_size_of_tiff_planes(tmp_path: Path, crop: NDArray[Any], assert_size: SizeCheck) -> None:
    for number in range(3):
        resolution = {"resolution": (1e7 / 5.9, 1e7 / 5.9), "resolutionunit": "CENTIMETER"}
        tifffile.imwrite(tmp_path / f"{number}.tif", crop[number], **resolution)
    with open_volume(tmp_path) as volume:
        assert_size(volume, (None, 5.9, 5.9), "TIFF resolution")


@pytest.mark.parametrize("colour", ["rgb", "rgba"])
def test_colour_pictures(tmp_path: Path, crop: NDArray[Any], assert_reads: Check, colour: str) -> None:
    samples = [crop[0]] * 3 + ([np.full_like(crop[0], 255)] if colour == "rgba" else [])
    write_plane(tmp_path / "a.png", np.stack(samples, axis=-1))
    with open_volume(tmp_path / "a.png") as volume:
        assert_reads(volume, crop[:1])
        assert volume.notes == [f"Colour was turned into grey ({len(samples)} samples a pixel)."]


def test_a_jpeg(tmp_path: Path, crop: NDArray[Any], assert_reads: Check) -> None:
    data = imagecodecs.jpeg8_encode(np.ascontiguousarray(crop[0]), level=95)
    (tmp_path / "a.jpg").write_bytes(data)
    with open_volume(tmp_path / "a.jpg") as volume:
        assert_reads(volume, imagecodecs.jpeg8_decode(data)[np.newaxis])


def test_colours_are_weighted(tmp_path: Path) -> None:
    pixels = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    write_plane(tmp_path / "a.png", pixels)
    with open_volume(tmp_path / "a.png") as volume:
        assert volume[0].tolist() == [[76, 150, 29]]
