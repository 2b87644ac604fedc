"""Components of a plane in bands of rows: the very same as of the whole plane."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from empanada_desktop.core.band_components import BandComponents
from empanada_desktop.core.components import split_components


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(1, 30),
    st.lists(st.integers(1, 12), min_size=40, max_size=40),
    st.floats(0.2, 0.9),
    st.integers(0, 2**32 - 1),
)
def test_bands_give_what_the_whole_gives(rows: int, columns: int, heights: list[int], fill: float, seed: int) -> None:
    draw = np.random.default_rng(seed)
    ids = np.array([1001, 1002, 2000, 3001, 3000_000], np.uint32)  # class 2 is stuff
    plane = np.where(draw.random((rows, columns)) < fill, draw.choice(ids[:4], (rows, columns)), 0).astype(np.uint32)
    whole, table = split_components(plane, (1, 3), 1000)
    bands, first, parts = BandComponents((1, 3), 1000), 0, []
    for height in heights:
        if first < rows:
            parts.append(bands.add(plane[first : first + height]))
            first += height
    lookup, joined = bands.finish()
    np.testing.assert_array_equal(lookup[np.concatenate(parts)], whole)
    for name in ("classes", "areas", "boxes", "is_thing"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(table, name))


def test_an_empty_plane_has_no_components() -> None:
    bands = BandComponents((1,), 1000)
    bands.add(np.zeros((3, 4), np.uint32))
    lookup, table = bands.finish()
    assert (lookup.tolist(), len(table)) == ([0], 0)
