"""A hand on the planes: real mouse, wheel and key events at places in voxels."""

from collections.abc import Callable, Sequence
from typing import Any

from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from empanada_desktop.core.geometry import Axis
from empanada_desktop.document import Document, LabelsLayer
from empanada_desktop.errors import AppError
from empanada_desktop.gui.viewer.camera import DISPLAYED
from empanada_desktop.gui.viewer.canvas import PlaneCanvas
from empanada_desktop.gui.viewer.toolbox import Toolbox
from empanada_desktop.gui.viewer.view_grid import ViewGrid

LEFT, RIGHT, NO_BUTTON = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton, Qt.MouseButton.NoButton
NO_KEY, CONTROL, SHIFT = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
)
Spot = tuple[float, float]
HERE = (120, 100, 130)


class Hand:
    """Draws on the planes of a grid with the tools of a toolbox; `refused` and `said` are what was told."""

    def __init__(self, document: Document, grid: ViewGrid, toolbox: Toolbox, qtbot: QtBot) -> None:
        self.document, self.grid, self.toolbox, self.qtbot = document, grid, toolbox, qtbot
        self.refused: list[AppError] = []
        self.said: list[str] = []
        toolbox.refused.connect(self.refused.append)
        toolbox.said.connect(self.said.append)

    @property
    def layer(self) -> LabelsLayer:
        """The label layer on top."""
        return self.document.of_kind(LabelsLayer)[-1]

    def voxels(self) -> NDArray[Any]:
        """All labels."""
        voxels: NDArray[Any] = self.layer.source[:, :, :]  # a new array each time
        return voxels

    def take(self, tool: str) -> None:
        """Take a tool in hand."""
        self.grid.set_canvas_tool(self.toolbox.tools[tool])

    def canvas(self, axis: Axis) -> PlaneCanvas:
        """The picture of an orientation."""
        return self.grid.canvas(axis)

    def pixel(self, axis: Axis, spot: Spot) -> QPointF:
        """Where a place (displayed row, column in voxels) is on the canvas."""
        return QPointF(*self.canvas(axis).camera().point_of(*spot))

    def send(self, axis: Axis, kind: QEvent.Type, spot: Spot, button: Any, held: Any, keys: Any = NO_KEY) -> None:
        """Send one mouse event."""
        canvas, place = self.canvas(axis), self.pixel(axis, spot)
        QApplication.sendEvent(canvas, QMouseEvent(kind, place, canvas.mapToGlobal(place), button, held, keys))

    def press(self, axis: Axis, spot: Spot, keys: Any = NO_KEY) -> None:
        """The left button goes down."""
        self.send(axis, QEvent.Type.MouseButtonPress, spot, LEFT, LEFT, keys)

    def move(self, axis: Axis, *spots: Spot, held: Any = LEFT) -> None:
        """The mouse moves through places."""
        for spot in spots:
            self.send(axis, QEvent.Type.MouseMove, spot, NO_BUTTON, held)

    def release(self, axis: Axis, spot: Spot) -> None:
        """The left button comes up."""
        self.send(axis, QEvent.Type.MouseButtonRelease, spot, LEFT, NO_BUTTON)

    def draw(self, axis: Axis, *spots: Spot, keys: Any = NO_KEY) -> None:
        """A stroke through places; waits until all of it is painted."""
        self.press(axis, spots[0], keys)
        self.move(axis, *spots[1:])
        self.release(axis, spots[-1])
        self.settle()

    def click(self, axis: Axis, spot: Spot, keys: Any = NO_KEY) -> None:
        """A click; waits until what it asks for is done."""
        self.press(axis, spot, keys)
        self.release(axis, spot)
        self.settle()

    def double_click(self, axis: Axis, spot: Spot, keys: Any = NO_KEY) -> None:
        """A double click, as Qt tells it: with a click before."""
        self.press(axis, spot, keys)
        self.release(axis, spot)
        self.send(axis, QEvent.Type.MouseButtonDblClick, spot, LEFT, LEFT, keys)
        self.release(axis, spot)
        self.settle()

    def key(self, axis: Axis, key: Qt.Key, keys: Any = NO_KEY) -> None:
        """A key over a plane."""
        self.key_only(axis, key, keys)
        self.settle()

    def key_only(self, axis: Axis, key: Qt.Key, keys: Any = NO_KEY) -> None:
        """A key over a plane, and nothing is waited for."""
        self.qtbot.keyClick(self.canvas(axis), key, keys)

    def settle(self) -> None:
        """Wait until nothing is being painted, filled or read for it."""
        toolbox = self.toolbox
        self.qtbot.waitUntil(lambda: not (toolbox.painter.is_painting or toolbox.is_busy), timeout=20_000)

    def spot(self, axis: Axis, voxel: Sequence[float]) -> Spot:
        """The displayed row and column of the middle of a voxel z, y, x."""
        rows, columns = DISPLAYED[axis]
        return voxel[rows] + 0.5, voxel[columns] + 0.5

    def show(self, voxel: tuple[int, int, int]) -> None:
        """Move the crosshair."""
        self.document.change_view(crosshair=voxel)


Studio = Callable[..., Hand]
