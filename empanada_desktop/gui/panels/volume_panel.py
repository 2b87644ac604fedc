"""The form "Segment volume": parameters with advice beside them, what it will take, and the start."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QLineEdit, QWidget

from empanada_desktop.core.advice import SmallestObject
from empanada_desktop.core.footprint import estimated_predictions_bytes, in_gigabytes
from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.core.hints import Hint, volume_hints
from empanada_desktop.core.plurals import counted
from empanada_desktop.core.preflight import Plan, estimate
from empanada_desktop.errors import AppError
from empanada_desktop.gui.computer import Computer, disk_free_gigabytes, is_there, memory_gigabytes
from empanada_desktop.gui.controls import ElidedLabel, IconButton, Row, push_button, text_label
from empanada_desktop.gui.form_rows import ChoiceBox, plain_row, say_below, words_below
from empanada_desktop.gui.panels.frame import TaskPanel
from empanada_desktop.gui.panels.preflight import Check, Preflight
from empanada_desktop.jobs.batch import RESULT_SUFFIXES
from empanada_desktop.jobs.progress import in_words
from empanada_desktop.tasks.inference_params import StackParams
from empanada_desktop.tasks.recipe import MAY_DIFFER
from empanada_desktop.tasks.segment_volume import check_directions, region_of

Triple = tuple[int, int, int]
CONFINE = (("whole", "Nothing"), ("box", "Box from two views"))
CONFINE_TIP = (
    "Segment a part of the volume only: draw a box in one view for two of its sides, and in another view for the "
    "third. The result lies over the volume and is empty elsewhere."
)
MORE_TIP = (
    "Choose further volumes: they are segmented one after another with the same values, each whole, and each gets a "
    "result beside the first one's."
)
SEEN_FIELDS = ("ortho_plane", "inference_plane", "image_downsampling")
TIMED_FIELDS = ("weights", "image_downsampling", "use_gpu", "threads", "backend", "use_quantised")
SPARE, TILES = 1.1, 1024


class VolumePanel(TaskPanel):
    """Sets up and starts segmenting in 3D."""

    start_asked = Signal()
    time_asked = Signal()
    box_asked = Signal()
    voxel_size_asked = Signal()
    region_asked = Signal()
    region_changed = Signal()

    def __init__(self) -> None:
        super().__init__(StackParams)
        self.image = ElidedLabel()
        self.out = QLineEdit()
        self.out.setToolTip("Where the result is written: X.zarr (OME-Zarr) or X.tif.")
        self.more_files: list[str] = []
        self.more = ElidedLabel("none")
        self.confine = ChoiceBox(CONFINE, CONFINE_TIP)
        self._confine_words = words_below()
        self.region: Box | None = None
        self._shape: Triple = (1, 1, 1)
        self._spacing = Spacing()
        self._timed: dict[tuple[object, ...], float] = {}
        self._computer: Computer | None = None
        self.preflight = Preflight()
        self.start_button = push_button("Segment volume", self.start_asked.emit, "magic-wand", "primary")
        self.reason = text_label("", "second", wraps=True)
        self._make_rows()
        self.form.changed.connect(self._changed)
        self.out.textChanged.connect(lambda _text: self.check())

    def _make_rows(self) -> None:
        form = self.form
        form.add_row("Input", plain_row("Image", self.image), 0)
        buttons = QWidget()
        buttons.setLayout(
            Row(
                IconButton("folder-open", MORE_TIP, self._choose_more),
                IconButton("x", "Only the image that is shown", lambda: self.show_more([])),
                spacing=0,
            )
        )
        form.add_row("Input", plain_row("Further volumes", self.more, buttons), 1)
        form.add_row("Input", plain_row("Confine to", self.confine), 2)
        form.add_row("Input", self._confine_words, 3)
        self.confine.chosen.connect(lambda how: self.region_asked.emit() if how == "box" else self.show_region(None))
        choose = IconButton("folder-open", "Choose where to write", self._choose_out)
        form.add_row("Output", plain_row("Write to", self.out, choose), 0)
        form.sections["Output"].set_open(True)
        box = push_button("Draw a box", self.box_asked.emit, "bounding-box")
        box.setToolTip("Draw a box round the smallest object to keep, in one view or in two; both fields follow.")
        form.add_row("Clean up", plain_row("Smallest object", box), 0)
        form.sections["Clean up"].set_open(True)
        self.footer.addWidget(self.preflight)
        self.reason.hide()
        self.footer.addWidget(self.reason)
        self.footer.addWidget(self.start_button)

    def show_volume(self, title: str, shape: Triple, spacing: Spacing, out: Path) -> None:
        """Say what would be segmented and where the result goes."""
        self.image.set_text(title)
        if shape != self._shape:
            self.region = None
        self._shape, self._spacing = shape, spacing
        self.show_region(self.region)
        self._proposed.clear()
        self.out.setText(str(out))
        self.advise()
        self._show_sizes()
        self.check()

    def show_spacing(self, spacing: Spacing) -> None:
        """Take note of another voxel size."""
        self._spacing = spacing
        self.advise()
        self._show_sizes()
        self.check()

    def show_more(self, files: list[str]) -> None:
        """Segment other volumes after the one that is shown, with the same values."""
        self.more_files = files
        names = ", ".join(Path(file).name for file in files)
        self.more.set_text(f"{len(files)}: {names}" if files else "none")
        self.start_button.setText(f"Segment {len(files) + 1} volumes" if files else "Segment volume")

    def _choose_more(self) -> None:
        files, _ = QFileDialog.getOpenFileNames(self, "Segment further volumes")
        if files:
            self.show_more(files)

    def show_region(self, region: Box | None) -> None:
        """Confine to a box of voxels, or to nothing, and say so."""
        self.region = region
        self.confine.set_value("whole" if region is None else "box")
        say_below(self._confine_words, "" if region is None else _region_words(region))
        self.region_changed.emit()
        self.check()

    def confine_words(self) -> str:
        """What is said of the box."""
        return self._confine_words.text()

    def work_shape(self) -> Triple:
        """Voxels along z, y and x that are to be segmented."""
        return self._shape if self.region is None else self.region.shape

    def show_computer(self, computer: Computer) -> None:
        """Take note of what the computer has."""
        self._computer = computer
        self.weights.show_library(computer.weights)
        self.check()

    def show_time(self, values: Mapping[str, Any], seconds_per_pixel: float) -> None:
        """Take note of how long the network took with these values, by `pixels_to_show`; the quickest run counts."""
        what = _what_is_timed(values)
        self._timed[what] = min(seconds_per_pixel, self._timed.get(what, seconds_per_pixel))
        self.check()

    def show_smallest(self, found: SmallestObject) -> None:
        """Propose min size and min extent from a drawn box."""
        z, y, x = found.sides
        size, extent = found.min_size, found.min_extent
        words = f"Box of {x} × {y} × {z}: half of it, and some less, is {size}."
        self.propose(Hint("min_size", words, size, f"Take {size}"))
        words = f"A few less than the shortest side of {min(found.sides)}: {extent}."
        self.propose(Hint("min_extent", words, extent, f"Take {extent}"))
        self.reveal("Clean up", "min_extent")

    def axis(self) -> Axis:
        """The inference plane."""
        return Axis(self.form.values()["inference_plane"])

    def hints(self) -> list[Hint]:
        """What would be better for this volume."""
        return volume_hints(self.form.values(), self.situation)

    def _changed(self, _name: str) -> None:
        every = bool(self.form.values()["ortho_plane"])
        self.form.rows["inference_plane"].set_available(not every, "Ortho-plane runs all three.")
        self._show_sizes()
        self.check()

    def _show_sizes(self) -> None:
        values, sizes = self.form.values(), self._spacing.zyx
        if not self._spacing.is_known:
            return
        voxel = (sizes[0] or 0) * (sizes[1] or 0) * (sizes[2] or 0)
        self.form.rows["min_size"].say_beside(f"{values['min_size'] * voxel / 1e9:.2g} µm³")
        shortest = min(size or 0 for size in sizes)
        self.form.rows["min_extent"].say_beside(f"{values['min_extent'] * shortest:g} nm")

    # Before it starts

    def check(self) -> None:
        """Look again at what stands in the way."""
        checks = [
            self._voxel_check(),
            self._region_check(),
            self._directions_check(),
            *self._room_checks(),
            self._out_check(),
            self._weights_check(),
        ]
        self.preflight.show_checks([check for check in checks if check is not None])
        blocked = [check for check in self.preflight.checks if check.state == "error"]
        self.start_button.setEnabled(not blocked)
        self.reason.setVisible(bool(blocked))
        self.reason.setText(f"Available when this is mended: {blocked[0].name.lower()}." if blocked else "")

    def _voxel_check(self) -> Check:
        if not self._spacing.is_known:
            return Check("warning", "Voxel size", self._spacing.words, "Set it", self.voxel_size_asked.emit)
        return Check("good", "Voxel size", f"{self._spacing.words}, {_source(self._spacing)}")

    def _region_check(self) -> Check | None:
        """What speaks against the box that was drawn."""
        if self.region is None:
            return None
        values = self.form.values()
        try:
            params = StackParams(**{name: values[name] for name in SEEN_FIELDS})
            region_of(self.region.spans, self._shape, params)
        except AppError as problem:
            words = f"{problem.message} {problem.hint}"
            return Check("error", "Region", words, "Draw anew", self.region_asked.emit)
        part = math.prod(self.region.shape) / math.prod(self._shape)
        return Check("good", "Region", f"{part:.0%} of the volume" if part >= 0.01 else "less than 1 % of the volume")

    def _directions_check(self) -> Check | None:
        """What speaks against ortho-plane."""
        try:
            check_directions(self.work_shape(), StackParams(ortho_plane=bool(self.form.values()["ortho_plane"])))
        except AppError as problem:
            return Check(
                "error", "Directions", problem.message, "One only", lambda: self.form.set_value("ortho_plane", False)
            )
        return None

    def plan(self) -> Plan:
        """What the form asks for, in figures."""
        values = self.form.values()
        factor = int(values["image_downsampling"])
        normals = range(3) if values["ortho_plane"] else [self.axis().normal]
        return Plan(
            self.work_shape(),
            tuple(normals),
            downsampling=factor,
            median=int(values["median_filter_size"]),
            chunk=_chunk(values["chunk_size"]),
            tile_size=int(values["tile_size"]),
            network_bytes=self.situation.network_bytes,
            seconds_per_pixel=self._timed.get(_what_is_timed(values)),
            n_confidences=int(bool(values["keep_confidence"])),
        )

    def _room_checks(self) -> list[Check]:
        plan = self.plan()
        need = estimate(plan)
        place = Path(self.out.text() or ".").absolute()
        memory = _room("Memory", need.memory, memory_gigabytes()[1], *self._memory_remedy(plan))
        disk = replace(self._disk_check(place, need.disk), tip=self._kept_words(plan))
        planes = sum(plan.shape[normal] for normal in plan.normals)
        if need.seconds is None:
            return [memory, disk, Check("clock", "Time", "not known yet", "Time one plane", self.time_asked.emit)]
        return [memory, disk, Check("clock", "Time", f"about {in_words(need.seconds)}, {counted(planes, 'plane')}")]

    def _disk_check(self, place: Path, needed: float) -> Check:
        free = disk_free_gigabytes(place)
        if free is None:
            words = f"Nothing can be written to {place.parent}."
            return Check("error", "Disk", words, "Write elsewhere", self._choose_out)
        return _room("Disk", needed, free, "Write elsewhere", self._choose_out)

    def _kept_words(self, plan: Plan) -> str:
        """What of the room stays taken for fusing again."""
        kept = in_gigabytes(estimated_predictions_bytes(plan.shape, len(plan.normals), plan.n_confidences))
        stays = bool(self.form.values()["keep_predictions"])
        return (
            f"Up to {kept} of it stay for fusing anew." if stays else f"Up to {kept} of it are free again at the end."
        )

    def _memory_remedy(self, plan: Plan) -> tuple[str, Callable[[], object]]:
        """Tiles, where the plane is larger than they are; then smaller planes; then the user has to make room."""
        largest = max(plan.shape[0] * plan.shape[1] * plan.shape[2] // plan.shape[normal] for normal in plan.normals)
        if plan.tile_size == 0 and largest / plan.downsampling**2 > TILES**2:
            return f"Use tiles of {TILES}", lambda: self.form.set_value("tile_size", TILES)
        return "Look again", self.check

    def _out_check(self) -> Check:
        out = Path(self.out.text().strip())
        if out.name and is_there(out):
            if is_unfinished(out):
                return self._going_on_check(out)
            return Check("error", "Result", f"{out.name} exists already.", "Choose another", self._choose_out)
        if out.suffix.lower() not in RESULT_SUFFIXES:
            return Check("error", "Result", "A name ends in .zarr or .tif.", "Choose another", self._choose_out)
        return Check("good", "Result", out.name, tip=str(out))

    def _going_on_check(self, out: Path) -> Check:
        """Only with the values that it was begun with can a result be gone on with."""
        begun = unfinished_recipe(out)
        values = self._plain_values()
        differing = [] if values is None else other_values(begun, values, self.region)
        if not differing:
            return Check("good", "Result", f"{out.name}, goes on where it was broken off", tip=str(out))
        more = f", and {len(differing) - 1} more" if len(differing) > 1 else ""
        words = f"{out.name} was begun with other values: {differing[0]}{more}."
        return Check(
            "error", "Result", words, "Take those", lambda: self._take(begun), "\n".join([str(out), *differing])
        )

    def _plain_values(self) -> dict[str, Any] | None:
        """The form's values as a recipe has them; None while they make no sense, which is said elsewhere."""
        try:
            return self.form.params().model_dump(mode="json")
        except AppError:
            return None

    def go_on_with(self, out: Path) -> None:
        """Show an unfinished result as the place to write to, with the values that it was begun with."""
        self.out.setText(str(out))
        self._take(unfinished_recipe(out))

    def _take(self, recipe: dict[str, Any]) -> None:
        """Put the values of a result that was broken off into the form."""
        if not recipe.get("params"):
            return
        try:
            self.form.set_values(StackParams.checked(recipe["params"]).model_dump())
        except AppError as problem:
            self.bar.say(problem.message, "error", problem.hint)
            return
        spans = recipe.get("inputs", {}).get("region")
        self.show_region(None if spans is None else Box.of_spans(spans))

    def _weights_check(self) -> Check | None:
        name = self.weights.value()
        if self._computer is None or name in self._computer.weights or Path(name).is_file():
            return None
        return Check("error", "Weights", f"{name} is not on this computer.", "Choose others", self.weights.showPopup)

    def _choose_out(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Write the result to", self.out.text(), "OME-Zarr (*.zarr);;TIFF (*.tif)"
        )
        if path:
            self.out.setText(path if Path(path).suffix else f"{path}.zarr")


def unfinished_recipe(out: Path) -> dict[str, Any]:
    """The recipe of an unfinished result; nothing where that cannot be read."""
    from empanada_desktop.io.ome_zarr import find_unfinished, read_recipe

    try:
        place = find_unfinished(out)
        return read_recipe(place) if place is not None else {}
    except AppError:
        return {}


def unfinished_volume(out: Path) -> str:
    """The volume that an unfinished result belongs to; nothing where that cannot be read."""
    return str(unfinished_recipe(out).get("inputs", {}).get("volume", ""))


def other_values(begun: dict[str, Any], values: dict[str, Any], region: Box | None) -> list[str]:
    """What of the form's values an unfinished result was not begun with, in words; values as a recipe has them."""
    if not begun.get("params"):
        return []
    before = StackParams().model_dump(mode="json") | begun["params"]
    names = [name for name in values if name not in MAY_DIFFER and before.get(name) != values[name]]
    found = [f"{name.replace('_', ' ')} was {before.get(name)}, not {values[name]}" for name in names]
    was, now = begun.get("inputs", {}).get("region"), None if region is None else [list(span) for span in region.spans]
    return found if was == now else [*found, "another part of the volume"]


def is_unfinished(out: Path) -> bool:
    """Whether a result that exists was broken off: the same job goes on with it."""
    from empanada_desktop.io.ome_zarr import find_unfinished

    try:
        return find_unfinished(out) is not None
    except AppError:
        return False


def _region_words(region: Box) -> str:
    spans = ", ".join(f"{name} {first} to {stop - 1}" for name, (first, stop) in zip("zyx", region.spans, strict=True))
    return f"{spans}: {' × '.join(map(str, region.shape))} voxels."


def _what_is_timed(values: Mapping[str, Any]) -> tuple[object, ...]:
    """What else than the pixels makes the network quick or slow."""
    return tuple(values[name] for name in TIMED_FIELDS)


def _source(spacing: Spacing) -> str:
    return "typed" if spacing.source == "typed" else "from the file"


def _room(name: str, needed: float, free: float, remedy: str, deed: Callable[[], object]) -> Check:
    amount = f"{needed:.1f} GB" if needed >= 0.1 else f"{max(1, round(needed * 1000))} MB"
    words = f"about {amount}, {free:.1f} GB free"
    if needed * SPARE < free:
        return Check("good", name, words)
    return Check("warning" if needed < free else "error", name, words, remedy, deed)


def _chunk(value: tuple[object, ...]) -> Triple:
    numbers = [int(str(part)) for part in value if str(part).isdigit()] or [256]
    z, y, x = numbers * 3 if len(numbers) == 1 else [*numbers, 256, 256][:3]
    return z, y, x
