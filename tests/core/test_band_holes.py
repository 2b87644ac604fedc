"""Holes of a plane in bands of rows: filled as in the whole plane."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from empanada_desktop.core.band_holes import BandHoles
from empanada_desktop.core.holes import fill_holes

Labels = NDArray[np.uint32]


def filled_in_bands(labels: Labels, draw: np.random.Generator) -> Labels:
    cuts = np.unique(np.concatenate([[0, len(labels)], draw.integers(0, len(labels) + 1, 4)]))
    bands = [labels[first:end] for first, end in pairwise(cuts)]
    holes = BandHoles(len(labels))
    for band in bands:
        holes.add(band)
    holes.decide()
    return np.concatenate([holes.fill(band) for band in bands])


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 20), st.integers(1, 20), st.floats(0.4, 0.95), st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_random_planes(rows: int, columns: int, fill: float, count: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    labels = draw.integers(1, count + 1, (rows, columns)) * (draw.random((rows, columns)) < fill)
    labels = labels.astype(np.uint32) * 1000
    np.testing.assert_array_equal(filled_in_bands(labels, draw), fill_holes(labels))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_nested_and_crossing_rings(seed: int) -> None:
    draw = np.random.default_rng(seed)
    labels = np.zeros((24, 24), np.uint32)
    for number in range(8):
        top, left = draw.integers(0, 14, 2)
        height, width = draw.integers(1, 16, 2)
        solid = np.zeros(labels.shape, bool)
        solid[top : top + height, left : left + width] = True
        labels[solid & ~ndimage.binary_erosion(solid)] = 7 * (number + 1)
    np.testing.assert_array_equal(filled_in_bands(labels, draw), fill_holes(labels))


@pytest.mark.parametrize("value", [0, 5])
def test_a_plane_of_one_value_stays(value: int) -> None:
    labels = np.full((6, 5), value, np.uint32)
    np.testing.assert_array_equal(filled_in_bands(labels, np.random.default_rng(0)), labels)
