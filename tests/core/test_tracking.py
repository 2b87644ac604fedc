"""Objects of a stack: the reference's numbers, and exact for any object in any orientation."""

import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from empanada_desktop.core.components import split_components
from empanada_desktop.core.filters import keep_objects
from empanada_desktop.core.geometry import Axis, plane_index
from empanada_desktop.core.tracking import ObjectTable, StackTracker, Tracks

GOLDENS = Path(__file__).parents[1] / "data" / "goldens"
DIVISOR = 1000
Labels = NDArray[np.uint32]


def tracked(volume: Labels, axis: Axis = Axis.XY, things: tuple[int, ...] = (1, 2)) -> tuple[Labels, Tracks]:
    """Cut a panoptic volume into planes, track them, and write the objects back where their components were."""
    tracker = StackTracker(axis)
    planes = []
    for index in range(volume.shape[axis.normal]):
        components, table = split_components(np.ascontiguousarray(volume[plane_index(axis, index)]), things, DIVISOR)
        tracker.add_plane(components, table)
        planes.append(components)
    tracks = tracker.finish()
    result = np.zeros(volume.shape, np.uint32)
    for index, (components, lookup) in enumerate(zip(planes, tracks.lookups, strict=True)):
        result[plane_index(axis, index)] = lookup[components]
    return result, tracks


def same_partition(first: NDArray[np.integer], second: NDArray[np.integer]) -> bool:
    pairs = np.unique(np.stack([first.ravel().astype(np.int64), second.ravel().astype(np.int64)]), axis=1)
    return pairs.shape[1] == len(np.unique(pairs[0])) == len(np.unique(pairs[1]))


def check_table(objects: ObjectTable, volume: Labels, axis: Axis) -> None:
    """Measure every object in the volume that was written back."""
    assert volume.max(initial=0) == len(objects)
    for number in range(1, len(objects) + 1):
        places = np.argwhere(volume == number)
        assert objects.voxels[number - 1] == len(places)
        assert objects.boxes[number - 1].tolist() == [*places.min(axis=0), *places.max(axis=0) + 1]
        assert objects.n_planes[number - 1] == len(np.unique(places[:, axis.normal]))


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    return dict(np.load(GOLDENS / "matching.npz"))


def test_matching_is_that_of_the_reference(stored: dict[str, Any]) -> None:
    found, tracks = tracked(stored["pan_in"].astype(np.uint32), things=(1,))
    assert same_partition(found, stored["backward"])
    ids = np.array([stored["backward"][found == number + 1][0] for number in range(len(tracks.objects))])
    order, expected = np.argsort(ids), np.argsort(stored["tracker_ids"])
    np.testing.assert_array_equal(ids[order], stored["tracker_ids"][expected])
    np.testing.assert_array_equal(tracks.objects.boxes[order], stored["tracker_boxes"][expected])
    np.testing.assert_array_equal(tracks.objects.voxels[order], stored["tracker_sizes"][expected])
    kept_small = ids[keep_objects(tracks.objects, min_size=200, min_extent=0)]
    np.testing.assert_array_equal(np.sort(kept_small), np.sort(stored["kept_small200"]))
    kept_thick = ids[keep_objects(tracks.objects, min_size=0, min_extent=4)]
    np.testing.assert_array_equal(np.sort(kept_thick), np.sort(stored["kept_pancake4"]))
    check_table(tracks.objects, found, Axis.XY)


def test_forward_labels_are_those_of_the_reference(stored: dict[str, Any]) -> None:
    tracker = StackTracker()
    planes = []
    for plane in stored["pan_in"]:
        components, table = split_components(plane.astype(np.uint32), [1], 1000)
        tracker.add_plane(components, table)
        planes.append(components)
    labels = tracker._match_forward()
    found = np.stack([np.concatenate([[0], own])[plane] for own, plane in zip(labels, planes, strict=True)])
    assert same_partition(found, stored["forward"])


@pytest.mark.parametrize("axis", list(Axis))
def test_a_full_width_object_is_exact_in_every_orientation(axis: Axis) -> None:
    volume = np.zeros((6, 8, 12), np.uint32)
    volume[1:5, 2:6, :] = 1001  # 4 x 4 x 12 = 192 voxels; its runs of an xz plane reach from edge to edge
    volume[:, 7, :] = 1002
    volume[0, :2, :3] = 1003
    found, tracks = tracked(volume, axis)
    assert same_partition(found, volume)
    check_table(tracks.objects, found, axis)
    assert 192 in tracks.objects.voxels.tolist()


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(list(Axis)), st.integers(0, 2**32 - 1))
def test_no_voxel_is_lost_or_moved_in_any_orientation(axis: Axis, seed: int) -> None:
    draw = np.random.default_rng(seed)
    volume = np.zeros((7, 9, 11), np.uint32)
    for number in range(8):
        start = draw.integers(0, 6, 3)
        box = tuple(slice(low, low + side) for low, side in zip(start, draw.integers(1, 9, 3), strict=True))
        volume[box] = (1 + number % 2) * DIVISOR + number
    found, tracks = tracked(volume, axis)
    np.testing.assert_array_equal(found > 0, volume > 0)
    check_table(tracks.objects, found, axis)
    for number in range(1, len(tracks.objects) + 1):
        assert np.unique(volume[found == number] // DIVISOR).tolist() == [tracks.objects.classes[number - 1]]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_result_does_not_depend_on_the_ids_of_the_planes(seed: int) -> None:
    draw = np.random.default_rng(seed)
    volume = np.repeat(np.repeat(draw.integers(0, 5, (6, 6, 7)), 2, axis=1), 3, axis=2).astype(np.uint32)
    volume[volume > 0] += DIVISOR
    shuffled = volume.copy()
    for plane in shuffled:
        new_ids = np.concatenate([[0], DIVISOR + draw.permutation(np.arange(1, 100))[:4]])
        plane[:] = new_ids[np.where(plane > 0, plane - DIVISOR, 0)]
    np.testing.assert_array_equal(tracked(volume)[0], tracked(shuffled)[0])


def plane_of(*runs: tuple[int, int, int]) -> list[list[int]]:
    row = [0] * 12
    for start, stop, number in runs:
        row[start:stop] = [DIVISOR + number] * (stop - start)
    return [row]


def test_what_a_single_pass_splits_the_way_back_joins() -> None:
    # Two prongs, new in plane 0, meet in plane 1: forward the prong that fits less keeps a label of its own.
    volume = np.array([plane_of((0, 5, 1), (7, 10, 2)), plane_of((0, 10, 1)), plane_of((0, 10, 1))], np.uint32)
    found, tracks = tracked(volume)
    assert len(tracks.objects) == 1
    assert tracks.objects.voxels.tolist() == [28]
    np.testing.assert_array_equal(found > 0, volume > 0)


def test_a_branch_joins_when_a_quarter_of_it_overlaps() -> None:
    joined = [plane_of((0, 8, 1)), plane_of((0, 5, 1), (6, 12, 2))]  # 2 of 6 lie under the object
    apart = [plane_of((0, 7, 1)), plane_of((0, 5, 1), (6, 12, 2))]  # 1 of 6
    assert len(tracked(np.array(joined, np.uint32))[1].objects) == 1
    assert len(tracked(np.array(apart, np.uint32))[1].objects) == 2


def test_objects_match_from_an_iou_of_a_quarter() -> None:
    quarter = [plane_of((0, 5, 1)), plane_of((3, 8, 1))]  # 2 / 8
    less = [plane_of((0, 6, 1)), plane_of((4, 12, 1))]  # IoU 2 / 12, but a quarter of the object
    apart = [plane_of((0, 3, 1)), plane_of((2, 12, 1))]  # IoU 1 / 12, a tenth of the object and a third of the other
    counts = [len(tracked(np.array(planes, np.uint32))[1].objects) for planes in (quarter, less, apart)]
    assert counts == [1, 1, 1]  # the last by the way back
    never = [plane_of((0, 6, 1)), plane_of((5, 12, 1))]  # 1 of 6 and 1 of 7
    assert len(tracked(np.array(never, np.uint32))[1].objects) == 2


def test_classes_do_not_match_each_other_and_stuff_is_one_object() -> None:
    volume = np.array([[[1001, 2001, 3000, 0]], [[2001, 1001, 0, 0]], [[0, 0, 0, 3000]]], np.uint32)
    found, tracks = tracked(volume)
    assert tracks.objects.classes.tolist() == [1, 1, 2, 2, 3]
    assert tracks.objects.is_thing.tolist() == [True] * 4 + [False]
    assert tracks.objects.voxels[-1] == 2
    assert tracks.objects.boxes[-1].tolist() == [0, 0, 2, 3, 1, 4]
    check_table(tracks.objects, found, Axis.XY)


def test_empty_planes_end_objects() -> None:
    one = np.zeros((5, 4, 4), np.uint32)
    one[[0, 1, 4], 1:3, 1:3] = 1001
    _, tracks = tracked(one)
    assert tracks.objects.n_planes.tolist() == [2, 1]
    assert len(tracked(np.zeros((3, 4, 4), np.uint32))[1].objects) == 0
    assert StackTracker().finish().lookups == ()


def test_only_the_previous_plane_is_held() -> None:
    tracker = StackTracker()
    held = []
    for index in range(30):
        plane = np.zeros((64, 64), np.uint32)
        plane[index : index + 20, 5:40] = 1001
        components, table = split_components(plane, [1], DIVISOR)
        held.append(weakref.ref(components))
        tracker.add_plane(components, table)
    del components, table
    gc.collect()
    assert sum(one() is not None for one in held) == 1
    assert len(tracker.finish().objects) == 1


def test_filters_take_no_less_than_asked_and_leave_stuff_alone() -> None:
    boxes = np.array([[0, 0, 0, 5, 5, 20], [0, 0, 0, 5, 4, 25], [0, 0, 0, 5, 5, 20], [0, 0, 0, 1, 1, 1]])
    objects = ObjectTable(
        np.array([1, 1, 1, 2]), np.array([500, 500, 499, 1]), boxes, np.ones(4, int), np.array([1, 1, 1, 0], bool)
    )
    assert keep_objects(objects, 500, 5).tolist() == [True, False, False, True]
    assert keep_objects(objects, 0, 0).all()
