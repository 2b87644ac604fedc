"""What brush, eraser and smart brush mind: size in pixels and nanometres, disc or ball, grey range, another object."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtWidgets import QCheckBox, QWidget

from empanada_desktop.core.geometry import Spacing
from empanada_desktop.document import Layer
from empanada_desktop.document.paint_settings import GUIDED
from empanada_desktop.document.painting import Painter
from empanada_desktop.gui.annotate.rows import field_row
from empanada_desktop.gui.controls import (
    Column,
    ElidedLabel,
    IconButton,
    Row,
    Segmented,
    SliderField,
    Swatch,
    fraction_box,
    text_label,
)
from empanada_desktop.gui.docks.active_object import object_colour
from empanada_desktop.gui.docks.histogram import Histogram
from empanada_desktop.gui.docks.rows import show_value
from empanada_desktop.gui.viewer.guide_pick import GuidePick

LARGEST_ON_SLIDER, LARGEST_GREY, LARGEST_TOLERANCE = 200, 1e12, 5.0
SMART_WORDS = {
    "seeded": "Paints grey values like those under the brush where a stroke begins.",
    "range": "Paints only what is as bright as this.",
    "inside": "Paints only within",
    "outside": "Paints only outside of",
}
BEGINNING = "the object in which a stroke begins"


class BrushPage(QWidget):
    """Size, shape and pen pressure."""

    def __init__(self, painter: Painter) -> None:
        super().__init__()
        self._painter = painter
        self.size_field = SliderField(1, LARGEST_ON_SLIDER, 1, "px", 0)
        self.size_field.number.setFixedWidth(76)
        self.size_field.setAccessibleName("Size")
        self.real_size = text_label(role="hint")
        self.shape = Segmented(
            [(False, "Disc"), (True, "Ball")], ("Paint in the plane.", "Paint in 3D, in the planes around, too.")
        )
        self.round_in = Segmented(
            [(False, "Space"), (True, "Voxels")],
            ("As round as the thing itself, whatever the voxels are like.", "As many voxels along every axis."),
        )
        self.pressure = QCheckBox("Pressure changes the size")
        self.pressure.setToolTip("A pen that is pressed with full strength paints with the whole size.")
        self._round_row = field_row("Round in", self.round_in)
        rows = (
            field_row("Size", self.size_field, hint=self.real_size),
            field_row("Shape", self.shape),
            self._round_row,
            field_row("Pen", self.pressure, 1),
        )
        self.setLayout(Column(*rows))
        self._connect()
        self.refresh()

    def _connect(self) -> None:
        painter = self._painter
        self.size_field.changed.connect(lambda size: painter.change(size=size))
        self.shape.chosen.connect(lambda is_ball: painter.change(is_ball=is_ball))
        self.round_in.chosen.connect(lambda in_voxels: painter.change(is_round_in_voxels=in_voxels))
        self.pressure.clicked.connect(lambda is_on: painter.change(uses_pressure=is_on))
        for signal in (painter.document.layer_added, painter.document.layer_removed, painter.document.layer_changed):
            signal.connect(self._layers_changed)
        painter.settings_changed.connect(self.refresh)

    def _layers_changed(self, _layer: Layer, changed: object = None) -> None:
        """The voxel size may be another one."""
        if not isinstance(changed, frozenset) or "spacing" in changed:
            self.refresh()

    def refresh(self, *_: object) -> None:
        """Show the brush as it is."""
        settings, spacing = self._painter.settings, self._painter.document.spacing
        show_value(self.size_field, settings.size)
        self.shape.set_value(settings.is_ball)
        self.round_in.set_value(settings.is_round_in_voxels)
        self._round_row.setVisible(len(set(spacing.zyx)) > 1)
        self.pressure.setChecked(settings.uses_pressure)
        self.real_size.setText(in_real_size(2 * settings.radius, spacing))


def in_real_size(size: float, spacing: Spacing) -> str:
    """How large so many sides of a voxel, of the shortest one, are: "200 nm across"."""
    known = [side for side in spacing.zyx if side]
    if not spacing.is_known or not known:
        return "Voxel size unknown."
    nanometres = size * min(known)
    return f"{nanometres / 1000:.3g} µm across" if nanometres >= 1000 else f"{nanometres:.3g} nm across"


class SmartPage(QWidget):
    """A brush that paints only what is of some grey, or lies inside or outside of an object."""

    def __init__(self, painter: Painter) -> None:
        super().__init__()
        self._painter = painter
        self.brush = BrushPage(painter)
        self.mode = Segmented([("seeded", "Alike"), ("range", "Greys"), ("inside", "Inside"), ("outside", "Outside")])
        self.words = text_label(role="hint", wraps=True)
        self.tolerance = SliderField(0.1, LARGEST_TOLERANCE, 0.1, "sd", 1)
        self.tolerance.setToolTip("How far from the greys at the beginning, in their standard deviations.")
        self._tolerance_row = field_row("Tolerance", self.tolerance)
        self.histogram = Histogram()
        self.histogram.setAccessibleName("Greys to paint")
        self.low, self.high = fraction_box(0), fraction_box(0)
        self._greys, self._guide_row = self._grey_rows(), self._make_guide_row()
        mode_row = field_row("Only", self.mode, hint=self.words)
        self.setLayout(Column(self.brush, mode_row, self._tolerance_row, self._greys, self._guide_row))
        self.mode.chosen.connect(lambda mode: painter.change(smart=mode))
        self.tolerance.changed.connect(lambda tolerance: painter.change(tolerance=tolerance))
        self.histogram.changed.connect(lambda low, high: painter.change(grey_range=(low, high)))
        painter.settings_changed.connect(self.refresh)
        self.refresh()

    def _grey_rows(self) -> QWidget:
        for box, name in ((self.low, "Lowest grey"), (self.high, "Highest grey")):
            box.setRange(-LARGEST_GREY, LARGEST_GREY)
            box.setFixedWidth(76)
            box.setAccessibleName(name)
            box.editingFinished.connect(lambda is_low=box is self.low: self._typed(is_low))
        picture = Row(self.histogram)
        picture.setContentsMargins(14, 4, 12, 4)
        holder = QWidget()
        holder.setLayout(Column(picture, field_row("Greys", self.low, text_label("to", "second"), self.high, 1)))
        return holder

    def _make_guide_row(self) -> QWidget:
        self.guide_swatch, self.guide_words = Swatch(), ElidedLabel()
        self.pick_guide = IconButton("eyedropper", "Pick the object\nClick it in any view; Esc leaves it as it was.")
        self.pick_guide.setCheckable(True)
        self.forget_guide = IconButton("x", "Any object\nMind the one in which a stroke begins.")
        line = Row(self.guide_swatch, self.guide_words, spacing=6)
        line.setStretch(1, 1)
        return field_row("Object", line, self.pick_guide, self.forget_guide)

    def follow_guide(self, guide: GuidePick) -> None:
        """Let the row of the object choose one."""
        self.pick_guide.clicked.connect(lambda is_on: guide.begin() if is_on else guide.give_up())
        self.forget_guide.clicked.connect(guide.forget)
        guide.changed.connect(self._show_picking)

    def _show_picking(self, is_on: bool) -> None:
        self.pick_guide.setChecked(is_on)
        self.refresh()

    def _show_guide(self) -> None:
        """Say which object is minded: its id, and its layer where that is not the one painted on."""
        settings, layer = self._painter.settings, self._painter.guide_layer()
        words = "the one a stroke begins in"
        if settings.guide_id is not None:
            words = str(settings.guide_id)
            if layer is not None:
                words += "" if layer is self._painter.document.active else f" of {layer.title}"
                self.guide_swatch.set_colour(object_colour(layer, settings.guide_id))
        is_chosen = settings.guide_id is not None
        self.guide_words.set_text("click it in a view" if self.pick_guide.isChecked() else words)
        self.guide_swatch.setVisible(layer is not None)
        self.forget_guide.setVisible(is_chosen)
        self.words.setText(f"{SMART_WORDS[settings.smart]} {words if is_chosen else BEGINNING}.")

    def show_greys(self, counts: NDArray[np.float64], span: tuple[float, float]) -> None:
        """Show the histogram of the image."""
        self.histogram.show_counts(counts, span)
        self.refresh()

    def refresh(self, *_: object) -> None:
        """Show what is minded."""
        settings = self._painter.settings
        self.mode.set_value(settings.smart)
        self.words.setText(SMART_WORDS.get(settings.smart, ""))
        self._guide_row.setVisible(settings.smart in GUIDED)
        if settings.smart in GUIDED:
            self._show_guide()
        self._tolerance_row.setVisible(settings.smart == "seeded")
        blocked = self.tolerance.blockSignals(True)
        self.tolerance.set_value(settings.tolerance)
        self.tolerance.blockSignals(blocked)
        self._greys.setVisible(settings.smart == "range")
        low, high = settings.grey_range
        self.histogram.show_window(low, high)
        for box, value in ((self.low, low), (self.high, high)):
            box.setValue(value)

    def _typed(self, is_low: bool) -> None:
        """One end was typed; the other one gives way where it lies beyond."""
        low, high = self.low.value(), self.high.value()
        low, high = (low, max(low, high)) if is_low else (min(low, high), high)
        if (low, high) != self._painter.settings.grey_range:
            self._painter.change(grey_range=(low, high))
        self.refresh()
