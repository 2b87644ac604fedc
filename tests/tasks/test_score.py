"""Scoring files against files."""

import csv
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray

from empanada_desktop.core.context import QuietContext
from empanada_desktop.errors import AppError, JobCancelled, SettingsError
from empanada_desktop.tasks import score
from empanada_desktop.tasks.score import Inputs, Params, ScoreResult


@pytest.fixture
def truth() -> NDArray[np.uint8]:
    labels = np.zeros((6, 20, 20), np.uint8)
    labels[0:3, 2:8, 2:8] = 1
    labels[2:6, 2:8, 12:18] = 2
    labels[4:6, 12:18, 2:8] = 3
    return labels


def tiff(path: Path, labels: NDArray[np.generic]) -> str:
    tifffile.imwrite(path, labels, photometric="minisblack")
    return str(path)


def scored(prediction: str, against: str, **options: object) -> ScoreResult:
    files = {name: options.pop(name) for name in list(options) if name in Inputs.model_fields}
    inputs = Inputs.checked({"prediction": prediction, "truth": against, **files})
    return score.run(inputs, Params.checked(options), QuietContext())


def test_a_copy_is_perfect_whatever_its_ids(tmp_path: Path, truth: NDArray[np.uint8]) -> None:
    store = zarr.create_array(str(tmp_path / "p.zarr"), data=(truth.astype(np.uint32) * 1000), chunks=(2, 20, 20))
    assert store.shape == truth.shape
    result = scored(str(tmp_path / "p.zarr"), tiff(tmp_path / "t.tif", truth))
    assert result.volume is not None
    assert result.volume.iou == result.pooled.iou == 1
    assert result.volume.strict.panoptic_quality == result.pooled.average_precision == 1
    assert result.volume.strict.true_positives == 3
    assert result.pooled.strict.true_positives == 3 + 4 + 2  # planes of each object
    assert len(result.planes) == 6


def test_a_mask_counts_by_connected_parts_and_ids_by_ids(tmp_path: Path, truth: NDArray[np.uint8]) -> None:
    joined = truth.copy()
    joined[truth > 0] = 255
    result = scored(tiff(tmp_path / "p.tif", truth), tiff(tmp_path / "t.tif", joined))
    assert result.volume is not None
    assert result.volume.strict.f1 == 1
    assert "connected part" in result.notes[0]
    assert "each id" in result.notes[1]
    as_ids = scored(str(tmp_path / "p.tif"), str(tmp_path / "t.tif"), truth_objects="ids")
    assert as_ids.volume is not None
    # One object of 324 voxels, of which the largest prediction covers 144.
    assert (as_ids.volume.strict.true_positives, as_ids.volume.strict.false_negatives) == (0, 1)
    assert as_ids.volume.iou == 1


def test_an_object_that_is_split_in_3d_is_whole_in_every_plane(tmp_path: Path, truth: NDArray[np.uint8]) -> None:
    split = truth.copy()
    split[4:6][split[4:6] == 2] = 9
    result = scored(tiff(tmp_path / "p.tif", split), tiff(tmp_path / "t.tif", truth))
    assert result.pooled.strict.f1 == 1
    assert result.volume is not None
    assert result.volume.strict.true_positives == 2  # halves: IoU of exactly .5 is not above .5
    assert result.volume.by_threshold[0.5].true_positives == 3
    assert result.volume.by_threshold[0.5].false_positives == 1


def test_other_planes_give_the_same_3d_scores(tmp_path: Path, truth: NDArray[np.uint8]) -> None:
    worse = np.roll(truth, (0, 1, 2), axis=(0, 1, 2))
    files = tiff(tmp_path / "p.tif", worse), tiff(tmp_path / "t.tif", (truth > 0).astype(np.uint8))
    along_z, along_x = scored(*files, plane="xy"), scored(*files, plane="yz")
    assert along_z.volume == along_x.volume
    assert (len(along_z.planes), len(along_x.planes)) == (6, 20)


def test_a_single_plane_has_no_3d_score(tmp_path: Path, truth: NDArray[np.uint8]) -> None:
    result = scored(tiff(tmp_path / "p.tif", truth[4]), tiff(tmp_path / "t.tif", truth[4]))
    assert result.volume is None
    assert result.pooled.strict.true_positives == 2
    assert not any("3D" in line for line in result.lines()[2:])


def test_the_table_holds_every_plane(tmp_path: Path, truth: NDArray[np.uint8]) -> None:
    path = tiff(tmp_path / "t.tif", truth)
    result = scored(path, path, out=str(tmp_path / "scores.csv"), thresholds=(0.5, 0.9))
    with (tmp_path / "scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["what"] for row in rows[:4]] == ["3D", "2D, all planes", "2D, mean of planes", "plane 0"]
    assert len(rows) == 3 + 6
    assert float(rows[0]["F1 at 0.9"]) == 1
    assert any(line.startswith("F1 at 0.9") for line in result.lines())
    with pytest.raises(SettingsError, match="exists already"):
        scored(path, path, out=str(tmp_path / "scores.csv"))
    scored(path, path, out=str(tmp_path / "scores.csv"), overwrite=True)


def test_what_cannot_be_compared_is_said(tmp_path: Path, truth: NDArray[np.uint8]) -> None:
    path = tiff(tmp_path / "t.tif", truth)
    with pytest.raises(SettingsError, match="6 × 20 × 20"):
        scored(tiff(tmp_path / "small.tif", truth[:4]), path)
    with pytest.raises(SettingsError, match="not labels"):
        scored(tiff(tmp_path / "float.tif", truth.astype(np.float32)), path)
    with pytest.raises(SettingsError, match="ids from -1"):
        scored(tiff(tmp_path / "negative.tif", truth.astype(np.int16) - 1), path)
    with pytest.raises(SettingsError, match="name of a table"):
        scored(path, path, out=str(tmp_path / "scores.txt"))
    with pytest.raises(SettingsError, match="no folder"):
        scored(path, path, out=str(tmp_path / "nowhere" / "scores.csv"))
    with pytest.raises(SettingsError, match="thresholds"):
        scored(path, path, thresholds=())
    with pytest.raises(AppError):
        scored(str(tmp_path / "missing.tif"), path)


def test_empty_volumes_score_nothing(tmp_path: Path, truth: NDArray[np.uint8]) -> None:
    empty = tiff(tmp_path / "e.tif", np.zeros_like(truth))
    result = scored(empty, empty)
    assert "–" in "\n".join(result.lines())
    assert scored(empty, tiff(tmp_path / "t.tif", truth)).pooled.iou == 0


class CancelledAtOnce(QuietContext):
    def check_cancelled(self) -> None:
        raise JobCancelled


def test_scoring_can_be_cancelled(tmp_path: Path, truth: NDArray[np.uint8]) -> None:
    path = tiff(tmp_path / "t.tif", truth)
    with pytest.raises(JobCancelled):
        score.run(Inputs(prediction=path, truth=path), Params(), CancelledAtOnce())


def test_classes_are_scored_apart_and_what_has_no_counterpart_is_named(tmp_path: Path) -> None:
    true = np.zeros((4, 30, 30), np.uint32)
    true[:, 2:10, 2:10], true[:, 2:10, 15:25], true[:, 15:25, 2:10] = 1001, 1002, 2001
    found = np.zeros_like(true)
    found[:, 2:10, 2:10], found[:, 15:25, 2:10], found[:, 15:25, 15:25] = 1007, 2003, 2004
    found[:, 2:10, 15:18] = 1009  # too little of 1002
    result = scored(tiff(tmp_path / "p.tif", found), tiff(tmp_path / "t.tif", true), max_objects_per_class=1000)
    scores = dict(result.classes)
    assert (scores[1].strict.true_positives, scores[1].strict.false_negatives) == (1, 1)
    assert (scores[2].strict.true_positives, scores[2].strict.false_positives) == (1, 1)
    assert result.missed == (1002,)
    assert result.invented == (1009, 2004)
    assert [row["what"] for row in result.rows()][:3] == ["3D", "3D, class 1", "3D, class 2"]
    other = tiff(tmp_path / "n.tif", np.where(found == 1007, 5, 0).astype(np.uint32))
    numbered = scored(other, str(tmp_path / "t.tif"), max_objects_per_class=1000, prediction_objects="ids")
    assert numbered.classes == ()
    assert (numbered.missed, numbered.invented) == ((1002, 2001), ())


def test_a_layer_shows_what_was_missed_and_invented(tmp_path: Path, truth: NDArray[np.uint8]) -> None:
    found = truth.copy()
    found[truth == 3] = 0
    found[0:2, 14:18, 12:18] = 9
    found[2:5, 2:8, 12:18] = 0  # a quarter of object 2 is left
    files = [tiff(tmp_path / "p.tif", found), tiff(tmp_path / "t.tif", truth)]
    for name in ("d.tif", "d.zarr"):
        scored(*files, faults=str(tmp_path / name))
    missed, invented = np.isin(truth, (2, 3)), np.isin(found, (2, 9))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "d.tif"), missed + 2 * invented.astype(np.uint8))
    for name, labels, shown in (("missed", truth, missed), ("invented", found, invented)):
        layer = zarr.open_array(str(tmp_path / "d.zarr"), mode="r", path=f"labels/{name}/0")
        np.testing.assert_array_equal(np.asarray(layer[:]), np.where(shown, labels, 0))
    with pytest.raises(SettingsError, match="neither"):
        scored(*files, faults=str(tmp_path / "d.png"))
    with pytest.raises(SettingsError, match="never replaced"):
        scored(*files, faults=files[0], overwrite=True)
    with pytest.raises(AppError, match="exists"):
        scored(*files, faults=str(tmp_path / "d.zarr"))
    mask = tiff(tmp_path / "mask.tif", (truth > 0).astype(np.uint8))
    with pytest.raises(SettingsError, match="have to be ids"):
        scored(files[0], mask, faults=str(tmp_path / "m.tif"))
