"""Training configurations: YAML files that may build on one another with `BASE:`."""

from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from empanada_desktop.engine.trainer import TrainingSettings
from empanada_desktop.errors import SettingsError
from empanada_desktop.io.weights import NetworkConfig, check_class_names
from empanada_desktop.tasks.params import TaskParams


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClassLabel(_Part):
    """One class of a data set: its name, and whether its objects are told apart."""

    name: str
    kind: Literal["instance", "semantic"] = "instance"


class About(_Part):
    """What the descriptor of the new weights says beside the facts."""

    description: str = ""
    trained_on: str = ""
    pixel_size_nm: tuple[float, float | None] | None = None
    licence: str = ""
    citation: str = ""


class TrainingConfig(_Part):
    """Everything about a training that is not a path."""

    network: NetworkConfig = NetworkConfig()
    training: TrainingSettings = TrainingSettings()
    labels: dict[int, ClassLabel] = Field(default_factory=lambda: {1: ClassLabel(name="mito")}, min_length=1)
    label_divisor: int = Field(1000, ge=2)
    norms: tuple[float, float] | None = None
    """Mean and standard deviation as fractions of the grey range; None: those of the training images."""
    about: About = About()
    threads: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if sorted(self.labels) != list(range(1, len(self.labels) + 1)):
            raise ValueError(f"classes are numbered 1, 2, 3 …, not {sorted(self.labels)}")
        check_class_names(label.name for label in self.labels.values())
        return self

    @property
    def class_ids(self) -> tuple[int, ...]:
        """All classes, sorted."""
        return tuple(sorted(self.labels))

    @property
    def things(self) -> tuple[int, ...]:
        """Classes whose objects are told apart, sorted."""
        return tuple(class_id for class_id in self.class_ids if self.labels[class_id].kind == "instance")


# Which value of a configuration each parameter stands for.
PLACES: dict[str, tuple[str, ...]] = {
    "patch_size": ("training", "patch_size"),
    "batch_size": ("training", "batch_size"),
    "seed": ("training", "seed"),
    "iterations": ("training", "steps"),
    "architecture": ("network", "architecture"),
    "encoder": ("network", "encoder"),
    "label_divisor": ("label_divisor",),
    "description": ("about", "description"),
    "threads": ("threads",),
}


def changed_values(params: TaskParams) -> dict[str, Any]:
    """The parameters that are not at their default, laid out like a configuration."""
    values: dict[str, Any] = {}
    for name, place in PLACES.items():
        field = type(params).model_fields.get(name)
        if field is not None and getattr(params, name) != field.default:
            value: Any = getattr(params, name)
            for part in reversed(place):
                value = {part: value}
            values = merged(values, value)
    return values


def read_config(path: Path) -> dict[str, Any]:
    """Read a YAML file as plain values; `BASE: other.yaml` (beside it) gives what the file does not say itself."""
    return _read(Path(path), ())


def _read(path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    path = path.resolve()
    if path in above:
        raise SettingsError(f"The configuration {path.name} builds on itself.", "Remove one of the BASE lines.")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError) as problem:
        raise SettingsError(f"The configuration {path} cannot be read: {problem}") from problem
    except (yaml.YAMLError, RecursionError) as problem:
        raise SettingsError(f"The configuration {path} is not YAML: {_first_line(problem)}") from problem
    if not isinstance(values, dict):
        raise SettingsError(f"The configuration {path} is not a table of names and values.")
    base = values.pop("BASE", None)
    return values if base is None else merged(_read(path.parent / str(base), (*above, path)), values)


def _first_line(problem: Exception) -> str:
    return " ".join(str(problem).split())[:160]


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Lay `changes` over `base`; tables are merged name by name, everything else is replaced."""
    result = dict(base)
    for name, value in changes.items():
        both = isinstance(value, dict) and isinstance(result.get(name), dict)
        result[name] = merged(result[name], value) if both else value
    return result


def make_config(values: dict[str, Any]) -> TrainingConfig:
    """Check plain values; SettingsError names every one that does not fit."""
    try:
        return TrainingConfig.model_validate(values)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise SettingsError(f"The training configuration does not fit: {faults}") from error
