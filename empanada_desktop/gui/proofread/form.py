"""The form "Edit objects": what is done to the objects that are picked, and how."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QLabel, QSpinBox, QVBoxLayout, QWidget

from empanada_desktop.gui.controls import (
    Column,
    MessageBar,
    Row,
    Section,
    Segmented,
    SliderField,
    rule,
    text_label,
    whole_box,
)
from empanada_desktop.gui.form_rows import ChoiceBox
from empanada_desktop.gui.proofread import values as limits
from empanada_desktop.gui.proofread.values import Mode, Values

LABEL_WIDTH, FIELD_WIDTH, ROW_HEIGHT, RIGHT = 92, 104, 30, 24
MODES = ((Mode.MERGE, "Merge"), (Mode.SPLIT, "Split"), (Mode.MORPH, "Morph"), (Mode.FILTER, "Filter"))
MODE_TIPS = (
    "Make two or more objects one.",
    "Part one object.",
    "Dilate, erode, close, open, fill holes or smooth.",
    "Remove objects that are small or touch the border.",
)
PLANE_OR_3D = (("plane", "Plane"), ("3d", "3D"))
PICKED_OR_ALL = ((False, "Picked"), (True, "All objects"))
ON_TIP = "The objects that are picked, or every object of the layer."
KEPT = (("larger", "The larger object"), ("first", "The first clicked"), ("chosen", "Chosen"))
MORPHS = (
    ("dilate", "Dilate"),
    ("erode", "Erode"),
    ("close", "Close"),
    ("open", "Open"),
    ("fill", "Fill holes"),
    ("smooth", "Smooth"),
)


class Line(QWidget):
    """A row of the form: its name, its control, and a word below it when there is something to say."""

    def __init__(self, title: str, control: QWidget, tip: str, fills: bool = False) -> None:
        super().__init__()
        self.label = QLabel(title)
        self.label.setProperty("role", "second")
        self.label.setFixedWidth(LABEL_WIDTH)
        self.control = control
        self.hint = text_label(role="hint", wraps=True)
        self.hint.setContentsMargins(LABEL_WIDTH + 5, 0, 0, 4)
        self.hint.hide()
        row = Row(self.label, control, *([] if fills else [1]), spacing=5)
        if fills:
            row.setStretch(1, 1)
        holder = QWidget()
        holder.setMinimumHeight(ROW_HEIGHT)
        holder.setLayout(row)
        layout = Column(holder, self.hint)
        layout.setContentsMargins(14, 0, RIGHT, 0)
        self.setLayout(layout)
        for widget in (self.label, control, *control.findChildren(QWidget)):
            if not widget.toolTip():
                widget.setToolTip(f"<b>{title}</b><br>{tip}")
        control.setAccessibleName(title)

    def say(self, words: str) -> None:
        """Say something below, or nothing."""
        self.hint.setText(words)
        self.hint.setVisible(bool(words))


def number_field(low: int, high: int, unit: str = "", zero: str = "") -> QSpinBox:
    """A field for a whole number with its unit inside."""
    box = whole_box()
    box.setRange(low, high)
    box.setSuffix(f" {unit}" if unit else "")
    box.setSpecialValueText(zero)
    box.setMinimumWidth(FIELD_WIDTH)
    return box


class Fields:
    """Controls by the name of the value that they hold; each tells when the user has changed it."""

    def __init__(self, changed: Callable[[str, Any], None]) -> None:
        self._changed = changed
        self._writers: dict[str, list[Callable[[Any], object]]] = {}

    def segments(self, name: str, choices: Sequence[tuple[Any, str]], tips: Sequence[str] = ()) -> Segmented:
        """A choice of few."""
        made = Segmented(choices, tips)
        made.chosen.connect(lambda value: self._changed(name, value))
        known = [value for value, _ in choices]
        self._keep(name, lambda value: made.set_value(value) if value in known else None)
        return made

    def choice(self, name: str, choices: Sequence[tuple[Any, str]]) -> ChoiceBox:
        """A choice of many."""
        made = ChoiceBox(choices)
        made.chosen.connect(lambda value: self._changed(name, value))
        self._keep(name, made.set_value)
        return made

    def number(self, name: str, low: int, high: int, unit: str = "", zero: str = "") -> QSpinBox:
        """A whole number."""
        made = number_field(low, high, unit, zero)
        made.valueChanged.connect(lambda value: self._changed(name, value))
        self._keep(name, made.setValue)
        return made

    def slider(self, name: str, low: int, high: int, unit: str = "") -> SliderField:
        """A whole number that is tried out."""
        made = SliderField(low, high, 1, unit, 0)
        made.changed.connect(lambda value: self._changed(name, int(value)))
        self._keep(name, made.set_value)
        return made

    def tick(self, name: str, words: str) -> QCheckBox:
        """Yes or no."""
        made = QCheckBox(words)
        made.toggled.connect(lambda value: self._changed(name, value))
        self._keep(name, made.setChecked)
        return made

    def show(self, values: Values) -> None:
        """Show these values in all controls."""
        for name, writers in self._writers.items():
            for write in writers:
                write(getattr(values, name))

    def _keep(self, name: str, write: Callable[[Any], object]) -> None:
        self._writers.setdefault(name, []).append(write)


class EditForm(QWidget):
    """The form; `changed` carries the name of the value that the user changed."""

    changed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.values = Values()
        self._quiet = False
        self.fields, self._below = Fields(self._take), Fields(self._take_below)
        self.bar = MessageBar("error")
        self.mode = self.fields.segments("mode", MODES, MODE_TIPS)
        self.lines: dict[str, Line] = {}
        self._pages = {mode: QWidget() for mode in Mode}
        self._make_merge()
        self._make_split(self._pages[Mode.SPLIT], "split", self.fields)
        self._make_morph()
        self._make_filter()
        below = QWidget()
        self._make_split(below, "below", self._below)
        self.split_section = Section("Split", below)
        top = Column(self.mode)
        top.setContentsMargins(12, 8, 12, 6)
        layout = QVBoxLayout()
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.bar)
        layout.addLayout(top)
        for page in self._pages.values():
            layout.addWidget(page)
        layout.addWidget(rule())
        layout.addWidget(self.split_section)
        self.setLayout(layout)
        self.show_values(self.values)

    def show_values(self, values: Values) -> None:
        """Show other values; nobody is told."""
        self._quiet = True
        self.values = values
        for fields in (self.fields, self._below):
            fields.show(values)
        self._quiet = False
        self._arrange()

    def change(self, **changes: Any) -> None:  # noqa: ANN401 - the fields of Values
        """Show some other values, as if they had been chosen."""
        before = self.values
        self.show_values(replace(before, **changes))
        for name in changes:
            if getattr(before, name) != getattr(self.values, name):
                self.changed.emit(name)

    def set_split_ready(self, is_ready: bool, note: str) -> None:
        """Let the split's fields be changed beside those of merging, or say when they can be."""
        self.split_section.content.setEnabled(is_ready)
        self.split_section.set_words(note, note)

    def show_new_id(self, lowest: int) -> None:
        """Say which id the first new part would get."""
        for place in ("split", "below"):
            box = self.lines[f"{place} new_ids_from"].control
            if isinstance(box, QSpinBox):
                box.setSpecialValueText(str(lowest) if lowest else "lowest free")

    # Parts

    def _make_merge(self) -> None:
        fields = self.fields
        works = fields.segments("works_in", PLANE_OR_3D)
        pick = fields.segments("merge_by", (("click", "Click"), ("line", "Line"), ("points", "Points")))
        kept_id = fields.number("kept_id", 1, limits.LARGEST_ID)
        bridge = fields.number("bridge", *limits.BRIDGE, "planes")
        self._fill(
            Mode.MERGE,
            ("merge works_in", Line("Works in", works, "The active plane alone, or the whole objects.", True)),
            ("merge_by", Line("Pick by", pick, "Click objects, draw a line across them, or put points on them.", True)),
            ("kept", Line("Kept id", fields.choice("kept", KEPT), "Which id the objects have together.", True)),
            ("kept_id", Line("", kept_id, "The id that they get.")),
            ("bridge", Line("Bridge gap", bridge, "Fill gaps of up to so many planes between the objects.")),
            ("goes_on", Line("After it", fields.tick("goes_on", "Go to the next in queue"), "When it is done.")),
        )

    def _make_split(self, page: QWidget, place: str, fields: Fields) -> None:
        by = fields.segments("split_by", (("distance", "Distance"), ("points", "Points"), ("line", "Line")))
        distance = fields.number("min_distance", *limits.MIN_DISTANCE, "voxels")
        new_ids = fields.number("new_ids_from", 0, limits.LARGEST_ID, zero="lowest free")
        lines = {
            "split_by": Line(
                "By", by, "Where bodies are apart, at points that you click, or along a drawn line.", True
            ),
            "min_distance": Line("Min distance", distance, "Middles of parts lie at least so far apart."),
            "new_ids_from": Line("New ids from", new_ids, "The lowest id for new parts; the largest keeps its own."),
        }
        if place == "split":
            works = fields.segments("works_in", PLANE_OR_3D)
            on = fields.segments("splits_all", PICKED_OR_ALL)
            lines = {"works_in": Line("Works in", works, "The active plane alone, or the whole object.", True), **lines}
            lines["splits_all"] = Line("On", on, ON_TIP, True)
        self.lines |= {f"{place} {name}": line for name, line in lines.items()}
        page.setLayout(_stacked(lines.values()))

    def _make_morph(self) -> None:
        fields = self.fields
        works = fields.segments("works_in", PLANE_OR_3D)
        radius = fields.slider("radius", *limits.RADIUS, "voxels")
        holes = fields.number("hole_size", 0, limits.LARGEST_HOLE, "voxels", "any size")
        on = fields.segments("on_all", PICKED_OR_ALL)
        self._fill(
            Mode.MORPH,
            ("morph works_in", Line("Works in", works, "The active plane alone, or the whole objects.", True)),
            ("morph", Line("Do", fields.choice("morph", MORPHS), "Neighbours are never touched.", True)),
            ("radius", Line("Radius", radius, "How far, in voxels of the shortest side.", True)),
            ("hole_size", Line("Holes up to", holes, "Larger holes stay open.")),
            ("on_all", Line("On", on, ON_TIP, True)),
        )

    def _make_filter(self) -> None:
        fields = self.fields
        choices = (("plane", "Plane"), ("planes", "Every plane"), ("3d", "3D"))
        works = fields.segments("works_in", choices)
        what = fields.segments("filter_by", (("small", "Small"), ("border", "At the border")))
        size = fields.number("min_size", *limits.MIN_SIZE, "voxels")
        on = fields.segments("filters_all", PICKED_OR_ALL)
        tip = "The active plane alone, every plane of the active view by itself, or the whole objects."
        self._fill(
            Mode.FILTER,
            ("filter works_in", Line("Works in", works, tip, True)),
            ("filter_by", Line("Remove", what, "Objects that are small, or that touch the border.", True)),
            ("min_size", Line("Below", size, "Objects with fewer voxels, or pixels of a plane, go.")),
            ("filters_all", Line("On", on, ON_TIP, True)),
        )

    def _fill(self, mode: Mode, *lines: tuple[str, Line]) -> None:
        self.lines |= dict(lines)
        self._pages[mode].setLayout(_stacked(line for _, line in lines))

    # Changes

    def _take(self, name: str, value: Any) -> None:  # noqa: ANN401 - whatever the control holds
        if self._quiet or getattr(self.values, name) == value:
            return
        self.show_values(replace(self.values, **{name: value}))
        self.changed.emit(name)

    def _take_below(self, name: str, value: Any) -> None:  # noqa: ANN401
        """Who sets how to split, splits."""
        if not self._quiet and getattr(self.values, name) != value:
            self.change(**{name: value, "mode": Mode.SPLIT})

    def _arrange(self) -> None:
        """Show what belongs to the values that are shown."""
        values = self.values
        if values.mode is not Mode.FILTER and values.works_in == "planes":
            self.values = values = replace(values, works_in="plane")
            self._quiet = True
            self.fields.show(values)
            self._quiet = False
        for mode, page in self._pages.items():
            page.setVisible(mode is values.mode)
        self.split_section.setVisible(values.mode is Mode.MERGE)
        self.lines["kept_id"].setVisible(values.kept == "chosen")
        self.lines["bridge"].setEnabled(values.works_in == "3d")
        for place in ("split", "below"):
            self.lines[f"{place} min_distance"].setVisible(values.split_by == "distance" or place == "below")
            self.lines[f"{place} min_distance"].setEnabled(values.split_by == "distance")
        self.lines["split splits_all"].setVisible(values.split_by == "distance")
        self.lines["radius"].setVisible(values.morph != "fill")
        self.lines["hole_size"].setVisible(values.morph == "fill")
        self.lines["min_size"].setVisible(values.filter_by == "small")


def _stacked(lines: Any) -> Column:  # noqa: ANN401 - any lines
    layout = Column(*lines)
    layout.setContentsMargins(0, 0, 0, 6)
    return layout
