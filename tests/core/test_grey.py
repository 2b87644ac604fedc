"""The grey range: issue's rule for integers, robust range for the rest, the same whatever is asked."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from empanada_desktop.core.grey import (
    BIT_DEPTHS,
    GreyRange,
    grey_range,
    grey_range_of_bands,
    sampled_planes,
    sampled_rows,
)


def range_of(volume: NDArray[Any]) -> GreyRange:
    return grey_range(lambda index: volume[index], volume.shape[0], volume.dtype)


def volume_up_to(largest: int, dtype: str) -> NDArray[Any]:
    volume = np.zeros((5, 8, 9), dtype)
    volume[2, 3, 4] = largest
    return volume


def test_bytes_are_divided_by_255_without_being_read() -> None:
    def never(index: int) -> NDArray[Any]:
        raise AssertionError(index)

    assert grey_range(never, 100, np.uint8) == GreyRange(0, 255, "8 bits")


def test_scaled_bytes_are_exactly_u_over_255() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    expected = values.astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(GreyRange(0, 255, "8 bits").scale(values), expected)


@pytest.mark.parametrize(
    ("dtype", "largest", "bits"),
    [
        ("uint16", 0, 8),
        ("uint16", 255, 8),
        ("uint16", 256, 10),
        ("uint16", 1023, 10),
        ("uint16", 4095, 12),
        ("uint16", 16383, 14),
        ("uint16", 16384, 16),
        ("int16", 4095, 12),
        ("int32", 65536, 24),
        ("uint32", 2**32 - 1, 32),
        ("int64", 2**32 - 1, 32),
        ("uint64", 2**24, 32),
        (">u2", 4095, 12),
    ],
)
def test_non_negative_integers_take_the_smallest_depth(dtype: str, largest: int, bits: int) -> None:
    assert range_of(volume_up_to(largest, dtype)) == GreyRange(0, 2**bits - 1, f"{bits} bits")


def test_twelve_bits_in_sixteen_look_like_the_bytes_they_came_from() -> None:
    rng = np.random.default_rng(0)
    eight = rng.integers(0, 256, (6, 40, 40)).astype(np.uint8)
    twelve = ((eight.astype(np.uint32) * 4095 + 127) // 255).astype(np.uint16)
    np.testing.assert_allclose(range_of(twelve).scale(twelve), range_of(eight).scale(eight), atol=2e-4)


@pytest.mark.parametrize("dtype", ["int16", "int32", "int64", "float16", "float32", "float64", ">f4"])
def test_negatives_and_floats_take_the_robust_range(dtype: str) -> None:
    rng = np.random.default_rng(1)
    volume = rng.normal(0, 100, (4, 60, 60)).astype(dtype)
    volume[0, 0, 0] = 30000
    found = range_of(volume)
    low, high = np.percentile(volume.astype(float), (0.1, 99.9))
    assert (found.low, found.high) == pytest.approx((low, high))
    scaled = found.scale(volume)
    assert scaled.dtype == np.float32
    assert scaled.min() == 0
    assert scaled.max() == 1
    assert 0.4 < np.median(scaled) < 0.6


def test_integers_beyond_32_bits_take_the_robust_range() -> None:
    assert "%" in range_of(volume_up_to(2**40, "uint64")).rule


def test_what_is_no_number_is_left_out_and_becomes_black() -> None:
    volume = np.linspace(-1, 1, 300, dtype=np.float32).reshape(3, 10, 10)
    clean = range_of(volume)
    volume = np.concatenate([volume, np.full((1, 10, 10), np.nan, np.float32)])
    volume[3, 0, :3] = np.inf, -np.inf, np.nan
    found = range_of(volume)
    assert (found.low, found.high) == pytest.approx((clean.low, clean.high), abs=1e-3)
    assert found.scale(volume[3])[0, :4].tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize("value", [0, 7, -3.5, 1e30, np.nan])
def test_a_constant_float_volume_has_a_range(value: float) -> None:
    volume = np.full((3, 5, 5), value, np.float32)
    found = range_of(volume)
    assert found.high > found.low
    assert np.isfinite(found.scale(volume)).all()


def test_yes_and_no() -> None:
    volume = np.zeros((2, 4, 4), bool)
    volume[0, 0, 0] = True
    assert range_of(volume).scale(volume[0])[0, :2].tolist() == [1, 0]


def test_large_planes_are_thinned_but_their_largest_integer_counts() -> None:
    volume = np.zeros((1, 1500, 1501), np.uint16)
    volume[0, 1499, 1499] = 5000
    assert range_of(volume).rule == "14 bits"


def test_the_planes_asked_for_are_fixed() -> None:
    asked: list[int] = []

    def read(index: int) -> NDArray[Any]:
        asked.append(index)
        return np.ones((4, 4), np.int32)

    first = grey_range(read, 1000, np.int32)
    once, asked[:] = list(asked), []
    assert grey_range(read, 1000, np.int32) == first
    assert asked == once == sampled_planes(1000)
    assert asked[0] == 0
    assert asked[-1] == 999
    assert len(asked) == 16


@pytest.mark.parametrize("n_planes", [1, 2, 15, 16, 17])
def test_few_planes_are_all_looked_at(n_planes: int) -> None:
    planes = sampled_planes(n_planes)
    assert planes[0] == 0
    assert planes[-1] == n_planes - 1
    assert len(planes) == min(n_planes, 16)


def test_it_goes_through_the_recipe() -> None:
    found = range_of(np.linspace(-1, 1, 300, dtype=np.float32).reshape(3, 10, 10))
    assert GreyRange.from_dict(found.to_dict()) == found


DTYPES = st.sampled_from(
    ["uint8", "int8", "uint16", "int16", "int32", "uint32", "int64", "float16", "float32", "float64"]
)


@settings(max_examples=60, deadline=None)
@given(DTYPES.flatmap(lambda dtype: arrays(dtype, (2, 3, 4))))
def test_any_array_gets_a_range_that_scales_into_0_to_1(volume: NDArray[Any]) -> None:
    found = range_of(volume)
    scaled = found.scale(volume)
    assert scaled.dtype == np.float32
    assert np.isfinite(scaled).all()
    assert scaled.min() >= 0
    assert scaled.max() <= 1
    if volume.dtype.kind in "ui" and volume.min() >= 0 and volume.max() < 2**32:
        assert found.high in {2**bits - 1 for bits in BIT_DEPTHS}
        assert volume.max() <= found.high


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["uint16", "int16", "int32", "float32"]), st.integers(1, 900), st.integers(0, 99))
def test_planes_in_bands_give_the_range_of_the_whole(dtype: str, rows: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    volume = draw.normal(900, 600, (2, 801, 777)).astype(dtype) if seed % 3 else np.zeros((2, 3, 4), dtype)
    if dtype == "uint16":
        volume = np.abs(volume.astype(np.int16)).astype(np.uint16)

    def bands(index: int) -> list[NDArray[Any]]:
        return [volume[index, first : first + rows] for first in range(0, volume.shape[1], rows)]

    assert grey_range_of_bands(bands, 2, volume.dtype, volume[0].size) == range_of(volume)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 5), (100, 64), (64, 100)])
def test_ordinary_planes_are_looked_at_whole(height: int, width: int) -> None:
    for at_once in (1, 64, 10_000):
        bands = sampled_rows(height, width, 6400, at_once)
        assert [row for band in bands for row in range(height)[band]] == list(range(height))


def test_of_large_planes_bands_from_the_first_to_the_last_row_are_looked_at() -> None:
    bands = sampled_rows(30_000, 30_000, 512 << 20, 32 << 20)
    assert (bands[0].start, bands[-1].stop) == (0, 30_000)
    assert sum(band.stop - band.start for band in bands) * 30_000 <= 512 << 20
    assert all(one.stop < other.start for one, other in pairwise(bands))
    assert all((band.stop - band.start) * 30_000 <= 32 << 20 for band in bands)
