"""The room Measure: the forms on the right, the object table below the views."""

from typing import TYPE_CHECKING

from empanada_desktop.gui.objects.measure_form import MeasureForm
from empanada_desktop.gui.objects.table import ObjectTable
from empanada_desktop.gui.rooms import Room
from empanada_desktop.gui.shell import dock_header

if TYPE_CHECKING:
    from empanada_desktop.gui.workspace import Workspace


def make_room(workspace: "Workspace") -> Room:
    """Make the room; called when its tab is first chosen."""
    table = ObjectTable(workspace)
    return Room("measure", right=MeasureForm(workspace, table), right_header=dock_header("Measure"), bottom=table)
