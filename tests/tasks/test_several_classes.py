"""Weights that know several classes: a layer each, single objects of one, a mask of the other; fused anew, too."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray

from empanada_desktop.core.context import QuietContext
from empanada_desktop.core.geometry import Axis
from empanada_desktop.document.results import open_labels
from empanada_desktop.errors import SettingsError
from empanada_desktop.tasks import fuse, segment_volume

DIVISOR = 10_000


@pytest.fixture(scope="module")
def weights(save_tiny: Callable[..., Path]) -> str:
    return str(save_tiny(False, n_classes=2))


def segmented(volume: str, weights: str, out: Path, **params: Any) -> Path:
    inputs = segment_volume.Inputs(volume=volume, out=str(out), class_name=params.pop("class_name", None))
    values = {"weights": weights, "use_gpu": False, "threads": 1, "backend": "torch", "chunk_size": (32,)}
    chosen = segment_volume.Params.checked({**values, "min_size": 0, "min_extent": 0, **params})
    segment_volume.run(inputs, chosen, QuietContext())
    return out


def labels_of(result: Path, title: str, group: str = "labels") -> NDArray[np.uint32]:
    return np.asarray(zarr.open_array(result / group / title / "0", mode="r")[...])


@pytest.mark.parametrize("ortho", [False, True])
def test_each_class_is_a_layer_of_its_own(ortho: bool, tiny_volume: str, weights: str, tmp_path: Path) -> None:
    out = segmented(tiny_volume, weights, tmp_path / "x.zarr", ortho_plane=ortho, return_stacks=ortho)
    mito, er = labels_of(out, "mito"), labels_of(out, "er")
    assert mito.any()
    assert set(np.unique(mito[mito > 0] // DIVISOR)) == {1}
    assert np.unique(er).tolist() == [0, 2 * DIVISOR]
    assert not ((mito > 0) & (er > 0)).any()
    titles = [layer.title for layer in open_labels(str(out))]
    assert titles[:2] == ["er", "mito"] or titles[:2] == ["mito", "er"]
    if ortho:
        seen = sum((labels_of(out, "er", f"stacks/{axis}") > 0).astype(int) for axis in Axis)
        assert not (er[seen < 2] > 0).any()


def test_a_tiff_holds_the_class_that_is_named(tiny_volume: str, weights: str, tmp_path: Path) -> None:
    out = segmented(tiny_volume, weights, tmp_path / "x.zarr")
    tiff = segmented(tiny_volume, weights, tmp_path / "er.tif", class_name="er")
    np.testing.assert_array_equal(tifffile.imread(tiff), labels_of(out, "er"))
    with pytest.raises(SettingsError, match="mito, er"):
        segmented(tiny_volume, weights, tmp_path / "any.tif")


def test_they_are_fused_anew_with_other_votes_and_confidences(tiny_volume: str, weights: str, tmp_path: Path) -> None:
    before = segmented(tiny_volume, weights, tmp_path / "x.zarr", ortho_plane=True, keep_confidence=True)
    changes = {"voxel_votes": 1, "permit_one_stack": True, "centre_confidence": 0.3}
    expected = segmented(
        tiny_volume, weights, tmp_path / "anew.zarr", ortho_plane=True, keep_confidence=True, **changes
    )
    inputs = fuse.Inputs(result=str(before), out=str(tmp_path / "fused.zarr"))
    fuse.run(inputs, fuse.Params.checked(changes), QuietContext())
    for title in ("mito", "er"):
        np.testing.assert_array_equal(labels_of(tmp_path / "fused.zarr", title), labels_of(expected, title))
    assert np.count_nonzero(labels_of(expected, "er")) > np.count_nonzero(labels_of(before, "er"))
