"""Merging, deleting, shaping and filtering: what stands afterwards, what stays, and that it can be taken back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from skimage import morphology as shapes

from empanada_desktop.core import proofread_change
from empanada_desktop.core.context import QuietContext
from empanada_desktop.core.edits import ArrayEdit
from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.core.objects import ObjectIndex
from empanada_desktop.core.proofread import delete, merge
from empanada_desktop.core.proofread_change import relative_sizes
from empanada_desktop.core.proofread_filter import filter_border, filter_small
from empanada_desktop.core.proofread_morph import Kind, fill_holes, morph
from empanada_desktop.errors import JobCancelled, SettingsError

from .taken_back import made

Labels = NDArray[Any]
KINDS: list[Kind] = ["dilate", "erode", "close", "open"]


def blobs(seed: int, shape: tuple[int, int, int] = (14, 30, 34), most: int = 6) -> Labels:
    """Return objects of class 1 that touch one another in places, some with holes."""
    draw = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(draw.random((most, *shape)), (0, 2, 2, 2))
    ids = 10_001 + noise.argmax(axis=0)
    rough = ndimage.gaussian_filter(draw.random(shape), 1)
    return np.where((noise.max(axis=0) > np.quantile(noise.max(axis=0), 0.4)) & (rough > 0.42), ids, 0).astype(
        np.uint32
    )


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a few voxels, so that small objects lie in many."""
    monkeypatch.setattr(proofread_change, "BLOCK", (5, 7, 8))


def every_deed(labels: Any, axis: Axis | None) -> dict[str, tuple[ArrayEdit, ...]]:
    """Carry out every deed on some of the objects of a volume, or on one plane."""
    where: dict[str, Any] = {"axis": axis, "index": 6}
    some = [10_001, 10_003, 10_004]
    deeds = {kind: morph(labels, None, some, kind, 2, **where) for kind in KINDS}
    deeds["anisotropic"] = morph(labels, None, None, "dilate", 3, sampling=(3.0, 1.0, 1.0), **where)
    deeds["fill"] = fill_holes(labels, None, None, 40, **where)
    deeds["merge"] = merge(labels, None, some, 10_001, **where)
    deeds["delete"] = delete(labels, None, some, **where)
    scope: Any = "volume" if axis is None else "plane"
    deeds["small"] = filter_small(labels, None, 400 if axis is None else 60, scope=scope, axis=axis or Axis.XY, index=6)
    deeds["border"] = filter_border(labels, None, ids=some, scope=scope, axis=axis or Axis.XY, index=6)
    return deeds


@pytest.mark.parametrize("axis", [None, *Axis])
def test_a_deed_gives_the_same_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch, axis: Axis | None) -> None:
    labels = blobs(1)
    whole = {name: made(labels, edits) for name, edits in every_deed(labels, axis).items()}
    monkeypatch.setattr(proofread_change, "BLOCK", (5, 7, 8))
    deeds = every_deed(labels, axis)
    for name, edits in deeds.items():
        np.testing.assert_array_equal(made(labels, edits), whole[name], name)
    assert sum(map(bool, deeds.values())) >= 8, "most of them have something to do here"


@pytest.mark.parametrize("axis", [None, Axis.XZ])
def test_numpy_and_zarr_give_the_same(tmp_path: Path, axis: Axis | None) -> None:
    labels = blobs(2)
    stored = zarr.create_array(tmp_path / "ids.zarr", shape=labels.shape, chunks=(5, 16, 16), dtype=labels.dtype)
    stored[:] = labels
    expected = {name: made(labels, edits) for name, edits in every_deed(labels, axis).items()}
    for name, edits in every_deed(stored, axis).items():
        np.testing.assert_array_equal(np.asarray(stored[:]), labels, "computing wrote something")
        for edit in edits:
            edit.apply(stored)
        np.testing.assert_array_equal(np.asarray(stored[:]), expected[name], name)
        for edit in reversed(edits):
            edit.revert(stored)
        np.testing.assert_array_equal(np.asarray(stored[:]), labels, name)


@pytest.mark.parametrize("axis", list(Axis))
def test_in_a_plane_no_other_plane_changes(axis: Axis) -> None:
    labels = blobs(3)
    others = np.arange(labels.shape[axis.normal]) != 6
    for name, edits in every_deed(labels, axis).items():
        after = made(labels, edits)
        np.testing.assert_array_equal(
            np.compress(others, after, axis.normal), np.compress(others, labels, axis.normal), name
        )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(KINDS), st.integers(1, 4), st.sampled_from([None, Axis.XY, Axis.YZ]))
def test_no_deed_touches_a_neighbour(seed: int, kind: Kind, radius: int, axis: Axis | None) -> None:
    labels = blobs(seed)
    chosen = [10_002, 10_005]
    after = made(labels, morph(labels, None, chosen, kind, radius, axis=axis, index=5))
    others = ~np.isin(labels, [0, *chosen])
    np.testing.assert_array_equal(after[others], labels[others])
    assert set(np.unique(after)) <= set(np.unique(labels))
    for label_id in chosen:
        own = labels == label_id
        if kind in ("dilate", "close"):
            assert (after[own] == label_id).all()
        else:
            assert not (after == label_id)[~own].any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("radius", [1, 3])
def test_a_lone_object_changes_as_by_a_ball(kind: Kind, radius: int) -> None:
    labels = np.zeros((26, 30, 32), np.uint16)
    draw = np.random.default_rng(4)
    rough = ndimage.gaussian_filter(draw.random((10, 14, 16)), 1.2)
    labels[8:18, 8:22, 8:24] = np.where(rough > 0.48, 7, 0)
    parts, _ = ndimage.label(labels)
    labels = np.where(parts == np.bincount(parts[parts > 0]).argmax(), 7, 0).astype(np.uint16)
    after = made(labels, morph(labels, None, [7], kind, radius))
    deed: dict[str, Callable[..., Any]] = {
        "dilate": ndimage.binary_dilation,
        "erode": ndimage.binary_erosion,
        "close": ndimage.binary_closing,
        "open": ndimage.binary_opening,
    }
    np.testing.assert_array_equal(after > 0, deed[kind](labels > 0, shapes.ball(radius)))


def test_where_planes_are_thick_the_ball_is_round_in_space() -> None:
    labels = np.zeros((13, 31, 31), np.uint32)
    labels[6, 15, 15] = 10_001
    sampling = relative_sizes(Spacing(40.0, 10.0, 10.0, "the file"))
    assert sampling == (4.0, 1.0, 1.0)
    after = made(labels, morph(labels, None, None, "dilate", 7, sampling=sampling))
    z, y, x = np.indices(labels.shape) - np.array([6, 15, 15])[:, None, None, None]
    np.testing.assert_array_equal(after > 0, (4.0 * z) ** 2 + y**2 + x**2 <= 49)


def test_nothing_grows_past_the_back_of_a_neighbour() -> None:
    labels = np.zeros((1, 9, 20), np.uint32)
    labels[0, :, 2:5], labels[0, :, 5:7] = 1, 2
    after = made(labels, morph(labels, None, [1], "dilate", 5, axis=Axis.XY, index=0))
    assert (after[0, :, 7:] == 0).all()
    assert (after[0, :, :2] == 1).all()


def test_holes_are_filled_up_to_a_size_and_what_stands_in_them_stays() -> None:
    # The reference overwrites all that lies inside the object's box.
    labels = np.zeros((1, 20, 30), np.uint32)
    labels[0, 2:18, 2:18] = 1
    labels[0, 4:6, 4:6] = 0
    labels[0, 8:14, 8:14] = 0
    labels[0, 10:12, 10:12] = 2
    labels[0, 5:9, 20:24] = 3
    labels[0, 6, 21] = 0
    small = made(labels, fill_holes(labels, None, [1], 4, axis=Axis.XY, index=0))
    assert (small[0, 4:6, 4:6] == 1).all()
    assert small[0, 9, 9] == 0
    every = made(labels, fill_holes(labels, None, [1], None, axis=Axis.XY, index=0))
    assert every[0, 9, 9] == 1
    assert (every[0, 10:12, 10:12] == 2).all()
    assert every[0, 6, 21] == 0


def test_of_nested_objects_the_inner_one_fills_its_hole() -> None:
    labels = np.zeros((15, 15, 15), np.uint32)
    labels[1:14, 1:14, 1:14] = 1
    labels[3:12, 3:12, 3:12] = 0
    labels[5:10, 5:10, 5:10] = 2
    labels[7, 7, 7] = 0
    after = made(labels, fill_holes(labels, None, None))
    assert after[7, 7, 7] == 2
    assert after[4, 4, 4] == 1
    in_plane = made(labels, fill_holes(labels, None, None, axis=Axis.XZ, index=7))
    assert in_plane[7, 7, 7] == 2
    assert in_plane[4, 7, 4] == 1
    assert in_plane[4, 6, 4] == 0


def test_a_hole_that_is_open_in_space_is_one_in_its_plane() -> None:
    labels = np.zeros((3, 7, 7), np.uint32)
    labels[1, 1:6, 1:6] = 4
    labels[1, 3, 3] = 0
    assert fill_holes(labels, None, None) == ()
    assert made(labels, fill_holes(labels, None, None, axis=Axis.XY, index=1))[1, 3, 3] == 4


@pytest.mark.usefixtures("small_blocks")
def test_objects_in_one_anothers_boxes_merge_and_come_apart_again() -> None:
    labels = np.zeros((8, 12, 12), np.uint32)
    labels[:, ::3], labels[:, 1::3] = 5, 6
    labels[2:6, 2, 2:9] = 7
    after = made(labels, merge(labels, None, [5, 6, 7], 6))
    np.testing.assert_array_equal(after, np.where(labels > 0, 6, 0))
    assert merge(labels, None, [6, 99], 6) == ()


@pytest.mark.parametrize("axis", list(Axis))
def test_merging_bridges_missing_planes(axis: Axis) -> None:
    labels = np.zeros((20, 20, 20), np.uint32)
    rows, columns = np.indices((20, 20))
    turned = np.moveaxis(labels, axis.normal, 0)
    for index, radius in [(4, 7), (5, 7), (9, 3), (10, 3)]:
        turned[index] = np.where((rows - 10) ** 2 + (columns - 10) ** 2 <= radius**2, 1 + index // 8, 0)
    turned[7, 10, 10] = 9
    after = np.moveaxis(made(labels, merge(labels, None, [1, 2], 1, bridge=3, bridge_axis=axis)), axis.normal, 0)
    areas = (after == 1).sum(axis=(1, 2))
    assert (np.diff(areas[5:10]) < 0).all(), "the shape narrows evenly"
    assert after[7, 10, 10] == 9
    unbridged = np.moveaxis(made(labels, merge(labels, None, [1, 2], 1, bridge=2, bridge_axis=axis)), axis.normal, 0)
    assert not (unbridged[6:9] == 1).any()


def test_small_objects_are_those_below_the_size() -> None:
    # The reference also removes those that have just the least size, and fails on an empty image.
    labels = np.zeros((2, 4, 12), np.uint32)
    labels[0, 0, :3], labels[0, 2, :4], labels[:, 3, :2] = 1, 2, 3
    assert np.unique(made(labels, filter_small(labels, None, 4))).tolist() == [0, 2, 3]
    assert filter_small(np.zeros_like(labels), None, 4) == ()
    per_plane = made(labels, filter_small(labels, None, 4, scope="planes"))
    assert np.unique(per_plane).tolist() == [0, 2]
    one_plane = made(labels, filter_small(labels, None, 4, scope="plane", index=1))
    assert (one_plane[0] == labels[0]).all()
    assert not one_plane[1].any()


@pytest.mark.parametrize("axis", list(Axis))
def test_touching_the_border_of_each_plane(axis: Axis) -> None:
    labels = np.zeros((9, 9, 9), np.uint32)
    turned = np.moveaxis(labels, axis.normal, 0)
    turned[0, 4, 4], turned[3, 0, 4], turned[4:6, 4, 4] = 1, 2, 3
    turned[5, 5, 8] = 3
    volume = made(labels, filter_border(labels, None))
    assert not volume.any()
    planes = np.moveaxis(made(labels, filter_border(labels, None, scope="planes", axis=axis)), axis.normal, 0)
    assert planes[0, 4, 4] == 1
    assert planes[4, 4, 4] == 3
    assert not planes[3].any()
    assert not planes[5].any()


def test_long_deeds_report_and_can_be_cancelled() -> None:
    labels = blobs(5)
    told: list[int] = []

    class Counting(QuietContext):
        def report(self, done: int, total: int, message: str = "") -> None:
            told.append(done)

        def check_cancelled(self) -> None:
            if len(told) > 3:
                raise JobCancelled

    boxes = ObjectIndex.of(labels).boxes
    with pytest.raises(JobCancelled):
        fill_holes(labels, boxes, None, context=Counting())
    assert told


def test_ids_that_do_not_fit_are_said() -> None:
    labels = np.zeros((4, 5, 6), np.int64)
    labels[1:3, 1:3, 1:3] = 2**40
    with pytest.raises(SettingsError, match=str(2**40)):
        morph(labels, None, None, "dilate", 1)
    assert not made(labels, delete(labels, None, [2**40])).any()
