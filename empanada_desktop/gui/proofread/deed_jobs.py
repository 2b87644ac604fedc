"""Deeds that take long: as jobs on the labels as they are, with progress and cancel; their result is one deed."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from empanada_desktop.document import LabelsLayer
from empanada_desktop.errors import SettingsError
from empanada_desktop.gui.objects.desk import ObjectsDesk
from empanada_desktop.gui.objects.label_jobs import LabelJobs, known_size
from empanada_desktop.gui.proofread.deeds import Outcome
from empanada_desktop.gui.proofread.plans import Plan
from empanada_desktop.gui.proofread.values import Mode
from empanada_desktop.io.edit_files import read_edits
from empanada_desktop.jobs.spec import JobSpec
from empanada_desktop.tasks import delete_labels, filter_labels, merge_labels, morph_labels, split_labels
from empanada_desktop.tasks.label_edits import EditInputs
from empanada_desktop.tasks.params import TaskParams

if TYPE_CHECKING:
    from empanada_desktop.io.volumes import VolumeRef

LONG_VOXELS = 1 << 26
SCOPES = {"plane": "plane", "planes": "planes", "3d": "volume"}


def task_of(plan: Plan, divisor: int) -> tuple[str, TaskParams]:
    """Return the verb that carries a plan out, and its parameters."""
    common: dict[str, Any] = {"ids": plan.ids or (), "max_objects_per_class": divisor}
    where = {"works_in": "volume" if plan.axis is None else plan.axis.value, "index": plan.index}
    if plan.deletes:
        return "delete-labels", delete_labels.Params(**common, **where)
    makers = {Mode.MERGE: _merge, Mode.SPLIT: _split, Mode.MORPH: _morph, Mode.FILTER: _filter}
    return makers[plan.values.mode](plan, common, where)


Found = tuple[str, TaskParams]


def _merge(plan: Plan, common: dict[str, Any], where: dict[str, Any]) -> Found:
    bridge = plan.values.bridge if plan.axis is None else 0
    return "merge-labels", merge_labels.Params(**common, **where, into=plan.into, bridge=bridge)


def _split(plan: Plan, common: dict[str, Any], where: dict[str, Any]) -> Found:
    values, line = plan.values, plan.picked.line
    how: dict[str, Any] = {"by": values.split_by, "min_distance": values.min_distance}
    if values.split_by == "points":
        how["points"] = plan.picked.points
    elif values.split_by == "line" and line is not None:
        how |= {"line": line.vertices, "line_plane": line.axis.value}
        where = where | {"index": line.index}
    return "split-labels", split_labels.Params(**common, **where, **how, new_ids_from=values.new_ids_from)


def _morph(plan: Plan, common: dict[str, Any], where: dict[str, Any]) -> Found:
    values = plan.values
    how = {"operation": values.morph, "radius": values.radius, "hole_size": values.hole_size}
    return "morph-labels", morph_labels.Params(**common, **where, **how)


def _filter(plan: Plan, common: dict[str, Any], _where: dict[str, Any]) -> Found:
    values, (axis, index) = plan.values, plan.picked.place
    how = {"remove": values.filter_by, "min_size": values.min_size, "scope": SCOPES[values.works_in]}
    return "filter-labels", filter_labels.Params(**common, **how, plane=axis.value, index=index)


class DeedJobs(QObject):
    """Queues plans as jobs and makes what they find one deed each."""

    def __init__(self, objects: ObjectsDesk) -> None:
        super().__init__(objects)
        self._objects = objects
        self.jobs = LabelJobs(objects)

    def start(self, plan: Plan, layer: LabelsLayer, then: Callable[[Outcome], object]) -> bool:
        """Queue a plan; False where it can be carried out in the window only. `then` gets what was found."""
        if layer.id_range is not None and plan.values.mode is Mode.SPLIT:
            return False
        verb, params = task_of(plan, layer.label_divisor)
        folder = Path(tempfile.mkdtemp(prefix="empanada-"))
        out, before = folder / "deed.edits", (layer.source, layer.source.version)

        def spec(ref: "VolumeRef") -> JobSpec:
            inputs = EditInputs(
                labels=str(ref.path), dataset=ref.dataset, voxel_size=known_size(layer), out=str(out), overwrite=True
            )
            return JobSpec(verb, params, inputs)

        def read() -> Outcome:
            try:
                return Outcome(plan, read_edits(out))
            finally:
                shutil.rmtree(folder, ignore_errors=True)

        def take(_result: object) -> None:
            taken.append(out)
            self._objects.threads.run(read, lambda outcome: self._finish(layer, before, outcome, then))

        def tidy() -> None:
            if not taken:  # cancelled, or failed
                shutil.rmtree(folder, ignore_errors=True)

        taken: list[Path] = []
        self.jobs.start([layer], spec, plan.title, take, tidy)
        self._objects.workspace.window.toast.say(f"{plan.title}: under way. The list of jobs tells how far it is.")
        return True

    def _finish(
        self, layer: LabelsLayer, before: tuple[object, int], outcome: Outcome, then: Callable[[Outcome], object]
    ) -> None:
        if layer not in self._objects.document.layers:
            return
        if not _is_as_before(layer, before):
            problem = SettingsError(
                f"{layer.title} was changed while “{outcome.plan.title}” ran, so nothing was done.", "Do it again."
            )
            self._objects.workspace.window.tell(problem)
            return
        then(outcome)


def _is_as_before(layer: LabelsLayer, before: tuple[object, int]) -> bool:
    """Whether no voxel has changed; being made editable changes none."""
    source, version = before
    lies_over = getattr(layer.source, "base", None) is source and layer.source.version == 0
    return lies_over or (layer.source is source and layer.source.version == version)
