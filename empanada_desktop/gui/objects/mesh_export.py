"""Saving the surfaces of objects as a mesh, as a job."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from PySide6.QtWidgets import QFileDialog

from empanada_desktop.core.plurals import counted
from empanada_desktop.gui.objects.desk import ObjectsDesk
from empanada_desktop.gui.objects.label_jobs import LabelVerb, known_size
from empanada_desktop.jobs.spec import JobSpec

if TYPE_CHECKING:
    from empanada_desktop.io.volumes import VolumeRef

FILTER = "STL (*.stl);;OBJ, objects apart (*.obj)"


class MeshExport(LabelVerb):
    """Writes the surfaces of objects of the desk's layer."""

    @classmethod
    def of(cls, desk: ObjectsDesk) -> Self:
        """The one of a desk; made when first asked for."""
        found = desk.findChild(cls)
        return found if found is not None else cls(desk)

    def ask(self, ids: Sequence[int]) -> None:
        """Ask for a file, and write these objects to it."""
        window, layer = self.desk.workspace.window, self.desk.layer
        if layer is None or not ids:
            return
        proposed = f"{ids[0]}.stl" if len(ids) == 1 else f"{layer.title}.stl"
        name, chosen = QFileDialog.getSaveFileName(window, "Save surfaces", proposed, FILTER)
        if not name:
            return
        path = Path(name) if Path(name).suffix else Path(name).with_suffix(".obj" if "OBJ" in chosen else ".stl")

        def spec(ref: "VolumeRef") -> JobSpec:
            from empanada_desktop.tasks import export_meshes

            inputs = export_meshes.Inputs(
                labels=str(ref.path), dataset=ref.dataset, voxel_size=known_size(layer), out=str(path), overwrite=True
            )  # the dialog has asked
            return JobSpec("export-meshes", export_meshes.Params(ids=tuple(ids)), inputs)

        def done(result: Any) -> None:  # noqa: ANN401 - a MeshResult, loaded by its job
            window.toast.say(f"Wrote {counted(result.objects, 'surface')} in {result.unit} to {path.name}.")

        self.jobs.start([layer], spec, f"Save {counted(len(ids), 'surface')}", done)
