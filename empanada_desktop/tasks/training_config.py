"""Training configurations: YAML files that may build on one another with `BASE:`."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from empanada_desktop.engine.trainer import TrainingSettings
from empanada_desktop.errors import SettingsError
from empanada_desktop.io.weights import NetworkConfig


class TrainingConfig(BaseModel):
    """Everything about a training that is not a path."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: NetworkConfig = NetworkConfig()
    training: TrainingSettings = TrainingSettings()
    norms: tuple[float, float] | None = None
    """Mean and standard deviation as fractions of the grey range; None: those of the training images."""
    threads: int = 0
    """Processor threads; 0 leaves the choice to torch."""


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
    except yaml.YAMLError as problem:
        raise SettingsError(f"The configuration {path} is not YAML: {problem}") from problem
    if not isinstance(values, dict):
        raise SettingsError(f"The configuration {path} is not a table of names and values.")
    base = values.pop("BASE", None)
    return values if base is None else merged(_read(path.parent / str(base), (*above, path)), values)


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
