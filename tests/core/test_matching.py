"""The best one-to-one assignment: what is certain at first sight is in it, and the sum is never less."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from empanada_desktop.core.matching import assign_pairs, certain_pairs, match_objects


def matrix_of(shape: tuple[int, int], density: float, seed: int, steps: int) -> NDArray[np.float64]:
    """Scores in few steps, so that equal ones are common; 0 for pairs that share nothing."""
    draw = np.random.default_rng(seed)
    scores = draw.integers(1, steps + 1, shape) / steps
    return np.where(draw.random(shape) < density, scores, 0.0)


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(st.integers(1, 8), st.integers(1, 8)),
    st.sampled_from([0.1, 0.3, 0.7, 1.0]),
    st.integers(0, 10_000),
    st.sampled_from([1, 3, 1000]),
)
def test_no_assignment_is_better(shape: tuple[int, int], density: float, seed: int, steps: int) -> None:
    scores = matrix_of(shape, density, seed, steps)
    first, second = np.nonzero(scores)
    chosen = assign_pairs(first, second, scores[first, second])
    assert len(set(first[chosen])) == len(set(second[chosen])) == len(chosen)
    rows, columns = linear_sum_assignment(scores, maximize=True)
    best = scores[rows, columns]
    np.testing.assert_allclose(scores[first[chosen], second[chosen]].sum(), best.sum(), rtol=1e-12)
    certain, is_open = certain_pairs(first, second, scores[first, second]) if len(first) else (np.zeros(0, bool),) * 2
    assert not (certain & is_open).any()
    assert set(zip(first[certain], second[certain], strict=True)) <= set(zip(rows, columns, strict=True))


def test_a_pair_that_is_worth_less_than_its_rivals_together_is_not_certain() -> None:
    """0-0 scores most of all, but 0-1 and 1-0 together more than it."""
    first, second, scores = np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([0.5, 0.3, 0.3])
    certain, is_open = certain_pairs(first, second, scores)
    assert (certain.any(), is_open.all()) == (False, True)
    assert assign_pairs(first, second, scores).tolist() == [1, 2]
    certain, is_open = certain_pairs(first, second, np.array([0.7, 0.3, 0.3]))
    assert (certain.tolist(), is_open.tolist()) == ([True, False, False], [False, False, False])


def test_objects_match_from_the_threshold_on() -> None:
    """2 of 8 voxels are a quarter; which of two parts is larger is asked only where none matches."""
    one = np.zeros(1, np.int64)
    for shared, found in ((2, 0), (1, -1)):
        areas = np.array([5])
        assert match_objects(one, one, np.array([shared]), areas, areas, 0.25).tolist() == [found]
