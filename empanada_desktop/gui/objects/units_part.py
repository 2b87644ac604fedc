"""The section Units of the form Measure: the unit of lengths, the voxel size, and where that is from."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLineEdit, QWidget

from empanada_desktop.core.geometry import Spacing
from empanada_desktop.errors import AppError
from empanada_desktop.gui.controls import Column, Row, Segmented, push_button, text_label
from empanada_desktop.gui.form_rows import plain_row
from empanada_desktop.gui.objects.terms import UNITS, Terms
from empanada_desktop.gui.voxel_size import set_voxel_size

if TYPE_CHECKING:
    from empanada_desktop.gui.objects.desk import ObjectsDesk

UNKNOWN = "Voxel size unknown. Sizes are shown in voxels."
NEEDED = "Needs a voxel size."
TIPS = ("Micrometres, µm² and µm³.", "Nanometres, nm² and nm³.", "Voxels, taken for cubes, whatever their size is.")
SIZE_HINT = "One number, or z, y, x in nm"


class UnitsPart(QWidget):
    """chosen: a unit. failed: what is wrong with a size that was typed; None when it was taken."""

    chosen = Signal(object)
    failed = Signal(object)

    def __init__(self, desk: "ObjectsDesk") -> None:
        super().__init__()
        self._desk = desk
        self.unit = Segmented([(unit, unit) for unit in UNITS], TIPS)
        self.voxel_size = text_label(wraps=True)
        self.source = text_label(role="hint", wraps=True)
        self.size_button = push_button("Set it", self._ask_size, role="link")
        self.size_field = QLineEdit()
        self.size_field.setPlaceholderText(SIZE_HINT)
        self.size_field.setAccessibleName("Voxel size in nm")
        self.size_field.hide()
        self.setLayout(
            Column(
                plain_row("Unit", self.unit),
                plain_row("Voxel size", self.voxel_size),
                _indented(self.source, self.size_button),
                _indented(self.size_field),
            )
        )
        self.unit.chosen.connect(self.chosen)
        self.size_field.returnPressed.connect(self._take_size)

    def refresh(self, spacing: Spacing, terms: Terms) -> None:
        """Show the voxel size and what lengths are said in."""
        is_known = terms.is_known(spacing)
        for unit in UNITS[:2]:
            self.unit.button(unit).setEnabled(is_known)
            self.unit.button(unit).setToolTip(TIPS[UNITS.index(unit)] if is_known else NEEDED)
        self.unit.set_value(terms.fitting(spacing).unit)
        self.voxel_size.setText(spacing.words)
        words = "Typed here." if spacing.source == "typed" else f"From the file: {spacing.source}."
        self.source.setText(words if is_known else UNKNOWN)
        self.size_button.setText("Change" if is_known else "Set it")

    def _ask_size(self) -> None:
        self.size_field.setVisible(self.size_field.isHidden())
        self.size_field.setFocus()

    def _take_size(self) -> None:
        try:
            set_voxel_size(self._desk.document, self.size_field.text())
        except AppError as problem:
            self.failed.emit(problem)
            return
        self.failed.emit(None)
        self.size_field.hide()


def _indented(widget: QWidget, *beside: QWidget) -> QWidget:
    line = Row(widget, *beside)
    line.setStretch(0, 1)
    line.setContentsMargins(12, 0, 24, 6)
    holder = QWidget()
    holder.setLayout(line)
    return holder
