"""The live plane: runs the network on the plane of the active view, and shows what the sliders make of it."""

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, QTimer

from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.document import ImageLayer, LabelsLayer, PlaneLabels
from empanada_desktop.document.results import keep_plane
from empanada_desktop.errors import AppError, SettingsError
from empanada_desktop.gui.finders import PlaneFinder, ScaleFinder
from empanada_desktop.gui.live_controller import LiveController
from empanada_desktop.gui.panels.plane_panel import NETWORK_FIELDS, outcome_of
from empanada_desktop.io.volumes import VolumeRef
from empanada_desktop.tasks.inference_params import PlaneParams
from empanada_desktop.tasks.live_plane import Grouping, LivePlane, Prediction

if TYPE_CHECKING:
    from empanada_desktop.gui.workspace import Workspace
    from empanada_desktop.jobs.live import Wish

FOLLOW_MS = 400


class LivePlaneDesk(QObject):
    """Everything about one plane: wish, preview, keeping, finders, batch."""

    def __init__(self, workspace: "Workspace") -> None:
        super().__init__(workspace)
        self._workspace = workspace
        self.panel = workspace.form.plane
        self.controller = LiveController(self)
        self.preview: LabelsLayer | None = None
        self.confidence: ImageLayer | None = None
        self.region: tuple[Axis, Box] | None = None
        self.grouping: Grouping | None = None
        self._is_first = True
        self._has_run = False
        self._said: tuple[str, Axis, int, Spacing] | None = None
        self._shown: LivePlane | None = None
        self._follow = QTimer(self)
        self._follow.setSingleShot(True)
        self._follow.setInterval(FOLLOW_MS)
        self._follow.timeout.connect(self._follow_view)
        self.scales: ScaleFinder | None = None
        self.planes: PlaneFinder | None = None
        self._connect()

    def _connect(self) -> None:
        panel, controller = self.panel, self.controller
        panel.run_asked.connect(self.run)
        panel.keep_asked.connect(self.keep)
        panel.batch_asked.connect(self.batch)
        panel.volume_asked.connect(self._workspace.form.take_over)
        panel.form.changed.connect(self._form_changed)
        panel.confine_changed.connect(lambda _how: self._rerun())
        controller.predicted.connect(self._predicted)
        controller.grouped.connect(self._grouped)
        controller.failed.connect(self._failed)

    # Which plane

    def place(self) -> tuple[Axis, int]:
        """Orientation and index of the plane that the active view shows."""
        axis = self._workspace.grid.active_axis
        return axis, self._workspace.document.view.crosshair[axis.normal]

    def plane(self) -> LivePlane:
        """The plane to segment, confined as the form says; SettingsError when there is none."""
        axis, index = self.place()
        return LivePlane(self.ref(), axis, index, self._region(axis))

    def ref(self) -> VolumeRef:
        """The address of the image; SettingsError when it is in no file."""
        image = self._workspace.image()
        ref = image.ref if image is not None else None
        if ref is None:
            raise SettingsError("There is no image to segment.", "Open a volume first.")
        return ref

    def _region(self, axis: Axis) -> tuple[int, int, int, int] | None:
        how = self.panel.confine.value()
        box: Box | None = None
        if how == "viewport":
            box = self._workspace.grid.visible_box(axis)
        elif how == "region":
            if self.region is None or self.region[0] != axis:
                raise SettingsError(
                    f"No region was drawn in the {axis} view.", "Choose the box tool at the left and draw one."
                )
            box = self.region[1]
        if box is None:
            return None
        rows, columns = axis.in_plane
        return box.start[rows], box.start[columns], box.stop[rows], box.stop[columns]

    def place_changed(self) -> None:
        """The view shows another plane: say so, and follow it while live."""
        image = self._workspace.image()
        if image is None:
            return
        axis, index = self.place()
        place = (image.title, axis, index, image.spacing)
        if place != self._said and self._workspace.form.mode.value() == "plane":
            self.panel.show_place(image.title, axis, index)
            if self._said is None or (self._said[1], self._said[3]) != (axis, image.spacing):
                self.panel.show_distance(image.spacing, axis)
            self._said = place
        if (
            self.panel.state == "live"
            and self._shown is not None
            and (axis, index) != (self._shown.axis, self._shown.index)
        ):
            self._follow.start()

    def take_region(self, axis: Axis, box: Box) -> None:
        """Confine to a box that was drawn."""
        self.region = (axis, box)
        self.panel.confine.set_value("region")
        rows, columns = axis.in_plane
        words = f"Region in {axis}: {box.shape[columns]} × {box.shape[rows]} pixels."
        self._workspace.window.toast.say(words)
        self._rerun()

    # Running

    def params(self) -> PlaneParams:
        """What the form says."""
        params = self.panel.form.params()
        if not isinstance(params, PlaneParams):
            raise TypeError("the plane's form holds other parameters")
        return params

    def run(self) -> None:
        """Run the network on the plane of the active view."""
        try:
            plane, params = self.plane(), self.params()
        except AppError as problem:
            self.panel.bar.say(problem.message, "error", problem.hint)
            return
        self.panel.bar.hide()
        self._is_first = True
        self.panel.set_state("busy")
        self.controller.wish(plane, params)

    def _rerun(self) -> None:
        if self.panel.state == "live":
            self.run()

    def _follow_view(self) -> None:
        if self.panel.state == "live" and self._workspace.form.mode.value() == "plane":
            self.run()

    def _form_changed(self, name: str) -> None:
        image = self._workspace.image()
        if image is not None:
            self.panel.show_distance(image.spacing, self.place()[0])
        if self.panel.state == "none" or self._shown is None:
            return
        if name in NETWORK_FIELDS or not name:
            self.panel.set_state("busy")
        try:
            self.controller.wish(self._shown, self.params())
        except AppError as problem:
            self.panel.bar.say(problem.message, "error", problem.hint)

    def _predicted(self, wish: "Wish", prediction: Prediction) -> None:
        plane = prediction.plane
        is_measure = prediction.ran and self._has_run and plane.region is None
        self._has_run = True
        if is_measure:
            self._workspace.form.volume.show_time(plane.axis, prediction.downsampling, prediction.seconds)
        if wish.name == "live":
            self._show_confidence(prediction)
        self._for_finders(wish.name, prediction=prediction)

    def _grouped(self, wish: "Wish", grouping: Grouping) -> None:
        if wish.name == "timing":
            self._workspace.form.volume.bar.hide()
        if wish.name != "live":
            self._for_finders(wish.name, grouping=grouping)
            return
        if self._workspace.image() is None:
            return
        self.grouping, self._shown = grouping, grouping.plane
        self._show_preview(grouping)
        self.panel.set_state("live")
        self.panel.show_outcome(
            outcome_of(grouping.labels, self._pixel_area(grouping.plane.axis), grouping.seconds * 1000), self._is_first
        )
        self._is_first = False

    def _failed(self, wish: "Wish", problem: BaseException) -> None:
        if wish.name == "live":
            self.panel.set_state("none")
        if isinstance(problem, AppError):
            self._workspace.form.current.bar.say(problem.message, "error", problem.hint)
        else:
            self._workspace.window.notifier.error(problem)
        self._for_finders(wish.name, problem=problem)

    def _pixel_area(self, axis: Axis) -> float | None:
        sizes = [self._workspace.document.spacing.zyx[place] for place in axis.in_plane]
        return None if None in sizes else float((sizes[0] or 0) * (sizes[1] or 0))

    # What is shown

    def _show_preview(self, grouping: Grouping) -> None:
        document, plane = self._workspace.document, grouping.plane
        title, count = f"preview, {plane.axis} {plane.index}", sum(grouping.objects.values())
        names = dict(enumerate(grouping.objects, 1))
        note = f"{count} objects"
        if self.preview is None or self.preview not in document.layers:
            image = self._workspace.image()
            if image is None:
                return
            source = PlaneLabels(image.shape, plane.axis, plane.index, grouping.labels, grouping.origin)
            self.preview = LabelsLayer(
                title=title,
                source=source,
                spacing=image.spacing,
                is_preview=True,
                class_names=names,
                label_divisor=grouping.divisor,
                note=note,
            )
            document.replace_layers((*document.layers, self.preview))
            document.active = self.preview
            return
        document.show_plane(self.preview, grouping.labels, plane.axis, plane.index, grouping.origin)
        document.change_layer(self.preview, title=title, note=note, label_divisor=grouping.divisor)

    def _show_confidence(self, prediction: Prediction) -> None:
        document, plane = self._workspace.document, prediction.plane
        image = self._workspace.image()
        if image is None:
            return
        origin = plane.region[:2] if plane.region else (0, 0)
        source = PlaneLabels(image.shape, plane.axis, plane.index, prediction.confidence.astype(np.uint32), origin)
        layer = ImageLayer(
            title=f"confidence, {plane.axis} {plane.index}",
            source=source,
            spacing=image.spacing,
            contrast=(0.0, 255.0),
            colormap="inferno",
            visible=False if self.confidence is None else self.confidence.visible,
            opacity=0.7,
            is_preview=True,
        )
        others = tuple(other for other in document.layers if other is not self.confidence)
        place = others.index(image) + 1
        self.confidence = layer
        active = document.active
        document.replace_layers((*others[:place], layer, *others[place:]))
        document.active = active if active in document.layers else image

    def stop(self) -> None:
        """Take the preview away."""
        self.controller.forget()
        document = self._workspace.document
        document.replace_layers(
            tuple(layer for layer in document.layers if layer not in (self.preview, self.confidence))
        )
        self.preview = self.confidence = self.grouping = self._shown = None
        self.panel.set_state("none")

    # Keeping

    def keep(self) -> None:
        """Make a layer of the preview, or write it into the active label layer."""
        grouping = self.grouping
        if grouping is None or self.preview is None:
            return
        target = self._target()
        if self.panel.target.value() == "active" and target is None:
            hint = "Click a label layer in the list that can be changed, or keep in a new layer."
            self.panel.bar.say("There is no label layer to write into.", "error", hint)
            return
        self._keep(grouping, target if self.panel.target.value() == "active" else None)

    def _target(self) -> LabelsLayer | None:
        layers = [self._workspace.document.active, *reversed(self._workspace.document.of_kind(LabelsLayer))]
        return next(
            (
                layer
                for layer in layers
                if isinstance(layer, LabelsLayer) and layer.is_editable and not layer.is_preview
            ),
            None,
        )

    def _keep(self, grouping: Grouping, into: LabelsLayer | None) -> None:
        document, plane = self._workspace.document, grouping.plane
        title = f"{next(iter(grouping.objects), 'objects')}, {plane.axis} {plane.index}"
        names = dict(enumerate(grouping.objects, 1))
        self.stop()
        kept = keep_plane(
            document, grouping.labels, plane.axis, plane.index, grouping.origin, into, title, grouping.divisor, names
        )
        kept.note = f"{sum(grouping.objects.values())} objects" if into is None else kept.note
        self._workspace.layers.list.refresh()
        self._workspace.window.toast.say(f"Kept in {kept.title}.", "Undo", document.undo)

    def batch(self) -> None:
        """Segment every plane of the orientation as a job."""
        self._workspace.volume.start_batch(self.place()[0])

    # Finders

    def find_scale(self) -> None:
        """Show the plane at four scales."""
        if self.scales is None:
            self.scales = ScaleFinder(self._workspace)
        self.scales.start()

    def find_plane(self) -> None:
        """Show xy, xz and yz through the crosshair."""
        if self.planes is None:
            self.planes = PlaneFinder(self._workspace)
        self.planes.start()

    def _for_finders(
        self,
        name: str,
        prediction: Prediction | None = None,
        grouping: Grouping | None = None,
        problem: BaseException | None = None,
    ) -> None:
        for finder in (self.scales, self.planes):
            if finder is not None:
                finder.take(name, prediction, grouping, problem)

    def close(self) -> None:
        """End the session's process."""
        self._follow.stop()
        self.controller.close()
