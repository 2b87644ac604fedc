"""Where a result comes from: task, parameters, inputs, weights, grey range and versions. A recipe can be run again."""

import datetime
import importlib.metadata
import json
import platform
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from empanada_desktop import __version__
from empanada_desktop.tasks.params import TaskInputs, TaskParams

# Between the parts of a result that was made in several goes.
MAY_DIFFER = frozenset(("use_gpu", "threads", "several_gpus"))
NO_WORK = frozenset(("voxel_size_source",))  # facts that follow from others
IN_WORDS = {
    "voxels_checksum": "the volume holds other grey values than it did",
    "shape_zyx": "the volume has other sides than it had",
    "voxel_size_nm_zyx": "the voxel size is another than it was",
    "grey_range": "the grey range is another than it was",
    "weights_mean_std": "the weights' mean or deviation is another than it was",
}
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
        created=now(),
    )


def now() -> str:
    """Return the time as recipes have it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def differences(before: Mapping[str, Any], new: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """Return in words what makes the work of two recipes different; nothing where one may go on with the other's.

    What only says how to compute (MAY_DIFFER) may differ; weights are told apart by their hash. `defaults` are the
    values of parameters that a recipe of an older version does not know.
    """
    before, new = _plain(before), _plain(new)
    if before.get("task") != new["task"]:
        return [f"it is a {before.get('task')}, not a {new['task']}"]
    found = _differing({**defaults, **before["params"]}, new["params"], MAY_DIFFER | {"weights"})
    inputs = [{**each["inputs"], "volume": str(Path(each["inputs"]["volume"]).resolve())} for each in (before, new)]
    found += _differing(inputs[0], inputs[1], frozenset(("out", "overwrite", "voxel_size")))
    unknown = set(new["facts"]) - set(before["facts"])  # to an older version
    return found + _differing(before["facts"], new["facts"], NO_WORK | unknown)


def _differing(before: Mapping[str, Any], now: Mapping[str, Any], passed_over: Set[str]) -> list[str]:
    names = [name for name in now if name not in passed_over and before.get(name) != now[name]]
    return [IN_WORDS.get(name) or _was_not(name, before.get(name), now[name]) for name in names]


def _was_not(name: str, before: object, now: object) -> str:
    return f"{name.replace('_', '-')} was {_in_short(before)}, not {_in_short(now)}"


def _in_short(value: object) -> str:
    return str(value["name"]) if isinstance(value, dict) and "name" in value else json.dumps(value, ensure_ascii=False)


def _plain(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe as it comes back from JSON."""
    plain: dict[str, Any] = json.loads(json.dumps(recipe, default=str))
    return plain


def versions() -> dict[str, str]:
    """Return the versions of the program, of Python and of the libraries that shape a result."""
    found = {"empanada-desktop": __version__, "python": platform.python_version()}
    return found | {name: importlib.metadata.version(name) for name in LIBRARIES}
