"""Deeds on whole regions of labels: fill, polygon, between planes, copy, smooth. They read, and return edits unmade."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.context import JobContext, QuietContext
from empanada_desktop.core.edits import ArrayEdit, RegionEdit
from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.core.paint_fill import component
from empanada_desktop.core.paint_masks import Mask
from empanada_desktop.core.paint_polygon import polygon_extent, polygon_mask
from empanada_desktop.core.paint_rules import Rule, painted
from empanada_desktop.core.paint_shapes import between, smoothed
from empanada_desktop.document.sources import PlaneSource, plane_box
from empanada_desktop.errors import SettingsError

Triple = tuple[int, int, int]
Units = tuple[float, float, float]
# As far as planes are looked through for one on which the label is drawn.
FURTHEST = 200
# Smoothing does not go on beyond this many voxels.
LARGEST_OBJECT = 100_000_000


@dataclass(frozen=True)
class Change:
    """What a deed would do: its name in the history, and the edits; without any there is nothing to do."""

    title: str
    parts: tuple[ArrayEdit, ...]


def fill(
    source: PlaneSource, seed: Triple, axis: Axis | None, rule: Rule, limit: int, context: JobContext | None = None
) -> Change:
    """Paint what hangs together with a voxel and has its value, in the plane of an orientation or (None) in 3D.

    SettingsError when that is more than `limit` voxels, or another object that the rule keeps.
    """
    value = int(np.asarray(source[Box(seed, (seed[0] + 1, seed[1] + 1, seed[2] + 1)).slices]).item())
    title = f"Fill with {rule.label_id}" if rule.label_id else f"Empty {value}"
    if value == rule.label_id:
        return Change(title, ())
    if rule.keeps_others and value:
        raise SettingsError(f"{value} is there, and other objects are protected.", "Switch that off to fill it.")
    found = component(_Readable(source), source.shape, seed, axis, limit, context)
    parts = [_painted(source, box, mask, rule) for box, mask in found.parts]
    return Change(title, tuple(part for part in parts if part is not None))


def polygon(source: PlaneSource, axis: Axis, index: int, vertices: list[tuple[float, float]], rule: Rule) -> Change:
    """Paint the voxels of a plane inside a polygon; vertices: row, column in voxels."""
    rows, columns = (source.shape[each] for each in axis.in_plane)
    title = f"Polygon {rule.label_id}" if rule.label_id else "Erase a polygon"
    extent = polygon_extent(vertices, (rows, columns))
    if extent is None:
        return Change(title, ())
    origin, shape = extent
    mask = np.expand_dims(polygon_mask(vertices, shape, origin), axis.normal)
    part = _painted(source, plane_box(axis, index, origin, shape), mask, rule)
    return Change(title, () if part is None else (part,))


def interpolate(
    source: PlaneSource, label_id: int, axis: Axis, index: int, units: Units, context: JobContext | None = None
) -> Change:
    """Draw a label on the empty planes between two on which it is drawn; only background changes.

    The gap that plane `index` lies in, otherwise the one before it, otherwise the one after it. SettingsError where
    there is none within FURTHEST planes.
    """
    first, last = _gap(source, label_id, axis, index, context or QuietContext())
    rows, columns = axis.in_plane
    spans = _hull(_plane(source, axis, first) == label_id, _plane(source, axis, last) == label_id)
    near, far = (_plane(source, axis, plane, spans) == label_id for plane in (first, last))
    shares = [step / (last - first) for step in range(1, last - first)]
    shapes = between(near, far, shares, (units[rows], units[columns]))
    box = _box(axis, (first + 1, last), spans)
    part = _painted(source, box, np.moveaxis(shapes, 0, axis.normal), Rule(label_id, keeps_others=True))
    return Change(f"Interpolate {label_id}", () if part is None else (part,))


def copy_plane(source: PlaneSource, label_id: int, axis: Axis, index: int, step: int) -> Change:
    """Draw a label on the plane `step` further as it is on plane `index`; only background changes there."""
    length = source.shape[axis.normal]
    if not 0 <= index + step < length:
        raise SettingsError(f"There is no {axis} plane {index + step}.", "This is the last one in that direction.")
    here = _plane(source, axis, index) == label_id
    if not here.any():
        raise SettingsError(f"{label_id} is not on {axis} plane {index}.", "Go to a plane on which it is drawn.")
    spans = _hull(here)
    mask = here[slice(*spans[0]), slice(*spans[1])]
    box = _box(axis, (index + step, index + step + 1), spans)
    part = _painted(source, box, np.expand_dims(mask, axis.normal), Rule(label_id, keeps_others=True))
    return Change(f"Copy {label_id} to {axis} plane {index + step}", () if part is None else (part,))


def smooth(
    source: PlaneSource,
    label_id: int,
    axis: Axis,
    index: int,
    in_3d: bool,
    radius: float,
    units: Units,
    context: JobContext | None = None,
) -> Change:
    """Smooth a label on a plane, or in 3D the object that it is part of there; it gains background only.

    radius: of the bumps that go, in units of the shortest side of a voxel. SettingsError where the label is not on the
    plane, or is too large.
    """
    here = _plane(source, axis, index) == label_id
    if not here.any():
        raise SettingsError(f"{label_id} is not on {axis} plane {index}.", "Go to a plane on which it is drawn.")
    box = _box(axis, (index, index + 1), _hull(here))
    if in_3d:
        row, column = (int(place) for place in np.argwhere(here)[0])
        seed = plane_box(axis, index, (row, column), (1, 1)).start
        box = component(_Readable(source), source.shape, seed, None, LARGEST_OBJECT, context).box
    margin = [math.ceil(3 * radius / unit) if in_3d or each != axis.normal else 0 for each, unit in enumerate(units)]
    box = Box.of_spans(
        [
            (max(0, low - wide), min(end, high + wide))
            for (low, high), wide, end in zip(box.spans, margin, source.shape, strict=True)
        ]
    )
    before = np.asarray(source[box.slices])
    mask = before == label_id
    sigmas = [unit if in_3d or each != axis.normal else math.inf for each, unit in enumerate(units)]
    now = smoothed(mask, radius, sigmas)
    after = np.where(now & (before == 0), label_id, np.where(mask & ~now, 0, before)).astype(before.dtype)
    title = f"Smooth {label_id}"
    return Change(title, () if np.array_equal(before, after) else (RegionEdit.between(box, before, after),))


class _Readable:
    """A source as an array that is only read."""

    def __init__(self, source: PlaneSource) -> None:
        self._source = source

    def __getitem__(self, index: Any, /) -> NDArray[Any]:  # noqa: ANN401 - three slices
        return np.asarray(self._source[index])

    def __setitem__(self, index: Any, values: Any, /) -> None:  # noqa: ANN401
        raise TypeError("a deed writes through an edit")


def _painted(source: PlaneSource, box: Box, mask: Mask, rule: Rule) -> RegionEdit | None:
    """The edit that paints some voxels of a box; None where none changes."""
    before = np.asarray(source[box.slices])
    after = painted(before, mask, rule)
    changed = np.nonzero(before != after)
    if not len(changed[0]):
        return None
    spans = [(int(each.min()), int(each.max()) + 1) for each in changed]
    inner = Box.of_spans(spans)
    return RegionEdit.between(inner.moved(box.start), before[inner.slices], after[inner.slices])


def _plane(
    source: PlaneSource, axis: Axis, index: int, spans: tuple[tuple[int, int], tuple[int, int]] | None = None
) -> NDArray[Any]:
    """A plane of ids, or a part of it, rows × columns."""
    rows, columns = (source.shape[each] for each in axis.in_plane)
    top, left = spans or ((0, rows), (0, columns))
    return np.asarray(source.read(0, axis, index, slice(*top), slice(*left)))


def _gap(source: PlaneSource, label_id: int, axis: Axis, index: int, context: JobContext) -> tuple[int, int]:
    """The two drawn planes with nothing of a label between them that a plane lies in, ends or begins."""

    def is_drawn(plane: int) -> bool:
        context.check_cancelled()
        return bool((_plane(source, axis, plane) == label_id).any())

    def nearest(planes: range) -> int | None:
        return next((plane for plane in planes if is_drawn(plane)), None)

    def gaps() -> Iterator[tuple[int | None, int | None]]:
        before, after = range(index - 1, max(-1, index - FURTHEST), -1), range(index + 1, min(end, index + FURTHEST))
        if is_drawn(index):
            yield nearest(before), index
            yield index, nearest(after)
        else:
            yield nearest(before), nearest(after)

    end = source.shape[axis.normal]
    for low, high in gaps():
        if low is not None and high is not None and high - low > 1:
            return low, high
    raise SettingsError(
        f"There are no two {axis} planes near {index} with {label_id} on them and none between.",
        "Draw it on two planes with a gap, and go to one of them or into the gap.",
    )


def _hull(*masks: Mask) -> tuple[tuple[int, int], tuple[int, int]]:
    """First row and column and one past the last of all masks together."""
    together = np.any(masks, axis=0)
    rows, columns = np.flatnonzero(together.any(axis=1)), np.flatnonzero(together.any(axis=0))
    return (int(rows[0]), int(rows[-1]) + 1), (int(columns[0]), int(columns[-1]) + 1)


def _box(axis: Axis, planes: tuple[int, int], spans: tuple[tuple[int, int], tuple[int, int]]) -> Box:
    sides: list[tuple[int, int]] = [planes] * 3
    sides[axis.in_plane[0]], sides[axis.in_plane[1]] = spans
    return Box.of_spans(sides)
