"""Published advice as arithmetic, scales side by side, and what a volume will take."""

from dataclasses import replace

import numpy as np
import pytest

from empanada_desktop.core.advice import (
    PlaneLook,
    compare_planes,
    median_planes,
    sides_of_boxes,
    smallest_object,
)
from empanada_desktop.core.geometry import Spacing
from empanada_desktop.core.preflight import (
    BEYOND_NETWORK,
    LARGE_NETWORK_BYTES,
    PIXELS_MORE_PER_IMAGE,
    START_SECONDS,
    Plan,
    estimate,
    pixels_to_show,
)
from empanada_desktop.core.scales import look_at_scales, overlap, suggested_scale, verdict

ISOTROPIC = Spacing(10, 10, 10, "test")


def test_half_the_box_and_some_hundred_less() -> None:
    found = smallest_object((20, 20, 24))
    assert found.min_size == 4500
    assert found.min_extent == 17


@pytest.mark.parametrize("sides", [(1, 1, 1), (2, 3, 2), (4, 4, 4)])
def test_small_boxes_never_ask_for_more_than_they_hold(sides: tuple[int, int, int]) -> None:
    found = smallest_object(sides)
    assert 0 <= found.min_size <= np.prod(sides) // 2
    assert 1 <= found.min_extent <= min(sides)


def test_one_box_is_as_deep_as_its_shorter_side_in_nanometres() -> None:
    assert sides_of_boxes({"xy": (1, 20, 30)}, ISOTROPIC) == (20, 20, 30)
    assert sides_of_boxes({"xy": (1, 20, 30)}, Spacing(40, 10, 10, "test")) == (5, 20, 30)
    assert sides_of_boxes({"xy": (1, 20, 30)}, Spacing()) == (20, 20, 30)


def test_two_boxes_give_all_sides() -> None:
    assert sides_of_boxes({"xy": (1, 20, 30), "xz": (12, 1, 28)}, ISOTROPIC) == (12, 20, 30)


@pytest.mark.parametrize(("step", "planes"), [(40, 3), (20, 5), (10, 5), (8, 7)])
def test_the_median_follows_the_distance_of_planes(step: float, planes: int) -> None:
    advice = median_planes(step)
    assert advice.planes == planes
    assert f"{step:g} nm" in advice.reason


def test_planes_that_look_alike_are_worth_all_three() -> None:
    looks = {name: PlaneLook(10, 0.1 + shift, 0.8) for name, shift in (("xy", 0), ("xz", 0.01), ("yz", -0.01))}
    best, _, alike = compare_planes(looks)
    assert (best, alike) == ("", True), "where they are alike none is suggested"
    looks["yz"] = PlaneLook(3, 0.02, 0.6)
    best, words, alike = compare_planes(looks)
    assert not alike
    assert best in words
    looks = {"xy": PlaneLook(3, 0.071, 0.929), "xz": PlaneLook(1, 0.013, 0.91), "yz": PlaneLook(1, 0.025, 0.931)}
    best, words, alike = compare_planes(looks)
    assert (best, alike) == ("", False), "a hair's breadth of certainty sends nobody to another plane"
    assert "No clear difference" in words
    nothing = dict.fromkeys(("xy", "xz", "yz"), PlaneLook(0, 0.0, 0.0))
    best, words, _ = compare_planes(nothing)
    assert (best, "Nothing" in words) == ("", True)


def squares(side: int, count: int, size: int = 128) -> np.ndarray:
    """Squares of a side on a plane, each with an id of its own."""
    labels = np.zeros((size, size), np.uint32)
    for number in range(count):
        row, column = divmod(number, 4)
        labels[row * 32 : row * 32 + side, column * 32 : column * 32 + side] = number + 1
    return labels


def test_the_coarsest_scale_that_agrees_is_suggested() -> None:
    found = {1: squares(20, 8), 2: squares(20, 8), 4: squares(19, 8), 8: squares(4, 2)}
    looks = look_at_scales(found)
    assert suggested_scale(looks) in (2, 4)
    assert looks[1].objects == 8
    assert verdict(8, looks)[0] is False
    assert overlap(found[1] > 0, found[2] > 0) == 1


def test_nothing_found_suggests_nothing() -> None:
    looks = look_at_scales({factor: np.zeros((16, 16), np.uint32) for factor in (1, 2, 4, 8)})
    assert suggested_scale(looks) is None
    assert verdict(1, looks) == (False, "Nothing found")


def test_estimates_grow_with_what_they_are_of() -> None:
    base = Plan((100, 1000, 800), (0,), seconds_per_pixel=1e-6)
    assert estimate(replace(base, downsampling=2)).memory < estimate(base).memory
    assert estimate(replace(base, median=11)).memory > estimate(base).memory
    assert estimate(replace(base, tile_size=256)).memory < estimate(base).memory
    assert estimate(replace(base, network_bytes=600)).memory > estimate(base).memory
    images = 100 * PIXELS_MORE_PER_IMAGE / 1e6
    assert estimate(base).seconds == pytest.approx(START_SECONDS + (80 + images) * BEYOND_NETWORK)
    assert estimate(replace(base, downsampling=2)).seconds == pytest.approx(
        START_SECONDS + (20 + images) * BEYOND_NETWORK
    )
    assert estimate(replace(base, seconds_per_pixel=None)).seconds is None
    # Three directions take three times the network, and keep three stacks of predictions.
    three = estimate(replace(base, normals=(0, 1, 2)))
    assert three.seconds == pytest.approx(START_SECONDS + (240 + 19 * images) * BEYOND_NETWORK)
    assert three.disk > estimate(base).disk


def test_tiles_and_thin_planes_are_shown_more_pixels_than_they_have() -> None:
    """Four tiles of 512 overlap by 112 along each side; the planes of a thin slab are many and small."""
    whole, tiled = (pixels_to_show((1, 896, 896), (0,), tile_size=side) for side in (0, 512))
    assert whole == 896**2 + PIXELS_MORE_PER_IMAGE
    assert tiled == pytest.approx(4 * (512**2 + PIXELS_MORE_PER_IMAGE), rel=0.02)
    assert pixels_to_show((8, 128, 128), (0,)) < pixels_to_show((8, 128, 128), (1,)) / 5


def test_the_estimated_memory_is_near_what_was_measured() -> None:
    """Peak resident memory of the job's process with the bundled weights, OpenVINO, one thread."""
    measured_at = ((200, 200, 0.764), (256, 12, 0.71), (768, 8, 0.81), (1024, 10, 0.898), (1536, 6, 1.29))
    for side, planes, measured in measured_at:
        assert measured < estimate(Plan((planes, side, side), (0,))).memory < measured * 1.25
    large = Plan((4, 512, 512), (0,), network_bytes=LARGE_NETWORK_BYTES)
    assert 1.46 < estimate(large).memory < 1.46 * 1.25
