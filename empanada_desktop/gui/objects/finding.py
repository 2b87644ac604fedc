"""Finding suspicious objects for the review queue, as a job."""

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal

from empanada_desktop.document import LabelsLayer
from empanada_desktop.document.reviewing import queue_of
from empanada_desktop.gui.objects.facts import sizes_of
from empanada_desktop.gui.objects.label_jobs import LabelVerb, image_address, known_size
from empanada_desktop.jobs.spec import JobSpec

if TYPE_CHECKING:
    from empanada_desktop.io.volumes import VolumeRef

TITLE = "Find suspicious objects"
FINDING = "Looking for suspicious objects. The strip below says how far it is."


class Finder(LabelVerb):
    """Looks for what is suspicious about the objects of the desk's layer and puts it into the queue, as one deed."""

    found = Signal()

    @property
    def words(self) -> str:
        """What is to be said meanwhile."""
        return FINDING if self.is_running else ""

    def start(self) -> None:
        """Begin, unless it is looking already."""
        layer = self.desk.layer
        if layer is None or self.is_running:
            return
        image = self.desk.workspace.image()
        image = image if image is not None and image.shape == layer.shape else None
        path, dataset = image_address(image)

        def spec(ref: "VolumeRef") -> JobSpec:
            from empanada_desktop.tasks import review

            inputs = review.Inputs(
                labels=str(ref.path), dataset=ref.dataset, voxel_size=known_size(layer), image=path,
                image_dataset=dataset,
            )  # fmt: skip
            return JobSpec("review", review.Params(max_objects_per_class=layer.label_divisor), inputs)

        self.jobs.start([layer], spec, TITLE, lambda result: self._take(layer, result))

    def _take(self, layer: LabelsLayer, result: Any) -> None:  # noqa: ANN401 - a ReviewResult, loaded by its job
        if layer is self.desk.layer:
            self.desk.when_current(lambda: self._fill(layer, result))

    def _fill(self, layer: LabelsLayer, result: Any) -> None:  # noqa: ANN401
        index = self.desk.index
        if layer in self.desk.document.layers and index is not None:
            queue = queue_of(result.found, sizes_of(index))
            self.desk.document.edit_properties(layer, TITLE, queue=queue)
            self.found.emit()
        self.changed.emit()
