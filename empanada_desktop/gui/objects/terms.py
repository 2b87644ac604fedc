"""In which unit the table speaks, and whether objects are measured in space or in one plane."""

from dataclasses import dataclass, replace
from typing import Literal

from empanada_desktop.core.geometry import Axis, Spacing

Unit = Literal["µm", "nm", "px"]
UNITS: tuple[Unit, ...] = ("µm", "nm", "px")
NM_IN = {"µm": 1000.0, "nm": 1.0}
POWERS = {"": 1, "²": 2, "³": 3}


@dataclass(frozen=True)
class Terms:
    """unit: of lengths. axis, index: the plane that is measured; no axis: in space."""

    unit: Unit = "µm"
    axis: Axis | None = None
    index: int = 0

    @property
    def where(self) -> str:
        """The plane in words, nothing in space."""
        return "" if self.axis is None else f"{self.axis} plane {self.index}"

    def is_known(self, spacing: Spacing) -> bool:
        """Whether the sizes of a voxel that lengths take are known: the one across a plane is not needed."""
        return all(
            size is not None for at, size in enumerate(spacing.zyx) if self.axis is None or at != self.axis.normal
        )

    def fitting(self, spacing: Spacing) -> "Terms":
        """The same in voxels where the size of a voxel is not known."""
        return self if self.is_known(spacing) else replace(self, unit="px")

    def voxel_size(self, spacing: Spacing) -> tuple[float, float, float] | None:
        """Return sizes for a task, None where they are not known; across a plane any size will do."""
        if not self.is_known(spacing):
            return None
        known = [size for size in spacing.zyx if size is not None]
        z, y, x = (known[0] if size is None else size for size in spacing.zyx)
        return z, y, x


def converted(unit: str, wanted: Unit) -> tuple[str, float]:
    """Return a unit such as µm² in other terms, and what its figures are multiplied by; px stay what they are."""
    for own in NM_IN:
        power = POWERS.get(unit.removeprefix(own)) if unit.startswith(own) else None
        if power is not None and wanted in NM_IN:
            return unit.replace(own, wanted), (NM_IN[own] / NM_IN[wanted]) ** power
    return unit, 1.0
