"""Colours of objects: stable, and different among neighbours."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from empanada_desktop.document.colours import (
    LABEL_COLOURS,
    REACH,
    colour_places,
    colours_of,
    hashed_places,
    neighbourly_table,
    palette,
)


def test_the_palette_is_the_designs() -> None:
    assert len(LABEL_COLOURS) == 8
    np.testing.assert_array_equal(palette()[0], (0xF7, 0xCF, 0x1D))


def test_an_id_keeps_its_colour_until_shuffled() -> None:
    ids = np.arange(1, 2000, dtype=np.uint32)
    first = hashed_places(ids, 0)
    np.testing.assert_array_equal(first, hashed_places(ids, 0))
    assert (hashed_places(ids, 1) != first).mean() > 0.5
    counts = np.bincount(first, minlength=8)
    assert counts.min() > 0.5 * counts.mean()
    assert hashed_places(np.array([2**32 - 1], np.uint32), 3)[0] < 8


@settings(deadline=None)
@given(st.integers(0, 9999), st.integers(1, 60), st.integers(0, 5))
def test_neighbours_differ_while_eight_colours_suffice(seed: int, count: int, shuffle: int) -> None:
    rng = np.random.default_rng(seed)
    ids = np.sort(rng.choice(np.arange(1, 500), count, replace=False)).astype(np.uint32)
    starts = rng.integers(0, 600, (count, 3))
    stops = starts + rng.integers(1, 30, (count, 3))
    table = neighbourly_table(ids, starts, stops, shuffle)
    places = colour_places(ids, table, shuffle)
    near = ((starts[:, None] - stops[None] <= REACH) & (starts[None] - stops[:, None] <= REACH)).all(axis=-1)
    crowded = near.sum(axis=1).max() > 8
    clash = near & (places[:, None] == places[None]) & ~np.eye(count, dtype=bool)
    assert crowded or not clash.any()
    part = neighbourly_table(ids[: count // 2], starts[: count // 2], stops[: count // 2], shuffle)
    grown = neighbourly_table(ids, starts, stops, shuffle, known=part)
    np.testing.assert_array_equal(grown[: len(part)], part)


def test_huge_ids_cost_no_memory() -> None:
    ids = np.array([3, 4_000_000_000], np.uint32)
    table = neighbourly_table(ids, np.zeros((2, 3), np.int64), np.ones((2, 3), np.int64), 0)
    assert len(table) == 4
    many = np.arange(1, 30_001, dtype=np.uint32)
    boxes = np.zeros((30_000, 3), np.int64)
    assert len(neighbourly_table(many, boxes, boxes + 1, 0)) == 0


def test_ids_beyond_the_table_are_hashed() -> None:
    table = np.full(4, 5, np.uint8)
    ids = np.array([1, 3, 4, 10_001], np.uint32)
    np.testing.assert_array_equal(colour_places(ids, table, 2)[:2], [5, 5])
    np.testing.assert_array_equal(colour_places(ids, table, 2)[2:], hashed_places(ids[2:], 2))
    np.testing.assert_array_equal(colours_of(ids, table, 2)[0], palette()[5])
