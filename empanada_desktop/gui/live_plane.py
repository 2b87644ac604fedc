"""The live plane: runs the network on the plane of the active view, and shows what the sliders make of it."""

import math
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from empanada_desktop.core.confine import PlaneMask, inside_of, window_of
from empanada_desktop.core.edits import RegionEdit
from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.core.plurals import counted
from empanada_desktop.core.preflight import pixels_to_show
from empanada_desktop.document import LabelsLayer, PlaneLabels
from empanada_desktop.document.at_hand import is_at_hand
from empanada_desktop.document.edits import Edit
from empanada_desktop.document.results import IN_MEMORY_BYTES, plane_edit, plane_layer
from empanada_desktop.document.sources import plane_box
from empanada_desktop.errors import AppError, SettingsError
from empanada_desktop.gui.finders import PlaneFinder, ScaleFinder
from empanada_desktop.gui.live_confidence import ConfidenceDesk
from empanada_desktop.gui.live_controller import LiveController
from empanada_desktop.gui.panels.plane_panel import NETWORK_FIELDS, outcome_of
from empanada_desktop.gui.timers import single_shot
from empanada_desktop.io.volumes import VolumeRef
from empanada_desktop.tasks.inference_params import PlaneParams
from empanada_desktop.tasks.live_plane import Grouping, LivePlane, Prediction

if TYPE_CHECKING:
    from empanada_desktop.gui.workspace import Workspace
    from empanada_desktop.jobs.live import Wish

FOLLOW_MS = 400
Found = TypeVar("Found")


class LivePlaneDesk(QObject):
    """Everything about one plane: wish, preview, keeping, finders, batch."""

    region_changed = Signal()
    """What it is confined to is another region, or none."""

    def __init__(self, workspace: "Workspace") -> None:
        super().__init__(workspace)
        self._workspace = workspace
        self.panel = workspace.form.plane
        self.controller = LiveController(self)
        self.preview: LabelsLayer | None = None
        self.confidence = ConfidenceDesk(workspace, self.panel)
        self._asked = 0
        self.region: tuple[Axis, Box] | None = None
        self._shape = (0, 0, 0)
        self.grouping: Grouping | None = None
        self._is_first = True
        self._said: tuple[str, Axis, int, Spacing] | None = None
        self._shown: LivePlane | None = None
        self._follow = single_shot(self, self._follow_view, FOLLOW_MS)
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
        panel.confine_changed.connect(lambda _how: self._confine_changed())
        self._workspace.document.selection_changed.connect(lambda _layer: self._selection_changed())
        controller.predicted.connect(self._predicted)
        controller.grouped.connect(self._grouped)
        controller.failed.connect(self._failed)

    # Which plane

    def place(self) -> tuple[Axis, int]:
        """Orientation and index of the plane that the active view shows."""
        axis = self._workspace.grid.active_axis
        return axis, self._workspace.document.view.crosshair[axis.normal]

    def with_plane(self, then: Callable[[LivePlane], object], failed: Callable[[AppError], object]) -> None:
        """Call `then` with the plane to segment, confined as the form says; `failed` when there is none.

        Which voxels a label has is read in a thread; of several questions only the last one is answered.
        """
        self._asked += 1
        asked = self._asked
        try:
            axis, index = self.place()
            plane = LivePlane(self.ref(), axis, index, self.region_of(axis))
            if self.panel.confine.value() != "label":
                then(plane)
                return
            layer, ids = self.chosen_labels()
        except AppError as problem:
            failed(problem)
            return

        def answer(confined: "LivePlane | AppError") -> None:
            if asked == self._asked:
                failed(confined) if isinstance(confined, AppError) else then(confined)

        self._workspace.window.background.run(lambda: confined_plane(plane, layer, ids), answer)

    def chosen_labels(self) -> tuple[LabelsLayer, frozenset[int]]:
        """The labels to confine to: those that are selected in a layer that is kept."""
        layers = [layer for layer in self._workspace.document.of_kind(LabelsLayer) if layer.selected]
        kept = [layer for layer in layers if not layer.is_preview and layer.shape == self._workspace.document.shape]
        if not kept:
            raise SettingsError("No label is selected.", "Click an object of a label layer in a view first.")
        active = self._workspace.document.active
        layer = active if isinstance(active, LabelsLayer) and active in kept else kept[-1]
        return layer, layer.selected

    def ref(self) -> VolumeRef:
        """The address of the image; SettingsError when it is in no file."""
        image = self._workspace.image()
        ref = image.ref if image is not None else None
        if ref is None:
            raise SettingsError("There is no image to segment.", "Open a volume first.")
        return ref

    def region_of(self, axis: Axis) -> tuple[int, int, int, int] | None:
        """The rectangle to confine to: first row, first column, last row, last column (not included)."""
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
        self._forget_region_elsewhere()
        axis, index = self.place()
        place = (image.title, axis, index, image.spacing)
        if place != self._said and self._workspace.form.mode.value() == "plane":
            self.panel.show_place(image.title, axis, index)
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
        self._confine_changed()

    def _forget_region_elsewhere(self) -> None:
        """A region that was drawn in a volume of another size means nothing here."""
        before, self._shape = self._shape, self._workspace.document.shape
        if self.region is not None and before != self._shape:
            self.region = None
            if self.panel.confine.value() == "region":
                self.panel.confine.set_value("whole")
            self._confine_changed()

    def _confine_changed(self) -> None:
        self.region_changed.emit()
        self.panel.say_confined(self._confine_words())
        self._rerun()

    def _selection_changed(self) -> None:
        """Another label is another region."""
        if self.panel.confine.value() == "label":
            words = self._confine_words()
            if words != self.panel.confine_words():
                self._confine_changed()

    def _confine_words(self) -> str:
        how = self.panel.confine.value()
        if how == "region":
            if self.region is None:
                return "Draw one with the box tool at the left."
            axis, box = self.region
            rows, columns = axis.in_plane
            return f"{box.shape[columns]} × {box.shape[rows]} pixels in {axis}."
        if how == "label":
            try:
                layer, ids = self.chosen_labels()
            except SettingsError as problem:
                return problem.hint
            some = ", ".join(map(str, sorted(ids)[:4])) + (" …" if len(ids) > 4 else "")
            return f"{some} of {layer.title}."
        return ""

    # Running

    def params(self) -> PlaneParams:
        """What the form says."""
        params = self.panel.form.params()
        if not isinstance(params, PlaneParams):
            raise TypeError("the plane's form holds other parameters")
        return params

    def run(self) -> None:
        """Run the network on the plane of the active view."""
        before = self.panel.state
        self.panel.bar.hide()
        self._is_first = True
        self.panel.set_state("busy")

        def failed(problem: AppError) -> None:
            self.panel.set_state("live" if before == "live" and self._shown is not None else "none")
            self.panel.bar.say(problem.message, "error", problem.hint)

        def wish(plane: LivePlane) -> None:
            try:
                self.controller.wish(plane, self.params())
            except AppError as problem:
                failed(problem)

        self.with_plane(wish, failed)

    def _rerun(self) -> None:
        if self.panel.state == "live":
            self.run()

    def _follow_view(self) -> None:
        if self.panel.state == "live" and self._workspace.form.mode.value() == "plane":
            self.run()

    def _form_changed(self, name: str) -> None:
        self.confidence.show_cut()
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
        if prediction.ran and plane.region is None:
            rows, columns = prediction.confidence.shape
            pixels = pixels_to_show((1, rows, columns), (0,), prediction.downsampling, wish.params.tile_size)
            self._workspace.form.volume.show_time(wish.params.model_dump(), prediction.seconds / pixels)
        if wish.name == "live" and self._is_awaited:
            self.confidence.show(prediction)
        self._for_finders(wish.name, prediction=prediction)

    def _grouped(self, wish: "Wish", grouping: Grouping) -> None:
        if wish.name == "timing":
            self._workspace.form.volume.bar.hide()
        if wish.name != "live":
            self._for_finders(wish.name, grouping=grouping)
            return
        if self._workspace.image() is None or not self._is_awaited:
            return
        self.grouping, self._shown = grouping, grouping.plane
        self._show_preview(grouping)
        self.panel.set_state("live")
        self.panel.show_outcome(
            outcome_of(grouping.labels, self._pixel_area(grouping.plane.axis), grouping.seconds * 1000), self._is_first
        )
        self._is_first = False

    @property
    def _is_awaited(self) -> bool:
        """Whether what comes back is still wanted: answers may be on their way when the preview is taken away."""
        return self.panel.state != "none"

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
        note = counted(count, "object")
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

    def stop(self) -> None:
        """Take the preview away."""
        self.controller.forget()
        document = self._workspace.document
        document.replace_layers(tuple(layer for layer in document.layers if layer is not self.preview))
        self.confidence.hide()
        self.preview = self.grouping = self._shown = None
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
        """What is written, and what stood there, is found in a thread where it lies in a file, or is large."""
        self.stop()
        if into is None:
            self._keep_new(grouping)
            return
        document, plane = self._workspace.document, grouping.plane
        document.check_unlocked(into)
        source = document.writable(into.id)

        def find() -> RegionEdit:
            return plane_edit(source, kept_outside(grouping, into), plane.axis, plane.index, grouping.origin)

        def put(part: RegionEdit) -> None:
            title = f"{plane.axis} plane {plane.index}"
            self._workspace.edits.edit_voxels(into, title, part, then=told)

        def told(edit: Edit | None) -> None:
            if edit is not None:
                self._say_kept(into)

        box = plane_box(plane.axis, plane.index, grouping.origin, grouping.labels.shape)
        self._soon(is_at_hand(source, box), find, put)

    def _keep_new(self, grouping: Grouping) -> None:
        document, plane = self._workspace.document, grouping.plane
        shape, spacing = document.shape, document.spacing

        def make() -> LabelsLayer:
            return plane_layer(shape, grouping.labels, plane.axis, plane.index, grouping.origin, spacing)

        def add(layer: LabelsLayer) -> None:
            layer.title = f"{next(iter(grouping.objects), 'objects')}, {plane.axis} {plane.index}"
            layer.label_divisor, layer.class_names = grouping.divisor, dict(enumerate(grouping.objects, 1))
            layer.note = counted(sum(grouping.objects.values()), "object")
            document.add_layer(layer, title=f"Keep {plane.axis} plane {plane.index}")
            self._say_kept(layer)

        self._soon(4 * math.prod(shape) <= IN_MEMORY_BYTES, make, add)

    def _soon(self, is_quick: bool, find: Callable[[], Found], then: Callable[[Found], object]) -> None:
        if is_quick:
            then(find())
        else:
            self._workspace.window.background.run(find, then)

    def _say_kept(self, layer: LabelsLayer) -> None:
        self._workspace.layers.list.refresh()
        self._workspace.window.toast.say(f"Kept in {layer.title}.", "Undo", self._workspace.edits.undo)

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
        self.confidence.close()
        self.controller.close()


def confined_plane(plane: LivePlane, layer: LabelsLayer, ids: Collection[int]) -> LivePlane | AppError:
    """The same plane with the labels' pixels and their surroundings only; reads files, so in a thread."""
    rows, columns = (layer.shape[axis] for axis in plane.axis.in_plane)
    try:
        labels = layer.source.read(0, plane.axis, plane.index, slice(0, rows), slice(0, columns))
    except AppError as problem:
        return problem
    inside = inside_of(labels, ids)
    window = window_of(inside)
    if window is None:
        which = f"Label {next(iter(ids))} is" if len(ids) == 1 else "The selected labels are"
        return SettingsError(f"{which} not on {plane.axis} {plane.index}.", "Go to a plane that shows it.")
    top, left, bottom, right = window
    return replace(plane, region=window, inside=PlaneMask.of(inside[top:bottom, left:right]))


def kept_outside(grouping: Grouping, into: LabelsLayer) -> NDArray[np.uint32]:
    """The labels of a confined plane with what `into` holds outside of what it was confined to."""
    plane = grouping.plane
    if plane.inside is None:
        return grouping.labels
    (top, left), (rows, columns) = grouping.origin, grouping.labels.shape
    there = into.source.read(0, plane.axis, plane.index, slice(top, top + rows), slice(left, left + columns))
    return np.where(plane.inside.inside, grouping.labels, there).astype(np.uint32)
