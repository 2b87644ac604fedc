"""Final ids of objects."""

import numpy as np
import pytest

from empanada_desktop.core.ids import number_objects
from empanada_desktop.errors import SettingsError


def test_objects_are_counted_within_their_class() -> None:
    classes = np.array([1, 2, 1, 1, 2])
    keep = np.array([True, True, False, True, True])
    ids, divisor = number_objects(classes, keep, frozenset({1, 2}), 1000)
    assert divisor == 1000
    np.testing.assert_array_equal(ids, [1001, 2001, 0, 1002, 2002])


def test_a_semantic_class_gets_one_id() -> None:
    ids, _ = number_objects(np.array([1, 2]), np.array([True, True]), frozenset({1}), 1000)
    np.testing.assert_array_equal(ids, [1001, 2000])


def test_more_objects_than_the_divisor_never_reach_the_next_class() -> None:
    classes = np.repeat([1, 2], 1200)
    ids, divisor = number_objects(classes, np.ones(2400, bool), frozenset({1, 2}), 1000)
    assert divisor == 10_000
    np.testing.assert_array_equal(ids // divisor, classes)
    assert len(np.unique(ids)) == 2400


def test_ids_that_do_not_fit_into_32_bits_are_an_error() -> None:
    with pytest.raises(SettingsError, match="32-bit"):
        number_objects(np.full(12, 5), np.ones(12, bool), frozenset({5}), 1_000_000_000)
