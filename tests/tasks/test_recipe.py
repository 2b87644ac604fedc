"""Which recipes are of the same work, so that one may go on with the other's."""

from typing import Any

import pytest

from empanada_desktop.tasks.inference_params import StackParams
from empanada_desktop.tasks.recipe import differences, make_recipe
from empanada_desktop.tasks.segment_volume import Inputs

DEFAULTS = StackParams().model_dump(mode="json")


def recipe(params: dict[str, Any], inputs: dict[str, Any], **facts: object) -> dict[str, Any]:
    values = {"volume": "a.h5", "out": "x.zarr", "dataset": "raw", **inputs}
    chosen = StackParams.checked(params)
    return make_recipe("segment-volume", chosen, Inputs.checked(values), **{"grey_range": 1, **facts}).to_dict()


@pytest.mark.parametrize(
    ("params", "inputs", "facts"),
    [
        ({}, {"volume": "b.h5"}, {}),
        ({}, {"dataset": "other"}, {}),
        ({}, {"region": "0:9,0:9,0:9"}, {}),
        ({}, {"class_name": "er"}, {}),
        ({"min_size": 7}, {}, {}),
        ({"backend": "torch"}, {}, {}),
        ({}, {}, {"grey_range": 2}),
    ],
)
def test_other_work_is_told(params: dict[str, Any], inputs: dict[str, Any], facts: dict[str, Any]) -> None:
    assert len(differences(recipe({}, {}), recipe(params, inputs, **facts), DEFAULTS)) == 1


def test_what_only_says_how_and_where_makes_no_difference() -> None:
    """The voxel size counts as a fact, wherever it is from; so do weights, by their hash."""
    changed = recipe(
        {"use_gpu": False, "threads": 3, "several_gpus": True, "weights": "elsewhere.yaml"},
        {"volume": "./a.h5", "out": "y.zarr", "overwrite": True, "voxel_size": (4, 4, 4)},
    )
    assert differences(recipe({}, {}), changed, DEFAULTS) == []
