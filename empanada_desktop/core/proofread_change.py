"""From what shall stand in some boxes to the edits that put it there: block by block, nothing written."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.context import JobContext, QuietContext
from empanada_desktop.core.edits import ArrayEdit, RegionEdit
from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.core.objects import LabelArray, ObjectIndex
from empanada_desktop.errors import SettingsError

Triple = tuple[int, int, int]
# Given the ids of a box, and the box, returns what shall stand in it.
Change = Callable[[NDArray[Any], Box], NDArray[Any]]
Sampling = tuple[float, float, float]
ISOTROPIC = (1.0, 1.0, 1.0)
BLOCK = (64, 256, 256)
LARGEST_ID = 2**32 - 2


class Patch(Protocol):
    """A change of some voxels within a box that is known by its result."""

    @property
    def box(self) -> Box:
        """Where it changes anything."""

    def put(self, ids: NDArray[Any], box: Box) -> None:
        """Make the change in the ids of a box, which the patch's own box may leave or reach only in part."""


def relative_sizes(spacing: Spacing) -> Sampling:
    """Return the voxel's sizes in units of the smallest one; all 1 where they are not known."""
    sizes = [size for size in spacing.zyx if size is not None]
    if len(sizes) < 3:
        return ISOTROPIC
    z, y, x = (size / min(sizes) for size in sizes)
    return z, y, x


def as_uint32(ids: NDArray[Any]) -> NDArray[np.uint32]:
    """Return ids as uint32; SettingsError where one does not fit."""
    if ids.dtype.kind == "i" or ids.dtype.itemsize > 4:
        low, high = (int(ids.min()), int(ids.max())) if ids.size else (0, 0)
        if low < 0 or high > LARGEST_ID:
            raise SettingsError(f"These labels have ids from {low} to {high}.", "Give ids from 0 to 4,294,967,294.")
    return ids.astype(np.uint32, copy=False)


def object_boxes(labels: LabelArray, boxes: Mapping[int, Box] | None, context: JobContext | None) -> Mapping[int, Box]:
    """Return the boxes that were given, or those of all objects, found in one pass."""
    return ObjectIndex.of(labels, context).boxes if boxes is None else boxes


def chosen_boxes(
    boxes: Mapping[int, Box], ids: Iterable[int] | None, axis: Axis | None = None, index: int = 0
) -> dict[int, Box]:
    """Return the boxes of the chosen objects (None: all) that there are, cut to a plane where one is given."""
    wanted = {int(each): boxes[int(each)] for each in (boxes if ids is None else ids) if int(each) in boxes}
    if axis is None:
        return wanted
    cut = {each: box_in_plane(box, axis, index) for each, box in wanted.items()}
    return {each: box for each, box in cut.items() if box is not None}


def box_in_plane(box: Box, axis: Axis, index: int) -> Box | None:
    """Return the part of a box in a plane, None where it does not reach it."""
    spans = list(box.spans)
    low, high = spans[axis.normal]
    spans[axis.normal] = (index, index + 1)
    return Box.of_spans(spans) if low <= index < high else None


def changed(
    labels: LabelArray,
    boxes: Iterable[Box],
    change: Change,
    *,
    reach: Triple = (0, 0, 0),
    context: JobContext | None = None,
    message: str = "Changing objects",
) -> tuple[ArrayEdit, ...]:
    """Return the edits that make `change` in all boxes, which may overlap.

    `change` sees parts of at most BLOCK, each with `reach` more voxels on all sides where the volume has them, and has
    to give each voxel what it would give in the whole volume.
    """
    context = context or QuietContext()
    parts = list(parts_of(boxes))
    edits = []
    for done, part in enumerate(parts, 1):
        context.check_cancelled()
        wide, place = widened(part, reach, labels.shape)
        before = np.asarray(labels[wide.slices])
        edit = RegionEdit.of_changes(part, before[place], change(before, wide)[place])
        edits += [] if edit is None else [edit]
        context.report(done, len(parts), message)
    return tuple(edits)


def patched(
    labels: LabelArray,
    patches: Sequence[Patch],
    *,
    context: JobContext | None = None,
    message: str = "Changing objects",
) -> tuple[ArrayEdit, ...]:
    """Return the edits that make all patches, the later ones over the earlier ones where they share voxels."""
    context = context or QuietContext()
    cells: dict[Triple, tuple[Box, list[Patch]]] = {}
    for patch in patches:
        for cell, part in _grid_parts(patch.box):
            box, here = cells.get(cell, (part, []))
            cells[cell] = (around(box, part), [*here, patch])
    edits = []
    for done, cell in enumerate(sorted(cells), 1):
        context.check_cancelled()
        box, here = cells[cell]
        before = np.asarray(labels[box.slices])
        after = before.copy()
        for patch in here:
            patch.put(after, box)
        edit = RegionEdit.of_changes(box, before, after)
        edits += [] if edit is None else [edit]
        context.report(done, len(cells), message)
    return tuple(edits)


def common(one: Box, other: Box) -> Box | None:
    """Return the voxels that two boxes share; None when there are none."""
    pairs = zip(one.spans, other.spans, strict=True)
    spans = [(max(first[0], second[0]), min(first[1], second[1])) for first, second in pairs]
    return Box.of_spans(spans) if all(low < high for low, high in spans) else None


def parts_of(boxes: Iterable[Box]) -> Iterator[Box]:
    """Cut boxes along one grid; where several boxes share a cell, it comes once, with the box around all of them."""
    cells: dict[Triple, Box] = {}
    for box in boxes:
        for cell, part in _grid_parts(box):
            cells[cell] = around(cells[cell], part) if cell in cells else part
    yield from (cells[cell] for cell in sorted(cells))


def around(one: Box, other: Box) -> Box:
    """Return the smallest box that holds both."""
    pairs = zip(one.spans, other.spans, strict=True)
    return Box.of_spans([(min(first[0], second[0]), max(first[1], second[1])) for first, second in pairs])


def widened(box: Box, reach: Triple, shape: tuple[int, ...]) -> tuple[Box, tuple[slice, slice, slice]]:
    """Return a box with more voxels on all sides, within the volume, and the place of the old one in it."""
    triples = zip(box.spans, reach, shape, strict=True)
    wide = Box.of_spans([(max(0, low - more), min(length, high + more)) for (low, high), more, length in triples])
    return wide, box.moved(wide.start, -1).slices


def _grid_parts(box: Box) -> Iterator[tuple[Triple, Box]]:
    ranges = [range(low // side, -(-high // side)) for (low, high), side in zip(box.spans, BLOCK, strict=True)]
    for z, y, x in product(*ranges):
        cell = (z, y, x)
        cuts = zip(cell, box.spans, BLOCK, strict=True)
        spans = [(max(low, place * side), min(high, (place + 1) * side)) for place, (low, high), side in cuts]
        yield cell, Box.of_spans(spans)
