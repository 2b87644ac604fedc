"""Contingency of two label images, and matching by overlaps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from empanada_desktop.core.matching import assign_pairs, match_objects, merge_unmatched
from empanada_desktop.core.overlap import (
    Contingency,
    add_contingencies,
    contingency,
    intersection_over_area,
    iou,
    relabel,
)


def as_dict(table: Contingency) -> dict[tuple[int, int], int]:
    return dict(zip(zip(table.first.tolist(), table.second.tolist(), strict=True), table.voxels.tolist(), strict=True))


def counted(first: NDArray[np.integer], second: NDArray[np.integer]) -> dict[tuple[int, int], int]:
    counts: dict[tuple[int, int], int] = {}
    for pair in zip(first.ravel().tolist(), second.ravel().tolist(), strict=True):
        counts[pair] = counts.get(pair, 0) + 1
    counts.pop((0, 0), None)
    return counts


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([2, 5, 2000, 2**32 - 2]), st.integers(0, 2**32 - 1))
def test_contingency_counts_every_pair(height: int, width: int, largest: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    first, second = draw.integers(0, largest, (2, height, width), dtype=np.uint32) * (
        draw.random((2, height, width)) < 0.7
    )
    table = contingency(first, second)
    assert as_dict(table) == counted(first, second)
    keys = list(as_dict(table))
    assert keys == sorted(keys)
    ids, areas = table.first_areas
    assert dict(zip(ids.tolist(), areas.tolist(), strict=True)) == {
        label_id: int((first == label_id).sum()) for label_id in np.unique(first[first > 0]).tolist()
    }


def test_tables_of_blocks_add_up_to_the_table_of_the_whole() -> None:
    first, second = np.random.default_rng(0).integers(0, 9, (2, 24, 31))
    parts = [contingency(first[rows], second[rows]) for rows in (slice(0, 7), slice(7, 8), slice(8, 24))]
    assert as_dict(add_contingencies(parts)) == as_dict(contingency(first, second))
    assert len(add_contingencies([]).voxels) == 0


def test_ids_can_be_looked_up_in_new_ones() -> None:
    table = relabel(contingency(np.array([1, 2, 2]), np.array([3, 3, 0])), np.array([0, 7, 7], np.uint32), None)
    assert as_dict(add_contingencies([table])) == {(7, 0): 1, (7, 3): 2}


@pytest.mark.parametrize("wrong", [np.array([-1]), np.array([2**32 - 1]), np.array([2**40])])
def test_ids_that_do_not_fit_are_refused(wrong: NDArray[np.integer]) -> None:
    with pytest.raises(ValueError, match="32 bits"):
        contingency(wrong, np.array([1]))


def test_shapes_must_be_equal() -> None:
    with pytest.raises(ValueError, match="shapes"):
        contingency(np.zeros((2, 3), int), np.zeros((3, 2), int))


def test_iou_and_intersection_over_area() -> None:
    shared, first, second = np.array([2]), np.array([4]), np.array([8])
    assert iou(shared, first, second).tolist() == [0.2]
    assert intersection_over_area(shared, second).tolist() == [0.25]


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.floats(0.05, 0.9), st.integers(0, 2**32 - 1))
def test_splitting_the_assignment_into_blocks_changes_no_sum(rows: int, columns: int, fill: float, seed: int) -> None:
    draw = np.random.default_rng(seed)
    matrix = draw.random((rows, columns)) * (draw.random((rows, columns)) < fill)
    first, second = np.nonzero(matrix)
    chosen = assign_pairs(first, second, matrix[first, second])
    assert len(np.unique(first[chosen])) == len(np.unique(second[chosen])) == len(chosen)
    best = matrix[linear_sum_assignment(matrix, maximize=True)].sum()
    assert matrix[first[chosen], second[chosen]].sum() == pytest.approx(best)


def test_a_match_needs_the_threshold() -> None:
    first, second, shared = np.array([0, 1]), np.array([0, 1]), np.array([25, 24])
    found = match_objects(first, second, shared, np.array([50, 50]), np.array([75, 75]), 0.25)
    assert found.tolist() == [0, -1]  # IoU 25 / 100 and 24 / 101


def test_what_is_left_joins_the_object_that_holds_most_of_it() -> None:
    first, second, shared = np.array([0, 1, 2, 3]), np.array([0, 0, 1, 1]), np.array([3, 4, 5, 5])
    areas = np.array([16, 10, 9])
    assert merge_unmatched(np.array([-1, -1, -1]), first, second, shared, areas, 0.25).tolist() == [1, 2, -1]
    assert merge_unmatched(np.array([-1, 3, -1]), first, second, shared, areas, 0.3).tolist() == [-1, 3, -1]
