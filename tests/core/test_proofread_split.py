"""Splitting by points, by distance and along a line, on numpy and zarr, in a plane and in space."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from empanada_desktop.core import proofread_split
from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.ids import FreeIds
from empanada_desktop.core.objects import ObjectIndex
from empanada_desktop.core.proofread_split import split_by_distance, split_by_line, split_by_points
from empanada_desktop.errors import SettingsError

from .taken_back import made

Labels = NDArray[Any]
FIRST, NEW = 10_001, 10_050
MIDDLES = ((12, 16, 18), (12, 16, 40))


def two_balls(radii: tuple[float, float] = (12.0, 11.0), shape: tuple[int, int, int] = (24, 32, 58)) -> Labels:
    """Return one object of two balls that meet at a neck, between two others."""
    places = np.indices(shape)
    labels = np.zeros(shape, np.uint32)
    for middle, radius in zip(MIDDLES, radii, strict=True):
        squares = sum((places[axis] - middle[axis]) ** 2 for axis in range(3))
        labels[squares < radius**2] = FIRST
    labels[0, :, :], labels[:, :, -2:] = np.where(labels[0] > 0, labels[0], 10_002), 20_003
    return labels


def ids_for(labels: Labels, start: int | None = NEW) -> FreeIds:
    return FreeIds(ObjectIndex.of(labels).ids, 10_000, start)


def hold_partition(labels: Labels, after: Labels, new: list[int]) -> None:
    """The object's voxels are shared out among its old id and the new ones; nothing else changes."""
    own = labels == FIRST
    np.testing.assert_array_equal(after[~own], labels[~own])
    assert set(np.unique(after[own]).tolist()) == {FIRST, *new}


@pytest.mark.parametrize("where", ["numpy", "zarr"])
@pytest.mark.parametrize("way", ["points", "distance", "line", "line in space"])
def test_two_balls_come_apart_at_their_neck(tmp_path: Path, where: str, way: str) -> None:
    # The reference refuses to split labels in zarr.
    labels = two_balls()
    stored: Any = labels
    if where == "zarr":
        stored = zarr.create_array(tmp_path / "ids.zarr", shape=labels.shape, chunks=(8, 16, 16), dtype=labels.dtype)
        stored[:] = labels
    new_ids = ids_for(labels)
    plane: dict[str, Any] = {"axis": Axis.XY, "index": 12}
    line = [(-2.0, 29.5), (34.0, 29.5)]
    edits = {
        "points": lambda: split_by_points(stored, None, MIDDLES, new_ids),
        "distance": lambda: split_by_distance(stored, None, [FIRST], 12, new_ids),
        "line": lambda: split_by_line(stored, None, line, new_ids, **plane),
        "line in space": lambda: split_by_line(stored, None, line, new_ids, **plane, in_3d=True),
    }[way]()
    np.testing.assert_array_equal(np.asarray(stored[:]), labels, "computing wrote something")
    after = made(labels, edits)
    hold_partition(labels, after, [NEW])
    assert new_ids.taken == [NEW]
    changed = after != labels
    if way == "line":
        assert not np.delete(changed, 12, axis=0).any()
    sides = (labels == FIRST) if way != "line" else (labels == FIRST) & (np.arange(24) == 12)[:, None, None]
    x = np.broadcast_to(np.arange(58), labels.shape)
    neck = 29
    assert (after[sides & (x < neck - 1)] == FIRST).all(), "the larger part keeps its id"
    assert (after[sides & (x > neck + 1)] == NEW).all()


@pytest.mark.parametrize("axis", list(Axis))
def test_points_split_only_their_plane(axis: Axis) -> None:
    labels = np.zeros((30, 30, 30), np.uint32)
    turned = np.moveaxis(labels, axis.normal, 0)
    turned[3:9, 4:24, 4:12], turned[3:9, 10:14, 10:20], turned[3:9, 4:24, 18:26] = FIRST, FIRST, FIRST
    points = np.insert(np.array([[12, 7], [12, 22]]), axis.normal, 6, axis=1)
    after = made(labels, split_by_points(labels, None, points, ids_for(labels), axis=axis, index=6))
    changed = np.moveaxis(after != labels, axis.normal, 0)
    assert changed[6].any()
    assert not np.delete(changed, 6, axis=0).any()


def test_new_ids_never_meet_those_of_other_planes() -> None:
    # The reference looks for used ids in the shown plane alone.
    labels = two_balls()
    labels[20:23, 0:3, 0:3] = NEW
    new_ids = ids_for(labels)
    after = made(labels, split_by_points(labels, None, MIDDLES, new_ids, axis=Axis.XY, index=12))
    assert new_ids.taken == [NEW + 1]
    assert (after == NEW).sum() == (labels == NEW).sum()


def test_without_a_choice_the_next_free_id_of_the_class_is_taken() -> None:
    labels = two_balls()
    new_ids = ids_for(labels, None)
    split_by_points(labels, None, MIDDLES, new_ids)
    assert new_ids.taken == [10_003], "10,001 and 10,002 are used, 20,003 is another class"


def test_a_full_class_is_said_and_nothing_is_split() -> None:
    labels = two_balls()
    labels = np.where(labels == FIRST, 8, 0)
    used = list(range(1, 10))
    with pytest.raises(SettingsError, match="None of the ids without a class"):
        split_by_points(labels, None, MIDDLES, FreeIds(used, 10))


def test_several_objects_in_one_anothers_boxes_are_split_at_once() -> None:
    labels = np.zeros((12, 44, 44), np.uint32)
    for place, label_id in enumerate((10_001, 10_002)):
        rows = slice(4 + 20 * place, 18 + 20 * place)
        labels[2:10, rows, 3:18], labels[2:10, rows, 26:41] = label_id, label_id
        labels[4:8, rows.start + 5 : rows.start + 9, 18:26] = label_id
    labels[5, 10:30, 1] = 10_001
    labels[5, 10, 1:4] = 10_001
    after = made(labels, split_by_distance(labels, None, None, 18, ids_for(labels)))
    for label_id in (10_001, 10_002):
        parts = set(np.unique(after[labels == label_id]).tolist())
        assert len(parts) == 2
        assert label_id in parts
    assert len(np.unique(after)) == 5


@pytest.mark.parametrize("points", [[], [(12, 16, 18)], [(12, 16, 18), (12.4, 16.2, 18.9)], [(1, 1, 1), (900, 0, 0)]])
def test_points_that_split_nothing_are_said(points: list[tuple[float, ...]]) -> None:
    with pytest.raises(SettingsError, match="Nothing was split"):
        split_by_points(two_balls(), None, points, ids_for(two_balls()))


def test_a_larger_distance_splits_less() -> None:
    labels = np.zeros((20, 20, 90), np.uint32)
    for x in range(10, 90, 14):
        squares = sum((np.indices(labels.shape)[axis] - (10, 10, x)[axis]) ** 2 for axis in range(3))
        labels[squares < 64] = FIRST
    parts = []
    for distance in (6, 20, 34):
        after = made(labels, split_by_distance(labels, None, None, distance, ids_for(labels)))
        parts.append(len(np.unique(after)) - 1)
    assert parts[0] == 6
    assert parts[0] > parts[1] > parts[2] > 1
    with pytest.raises(SettingsError, match="Nothing was split"):
        split_by_distance(labels, None, None, 100, ids_for(labels))


def test_thick_planes_count_with_their_size() -> None:
    labels = np.zeros((9, 24, 24), np.uint32)
    labels[0:3, 2:22, 2:22], labels[6:9, 2:22, 2:22], labels[3:6, 11:13, 11:13] = FIRST, FIRST, FIRST
    with pytest.raises(SettingsError):
        split_by_distance(labels, None, None, 18, ids_for(labels))
    after = made(labels, split_by_distance(labels, None, None, 18, ids_for(labels), sampling=(4.0, 1.0, 1.0)))
    assert set(np.unique(after[labels > 0])) == {FIRST, NEW}


def ring() -> Labels:
    """Return an arch: two legs side by side that meet at the top."""
    labels = np.zeros((10, 40, 40), np.uint32)
    labels[2:8, 4:36, 6:14], labels[2:8, 4:36, 26:34], labels[2:8, 4:10, 6:34] = FIRST, FIRST, FIRST
    return labels


def test_a_line_cuts_only_where_it_was_drawn() -> None:
    # Going straight on it would cut the second leg as well.
    labels = ring()
    after = made(
        labels,
        split_by_line(labels, None, [(25.0, 3.0), (25.0, 16.0)], ids_for(labels), axis=Axis.XY, index=5, in_3d=True),
    )
    assert ndimage.label(after == NEW)[1] == 1
    assert (after[labels == FIRST] == FIRST).sum() > (after == NEW).sum()
    assert (after[2:8, 28:36, 26:34] == FIRST).all()
    assert (after[2:8, 28:36, 6:14] == NEW).all()


def test_a_short_line_goes_on_through_the_only_object_under_it() -> None:
    labels = two_balls()
    after = made(
        labels,
        split_by_line(labels, None, [(14.0, 29.5), (18.0, 29.5)], ids_for(labels), axis=Axis.XY, index=12, in_3d=True),
    )
    hold_partition(labels, after, [NEW])
    assert abs(int((after == NEW).sum()) - 4800) < 900


@pytest.mark.parametrize("axis", list(Axis))
def test_a_slanted_line_leaves_no_crumbs(axis: Axis) -> None:
    labels = np.zeros((40, 40, 40), np.uint32)
    squares = sum((np.indices(labels.shape)[at] - 20) ** 2 for at in range(3))
    labels[squares < 15**2] = FIRST
    after = made(
        labels,
        split_by_line(labels, None, [(2.0, 5.0), (38.0, 33.0)], ids_for(labels), axis=axis, index=20, in_3d=True),
    )
    assert np.unique(after).tolist() == [0, FIRST, NEW]
    for label_id in (FIRST, NEW):
        assert ndimage.label(after == label_id, np.ones((3, 3, 3)))[1] == 1


def test_a_line_beside_all_objects_is_said() -> None:
    labels = two_balls()
    labels[labels != FIRST] = 0
    with pytest.raises(SettingsError, match="Nothing was split"):
        split_by_line(labels, None, [(1.0, 1.0), (2.0, 9.0)], ids_for(labels), axis=Axis.XY, index=12)


@pytest.mark.parametrize("way", ["points", "line"])
def test_an_object_too_large_for_memory_is_split_on_a_smaller_copy(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    labels = two_balls()
    monkeypatch.setattr(proofread_split.read_mask, "__defaults__", (4000,))
    if way == "points":
        after = made(labels, split_by_points(labels, None, MIDDLES, ids_for(labels)))
    else:
        line = [(0.0, 29.0), (31.0, 29.0)]
        after = made(labels, split_by_line(labels, None, line, ids_for(labels), axis=Axis.XY, index=12, in_3d=True))
    hold_partition(labels, after, [NEW])
    x = np.broadcast_to(np.arange(58), labels.shape)
    assert (after[(labels == FIRST) & (x < 25)] == FIRST).all()
    assert (after[(labels == FIRST) & (x > 33)] == NEW).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 5))
def test_every_voxel_goes_to_a_part_that_reaches_it(seed: int, n_points: int) -> None:
    draw = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(draw.random((12, 20, 22)), 1.5)
    mask = noise > np.quantile(noise, 0.6)
    pieces, _ = ndimage.label(mask, np.ones((3, 3, 3)))
    own = pieces == np.bincount(pieces[mask]).argmax()
    labels = np.where(own, FIRST, 0).astype(np.uint32)
    voxels = np.argwhere(own)
    points = voxels[draw.choice(len(voxels), n_points, replace=False)]
    after = made(labels, split_by_points(labels, None, points, ids_for(labels)))
    found = after[tuple(points.T)]
    assert len(set(found.tolist())) == n_points
    for label_id in found.tolist():
        assert ndimage.label(after == label_id, np.ones((3, 3, 3)))[1] == 1
