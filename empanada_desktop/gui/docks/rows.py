"""Rows of the layers dock."""

from collections.abc import Callable

from PySide6.QtWidgets import QHBoxLayout, QWidget

from empanada_desktop.gui.controls import Column, Row, SliderField, text_label

LABEL_WIDTH = 60


def look_row(title: str, *widgets: QWidget | QHBoxLayout | int) -> QWidget:
    """A row of the dock: title left, the rest right."""
    label = text_label(title, "second")
    label.setFixedWidth(LABEL_WIDTH)
    line = Row(label, *widgets, spacing=6)
    line.setContentsMargins(14, 3, 10, 3)
    holder = QWidget()
    holder.setLayout(line)
    return holder


def opacity_field(changed: Callable[[float], None]) -> SliderField:
    """A field for per cent."""
    field = SliderField(0, 100, 1, "%", 0)
    field.number.setFixedWidth(62)
    field.changed.connect(changed)
    return field


def show_value(field: SliderField, value: float) -> None:
    """Show a value without telling anybody."""
    blocked = field.blockSignals(True)
    field.set_value(round(value))
    field.blockSignals(blocked)


def stacked(*widgets: QWidget) -> QWidget:
    """Widgets below one another, as one."""
    holder = QWidget()
    holder.setLayout(Column(*widgets))
    return holder
