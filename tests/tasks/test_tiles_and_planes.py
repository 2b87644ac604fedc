"""Cutting large images into tiles and merging them, and exporting planes: with real files, from the command line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from empanada_desktop.cli import main
from empanada_desktop.core.geometry import Spacing
from empanada_desktop.io.ome_zarr import ResultStore
from empanada_desktop.io.tiff import write_plane_tiff
from empanada_desktop.io.volumes import open_volume

Pixels = NDArray[Any]


def run(*words: object) -> None:
    assert main([str(word) for word in words]) == 0


def image(dtype: type, shape: tuple[int, ...] = (130, 205)) -> Pixels:
    draw = np.random.default_rng(0)
    return (draw.random(shape) * 200).astype(dtype)


def mask(shape: tuple[int, ...] = (130, 205)) -> NDArray[np.uint32]:
    """Return objects that lie across the tiles' edges, with ids beyond 16 bits."""
    labels = np.zeros(shape, np.uint32)
    labels[..., 20:120, 30:150], labels[..., 100:125, 160:200] = 4_000_000_001, 70_002
    return labels


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("side", [64, 300, 1])
def test_tiles_are_squares_and_merge_to_what_was_cut(tmp_path: Path, dtype: type, side: int) -> None:
    shape = (130, 205) if side > 1 else (5, 7)
    write_plane_tiff(tmp_path / "big.tif", image(dtype, shape), Spacing(None, 4.0, 5.0))
    tifffile.imwrite(tmp_path / "mask.tif", mask()[: shape[0], : shape[1]])
    tiles = tmp_path / "tiles"
    run("cut-tiles", tmp_path / "big.tif", "--mask", tmp_path / "mask.tif", "--tile-size", side, "--out", tiles)
    names = sorted(path.name for path in (tiles / "images").iterdir())
    assert names == sorted(path.name for path in (tiles / "masks").iterdir())
    assert len(names) == -(-shape[0] // side) * -(-shape[1] // side)
    for name in names:
        with tifffile.TiffFile(tiles / "images" / name) as file:
            assert (file.pages[0].imagelength, file.pages[0].imagewidth) == (side, side)  # type: ignore[union-attr]
    run("merge-tiles", tiles, "--image", tmp_path / "again.tif", "--mask", tmp_path / "mask_again.tif")
    with open_volume(tmp_path / "again.tif") as merged, open_volume(tmp_path / "mask_again.tif") as labels:
        np.testing.assert_array_equal(merged[0], image(dtype, shape))
        assert merged.dtype == dtype
        assert merged.spacing.zyx[1:] == pytest.approx((4, 5))
        np.testing.assert_array_equal(labels[0], mask()[: shape[0], : shape[1]])


def test_edited_masks_of_a_stack_are_merged_with_their_ids(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "stack.tif", image(np.uint8, (12, 40, 50)), photometric="minisblack")
    run("cut-tiles", tmp_path / "stack.tif", "--tile-size", 32, "--out", tmp_path / "t")
    names = sorted(path.name for path in (tmp_path / "t/images").iterdir())
    assert names[0] == "stack_z00_r0_c0.tif"
    assert len(names) == 12 * 4
    (tmp_path / "t/masks").mkdir()
    for number, name in enumerate(names, 1):
        tifffile.imwrite(tmp_path / "t/masks" / name, np.full((32, 32), number, np.int32))
    run("merge-tiles", tmp_path / "t", "--mask", tmp_path / "m.tif")
    with open_volume(tmp_path / "m.tif") as merged:
        assert merged.shape == (12, 40, 50)
        assert [merged[0][0, 0], merged[0][0, 49], merged[0][39, 0], merged[11][39, 49]] == [1, 2, 3, 48]


def test_a_tile_that_is_gone_or_was_resized_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tifffile.imwrite(tmp_path / "big.tif", image(np.uint8))
    run("cut-tiles", tmp_path / "big.tif", "--tile-size", 64, "--out", tmp_path / "t")
    tile = tmp_path / "t/images/big_r1_c2.tif"
    tile.unlink()
    assert main(["merge-tiles", str(tmp_path / "t"), "--image", str(tmp_path / "a.tif")]) == 2
    assert "big_r1_c2.tif" in capsys.readouterr().err
    tifffile.imwrite(tile, np.zeros((63, 64), np.uint8))
    assert main(["merge-tiles", str(tmp_path / "t"), "--image", str(tmp_path / "a.tif")]) == 2
    assert "63 × 64" in capsys.readouterr().err
    tifffile.imwrite(tile, np.full((64, 64), 1000, np.uint16))
    assert main(["merge-tiles", str(tmp_path / "t"), "--image", str(tmp_path / "a.tif")]) == 2
    assert "do not fit into uint8" in capsys.readouterr().err
    (tmp_path / "t/tiles.json").write_text(json.dumps({"tiles": 3}))
    assert main(["merge-tiles", str(tmp_path / "t"), "--image", str(tmp_path / "a.tif")]) == 2
    assert "not made by cut-tiles" in capsys.readouterr().err
    assert not (tmp_path / "a.tif").exists()


def test_tiles_never_take_the_place_of_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tifffile.imwrite(tmp_path / "big.tif", image(np.uint8))
    cut = ["cut-tiles", str(tmp_path / "big.tif"), "--out", str(tmp_path / "t")]
    assert main(cut) == 0
    assert main(cut) == 2
    assert "holds tiles.json already" in capsys.readouterr().err
    inside = ["cut-tiles", str(tmp_path / "t/images/big_r0_c0.tif"), "--out", str(tmp_path / "t"), "--overwrite"]
    assert main(inside) == 2
    assert "lies where files are to be written" in capsys.readouterr().err
    tifffile.imwrite(tmp_path / "other.tif", image(np.uint8, (10, 10)))
    wrong = [
        "cut-tiles",
        str(tmp_path / "big.tif"),
        "--mask",
        str(tmp_path / "other.tif"),
        "--out",
        str(tmp_path / "u"),
    ]
    assert main(wrong) == 2
    assert main(["merge-tiles", str(tmp_path / "t")]) == 2
    assert main(["merge-tiles", str(tmp_path / "t"), "--mask", str(tmp_path / "m.tif")]) == 2
    assert "has no masks" in capsys.readouterr().err


@pytest.fixture
def result(tmp_path: Path) -> Path:
    path = tmp_path / "r.zarr"
    store = ResultStore.create(path, (11, 20, 30), Spacing(30.0, 10.0, 5.0, "test"), 16, {"task": "test"})
    store.label_array("labels/mito", 1, "mito", 1000)[:] = labels()
    store.finish({"task": "test"})
    tifffile.imwrite(tmp_path / "grey.tif", image(np.uint16, (11, 20, 30)), photometric="minisblack")
    return path


def labels() -> NDArray[np.uint32]:
    ids = np.zeros((11, 20, 30), np.uint32)
    ids[2:9, 4:12, 6:20], ids[5:, 14:, 22:] = 1001, 1002
    return ids


@pytest.mark.parametrize("plane", ["xy", "xz", "yz"])
def test_planes_are_exported_with_their_images(tmp_path: Path, result: Path, plane: str) -> None:
    normal = {"xy": 0, "xz": 1, "yz": 2}[plane]
    run("export-planes", result, "--image", tmp_path / "grey.tif", "--plane", plane, "--out", tmp_path / "out")
    masks = sorted((tmp_path / "out/masks").iterdir())
    assert len(masks) == labels().shape[normal]
    assert [path.name for path in masks] == [path.name for path in sorted((tmp_path / "out/images").iterdir())]
    assert masks[0].name == "grey_00.tif"
    for index in (0, 6):
        with open_volume(masks[index]) as mask_file, open_volume(tmp_path / "out/images" / masks[index].name) as grey:
            np.testing.assert_array_equal(mask_file[0], np.take(labels(), index, normal))
            np.testing.assert_array_equal(grey[0], np.take(image(np.uint16, (11, 20, 30)), index, normal))
            assert mask_file.dtype == np.uint16, "the smallest type for these ids"
            sizes = [30.0, 10.0, 5.0]
            assert mask_file.spacing.zyx[1:] == pytest.approx([size for at, size in enumerate(sizes) if at != normal])


def test_a_volume_is_exported_as_one_file(tmp_path: Path, result: Path) -> None:
    words = [result, "--image", tmp_path / "grey.tif", "--export-as", "volume", "--label-type", "uint32"]
    run("export-planes", *words, "--out", tmp_path / "out", "--name", "cell")
    with open_volume(tmp_path / "out/masks/cell.tif") as masks, open_volume(tmp_path / "out/images/cell.tif") as grey:
        np.testing.assert_array_equal(masks[:, :, :], labels())
        np.testing.assert_array_equal(grey[:, :, :], image(np.uint16, (11, 20, 30)))
        assert masks.dtype == np.uint32
        assert masks.spacing.zyx == pytest.approx((30, 10, 5))


def test_ids_that_do_not_fit_and_files_in_the_way_are_said(
    tmp_path: Path, result: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export = ["export-planes", str(result), "--out", str(tmp_path / "out")]
    assert main([*export, "--label-type", "uint8"]) == 2
    assert "Id 1001 does not fit into uint8" in capsys.readouterr().err
    (tmp_path / "out/masks/r_03.tif").unlink(missing_ok=True)
    assert main([*export, "--overwrite"]) == 0
    assert main(export) == 2
    assert "exists already" in capsys.readouterr().err
