"""Runs deeds on regions of labels one at a time in a thread: how far one is, giving it up, making it one edit."""

import threading
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from empanada_desktop.core.context import QuietContext
from empanada_desktop.core.edits import ArrayEdit
from empanada_desktop.document import LabelsLayer
from empanada_desktop.document.at_hand import read_ahead
from empanada_desktop.document.paint_deeds import Change
from empanada_desktop.document.painting import Painter
from empanada_desktop.errors import AppError, JobCancelled, SettingsError
from empanada_desktop.gui.qt_runner import Background

# How often a deed is worked out anew when the labels have changed meanwhile.
TRIES = 3


class Stoppable(QuietContext):
    """A context that keeps how far its work is, and ends it when `stop` is called."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self.done, self.total, self.message = 0, 0, ""

    def stop(self) -> None:
        """End the work soon."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        """Whether the work is to end."""
        return self._stopped.is_set()

    def report(self, done: int, total: int, message: str = "") -> None:
        """Keep it for whoever looks."""
        self.done, self.total, self.message = done, total, message

    def check_cancelled(self) -> None:
        """Raise JobCancelled when the work is to end."""
        if self._stopped.is_set():
            raise JobCancelled


Work = Callable[[LabelsLayer, Stoppable], Change]
Then = Callable[[], object]


class RegionDeeds(QObject):
    """One deed at a time. `edit(layer, title, *parts, then=...)` makes its edits: by itself all at once."""

    refused = Signal(object)
    """An AppError: why something was not done."""
    said = Signal(str)
    """That nothing was to be done."""
    busy_changed = Signal(bool)
    """Whether a deed runs."""

    def __init__(self, painter: Painter, background: Background, parent: QObject) -> None:
        super().__init__(parent)
        self._painter, self._document, self._background = painter, painter.document, background
        self.edit: Callable[..., object] = self._edit
        self.running: Stoppable | None = None
        """How far the deed is that runs."""

    def run(self, work: Work, needs_label: bool = False, then: Then = bool) -> None:
        """Begin a deed on the layer that is painted on; SettingsError where it cannot be. `then` is called after it."""
        if self.running is not None:
            raise SettingsError("Another deed is running.", "Wait for it, or stop it with Escape.")
        layer = self._painter.target()
        if needs_label and not layer.active_id:
            raise SettingsError("Background is painted with.", "Choose a label first.")
        self._document.make_editable(layer)
        self.running = Stoppable()
        self.busy_changed.emit(True)
        self._try(layer, work, then, TRIES)

    def stop(self) -> bool:
        """Stop the deed that runs; True when there was one."""
        if self.running is not None:
            self.running.stop()
        return self.running is not None

    def _try(self, layer: LabelsLayer, work: Work, then: Then, tries: int) -> None:
        """Work the deed out in a thread; anew where the labels have changed meanwhile."""
        context, version = self.running or Stoppable(), layer.source.version

        def take(change: Change) -> None:
            if layer not in self._document.layers or context.is_stopped:
                self._ended()
            elif layer.source.version != version and tries > 1:
                self._try(layer, work, then, tries - 1)
            else:
                self._ended()
                self._apply(layer, change, then)

        def compute() -> Change:
            change = work(layer, context)
            for part in change.parts:
                context.check_cancelled()
                read_ahead(layer.source, part.box)
            return change

        self._background.run(compute, take, self._failed)

    def _apply(self, layer: LabelsLayer, change: Change, then: Then) -> None:
        if not change.parts:
            self.said.emit("Nothing to change here.")
            then()
            return
        self._document.change_layer(layer, painted_id=layer.active_id)
        try:
            self.edit(layer, change.title, *change.parts, then=lambda edit: then() if edit is not None else None)
        except AppError as problem:
            self.refused.emit(problem)

    def _edit(self, layer: LabelsLayer, title: str, *parts: ArrayEdit, then: Callable[[object], object]) -> None:
        self._document.edit_voxels(layer, title, *parts)
        then(self._document.history.next_undo)

    def _ended(self) -> None:
        self.running = None
        self.busy_changed.emit(False)

    def _failed(self, problem: BaseException) -> None:
        self._ended()
        if isinstance(problem, AppError):
            self.refused.emit(problem)
        elif not isinstance(problem, JobCancelled):
            raise problem
