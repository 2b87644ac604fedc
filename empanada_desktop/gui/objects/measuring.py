"""Measuring objects for the table, as a job."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from empanada_desktop.document import ImageLayer, LabelsLayer
from empanada_desktop.errors import SettingsError
from empanada_desktop.gui.objects.label_jobs import LabelVerb, image_address, remove_table, table_path
from empanada_desktop.gui.objects.terms import Terms
from empanada_desktop.jobs.spec import JobSpec

if TYPE_CHECKING:
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
        terms, spacing = self.desk.terms.fitting(layer.spacing), layer.spacing

        def take(result: Any) -> None:  # noqa: ANN401 - a MeasureResult, loaded by its job
            if not len(result.table):
                self.desk.workspace.window.toast.say(f"There is no object in {terms.where}.")
            elif layer is self.desk.layer:
                table = result.table
                self.desk.when_current(lambda: self.desk.take_measurements(table, index, spacing, terms.where))

        self.jobs.start(
            [layer], lambda ref: _spec(layer, ref, ids, image, out, terms), "Measure objects", take,
            lambda: remove_table(out),
        )  # fmt: skip


def _spec(
    layer: LabelsLayer, ref: "VolumeRef", ids: Sequence[int] | None, image: ImageLayer | None, out: str, terms: Terms
) -> JobSpec:
    from empanada_desktop.tasks import measure

    path, dataset = image_address(image)
    inputs = measure.Inputs(
        labels=str(ref.path), dataset=ref.dataset, voxel_size=terms.voxel_size(layer.spacing), image=path,
        image_dataset=dataset, out=out,
    )  # fmt: skip
    params = measure.Params(
        ids=tuple(ids or ()), unit=terms.unit, works_in="volume" if terms.axis is None else terms.axis.value,
        index=terms.index, max_objects_per_class=layer.label_divisor,
    )  # fmt: skip
    return JobSpec("measure", params, inputs)
