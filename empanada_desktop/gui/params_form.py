"""A form made from a task's Params class: labels, ranges, steps, units and help are read from it, never repeated."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QVBoxLayout,
    QWidget,
)

from empanada_desktop.errors import SettingsError
from empanada_desktop.gui.controls import (
    Column,
    IconButton,
    Row,
    Section,
    Segmented,
    push_button,
    set_role,
    text_label,
)
from empanada_desktop.gui.fields import Control, FieldFacts, facts_of, make_control
from empanada_desktop.gui.form_rows import RESET_WIDTH, FormBody, field_label, field_line
from empanada_desktop.tasks.params import TaskParams

SECTIONS = ("Input", "Objects", "Across planes", "Clean up", "Output", "Computer")
CLOSED_AT_FIRST = ("Clean up", "Output", "Computer")


class FieldRow(QWidget):
    """Label, control, reset, what it means beside it, and a hint with "Apply" below."""

    def __init__(self, facts: FieldFacts, control: Control, reset: Callable[[], object]) -> None:
        super().__init__()
        self.facts = facts
        self.control = control
        self.label = field_label(facts.title)
        self.label.setProperty("changed", "false")
        self.beside = text_label(role="hint")
        self.say_beside(facts.unit if isinstance(control.widget, Segmented) else "")
        self.reason = text_label(role="hint", wraps=True)
        self.reason.setContentsMargins(0, 4, 4, 0)
        self.reason.hide()
        self.reset = IconButton("arrow-counter-clockwise", f"Reset to {_in_words(facts.default)}", reset, 14)
        self.hint = text_label(role="hint", wraps=True)
        self.apply = push_button("Apply", role="link")
        self._apply_deed: Callable[[], object] | None = None
        self.apply.clicked.connect(self._apply)
        self._arrange()
        self._help()
        self.set_hint("")

    def _arrange(self) -> None:
        keeps_room = self.reset.sizePolicy()
        keeps_room.setRetainSizeWhenHidden(True)
        self.reset.setSizePolicy(keeps_room)
        self.reset.setFixedWidth(RESET_WIDTH)
        line = field_line(self.label, self.control.widget, self.beside, self.reset)
        self._below = QWidget()
        below = Row(self.hint, self.apply, spacing=6)
        below.setStretch(0, 1)
        below.setContentsMargins(12, 0, 4, 4)
        self._below.setLayout(below)
        layout = Column(self.reason, line, self._below)
        layout.setContentsMargins(12, 0, 4, 0)
        self.setLayout(layout)

    def _help(self) -> None:
        facts = self.facts
        span = f" {facts.low:g} to {facts.high:g}." if facts.low is not None and facts.high is not None else ""
        tip = f"<b>{facts.title}</b><br>{facts.help}{span} Default: {_in_words(facts.default)}."
        for widget in (self.label, self.control.widget, *self.control.widget.findChildren(QWidget)):
            widget.setToolTip(tip)
        self.control.widget.setAccessibleName(facts.title)

    def set_changed(self, changed: bool) -> None:
        """Brighten the label and offer the reset."""
        set_role(self.label, "true" if changed else "false", "changed")
        self.reset.setVisible(changed)

    def say_beside(self, words: str) -> None:
        """Say right of the control what its value comes to."""
        self.beside.setText(words)
        self.beside.setVisible(bool(words))

    def set_available(self, is_available: bool, reason: str = "") -> None:
        """Let the field be changed, or say above it why it cannot be now."""
        self.control.widget.setEnabled(is_available)
        self.label.setEnabled(is_available)
        self.beside.setEnabled(is_available)
        self.reason.setText(reason)
        self.reason.setVisible(bool(reason) and not is_available)

    def set_hint(self, text: str, deed: Callable[[], object] | None = None, words: str = "Apply") -> None:
        """Say something below the field; with a deed there is a way to apply it, which `words` name."""
        self.hint.setText(text)
        self._apply_deed = deed
        self.apply.setText(words)
        self.apply.setVisible(deed is not None)
        self._below.setVisible(bool(text))

    def _apply(self) -> None:
        if self._apply_deed is not None:
            self._apply_deed()


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


class ParamsForm(FormBody):
    """The form of one Params class; `changed` carries the name of the field."""

    changed = Signal(str)

    def __init__(self, record: type[TaskParams], replaced: Mapping[str, Control] | None = None) -> None:
        super().__init__()
        self.record = record
        self.rows: dict[str, FieldRow] = {}
        self.sections: dict[str, Section] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self._quiet = False
        for facts in facts_of(record):
            control = (replaced or {}).get(facts.name) or make_control(facts, self._teller(facts.name))
            self._add(facts, control)
        self._layout.addStretch(1)
        self.set_values({facts.name: facts.default for facts in facts_of(record)})

    def _add(self, facts: FieldFacts, control: Control) -> None:
        row = FieldRow(facts, control, lambda: self.reset(facts.name))
        self.rows[facts.name] = row
        self.add_row(facts.group, row)

    def _teller(self, name: str) -> Callable[[], None]:
        def tell() -> None:
            self._touched(name)

        return tell

    def touch(self, name: str) -> None:
        """Tell the form that a replaced control has a new value."""
        self._touched(name)

    def _touched(self, name: str) -> None:
        if not self._quiet:
            self._mark()
            self.changed.emit(name)

    def add_row(self, group: str, row: QWidget, at: int | None = None) -> None:
        """Put a row into a section, which is made when it is the first of its group."""
        section = self.sections.get(group)
        if section is None:
            content = QWidget()
            column = QVBoxLayout(content)
            column.setContentsMargins(0, 2, 0, 6)
            column.setSpacing(0)
            section = Section(group, content, group not in CLOSED_AT_FIRST)
            self.sections[group] = section
            self._layout.insertWidget(self._place(group), section)
        layout = section.content.layout()
        if isinstance(layout, QVBoxLayout):
            layout.insertWidget(layout.count() if at is None else at, row)

    def _place(self, group: str) -> int:
        """Where a new section goes: sections keep the order of SECTIONS, others come after them."""
        order = {name: place for place, name in enumerate(SECTIONS)}
        rank = order.get(group, len(SECTIONS))
        before = [other for other in self.sections if other != group and order.get(other, len(SECTIONS)) <= rank]
        return max((self._layout.indexOf(self.sections[other]) for other in before), default=-1) + 1

    def values(self) -> dict[str, Any]:
        """What the fields show."""
        return {name: row.control.read() for name, row in self.rows.items()}

    def params(self) -> TaskParams:
        """The filled Params; SettingsError names what does not fit."""
        return self.record.checked(self.values())

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show these values; names that the form does not know are passed over. Tells once, with an empty name."""
        self._quiet = True
        for name, value in values.items():
            if name in self.rows and value is not None:
                self.rows[name].control.write(value)
        self._quiet = False
        self._mark()
        self.changed.emit("")

    def set_value(self, name: str, value: object) -> None:
        """Show one value, as if it had been typed."""
        if self.rows[name].control.read() != value:
            self._write(name, value)

    def _write(self, name: str, value: object) -> None:
        """Some controls tell what was written into them, some do not: it is told once."""
        self._quiet = True
        self.rows[name].control.write(value)
        self._quiet = False
        self._touched(name)

    def reset(self, name: str | None = None) -> None:
        """Go back to the default of one field, or of all."""
        if name is None:
            self.set_values({name: row.facts.default for name, row in self.rows.items()})
        else:
            self._write(name, self.rows[name].facts.default)

    def changed_names(self) -> list[str]:
        """The fields that are not at their default."""
        return [name for name, row in self.rows.items() if not _same(row.control.read(), row.facts.default)]

    def load_recipe(self, path: Path) -> None:
        """Take the parameters of a recipe or a job.yaml; SettingsError when it is none."""
        self.set_values(self.record.checked(_recipe_params(path, set(self.rows))).model_dump())

    def save_recipe(self, path: Path, task: str) -> None:
        """Write the parameters as a recipe."""
        content = {"task": task, "params": self.params().model_dump(mode="json")}
        path.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")

    def _mark(self) -> None:
        changed = self.changed_names()
        for name, row in self.rows.items():
            row.set_changed(name in changed)
        self._mark_needs()
        for group, section in self.sections.items():
            own = [row for row in self.rows.values() if row.facts.group == group]
            count = sum(row.facts.name in changed for row in own)
            section.set_words(f"{count} changed" if count else "", _summary(own))

    def _mark_needs(self) -> None:
        """Fields that mean nothing without a switch can be changed while it is on; the first says which it is."""
        said: set[str] = set()
        for row in self.rows.values():
            need = self.rows.get(row.facts.needs)
            if need is not None:
                reason = f"Available with {need.facts.title.lower()}." if row.facts.needs not in said else ""
                row.set_available(bool(need.control.read()), reason)
                said.add(row.facts.needs)


def _summary(rows: list[FieldRow]) -> str:
    words = [f"{row.facts.title.lower()} {_in_words(row.control.read())}" for row in rows]
    return ", ".join(words)


def _same(value: object, default: object) -> bool:
    if isinstance(value, float) and isinstance(default, float | int):
        return abs(value - default) < 1e-6
    if isinstance(value, tuple) and isinstance(default, tuple):
        return tuple(map(str, value)) == tuple(map(str, default))
    return value == default


def _recipe_params(path: Path, known: set[str]) -> dict[str, Any]:
    """The parameters of a recipe that this form has."""
    hint = "A recipe is YAML with task and params."
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{path} is not a recipe.", hint) from error
    params = values.get("params") if isinstance(values, dict) else None
    if not isinstance(params, dict):
        raise SettingsError(f"{path} is not a recipe.", hint)
    return {name: value for name, value in params.items() if name in known}
