"""The form "Segment plane": the network runs once, then the sliders are felt at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QWidget

from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.gui.controls import Column, MessageBar, Row, Section, Segmented, push_button, text_label
from empanada_desktop.gui.panels.frame import TaskPanel
from empanada_desktop.gui.params_form import plain_row
from empanada_desktop.tasks.inference_params import PlaneParams

LIVE_WORDS = "Live: the network has run, sliders show at once."
NETWORK_FIELDS = frozenset({"weights", "image_downsampling", "use_gpu", "threads"})
CONFINE = (("whole", "Whole"), ("viewport", "Viewport"), ("region", "Region"))


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
    counts = np.unique(labels[labels > 0], return_counts=True)[1]
    area = float(np.median(counts)) if counts.size else 0.0
    scale, unit = (1.0, "pixels") if pixel_nm2 is None else (pixel_nm2 / 1e6, "µm²")
    return Outcome(counts.size, float(counts.sum()) / max(1, labels.size), area * scale, unit, milliseconds)


class PlanePanel(TaskPanel):
    """Runs the network on the plane of the active view and tunes what is made of its output."""

    run_asked = Signal()
    keep_asked = Signal()
    volume_asked = Signal()
    batch_asked = Signal()
    confine_changed = Signal(str)

    def __init__(self) -> None:
        super().__init__(PlaneParams)
        self.image, self.plane = text_label(), text_label()
        self.confine = Segmented(
            CONFINE, ("", "Only what the view shows now.", "Only the box drawn with the box tool.")
        )
        self.target = Segmented(
            [("new", "New layer"), ("active", "Active labels")],
            ("Each kept plane becomes a layer of its own.", "Kept planes are written into the active label layer."),
        )
        self.live_bar = MessageBar("bar", can_close=False)
        self._before: Outcome | None = None
        self._now: Outcome | None = None
        self._lines = {name: text_label() for name in ("Objects", "Area covered", "Median area", "Time")}
        self._make_rows()
        self.run_button = push_button("Run on this plane", self._pressed, "magic-wand", "primary")
        self.next_button = push_button("Use for the volume", self.volume_asked.emit, "arrow-right")
        buttons = Row(self.run_button, self.next_button)
        buttons.setStretch(0, 1)
        self.footer.addLayout(buttons)
        self.state = "none"
        self.set_state("none")

    def _make_rows(self) -> None:
        form = self.form
        form.add_row("Input", plain_row("Image", self.image), 0)
        form.add_row("Input", plain_row("Plane", self.plane), 1)
        form.add_row("Input", plain_row("Confine to", _wide(self.confine)))
        form.add_row("Objects", _padded(self.live_bar), 0)
        form.add_row("Output", plain_row("Keep in", _wide(self.target)))
        batch = push_button("Segment every plane", self.batch_asked.emit)
        batch.setToolTip("Run these settings on every plane of this orientation, each on its own, as a job.")
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

    def _line(self, name: str, label: QLabel) -> QWidget:
        holder = QWidget()
        line = Row(text_label(name, "second"), 1, label)
        line.setContentsMargins(20, 2, 14, 2)
        holder.setLayout(line)
        return holder

    def show_place(self, title: str, axis: Axis, index: int) -> None:
        """Say which plane would be segmented."""
        self.image.setText(title[:26])
        self.plane.setText(f"<b>{axis} {index}</b> &nbsp;of the active view")

    def set_state(self, state: str) -> None:
        """ "none": the network has to run; "busy": it runs; "live": sliders show at once."""
        self.state = state
        texts = {"none": " Run on this plane", "busy": " Running …", "live": " Keep as labels"}
        self.run_button.setText(texts[state])
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
        self._lines["Time"].setText(f"{outcome.milliseconds:.0f} ms")
        if outcome.objects == 0:
            cut = self.form.values()["segmentation_confidence"]
            self.bar.say(f"Nothing found at {cut:g}.", "warning", "Lower the confidence or try the scale finder.")
        else:
            self.bar.hide()

    def show_distance(self, spacing: Spacing, axis: Axis) -> None:
        """Say what the centre distance and the downsampling mean in this image."""
        values = self.form.values()
        factor, fine = int(values["image_downsampling"]), bool(values["fine_boundaries"])
        distance = int(values["centre_min_distance"])
        pixels = distance * factor * (1 if fine else 4)
        size = spacing.zyx[axis.in_plane[1]]
        kind = "pixels of the small image" if fine else "quarter pixels"
        nanometres = f" = {pixels * size:g} nm" if size else ""
        self.form.rows["centre_min_distance"].set_hint(f"{distance} {kind} = {pixels} pixels{nanometres}")
        seen = f"The network sees {factor * size:g} nm per pixel." if size else ""
        self.form.rows["image_downsampling"].set_hint(seen)

    def _pressed(self) -> None:
        (self.keep_asked if self.state == "live" else self.run_asked).emit()


def _wide(widget: QWidget) -> QWidget:
    widget.setFixedWidth(184)
    return widget


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
