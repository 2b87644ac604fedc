"""Reviewing a real result of three stacks that has kept its stacks and the network's confidence."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from empanada_desktop.core.context import QuietContext
from empanada_desktop.core.review_confidence import MOST, Confidence
from empanada_desktop.io.ome_zarr import FinishedResult
from empanada_desktop.io.volumes import open_volume
from empanada_desktop.tasks import review, segment_volume
from empanada_desktop.tasks.demo import sample_path
from empanada_desktop.tasks.review_confidence import kept_confidence

CROP = (slice(26, 50), slice(24, 56), slice(124, 156))


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("review")
    with open_volume(sample_path()) as sample:
        about = {"axes": "ZYX", "spacing": 10.0, "unit": "nm"}
        tifffile.imwrite(folder / "crop.tif", sample[CROP], imagej=True, resolution=(0.1, 0.1), metadata=about)
    values = {
        "ortho_plane": True, "return_stacks": True, "keep_confidence": True, "min_size": 30, "use_gpu": False,
        "threads": 1, "backend": "torch", "chunk_size": (32,),
    }  # fmt: skip
    inputs = segment_volume.Inputs(volume=str(folder / "crop.tif"), out=str(folder / "out.zarr"))
    segment_volume.run(inputs, segment_volume.Params.checked(values), QuietContext())
    return folder / "out.zarr"


def test_the_mean_confidence_of_objects_is_that_of_the_kept_maps(result: Path) -> None:
    with open_volume(result, "labels/mito") as labels:
        found = kept_confidence(str(result), labels, 10_000, QuietContext())
        assert found is not None
        ids = np.asarray(labels[:, :, :])
    total, voxels = 0.0, 0
    label_id = int(ids.max())
    for axis in ("xy", "xz", "yz"):
        planes = FinishedResult.open(result).stack_planes(axis)  # type: ignore[arg-type]
        assert planes is not None
        stack = np.moveaxis(ids, {"xy": 0, "xz": 1, "yz": 2}[axis], 0)
        for index in range(len(planes)):
            semantic = planes.maps.get(index).semantic
            own = stack[index] == label_id
            total, voxels = total + float(semantic[0][own].sum()) / 255, voxels + int(own.sum())
    assert found.means[label_id] == pytest.approx(total / voxels)
    assert 0.3 < found.means[label_id] <= 1


def test_what_only_one_stack_saw_and_what_is_hardly_sure_are_said(result: Path) -> None:
    """An object that only xy saw is put where nothing was found: no other stack has it, and no confidence."""
    for group in ("labels/mito", "stacks/xy/mito"):
        array = zarr.open_array(result / group / "0", mode="r+")
        voxels = np.asarray(array[...])
        empty = tuple(int(at) for at in np.argwhere(voxels[:20, :24, :24] == 0)[0])
        part = tuple(slice(at, at + 5) for at in empty)
        voxels[part] = np.where(voxels[part] == 0, 10_777, voxels[part])
        array[...] = voxels
    found = review.run(review.Inputs(labels=str(result)), review.Params(), QuietContext()).found
    own = {each.kind: each for each in found if each.ids == (10_777,)}
    assert own["stacks"].reason == "Found in xy only"
    assert own["confidence"].reason.startswith("Mean confidence 0.")
    assert "close to the cut at" in own["confidence"].reason
    assert own["confidence"].question == "Real?"


def test_doubt_ends_half_way_to_certainty() -> None:
    confidence = Confidence({1: 0.5, 2: 0.75, 3: 0.625, 4: 0.2}, 0.5)
    assert [round(confidence.doubt(each), 3) for each in (1, 2, 3, 4, 5)] == [MOST, 0, MOST / 2, MOST, 0]
