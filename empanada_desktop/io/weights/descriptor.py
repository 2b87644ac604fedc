"""The YAML file beside a set of weights: what they were made for and from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from empanada_desktop.errors import WeightsError
from empanada_desktop.io.weights.config import NetworkConfig

MAX_DESCRIPTOR_BYTES = 1 << 20
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9 ._+-]{0,79}$"
CLASS_NAME = re.compile(r"[^\W_][^\x00-\x1f\x7f/\\]{0,79}")


class WeightsDescriptor(BaseModel):
    """What a set of weights is: network, classes, normalisation, origin, and the hash of the file that holds them.

    `mean` and `std` are fractions of the grey range; `pixel_size_nm` is the range of pixel sizes that the weights are
    good for; `padding_factor` is what image sides are padded to a multiple of.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format: Literal[1] = 1
    name: str = Field(pattern=NAME_PATTERN)
    description: str = ""
    network: NetworkConfig
    class_names: dict[int, str] = Field(min_length=1)
    thing_list: list[int]
    label_divisor: int = Field(1000, ge=1)
    mean: float = Field(ge=0, le=1)
    std: float = Field(gt=0, le=1)
    padding_factor: int = Field(ge=1, le=4096)
    trained_on: str = ""
    pixel_size_nm: tuple[float, float | None] | None = None
    licence: str = ""
    citation: str = ""
    file: str = ""
    sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$")
    provenance: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Self:
        expected = list(range(1, max(1, self.network.n_classes - 1) + 1))
        if sorted(self.class_names) != expected:
            raise ValueError(f"class_names has the classes {sorted(self.class_names)}, the network {expected}")
        check_class_names(self.class_names.values())
        if not set(self.thing_list) <= set(self.class_names):
            raise ValueError("thing_list has classes that class_names lacks")
        if self.padding_factor % self.network.size_factor:
            raise ValueError(f"padding_factor is not a multiple of {self.network.size_factor}, which the network needs")
        return self


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a small YAML file that holds named values; WeightsError when it is missing, huge or of another kind."""
    try:
        if path.stat().st_size > MAX_DESCRIPTOR_BYTES:
            raise WeightsError(f"{path} is too large for a description of weights.", "Choose the .yaml beside them.")
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as problem:
        raise WeightsError(f"{path} cannot be read: {_first_line(problem)}", "Choose a .yaml of weights.") from problem
    if not isinstance(content, dict):
        raise WeightsError(f"{path} does not describe weights.", "Choose a .yaml of weights.")
    return content


def parse_descriptor(content: dict[str, Any], source: str) -> WeightsDescriptor:
    """Check values against what a descriptor needs; WeightsError names every one that does not fit."""
    try:
        return WeightsDescriptor.model_validate(content)
    except ValidationError as problem:
        faults = "; ".join(_fault(error["loc"], error["msg"]) for error in problem.errors()[:8])
        hint = "Take the weights' files again from where they came, or mend the .yaml."
        raise WeightsError(f"{source} does not describe weights of this program: {faults}", hint) from problem


def read_descriptor(path: Path) -> WeightsDescriptor:
    """Read a descriptor of ours; WeightsError when it is missing, mangled or of another kind."""
    return parse_descriptor(read_yaml(path), str(path))


def write_descriptor(path: Path, descriptor: WeightsDescriptor) -> None:
    """Write a descriptor as YAML, complete or not at all."""
    content = descriptor.model_dump(mode="json")
    content["class_names"] = dict(descriptor.class_names)
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110), "utf-8")
    unfinished.replace(path)


def check_name(name: str) -> str:
    """Return a name that can be a file's name too; WeightsError otherwise."""
    if not re.fullmatch(NAME_PATTERN, name) or name.endswith((".", " ")):
        hint = "Use letters, digits, spaces, dots, dashes and underscores, a letter or digit first, 80 at most."
        raise WeightsError(f"Weights cannot be called {name!r}.", hint)
    return name


def check_class_names(names: Iterable[str]) -> None:
    """ValueError unless each class can have a folder of its own, under its name, in a result."""
    names = list(names)
    for name in names:
        if not CLASS_NAME.fullmatch(name) or name.endswith((".", " ")) or name.lower() == "zarr.json":
            raise ValueError(f"a class cannot be called {name!r}: no slashes and the like, 80 letters at most")
    if len({name.casefold() for name in names}) < len(names):
        raise ValueError("two classes have the same name")


def _fault(location: tuple[int | str, ...], message: str) -> str:
    place = ".".join(str(part) for part in location)
    return f"{place}: {message}" if place else message.removeprefix("Value error, ")


def _first_line(problem: Exception) -> str:
    return next(iter(str(problem).splitlines()), type(problem).__name__)
