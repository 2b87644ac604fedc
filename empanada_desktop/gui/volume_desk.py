"""Segmenting in 3D from the window: the box for the smallest object, the start, batches, and results as layers."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QInputDialog

from empanada_desktop.core.advice import region_of_boxes, sides_of_boxes, smallest_object
from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.core.plurals import counted
from empanada_desktop.core.preflight import BEYOND_NETWORK, START_SECONDS, pixels_to_show
from empanada_desktop.document import EditableSource, LabelsLayer, Layer
from empanada_desktop.document.results import add_layers, advance_partial, partial_layer, result_layers
from empanada_desktop.document.sources import VolumeSource
from empanada_desktop.document.titles import told_apart
from empanada_desktop.errors import AppError, SettingsError
from empanada_desktop.gui.jobs_controller import place_of
from empanada_desktop.gui.panels.volume_panel import TIMED_FIELDS, is_unfinished, unfinished_volume
from empanada_desktop.gui.saving import save_labels
from empanada_desktop.gui.voxel_size import set_voxel_size
from empanada_desktop.jobs.job import Job
from empanada_desktop.jobs.spec import JobSpec
from empanada_desktop.settings import user_folder
from empanada_desktop.tasks.label_edits import EDIT_SUFFIX
from empanada_desktop.tasks.registry import load_task

if TYPE_CHECKING:
    from empanada_desktop.core.context import Partial
    from empanada_desktop.gui.workspace import Workspace

TIMINGS = ("timing 0", "timing 1", "timing")
REGION_WORDS = "Draw a box round what to segment, in one view; a box in another view gives the third side."
BOX_WORDS = "Draw a box round the smallest object to keep, in one view or in two."


class VolumeDesk(QObject):
    """Everything about segmenting the volume."""

    def __init__(self, workspace: "Workspace") -> None:
        super().__init__(workspace)
        self._workspace = workspace
        self.panel = workspace.form.volume
        self.wants_box = False
        self._boxes: dict[str, tuple[int, int, int]] = {}
        self.wants_region = False
        self._region_boxes: dict[Axis, Box] = {}
        self._gone_on_with: set[str] = set()
        self._image_id = ""
        self._partial: LabelsLayer | None = None
        self._partial_job, self._partial_axis = "", Axis.XY
        self.panel.start_asked.connect(self.start)
        self.panel.time_asked.connect(self.time_one_plane)
        self.panel.box_asked.connect(self.ask_box)
        self.panel.region_asked.connect(self.ask_region)
        self.panel.voxel_size_asked.connect(self.ask_voxel_size)
        jobs = workspace.jobs
        jobs.finished.connect(self.show_result)
        jobs.show_asked.connect(self.show_result)
        jobs.partial.connect(self._show_partial)
        jobs.ended.connect(self._job_ended)

    def image_changed(self) -> None:
        """Another image is worked on: show it, and where its result would go."""
        image = self._workspace.image()
        if image is not None and image.id != self._image_id:
            self._image_id = image.id
            self.panel.show_volume(image.title, image.shape, image.spacing, self.free_out(image.title, ".zarr"))
            self._offer_to_go_on(image.title)

    def _offer_to_go_on(self, title: str) -> None:
        """Say what a job that the end of the program broke off has left, and offer to go on with it."""
        running = {place_of(job) for job in self._workspace.jobs.queue.jobs}
        left = next((path for path in broken_off(title, self._ref_path()) if str(path) not in running), None)
        if left is None:
            return

        def take() -> None:
            self.panel.bar.hide()
            self.panel.go_on_with(left)

        self.panel.bar.say(f"{left.name} was broken off. The planes that it had finished are kept.", "warning")
        self.panel.bar.offer("Go on with it", take)

    def ask_voxel_size(self) -> None:
        """Ask for the voxel size that the file does not tell."""
        spacing = self._workspace.document.spacing
        missing = " and ".join(name for name, size in zip("zyx", spacing.zyx, strict=True) if size is None)
        words = "Voxel size in nanometres: z, y, x" + (f"; or {missing} alone" if any(spacing.zyx) and missing else "")
        text, agreed = QInputDialog.getText(self._workspace.window, "Voxel size", words)
        if agreed:
            self.set_voxel_size(text)

    def set_voxel_size(self, text: str) -> None:
        """Take a typed voxel size over; what is no size is said in the panel."""
        try:
            set_voxel_size(self._workspace.document, text)
        except AppError as problem:
            self.panel.bar.say(problem.message, "error", problem.hint)

    def spacing_changed(self) -> None:
        """The image has another voxel size than it had."""
        image = self._workspace.image()
        if image is not None:
            self.panel.show_spacing(image.spacing)

    # From a box

    def ask_box(self) -> None:
        """Ask for a box round the smallest object."""
        self.wants_box, self.wants_region = True, False
        self._boxes = {}
        self._ask_to_draw(BOX_WORDS)

    def ask_region(self) -> None:
        """Ask for the box to confine to."""
        self.wants_box, self.wants_region = True, True
        self._region_boxes = {}
        self._ask_to_draw(REGION_WORDS)
        self.panel.show_region(self.panel.region)

    def _ask_to_draw(self, words: str) -> None:
        self._workspace.form.show_mode("volume")
        self._workspace.window.tools.choose("box")
        self.panel.bar.say(words, "bar")
        self.panel.bar.offer("Done", self._end_box)

    def take_box(self, axis: Axis, box: Box) -> None:
        """A box was drawn: two views give all three sides."""
        if self.wants_region:
            self._region_boxes[axis] = box
            self.panel.show_region(region_of_boxes(self._region_boxes, self._workspace.document.shape))
            if len(self._region_boxes) >= 2:
                self._end_box()
            return
        self._boxes[axis.value] = box.shape
        sides = sides_of_boxes(self._boxes, self._workspace.document.spacing)
        self.panel.show_smallest(smallest_object(sides))
        if len(self._boxes) >= 2:
            self._end_box()

    def _end_box(self) -> None:
        self.wants_box = False
        self.panel.bar.hide()
        self._workspace.window.tools.choose("cursor")

    # Starting

    def time_one_plane(self) -> None:
        """Run the network once on the plane of the inference plane's view, to know how long the volume takes."""
        from empanada_desktop.tasks.live_plane import LivePlane

        live = self._workspace.live
        values = self.panel.form.values()
        axis = Axis(values["inference_plane"])
        place = self._workspace.document.view.crosshair[axis.normal]
        timed = {name: values[name] for name in (*TIMED_FIELDS, "tile_size")}
        params = live.params().model_copy(update=timed)
        # The first run loads the network, so that only the later ones are a measure.
        last = self._workspace.document.shape[axis.normal] - 1
        for number, name in enumerate(TIMINGS):
            live.controller.wish(LivePlane(live.ref(), axis, min(last, max(0, place + number - 1))), params, name)
        self.panel.bar.say("Timing one plane …", "bar")

    def start(self) -> None:
        """Queue the job; what does not fit is said in the panel."""
        try:
            job = self._submit_volume()
            more = self._submit_more(Path(self.panel.out.text().strip()).parent)
        except AppError as problem:
            self.panel.bar.say(problem.message, "error", problem.hint)
            return
        self.panel.bar.hide()
        words = f"{job.title} is" if not more else f"{more + 1} volumes are"
        self._workspace.window.toast.say(f"{words} under way. The list of jobs tells how far it is.")
        image = self._workspace.image()
        if image is not None:
            self.panel.out.setText(str(self.free_out(image.title, ".zarr", Path(self.panel.out.text()).parent)))

    def _submit_volume(self) -> Job:
        ref = self._workspace.live.ref()
        out = Path(self.panel.out.text().strip())
        if not out.name:
            raise SettingsError("There is no place to write to.", "Choose one under Output.")
        if out.exists() and not is_unfinished(out):
            raise SettingsError(f"{out} exists already.", "Choose another name under Output.")
        self._make_folder(out)
        if out.exists():
            self._gone_on_with.add(str(out))
        task = load_task("segment-volume").module
        values = {"volume": ref.path, "out": str(out), "dataset": ref.dataset, "voxel_size": ref.voxel_size}
        region = self.panel.region
        inputs = task.Inputs.checked(values | {"region": None if region is None else region.spans})
        return self._workspace.jobs.submit(
            JobSpec("segment-volume", self.panel.form.params(), inputs), "Segment volume"
        )

    def _submit_more(self, folder: Path) -> int:
        """Queue the further volumes, each whole, with the same values; returns how many they are."""
        task, files = load_task("segment-volume").module, self.panel.more_files
        for file in files:
            out = self.free_out(Path(file).name, ".zarr", folder)
            inputs = task.Inputs.checked({"volume": file, "out": str(out)})
            spec = JobSpec("segment-volume", self.panel.form.params(), inputs)
            self._workspace.jobs.submit(spec, f"Segment {Path(file).name}")
        self.panel.show_more([])
        return len(files)

    def start_batch(self, axis: Axis) -> None:
        """Queue segmenting every plane of an orientation on its own, confined as the form says."""
        panel, live = self._workspace.form.plane, self._workspace.live

        def submit(confined: dict[str, object]) -> None:
            try:
                self._submit_batch(axis, confined)
            except AppError as problem:
                failed(problem)

        def failed(problem: BaseException) -> None:
            if not isinstance(problem, AppError):
                raise problem
            panel.bar.say(problem.message, "error", problem.hint)

        panel.bar.hide()
        try:
            if panel.confine.value() != "label":
                submit({"region": live.region_of(axis)})
                return
            layer, ids = live.chosen_labels()
        except AppError as problem:
            failed(problem)
            return
        self._workspace.window.background.run(lambda: confining_file(layer, ids), submit, failed)

    def _submit_batch(self, axis: Axis, confined: dict[str, object]) -> None:
        panel = self._workspace.form.plane
        ref = self._workspace.live.ref()
        image = self._workspace.image()
        out = self.free_out(f"{image.title if image else 'planes'}_{axis}", ".tif")
        self._make_folder(out)
        task = load_task("segment-plane").module
        values = {"volume": ref.path, "out": str(out), "dataset": ref.dataset, "voxel_size": ref.voxel_size}
        inputs = task.Inputs.checked(values | {"plane": axis.value, "batch": True} | confined)
        title = f"Every {axis} plane"
        self._workspace.jobs.submit(JobSpec("segment-plane", panel.form.params(), inputs), title)
        self._workspace.window.toast.say(f"{title} is under way. The list of jobs tells how far it is.")

    def free_out(self, title: str, suffix: str, folder: Path | None = None) -> Path:
        """A name for a result that nothing has yet, and that no job is about to write."""
        return free_path(title, suffix, folder, {place_of(job) for job in self._workspace.jobs.queue.unfinished})

    def _make_folder(self, out: Path) -> None:
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise SettingsError(f"{out.parent} cannot be written to.", "Choose another place.") from problem

    # Results

    def show_result(self, job: Job) -> None:
        """Add a finished job's labels as layers; those that are there already are made active."""
        result: Any = job.result
        if not hasattr(result, "recipe") or result.out.endswith(EDIT_SUFFIX):  # a table, or changes of open labels
            return
        shown = [layer for layer in self._workspace.document.of_kind(LabelsLayer) if _path_of(layer) == result.out]
        if shown:
            self._workspace.document.active = shown[-1]
            return
        self._workspace.window.background.run(lambda: result_layers(result), lambda layers: self._add(layers, job))

    def _learn(self, job: Job) -> None:
        """How long a volume took says how long the next one will."""
        params: Any = job.spec.params
        seconds = getattr(job.result, "seconds", 0.0)
        if job.spec.task == "segment-volume" and seconds and not self._went_on(job):
            normals = range(3) if params.ortho_plane else [Axis(params.inference_plane).normal]
            network = max(0.0, seconds - START_SECONDS) / BEYOND_NETWORK
            region = getattr(job.spec.inputs, "region", None)
            shape = self._workspace.document.shape if region is None else Box.of_spans(region).shape
            pixels = pixels_to_show(shape, list(normals), params.image_downsampling, params.tile_size)
            self.panel.show_time(params.model_dump(), network / pixels)

    def _went_on(self, job: Job) -> bool:
        """Whether the job had only the rest of a volume left, after another one was broken off."""
        out = place_of(job)
        return out in self._gone_on_with or any(
            other.kept and other is not job and place_of(other) == out for other in self._workspace.jobs.queue.jobs
        )

    def _add(self, layers: list[LabelsLayer], job: Job) -> None:
        document = self._workspace.document
        words = ", ".join(f"{count} {name}" for name, count in getattr(job.result, "objects", {}).items())
        fitting = [layer for layer in layers if layer.shape == document.shape]
        if fitting:
            self._learn(job)
            tell_numbers(fitting, getattr(job.result, "objects", {}))
            if job.spec.task == "fuse":
                for layer in fitting:
                    layer.title += ", fused anew"
                self._workspace.fuse.will_cover(fitting[0], str(getattr(job.spec.inputs, "result", "")))
            before = self._fused_before(job)
            tell_apart(fitting, [layer for layer in document.layers if layer not in before])
            add_layers(document, fitting, f"Result of {job.title.lower()}", before)
            self._workspace.window.toast.say(f"{job.title}: {words}.")
            self._tell_notes(job)
        else:
            self._workspace.window.toast.say(f"{job.title} is done: {words}. It belongs to another volume.")

    def _tell_notes(self, job: Job) -> None:
        """Say what had to be decided on the way, and why there is nothing; not what was said at opening."""
        image = self._workspace.image()
        said = "" if image is None else image.note
        notes = [note for note in getattr(job.result, "notes", ()) if note not in said]
        if notes:
            self._workspace.window.bar.say(" ".join(notes), "warning")

    def _fused_before(self, job: Job) -> list[Layer]:
        """What was fused of the same result before: the newer one takes its place, until that is undone."""
        result = getattr(job.spec.inputs, "result", None)
        jobs = [other for other in self._workspace.jobs.queue.jobs if other.spec.task == "fuse" and other is not job]
        same = [other for other in jobs if getattr(other.spec.inputs, "result", None) == result]
        outs = {place_of(other) for other in same}
        return [layer for layer in self._workspace.document.layers if result and _path_of(layer) in outs]

    def _show_partial(self, job: Job, partial: "Partial") -> None:
        """Show the planes that a running job has finished."""
        document, image = self._workspace.document, self._workspace.image()
        if image is None or job.state.has_ended or getattr(job.spec.inputs, "volume", "") != self._ref_path():
            return
        source = None if self._partial is None else self._partial.source
        if self._partial is not None and self._partial_job == job.id and getattr(source, "axis", None) == partial.axis:
            advance_partial(document, self._partial, partial)
        else:
            self._begin_partial(job, partial)

    def _ref_path(self) -> str:
        image = self._workspace.image()
        return image.ref.path if image is not None and image.ref is not None else ""

    def _begin_partial(self, job: Job, partial: "Partial") -> None:
        """Open what is shown of a running job in a thread: the first time zarr has to be loaded for it."""
        if (self._partial_job, self._partial_axis) == (job.id, partial.axis):
            return
        self._end_partial()
        self._partial_job, self._partial_axis = job.id, partial.axis

        def show(layer: LabelsLayer) -> None:
            image = self._workspace.image()
            if image is None or layer.shape != image.shape or job.state.has_ended or self._partial_job != job.id:
                return
            if partial.axis != self._partial_axis:
                return
            layer.spacing, layer.note = image.spacing, "found so far"
            self._partial = layer
            document = self._workspace.document
            document.replace_layers((*document.layers, layer))

        # A job that ends meanwhile takes its working copy with it: then there is nothing to show.
        is_one_of_three = bool(getattr(job.spec.params, "ortho_plane", False))
        title = f"so far, {partial.axis} stack" if is_one_of_three else "so far"
        self._workspace.window.background.run(lambda: partial_layer(partial, title), show, lambda _problem: None)

    def _job_ended(self, job: Job) -> None:
        if job.id == self._partial_job:
            self._end_partial()

    def _end_partial(self) -> None:
        document = self._workspace.document
        if self._partial is not None and self._partial in document.layers:
            document.replace_layers(tuple(layer for layer in document.layers if layer is not self._partial))
        self._partial = None


def tell_apart(layers: Sequence[Layer], others: Sequence[Layer]) -> None:
    """Give layers that are about to be shown titles that none of the others has."""
    titles = told_apart([layer.title for layer in layers], {layer.title for layer in others})
    for layer, title in zip(layers, titles, strict=True):
        layer.title = title


def free_path(title: str, suffix: str, folder: Path | None = None, taken: Collection[str] = ()) -> Path:
    """A name for a result that nothing has yet and that is not `taken`, in the user's folder of results or another."""
    folder = folder or user_folder() / "results"
    stem = _stem(title)
    for number in range(1, 10_000):
        path = folder / (f"{stem}{suffix}" if number == 1 else f"{stem}_{number}{suffix}")
        if not path.exists() and str(path) not in taken:
            return path
    return folder / f"{stem}_new{suffix}"


def _stem(title: str) -> str:
    name = re.sub(r"[^\w.-]+", "_", Path(title).stem).strip("_") or "result"
    return f"{name}_labels"


def broken_off(title: str, volume: str) -> Iterator[Path]:
    """Results of a volume in the user's folder that are not finished."""
    for path in sorted((user_folder() / "results").glob(f"{_stem(title)}*.zarr")):
        if is_unfinished(path) and unfinished_volume(path) == volume:
            yield path


def confining_file(layer: LabelsLayer, ids: Collection[int]) -> dict[str, object]:
    """Where a job finds the labels to confine to: their own file, or a copy of what is only in the session."""
    ref: Any = getattr(layer.source, "ref", None)
    if ref is not None and isinstance(layer.source, VolumeSource):
        return {"confine_to": ref.path, "confine_dataset": ref.dataset, "confine_ids": tuple(sorted(ids))}
    path = free_path(f"{layer.title}_confine", ".tif")
    path.parent.mkdir(parents=True, exist_ok=True)
    return {"confine_to": str(save_labels(layer, path)), "confine_ids": tuple(sorted(ids))}


def _path_of(layer: Layer) -> str:
    return path_of(getattr(layer, "source", None))


def path_of(source: object) -> str:
    """The file that voxels lie in, or lay in before they were changed in the session; "" for none."""
    ref = getattr(source.base if isinstance(source, EditableSource) else source, "ref", None)
    return "" if ref is None else str(ref.path)


def tell_numbers(layers: Sequence[LabelsLayer], found: Mapping[str, int]) -> None:
    """Let each layer say how many objects of its class were found; a single one holds all of them."""
    for layer in layers:
        number = found.get(layer.title, sum(found.values()) if len(layers) == 1 else None)
        if number is not None:
            layer.note = counted(number, "object")
