"""Connected components of a plane's objects."""

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from empanada_desktop.core.components import connected_parts, split_components
from empanada_desktop.core.stack_components import StackComponents

GOLDENS = Path(__file__).parents[1] / "data" / "goldens"
EIGHT = np.ones((3, 3))


def runs_of(components: NDArray[np.uint32], number: int) -> tuple[list[int], list[int]]:
    inside = np.concatenate([[0], components.ravel() == number, [0]]).astype(int)
    starts = np.flatnonzero(np.diff(inside) == 1)
    return starts.tolist(), (np.flatnonzero(np.diff(inside) == -1) - starts).tolist()


def test_the_parts_of_plane_5_are_those_of_the_reference() -> None:
    stored = np.load(GOLDENS / "matching.npz")
    components, table = split_components(stored["pan_in"][5].astype(np.uint32), [1], 1000)
    np.testing.assert_array_equal(table.boxes, stored["rle5_boxes"])
    starts, lengths, counts = [], [], []
    for number in range(1, len(table) + 1):
        found = runs_of(components, number)
        starts += found[0]
        lengths += found[1]
        counts.append(len(found[0]))
    np.testing.assert_array_equal(counts, stored["rle5_counts"])
    np.testing.assert_array_equal(starts, stored["rle5_starts"])
    np.testing.assert_array_equal(lengths, stored["rle5_runs"])


def test_corners_connect_and_other_ids_do_not() -> None:
    panoptic = np.array([[101, 0, 102, 102], [0, 101, 101, 0], [201, 0, 0, 101], [0, 0, 102, 0]], np.uint32)
    components, table = split_components(panoptic, [1, 2], 100)
    assert components.tolist() == [[1, 0, 2, 2], [0, 1, 1, 0], [3, 0, 0, 1], [0, 0, 4, 0]]
    assert table.classes.tolist() == [1, 1, 2, 1]
    assert table.areas.tolist() == [4, 2, 1, 1]
    assert table.boxes.tolist() == [[0, 0, 3, 4], [0, 2, 1, 4], [2, 0, 3, 1], [3, 2, 4, 3]]
    assert table.is_thing.all()


def test_a_stuff_class_is_one_component_however_scattered() -> None:
    panoptic = np.array([[200, 0, 101], [0, 0, 0], [101, 0, 200]], np.uint32)
    components, table = split_components(panoptic, [1], 100)
    assert components.tolist() == [[1, 0, 2], [0, 0, 0], [3, 0, 1]]
    assert table.is_thing.tolist() == [False, True, True]
    assert table.areas.tolist() == [2, 1, 1]
    assert table.boxes[0].tolist() == [0, 0, 3, 3]


def test_an_empty_plane_has_no_components() -> None:
    components, table = split_components(np.zeros((4, 5), np.uint32), [1], 1000)
    assert not components.any()
    assert len(table) == 0


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_parts_are_the_components_of_each_id(height: int, width: int, ids: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    labels = (draw.integers(1, ids + 1, (height, width)) * (draw.random((height, width)) < 0.6)).astype(np.uint32)
    parts = connected_parts(labels * np.uint32(1_000_000_000))
    expected = 0
    for label_id in range(1, ids + 1):
        regions, count = ndimage.label(labels == label_id, EIGHT)
        pairs = np.unique(np.stack([regions[regions > 0], parts[regions > 0]]), axis=1)
        assert pairs.shape[1] == count == len(np.unique(pairs[1]))
        expected += count
    assert parts.max(initial=0) == expected
    np.testing.assert_array_equal(parts == 0, labels == 0)


def test_a_spiral_is_one_component() -> None:
    spiral = np.ones((41, 41), np.uint32)
    for ring in range(1, 20, 2):
        spiral[ring, ring : 41 - ring] = spiral[40 - ring, ring : 41 - ring] = 0
        spiral[ring : 41 - ring, ring] = spiral[ring : 41 - ring, 40 - ring] = 0
        spiral[ring, 20] = 1
    assert connected_parts(spiral).max() == ndimage.label(spiral, EIGHT)[1] == 1


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 7), st.integers(1, 9), st.integers(1, 9), st.floats(0.05, 0.6), st.integers(0, 2**32 - 1))
def test_a_stack_has_the_components_of_its_volume(depth: int, height: int, width: int, fill: float, seed: int) -> None:
    mask = np.random.default_rng(seed).random((depth, height, width)) < fill
    stack = StackComponents()
    parts = np.stack([stack.add_plane(plane) for plane in mask])
    found = stack.finish()[parts]
    expected, count = ndimage.label(mask, np.ones((3, 3, 3)))
    pairs = np.unique(np.stack([expected.ravel(), found.ravel()]), axis=1)
    assert pairs.shape[1] == len(np.unique(pairs[0])) == len(np.unique(pairs[1]))
    assert found.max(initial=0) == count
