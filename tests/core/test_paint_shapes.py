"""Filling, polygons, shapes between planes, smoothing: against other people's functions and what must hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import grid_points_in_poly

from empanada_desktop.core.geometry import Axis, Box, plane_index
from empanada_desktop.core.paint_fill import component
from empanada_desktop.core.paint_polygon import polygon_extent, polygon_mask
from empanada_desktop.core.paint_shapes import between, smoothed
from empanada_desktop.errors import SettingsError

SHAPE = (70, 140, 90)


def noise(seed: int, share: float) -> NDArray[np.uint32]:
    """Blobs of three ids that reach through several blocks."""
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=SHAPE), 2)
    ids: NDArray[np.uint32] = np.digitize(field, np.quantile(field, [share, 0.9])).astype(np.uint32)
    return ids


@settings(deadline=None, max_examples=12)
@given(
    seed=st.integers(0, 99),
    share=st.sampled_from([0.4, 0.55, 0.7]),
    axis=st.sampled_from([None, *Axis]),
    place=st.tuples(*[st.integers(0, length - 1) for length in SHAPE]),
)
def test_filling_takes_what_scipy_labels(
    seed: int, share: float, axis: Axis | None, place: tuple[int, int, int]
) -> None:
    ids = noise(seed, share)
    region = np.ones(SHAPE, np.bool_)
    if axis is not None:
        region[:] = False
        region[plane_index(axis, place[axis.normal])] = True
    numbered, _ = ndimage.label((ids == ids[place]) & region)
    expected = numbered == numbered[place]
    found = component(ids, SHAPE, place, axis)
    np.testing.assert_array_equal(found.mask(Box((0, 0, 0), SHAPE)), expected)
    assert found.voxels == expected.sum()
    assert found.value == ids[place]
    inside = np.argwhere(expected)
    assert (found.box.start, found.box.stop) == (tuple(inside.min(axis=0)), tuple(inside.max(axis=0) + 1))


def test_filling_stops_at_its_limit_with_words() -> None:
    with pytest.raises(SettingsError, match="more than 1,000 voxels, so nothing was changed"):
        component(np.zeros(SHAPE, np.uint32), SHAPE, (3, 3, 3), limit=1000)
    assert component(np.zeros(SHAPE, np.uint32), SHAPE, (3, 3, 3), Axis.XY, limit=140 * 90).voxels == 140 * 90


def test_filling_reads_no_more_than_it_must() -> None:
    """A small object in a large volume costs the blocks that it touches."""

    class Counting:
        def __init__(self) -> None:
            self.voxels = np.zeros((300, 300, 300), np.uint8)
            self.voxels[10:20, 10:70, 10:20] = 3
            self.read = 0

        def __getitem__(self, index: tuple[slice, slice, slice]) -> NDArray[np.uint8]:
            part = self.voxels[index]
            self.read += part.size
            return part

        def __setitem__(self, index: object, values: object) -> None:
            raise AssertionError("nothing is written")

    array = Counting()
    assert component(array, (300, 300, 300), (12, 12, 12)).voxels == 10 * 60 * 10
    assert array.read <= 2 * 64**3 + 1


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-5, 45), st.floats(-5, 55)), min_size=3, max_size=7))
def test_polygons_cover_what_scikit_image_finds_inside(vertices: list[tuple[float, float]]) -> None:
    mask = polygon_mask(vertices, (40, 50), (0, 0))
    # Moved a little, so that no middle lies on an edge, where conventions differ.
    moved = [(row + 0.0137 * 7 % 1e-3, column + 0.00071) for row, column in vertices]
    expected = grid_points_in_poly((40, 50), np.array(moved) - 0.5)
    edge = ndimage.binary_dilation(mask) & ~ndimage.binary_erosion(mask) | ndimage.binary_dilation(expected)
    assert not ((mask != expected) & ~edge).any()
    assert abs(int(mask.sum()) - int(expected.sum())) <= 12
    extent = polygon_extent(vertices, (40, 50))
    if extent is None:
        assert not mask.any()
    else:
        origin, shape = extent
        part = np.zeros_like(mask)
        part[origin[0] : origin[0] + shape[0], origin[1] : origin[1] + shape[1]] = polygon_mask(vertices, shape, origin)
        np.testing.assert_array_equal(part, mask)


def test_a_rectangle_covers_its_voxels_and_neighbours_share_none() -> None:
    left = polygon_mask([(2, 3), (2, 8), (6, 8), (6, 3)], (10, 20), (0, 0))
    assert left.sum() == 4 * 5
    assert left[2:6, 3:8].all()
    halves = [[(1.5, 0), (1.5, 9), (6, 9), (6, 0)], [(1.5, 0), (1.5, 9), (-3, 9), (-3, 0)]]
    one, other = (polygon_mask(half, (10, 20), (0, 0)) for half in halves)
    assert not (one & other).any()
    assert (one | other)[:6, :9].all()


def disc(row: float, column: float, radius: float) -> NDArray[np.bool_]:
    rows, columns = np.indices((60, 80))
    inside: NDArray[np.bool_] = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
    return inside


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10_000), st.booleans())
def test_the_ends_of_an_interpolation_are_what_was_drawn(seed: int, is_far: bool) -> None:
    rng = np.random.default_rng(seed)
    first, last = (ndimage.gaussian_filter(rng.normal(size=(60, 80)), 3) > 0.05 for _ in range(2))
    if is_far:
        first[:, 40:], last[:, :40] = False, False
    first[5, 5] = last[50, 70] = True
    shapes = between(first, last, (0, 0.5, 1), (2.0, 1.0))
    np.testing.assert_array_equal(shapes[0], first)
    np.testing.assert_array_equal(shapes[2], last)


def test_discs_grow_evenly_and_travel() -> None:
    grown = between(disc(30, 40, 6), disc(30, 40, 18), (0.25, 0.5, 0.75))
    for shape, radius in zip(grown, (9, 12, 15), strict=True):
        assert abs(int(shape.sum()) - np.pi * radius**2) < 0.06 * np.pi * radius**2
    (middle,) = between(disc(15, 15, 8), disc(45, 65, 8), (0.5,))
    np.testing.assert_allclose(np.argwhere(middle).mean(axis=0), (30, 40), atol=0.6)
    assert abs(int(middle.sum()) - np.pi * 64) < 0.15 * np.pi * 64
    with pytest.raises(ValueError, match="both planes"):
        between(disc(30, 40, 6), np.zeros((60, 80), np.bool_), (0.5,))


def test_smoothing_takes_bumps_off_and_keeps_the_size() -> None:
    bumpy = disc(30, 40, 15)
    bumpy[30, 55:62] = True
    bumpy[28:32, 25:31] = False
    smooth = smoothed(bumpy, 3, (1, 1))
    assert not smooth[30, 58:].any()
    assert smooth[29:31, 28:31].all()
    assert abs(int(smooth.sum()) - int(bumpy.sum())) <= 8
    ball = np.linalg.norm(np.indices((30, 30, 30)) - 15, axis=0) <= 9
    assert (smoothed(ball, 2, (1, 1, 1)) != ball).mean() < 0.02
    assert not smoothed(np.zeros((9, 9), np.bool_), 2, (1, 1)).any()
