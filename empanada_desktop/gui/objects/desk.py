"""The objects of the label layer that is worked on: counted in a thread, kept up to date with every edit."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

from empanada_desktop.core import plurals
from empanada_desktop.core.geometry import Box
from empanada_desktop.core.objects import ObjectIndex
from empanada_desktop.document import LabelsLayer, Layer
from empanada_desktop.document.sources import PlaneSource
from empanada_desktop.errors import JobCancelled
from empanada_desktop.gui.jobs_strip import JobLine
from empanada_desktop.gui.objects.counting import Counted, Counting, lies_over
from empanada_desktop.gui.objects.facts import Measured, columns_for, object_columns
from empanada_desktop.gui.objects.table_model import ObjectsModel
from empanada_desktop.gui.objects.terms import UNITS, Terms, Unit
from empanada_desktop.gui.qt_runner import Background
from empanada_desktop.gui.timers import single_shot

if TYPE_CHECKING:
    from empanada_desktop.core.geometry import Spacing
    from empanada_desktop.core.measure import Measurements
    from empanada_desktop.gui.workspace import Workspace

UPDATE_MS, PROGRESS_MS = 60, 100
UNIT_KEY = "measure_unit"
MOST_GREY_VOXELS = 1 << 29
COUNTING_LINE, LONG_SECONDS = "counting objects", 1.0
LOOKS = frozenset(("review", "queue", "decisions", "hidden", "class_names", "spacing", "label_divisor", "title"))


class ObjectsDesk(QObject):
    """One for the workspace: the table, the queue and the forms look at the same objects.

    changed: other objects or other figures. building(done, total): how far counting is; (0, 0) when it has ended.
    """

    changed = Signal()
    building = Signal(int, int)

    def __init__(self, workspace: "Workspace") -> None:
        super().__init__(workspace)
        self.workspace = workspace
        self.document = workspace.document
        self.model = ObjectsModel()
        self.layer: LabelsLayer | None = None
        self.looked_at: frozenset[int] = frozenset()
        self.terms = Terms(_unit_of(workspace.window.settings.window.get(UNIT_KEY, "")))
        self._known: dict[str, Counted] = {}
        self._threads = Background(self, workspace.window.failed)
        self._counting: Counting | None = None
        self._began = 0.0
        self._waiting: list[Callable[[], object]] = []
        self._update_timer = single_shot(self, self._work, UPDATE_MS)
        self._progress_timer = QTimer(self, interval=PROGRESS_MS)
        self._progress_timer.timeout.connect(self._tell_progress)
        self._follow()
        self._choose()

    @classmethod
    def of(cls, workspace: "Workspace") -> "ObjectsDesk":
        """The desk of a workspace; made when it is first asked for."""
        found = workspace.findChild(cls)
        return found if found is not None else cls(workspace)

    def _follow(self) -> None:
        document = self.document
        for signal in (document.layer_added, document.layer_removed, document.active_changed):
            signal.connect(self._choose)
        document.layer_changed.connect(self._layer_changed)
        document.voxels_changed.connect(self._voxels_changed)
        document.selection_changed.connect(self._selection_changed)
        self.workspace.ending.connect(self.close)

    def close(self) -> None:
        """End the threads."""
        self._give_up()
        self._update_timer.stop()
        self._progress_timer.stop()
        self._threads.close()

    # What is known

    @property
    def counted(self) -> Counted | None:
        """What is known of the layer that is shown."""
        return None if self.layer is None else self._known.get(self.layer.id)

    @property
    def index(self) -> ObjectIndex | None:
        """The objects of the layer that is shown, as counted last."""
        counted = self.counted
        return None if counted is None else counted.index

    @property
    def measured(self) -> Measured | None:
        """What was measured of these objects, as far as the voxel size is still that of then."""
        counted, layer = self.counted, self.layer
        if counted is None or layer is None or counted.measured is None:
            return None
        return counted.measured.told_in(self.terms.unit) if counted.measured.sizes == layer.spacing.zyx else None

    @property
    def is_current(self) -> bool:
        """Whether everything in the table is of now: nothing is being counted or waits for it."""
        counted = self.counted
        at_work = self._counting is not None or self._update_timer.isActive()
        return self.layer is None or (counted is not None and counted.index is not None and not at_work)

    def when_current(self, deed: Callable[[], object]) -> None:
        """Do something when the objects are counted, at once if they are."""
        if self.is_current:
            deed()
        else:
            self._waiting.append(deed)

    def grey(self) -> PlaneSource | None:
        """The image that belongs to the labels, if it has their shape."""
        image, layer = self.workspace.image(), self.layer
        return image.source if image is not None and layer is not None and image.shape == layer.shape else None

    @property
    def threads(self) -> Background:
        """The threads that read for the table and the queue."""
        return self._threads

    def run(self, work: Callable[[], Any], then: Callable[[Any], object]) -> None:
        """Do something in a thread of the desk; what goes wrong is said in the window's bar."""
        self._threads.run(work, then, self._failed)

    def set_looked_at(self, ids: Iterable[int]) -> None:
        """Say which objects the review looks at."""
        looked_at = frozenset(ids)
        if looked_at != self.looked_at:
            self.looked_at = looked_at
            self.refresh()

    def set_terms(self, terms: Terms) -> None:
        """Show figures in other terms, and measure in them from now on; the unit is remembered."""
        if terms == self.terms:
            return
        self.terms, before = terms, self.terms
        if terms.unit != before.unit:
            window = self.workspace.window
            window.settings = replace(window.settings, window={**window.settings.window, UNIT_KEY: terms.unit})
        if terms.unit != before.unit or (terms.axis is None) != (before.axis is None):
            self.refresh()

    def take_measurements(
        self, measurements: "Measurements", then: ObjectIndex | None, spacing: "Spacing", where: str = ""
    ) -> None:
        """Put measured figures into the table, beside those of objects that were measured before.

        then, spacing: objects and voxels as they were when measuring began; what has changed since is marked.
        where: the plane.
        """
        counted = self.counted
        if counted is None or counted.index is None:
            return
        counted.measured = Measured.joined(counted.measured, measurements, then or counted.index, spacing, where)
        counted.measured.note_changes(counted.index)
        self.refresh()

    def edited_ids(self) -> NDArray[np.int64]:
        """Objects that edits which stand have changed, in this sitting or an earlier one."""
        return np.zeros(0, np.int64) if self.layer is None else self.document.edited_ids(self.layer)

    # What the document says

    def _choose(self, *_what: object) -> None:
        """Show the labels that deeds act on."""
        labels = self.workspace.labels()
        labels = None if labels is None or labels.is_preview else labels
        kept = {layer.id for layer in self.document.layers}
        self._known = {layer_id: known for layer_id, known in self._known.items() if layer_id in kept}
        if labels is not self.layer:
            self.layer = labels
            self.looked_at = frozenset()
            self._give_up()
            self._show()
            self._work()

    def _layer_changed(self, layer: Layer, names: frozenset[str]) -> None:
        if layer is not self.layer:
            return
        counted = self.counted
        if "source" in names and counted is not None and not lies_over(self.layer.source, counted.source):
            del self._known[layer.id]
            self._give_up()
            self._work()
        elif "source" in names and counted is not None:
            counted.source = self.layer.source
        if names & LOOKS:
            self.refresh()
        elif names & {"seed", "colour_table"}:
            self.changed.emit()

    def _voxels_changed(self, layer: Layer, box: Box) -> None:
        known = self._known.get(layer.id)
        if known is not None:
            known.pending.append(box)
            if layer is self.layer and not self._update_timer.isActive():
                self._update_timer.start()

    def _selection_changed(self, layer: Layer) -> None:
        if layer is self.layer and isinstance(layer, LabelsLayer):
            self.model.select_ids(np.fromiter(layer.selected, np.uint32, len(layer.selected)))

    # Counting

    def _work(self) -> None:
        """Count what is not counted yet; one at a time."""
        layer = self.layer
        if layer is None or self._counting is not None:
            return
        known = self._known.setdefault(layer.id, Counted(layer.source))
        if known.is_refused:
            return
        if known.index is not None and not known.pending:
            self._done_waiting()
            return
        is_changing = self.document.open_strokes or self.document.long_deed is not None
        if known.index is not None and is_changing:  # counted when the hand rests
            self._update_timer.start()
            return
        boxes, known.pending = known.pending, []
        context = self._counting = Counting()
        self._began = time.monotonic()
        source, index = layer.source, known.index
        grey = self.grey() if np.prod(layer.shape, dtype=float) <= MOST_GREY_VOXELS else None
        self._progress_timer.start()

        def count() -> ObjectIndex:
            if index is None:
                return ObjectIndex.of(source, context, grey)
            return index.updated(source, boxes, grey)

        self._threads.run(count, lambda found: self._take(layer, context, found), lambda p: self._stopped(context, p))

    def _take(self, layer: LabelsLayer, context: Counting, index: ObjectIndex) -> None:
        known = self._known.get(layer.id)
        if context is self._counting:
            self._rest()
        if known is not None and not context.is_given_up:
            known.index = index
            if known.measured is not None:
                known.measured.note_changes(index)
            self._tell_number(layer, len(index.ids))
        if layer is self.layer:
            self.refresh()
        self._work()

    def _tell_number(self, layer: LabelsLayer, number: int) -> None:
        """Let the list of layers say how many objects there are now; nothing of labels that never held any."""
        if number or layer.note:
            self.document.change_layer(layer, note=plurals.counted(number, "object"))

    def _stopped(self, context: Counting, problem: BaseException) -> None:
        if context is self._counting:
            self._rest()
        if isinstance(problem, JobCancelled):
            self._work()
        else:
            self._failed(problem)

    def _failed(self, problem: BaseException) -> None:
        if not isinstance(problem, JobCancelled):
            self.workspace.window.failed(problem)

    def count_again(self) -> None:
        """Count after all what the user has cancelled."""
        if self.counted is not None:
            self.counted.is_refused = False
            self._work()
            self.changed.emit()

    @property
    def is_refused(self) -> bool:
        """Whether the user has cancelled counting these objects."""
        return self.counted is not None and self.counted.is_refused

    def _refuse(self) -> None:
        if self.counted is not None:
            self.counted.is_refused = True
            self._give_up()
            self.changed.emit()

    def _rest(self) -> None:
        self._counting = None
        self._progress_timer.stop()
        self.workspace.jobs.drop_other(COUNTING_LINE)
        self.building.emit(0, 0)

    def _give_up(self) -> None:
        if self._counting is not None:
            self._counting.is_given_up = True

    def _tell_progress(self) -> None:
        if self._counting is None or not self._counting.progress[1]:
            return
        done, total = self._counting.progress
        self.building.emit(done, total)
        if time.monotonic() - self._began > LONG_SECONDS:
            words = f"counting, {done} of {total}"
            line = JobLine(COUNTING_LINE, "Count objects", "running", done, total, words)
            self.workspace.jobs.show_other(line, self._refuse)

    def _done_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for deed in waiting:
            deed()

    # Showing

    def refresh(self) -> None:
        """Show the objects with what is known of them now."""
        self._show()

    def _show(self) -> None:
        counted = self.counted
        if self.layer is None or counted is None or counted.index is None:
            self.model.show_objects(type(self.model.objects).none(), columns_for(self.layer, None, self.terms))
        else:
            measured = self.measured
            edited = self.edited_ids()
            objects = object_columns(self.layer, counted.index, measured, edited, self.looked_at, self.terms)
            self.model.show_objects(objects, columns_for(self.layer, measured, self.terms))
            self._selection_changed(self.layer)
        self.changed.emit()


def _unit_of(word: str) -> Unit:
    return next((unit for unit in UNITS if unit == word), "µm")
