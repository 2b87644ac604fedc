"""A job: which task, with which parameters, on which inputs; written to and read from job.yaml."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from empanada_desktop.errors import SettingsError
from empanada_desktop.tasks.params import TaskInputs, TaskParams
from empanada_desktop.tasks.registry import load_task

JOB_FILE = "A job file is YAML with task, params, inputs."


@dataclass(frozen=True)
class JobSpec:
    """A task with everything it needs; picklable, and the same as a recipe's first three entries."""

    task: str
    params: TaskParams
    inputs: TaskInputs

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> Self:
        """Make a job from plain values (`task`, `params`, `inputs`); whatever else a recipe holds is passed over."""
        module = load_task(str(values.get("task", ""))).module
        params, inputs = values.get("params") or {}, values.get("inputs") or {}
        if not isinstance(params, dict) or not isinstance(inputs, dict):
            raise SettingsError("“params” and “inputs” of a job are lists of names with values.", JOB_FILE)
        return cls(str(values["task"]), module.Params.checked(params), module.Inputs.checked(inputs))

    @classmethod
    def read(cls, path: Path, **changed_inputs: object) -> Self:
        """Read a job.yaml or a recipe; `changed_inputs` replace its inputs of the same names."""
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise SettingsError(f"There is no file {path}.", "Check the path.") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path} is not a job file.", JOB_FILE) from error
        if not isinstance(values, dict) or "task" not in values:
            raise SettingsError(f"{path} is not a job file.", JOB_FILE)
        values["inputs"] = {**(values.get("inputs") or {}), **changed_inputs}
        return cls.from_plain(values)

    def write(self, path: Path) -> None:
        """Write the job as YAML."""
        path.write_text(self.text(), encoding="utf-8")

    def text(self) -> str:
        """The job as YAML."""
        values = {
            "task": self.task,
            "params": self.params.to_plain(),
            "inputs": self.inputs.model_dump(mode="json"),
        }
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
