"""Jobs on the labels that are open: their address as they are now, the job, and what comes of it."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from empanada_desktop.core.blocks import blocks
from empanada_desktop.document import ArraySource, EditableSource, ImageLayer, LabelsLayer
from empanada_desktop.document.frozen import FrozenArray
from empanada_desktop.document.frozen_labels import FrozenLabels
from empanada_desktop.document.placed import PlacedSource
from empanada_desktop.document.sources import PlaneSource, VolumeSource
from empanada_desktop.gui.objects.desk import ObjectsDesk
from empanada_desktop.io.volumes import VolumeRef
from empanada_desktop.jobs.job import Job, JobState
from empanada_desktop.jobs.spec import JobSpec

COPIED = (64, 512, 512)
FREEZES = ArraySource | EditableSource
Moment = FrozenArray | FrozenLabels


@dataclass
class Running:
    """A job that is waited for. after: done however it ends. kept: what its files belong to."""

    then: Callable[[Any], object]
    after: Callable[[], object]
    kept: tuple[PlaneSource, ...] = ()


class LabelJobs(QObject):
    """Runs tasks on labels one at a time; `changed` tells when one begins or has ended."""

    changed = Signal()

    def __init__(self, desk: ObjectsDesk) -> None:
        super().__init__(desk)
        self.desk = desk
        self._running: dict[str, Running] = {}
        self._is_preparing = False
        desk.workspace.jobs.ended.connect(self._ended)

    @property
    def is_running(self) -> bool:
        """Whether one is under way."""
        return self._is_preparing or bool(self._running)

    def start(
        self,
        layers: Sequence[LabelsLayer],
        make: Callable[..., JobSpec],
        title: str,
        then: Callable[[Any], object],
        after: Callable[[], object] = bool,
    ) -> None:
        """Find the addresses of labels in a thread, queue the job that `make` makes of them.

        The labels are those of now, or of the moment when a large edit that is being made has ended. `then` gets the
        job's result, `after` is called however it ends.
        """
        self._is_preparing = True
        self.changed.emit()
        edits = self.desk.workspace.edits
        edits.when_free(lambda: self._begin([layer.source for layer in layers], make, title, Running(then, after)))

    def _begin(self, sources: list[PlaneSource], make: Callable[..., JobSpec], title: str, running: Running) -> None:
        moments = [source.freeze() if isinstance(source, FREEZES) else None for source in sources]

        def submit(found: list[tuple[VolumeRef, PlaneSource]]) -> None:
            self._is_preparing = False
            job = self.desk.workspace.jobs.submit(make(*(ref for ref, _ in found)), title)
            self._running[job.id] = replace(running, kept=tuple(kept for _, kept in found))

        def failed(problem: BaseException) -> None:
            self._is_preparing = False
            self.desk.workspace.window.failed(problem)
            self.changed.emit()

        self.desk.threads.run(
            lambda: [labels_address(*pair) for pair in zip(sources, moments, strict=True)], submit, failed
        )

    def _ended(self, job: Job) -> None:
        running = self._running.pop(job.id, None)
        if running is None:
            return
        if job.state is JobState.DONE:
            running.then(job.result)
        running.after()
        self.changed.emit()


class LabelVerb(QObject):
    """What is done with the objects of a desk's layer as a job, one at a time."""

    changed = Signal()

    def __init__(self, desk: ObjectsDesk) -> None:
        super().__init__(desk)
        self.desk = desk
        self.jobs = LabelJobs(desk)
        self.jobs.changed.connect(self.changed)

    @property
    def is_running(self) -> bool:
        """Whether it is under way."""
        return self.jobs.is_running


def labels_address(source: PlaneSource, moment: Moment | None = None) -> tuple[VolumeRef, PlaneSource]:
    """Return where other processes read the labels as they were at a moment, and what to keep until they have.

    moment: None for now. Labels that are in no file are written to one. VolumeError on a full disk.
    """
    if isinstance(source, VolumeSource):
        return source.ref, source
    if isinstance(source, EditableSource):
        state = moment if isinstance(moment, FrozenLabels) else source.freeze()
        if state.is_as_in_file and isinstance(state.base, VolumeSource):
            return state.base.ref, source
        return source.ref(state), source
    if isinstance(source, PlacedSource):
        placed = EditableSource(source)
        return placed.ref(), placed
    copy = EditableSource(shape=source.shape, dtype=source.dtype)
    held = source if moment is None else moment
    for box in blocks(source.shape, COPIED):
        voxels = held[box.slices]
        if voxels.any():
            copy[box.slices] = voxels
    return copy.ref(), copy


def image_address(image: ImageLayer | None) -> tuple[str | None, str | None]:
    """Return path and dataset of an image; None where it is in no file, or there is none."""
    ref = None if image is None else image.ref
    return (None, None) if ref is None else (str(ref.path), ref.dataset)


def known_size(layer: LabelsLayer) -> tuple[float, float, float] | None:
    """Return the voxel size that a layer says, for a task; None where it is not known."""
    z, y, x = layer.spacing.zyx
    return None if z is None or y is None or x is None else (z, y, x)


def table_path() -> Path:
    """Return a new place for a table that a task has to write though nobody asked for it."""
    folder = Path(tempfile.mkdtemp(prefix="empanada-"))
    return folder / "objects.csv"


def remove_table(path: str) -> None:
    """Do away with such a table."""
    shutil.rmtree(Path(path).parent, ignore_errors=True)
