"""Measuring of objects: size, surface, lengths, shape, grey values and neighbours, in nm and µm or in voxels."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.core.objects import LabelArray, ObjectIndex


@dataclass(frozen=True)
class Column:
    """One measured quantity. key: its name in code; unit: "µm³", "px" or ""; definition: how it is measured."""

    key: str
    title: str
    unit: str
    definition: str

    @property
    def heading(self) -> str:
        """Title and unit, as above a column: "Volume (µm³)"."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


@dataclass(frozen=True)
class Measurements:
    """A table of objects. values: by column's key, one figure or text for each of `ids` ((n,) int64, ascending)."""

    ids: NDArray[np.int64]
    columns: tuple[Column, ...]
    values: Mapping[str, NDArray[Any]] = field(repr=False)
    spacing: Spacing = field(default_factory=Spacing)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self) -> list[list[Any]]:
        """Return the table row by row, columns in order."""
        columns = [self.values[column.key].tolist() for column in self.columns]
        return [list(row) for row in zip(*columns, strict=True)]


def measure(
    labels: LabelArray,
    grey: LabelArray | None,
    spacing: Spacing,
    ids: Iterable[int] | None = None,
    *,
    axis: Axis | None = None,
    index: int = 0,
    objects: ObjectIndex | None = None,
    context: JobContext | None = None,
) -> Measurements:
    """Measure objects (None: all) in 3D, or in one plane; in voxels where the voxel size is not known.

    grey: an image of the same shape. objects: the volume's index; None: counted. Memory: one object's box at a time.
    """
    objects = objects or ObjectIndex.of(labels, context)
    rows = np.arange(len(objects)) if ids is None else np.flatnonzero(np.isin(objects.ids, list(ids)))
    columns = (Column("id", "Id", "", "The object's id."), Column("voxels", "Voxels", "", "Number of voxels."))
    return Measurements(objects.ids[rows], columns, {"id": objects.ids[rows], "voxels": objects.voxels[rows]}, spacing)
