"""The right dock: the two forms of segmenting, one at a time, with their recipes."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QStackedWidget, QWidget

from empanada_desktop.errors import AppError
from empanada_desktop.gui.controls import Column, IconButton, Segmented
from empanada_desktop.gui.panels.frame import TaskPanel
from empanada_desktop.gui.panels.plane_panel import PlanePanel
from empanada_desktop.gui.panels.volume_panel import VolumePanel
from empanada_desktop.gui.shell import RIGHT_WIDTH, dock_header

RECIPES = "Recipes (*.yaml *.yml);;All files (*)"
TASKS = {"plane": "segment-plane", "volume": "segment-volume"}


class SegmentDock(QWidget):
    """Plane or volume; `mode_changed` carries which."""

    mode_changed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.setMinimumWidth(RIGHT_WIDTH)
        self.plane, self.volume = PlanePanel(), VolumePanel()
        self.mode = Segmented([("plane", "Plane"), ("volume", "Volume")])
        self._stack = QStackedWidget()
        self._stack.addWidget(self.plane)
        self._stack.addWidget(self.volume)
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
        self.mode.chosen.connect(lambda name: self.show_mode(str(name)))

    @property
    def current(self) -> TaskPanel:
        """The panel that is shown."""
        return self.plane if self._stack.currentWidget() is self.plane else self.volume

    def show_mode(self, name: str) -> None:
        """Show "plane" or "volume"."""
        self.mode.set_value(name)
        self._stack.setCurrentWidget(self.plane if name == "plane" else self.volume)
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
            self.current.form.save_recipe(path, TASKS["plane" if self.current is self.plane else "volume"])
        except (AppError, OSError) as problem:
            self.current.bar.say(str(problem), "error")

    def _reset(self) -> None:
        self.current.form.reset()
