"""Where a result comes from: task, parameters, inputs, weights, grey range and versions. A recipe can be run again."""

import datetime
import importlib.metadata
import platform
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from empanada_desktop import __version__
from empanada_desktop.tasks.params import TaskInputs, TaskParams

LIBRARIES = ("torch", "numpy", "scipy", "numba", "zarr", "tifffile")


class Recipe(BaseModel):
    """Everything needed to repeat a result, as it is written beside it."""

    model_config = ConfigDict(frozen=True)

    task: str
    params: dict[str, Any]
    inputs: dict[str, Any]
    facts: dict[str, Any] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    created: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON and YAML can hold."""
        return self.model_dump(mode="json")


def make_recipe(task: str, params: TaskParams, inputs: TaskInputs, **facts: object) -> Recipe:
    """Record a run of `task`; `facts` are what was found out on the way (weights' hash, grey range, voxel size).

    Leave to replace an existing result is not kept: it was given for one run, and a recipe is run again.
    """
    plain_inputs = inputs.model_dump(mode="json")
    if "overwrite" in plain_inputs:
        plain_inputs["overwrite"] = False
    return Recipe(
        task=task,
        params=params.model_dump(mode="json"),
        inputs=plain_inputs,
        facts=facts,
        versions=versions(),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )


def versions() -> dict[str, str]:
    """Return the versions of the program, of Python and of the libraries that shape a result."""
    found = {"empanada-desktop": __version__, "python": platform.python_version()}
    return found | {name: importlib.metadata.version(name) for name in LIBRARIES}
