"""Finding suspicious objects for the review queue."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from empanada_desktop.document.reviewing import QueueItem, queue_of
from empanada_desktop.gui.objects.desk import Counting, ObjectsDesk
from empanada_desktop.gui.objects.facts import sizes_of

if TYPE_CHECKING:
    from empanada_desktop.document import LabelsLayer

FINDING = "Looking for suspicious objects."


class Finder(QObject):
    """Looks for what is suspicious about the objects of the desk's layer and puts it into the queue, as one deed."""

    changed = Signal()
    found = Signal()

    def __init__(self, desk: ObjectsDesk) -> None:
        super().__init__(desk)
        self.desk = desk
        self._context: Counting | None = None

    @property
    def is_running(self) -> bool:
        """Whether it is looking now."""
        return self._context is not None

    @property
    def words(self) -> str:
        """What is to be said meanwhile."""
        return FINDING if self.is_running else ""

    def start(self) -> None:
        """Begin, when the objects are counted."""
        if not self.is_running and self.desk.layer is not None:
            self.desk.when_current(self._start)

    def _start(self) -> None:
        layer, index = self.desk.layer, self.desk.index
        if layer is None or index is None:
            return
        context = self._context = Counting()
        source, grey, spacing = layer.source, self.desk.grey(), layer.spacing

        def find() -> tuple[QueueItem, ...]:
            from empanada_desktop.core.review import suspicions

            found = suspicions(source, grey, spacing, objects=index, context=context)
            return queue_of(found, sizes_of(index))

        self.changed.emit()
        self.desk.run(find, lambda items: self._take(layer, items))

    def _take(self, layer: "LabelsLayer", items: tuple[QueueItem, ...]) -> None:
        self._context = None
        if layer in self.desk.document.layers:
            self.desk.document.edit_properties(layer, "Find suspicious objects", queue=items)
        self.changed.emit()
        self.found.emit()
