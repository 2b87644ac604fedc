"""TIFF of every kind that tifffile writes, opened and compared voxel by voxel."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from empanada_desktop.errors import VolumeError
from empanada_desktop.io.volumes import Volume, list_datasets, open_volume

Check = Callable[[Volume, NDArray[Any]], None]
SizeCheck = Callable[[Volume, tuple[float | None, ...], str], None]

KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "big": {"bigtiff": True},
    "big endian": {"byteorder": ">"},
    "deflate": {"compression": "zlib"},
    "deflate strips": {"compression": "zlib", "rowsperstrip": 7},
    "lzw with predictor": {"compression": "lzw", "predictor": True, "rowsperstrip": 8},
    "zstd": {"compression": "zstd"},
    "tiles": {"tile": (32, 16)},
    "tiles deflate": {"tile": (16, 32), "compression": "zlib"},
    "raw strips": {"rowsperstrip": 5},
    "ImageJ": {"imagej": True, "metadata": {"axes": "ZYX"}},
    "ImageJ deflate": {"imagej": True, "metadata": {"axes": "ZYX"}, "compression": "zlib"},
    "OME": {"ome": True, "metadata": {"axes": "ZYX"}},
    "OME deflate tiles": {"ome": True, "metadata": {"axes": "ZYX"}, "tile": (32, 32), "compression": "zlib"},
    "volumetric tiles": {"volumetric": True, "tile": (16, 16, 16)},
    "no metadata": {"metadata": None},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_every_kind(tmp_path: Path, crop: NDArray[np.uint8], assert_reads: Check, kind: str, dtype: str) -> None:
    expected = crop.astype(dtype) * (1 if dtype == "uint8" else 257)
    expected = expected.astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", expected, photometric="minisblack", **KINDS[kind])
    with open_volume(tmp_path / "a.tif") as volume:
        assert_reads(volume, expected)
        assert volume.notes == []


@pytest.mark.parametrize("dtype", ["bool", "int8", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_dtype(tmp_path: Path, crop: NDArray[np.uint8], assert_reads: Check, dtype: str, order: str) -> None:
    expected = (crop.astype("int32") - 100).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", expected, byteorder=order, compression="zlib")
    with open_volume(tmp_path / "a.tif") as volume:
        assert_reads(volume, expected)


def test_pages_written_one_by_one(tmp_path: Path, crop: NDArray[np.uint8], assert_reads: Check) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for plane in crop:
            writer.write(plane, contiguous=False, metadata=None, rowsperstrip=9)
    with open_volume(tmp_path / "a.tif") as volume:
        assert_reads(volume, crop)


def test_a_single_picture_is_one_plane(tmp_path: Path, crop: NDArray[np.uint8], assert_reads: Check) -> None:
    tifffile.imwrite(tmp_path / "a.tif", crop[0])
    with open_volume(tmp_path / "a.tif") as volume:
        assert_reads(volume, crop[:1])


def test_jpeg_compression(tmp_path: Path, crop: NDArray[np.uint8], assert_reads: Check) -> None:
    tifffile.imwrite(tmp_path / "a.tif", crop, compression="jpeg", tile=(32, 32))
    with open_volume(tmp_path / "a.tif") as volume:
        assert_reads(volume, tifffile.imread(tmp_path / "a.tif"))


@pytest.mark.parametrize("imagej", [True, False])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_of_channels_and_times_the_first_is_taken_and_told(
    tmp_path: Path, crop: NDArray[np.uint8], assert_reads: Check, imagej: bool, compression: str | None
) -> None:
    hyperstack = crop.reshape(2, 6, 2, *crop.shape[1:])
    kind = {"imagej": True} if imagej else {"ome": True}
    tifffile.imwrite(tmp_path / "a.tif", hyperstack, metadata={"axes": "TZCYX"}, compression=compression, **kind)
    with open_volume(tmp_path / "a.tif") as volume:
        assert_reads(volume, hyperstack[0, :, 0])
        assert volume.notes == [
            "The file holds 2 time points; the first is open.",
            "The file holds 2 channels; the first is open.",
        ]


@pytest.mark.parametrize(("axes", "called"), [("TYX", "time points"), ("CYX", "channels")])
def test_a_stack_by_another_name_is_taken_as_z(
    tmp_path: Path, crop: NDArray[np.uint8], assert_reads: Check, axes: str, called: str
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", crop, imagej=True, metadata={"axes": axes})
    with open_volume(tmp_path / "a.tif") as volume:
        assert_reads(volume, crop)
        assert volume.notes == [f"The file calls its 24 planes {called}; they are taken as z."]


def test_a_few_channels_of_one_plane_are_not_a_stack(
    tmp_path: Path, crop: NDArray[np.uint8], assert_reads: Check
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", crop[:3], imagej=True, metadata={"axes": "CYX"})
    with open_volume(tmp_path / "a.tif") as volume:
        assert_reads(volume, crop[:1])


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colour_becomes_grey(tmp_path: Path, crop: NDArray[np.uint8], assert_reads: Check, planar: str) -> None:
    colour = np.stack([crop] * 3, axis=-1 if planar == "contig" else 1)
    tifffile.imwrite(tmp_path / "a.tif", colour, photometric="rgb", planarconfig=planar, compression="zlib")
    with open_volume(tmp_path / "a.tif") as volume:
        assert_reads(volume, crop)
        assert volume.notes == ["Colour was turned into grey (3 samples a pixel)."]


def test_a_pyramid_opens_at_full_size(tmp_path: Path, crop: NDArray[np.uint8], assert_reads: Check) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as writer:
        writer.write(crop, subifds=1, tile=(32, 32), metadata={"axes": "ZYX"})
        writer.write(crop[:, ::2, ::2], subfiletype=1, tile=(32, 32))
    with open_volume(tmp_path / "a.ome.tif") as volume:
        assert_reads(volume, crop)


def test_of_several_images_the_largest_opens_and_any_can_be_chosen(tmp_path: Path, crop: NDArray[np.uint8]) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        writer.write(crop[0, :20, :30])
        writer.write(crop, compression="zlib")
    with open_volume(path) as volume:
        np.testing.assert_array_equal(volume[...], crop)
        assert "2 images of different kinds" in volume.notes[0]
    assert [info.shape for info in list_datasets(path)] == [(20, 30), crop.shape]
    with open_volume(path, "0") as volume:
        np.testing.assert_array_equal(volume[0], crop[0, :20, :30])
        assert volume.title == "a.tif: 0"
    with pytest.raises(VolumeError, match="no image series 2"):
        open_volume(path, "2")


def test_white_zero_is_told_and_not_turned_round(tmp_path: Path, crop: NDArray[np.uint8], assert_reads: Check) -> None:
    tifffile.imwrite(tmp_path / "a.tif", crop, photometric="miniswhite")
    with open_volume(tmp_path / "a.tif") as volume:
        assert_reads(volume, crop)
        assert "0 is white" in volume.notes[0]


def test_a_colour_table_is_told_and_not_applied(tmp_path: Path, crop: NDArray[np.uint8], assert_reads: Check) -> None:
    table = np.zeros((3, 256), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", crop, photometric="palette", colormap=table, compression="zlib")
    with open_volume(tmp_path / "a.tif") as volume:
        assert_reads(volume, crop)
        assert "colour table" in volume.notes[0]


OME = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{own}">'
    '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="80" SizeY="64" '
    'SizeZ="3" SizeC="1" SizeT="1" PhysicalSizeZ="40" PhysicalSizeZUnit="nm"><Channel ID="Channel:0:0" '
    'SamplesPerPixel="1"/>{parts}</Pixels></Image></OME>'
)
PART = '<TiffData FirstZ="{z}" IFD="0" PlaneCount="1"><UUID FileName="{z}.ome.tif">urn:uuid:{z}</UUID></TiffData>'


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_ome_over_several_files(
    tmp_path: Path, crop: NDArray[np.uint8], assert_reads: Check, compression: str | None
) -> None:
    parts = "".join(PART.format(z=z) for z in range(3))
    for z in range(3):
        description = OME.format(own=z, parts=parts)
        path = tmp_path / f"{z}.ome.tif"
        tifffile.imwrite(path, crop[z], description=description, metadata=None, compression=compression)
    with open_volume(tmp_path / "0.ome.tif") as volume:
        assert_reads(volume, crop[:3])
        assert volume.spacing.z == 40
        assert volume.notes == []
    (tmp_path / "1.ome.tif").unlink()
    with open_volume(tmp_path / "0.ome.tif") as volume:
        assert volume[1].max() == 0
        np.testing.assert_array_equal(volume[2], crop[2])
        assert volume.notes == ["Planes whose files are missing, shown black: 1."]


def test_complex_pixels_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.ones((2, 8, 8), "complex64"))
    with pytest.raises(VolumeError, match="complex64"):
        open_volume(tmp_path / "a.tif")


SIZES: dict[str, tuple[dict[str, Any], tuple[float | None, float | None, float | None], str]] = {
    "ImageJ um": (
        {"imagej": True, "resolution": (1 / 0.0059, 1 / 0.0046), "metadata": {"spacing": 0.04, "unit": "um"}},
        (40, 4.6, 5.9),
        "ImageJ spacing",
    ),
    "ImageJ micro sign": (
        {"imagej": True, "resolution": (100, 100), "metadata": {"spacing": 0.01, "unit": "\\u00B5m"}},
        (10, 10, 10),
        "ImageJ spacing",
    ),
    "ImageJ micron, no z": (
        {"imagej": True, "resolution": (100, 100), "metadata": {"unit": "micron"}},
        (None, 10, 10),
        "ImageJ spacing",
    ),
    "ImageJ nm": (
        {"imagej": True, "resolution": (0.25, 0.25), "metadata": {"spacing": 30, "unit": "nm"}},
        (30, 4, 4),
        "ImageJ spacing",
    ),
    "ImageJ pixel": ({"imagej": True, "metadata": {"spacing": 1, "unit": "pixel"}}, (None, None, None), "unknown"),
    "ImageJ without unit": (
        {"imagej": True, "resolution": (100, 100), "metadata": {"spacing": 0.01}},
        (None, None, None),
        "unknown",
    ),
    "cm": ({"resolution": (1e7 / 5.9, 1e7 / 5.9), "resolutionunit": "CENTIMETER"}, (None, 5.9, 5.9), "TIFF resolution"),
    "inch": ({"resolution": (2.54e7 / 8, 2.54e7 / 8), "resolutionunit": "INCH"}, (None, 8, 8), "TIFF resolution"),
    "72 dpi": ({"resolution": (72, 72), "resolutionunit": "INCH"}, (None, None, None), "unknown"),
    "300 dpi in cm": ({"resolution": (118.11, 118.11), "resolutionunit": "CENTIMETER"}, (None, None, None), "unknown"),
    "no unit": ({"resolution": (100, 100), "resolutionunit": "NONE"}, (None, None, None), "unknown"),
    "OME": (
        {
            "ome": True,
            "metadata": {
                "axes": "ZYX",
                "PhysicalSizeX": 5.9,
                "PhysicalSizeXUnit": "nm",
                "PhysicalSizeY": 0.0046,
                "PhysicalSizeZ": 400,
                "PhysicalSizeZUnit": "Å",
            },
        },
        (40, 4.6, 5.9),
        "OME-XML",
    ),
    "OME pixel": (
        {"ome": True, "metadata": {"axes": "ZYX", "PhysicalSizeX": 1, "PhysicalSizeXUnit": "pixel"}},
        (None, None, None),
        "unknown",
    ),
}


@pytest.mark.parametrize("name", SIZES)
def test_voxel_sizes(tmp_path: Path, crop: NDArray[np.uint8], assert_size: SizeCheck, name: str) -> None:
    options, expected, source = SIZES[name]
    options = options | {"metadata": {"axes": "ZYX", **options.get("metadata", {})}}
    tifffile.imwrite(tmp_path / "a.tif", crop[:4], photometric="minisblack", **options)
    with open_volume(tmp_path / "a.tif") as volume:
        assert_size(volume, expected, source)
        assert volume.notes == []


def test_places_that_disagree_are_told(tmp_path: Path, crop: NDArray[np.uint8]) -> None:
    metadata = {
        "axes": "ZYX",
        "PhysicalSizeX": 8,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 8,
        "PhysicalSizeYUnit": "nm",
    }
    resolution = {"resolution": (2e6, 2e6), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(tmp_path / "a.ome.tif", crop, metadata=metadata, **resolution)
    with open_volume(tmp_path / "a.ome.tif") as volume:
        assert volume.spacing.zyx == (None, 8, 8)
        assert volume.notes == [
            "The voxel size differs inside the file: ? × 8 × 8 nm (z, y, x; OME-XML) is used, "
            "? × 5 × 5 nm (z, y, x; TIFF resolution) is not."
        ]
