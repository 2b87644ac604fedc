"""Advice for single parameters: when it is given, what it proposes, and when there is none."""

from typing import Any

import pytest

from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.core.hints import Hint, Situation, fitting_factor, plane_hints, sharpest_plane, volume_hints
from empanada_desktop.tasks.inference_params import StackParams

TEN = Spacing(10, 10, 10, "test")


def hints(situation: Situation, **changed: Any) -> dict[str, Hint]:
    return {hint.field: hint for hint in volume_hints(StackParams().model_dump() | changed, situation)}


@pytest.mark.parametrize(
    ("pixel", "sizes", "factor"),
    [(4, (10, 10), 2), (2, (4, 12), 2), (5, (4, 12), 1), (1, (16, None), 16), (40, (4, 12), 1), (10, (10, 10), 1)],
)
def test_the_factor_brings_pixels_nearest_to_what_the_weights_know(
    pixel: float, sizes: tuple[float, float | None], factor: int
) -> None:
    assert fitting_factor(pixel, sizes) == factor


def test_weights_that_see_other_pixels() -> None:
    found = hints(Situation(Spacing(4, 4, 4, "test"), pixel_sizes=(10, 10)))["image_downsampling"]
    assert (found.value, found.deed) == (2, "Downsample by 2")
    assert found.reason == "These weights see 10 nm; your image is 4 nm."
    assert "image_downsampling" not in hints(Situation(TEN, pixel_sizes=(4, 12)))
    assert "image_downsampling" not in hints(Situation(Spacing(), pixel_sizes=(4, 12)))
    assert "image_downsampling" not in hints(Situation(TEN))
    coarse = hints(Situation(Spacing(40, 40, 40, "test"), pixel_sizes=(4, 12)))["image_downsampling"]
    assert coarse.value is None
    assert plane_hints({"image_downsampling": 4}, Axis.XY, Situation(TEN, pixel_sizes=(4, 12)))[0].value == 1


def test_ortho_plane_asks_for_a_lower_confidence_and_for_its_stacks() -> None:
    assert hints(Situation()) == {}
    found = hints(Situation(), ortho_plane=True)
    assert found["segmentation_confidence"].value == 0.3
    assert found["return_stacks"].value is True
    assert hints(Situation(), ortho_plane=True, segmentation_confidence=0.3, return_stacks=True) == {}


def test_voxels_that_are_not_isotropic() -> None:
    stretched = Situation(Spacing(40, 6, 6, "test"))
    assert hints(stretched) == {}
    assert hints(stretched, inference_plane="xz")["inference_plane"].value == "xy"
    found = hints(stretched, ortho_plane=True)["ortho_plane"]
    assert (found.value, found.deed) == (False, "xy only")
    assert sharpest_plane(Spacing(6, 40, 6, "test")) is Axis.XZ
    assert sharpest_plane(TEN) is None


@pytest.mark.parametrize(
    ("step", "chosen", "proposed"),
    [(40, 3, None), (40, 5, 3), (10, 3, None), (10, 7, None), (10, 9, 5), (10, 1, 5), (5, 3, 7), (5, 9, None)],
)
def test_the_median_follows_the_planes(step: float, chosen: int, proposed: int | None) -> None:
    """Nothing is offered instead of a number that lies within what the reason says."""
    found = hints(Situation(Spacing(step, step, step, "test")), median_filter_size=chosen).get("median_filter_size")
    assert (found.value if found else None) == proposed


def test_several_gpus_from_a_gigabyte_on() -> None:
    assert hints(Situation(gigabytes=0.2, gpus=2), several_gpus=True)["several_gpus"].value is False
    assert hints(Situation(gigabytes=20, gpus=4), several_gpus=False)["several_gpus"].value is True
    assert hints(Situation(gigabytes=20, gpus=1), several_gpus=False) == {}
