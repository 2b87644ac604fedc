"""The right dock: the two forms of segmenting, one at a time, with their recipes."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QStackedWidget, QWidget

from empanada_desktop.errors import AppError
from empanada_desktop.gui.controls import Column, IconButton, Segmented
from empanada_desktop.gui.panels.frame import TaskPanel
from empanada_desktop.gui.panels.fuse_panel import FusePanel
from empanada_desktop.gui.panels.plane_panel import PlanePanel
from empanada_desktop.gui.panels.volume_panel import VolumePanel
from empanada_desktop.gui.shell import RIGHT_WIDTH, dock_header

RECIPES = "Recipes (*.yaml *.yml);;All files (*)"
TASKS = {"plane": "segment-plane", "volume": "segment-volume", "fuse": "fuse"}


class SegmentDock(QWidget):
    """Plane, volume, or fusing a volume's result anew; `mode_changed` carries which."""

    mode_changed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.setMinimumWidth(RIGHT_WIDTH)
        self.plane, self.volume, self.fuse = PlanePanel(), VolumePanel(), FusePanel()
        self._panels: dict[str, TaskPanel | FusePanel] = {
            "plane": self.plane, "volume": self.volume, "fuse": self.fuse
        }  # fmt: skip
        self.mode = Segmented([("plane", "Plane"), ("volume", "Volume"), ("fuse", "Fuse anew")])
        self._stack = QStackedWidget()
        buttons = (
            IconButton("folder-open", "Load a recipe\nTake the parameters of a result or a job.yaml.", self._load),
            IconButton("floppy-disk", "Save as recipe\nThe command line runs it, too.", self._save),
            IconButton("arrow-counter-clockwise", "Reset all\nPut every field back to its default.", self._reset),
        )
        choice = Column(self.mode)
        choice.setContentsMargins(12, 4, 12, 8)
        holder = QWidget()
        holder.setLayout(choice)
        self.header = dock_header("Segment", buttons)
        layout = Column(holder, self._stack)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        for panel in self._panels.values():
            self._stack.addWidget(panel)
        self.mode.chosen.connect(lambda name: self.show_mode(str(name)))

    @property
    def current(self) -> TaskPanel | FusePanel:
        """The panel that is shown."""
        return self._panels[str(self.mode.value())]

    def show_mode(self, name: str) -> None:
        """Show "plane", "volume" or "fuse"."""
        self.mode.set_value(name)
        self._stack.setCurrentWidget(self._panels[name])
        self.mode_changed.emit(name)

    def take_over(self) -> None:
        """Give the plane's settings to the volume and show it."""
        self.volume.form.set_values(self.plane.form.values())
        self.show_mode("volume")

    def _load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load a recipe", "", RECIPES)
        if path:
            self.load_recipe(Path(path))

    def load_recipe(self, path: Path) -> None:
        """Take the parameters of a recipe; what does not fit is said in the panel."""
        try:
            self.current.form.load_recipe(path)
        except AppError as problem:
            self.current.bar.say(problem.message, "error", problem.hint)

    def _save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save as recipe", "recipe.yaml", RECIPES)
        if path:
            self.save_recipe(Path(path))

    def save_recipe(self, path: Path) -> None:
        """Write the parameters as a recipe."""
        try:
            self.current.form.save_recipe(path, TASKS[str(self.mode.value())])
        except (AppError, OSError) as problem:
            self.current.bar.say(str(problem), "error")

    def _reset(self) -> None:
        self.current.form.reset()
