"""Rows of the Annotate dock: a title at the left, controls at the right, a hint below where there is one."""

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from empanada_desktop.gui.controls import Column, Row, text_label

TITLE_WIDTH = 80


def field_row(title: str, *controls: QWidget | QHBoxLayout | QVBoxLayout | int, hint: QWidget | None = None) -> QWidget:
    """A row of a section; the first control is named after it for those who do not see."""
    label = text_label(title, "second")
    label.setFixedWidth(TITLE_WIDTH)
    named = next((control for control in controls if isinstance(control, QWidget)), None)
    if named is not None and not named.accessibleName():
        named.setAccessibleName(title)
    line = Row(label, *controls, spacing=6)
    line.setContentsMargins(14, 3, 12, 3)
    holder = QWidget()
    if hint is None:
        holder.setLayout(Column(line))
        return holder
    below = Row(hint)
    below.setContentsMargins(14 + TITLE_WIDTH + 6, 0, 12, 4)
    holder.setLayout(Column(line, below))
    return holder
