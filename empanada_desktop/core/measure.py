"""Measuring of objects: size, surface, lengths, shape, grey values and neighbours, in nm and µm or in voxels."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.context import JobContext, QuietContext
from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.core.measure_columns import Column, Unit, columns
from empanada_desktop.core.measure_shapes import (
    Ints,
    Lattice,
    Sizes,
    greatest_width,
    lattice,
    outline,
    principal_lengths,
)
from empanada_desktop.core.objects import LabelArray, ObjectIndex
from empanada_desktop.core.proofread_change import box_in_plane, parts_of, widened

__all__ = ["Column", "Measurements", "Unit", "measure"]

NM_IN = {"nm": 1.0, "µm": 1000.0, "px": 1.0}
# Objects are measured in the order of the cells of this side that they begin in, so that chunks are decoded seldom.
CELL = 256
Row = dict[str, Any]


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
        by_column = [self.values[column.key].tolist() for column in self.columns]
        return [list(row) for row in zip(*by_column, strict=True)]


def measure(
    labels: LabelArray,
    grey: LabelArray | None,
    spacing: Spacing,
    ids: Iterable[int] | None = None,
    *,
    axis: Axis | None = None,
    index: int = 0,
    objects: ObjectIndex | None = None,
    unit: Unit = "µm",
    label_divisor: int = 10_000,
    class_names: Mapping[int, str] | None = None,
    context: JobContext | None = None,
) -> Measurements:
    """Measure objects (None: all) in 3D, or in one plane; in voxels where the voxel size is not known.

    grey: an image of the same shape. objects: the volume's index; None: counted. Memory: the grey values of an object,
    and blocks of its box.
    """
    context = context or QuietContext()
    objects = objects or ObjectIndex.of(labels, context)
    scale = _Scale.of(spacing, unit, axis)
    table = columns(scale.unit, in_plane=axis is not None, with_grey=grey is not None)
    boxes = _boxes(objects, ids, axis, index)
    names = class_names or {}
    found: dict[int, Row] = {}
    for done, (label_id, box) in enumerate(boxes, 1):
        context.check_cancelled()
        class_id = label_id // label_divisor
        row: Row = {"id": label_id, "class": names.get(class_id, str(class_id))}
        figures = _measured(labels, grey, label_id, box, scale)
        if axis is None or figures["pixels"]:
            found[label_id] = row | figures
        context.report(done, len(boxes), "Measuring objects")
    order = sorted(found)
    values = {column.key: np.array([found[each][column.key] for each in order]) for column in table}
    return Measurements(np.array(order, np.int64), table, values, spacing, scale.notes)


@dataclass(frozen=True)
class _Scale:
    """Sizes of a voxel in a unit, and the lines along which outlines are crossed."""

    sizes: Sizes
    unit: Unit
    normal: int
    lattice: Lattice
    notes: tuple[str, ...]

    @classmethod
    def of(cls, spacing: Spacing, unit: Unit, axis: Axis | None) -> "_Scale":
        normal = -1 if axis is None else axis.normal
        needed = [size for at, size in enumerate(spacing.zyx) if at != normal]
        if unit == "px" or None in needed:
            note = "" if unit == "px" else "Voxel size unknown. Sizes are in voxels, taken for cubes."
            sizes, unit = (1.0, 1.0, 1.0), "px"
        else:
            note = f"Voxel size {spacing}."
            z, y, x = (1.0 if size is None else size / NM_IN[unit] for size in spacing.zyx)
            sizes = (z, y, x)
        return cls(sizes, unit, normal, lattice(sizes, normal), (note,) if note else ())

    @property
    def of_voxel(self) -> float:
        """Volume of a voxel, area of a pixel."""
        return math.prod(size for at, size in enumerate(self.sizes) if at != self.normal)


def _boxes(objects: ObjectIndex, ids: Iterable[int] | None, axis: Axis | None, index: int) -> list[tuple[int, Box]]:
    """Return ids and boxes, in the plane where there is one, neighbours in the volume next to each other."""
    rows = np.arange(len(objects)) if ids is None else np.flatnonzero(np.isin(objects.ids, list(ids)))
    cells = objects.starts[rows] // CELL
    ordered = rows[np.lexsort((cells[:, 2], cells[:, 1], cells[:, 0]))]
    found = ((label_id, objects.box(label_id)) for label_id in objects.ids[ordered].tolist())
    if axis is None:
        return list(found)
    cut = ((label_id, box_in_plane(box, axis, index)) for label_id, box in found)
    return [(label_id, box) for label_id, box in cut if box is not None]


def _measured(labels: LabelArray, grey: LabelArray | None, label_id: int, box: Box, scale: _Scale) -> Row:
    sums = _Sums(scale, labels.shape)
    for part in parts_of([box]):
        sums.add(labels, grey, label_id, part)
    return sums.row()


class _Sums:
    """What adds up over the blocks of an object's box."""

    def __init__(self, scale: _Scale, shape: tuple[int, ...]) -> None:
        self._scale, self._shape = scale, shape
        self._voxels = 0
        self._sums, self._products = np.zeros(3), np.zeros((3, 3))
        self._crossings: Any = np.zeros(len(scale.lattice.offsets), np.int64)
        self._touching: dict[int, Ints] = {}
        self._ends: list[NDArray[np.int64]] = []
        self._grey: list[NDArray[Any]] = []
        self._origin: NDArray[np.int64] | None = None

    def add(self, labels: LabelArray, grey: LabelArray | None, label_id: int, part: Box) -> None:
        """Take the object's voxels of a block."""
        reach = [0 if at == self._scale.normal else 1 for at in range(3)]
        wide, place = widened(part, (reach[0], reach[1], reach[2]), self._shape)
        ids = np.ascontiguousarray(labels[wide.slices])
        found = outline(ids, label_id, place, self._scale.lattice.offsets)
        if not found.voxels:
            return
        self._origin = np.array(wide.start) if self._origin is None else self._origin
        by = np.array(wide.start) - self._origin
        self._voxels += found.voxels
        moved = np.outer(by, found.sums)
        self._products += found.products + moved + moved.T + found.voxels * np.outer(by, by)
        self._sums += found.sums + found.voxels * by
        self._crossings = self._crossings + found.crossings
        for other, crossings in found.touching.items():
            self._touching[other] = self._touching.get(other, 0) + crossings
        self._ends.append(found.ends + np.array(wide.start))
        if grey is not None:
            self._grey.append(np.asarray(grey[part.slices])[ids[place] == label_id])

    def row(self) -> Row:
        """Return the figures."""
        scale = self._scale
        ends = np.concatenate(self._ends) if self._ends else np.zeros((1, 3), np.int64)
        feret = greatest_width(ends, scale.sizes, scale.normal) if self._ends else 0.0
        axes = self._axes()
        outer = float(self._crossings @ scale.lattice.weights)
        size = self._voxels * scale.of_voxel
        contact = sum(float(crossings @ scale.lattice.weights) for crossings in self._touching.values())
        shape = _space(self._voxels, size, outer, axes) if scale.normal < 0 else _plane(self._voxels, size, outer, axes)
        neighbours = " ".join(map(str, sorted(self._touching)))
        return (
            shape | {"feret": feret, "contact": contact, "neighbours": neighbours} | self._places(ends) | self._greys()
        )

    def _axes(self) -> list[float]:
        if not self._voxels:
            return [0.0, 0.0, 0.0]
        return principal_lengths(self._voxels, self._sums, self._products, self._scale.sizes, self._scale.normal)

    def _places(self, ends: NDArray[np.int64]) -> Row:
        origin = np.zeros(3) if self._origin is None else self._origin
        z, y, x = (self._sums / max(1, self._voxels) + origin).tolist()
        shape = np.array(self._shape)
        has_faces = (shape > 1) & (np.arange(3) != self._scale.normal)
        border = bool((((ends == 0) | (ends == shape - 1)) & has_faces).any()) and self._voxels > 0
        return {"z": z, "y": y, "x": x, "border": "yes" if border else "no"}

    def _greys(self) -> Row:
        if not self._grey:
            return dict.fromkeys(("grey_mean", "grey_sd", "grey_min", "grey_max", "grey_median"), math.nan)
        grey = np.concatenate(self._grey)
        return {
            "grey_mean": float(grey.mean(dtype=np.float64)),
            "grey_sd": float(grey.std(dtype=np.float64)),
            "grey_min": float(grey.min()),
            "grey_max": float(grey.max()),
            "grey_median": float(np.median(grey)),
        }


def _space(voxels: int, volume: float, surface: float, axes: list[float]) -> Row:
    sphericity = math.pi ** (1 / 3) * (6 * volume) ** (2 / 3) / surface if surface else math.nan
    lengths = dict(zip(("length", "width", "thickness"), axes, strict=True))
    return {"voxels": voxels, "volume": volume, "surface": surface, "sphericity": sphericity, **lengths}


def _plane(pixels: int, area: float, perimeter: float, axes: list[float]) -> Row:
    circularity = 4 * math.pi * area / perimeter**2 if perimeter else math.nan
    facts = {"pixels": pixels, "area": area, "perimeter": perimeter, "circularity": circularity}
    return {**facts, "length": axes[0], "width": axes[1]}
