"""Tells the forms what advice depends on: the image, the weights' pixel sizes, the computer."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from empanada_desktop.core.hints import PixelSizes, Situation
from empanada_desktop.core.preflight import LARGE_NETWORK_BYTES, SMALL_NETWORK_BYTES
from empanada_desktop.errors import AppError
from empanada_desktop.gui.panels.frame import TaskPanel

if TYPE_CHECKING:
    from empanada_desktop.gui.workspace import Workspace


SMALL_DECODER = 64


@dataclass(frozen=True)
class WeightsFacts:
    """The pixel sizes in nm that weights were made for, None when they do not say; memory per pixel seen, in bytes."""

    pixel_sizes: PixelSizes | None = None
    network_bytes: float = SMALL_NETWORK_BYTES


class Advisor(QObject):
    """Keeps the situation of every form up to date; weights are looked at in a thread, once each."""

    def __init__(self, workspace: "Workspace") -> None:
        super().__init__(workspace)
        self._workspace = workspace
        self._known: dict[str, WeightsFacts] = {}
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
            if name not in self._known:
                self._look_up(name)
            facts = self._known[name]
            panel.use_situation(
                Situation(image.spacing, gigabytes, self._gpus(), facts.pixel_sizes, facts.network_bytes)
            )

    def _gpus(self) -> int:
        computer = self._workspace.window.computer
        return 0 if computer is None or not computer.gpu else computer.gpus

    def _look_up(self, name: str) -> None:
        self._known[name] = WeightsFacts()

        def take(facts: WeightsFacts) -> None:
            self._known[name] = facts
            self.refresh()

        self._workspace.window.background.run(lambda: facts_of(name), take)


def facts_of(name: str) -> WeightsFacts:
    """What weights say of themselves; nothing when they are not there."""
    from empanada_desktop.io.weights import find_weights

    try:
        descriptor = find_weights(name).descriptor
    except AppError:
        return WeightsFacts()
    is_small = descriptor.network.decoder_channels <= SMALL_DECODER
    return WeightsFacts(descriptor.pixel_size_nm, SMALL_NETWORK_BYTES if is_small else LARGE_NETWORK_BYTES)
