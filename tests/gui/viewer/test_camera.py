"""Where voxels lie on the screen, and how samples are mixed into pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.gui.viewer.camera import DISPLAYED, PlaneCamera, fitting_zoom, nearest, proportions, taps
from empanada_desktop.gui.viewer.lengths import position_words, round_length, words

CAMERA = PlaneCamera(Axis.XY, 400, 300, (10.0, 20.0), (4.0, 2.0))
places = st.floats(-1000, 1000)


@given(places, places)
def test_there_and_back(row: float, column: float) -> None:
    assert CAMERA.place_at(*CAMERA.point_of(row, column)) == pytest.approx((row, column), abs=1e-6)


def test_the_centre_is_in_the_middle_and_voxels_are_picked_exactly() -> None:
    assert CAMERA.point_of(10, 20) == (200, 150)
    assert CAMERA.voxel_at(200, 150) == (10, 20)
    assert CAMERA.voxel_at(199.9, 149.9) == (9, 19)
    assert CAMERA.voxel_at(201.9, 153.9) == (10, 20)


def test_pixels_of_neighbouring_tiles_neither_overlap_nor_leave_gaps() -> None:
    camera = PlaneCamera(Axis.XY, 401, 300, (10.3, 20.7), (0.37, 2.9))
    edges = [camera.pixel_columns(low, low + 8, (0, 401)) for low in range(-100, 200, 8)]
    covered = [pixel for first, last in edges for pixel in range(first, last)]
    assert covered == sorted(set(covered))
    assert covered == list(range(covered[0], covered[-1] + 1))
    assert covered[0] == 0
    assert covered[-1] == 400


def test_yz_lies_beside_xy_with_the_same_rows() -> None:
    assert DISPLAYED[Axis.YZ] == (1, 0)
    assert DISPLAYED[Axis.XY][0] == DISPLAYED[Axis.YZ][0]
    assert DISPLAYED[Axis.XY][1] == DISPLAYED[Axis.XZ][1]


def test_voxels_that_are_not_cubes_are_drawn_in_proportion() -> None:
    assert proportions(Spacing(40, 6, 6)) == pytest.approx((40 / 6, 1, 1))
    assert proportions(Spacing()) == (1, 1, 1)
    assert proportions(Spacing(None, 6, 6)) == (1, 1, 1)
    assert fitting_zoom((10, 100, 100), Spacing(40, 4, 4), Axis.XZ, 400, 1000) == pytest.approx(4)
    assert fitting_zoom((10, 100, 100), Spacing(40, 4, 4), Axis.XZ, 400, 200) == pytest.approx(2)


@given(st.floats(0.05, 30), st.integers(1, 4), st.integers(1, 60), st.floats(-20, 200))
def test_taps_are_means_of_samples_that_are_there(scale: float, factor: int, length: int, start: float) -> None:
    pixels = start + (np.arange(50) + 0.5) / scale
    mix = taps(pixels, factor, 3, length, scale)
    assert mix.first.min() >= 0
    assert mix.first.max() + mix.weights.shape[1] <= length
    assert mix.weights.sum(axis=1) == pytest.approx(np.ones(50), abs=1e-5)
    assert mix.weights.min() >= -1e-6


def test_close_up_every_pixel_shows_one_voxel() -> None:
    pixels = (np.arange(40) + 0.5) / 10
    mix = taps(pixels, 1, 0, 4, 10)
    assert mix.weights.shape == (40, 1)
    assert mix.first.tolist() == [0] * 10 + [1] * 10 + [2] * 10 + [3] * 10
    assert nearest(pixels, 2, 0, 2).tolist() == [0] * 20 + [1] * 20


def test_lengths_in_words() -> None:
    assert [words(length) for length in (500, 2500, 1e6, 7.5)] == ["500 nm", "2.5 µm", "1 mm", "7.5 nm"]
    assert position_words(1900, 2500) == "1.90 µm"
    assert position_words(12, 400) == "12.0 nm"
    assert [round_length(value) for value in (594, 1999, 100, 0.7)] == pytest.approx([500, 1000, 100, 0.5])
