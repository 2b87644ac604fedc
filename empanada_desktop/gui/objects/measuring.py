"""Measuring objects for the table."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from empanada_desktop.errors import SettingsError
from empanada_desktop.gui.objects.desk import Counting, ObjectsDesk

if TYPE_CHECKING:
    from empanada_desktop.core.measure import Measurements
    from empanada_desktop.document import ImageLayer, LabelsLayer


class Measurer(QObject):
    """Measures objects of the desk's layer; what comes of it goes into the table."""

    changed = Signal()

    def __init__(self, desk: ObjectsDesk) -> None:
        super().__init__(desk)
        self.desk = desk
        self._context: Counting | None = None

    @property
    def is_running(self) -> bool:
        """Whether it measures now."""
        return self._context is not None

    def start(self, ids: Sequence[int] | None, image: "ImageLayer | None") -> None:
        """Measure objects (None: all) when they are counted; grey values are those of `image`."""
        if self.is_running:
            return
        if self.desk.layer is None or (ids is not None and not ids):
            raise SettingsError("There is nothing to measure.", "Select objects, or choose All.")
        self.desk.when_current(lambda: self._start(ids, image))

    def _start(self, ids: Sequence[int] | None, image: "ImageLayer | None") -> None:
        layer, index = self.desk.layer, self.desk.index
        if layer is None or index is None:
            return
        context = self._context = Counting()
        source, grey, spacing = layer.source, None if image is None else image.source, layer.spacing
        divisor, names = layer.label_divisor, layer.class_names

        def work() -> "Measurements":
            from empanada_desktop.core.measure import measure

            return measure(
                source, grey, spacing, ids, objects=index, label_divisor=divisor, class_names=names, context=context
            )

        self.changed.emit()
        self.desk.run(work, lambda found: self._take(layer, found))

    def _take(self, layer: "LabelsLayer", found: "Measurements") -> None:
        self._context = None
        if layer is self.desk.layer:
            self.desk.take_measurements(found)
        self.changed.emit()
