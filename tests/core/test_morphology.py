"""Erosion, dilation and hole filling of labels: exact, and no object takes a voxel from another one."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from empanada_desktop.core.holes import fill_holes
from empanada_desktop.core.morphology import dilate_labels, erode_labels

Labels = NDArray[np.uint32]
SHAPES = st.sampled_from([(9, 13), (4, 6, 7), (1, 17), (1, 8, 9)])


def dilated_by_trying_all(labels: Labels, radius: int) -> Labels:
    result = labels.copy()
    places = np.argwhere(labels > 0)
    ids = labels[labels > 0]
    for place in np.argwhere(labels == 0):
        distances = ((places - place) ** 2).sum(axis=1)
        nearest = np.lexsort((ids, distances))[:1]
        if len(nearest) and distances[nearest[0]] <= radius**2:
            result[tuple(place)] = ids[nearest[0]]
    return result


def eroded_by_trying_all(labels: Labels, radius: int) -> Labels:
    result = labels.copy()
    places = np.argwhere(np.ones_like(labels))
    for place in np.argwhere(labels > 0):
        near = ((places - place) ** 2).sum(axis=1) <= radius**2
        if (labels.ravel()[near] != labels[tuple(place)]).any():
            result[tuple(place)] = 0
    return result


def filled_one_by_one(labels: Labels) -> Labels:
    result = labels.copy()

    def box_size(label_id: int) -> int:
        places = np.argwhere(labels == label_id)
        return int((places.max(axis=0) - places.min(axis=0) + 1).prod())

    for label_id in sorted(np.unique(labels[labels > 0]).tolist(), key=box_size):
        holes = ndimage.binary_fill_holes(labels == label_id) & (result == 0)
        result[holes] = label_id
    return result


@settings(max_examples=40, deadline=None)
@given(SHAPES, st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_dilation_and_erosion_are_exact(shape: tuple[int, ...], radius: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    labels = (draw.integers(1, 4, shape) * (draw.random(shape) < 0.1)).astype(np.uint32) * 1_000_000_000
    grown = dilate_labels(labels, radius)
    np.testing.assert_array_equal(grown, dilated_by_trying_all(labels, radius))
    np.testing.assert_array_equal(grown[labels > 0], labels[labels > 0])
    thick = dilate_labels(labels, 3)
    np.testing.assert_array_equal(erode_labels(thick, radius), eroded_by_trying_all(thick, radius))


def test_dilation_stops_at_the_neighbour_and_ties_go_to_the_lower_id() -> None:
    row = np.array([[0, 0, 7, 0, 0, 0, 3, 5, 0]], np.uint32)
    assert dilate_labels(row, 2).tolist() == [[7, 7, 7, 7, 3, 3, 3, 5, 5]]
    assert dilate_labels(row, 0).tolist() == row.tolist()


def test_erosion_separates_touching_objects_but_not_at_the_edge_of_the_volume() -> None:
    row = np.array([[4, 4, 4, 9, 9, 9, 9, 0]], np.uint32)
    assert erode_labels(row, 1).tolist() == [[4, 4, 0, 0, 9, 9, 0, 0]]


@pytest.mark.parametrize("change", [dilate_labels, erode_labels])
def test_blocks_with_a_margin_give_what_the_whole_gives(change: Callable[[Labels, int], Labels]) -> None:
    draw = np.random.default_rng(5)
    seeds = (draw.integers(1, 9, (20, 30, 25)) * (draw.random((20, 30, 25)) < 0.01)).astype(np.uint32)
    labels, radius = dilate_labels(seeds, 4), 3
    whole = change(labels, radius)
    for start in range(0, 20, 5):
        low, high = max(0, start - radius), min(20, start + 5 + radius)
        block = change(np.ascontiguousarray(labels[low:high]), radius)
        np.testing.assert_array_equal(block[start - low : start - low + 5], whole[start : start + 5])


@settings(max_examples=60, deadline=None)
@given(SHAPES, st.floats(0.4, 0.95), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_holes_are_filled_as_one_by_one_and_nothing_else_changes(
    shape: tuple[int, ...], fill: float, count: int, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    labels = (draw.integers(1, count + 1, shape) * (draw.random(shape) < fill)).astype(np.uint32) * 1000
    filled = fill_holes(labels)
    np.testing.assert_array_equal(filled, filled_one_by_one(labels))
    np.testing.assert_array_equal(filled[labels > 0], labels[labels > 0])


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([(16, 16), (9, 10, 11)]), st.integers(0, 2**32 - 1))
def test_nested_and_crossing_shells_are_filled_innermost_first(shape: tuple[int, ...], seed: int) -> None:
    draw = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint32)
    for number in range(6):
        start = draw.integers(0, 7, len(shape))
        solid = np.zeros(shape, bool)
        solid[
            tuple(slice(low, low + side) for low, side in zip(start, draw.integers(1, 10, len(shape)), strict=True))
        ] = True
        labels[solid & ~ndimage.binary_erosion(solid)] = 7 * (number + 1)
    np.testing.assert_array_equal(fill_holes(labels), filled_one_by_one(labels))


def test_of_two_objects_round_a_hole_the_inner_one_takes_it() -> None:
    """The outer one touches it too, with a part in its middle."""
    labels = np.zeros((9, 9), np.uint32)
    for margin, label_id in ((0, 5), (2, 7)):
        labels[margin : 9 - margin, margin : 9 - margin] = label_id
        labels[margin + 1 : 8 - margin, margin + 1 : 8 - margin] = 0
    labels[4, 4] = 5
    filled = fill_holes(labels)
    assert (filled[1, 1], filled[3, 3], filled[4, 4]) == (5, 7, 5)


def test_a_gap_between_three_objects_is_no_hole() -> None:
    labels = np.array([[1, 1, 2, 2], [1, 0, 0, 2], [1, 3, 3, 2], [3, 3, 3, 3]], np.uint32)
    np.testing.assert_array_equal(fill_holes(labels), labels)


def test_blobs_without_holes_stay_as_they_are() -> None:
    rows, columns = np.mgrid[:256, :256]
    labels = np.zeros((256, 256), np.uint32)
    draw = np.random.default_rng(3)
    for number, (y, x) in enumerate(draw.integers(0, 256, (60, 2)), 1):
        labels[((rows - y) ** 2 + (columns - x) ** 2 < 200) & (labels == 0)] = number
    changed = np.count_nonzero(fill_holes(labels) != labels)
    assert changed == np.count_nonzero(filled_one_by_one(labels) != labels) < 100
    assert (fill_holes(labels)[labels > 0] == labels[labels > 0]).all()
