"""The form "Fuse anew": what can be changed of a finished volume afterwards, without the network."""

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from empanada_desktop.gui.controls import Column, MessageBar, push_button, rule, text_label
from empanada_desktop.gui.form_rows import plain_row
from empanada_desktop.gui.panel_area import PanelArea
from empanada_desktop.gui.params_form import ParamsForm
from empanada_desktop.tasks.fuse import Params, params_of
from empanada_desktop.tasks.regroup import REGROUPING

ORTHO_FIELDS = ("voxel_votes", "permit_one_stack")


class FusePanel(QWidget):
    """Votes, sizes, erosion and dilation of a result; its own values are where each field begins and is reset to."""

    start_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.bar = MessageBar("error")
        self.form = ParamsForm(Params)
        self.result = text_label()
        self._area = PanelArea(self.form)
        self.start_button = push_button("Fuse anew", self.start_asked.emit, "intersect", "primary")
        self.start_button.setEnabled(False)
        footer = QVBoxLayout()
        footer.setContentsMargins(12, 8, 12, 12)
        footer.addWidget(self.start_button)
        layout = Column(self.bar, self._area, rule())
        layout.setStretch(1, 1)
        layout.addLayout(footer)
        self.setLayout(layout)
        self._show_form()

    def _show_form(self) -> None:
        self.form.setProperty("role", "panel")
        self.result = QLabel(self.result.text())
        self.form.add_row("Input", plain_row("Result", self.result))
        for section in self.form.sections.values():
            section.set_open(True)
        self._area.hold(self.form)

    def show_result(self, title: str, values: Mapping[str, Any]) -> None:
        """Offer to fuse a result anew; `values` are the parameters that it was made with."""
        self.form = ParamsForm(params_of(values))
        self.result.setText(title)
        self._show_form()
        for name in ORTHO_FIELDS:
            self.form.rows[name].set_available(bool(values.get("ortho_plane")), "This result has one stack.")
        for name in REGROUPING:
            self.form.rows[name].set_available(bool(values.get("keep_confidence")), "Its confidence was not kept.")
        self.bar.hide()
        self.start_button.setEnabled(True)

    def show_nothing(self, message: str, hint: str) -> None:
        """Say why there is nothing to fuse."""
        self.start_button.setEnabled(False)
        self.bar.say(message, "warning", hint)
