"""The verbs of the program and the modules that carry them out."""

import importlib
from dataclasses import dataclass
from typing import Any, Protocol, cast

from empanada_desktop.core.context import JobContext
from empanada_desktop.errors import SettingsError
from empanada_desktop.tasks.params import TaskInputs, TaskParams

TASKS = {
    "segment-plane": "segment_plane",
    "segment-volume": "segment_volume",
    "fuse": "fuse",
    "train": "train",
    "finetune": "finetune",
    "score": "score",
    "merge-labels": "merge_labels",
    "split-labels": "split_labels",
    "delete-labels": "delete_labels",
    "morph-labels": "morph_labels",
    "filter-labels": "filter_labels",
    "count-labels": "count_labels",
    "measure": "measure",
    "review": "review",
    "cut-tiles": "cut_tiles",
    "merge-tiles": "merge_tiles",
    "export-planes": "export_planes",
    "export-meshes": "export_meshes",
    "weights": "weights",
    "quantise": "quantise",
    "demo": "demo",
}


class TaskResult(Protocol):
    """What a task returns: frozen, with its provenance."""

    def lines(self) -> list[str]:
        """Say in plain sentences what was made and where it is."""


class TaskModule(Protocol):
    """A module of this package: one verb."""

    TITLE: str
    Params: type[TaskParams]
    Inputs: type[TaskInputs]

    def run(self, inputs: Any, params: Any, context: JobContext) -> TaskResult:  # noqa: ANN401 - each its own
        """Carry the verb out."""


@dataclass(frozen=True)
class Task:
    """A verb together with its module."""

    verb: str
    module: TaskModule


def load_task(verb: str) -> Task:
    """Import the module of a verb; SettingsError when there is no such verb."""
    if verb not in TASKS:
        raise SettingsError(f"There is no task “{verb}”.", f"Tasks: {', '.join(TASKS)}.")
    return Task(verb, cast(TaskModule, importlib.import_module(f".{TASKS[verb]}", __package__)))
