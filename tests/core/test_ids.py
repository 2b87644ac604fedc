"""Final ids of objects."""

import numpy as np
import pytest

from empanada_desktop.core.ids import FreeIds, next_free_id, number_objects
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


@pytest.mark.parametrize(("count", "divisor"), [(9, 10), (10, 100), (99, 100), (100, 1000)])
def test_the_divisor_widens_when_a_class_is_full(count: int, divisor: int) -> None:
    ids, found = number_objects(np.ones(count, int), np.ones(count, bool), frozenset({1}), 10)
    assert (found, ids[-1]) == (divisor, divisor + count)


def test_ids_that_do_not_fit_into_32_bits_are_an_error() -> None:
    with pytest.raises(SettingsError, match="32-bit"):
        number_objects(np.full(12, 5), np.ones(12, bool), frozenset({5}), 1_000_000_000)


def test_the_next_free_id_is_the_lowest_that_nothing_has() -> None:
    used = [2001, 2002, 2004, 1001, 3001, 2002]
    assert next_free_id(used, 2, 1000) == 2003
    assert next_free_id(used, 2, 1000, start=2004) == 2005
    assert next_free_id([], 2, 1000) == 2001
    assert next_free_id(np.zeros(0, np.uint32), 0, 10) == 1


def test_the_next_free_id_refuses_to_run_into_the_next_class() -> None:
    # The reference ends with an IndexError.
    with pytest.raises(SettingsError, match=r"Class 2 is full: none of its ids up to 2999 is free\.$"):
        next_free_id(np.arange(2001, 3000), 2, 1000)
    with pytest.raises(SettingsError, match="3001 is no id of class 2"):
        next_free_id([], 2, 1000, start=3001)
    with pytest.raises(SettingsError, match=r"Class 429 is full.* from"):
        next_free_id([2**32 - 2], 429, 10_000_000, start=2**32 - 2)


def test_ids_are_given_out_once_and_in_the_class_of_what_is_divided() -> None:
    free = FreeIds([2001, 1003, 1001], 1000)
    assert [free.take(1001), free.take(2001), free.take(1001), free.take(1003)] == [1002, 2002, 1004, 1005]
    assert free.taken == [1002, 2002, 1004, 1005]
    assert FreeIds([2001], 1000, start=5100).take(2001) == 5100


def test_a_persons_range_of_ids_is_kept_to() -> None:
    free = FreeIds([3001], 10_000, id_range=(3001, 3003))
    assert [free.take(1), free.take(1)] == [3002, 3003]
    with pytest.raises(SettingsError, match="3001 to 3003 are used up"):
        free.take(1)
