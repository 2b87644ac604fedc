"""Carries a plan out on voxels, in whatever thread: edits, what is shown of them beforehand, and a word on them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.edits import ArrayEdit, RegionEdit
from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.core.ids import FreeIds
from empanada_desktop.core.objects import LabelArray, ObjectIndex
from empanada_desktop.core.paint_shapes import smoothed
from empanada_desktop.core.proofread import delete, merge
from empanada_desktop.core.proofread_change import around, box_in_plane, chosen_boxes, widened
from empanada_desktop.core.proofread_filter import Scope, filter_border, filter_small
from empanada_desktop.core.proofread_morph import fill_holes, morph
from empanada_desktop.core.proofread_split import split_by_distance, split_by_line, split_by_points
from empanada_desktop.errors import SettingsError
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
    """What a plan comes to. words: "3 parts: 1204, 800, 77 voxels"."""

    plan: Plan
    parts: tuple[ArrayEdit, ...]
    new_ids: tuple[int, ...] = ()
    words: str = ""
    shown: Shown | None = None


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
    common = {"ids": picked.ids, **_where(plan, context)}
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


def _parts_words(sizes: list[int]) -> str:
    more = f" and {len(sizes) - MANY} more" if len(sizes) > MANY else ""
    return f"{len(sizes)} parts: {', '.join(map(str, sizes[:MANY]))}{more} voxels"


def _morph(plan: Plan, ground: Ground, context: JobContext) -> Outcome:
    values, boxes = plan.values, ground.objects.boxes
    if values.morph == "fill":
        found = fill_holes(ground.labels, boxes, plan.ids, values.hole_size or None, **_where(plan, context))
    elif values.morph == "smooth":
        found = smooth(plan, ground, context)
    else:
        found = morph(
            ground.labels,
            boxes,
            plan.ids,
            values.morph,
            values.radius,
            sampling=ground.sampling,
            **_where(plan, context),
        )
    chosen = np.array(sorted(boxes if plan.ids is None else plan.ids), np.int64)
    whole = chosen_boxes(boxes, plan.ids, plan.axis, plan.index).values() if found else ()
    shown = show(found, ground.labels, lambda _before, after: np.isin(after, chosen), whole)
    gained, lost = changes(found, ground.labels)
    return Outcome(plan, found, (), _change_words(gained, lost), shown)


def _change_words(gained: int, lost: int) -> str:
    words = [f"{gained} voxels more"] * bool(gained) + [f"{lost} voxels fewer"] * bool(lost)
    return ", ".join(words) or "nothing changes"


def smooth(plan: Plan, ground: Ground, context: JobContext) -> tuple[ArrayEdit, ...]:
    """Smooth objects one after the other, keeping their size; what is added comes from the background alone.

    SettingsError where the objects lie too far apart to be held in memory together.
    """
    boxes = chosen_boxes(ground.objects.boxes, plan.ids, plan.axis, plan.index)
    if not boxes:
        return ()
    spread = [2 * plan.values.radius] * 3
    if plan.axis is not None:
        spread[plan.axis.normal] = 0
    reach = (spread[0], spread[1], spread[2])
    wide = {each: widened(box, reach, ground.labels.shape)[0] for each, box in boxes.items()}
    whole = reduce(around, wide.values())
    if np.prod(whole.shape, dtype=np.int64) > SHOWN_VOXELS:
        raise SettingsError("These objects lie too far apart to be smoothed together.", "Smooth fewer at a time.")
    before = np.asarray(ground.labels[whole.slices])
    window = Window(whole, before.copy())
    for done, (label_id, box) in enumerate(wide.items(), 1):
        context.check_cancelled()
        part = window[box.slices]
        mask = smoothed(part == label_id, float(plan.values.radius), ground.sampling)
        kept = np.where(part == label_id, 0, part)
        window[box.slices] = np.where(mask & (kept == 0), label_id, kept)
        context.report(done, len(wide), "Smoothing")
    edit = RegionEdit.of_changes(whole, before, window.voxels)
    return () if edit is None else (edit,)


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
    shown = show(found, ground.labels, lambda before, after: (after == 0) & (before != 0))
    words = _filter_words(shown, ground.objects, values.works_in) if shown or not found else ""
    return Outcome(plan, found, (), words, shown)


def _filter_words(shown: Shown | None, objects: ObjectIndex, works_in: str) -> str:
    if shown is None:
        return "nothing goes"
    count = len(np.unique(shown.voxels[shown.voxels > 0]))
    if works_in == "3d":
        return f"{count} of {len(objects)} objects go"
    return f"parts of {count} object{'' if count == 1 else 's'} go"


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
