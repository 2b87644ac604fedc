"""What a plan would come to, as far as that can be told soon: all of it, or of what is in sight where it is large."""

from dataclasses import replace

import numpy as np

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.geometry import Box
from empanada_desktop.errors import SettingsError
from empanada_desktop.gui.proofread.deeds import Ground, Outcome, carry_out, filter_words, going_of, work_voxels
from empanada_desktop.gui.proofread.plans import Plan
from empanada_desktop.gui.proofread.values import Mode

SOON_VOXELS = 1 << 25
IN_SIGHT, TOO_LARGE, NONE_IN_SIGHT = "in sight", "too large to be shown beforehand", "nothing in sight changes"


def foresee(plan: Plan, ground: Ground, context: JobContext, view: Box | None) -> Outcome:
    """Return what there is to show of a plan before it is carried out; view: the voxels of a plane that are seen.

    An outcome that is not whole tells of what is in sight only, or has no edits. AppError where it cannot be done.
    """
    if plan.values.mode is Mode.FILTER and plan.values.works_in == "3d":
        return _filtered(plan, ground)
    if work_voxels(plan, ground) <= SOON_VOXELS:
        return carry_out(plan, ground, context)
    if view is None:
        return Outcome(plan, (), words=NONE_IN_SIGHT, is_whole=False)
    if plan.values.mode is Mode.FILTER:
        part = replace(plan, values=replace(plan.values, works_in="plane"))
    else:
        chosen, left_out = _in_sight(plan, ground, view)
        if not chosen:
            return Outcome(plan, (), words=TOO_LARGE if left_out else NONE_IN_SIGHT, is_whole=False)
        values = replace(plan.values, on_all=False, splits_all=False)
        part = replace(plan, values=values, picked=replace(plan.picked, ids=chosen))
    return _of_part(plan, part, ground, context)


def _filtered(plan: Plan, ground: Ground) -> Outcome:
    """Whole objects go: which ones is known from the counts alone, whatever the size of the volume."""
    going = going_of(plan, ground.objects)
    return Outcome(plan, (), words=filter_words(len(going), ground.objects, "3d"), going=going, is_whole=False)


def _in_sight(plan: Plan, ground: Ground, view: Box) -> tuple[tuple[int, ...], bool]:
    """The objects of a plan that can be seen, as many as can be worked out soon; and whether others were left out."""
    seen = np.unique(np.asarray(ground.labels[view.slices]))
    found = seen[seen > 0].astype(np.int64)
    if plan.ids is not None:
        found = found[np.isin(found, np.array(plan.ids, np.int64))]
    known = [label_id for label_id in found.tolist() if label_id in ground.objects]
    sizes = {label_id: int(np.prod(ground.objects.box(label_id).shape, dtype=np.int64)) for label_id in known}
    chosen: list[int] = []
    room = SOON_VOXELS
    for label_id in sorted(known, key=lambda each: sizes[each]):
        room -= sizes[label_id]
        chosen += [label_id] if room >= 0 else []
    return tuple(chosen), len(chosen) < len(known)


def _of_part(plan: Plan, part: Plan, ground: Ground, context: JobContext) -> Outcome:
    try:
        found = carry_out(part, ground, context)
    except SettingsError:  # nothing of it can be done; elsewhere perhaps
        return Outcome(plan, (), words=NONE_IN_SIGHT, is_whole=False)
    return replace(found, plan=plan, parts=(), words=f"{IN_SIGHT}: {found.words}", is_whole=False)
