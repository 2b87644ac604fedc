"""The fields of a task's Params class: what a form has to know of each, and the control that fits its type."""

import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QWidget

from empanada_desktop.gui.controls import Segmented, SliderField, whole_box
from empanada_desktop.gui.form_rows import narrow_combo
from empanada_desktop.tasks.params import TaskParams

SLIDER_STEPS, SEGMENTS = 100, 3


@dataclass(frozen=True)
class FieldFacts:
    """What a form has to know of a field of a Params class."""

    name: str
    title: str
    help: str
    kind: Any
    choices: tuple[Any, ...]
    low: float | None
    high: float | None
    default: Any
    group: str
    step: float
    unit: str
    words: str = ""
    zero: str = ""
    needs: str = ""

    @property
    def is_fraction(self) -> bool:
        """True for numbers with a part behind the point."""
        return self.kind is float


def facts_of(record: type[TaskParams]) -> list[FieldFacts]:
    """Read the fields of a Params class in their order."""
    return [_facts(name, field) for name, field in record.model_fields.items()]


def _facts(name: str, field: Any) -> FieldFacts:  # noqa: ANN401 - pydantic's FieldInfo
    extra = field.json_schema_extra or {}
    kind = _plain_type(field.annotation)
    limits = {type(limit).__name__: limit for limit in field.metadata}
    low, high = getattr(limits.get("Ge"), "ge", None), getattr(limits.get("Le"), "le", None)
    choices = get_args(kind) if get_origin(kind) is Literal else ()
    step = extra.get("step") or (0.05 if kind is float else 1)
    title, unit = field.title or name, extra.get("unit") or ""
    return FieldFacts(
        name,
        title,
        field.description or "",
        kind,
        choices,
        low,
        high,
        field.default,
        extra.get("group", ""),
        step,
        unit,
        extra.get("words", ""),
        extra.get("zero", ""),
        extra.get("needs", ""),
    )


def _plain_type(annotation: Any) -> Any:  # noqa: ANN401 - a type expression
    if get_origin(annotation) in (Union, types.UnionType):
        return next(part for part in get_args(annotation) if part is not type(None))
    return annotation


class Control:
    """One field's widget with a way to read it, to set it, and to learn that it changed."""

    def __init__(self, widget: QWidget, read: Callable[[], Any], write: Callable[[Any], None]) -> None:
        self.widget = widget
        self.read = read
        self.write = write


def make_control(facts: FieldFacts, changed: Callable[[], None]) -> Control:
    """Make the widget that fits a field's type and limits."""
    if facts.kind is bool:
        return _check(facts, changed)
    if facts.choices:
        return _choice(facts, facts.choices, changed)
    if facts.kind in (int, float) and facts.low is not None and facts.high is not None:
        steps = (facts.high - facts.low) / facts.step
        if facts.kind is int and steps < SEGMENTS:
            return _choice(facts, tuple(range(int(facts.low), int(facts.high) + 1)), changed)
        return _slider(facts, changed) if steps <= SLIDER_STEPS else _whole(facts, changed)
    return _text(facts, changed)


def _check(facts: FieldFacts, changed: Callable[[], None]) -> Control:
    box = QCheckBox(facts.words)
    box.toggled.connect(lambda _on: changed())
    return Control(box, box.isChecked, box.setChecked)


def _choice(facts: FieldFacts, choices: tuple[Any, ...], changed: Callable[[], None]) -> Control:
    if len(choices) <= SEGMENTS:
        segments = Segmented([(choice, str(choice)) for choice in choices])
        segments.chosen.connect(lambda _value: changed())
        return Control(segments, segments.value, segments.set_value)
    box = QComboBox()
    narrow_combo(box)
    for choice in choices:
        box.addItem(f"{choice} {facts.unit}".strip(), choice)
    box.currentIndexChanged.connect(lambda _number: changed())
    return Control(box, box.currentData, lambda value: box.setCurrentIndex(box.findData(value)))


def _slider(facts: FieldFacts, changed: Callable[[], None]) -> Control:
    digits = 2 if facts.is_fraction else 0
    # Sliders move in tenths of the advised step: a value is felt while it is dragged.
    step = facts.step / 10 if facts.is_fraction else facts.step
    field = SliderField(facts.low or 0, facts.high or 1, max(step, 0.01), facts.unit, digits)
    field.number.setSingleStep(facts.step if facts.is_fraction else int(facts.step))  # type: ignore[arg-type]
    field.changed.connect(lambda _value: changed())

    def read() -> float | int:
        return round(field.value(), 4) if facts.is_fraction else int(field.value())

    return Control(field, read, field.set_value)


def _whole(facts: FieldFacts, changed: Callable[[], None]) -> Control:
    box = whole_box()
    box.setRange(int(facts.low or 0), int(facts.high or 0))
    box.setSuffix(f" {facts.unit}" if facts.unit else "")
    box.setSingleStep(int(facts.step))
    box.setSpecialValueText(facts.zero)
    box.setFixedWidth(88)
    box.valueChanged.connect(lambda _value: changed())
    return Control(box, box.value, box.setValue)


def _text(facts: FieldFacts, changed: Callable[[], None]) -> Control:
    line = QLineEdit()
    line.editingFinished.connect(changed)
    if get_origin(facts.kind) is not tuple:
        return Control(line, line.text, lambda value: line.setText(str(value)))

    def read() -> tuple[str, ...]:
        return tuple(part.strip() for part in line.text().replace("×", ",").split(",") if part.strip())

    return Control(line, read, lambda value: line.setText(", ".join(map(str, value))))
