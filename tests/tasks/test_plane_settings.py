"""What the form and the command line say of a plane reaches the engine."""

from dataclasses import asdict
from typing import Any

from empanada_desktop.tasks.inference import settings_for
from empanada_desktop.tasks.inference_params import PlaneParams, StackParams


def test_every_parameter_of_a_plane_reaches_the_engine() -> None:
    values: dict[str, Any] = {
        "image_downsampling": 4,
        "segmentation_confidence": 0.3,
        "centre_confidence": 0.25,
        "centre_min_distance": 9,
        "fine_boundaries": True,
        "fill_holes": True,
        "min_area": 7,
    }
    things = frozenset({1, 3})
    assert asdict(settings_for(PlaneParams(**values), things)) == {**values, "things": things}
    del values["min_area"]  # within a stack objects count by their voxels
    assert asdict(settings_for(StackParams(**values), things)) == {**values, "things": things, "min_area": 0}
