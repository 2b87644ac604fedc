"""What a result says about itself: its header and recipe, its voxel size, the levels of its pyramids; JSON only."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from empanada_desktop.core.geometry import Box, Spacing
from empanada_desktop.errors import VolumeError
from empanada_desktop.io.volumes.faults import reading

OWN_KEY = "empanada_desktop"
SMALLEST_LEVEL = 256
LEVEL_FACTOR = 2
ANISOTROPY = 2.0

Triple = tuple[int, int, int]


@dataclass(frozen=True)
class ResultHeader:
    """What every result says about itself in its root's attributes.

    replaces: an older one is kept beside it. region: the part of the volume that was worked on; the rest stays empty.
    """

    shape: Triple
    spacing: Spacing
    chunk: Triple
    recipe: dict[str, Any]
    is_complete: bool = False
    replaces: bool = False
    region: Box | None = None

    @property
    def part(self) -> Box:
        """The voxels that were worked on."""
        return self.region or Box((0, 0, 0), self.shape)

    def to_attributes(self) -> dict[str, Any]:
        """The header as JSON."""
        return {
            "state": "complete" if self.is_complete else "unfinished",
            "shape": list(self.shape),
            "voxel_size_nm": list(self.spacing.zyx),
            "voxel_size_source": self.spacing.source,
            "chunk": list(self.chunk),
            **({"replaces": True} if self.replaces and not self.is_complete else {}),
            **({"region": [list(span) for span in self.region.spans]} if self.region else {}),
            "recipe": json.loads(json.dumps(self.recipe, default=str)),
        }

    @classmethod
    def from_attributes(cls, values: Mapping[str, Any]) -> Self:
        """Read what to_attributes wrote."""
        z, y, x = values["voxel_size_nm"]
        shape, chunk = (tuple(int(size) for size in values[key]) for key in ("shape", "chunk"))
        return cls(
            shape,  # type: ignore[arg-type]
            Spacing(z, y, x, str(values["voxel_size_source"])),
            chunk,  # type: ignore[arg-type]
            dict(values["recipe"]),
            values["state"] == "complete",
            bool(values.get("replaces", False)),
            Box.of_spans(values["region"]) if "region" in values else None,
        )


def is_complete(path: str | Path) -> bool:
    """True when `path` is one of our results and all of it was written."""
    header = read_header(path)
    return header is not None and header.is_complete


def read_recipe(path: str | Path) -> dict[str, Any]:
    """Return the recipe that a result was made with; VolumeError where `path` is none of our results."""
    header = read_header(path)
    if header is None:
        raise VolumeError(f"{path} carries no recipe of this program.", "Choose a result that this program wrote.")
    return header.recipe


def read_header(path: str | Path) -> ResultHeader | None:
    """Return what a result says about itself, finished or not; None where `path` is none of our results."""
    metadata = Path(path) / "zarr.json"
    if not metadata.is_file():
        return None
    with reading(metadata):
        attributes = json.loads(metadata.read_text(encoding="utf-8")).get("attributes", {})
        return ResultHeader.from_attributes(attributes[OWN_KEY]) if OWN_KEY in attributes else None


def level_factors(shape: Triple, spacing: Spacing) -> list[Triple]:
    """How much coarser than level 0 each level of a pyramid is, z y x, until the longest side is SMALLEST_LEVEL.

    Each level halves the axes; one whose voxels are already ANISOTROPY times as long as the shortest ones waits.
    """
    voxel = np.array(spacing.zyx if spacing.is_known else (1.0, 1.0, 1.0), dtype=float)
    factors = [(1, 1, 1)]
    while True:
        now = np.array(factors[-1])
        lengths = -(-np.array(shape) // now)
        if lengths.max() <= SMALLEST_LEVEL:
            return factors
        sizes = voxel * now
        finest = sizes[lengths > 1].min()
        halved = (lengths > 1) & ((sizes < ANISOTROPY * finest) | (lengths == lengths.max()))
        z, y, x = (now * np.where(halved, LEVEL_FACTOR, 1)).tolist()
        factors.append((z, y, x))


def multiscales(name: str, spacing: Spacing, factors: list[Triple], folder: str = "") -> dict[str, Any]:
    """One entry of OME-Zarr 0.5 "multiscales": an axis has a unit where its voxel size is known, scale 1 where not."""
    sizes = [1.0 if size is None else size for size in spacing.zyx]
    units = [{} if size is None else {"unit": "nanometer"} for size in spacing.zyx]
    return {
        "name": name,
        "axes": [{"name": axis, "type": "space", **unit} for axis, unit in zip("zyx", units, strict=True)],
        "datasets": [
            {
                "path": f"{folder}{number}",
                "coordinateTransformations": [
                    {"type": "scale", "scale": [size * each for size, each in zip(sizes, factor, strict=True)]}
                ],
            }
            for number, factor in enumerate(factors)
        ],
        # Every second voxel is kept as it is, so the voxel at the origin stays where it was: no translation.
        "type": "decimation",
    }
