"""Measuring objects for the table, as a job."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from empanada_desktop.document import ImageLayer, LabelsLayer
from empanada_desktop.errors import SettingsError
from empanada_desktop.gui.objects.label_jobs import LabelVerb, image_address, known_size, remove_table, table_path
from empanada_desktop.jobs.spec import JobSpec

if TYPE_CHECKING:
    from empanada_desktop.core.objects import ObjectIndex
    from empanada_desktop.io.volumes import VolumeRef


class Measurer(LabelVerb):
    """Measures objects of the desk's layer; what comes of it goes into the table."""

    def start(self, ids: Sequence[int] | None, image: ImageLayer | None) -> None:
        """Measure objects (None: all); grey values are those of `image`."""
        layer = self.desk.layer
        if layer is None or (ids is not None and not ids):
            raise SettingsError("There is nothing to measure.", "Select objects, or choose All.")
        if self.is_running:
            return
        out, index = str(table_path()), self.desk.index
        self.jobs.start(
            [layer],
            lambda ref: _spec(layer, ref, ids, image, out),
            "Measure objects",
            lambda result: self._take(layer, result, index),
            lambda: remove_table(out),
        )

    def _take(
        self,
        layer: LabelsLayer,
        result: Any,  # noqa: ANN401 - a MeasureResult, loaded by its job
        index: "ObjectIndex | None",
    ) -> None:
        if layer is self.desk.layer:
            self.desk.when_current(lambda: self.desk.take_measurements(result.table, index))


def _spec(
    layer: LabelsLayer, ref: "VolumeRef", ids: Sequence[int] | None, image: ImageLayer | None, out: str
) -> JobSpec:
    from empanada_desktop.tasks import measure

    size = known_size(layer)
    path, dataset = image_address(image)
    inputs = measure.Inputs(
        labels=str(ref.path), dataset=ref.dataset, voxel_size=size, image=path, image_dataset=dataset, out=out,
    )  # fmt: skip
    unit = "px" if size is None else "µm"
    params = measure.Params(ids=tuple(ids or ()), unit=unit, max_objects_per_class=layer.label_divisor)
    return JobSpec("measure", params, inputs)
