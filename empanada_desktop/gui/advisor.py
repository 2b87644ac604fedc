"""Tells the forms what advice depends on: the image, the weights' pixel sizes, the computer."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from empanada_desktop.core.hints import PixelSizes, Situation
from empanada_desktop.errors import AppError
from empanada_desktop.gui.panels.frame import TaskPanel

if TYPE_CHECKING:
    from empanada_desktop.gui.workspace import Workspace


class Advisor(QObject):
    """Keeps the situation of every form up to date; weights are looked at in a thread, once each."""

    def __init__(self, workspace: "Workspace") -> None:
        super().__init__(workspace)
        self._workspace = workspace
        self._sizes: dict[str, PixelSizes | None] = {}
        for panel in self._panels():
            panel.weights.currentIndexChanged.connect(lambda _number: self.refresh())

    def _panels(self) -> tuple[TaskPanel, ...]:
        return self._workspace.form.plane, self._workspace.form.volume

    def refresh(self) -> None:
        """Look at the image and the weights anew."""
        image = self._workspace.image()
        if image is None:
            return
        z, y, x = image.shape
        gigabytes = z * y * x * image.source.dtype.itemsize / 1e9
        for panel in self._panels():
            name = panel.weights.value()
            if name not in self._sizes:
                self._look_up(name)
            panel.use_situation(Situation(image.spacing, gigabytes, self._gpus(), self._sizes[name]))

    def _gpus(self) -> int:
        computer = self._workspace.window.computer
        return 0 if computer is None or not computer.gpu else 1

    def _look_up(self, name: str) -> None:
        self._sizes[name] = None

        def take(sizes: PixelSizes | None) -> None:
            self._sizes[name] = sizes
            self.refresh()

        self._workspace.window.background.run(lambda: pixel_sizes_of(name), take)


def pixel_sizes_of(name: str) -> PixelSizes | None:
    """The pixel sizes in nm that weights were made for; None when they do not say, or are not there."""
    from empanada_desktop.io.weights import find_weights

    try:
        return find_weights(name).descriptor.pixel_size_nm
    except AppError:
        return None
