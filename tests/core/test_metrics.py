"""Scores of objects: small cases worked out by hand, and naive counting."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from empanada_desktop.core.metrics import AP_THRESHOLDS, match_objects_at, score_table
from empanada_desktop.core.overlap import add_contingencies, contingency


def iou_matrix(truth: NDArray[np.integer], found: NDArray[np.integer]) -> NDArray[np.float64]:
    true_ids, found_ids = np.unique(truth[truth > 0]), np.unique(found[found > 0])
    matrix = np.zeros((len(true_ids), len(found_ids)))
    for row, true_id in enumerate(true_ids):
        for column, found_id in enumerate(found_ids):
            a, b = truth == true_id, found == found_id
            matrix[row, column] = (a & b).sum() / (a | b).sum()
    return matrix


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 10), st.integers(1, 10), st.sampled_from([0.1, 0.3, 0.5, 0.7]), st.integers(0, 2**32 - 1))
def test_counts_are_those_of_trying_all_pairs(height: int, width: int, threshold: float, seed: int) -> None:
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, 5, (height, width))
    found = np.where(draw.random((height, width)) < 0.6, truth * 7, draw.integers(0, 5, (height, width)) * 7)
    matrix = iou_matrix(truth, found)
    allowed = np.where(matrix >= threshold, 100 + matrix, 0)  # as many as possible, then the largest sum
    rows, columns = linear_sum_assignment(allowed, maximize=True)
    hits = allowed[rows, columns] > 0
    matches = match_objects_at(contingency(truth, found), threshold)
    assert matches.true_positives == hits.sum()
    assert matches.false_negatives == matrix.shape[0] - hits.sum()
    assert matches.false_positives == matrix.shape[1] - hits.sum()
    assert matches.iou_sum == pytest.approx(matrix[rows, columns][hits].sum())


def test_scores_worked_out_by_hand() -> None:
    truth = np.array([[1, 1, 1, 1, 0, 2, 2, 0, 3, 3]])
    found = np.array([[5, 5, 5, 0, 0, 6, 6, 6, 0, 0]])  # IoU 3/4, 2/3; the third is missed
    scores = score_table(contingency(truth, found), (0.5, 0.7))
    assert (scores.intersection, scores.union) == (5, 9)
    assert scores.iou == pytest.approx(5 / 9)
    at_half, at_most = scores.by_threshold[0.5], scores.by_threshold[0.7]
    assert (at_half.true_positives, at_half.false_positives, at_half.false_negatives) == (2, 0, 1)
    assert (at_half.precision, at_half.recall, at_half.f1) == (1, pytest.approx(2 / 3), pytest.approx(0.8))
    assert (at_most.true_positives, at_most.false_positives, at_most.false_negatives) == (1, 1, 2)
    assert scores.strict.segmentation_quality == pytest.approx((3 / 4 + 2 / 3) / 2)
    assert scores.strict.panoptic_quality == pytest.approx((3 / 4 + 2 / 3) / 2.5)  # sum of IoU / (TP + FP/2 + FN/2)
    expected = [2 / 3] * 4 + [1 / 4] * 2 + [0] * 4  # .5 to .65; .7, .75; above
    assert scores.average_precision == pytest.approx(np.mean(expected))


def test_an_iou_of_exactly_a_half_matches_once_and_never_strictly() -> None:
    truth = np.array([[1, 1]])
    found = np.array([[5, 6]])  # each half overlaps by one half: only one of them can be the object
    table = contingency(truth, found)
    matches = match_objects_at(table, 0.5)
    assert (matches.true_positives, matches.false_positives, matches.false_negatives) == (1, 1, 0)
    assert match_objects_at(table, 0.5, inclusive=False).true_positives == 0


def test_low_thresholds_match_as_many_as_possible() -> None:
    truth = np.array([[1] * 6 + [2] * 2])
    found = np.array([[5] * 2 + [6] * 6])  # 1-5: 2/6, 1-6: 4/8, 2-6: 2/6
    matches = match_objects_at(contingency(truth, found), 0.3)
    assert (matches.true_positives, matches.iou_sum) == (2, pytest.approx(2 / 3))


def test_nothing_on_either_side_has_no_score_and_nothing_on_one_side_scores_0() -> None:
    nothing, something = np.zeros((3, 3), int), np.ones((3, 3), int)
    empty = score_table(contingency(nothing, nothing))
    assert math.isnan(empty.iou)
    assert math.isnan(empty.strict.panoptic_quality)
    assert math.isnan(empty.average_precision)
    missed = score_table(contingency(something, nothing))
    assert (missed.iou, missed.strict.f1, missed.strict.recall, missed.strict.panoptic_quality) == (0, 0, 0, 0)
    assert math.isnan(missed.strict.precision)


def test_tables_of_blocks_score_as_the_whole_and_planes_pool() -> None:
    draw = np.random.default_rng(1)
    truth = np.repeat(draw.integers(0, 6, (8, 5, 5)), 4, axis=2)
    found = np.where(draw.random(truth.shape) < 0.8, truth, 0)
    whole = score_table(contingency(truth, found))
    assert score_table(add_contingencies(contingency(*planes) for planes in zip(truth, found, strict=True))) == whole
    first, second = (score_table(contingency(truth[half], found[half])) for half in (slice(0, 4), slice(4, 8)))
    pooled = first + second
    assert (pooled.intersection, pooled.union) == (whole.intersection, whole.union)
    for threshold in AP_THRESHOLDS:
        counts = [scores.by_threshold[threshold].true_positives for scores in (first, second, pooled)]
        assert counts[0] + counts[1] == counts[2]
