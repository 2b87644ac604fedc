"""Fusing a finished volume anew: which result the active labels are of, and the job."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from empanada_desktop.document import LabelsLayer
from empanada_desktop.errors import AppError
from empanada_desktop.gui.volume_desk import path_of
from empanada_desktop.jobs.spec import JobSpec
from empanada_desktop.tasks import fuse

if TYPE_CHECKING:
    from empanada_desktop.gui.workspace import Workspace

NOTHING = "These labels are no result of segmenting a volume."
CHOOSE = "Make the layer of such a result active: it can be fused again with other votes and sizes."


class FuseDesk(QObject):
    """Everything about fusing anew."""

    def __init__(self, workspace: "Workspace") -> None:
        super().__init__(workspace)
        self._workspace = workspace
        self.panel = workspace.form.fuse
        self._layer_id = ""
        self._kept: Path | None = None
        self._under: dict[str, list[LabelsLayer]] = {}  # what a fused layer, by its id, was made from
        self.panel.start_asked.connect(self.start)
        workspace.form.mode_changed.connect(lambda _mode: self.look())
        workspace.document.active_changed.connect(lambda _layer: self.look())
        workspace.document.layer_added.connect(lambda layer, _place: self._show_under(layer, False))
        workspace.document.layer_removed.connect(lambda layer: self._show_under(layer, True))

    def will_cover(self, fused: LabelsLayer, result: str) -> None:
        """While a fused layer is there, hide what was seen of the result it comes from: both at once are a blur."""
        hidden = {layer.id for layers in self._under.values() for layer in layers}
        labels = self._workspace.document.of_kind(LabelsLayer)
        same = [layer for layer in labels if path_of(layer.source) == result]
        self._under[fused.id] = [layer for layer in same if layer.visible or layer.id in hidden]

    def _show_under(self, fused: object, visible: bool) -> None:
        for layer in self._under.get(getattr(fused, "id", ""), ()):
            if layer in self._workspace.document.layers:
                self._workspace.document.change_layer(layer, visible=visible)

    def look(self) -> None:
        """Show the result that the labels are of, if the form can be seen."""
        if self._workspace.form.mode.value() != "fuse":
            return
        layer = self._workspace.labels()
        if layer is not None and layer.id == self._layer_id:
            return
        self._layer_id, self._kept = "" if layer is None else layer.id, None
        path = "" if layer is None else _result_of(layer)
        if not path:
            self.panel.show_nothing(NOTHING, CHOOSE)
            return
        self._workspace.window.background.run(
            lambda: fuse.kept_result(path),
            lambda found: self._show(layer, found),
            lambda problem: self._fail(layer, problem),
        )

    def _show(self, layer: LabelsLayer | None, found: tuple[Path, dict[str, Any]]) -> None:
        if layer is not None and layer.id == self._layer_id:
            self._kept, values = found
            self.panel.show_result(self._kept.name, values)

    def _fail(self, layer: LabelsLayer | None, problem: BaseException) -> None:
        if not isinstance(problem, AppError):
            raise problem
        if layer is not None and layer.id == self._layer_id:
            self.panel.show_nothing(problem.message, problem.hint)

    def start(self) -> None:
        """Queue the job."""
        if self._kept is None:
            return
        out = self._workspace.volume.free_out(f"{self._kept.stem.removesuffix('_labels')}_fused", ".zarr")
        inputs = fuse.Inputs(result=str(self._kept), out=str(out))
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            spec = JobSpec("fuse", fuse.Params.checked(self.panel.form.values()), inputs)
        except (AppError, OSError) as problem:
            self.panel.bar.say(str(problem), "error")
            return
        job = self._workspace.jobs.submit(spec, "Fuse anew")
        self._workspace.window.toast.say(f"{job.title} is under way. The list of jobs tells how far it is.")


def _result_of(layer: LabelsLayer) -> str:
    """The folder of the result that a layer lies in."""
    path = path_of(layer.source)
    return path if path.endswith(".zarr") else ""
