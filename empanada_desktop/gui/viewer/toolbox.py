"""The tools for painting and marking on the planes of a grid, and deeds on the label that is painted with."""

from collections import deque
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal

from empanada_desktop.core import paint_masks
from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.core.paint_rules import Rule
from empanada_desktop.document import LabelsLayer, paint_deeds
from empanada_desktop.document.at_hand import is_at_hand
from empanada_desktop.document.painting import Painter, sides
from empanada_desktop.errors import AppError, JobCancelled, SettingsError
from empanada_desktop.gui.qt_runner import Background
from empanada_desktop.gui.viewer import composing
from empanada_desktop.gui.viewer.brush_tool import BrushTool, resize
from empanada_desktop.gui.viewer.canvas_tool import CanvasTool, Modifiers
from empanada_desktop.gui.viewer.click_tools import CONTROL, PolygonTool, Vertices, Voxel, VoxelTool
from empanada_desktop.gui.viewer.guide_pick import GuidePick, Take
from empanada_desktop.gui.viewer.points_tool import PointsTool
from empanada_desktop.gui.viewer.region_deeds import RegionDeeds, Stoppable, Work
from empanada_desktop.gui.viewer.shapes_tool import ShapesTool
from empanada_desktop.gui.viewer.view_grid import ViewGrid

# Copies that are asked for while one is made: a key that is held sets the pace, and soon ends when it is let go.
MOST_COPIES = 3


class Toolbox(QObject):
    """`tools` by name: brush, eraser, smart, fill, pick, polygon, points, shapes; what takes long runs in a thread."""

    refused = Signal(object)
    """An AppError: why something was not done."""
    said = Signal(str)
    """What was done, or found not to be needed, where nothing shows it."""
    busy_changed = Signal(bool)
    """Whether a deed runs."""

    def __init__(self, grid: ViewGrid, painter: Painter | None = None) -> None:
        super().__init__(grid)
        self.grid, self.document = grid, grid.document
        self.painter = painter or Painter(grid.document)
        self._background = Background(self, self._failed, _warm_up)
        self._background.warm_up()
        self.painter.reader = self._read
        self.painter.progressed.connect(grid.update_overlays)
        self.painter.said.connect(self.said.emit)
        self.painter.settings_changed.connect(grid.update_overlays)
        self.deeds = RegionDeeds(self.painter, self._background, self)
        for mine, theirs in (
            (self.refused, self.deeds.refused),
            (self.said, self.deeds.said),
            (self.busy_changed, self.deeds.busy_changed),
        ):
            theirs.connect(mine)
        self._copies: deque[int] = deque()
        self._is_copying = False
        guard = self.guard
        self.points = PointsTool(self.document, guard)
        self.shapes = ShapesTool(self.document, guard, self._refuse)
        self.guide = GuidePick(grid, self.painter, self._find)
        self.tools: dict[str, CanvasTool] = {
            "brush": BrushTool("brush", self.painter, guard, grid.canvases),
            "eraser": BrushTool("eraser", self.painter, guard, grid.canvases),
            "smart": BrushTool("smart", self.painter, guard, grid.canvases),
            "fill": VoxelTool(self._fill, self.cancel_deed, Qt.CursorShape.PointingHandCursor),
            "pick": VoxelTool(self._pick, self.cancel_deed, Qt.CursorShape.PointingHandCursor),
            "polygon": PolygonTool(self._close_polygon, self._refuse),
            "points": self.points,
            "shapes": self.shapes,
        }

    @property
    def is_busy(self) -> bool:
        """Whether a deed runs in a thread."""
        return self.deeds.running is not None

    def close(self) -> None:
        """End the threads."""
        self.cancel_deed()
        self._background.close()

    def guard(self, deed: Callable[[], object]) -> bool:
        """Do something; what the user can mend is told. Returns whether it was done."""
        try:
            deed()
        except AppError as problem:
            self.refused.emit(problem)
            return False
        return True

    # Deeds for menus and keys

    def resize_brush(self, steps: float) -> None:
        """Make the brush larger, or smaller with negative steps."""
        resize(self.painter, steps)

    def interpolate(self) -> None:
        """Draw the active label on the planes between two on which it is drawn."""
        axis, index, units = self._plane()

        def work(layer: LabelsLayer, context: Stoppable) -> paint_deeds.Change:
            return paint_deeds.interpolate(layer.source, layer.active_id, axis, index, units, context)

        self._run(work, needs_label=True)

    def copy_plane(self, step: int) -> None:
        """Draw the active label of this plane on the one `step` further, and go there.

        Asked for while a copy is made, as by a key that is held, it goes on from there afterwards.
        """
        if not (self.is_busy and self._is_copying):
            self._copies.clear()
            self._copy(step)
        elif len(self._copies) < MOST_COPIES:
            self._copies.append(step)

    def _copy(self, step: int) -> None:
        axis, index, _ = self._plane()

        def work(layer: LabelsLayer, context: Stoppable) -> paint_deeds.Change:
            return paint_deeds.copy_plane(layer.source, layer.active_id, axis, index, step)

        def go_there() -> None:
            crosshair = list(self.document.view.crosshair)
            crosshair[axis.normal] = index + step
            self.document.change_view(crosshair=tuple(crosshair))
            self._is_copying = False
            if self._copies:
                self._copy(self._copies.popleft())

        self._is_copying = self._run(work, needs_label=True, then=go_there)

    def smooth(self, radius: float, in_3d: bool) -> None:
        """Smooth the active label on this plane, or the object that it is part of there."""
        axis, index, units = self._plane()

        def work(layer: LabelsLayer, context: Stoppable) -> paint_deeds.Change:
            return paint_deeds.smooth(layer.source, layer.active_id, axis, index, in_3d, radius, units, context)

        self._run(work, needs_label=True)

    def cancel_deed(self) -> bool:
        """Stop the deed that runs; True when there was one."""
        self._copies.clear()
        return self.deeds.stop()

    # What the tools ask for

    def _fill(self, axis: Axis, voxel: Voxel, modifiers: Modifiers) -> None:
        settings = self.painter.settings
        where = None if settings.fills_in_3d else axis

        def work(layer: LabelsLayer, context: Stoppable) -> paint_deeds.Change:
            rule = self._rule(layer, modifiers)
            return paint_deeds.fill(layer.source, voxel, where, rule, settings.fill_limit, context)

        self._run(work)

    def _close_polygon(self, axis: Axis, plane: int, vertices: Vertices, modifiers: Modifiers) -> None:
        def work(layer: LabelsLayer, context: Stoppable) -> paint_deeds.Change:
            return paint_deeds.polygon(layer.source, axis, plane, list(vertices), self._rule(layer, modifiers))

        self._run(work)

    def _rule(self, layer: LabelsLayer, modifiers: Modifiers) -> Rule:
        """Paint with the active label, or erase with Ctrl."""
        keeps = self.painter.settings.keeps_others and layer.active_id > 0
        erases = bool(modifiers & CONTROL)
        return Rule(0, layer.active_id, keeps) if erases else Rule(layer.active_id, keeps_others=keeps)

    def _pick(self, axis: Axis, voxel: Voxel, modifiers: Modifiers) -> None:
        """Paint on with the label of a voxel."""
        self._find(voxel, self._take)

    def _find(self, voxel: Voxel, take: Take) -> None:
        """Find the object at a voxel: of the layer painted on, otherwise of the topmost one seen there."""
        layers = [one for one in reversed(self.document.of_kind(LabelsLayer)) if one.visible and not one.is_preview]
        layers.sort(key=lambda layer: layer is not self.document.active)
        box = Box(voxel, (voxel[0] + 1, voxel[1] + 1, voxel[2] + 1))
        layers = [layer for layer in layers if self._holds(layer, voxel)]

        def look() -> list[int]:
            return [int(layer.source[box.slices].item()) for layer in layers]

        def choose(found: list[int]) -> None:
            for layer, label_id in zip(layers, found, strict=True):
                if label_id and layer in self.document.layers:
                    take(layer, label_id)
                    return
            self.said.emit("No object here.")

        if all(is_at_hand(layer.source, box) for layer in layers):
            choose(look())
        else:
            self._background.run(look, choose)

    def _take(self, layer: LabelsLayer, label_id: int) -> None:
        self.document.active = layer
        self.document.change_layer(layer, active_id=label_id)
        self.document.select(layer, {label_id})

    # How deeds run

    def _plane(self) -> tuple[Axis, int, tuple[float, float, float]]:
        axis = self.grid.active_axis
        return axis, self.document.view.crosshair[axis.normal], sides(self.document.spacing)

    def _holds(self, layer: LabelsLayer, voxel: Voxel) -> bool:
        return all(0 <= place < length for place, length in zip(voxel, layer.shape, strict=True))

    def _run(self, work: Work, needs_label: bool = False, then: Callable[[], object] = bool) -> bool:
        return self.guard(lambda: self.deeds.run(work, needs_label, then))

    def _failed(self, problem: BaseException) -> None:
        if isinstance(problem, AppError):
            self.refused.emit(problem)
        elif not isinstance(problem, JobCancelled):
            raise problem

    def _refuse(self, message: str, hint: str) -> None:
        self.refused.emit(SettingsError(message, hint))

    def _read(self, work: Callable[[], None], then: Callable[[BaseException | None], None]) -> None:
        def failed(problem: BaseException) -> None:
            then(problem)
            self._failed(problem)

        self._background.run(work, lambda _: then(None), failed)


def _warm_up() -> None:
    """Load what paints after what draws: both are compiled in another process where that is still to be done."""
    composing.backend.warm_up().join()
    paint_masks.backend.warm_up()
