"""The verbs on labels from the command line: real files in, real files out, repeated from their recipes."""

import csv
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from empanada_desktop.cli import main
from empanada_desktop.core.geometry import Spacing
from empanada_desktop.io.edit_files import read_edits
from empanada_desktop.io.ome_zarr import ResultStore
from empanada_desktop.io.overlay_files import OverlayState, write_overlay
from empanada_desktop.io.tiff import write_label_tiff
from empanada_desktop.io.volumes import open_volume

Labels = NDArray[Any]
SHAPE = (20, 40, 60)
DIVISOR = 1000


def objects() -> Labels:
    """Return objects of two classes: two balls that meet, one with a hole, one at the border, a small one."""
    labels = np.zeros(SHAPE, np.uint32)
    grid = np.indices(SHAPE)
    for z, y, x, radius, label_id in [
        (10, 12, 12, 7, 1001),
        (10, 12, 23, 7, 1001),
        (10, 26, 45, 6, 2001),
        (2, 33, 8, 5, 1002),
    ]:
        labels[(grid[0] - z) ** 2 + (grid[1] - y) ** 2 + (grid[2] - x) ** 2 < radius**2] = label_id
    labels[10, 26, 45] = 0
    labels[15:17, 30:32, 30:32] = 1003
    return labels


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """The objects as a result of ours, with a voxel size."""
    path = tmp_path / "labels.zarr"
    store = ResultStore.create(path, SHAPE, Spacing(16.0, 8.0, 8.0, "test"), 16, {"task": "test"})
    store.label_array("labels/mito", 1, "mito", DIVISOR)[:] = objects()
    store.finish({"task": "test"})
    return path


def run(*words: object) -> None:
    assert main([str(word) for word in words]) == 0


def read(path: Path) -> Labels:
    with open_volume(path, "labels/mito" if path.suffix == ".zarr" else None) as volume:
        return volume[:, :, :]


WORDS: dict[str, list[str]] = {
    "merge-labels": ["--ids", "1001,1002", "--into", "1001"],
    "split-labels": [
        "--ids",
        "1001",
        "--min-distance",
        "8",
        "--max-objects-per-class",
        "1000",
        "--new-ids-from",
        "1050",
    ],
    "delete-labels": ["--ids", "1002"],
    "morph-labels": ["--operation", "fill", "--hole-size", "3"],
    "filter-labels": ["--remove", "border"],
}


def expected(verb: str) -> Labels:
    labels = objects()
    if verb == "merge-labels":
        labels[labels == 1002] = 1001
    elif verb in ("delete-labels", "filter-labels"):
        labels[labels == 1002] = 0
    elif verb == "morph-labels":
        labels[10, 26, 45] = 2001
    return labels


@pytest.mark.parametrize("verb", list(WORDS))
def test_a_verb_writes_zarr_tiff_and_edits_that_agree(stored: Path, tmp_path: Path, verb: str) -> None:
    before = objects()
    for name in ("out.zarr", "out.tif", "out.edits"):
        run(verb, stored, "--out", tmp_path / name, *WORDS[verb])
    by_zarr, by_tiff = read(tmp_path / "out.zarr"), read(tmp_path / "out.tif")
    np.testing.assert_array_equal(by_zarr, by_tiff)
    for edit in read_edits(tmp_path / "out.edits"):
        edit.apply(before)
    np.testing.assert_array_equal(by_zarr, before)
    if verb != "split-labels":
        np.testing.assert_array_equal(by_zarr, expected(verb))
    else:
        assert set(np.unique(by_zarr)) == {0, 1001, 1002, 1003, 1050, 2001}
    np.testing.assert_array_equal(read(stored), objects(), "the labels themselves stay as they are")
    with open_volume(tmp_path / "out.tif") as volume:
        assert volume.spacing.zyx == pytest.approx((16, 8, 8))


def test_a_result_is_made_again_from_its_recipe(stored: Path, tmp_path: Path) -> None:
    run("filter-labels", stored, "--out", tmp_path / "one.zarr", "--min-size", "20")
    run("run", tmp_path / "one.zarr", "--out", tmp_path / "two.zarr")
    np.testing.assert_array_equal(read(tmp_path / "two.zarr"), read(tmp_path / "one.zarr"))
    assert 1003 not in read(tmp_path / "two.zarr")


def test_points_and_lines_are_typed(stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["--max-objects-per-class", DIVISOR]
    run(
        "split-labels",
        stored,
        "--by",
        "points",
        "--points",
        "10,12,12; 10,12,23",
        "--out",
        tmp_path / "p.zarr",
        *common,
    )
    assert "New ids: 1004." in capsys.readouterr().out
    line = ["--by", "line", "--line", "2,17.5;24,17.5", "--index", "10", "--ids", "1001"]
    run("split-labels", stored, *line, "--out", tmp_path / "l.tif", *common)
    run("split-labels", stored, *line, "--works-in", "xy", "--out", tmp_path / "plane.tif", *common)
    for path in (tmp_path / "p.zarr", tmp_path / "l.tif"):
        after = read(path)
        assert {after[10, 12, 12], after[10, 12, 23]} == {1001, 1004}
    changed = read(tmp_path / "plane.tif") != objects()
    assert changed[10].any()
    assert not np.delete(changed, 10, axis=0).any()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["merge-labels", "--ids", "1001"], "Merging needs two objects"),
        (["merge-labels", "--ids", "1001,99"], "There is no object 99"),
        (["merge-labels", "--ids", "1001,1002", "--into", "2001"], "2001 is another object"),
        (["delete-labels"], "No object is named"),
        (["delete-labels", "--ids", "1001", "99", "98"], "There is no object 99 or 98."),
        (["morph-labels", "--ids", "99"], "There is no object 99."),
        (["split-labels", "--by", "points"], "Nothing was split"),
        (["split-labels", "--by", "line", "--line", "1,1"], "two points or more"),
        (["split-labels", "--min-distance", "101"], "should be 100 or less"),
        (["morph-labels", "--radius", "8"], "should be 7 or less"),
        (["split-labels", "--by", "points", "--points", "1,2;3"], "points"),
    ],
)
def test_what_cannot_be_done_is_said_and_leaves_nothing(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    verb, *rest = words
    assert main([verb, str(stored), "--out", str(tmp_path / "out.zarr"), *rest]) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["labels.zarr"]


@pytest.mark.parametrize("name", ["labels.zarr", "labels.zarr/labels", "x.png", "taken.tif", "taken.edits", "."])
def test_nothing_is_overwritten(stored: Path, tmp_path: Path, name: str) -> None:
    for taken in ("taken.tif", "taken.edits"):
        (tmp_path / taken).write_text("mine")
    assert main(["delete-labels", str(stored), "--ids", "1001", "--out", str(tmp_path / name)]) == 2
    np.testing.assert_array_equal(read(stored), objects())
    assert (tmp_path / "taken.tif").read_text() == (tmp_path / "taken.edits").read_text() == "mine"


def test_counting_by_class_in_the_volume_and_in_planes(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--max-objects-per-class", DIVISOR, "--class-names", "2=axon"]
    run("count-labels", stored, *common, "--out", tmp_path / "ids.csv")
    assert "Volume: 3 mito, 1 axon." in capsys.readouterr().out
    with (tmp_path / "ids.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert [row[2] for row in rows[1:]] == ["1001", "1002", "1003", "2001"]
    run("count-labels", stored, *common, "--scope", "planes", "--out", tmp_path / "ids.xlsx")
    said = capsys.readouterr().out.splitlines()
    assert said[10] == "xy plane 10: 1 mito, 1 axon."
    assert said[19] == "xy plane 19: no objects."
    run("count-labels", stored, *common, "--scope", "plane", "--plane", "xz", "--index", "33")
    assert capsys.readouterr().out.startswith("xz plane 33: 1 mito.")
    run("count-labels", stored, "--max-objects-per-class", "2000")
    assert "Volume: 3 no class, 1 mito." in capsys.readouterr().out
    run("count-labels", stored, "--max-objects-per-class", "10000")
    assert "Volume: 4 objects." in capsys.readouterr().out
    assert main(["count-labels", str(stored), "--scope", "plane", "--index", "77"]) == 2
    assert "There is no xy plane 77" in capsys.readouterr().err


def test_measuring_with_an_image(stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = tmp_path / "image.tif"
    tifffile.imwrite(image, np.full(SHAPE, 7, np.uint8))
    run("measure", stored, "--image", image, "--out", tmp_path / "m.csv", "--unit", "nm", "--ids", "2001,1003")
    said = capsys.readouterr().out
    assert "2 objects measured" in said
    assert "16 × 8 × 8 nm" in said
    with (tmp_path / "m.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["Id"] for row in rows] == ["1003", "2001"]
    assert float(rows[0]["Volume (nm³)"]) == 8 * 16 * 8 * 8
    assert {row["Grey mean"] for row in rows} == {"7.0"}
    run("measure", stored, "--out", tmp_path / "plane.xlsx", "--works-in", "xy", "--index", "10")
    tifffile.imwrite(tmp_path / "other.tif", np.zeros((6, 7, 8), np.uint8), photometric="minisblack")
    assert main(["measure", str(stored), "--image", str(tmp_path / "other.tif"), "--out", str(tmp_path / "x.csv")]) == 2
    assert "Give its image" in capsys.readouterr().err


def test_reviewing_uses_the_stacks_of_a_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "ortho.zarr"
    store = ResultStore.create(path, SHAPE, Spacing(), 16, {"task": "test"})
    for group in ("labels/mito", "stacks/xy/mito", "stacks/xz/mito", "stacks/yz/mito"):
        seen = objects()
        if group in ("stacks/xy/mito", "stacks/xz/mito"):
            seen[seen == 2001] = 0
        store.label_array(group, 1, "mito", DIVISOR)[:] = seen
    store.finish({"task": "test"})
    run("review", path, "--out", tmp_path / "review.csv")
    assert "Found in yz only" in capsys.readouterr().out
    with (tmp_path / "review.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    scores = [float(row["Score"]) for row in rows]
    assert all(one >= other for one, other in itertools.pairwise(scores))
    assert {row["Objects"] for row in rows if row["Question"] == "Edge"} == {"1002"}
    base = {"path": str(path), "dataset": "labels/mito", "voxel_size": None}
    state = OverlayState(SHAPE, np.dtype(np.uint32), [(1, 1, 1)], Spacing(), base, {})
    write_overlay(tmp_path / "1.overlay", state)
    run("review", tmp_path / "1.overlay")
    assert "Found in yz only" in capsys.readouterr().out


def test_labels_of_other_types_and_kinds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = tmp_path / "small.tif"
    write_label_tiff(small, list((objects() % 251).astype(np.uint8)), SHAPE, Spacing(), {}, np.uint8)
    run("morph-labels", small, "--operation", "erode", "--out", tmp_path / "eroded.zarr")
    with open_volume(tmp_path / "eroded.zarr", "labels/objects") as volume:
        assert volume.dtype == np.uint32
    tifffile.imwrite(tmp_path / "grey.tif", np.zeros(SHAPE, np.float32))
    assert main(["count-labels", str(tmp_path / "grey.tif")]) == 2
    assert "not labels" in capsys.readouterr().err
