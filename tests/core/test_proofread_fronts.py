"""Fronts from points meet at necks, wherever in the bodies the points are."""

import numpy as np
import pytest

from empanada_desktop.core.proofread_flood import depth_inside
from empanada_desktop.core.proofread_fronts import met_fronts

CUBES = (1.0, 1.0, 1.0)
Z, Y, X = np.mgrid[:24, :24, :60]
DUMBBELL = ((Z - 12) ** 2 + (Y - 12) ** 2 + (X - 14) ** 2 < 10**2) | (
    (Z - 12) ** 2 + (Y - 12) ** 2 + (X - 45) ** 2 < 10**2
)
DUMBBELL |= ((Z - 12) ** 2 + (Y - 12) ** 2 < 4**2) & (X > 14) & (X < 45)


@pytest.mark.parametrize(
    "points", [((12, 12, 14), (12, 12, 45)), ((12, 4, 14), (12, 12, 53)), ((12, 12, 6), (3, 12, 45))]
)
def test_two_bodies_part_at_their_neck(points: tuple[tuple[int, int, int], ...]) -> None:
    markers = np.zeros(DUMBBELL.shape, np.int32)
    for number, point in enumerate(points, 1):
        markers[point] = number
    numbers = met_fronts(DUMBBELL, depth_inside(DUMBBELL, CUBES), markers, CUBES)
    assert np.array_equal(numbers > 0, DUMBBELL)
    last = np.flatnonzero((numbers == 1).any(axis=(0, 1)))[-1]
    first = np.flatnonzero((numbers == 2).any(axis=(0, 1)))[0]
    assert 24 <= first <= last + 1 <= 36


def test_one_body_parts_halfway() -> None:
    ball = (Z - 12) ** 2 / 100 + (Y - 12) ** 2 / 100 + (X - 30) ** 2 / 28**2 < 1
    markers = np.zeros(ball.shape, np.int32)
    markers[12, 12, 8], markers[12, 12, 52] = 1, 2
    numbers = met_fronts(ball, depth_inside(ball, CUBES), markers, CUBES)
    shares = [np.count_nonzero(numbers == number) / np.count_nonzero(ball) for number in (1, 2)]
    assert min(shares) > 0.45
