"""The published weights that the program knows of but does not bring along: what they are and where to get them."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from empanada_desktop.errors import WeightsError
from empanada_desktop.io.weights.descriptor import NAME_PATTERN, read_yaml
from empanada_desktop.settings import resources_folder

CATALOGUE_FILE = "catalogue.yaml"


class CatalogueEntry(BaseModel):
    """Published weights: the values of their .yaml, and the address of their .pth."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=NAME_PATTERN)
    description: str
    architecture: str
    address: str
    record: str
    file: str
    n_parameters: int
    size_mb: float | None = None
    sha256: str = ""
    class_names: dict[int, str]
    thing_list: list[int]
    label_divisor: int
    mean: float
    std: float
    padding_factor: int
    trained_on: str = ""
    licence: str = ""
    citation: str = ""


def read_catalogue(path: Path | None = None) -> list[CatalogueEntry]:
    """Read the catalogue that comes with the program; WeightsError when it is damaged."""
    path = path or resources_folder() / "weights" / CATALOGUE_FILE
    try:
        return [CatalogueEntry.model_validate(entry) for entry in read_yaml(path).get("published", [])]
    except ValidationError as problem:
        raise WeightsError(f"The catalogue {path} is damaged.", "Install the program again.") from problem
