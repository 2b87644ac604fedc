"""What tasks' parameters and inputs are made of: frozen, checked; read by form, command line and job.yaml alike."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from empanada_desktop.errors import SettingsError


class TaskModel(BaseModel):
    """A frozen record in which each field carries its title, help text, default and limits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def checked(cls, values: Mapping[str, Any]) -> Self:
        """Make the record from plain values; SettingsError names every field that does not fit and what would."""
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            faults = [_in_words(fault["loc"], fault["msg"], fault.get("input")) for fault in error.errors()]
            raise SettingsError(
                "; ".join(dict.fromkeys(faults)), "See --help for each parameter's range and meaning."
            ) from error


class TaskParams(TaskModel):
    """The parameters of a task: what a recipe keeps and what can be run again on other data."""

    def to_plain(self) -> dict[str, Any]:
        """Return plain values that JSON and YAML can hold, and that `checked` makes the same parameters from."""
        return self.model_dump(mode="json")


class TaskInputs(TaskModel):
    """What a task reads and writes: paths and the like, which change from run to run."""


def _in_words(location: tuple[int | str, ...], message: str, value: object) -> str:
    name = str(location[0]).replace("_", "-") if location else "settings"
    if message == "Extra inputs are not permitted":
        return f"There is no parameter “{name}”"
    if message == "Field required" and len(location) > 1:
        return f"“{name}” has too few values"
    plain = message.removeprefix("Value error, ").replace("Input should be", "should be")
    return f"“{name}” {plain} (given: {value!r})" if plain.startswith("should be") else f"“{name}”: {plain}"


def ui(
    group: str,
    step: float | None = None,
    unit: str | None = None,
    *,
    words: str | None = None,
    zero: str | None = None,
    needs: str | None = None,
) -> dict[str, Any]:
    """Return what the form needs to know of a field beyond its type and limits.

    words: what a tick means, beside it. zero: what 0 means. needs: the switch without which the field means nothing.
    """
    facts = {"group": group, "step": step, "unit": unit, "words": words, "zero": zero, "needs": needs}
    return {name: value for name, value in facts.items() if value is not None}


VoxelSize = Annotated[
    tuple[float, float, float] | None,
    Field(
        title="Voxel size",
        description="Voxel size in nanometres, z, y, x. Leave out to use what the file says.",
    ),
]
