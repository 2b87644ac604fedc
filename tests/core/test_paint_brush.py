"""A brush's line and the voxels that it covers: all within its radius, none beyond, the same compiled or not."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from empanada_desktop.core import paint_kernels, paint_masks
from empanada_desktop.core.geometry import Box
from empanada_desktop.core.paint_masks import covered, covered_box
from empanada_desktop.core.paint_path import FLATNESS, SmoothPath
from empanada_desktop.core.paint_rules import Rule, painted, seeded_range

SHAPE = (12, 40, 40)
WHOLE = Box((0, 0, 0), SHAPE)
UNITS = st.sampled_from([(1.0, 1.0, 1.0), (5.0, 1.0, 1.0), (1.0, 1.5, 2.0)])
PLACES = st.lists(
    st.tuples(st.floats(-3, 15), st.floats(-5, 45), st.floats(-5, 45)).map(lambda place: tuple(np.round(place, 3))),
    min_size=1,
    max_size=3,
)


def drawn(places: list[tuple[float, ...]], units: tuple[float, ...], radius: float) -> list[NDArray[np.float64]]:
    path = SmoothPath(units, radius)
    return [path.add(place, radius) for place in places]


def distances_to(line: NDArray[np.float64], units: tuple[float, ...]) -> NDArray[np.float64]:
    """Of the middles of all voxels to a line, by trying many points of each of its pieces."""
    middles = np.moveaxis((np.indices(SHAPE) + 0.5), 0, -1) * np.asarray(units)
    nearest = np.full(SHAPE, np.inf)
    for start, stop in itertools.pairwise([line[0], *line]):
        for share in np.linspace(0, 1, 41):
            point = start[:3] + (stop[:3] - start[:3]) * share
            nearest = np.minimum(nearest, np.linalg.norm(middles - point, axis=-1))
    return nearest


@settings(deadline=None, max_examples=12)
@given(places=PLACES, units=UNITS, radius=st.floats(0.5, 7))
def test_every_voxel_within_the_radius_is_painted_and_none_beyond(
    places: list[tuple[float, ...]], units: tuple[float, ...], radius: float
) -> None:
    mask = np.zeros(SHAPE, np.bool_)
    for part in drawn(places, units, radius):
        box = covered_box(part, units, WHOLE)
        if box is not None:
            mask[box.slices] |= covered(part, units, box)
        apart = distances_to(part, units)
        inside = np.zeros(SHAPE, np.bool_) if box is None else np.pad(
            covered(part, units, box),
            [(low, end - high) for low, high, end in zip(box.start, box.stop, SHAPE, strict=True)],
        )  # fmt: skip
        assert not (inside & (apart > radius + 0.3)).any()
        assert inside[apart <= radius - 1e-6].all()


@settings(deadline=None, max_examples=40)
@given(places=PLACES, units=UNITS, radii=st.lists(st.floats(0, 6), min_size=4, max_size=4))
def test_compiled_and_not_they_mark_the_same(
    places: list[tuple[float, ...]], units: tuple[float, ...], radii: list[float]
) -> None:
    path = SmoothPath(units, max(radii))
    line = np.concatenate([path.add(place, radius) for place, radius in zip(places, radii, strict=False)])
    masks = [np.zeros((5, 20, 30), np.bool_) for _ in range(2)]
    for mask, stamp in zip(masks, (paint_masks.stamp, paint_kernels.stamp), strict=True):
        stamp(mask, line, np.asarray(units), np.array([2, 5, 7]))
    assert (masks[0] != masks[1]).sum() <= 2  # middles that lie on the edge to the last bit


def test_a_dab_is_a_disc_and_a_ball_in_nanometres() -> None:
    """A middle is painted at exactly the radius; 40 nm planes and 8 nm pixels make a flat ball of voxels."""
    disc = covered(drawn([(0.5, 20.5, 20.5)], (9, 1, 1), 5)[0], (9, 1, 1), Box((0, 0, 0), (1, 40, 40)))
    rows, columns = np.indices((40, 40)) - 20
    np.testing.assert_array_equal(disc[0], rows**2 + columns**2 <= 25)
    units = (5.0, 1.0, 1.0)
    ball = covered(drawn([(6.5, 20.5, 20.5)], units, 12)[0], units, WHOLE)
    z, y, x = (np.indices(SHAPE).reshape(3, -1) - np.array([[6], [20], [20]])) * np.array([[5], [1], [1]])
    np.testing.assert_array_equal(ball.ravel(), z**2 + y**2 + x**2 <= 144)
    assert [int(count) for count in ball.any(axis=(1, 2)).nonzero()[0]] == [4, 5, 6, 7, 8]


def test_the_smallest_brush_paints_the_voxel_that_it_is_in() -> None:
    for place in ((0.02, 3.98, 7.5), (0.99, 3.01, 7.999)):
        line = drawn([place], (1, 1, 1), 0.5)[0]
        assert np.argwhere(covered(line, (1, 1, 1), WHOLE)).tolist() == [[0, 3, 7]]


def test_thin_brushes_leave_no_gap_and_stay_in_their_planes() -> None:
    """On 40 nm planes a brush of 2 pixels covers the plane that it is in, never none and never two."""
    units, mask = (6.7, 1.0, 1.0), np.zeros(SHAPE, np.bool_)
    for part in drawn([(2.01, 5, 5), (2.99, 30, 8), (2.2, 35, 35)], units, 2):
        mask |= covered(part, units, WHOLE)
    assert mask.any(axis=(1, 2)).nonzero()[0].tolist() == [2]
    thin = np.zeros(SHAPE, np.bool_)
    for part in drawn([(0.5, 2, 2), (0.5, 33, 9)], (1, 1, 1), 0.5):
        thin |= covered(part, (1, 1, 1), WHOLE)
    assert thin[0].any(axis=1)[2:34].all()


@settings(deadline=None)
@given(places=st.lists(st.tuples(st.floats(0, 60), st.floats(0, 60)), min_size=2, max_size=6))
def test_the_line_goes_through_all_places_and_hangs_together(places: list[tuple[float, float]]) -> None:
    path = SmoothPath((1, 1), 5)
    parts = [path.add(place, 5) for place in places]
    for place, part, before in zip(places, parts, [None, *parts], strict=False):
        np.testing.assert_allclose(part[-1, :2], place, atol=1e-9)
        if before is not None:
            np.testing.assert_array_equal(part[0], before[-1])


def test_a_circle_of_few_places_becomes_round() -> None:
    """Twelve places on a circle: straight lines would lie 3.4 % inside of it, the smooth one stays within 1.2 %."""
    turns = np.linspace(0, 2 * np.pi, 13)
    path = SmoothPath((1, 1), 3)
    parts = [path.add((50 + 40 * np.sin(turn), 50 + 40 * np.cos(turn)), 3) for turn in turns]
    radii = np.concatenate([np.linalg.norm(part[:, :2] - 50, axis=1) for part in parts[2:]])
    assert radii.min() > 40 * 0.988
    assert radii.max() < 40 * 1.012
    assert FLATNESS < 0.1


def test_pressure_makes_a_line_that_swells() -> None:
    path = SmoothPath((1, 1, 1), 8)
    path.add((0.5, 20.5, 5.5), 1)
    mask = covered(path.add((0.5, 20.5, 30.5), 8), (1, 1, 1), Box((0, 0, 0), (1, 40, 40)))[0]
    widths = mask.sum(axis=0)
    assert (np.diff(widths[5:30]) >= 0).all()
    assert (widths[5], widths[30]) == (3, 17)


def test_a_brush_outside_the_volume_covers_nothing() -> None:
    assert covered_box(drawn([(0.5, -20, 5)], (1, 1, 1), 5)[0], (1, 1, 1), WHOLE) is None


IDS = np.array([[[0, 0, 5, 5, 9, 9]]], np.uint32)
ALL = np.ones(IDS.shape, np.bool_)


@pytest.mark.parametrize(
    ("rule", "after"),
    [
        (Rule(5), [5, 5, 5, 5, 5, 5]),
        (Rule(0), [0, 0, 0, 0, 0, 0]),
        (Rule(5, keeps_others=True), [5, 5, 5, 5, 9, 9]),
        (Rule(0, own=5, keeps_others=True), [0, 0, 0, 0, 9, 9]),
        (Rule(7, grey=(20, 50)), [0, 7, 7, 7, 7, 9]),
        (Rule(7, guide=5), [0, 0, 7, 7, 9, 9]),
        (Rule(7, guide=5, is_inside=False), [7, 7, 5, 5, 7, 7]),
        (Rule(7, grey=(20, 50), guide=9, keeps_others=True), [0, 0, 5, 5, 9, 9]),
    ],
)
def test_what_may_be_painted(rule: Rule, after: list[int]) -> None:
    grey = np.array([[[10, 20, 30, 40, 50, 60]]], np.uint8)
    assert painted(IDS, ALL, rule, grey)[0, 0].tolist() == after
    mask = ALL.copy()
    mask[..., 3:] = False
    assert painted(IDS, mask, rule, grey)[0, 0, 3:].tolist() == IDS[0, 0, 3:].tolist()


def test_another_layer_guides() -> None:
    other = np.array([[[0, 3, 3, 3, 0, 0]]], np.uint32)
    assert painted(IDS, ALL, Rule(7, guide=3), guide=other)[0, 0].tolist() == [0, 7, 7, 7, 9, 9]


def test_a_range_is_seeded_from_what_is_under_the_brush() -> None:
    values = np.array([90, 100, 100, 110, 100], np.uint8)
    low, high = seeded_range(values, 2)
    assert (low, high) == (pytest.approx(100 - 2 * values.std()), pytest.approx(100 + 2 * values.std()))
    assert seeded_range(np.full(9, 70, np.uint8), 2) == (69, 71)
