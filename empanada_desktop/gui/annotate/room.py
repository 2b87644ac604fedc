"""Makes the room Annotate: its dock, its tools and what its actions do."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, QTimer

from empanada_desktop.document import ImageLayer, PointsLayer, ShapesLayer
from empanada_desktop.errors import AppError
from empanada_desktop.gui.annotate.between_part import BetweenPart
from empanada_desktop.gui.annotate.dock import AnnotateDock
from empanada_desktop.gui.annotate.label_desk import LabelDesk
from empanada_desktop.gui.annotate.tool_part import ToolPart
from empanada_desktop.gui.docks.contrast import greys_of
from empanada_desktop.gui.jobs_strip import JobLine
from empanada_desktop.gui.notify import DEED
from empanada_desktop.gui.rooms import Room
from empanada_desktop.gui.viewer.toolbox import Toolbox

if TYPE_CHECKING:
    from empanada_desktop.gui.workspace import Workspace

LINE, SHOWN_AFTER_MS, TELL_MS = "painting deed", 400, 100


def make_room(workspace: "Workspace") -> Room:
    """Make the room; called when it is first chosen, or one of its deeds or tools is."""
    desk = AnnotateDesk(workspace)
    tools = desk.toolbox.tools
    return Room("annotate", right=desk.dock, right_header=desk.dock.header, tools=tools, deeds=desk.deeds())


class AnnotateDesk(QObject):
    """Puts the parts of the room together; each deed is one call into a part."""

    def __init__(self, workspace: "Workspace") -> None:
        super().__init__(workspace)
        self._workspace = workspace
        actions = workspace.window.actions_table
        self.labels = LabelDesk(workspace)
        self.toolbox = Toolbox(workspace.grid)
        self.painter = self.toolbox.painter
        self.painter.knows_label = self.labels.knows_label
        self.tools = ToolPart(self.painter)
        self.tools.shapes.chosen.connect(self._shape_chosen)
        self.tools.smart.follow_guide(self.toolbox.guide)
        self.between = BetweenPart(actions)
        self.dock = AnnotateDock(self.labels, self.tools, self.between, actions)
        self._image: ImageLayer | None = None
        self._protect = actions["preserve_labels"]
        self._clock = QTimer(self)
        self._clock.timeout.connect(self._tell_progress)
        self._connect()
        self._tool_chosen(workspace.tool)

    def _connect(self) -> None:
        workspace, toolbox = self._workspace, self.toolbox
        workspace.tool_chosen.connect(self._tool_chosen)
        workspace.ending.connect(toolbox.close)
        toolbox.refused.connect(self._refused)
        toolbox.busy_changed.connect(self._busy_changed)
        toolbox.deeds.edit = workspace.edits.edit_voxels
        toolbox.said.connect(lambda words: workspace.window.toast.say(words))
        self.labels.changed.connect(lambda: workspace.window.bar.settle(DEED))
        self.labels.changed.connect(self.tools.smart.refresh)
        self.painter.settings_changed.connect(self._settings_changed)

    def deeds(self) -> dict[str, Callable[[], object]]:
        """What the actions of the room do."""
        labels = self.labels
        return {
            "labels_new": labels.new_layer,
            "label_new": labels.new_label,
            "label_previous": lambda: labels.step(-1),
            "label_next": lambda: labels.step(1),
            "label_swap": labels.swap,
            "brush_smaller": lambda: self.toolbox.resize_brush(-1),
            "brush_larger": lambda: self.toolbox.resize_brush(1),
            "preserve_labels": self._toggle_protection,
            "interpolate": self.toolbox.interpolate,
            "copy_next": lambda: self.toolbox.copy_plane(1),
            "copy_previous": lambda: self.toolbox.copy_plane(-1),
            "smooth_object": lambda: self.toolbox.smooth(self.between.radius, self.between.in_3d),
            "points_new": lambda: self._add_marks(PointsLayer, "points"),
            "shapes_new": lambda: self._add_marks(ShapesLayer, "shapes"),
        }

    def _refused(self, problem: AppError) -> None:
        """Say why something was not done, with a button where all that is missing are labels."""
        window = self._workspace.window
        window.tell(problem)
        if self.labels.layer is None:
            window.bar.offer("New labels", self.labels.new_layer)

    def _busy_changed(self, is_busy: bool) -> None:
        """What takes longer than a moment is listed with the jobs, where it can be cancelled, too."""
        if is_busy:
            self._clock.start(SHOWN_AFTER_MS)
        else:
            self._clock.stop()
            self._workspace.jobs.drop_other(LINE)

    def _tell_progress(self) -> None:
        running = self.toolbox.deeds.running
        if running is not None:
            self._clock.setInterval(TELL_MS)
            words = f"{running.done:,} voxels, Esc stops it" if running.done else "Esc stops it"
            line = JobLine(LINE, running.message or "Working on the labels", "running", words=words)
            self._workspace.jobs.show_other(line, self.toolbox.cancel_deed)

    def _toggle_protection(self) -> None:
        self.painter.change(keeps_others=not self.painter.settings.keeps_others)

    def _add_marks(self, kind: type[PointsLayer | ShapesLayer], name: str) -> None:
        """Make a layer for points or shapes and take the tool for them."""
        titles = {layer.title for layer in self._workspace.document.layers}
        names = (name, *(f"{name} {number}" for number in range(2, len(titles) + 3)))
        self._workspace.document.add_layer(kind(title=next(one for one in names if one not in titles)))
        self._workspace.choose_tool(name)

    def _shape_chosen(self, kind: Literal["rectangle", "polygon", "line"]) -> None:
        self.toolbox.shapes.kind = kind

    def _settings_changed(self, *_: object) -> None:
        self._protect.setChecked(self.painter.settings.keeps_others)

    def _tool_chosen(self, name: str) -> None:
        self.tools.show_tool(name)
        image = self._workspace.image()
        if name == "smart" and image is not None and image is not self._image:
            self._image = image
            self._workspace.window.background.run(
                lambda: greys_of(image), lambda found: self._show_greys(image, *found)
            )

    def _show_greys(self, image: ImageLayer, counts: object, span: tuple[float, float]) -> None:
        if image is self._image:
            self.painter.change(grey_range=image.contrast)
            self.tools.smart.show_greys(counts, span)  # type: ignore[arg-type] # the histogram
