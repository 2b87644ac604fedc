"""What tasks' parameters and inputs are made of: frozen, checked; read by form, command line and job.yaml alike."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

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
            faults = [_in_words(fault["loc"], _plainly(fault), fault.get("input")) for fault in error.errors()]
            raise SettingsError(
                "; ".join(dict.fromkeys(faults)) + ".", "See --help for each parameter's range and meaning."
            ) from error


class TaskParams(TaskModel):
    """The parameters of a task: what a recipe keeps and what can be run again on other data."""

    def to_plain(self) -> dict[str, Any]:
        """Return plain values that JSON and YAML can hold, and that `checked` makes the same parameters from."""
        return self.model_dump(mode="json")


class TaskInputs(TaskModel):
    """What a task reads and writes: paths and the like, which change from run to run."""

    @field_validator("*", mode="before")
    @classmethod
    def _named(cls, value: object, info: ValidationInfo) -> object:
        """Refuse names that are empty: as a path they would mean the present folder."""
        is_needed = info.field_name == "out" or cls.model_fields[str(info.field_name)].is_required()
        if is_needed and isinstance(value, str) and not value.strip():
            raise ValueError("is empty")
        return value


def _plainly(fault: Mapping[str, Any]) -> str:
    """Say what a value should be without the words of programmers."""
    kind, limits = fault["type"], fault.get("ctx", {})
    if kind in ("greater_than_equal", "less_than_equal"):
        return f"should be {limits['ge']:g} or more" if "ge" in limits else f"should be {limits['le']:g} or less"
    plain = {
        "int_parsing": "should be a whole number",
        "int_from_float": "should be a whole number",
        "float_parsing": "should be a number such as 0.5",
        "too_long": "has too many values",
    }
    return plain.get(kind, str(fault["msg"]))


def _in_words(location: tuple[int | str, ...], message: str, value: object) -> str:
    name = str(location[0]).replace("_", "-") if location else "settings"
    if message == "Extra inputs are not permitted":
        return f"There is no parameter “{name}”"
    if message == "Field required":
        return f"“{name}” has too few values" if len(location) > 1 else f"“{name}” is missing"
    plain = message.removeprefix("Value error, ").replace("Input should be", "should be")
    if plain in ("has too many values", "is empty"):
        return f"“{name}” {plain}"
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


def _read_region(value: object) -> object:
    """Take "z0:z1,y0:y1,x0:x1" as it is typed, whole or in three parts."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        return parts
    return [part.split(":") if isinstance(part, str) else part for part in parts]


def _not_empty(spans: "Spans | None") -> "Spans | None":
    for name, (first, stop) in zip("zyx", spans or (), strict=False):
        if first >= stop:
            raise ValueError(f"nothing lies between {name} {first} and {stop}")
    return spans


Voxel = Annotated[int, Field(ge=0)]
Span = tuple[Voxel, Voxel]
Spans = tuple[Span, Span, Span]
Region = Annotated[
    Spans | None,
    BeforeValidator(_read_region),
    AfterValidator(_not_empty),
    Field(
        title="Region",
        description="Confine to a box of voxels: first and last of z, y and x, the last ones not included. The result "
        "is as large as the volume and empty elsewhere; a TIFF holds the region alone and says where it lies.",
        json_schema_extra={"metavar": "Z0:Z1,Y0:Y1,X0:X1"},
    ),
]
VoxelSize = Annotated[
    tuple[float, float, float] | None,
    Field(
        title="Voxel size",
        description="Voxel size in nanometres, z, y, x. Leave out to use what the file says.",
    ),
]
