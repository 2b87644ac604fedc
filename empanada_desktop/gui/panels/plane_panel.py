"""The form "Segment plane": the network runs once, then the sliders are felt at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QLabel, QWidget

from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.hints import Hint, plane_hints
from empanada_desktop.gui.controls import Column, ElidedLabel, MessageBar, Row, Section, push_button, text_label
from empanada_desktop.gui.form_rows import ChoiceBox, plain_row, say_below, words_below
from empanada_desktop.gui.icons import show_icon
from empanada_desktop.gui.panels.frame import TaskPanel
from empanada_desktop.jobs.progress import computing_time
from empanada_desktop.tasks.inference_params import PlaneParams
from empanada_desktop.tasks.live_plane import COUNTABLE

LIVE_WORDS = "Live: the network has run, sliders show at once."
NETWORK_FIELDS = frozenset({"weights", "image_downsampling", "use_gpu", "threads"})
CONFINE = (
    ("whole", "Nothing"),
    ("viewport", "Viewport"),
    ("region", "Drawn region"),
    ("label", "Selected label"),
)
CONFINE_TIP = (
    "Find objects in a part of the plane only: what the view shows now, a box drawn with the box tool, or the "
    "voxels of the labels that are selected."
)


@dataclass(frozen=True)
class Outcome:
    """What a plane's segmentation came to; area in pixels, or µm² where the voxel size is known."""

    objects: int
    covered: float
    median_area: float
    unit: str
    milliseconds: float


def outcome_of(labels: NDArray[np.uint32], pixel_nm2: float | None, milliseconds: float) -> Outcome:
    """Count objects and areas in a plane of labels; `pixel_nm2` is a pixel's area in nm², None when unknown."""
    counts = _pixels_of_objects(labels)
    area = float(np.median(counts)) if counts.size else 0.0
    scale, unit = (1.0, "pixels") if pixel_nm2 is None else (pixel_nm2 / 1e6, "µm²")
    return Outcome(counts.size, float(counts.sum()) / max(1, labels.size), area * scale, unit, milliseconds)


def _pixels_of_objects(labels: NDArray[np.uint32]) -> NDArray[np.intp]:
    """How many pixels each object has; counting is many times as fast as sorting while the counters are few."""
    if int(labels.max(initial=0)) < COUNTABLE:
        counts = np.bincount(labels.ravel())[1:]
        return counts[counts > 0]
    return np.unique(labels[labels > 0], return_counts=True)[1]


class PlanePanel(TaskPanel):
    """Runs the network on the plane of the active view and tunes what is made of its output."""

    run_asked = Signal()
    keep_asked = Signal()
    volume_asked = Signal()
    batch_asked = Signal()
    confine_changed = Signal(str)
    map_switched = Signal(bool)

    def __init__(self) -> None:
        super().__init__(PlaneParams)
        self.image, self.plane = ElidedLabel(), text_label(wraps=True)
        self._axis = Axis.XY
        self.confine = ChoiceBox(CONFINE, CONFINE_TIP)
        self._confine_words = words_below()
        self.map = QCheckBox("Beside the plane")
        self.map.setToolTip(
            "Show how sure the network is of every pixel, with a white line at the segmentation confidence."
        )
        tip = "Each kept plane becomes a layer of its own, or all are written into the label layer that is active."
        self.target = ChoiceBox([("new", "A new layer"), ("active", "The active labels")], tip)
        self.live_bar = MessageBar("bar", can_close=False)
        self._before: Outcome | None = None
        self._now: Outcome | None = None
        self._lines = {name: text_label() for name in ("Objects", "Area covered", "Median area", "Time")}
        self._make_rows()
        self.run_button = push_button("Run on this plane", self._pressed, "magic-wand", "primary")
        self.next_button = push_button("Use for the volume ", self.volume_asked.emit, "arrow-right")
        self.next_button.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        buttons = Row(self.run_button, self.next_button)
        buttons.setStretch(0, 1)
        self.footer.addLayout(buttons)
        self.state = "none"
        self.set_state("none")

    def _make_rows(self) -> None:
        form = self.form
        form.add_row("Input", plain_row("Image", self.image), 0)
        form.add_row("Input", plain_row("Plane", self.plane), 1)
        form.add_row("Input", plain_row("Confine to", self.confine))
        form.add_row("Input", self._confine_words)
        form.add_row("Objects", _padded(self.live_bar), 0)
        form.add_row("Objects", plain_row("Confidence map", self.map))
        form.add_row("Output", plain_row("Keep in", self.target))
        batch = push_button("Segment every plane", self.batch_asked.emit)
        batch.setToolTip(
            "Run these settings on every plane of this orientation, each on its own, as a job. Ids begin anew in each "
            "plane: to join objects across planes, segment the volume."
        )
        form.add_row("Output", plain_row("Whole stack", batch))
        form.sections["Output"].set_open(True)
        content = QWidget()
        content.setLayout(Column(*(self._line(name, label) for name, label in self._lines.items())))
        self.changes = Section("What changed", content)
        layout = form.layout()
        if layout is not None:
            layout.insertWidget(2, self.changes)  # type: ignore[attr-defined] # a QVBoxLayout
        self.changes.hide()
        self.confine.chosen.connect(lambda how: self.confine_changed.emit(str(how)))
        self.map.toggled.connect(self.map_switched.emit)

    def _line(self, name: str, label: QLabel) -> QWidget:
        holder = QWidget()
        line = Row(text_label(name, "second"), 1, label)
        line.setContentsMargins(20, 2, 14, 2)
        holder.setLayout(line)
        return holder

    def show_place(self, title: str, axis: Axis, index: int) -> None:
        """Say which plane would be segmented."""
        self.image.set_text(title)
        self.plane.setText(f"<b>{axis} {index}</b> of the active view")
        if axis != self._axis:
            self._axis = axis
            self.advise()

    def axis(self) -> Axis:
        """The orientation of the active view."""
        return self._axis

    def hints(self) -> list[Hint]:
        """What would be better for this plane."""
        return plane_hints(self.form.values(), self._axis, self.situation)

    def say_confined(self, words: str) -> None:
        """Say what the segmentation is confined to."""
        say_below(self._confine_words, words)

    def confine_words(self) -> str:
        """What is said of that."""
        return self._confine_words.text()

    def set_state(self, state: str) -> None:
        """ "none": the network has to run; "busy": it runs; "live": sliders show at once."""
        self.state = state
        texts = {"none": " Run on this plane", "busy": " Running …", "live": " Keep as labels"}
        self.run_button.setText(texts[state])
        show_icon(self.run_button, {"busy": "hourglass-medium", "live": "check"}.get(state, "magic-wand"), "on_accent")
        self.run_button.setEnabled(state != "busy")
        self.next_button.setVisible(state == "live")
        self.live_bar.setVisible(state == "live")
        if state == "live":
            self.live_bar.say(LIVE_WORDS, "bar")

    def show_outcome(self, outcome: Outcome, is_first: bool) -> None:
        """Say what the settings lead to, and what the last ones led to."""
        self._before = None if is_first else self._now
        self._now = outcome
        self.changes.setVisible(True)
        self.changes.set_words("since the last setting" if self._before else "")
        before = self._before
        self._lines["Objects"].setText(_change(outcome.objects, before.objects if before else None))
        covered = f"{outcome.covered:.1%}"
        was = f", was {before.covered:.1%}" if before and before.covered != outcome.covered else ""
        self._lines["Area covered"].setText(covered + was)
        area = f"{outcome.median_area:.3g} {outcome.unit}"
        was = f", was {before.median_area:.3g}" if before and before.median_area != outcome.median_area else ""
        self._lines["Median area"].setText(area + was)
        self._lines["Time"].setText(computing_time(outcome.milliseconds / 1000))
        if outcome.objects == 0:
            cut = self.form.values()["segmentation_confidence"]
            self.bar.say(f"Nothing found at {cut:g}.", "warning", "Lower the confidence or try the scale finder.")
        else:
            self.bar.hide()

    def _pressed(self) -> None:
        (self.keep_asked if self.state == "live" else self.run_asked).emit()


def _padded(widget: QWidget) -> QWidget:
    holder = QWidget()
    column = Column(widget)
    column.setContentsMargins(12, 2, 12, 4)
    holder.setLayout(column)
    return holder


def _change(now: int, before: int | None) -> str:
    if before is None or before == now:
        return str(now)
    more = now - before
    return f"{now}, {abs(more)} {'more' if more > 0 else 'fewer'}"
