"""Ortho-plane from the file to the result, and results fused anew from what was kept."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import yaml
import zarr
from numpy.typing import NDArray

from empanada_desktop.cli import main
from empanada_desktop.core.context import QuietContext
from empanada_desktop.core.footprint import estimated_predictions_bytes
from empanada_desktop.core.geometry import Axis
from empanada_desktop.document.results import open_labels
from empanada_desktop.errors import AppError, JobCancelled, SettingsError, VolumeError
from empanada_desktop.io.ome_zarr import is_complete, read_recipe
from empanada_desktop.io.volumes import list_datasets, open_volume
from empanada_desktop.jobs.spec import JobSpec
from empanada_desktop.tasks import fuse, segment_volume
from empanada_desktop.tasks.demo import sample_path
from empanada_desktop.tasks.inference import SegmentationResult

CROP = (slice(26, 50), slice(24, 56), slice(124, 156))
COMMON: dict[str, Any] = {"use_gpu": False, "threads": 1, "backend": "torch", "chunk_size": (32,)}

Segment = Callable[..., Path]


def segmented(volume: str, out: Path, **params: object) -> SegmentationResult:
    inputs = segment_volume.Inputs(volume=volume, out=str(out))
    return segment_volume.run(inputs, segment_volume.Params.checked({**COMMON, **params}), QuietContext())


def fused(result: Path, out: Path, context: object = None, **changes: object) -> SegmentationResult:
    inputs = fuse.Inputs(result=str(result), out=str(out))
    return fuse.run(inputs, fuse.Params.checked(changes), context or QuietContext())  # type: ignore[arg-type]


def labels_of(path: Path, group: str = "labels/mito") -> NDArray[np.uint32]:
    return np.asarray(zarr.open_array(path / group / "0", mode="r")[...])


def content(path: Path) -> dict[str, bytes]:
    """All files of a result but the recipe and what was kept."""
    files = {str(file.relative_to(path)): file for file in path.rglob("*") if file.is_file()}
    return {
        name: file.read_bytes()
        for name, file in files.items()
        if name != "zarr.json" and not name.startswith("predictions")
    }


@pytest.fixture(scope="module")
def crop(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("crop") / "crop.tif"
    with open_volume(sample_path()) as sample:
        metadata = {"axes": "ZYX", "spacing": 10.0, "unit": "nm"}
        tifffile.imwrite(path, sample[CROP], imagej=True, resolution=(0.1, 0.1), metadata=metadata)
    return str(path)


@pytest.fixture(scope="module")
def ortho(crop: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ortho") / "ortho.zarr"
    segmented(crop, out, ortho_plane=True, return_stacks=True, min_size=100, inference_plane="xz")
    return out


def test_three_stacks_agree_on_mitochondria(ortho: Path) -> None:
    labels = labels_of(ortho)
    stacks = {axis: labels_of(ortho, f"stacks/{axis}/mito") for axis in Axis}
    ids = np.unique(labels[labels > 0])
    np.testing.assert_array_equal(ids, 10_000 + np.arange(1, len(ids) + 1))
    votes = sum((stack > 0).astype(int) for stack in stacks.values())
    assert len(ids) >= 1
    assert (votes[labels > 0] >= 2).mean() > 0.95  # a few come with a cluster
    assert np.count_nonzero(labels) > 0.8 * np.count_nonzero(votes >= 2)
    assert not np.array_equal(stacks[Axis.XY] > 0, stacks[Axis.XZ] > 0)


def test_an_empty_result_says_why(ortho: Path, tmp_path: Path) -> None:
    """Nothing was said, and it looked as if the network had failed."""
    too_small = fused(ortho, tmp_path / "small.zarr", min_size=1_000_000)
    assert too_small.lines()[0].startswith("All that was found is below min size (1000000 voxels)")
    assert ", or no two stacks agree on it; objects found: 1 in xy" in too_small.lines()[0]
    eroded = fused(ortho, tmp_path / "eroded.zarr", erode_labels=50)
    assert eroded.lines()[:2] == ["Erosion by 50 voxels left nothing; objects before it: 1.", "Objects: 0 mito."]


def test_the_result_reopens_everywhere(ortho: Path) -> None:
    groups = ["labels/mito", *(f"stacks/{axis}/mito" for axis in Axis)]
    assert [info.name for info in list_datasets(ortho)] == groups
    layers = open_labels(str(ortho))
    assert [layer.title for layer in layers] == ["mito", "mito, xy stack", "mito, xz stack", "mito, yz stack"]
    assert [layer.visible for layer in layers] == [True, False, False, False]
    with open_volume(ortho) as volume:
        np.testing.assert_array_equal(volume[:], labels_of(ortho))
        assert volume.spacing.zyx == (10.0, 10.0, 10.0)


@pytest.mark.filterwarnings("ignore")  # ome-zarr's and dask's own
@pytest.mark.parametrize("place", ["", "labels", "labels/mito", "stacks/yz/mito"])
def test_the_ome_zarr_reader_reads_it(ortho: Path, place: str) -> None:
    from ome_zarr.io import parse_url
    from ome_zarr.reader import Multiscales, Reader

    location = parse_url(ortho / place)
    assert location is not None
    nodes = [node for node in Reader(location)() if node.load(Multiscales) is not None]
    expected = labels_of(ortho, place if place.startswith("stacks") else "labels/mito")
    assert nodes
    np.testing.assert_array_equal(nodes[0].data[0].compute(), expected)


def test_stuff_is_what_so_many_stacks_see(tiny_volume: str, tiny_weights: str, tmp_path: Path) -> None:
    """Without objects the consensus is a vote: compared voxel by voxel with the three stacks."""
    out = tmp_path / "stuff.zarr"
    common = {"weights": tiny_weights, "segmentation_confidence": 0.6}
    segmented(tiny_volume, out, ortho_plane=True, semantic_only=True, return_stacks=True, **common)
    votes = sum((labels_of(out, f"stacks/{axis}/mito") > 0).astype(int) for axis in Axis)
    assert all((votes == count).any() for count in range(4))
    np.testing.assert_array_equal(labels_of(out), np.where(votes >= 2, 10_000, 0))
    for wanted in (1, 3):
        fused(out, tmp_path / f"{wanted}.zarr", voxel_votes=wanted)
        np.testing.assert_array_equal(labels_of(tmp_path / f"{wanted}.zarr"), np.where(votes >= wanted, 10_000, 0))


@pytest.mark.parametrize(
    ("before", "changes"),
    [
        ({"ortho_plane": True, "segmentation_confidence": 0.7}, {"voxel_votes": 1, "permit_one_stack": True}),
        ({"ortho_plane": True, "erode_labels": 1}, {"voxel_votes": 3, "erode_labels": 0, "return_stacks": True}),
        ({"inference_plane": "yz"}, {"min_size": 40, "min_extent": 2, "dilate_labels": 2, "erode_labels": 1}),
        ({}, {"max_objects_per_class": 3, "return_stacks": True}),
    ],
)
def test_fusing_gives_the_same_bytes_as_segmenting_anew(
    before: dict[str, Any], changes: dict[str, Any], tiny_volume: str, tiny_weights: str, tmp_path: Path
) -> None:
    common = {"weights": tiny_weights, "min_size": 0, "min_extent": 0, **before}
    segmented(tiny_volume, tmp_path / "before.zarr", **common)
    anew = segmented(tiny_volume, tmp_path / "anew.zarr", **{**common, **changes})
    result = fused(tmp_path / "before.zarr", tmp_path / "fused.zarr", **changes)
    assert content(tmp_path / "fused.zarr") == content(tmp_path / "anew.zarr")
    assert content(tmp_path / "fused.zarr") != content(tmp_path / "before.zarr")
    assert (result.objects, result.notes) == (anew.objects, anew.notes)
    assert result.objects["mito"] > 0
    assert result.recipe["params"] == anew.recipe["params"]
    assert result.recipe["task"] == "segment-volume"


@pytest.fixture
def result(tiny_volume: str, tiny_weights: str, tmp_path: Path) -> Path:
    segmented(tiny_volume, tmp_path / "result.zarr", weights=tiny_weights, min_size=0, min_extent=0)
    return tmp_path / "result.zarr"


def test_fuse_on_the_command_line(result: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, plane = tmp_path / "fused.zarr", tmp_path / "fused.tif"
    assert main(["fuse", str(result), "--out", str(out), "--min-size", "2600", "--chunk-size", "9"]) == 2
    assert "--chunk-size" in capsys.readouterr().err
    assert main(["fuse", str(result), "--out", str(out), "--min-size", "2600"]) == 0
    assert "Objects:" in capsys.readouterr().out
    assert main(["fuse", str(result), "--out", str(plane), "--min-size", "2600"]) == 0
    np.testing.assert_array_equal(tifffile.imread(plane), labels_of(out))
    sizes = np.unique(labels_of(out), return_counts=True)[1][1:]
    assert sizes.min() >= 2600 > np.unique(labels_of(result), return_counts=True)[1][1:].min()
    assert main(["fuse", str(result), "--out", str(out)]) == 2
    assert "exists" in capsys.readouterr().err
    assert main(["fuse", str(out), "--out", str(tmp_path / "x.zarr")]) == 2
    assert f"Fuse {result}" in capsys.readouterr().err


def test_a_fuse_job_runs_from_a_file(result: Path, tmp_path: Path) -> None:
    job = {"task": "fuse", "params": {"min_size": 60}, "inputs": {"result": str(result), "out": "nowhere.zarr"}}
    JobSpec.from_plain(job).write(tmp_path / "job.yaml")
    assert yaml.safe_load((tmp_path / "job.yaml").read_text())["params"] == {"min_size": 60}
    assert main(["run", str(tmp_path / "job.yaml"), "--out", str(tmp_path / "fused.zarr")]) == 0
    assert read_recipe(tmp_path / "fused.zarr")["params"]["min_size"] == 60


def test_predictions_are_kept_when_they_are_wanted(
    result: Path, tiny_volume: str, tiny_weights: str, tmp_path: Path
) -> None:
    kept = sum(path.stat().st_size for path in (result / "predictions").rglob("*") if path.is_file())
    assert 0 < kept <= estimated_predictions_bytes((10, 48, 56))
    plain = tmp_path / "plain.zarr"
    segmented(tiny_volume, plain, weights=tiny_weights, min_size=0, min_extent=0, keep_predictions=False)
    assert sorted(path.name for path in plain.iterdir()) == ["labels", "zarr.json"]
    assert content(plain) == content(result)
    with pytest.raises(SettingsError, match="has not kept") as error:
        fused(plain, tmp_path / "fused.zarr")
    assert "Segment it again" in error.value.hint


def test_only_whole_results_are_fused(result: Path, crop: str, tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match="no result"):
        fused(Path(crop), tmp_path / "fused.zarr")
    header = result / "zarr.json"
    header.write_text(header.read_text().replace('"complete"', '"unfinished"'))
    with pytest.raises(VolumeError, match="unfinished"):
        fused(result, tmp_path / "fused.zarr")
    assert not (tmp_path / "fused.zarr").exists()


def test_a_cancelled_or_killed_fuse_is_in_nobodys_way(result: Path, tmp_path: Path) -> None:
    class Cancelled(QuietContext):
        def check_cancelled(self) -> None:
            raise JobCancelled

    out = tmp_path / "fused.zarr"
    with pytest.raises(JobCancelled):
        fused(result, out, Cancelled())
    assert not out.exists()
    fused(result, out)
    expected = content(out)
    header = out / "zarr.json"
    header.write_text(header.read_text().replace('"complete"', '"unfinished"'))  # as a kill leaves it
    (out / "labels" / "mito" / "0" / "zarr.json").unlink()
    fused(result, out)
    assert is_complete(out)
    assert content(out) == expected


def test_the_result_itself_is_never_replaced(result: Path) -> None:
    before = content(result)
    with pytest.raises(AppError, match="never replaced"):
        fused(result, result)
    with pytest.raises(AppError, match="inside"):
        fused(result, result / "labels" / "fused.zarr")
    assert content(result) == before


def test_stretched_voxels_are_doubted(tiny_volume: str, tiny_weights: str, tmp_path: Path) -> None:
    inputs = segment_volume.Inputs(volume=tiny_volume, out=str(tmp_path / "x.zarr"), voxel_size=(40, 8, 8))
    params = segment_volume.Params.checked({**COMMON, "weights": tiny_weights, "ortho_plane": True})
    notes = segment_volume.run(inputs, params, QuietContext()).notes
    assert any("40 × 8 × 8 nm" in note for note in notes)


def test_a_single_plane_has_no_three_directions(tiny_volume: str, tiny_weights: str, tmp_path: Path) -> None:
    """It took a network's pass over every row and every column, and found nothing."""
    inputs = segment_volume.Inputs(volume=tiny_volume, out=str(tmp_path / "x.zarr"), region=((3, 4), (0, 48), (0, 56)))
    single = tmp_path / "single.tif"
    tifffile.imwrite(single, tifffile.imread(tiny_volume)[:1], photometric="minisblack")
    params = segment_volume.Params.checked({**COMMON, "weights": tiny_weights, "ortho_plane": True})
    for each in (inputs, inputs.model_copy(update={"volume": str(single), "region": None})):
        with pytest.raises(SettingsError, match=r"one direction only|too thin"):
            segment_volume.run(each, params, QuietContext())
    assert [path.name for path in tmp_path.iterdir()] == ["single.tif"]


def test_plane_files_that_are_no_stack_are_not_fused(result: Path, tmp_path: Path) -> None:
    """A journal that ends early, as when somebody copied a part of a result."""
    journal = result / "predictions" / "xy" / "components" / "planes.journal"
    journal.write_bytes(journal.read_bytes()[:-1])
    with pytest.raises(SettingsError, match="has not kept"):
        fused(result, tmp_path / "fused.zarr")


CONFIDENT: dict[str, Any] = {"min_size": 0, "min_extent": 0, "keep_confidence": True, "centre_confidence": 0.3}


@pytest.mark.parametrize(
    ("before", "changes"),
    [
        ({"ortho_plane": True}, {"segmentation_confidence": 0.6, "voxel_votes": 1, "permit_one_stack": True}),
        ({"inference_plane": "xz"}, {"centre_confidence": 0.1, "centre_min_distance": 1, "min_size": 20}),
        ({"median_filter_size": 1}, {"fine_boundaries": True, "fill_holes": True}),
        ({"image_downsampling": 2}, {"segmentation_confidence": 0.8}),
    ],
)
def test_other_confidences_give_the_same_bytes_as_segmenting_anew(
    before: dict[str, Any], changes: dict[str, Any], tiny_volume: str, tiny_weights: str, tmp_path: Path
) -> None:
    common = {"weights": tiny_weights, **CONFIDENT, **before}
    segmented(tiny_volume, tmp_path / "before.zarr", **common)
    anew = segmented(tiny_volume, tmp_path / "anew.zarr", **{**common, **changes})
    result = fused(tmp_path / "before.zarr", tmp_path / "fused.zarr", **changes)
    assert content(tmp_path / "fused.zarr") == content(tmp_path / "anew.zarr")
    assert content(tmp_path / "fused.zarr") != content(tmp_path / "before.zarr")
    assert result.objects == anew.objects
    assert result.recipe["params"] == anew.recipe["params"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["anew.zarr", "before.zarr", "fused.zarr"]


def test_rounded_maps_change_hardly_anything(crop: str, ortho: Path, tmp_path: Path) -> None:
    """Real weights on real data: what is made from 8-bit confidences, against what is made from the network's own."""
    out = tmp_path / "kept.zarr"
    segmented(crop, out, ortho_plane=True, min_size=100, keep_confidence=True)
    ours, exact = labels_of(out) > 0, labels_of(ortho) > 0
    assert np.count_nonzero(ours & exact) > 0.99 * np.count_nonzero(ours | exact)
    maps = sum(path.stat().st_size for path in (out / "predictions").rglob("*") if path.is_file())
    assert maps < estimated_predictions_bytes((24, 32, 32), 3, 1)
    wide, narrow = (fused(out, tmp_path / f"{c}.tif", segmentation_confidence=c) for c in (0.3, 0.8))
    areas = [np.count_nonzero(tifffile.imread(each.out)) for each in (wide, narrow)]
    assert areas[0] > np.count_nonzero(ours) > areas[1] > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.3.tif", "0.8.tif", "kept.zarr"]


def test_confidence_that_was_not_kept_is_not_changed(result: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not kept the network's confidence") as error:
        fused(result, tmp_path / "fused.zarr", segmentation_confidence=0.6)
    assert "--keep-confidence" in error.value.hint
    assert not (tmp_path / "fused.zarr").exists()
    fused(result, tmp_path / "fused.zarr", segmentation_confidence=0.5)  # as it was


def test_damaged_confidence_is_told(tiny_volume: str, tiny_weights: str, tmp_path: Path) -> None:
    segmented(tiny_volume, tmp_path / "x.zarr", weights=tiny_weights, **CONFIDENT)
    file = tmp_path / "x.zarr" / "predictions" / "xy" / "components" / "maps.4"
    for harm in (b"MAP1", file.read_bytes()[:-9], b"", file.read_bytes()[:24] + b"\0" * 50):
        file.write_bytes(harm)
        with pytest.raises(VolumeError, match="damaged"):
            fused(tmp_path / "x.zarr", tmp_path / "fused.zarr", segmentation_confidence=0.6)
    file.unlink()
    with pytest.raises(SettingsError, match="not kept"):
        fused(tmp_path / "x.zarr", tmp_path / "fused.zarr", segmentation_confidence=0.6)
    assert not (tmp_path / "fused.zarr").exists()
