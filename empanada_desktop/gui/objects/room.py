"""The room Measure: the forms on the right, the object table below the views."""

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QStackedWidget, QWidget

from empanada_desktop.gui.controls import Column, Segmented
from empanada_desktop.gui.objects.export_pages import Exports
from empanada_desktop.gui.objects.measure_form import MeasureForm
from empanada_desktop.gui.objects.score_form import ScoreForm
from empanada_desktop.gui.objects.table import ObjectTable
from empanada_desktop.gui.rooms import Room
from empanada_desktop.gui.shell import RIGHT_WIDTH, dock_header

if TYPE_CHECKING:
    from empanada_desktop.gui.workspace import Workspace


class MeasureDock(QWidget):
    """Measuring objects, or scoring one label layer against another."""

    def __init__(self, workspace: "Workspace", table: ObjectTable) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.setMinimumWidth(RIGHT_WIDTH)
        self.measure, self.score = MeasureForm(workspace, table), ScoreForm(workspace)
        self.mode = Segmented([("measure", "Measure"), ("score", "Score")])
        self._stack = QStackedWidget()
        for form in (self.measure, self.score):
            self._stack.addWidget(form)
        choice = Column(self.mode)
        choice.setContentsMargins(12, 4, 12, 8)
        holder = QWidget()
        holder.setLayout(choice)
        layout = Column(holder, self._stack)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        self.header = dock_header("Measure")
        self.mode.chosen.connect(lambda name: self.show_mode(str(name)))

    def show_mode(self, name: str) -> None:
        """Show "measure" or "score"."""
        self.mode.set_value(name)
        self._stack.setCurrentWidget(self.score if name == "score" else self.measure)


def make_room(workspace: "Workspace") -> Room:
    """Make the room; called when its tab is first chosen."""
    table = ObjectTable(workspace)
    dock = MeasureDock(workspace, table)
    exports = Exports(workspace)
    deeds = {"export_planes": exports.ask_export, "cut_tiles": exports.ask_cut, "merge_tiles": exports.ask_merge}
    return Room("measure", right=dock, right_header=dock.header, bottom=table, deeds=deeds)
