"""Picks with a click the object that the smart brush stays inside or outside of; then the brush is in hand again."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal

from empanada_desktop.core.geometry import Axis
from empanada_desktop.document import LabelsLayer
from empanada_desktop.document.painting import Painter
from empanada_desktop.gui.viewer.canvas_tool import CanvasTool, Modifiers
from empanada_desktop.gui.viewer.click_tools import Voxel, VoxelTool
from empanada_desktop.gui.viewer.view_grid import ViewGrid

Take = Callable[[LabelsLayer, int], object]


class GuidePick(QObject):
    """`find(voxel, take)` looks for an object, perhaps in a thread; `changed` tells whether the next click picks."""

    changed = Signal(bool)

    def __init__(self, grid: ViewGrid, painter: Painter, find: Callable[[Voxel, Take], object]) -> None:
        super().__init__(grid)
        self._grid, self._painter, self._find = grid, painter, find
        self._tool = _OneClick(self._picked, self.give_up, self.changed.emit)
        self._before: CanvasTool | None = None

    @property
    def is_on(self) -> bool:
        """Whether the next click picks."""
        return self._grid.canvas_tool is self._tool

    def begin(self) -> None:
        """Let the next click pick, instead of what the tool in hand does."""
        if not self.is_on:
            self._before = self._grid.canvas_tool
            self._grid.set_canvas_tool(self._tool)
            self.changed.emit(True)

    def give_up(self) -> bool:
        """Take the brush in hand again; True when a click was waited for."""
        was_on = self.is_on
        if was_on:
            self._grid.set_canvas_tool(self._before)
        return was_on

    def forget(self) -> None:
        """Mind the object in which a stroke begins, whichever that is."""
        self._painter.change(guide_id=None, guide_layer="")

    def _picked(self, _axis: Axis, voxel: Voxel, _modifiers: Modifiers) -> None:
        self.give_up()
        self._find(voxel, lambda layer, label_id: self._painter.change(guide_id=label_id, guide_layer=layer.id))


class _OneClick(VoxelTool):
    """Put away, it no longer waits."""

    def __init__(
        self,
        deed: Callable[[Axis, Voxel, Modifiers], object],
        give_up: Callable[[], bool],
        told: Callable[[bool], object],
    ) -> None:
        super().__init__(deed, give_up, Qt.CursorShape.PointingHandCursor)
        self._told = told

    def put_away(self) -> None:
        """Tell that the next click does not pick."""
        self._told(False)
