"""Carries a plan out on voxels, in whatever thread: edits, what is shown of them beforehand, and a word on them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.edits import ArrayEdit
from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.core.ids import FreeIds
from empanada_desktop.core.objects import LabelArray, ObjectIndex
from empanada_desktop.core.plurals import counted, noun
from empanada_desktop.core.proofread import delete, merge
from empanada_desktop.core.proofread_change import around, box_in_plane, chosen_boxes
from empanada_desktop.core.proofread_filter import Scope, filter_border, filter_small, going_ids
from empanada_desktop.core.proofread_morph import fill_holes, morph
from empanada_desktop.core.proofread_smooth import smooth
from empanada_desktop.core.proofread_split import split_by_distance, split_by_line, split_by_points
from empanada_desktop.gui.proofread.plans import Plan
from empanada_desktop.gui.proofread.values import Mode

Triple = tuple[int, int, int]
Sampling = tuple[float, float, float]
SHOWN_VOXELS = 1 << 26
MANY = 6


@dataclass(frozen=True)
class Ground:
    """What a plan is carried out on: the voxels, the objects in them, and how ids are given out."""

    labels: LabelArray
    objects: ObjectIndex
    divisor: int
    id_range: tuple[int, int] | None = None
    sampling: Sampling = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Shown:
    """Voxels that show a change before it is made; 0 where nothing is shown."""

    box: Box
    voxels: NDArray[Any]


@dataclass(frozen=True)
class Outcome:
    """What a plan comes to. words: "3 parts: 1204, 800, 77 voxels".

    going: objects that go as a whole, to be shown instead of `shown`. is_whole: whether `parts` are all edits of it.
    """

    plan: Plan
    parts: tuple[ArrayEdit, ...]
    new_ids: tuple[int, ...] = ()
    words: str = ""
    shown: Shown | None = None
    going: NDArray[np.int64] | None = field(default=None, compare=False)
    is_whole: bool = True


def carry_out(plan: Plan, ground: Ground, context: JobContext) -> Outcome:
    """Find the edits of a plan; nothing is written. AppError where it cannot be done."""
    if plan.deletes:
        return Outcome(plan, delete(ground.labels, ground.objects.boxes, plan.picked.ids, **_where(plan, context)))
    mode = {Mode.MERGE: _merge, Mode.SPLIT: _split, Mode.MORPH: _morph, Mode.FILTER: _filter}[plan.values.mode]
    return mode(plan, ground, context)


def work_voxels(plan: Plan, ground: Ground) -> int:
    """How many voxels have to be looked at, about."""
    shape: Triple = ground.objects.shape
    if plan.ids is None:
        depth = 1 if plan.values.works_in == "plane" else shape[plan.picked.place[0].normal]
        return int(np.prod(shape, dtype=np.int64)) // shape[plan.picked.place[0].normal] * depth
    boxes = chosen_boxes(ground.objects.boxes, plan.ids, plan.axis, plan.index)
    return sum(int(np.prod(box.shape, dtype=np.int64)) for box in boxes.values())


def _where(plan: Plan, context: JobContext) -> dict[str, Any]:
    return {"axis": plan.axis, "index": plan.index, "context": context}


def _merge(plan: Plan, ground: Ground, context: JobContext) -> Outcome:
    bridge = plan.values.bridge if plan.values.works_in == "3d" else 0
    ids = (*plan.picked.ids, plan.into) if plan.into not in plan.picked.ids else plan.picked.ids
    parts = merge(ground.labels, ground.objects.boxes, ids, plan.into, bridge=bridge, **_where(plan, context))
    return Outcome(plan, parts)


def _split(plan: Plan, ground: Ground, context: JobContext) -> Outcome:
    values, picked, boxes = plan.values, plan.picked, ground.objects.boxes
    start = values.new_ids_from or None
    free = FreeIds(ground.objects.ids, ground.divisor, start, ground.id_range)
    common = {"ids": plan.ids, **_where(plan, context)}
    if values.split_by == "distance":
        found = split_by_distance(
            ground.labels, boxes, min_distance=values.min_distance, new_ids=free, sampling=ground.sampling, **common
        )
    elif values.split_by == "points" or picked.line is None:
        found = split_by_points(ground.labels, boxes, picked.points, free, sampling=ground.sampling, **common)
    else:
        line = picked.line
        place = {"axis": line.axis, "index": line.index, "in_3d": values.works_in == "3d"}
        found = split_by_line(ground.labels, boxes, line.vertices, free, **(common | place))
    new = np.array(free.taken, np.int64)
    shown = show(found, ground.labels, lambda _before, after: np.isin(after, new))
    if len(plan.ids or ()) != 1:
        return Outcome(plan, found, tuple(free.taken), _many_words(len(free.taken)), shown)
    sizes = part_sizes(found, ground, plan, free.taken)
    return Outcome(plan, found, tuple(free.taken), _parts_words(sizes), shown)


def part_sizes(parts: tuple[ArrayEdit, ...], ground: Ground, plan: Plan, new_ids: Sequence[int]) -> list[int]:
    """Voxels of each part that a split makes, the largest first; of what lies in the plane where only that is split."""
    counts = dict.fromkeys(new_ids, 0)
    for part in parts:
        before = np.asarray(ground.labels[part.box.slices])
        window = Window(part.box, before.copy())
        part.apply(window)
        for label_id, count in zip(*np.unique(window.voxels[window.voxels != before], return_counts=True), strict=True):
            counts[int(label_id)] = counts.get(int(label_id), 0) + int(count)
    whole = sum(_size(ground, label_id, plan) for label_id in plan.picked.ids)
    kept = whole - sum(counts.values())
    return sorted([*counts.values(), kept], reverse=True)


def _size(ground: Ground, label_id: int, plan: Plan) -> int:
    row = ground.objects.find(label_id)
    if row is None:
        return 0
    if plan.axis is None:
        return int(ground.objects.voxels[row])
    box = box_in_plane(ground.objects.box(label_id), plan.axis, plan.index)
    return 0 if box is None else int(np.count_nonzero(np.asarray(ground.labels[box.slices]) == label_id))


def _many_words(new: int) -> str:
    return counted(new, "new object")


def _parts_words(sizes: list[int]) -> str:
    more = f" and {len(sizes) - MANY} more" if len(sizes) > MANY else ""
    return f"{len(sizes)} parts: {', '.join(map(str, sizes[:MANY]))}{more} voxels"


def _morph(plan: Plan, ground: Ground, context: JobContext) -> Outcome:
    values, boxes = plan.values, ground.objects.boxes
    common = {"sampling": ground.sampling, **_where(plan, context)}
    if values.morph == "fill":
        found = fill_holes(ground.labels, boxes, plan.ids, values.hole_size or None, **_where(plan, context))
    elif values.morph == "smooth":
        found = smooth(ground.labels, boxes, plan.ids, values.radius, **common)
    else:
        found = morph(ground.labels, boxes, plan.ids, values.morph, values.radius, **common)
    chosen = np.array(sorted(boxes if plan.ids is None else plan.ids), np.int64)
    whole = chosen_boxes(boxes, plan.ids, plan.axis, plan.index).values() if found else ()
    shown = show(found, ground.labels, lambda _before, after: np.isin(after, chosen), whole)
    gained, lost = changes(found, ground.labels)
    return Outcome(plan, found, (), _change_words(gained, lost), shown)


def _change_words(gained: int, lost: int) -> str:
    words = [f"{counted(gained, 'voxel')} more"] * bool(gained) + [f"{counted(lost, 'voxel')} fewer"] * bool(lost)
    return ", ".join(words) or "nothing changes"


def _filter(plan: Plan, ground: Ground, context: JobContext) -> Outcome:
    values = plan.values
    scopes: dict[str, Scope] = {"plane": "plane", "planes": "planes", "3d": "volume"}
    common: dict[str, Any] = {
        "ids": plan.ids,
        "scope": scopes[values.works_in],
        "axis": plan.picked.place[0],
        "index": plan.index,
        "context": context,
    }
    if values.filter_by == "border":
        found = filter_border(ground.labels, ground.objects, **common)
    else:
        found = filter_small(ground.labels, ground.objects, values.min_size, **common)
    if values.works_in == "3d":
        words = filter_words(len(going_of(plan, ground.objects)), ground.objects, "3d")
        return Outcome(plan, found, (), words)
    shown = show(found, ground.labels, lambda before, after: (after == 0) & (before != 0))
    count = 0 if shown is None else len(np.unique(shown.voxels[shown.voxels > 0]))
    words = filter_words(count, ground.objects, values.works_in) if shown or not found else ""
    return Outcome(plan, found, (), words, shown)


def going_of(plan: Plan, objects: ObjectIndex) -> NDArray[np.int64]:
    """The objects that a filter in 3D deletes."""
    values = plan.values
    return going_ids(objects, values.min_size if values.filter_by == "small" else None, plan.ids)


def filter_words(count: int, objects: ObjectIndex, works_in: str) -> str:
    """Say how many objects go, or lose a part."""
    if not count:
        return "nothing goes"
    if works_in == "3d":
        return f"{count} of {counted(len(objects), 'object')} {noun(count, 'goes', 'go')}"
    return f"parts of {counted(count, 'object')} go"


# What is seen of edits before they are made

Seen = Callable[[NDArray[Any], NDArray[Any]], NDArray[np.bool_]]


class Window:
    """A box of an array under the indices of the whole: edits write into it as if it were the volume."""

    def __init__(self, box: Box, voxels: NDArray[Any]) -> None:
        self.box, self.voxels = box, voxels

    def __getitem__(self, index: tuple[slice, slice, slice]) -> NDArray[Any]:
        return self.voxels[self._moved(index)]

    def __setitem__(self, index: tuple[slice, slice, slice], values: object) -> None:
        self.voxels[self._moved(index)] = values

    def _moved(self, index: tuple[slice, slice, slice]) -> tuple[slice, slice, slice]:
        z, y, x = (slice(part.start - low, part.stop - low) for part, low in zip(index, self.box.start, strict=True))
        return z, y, x


def show(parts: tuple[ArrayEdit, ...], labels: LabelArray, seen: Seen, besides: Iterable[Box] = ()) -> Shown | None:
    """Make the voxels that show edits beforehand, `besides` them those of other boxes.

    None where there are no edits, or too many voxels.
    """
    if not parts:
        return None
    box = reduce(around, [*(part.box for part in parts), *besides])
    if np.prod(box.shape, dtype=np.int64) > SHOWN_VOXELS:
        return None
    before = np.asarray(labels[box.slices])
    window = Window(box, before.copy())
    for part in parts:
        part.apply(window)
    after = window.voxels
    return Shown(box, np.where(seen(before, after), np.where(after == 0, before, after), 0).astype(np.uint32))


def changes(parts: tuple[ArrayEdit, ...], labels: LabelArray) -> tuple[int, int]:
    """How many voxels edits make object, and how many background."""
    gained = lost = 0
    for part in parts:
        before = np.asarray(labels[part.box.slices])
        window = Window(part.box, before.copy())
        part.apply(window)
        gained += int(np.count_nonzero((before == 0) & (window.voxels != 0)))
        lost += int(np.count_nonzero((before != 0) & (window.voxels == 0)))
    return gained, lost


def in_plane(plan: Plan, axis: Axis, index: int) -> Plan:
    """The same plan for another plane."""
    return replace(plan, picked=replace(plan.picked, place=(axis, index)))
