"""Points in the user's hand: added, moved and deleted in all planes, each a deed that undoes."""

from math import floor, hypot

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF
from PySide6.QtGui import QKeyEvent, QPainter, QPen

from empanada_desktop.document import Document, PointsLayer
from empanada_desktop.gui.theme import OVER_WHITE
from empanada_desktop.gui.viewer.camera import DISPLAYED, PlaneCamera
from empanada_desktop.gui.viewer.canvas import PlaneCanvas
from empanada_desktop.gui.viewer.canvas_tool import LEFT, Buttons, CanvasTool, Modifiers, Place
from empanada_desktop.gui.viewer.click_tools import BACK
from empanada_desktop.gui.viewer.mark_layers import HIT, Guard, target_layer, unlocked


class PointsTool(CanvasTool):
    """A click adds a point to the active points layer, or a new one; a drag moves a point, Delete takes it away."""

    def __init__(self, document: Document, guard: Guard) -> None:
        self._document, self._guard = document, guard
        self._layer: PointsLayer | None = None
        self._chosen: int | None = None
        self._before: NDArray[np.float64] | None = None

    def press(
        self, canvas: PlaneCanvas, position: Place, buttons: Buttons, modifiers: Modifiers, pressure: float
    ) -> None:
        """Take the point under the cursor, otherwise add one."""
        self._guard(lambda: self._press(canvas, position))

    def _press(self, canvas: PlaneCanvas, position: Place) -> None:
        voxel = (floor(position[0]), floor(position[1]), floor(position[2]))
        layer = target_layer(self._document, PointsLayer)
        self._layer = layer
        self._chosen = None if layer is None else self._hit(layer, canvas, position)
        if layer is not None and self._chosen is not None:
            self._before = layer.points
        elif canvas.holds(voxel):
            self._add(layer, position)

    def move(
        self, canvas: PlaneCanvas, position: Place, buttons: Buttons, modifiers: Modifiers, pressure: float
    ) -> None:
        """Move the point that was taken."""
        if not buttons & LEFT or self._before is None or self._layer is None or self._chosen is None:
            return
        points = self._before.copy()
        points[self._chosen] = _inside(position, self._document.shape)
        self._document.change_layer(self._layer, points=points)

    def release(
        self, canvas: PlaneCanvas, position: Place, buttons: Buttons, modifiers: Modifiers, pressure: float
    ) -> None:
        """Moving it is one deed."""
        before, self._before = self._before, None
        if before is not None and self._layer is not None and not np.array_equal(before, self._layer.points):
            points = self._layer.points
            self._document.change_layer(self._layer, points=before)
            self._document.edit_properties(self._layer, "Move a point", points=points)

    def key(self, canvas: PlaneCanvas, event: QKeyEvent) -> bool:
        """Delete takes the chosen point away."""
        layer, chosen = self._layer, self._chosen
        if event.key() not in BACK or layer is None or chosen is None or chosen >= len(layer.points):
            return False
        self._chosen = None
        return self._guard(
            lambda: self._document.edit_properties(
                unlocked(layer), "Delete a point", points=np.delete(layer.points, chosen, axis=0)
            )
        )

    def cancel(self) -> bool:
        """Put the point back that is being moved."""
        before, self._before = self._before, None
        if before is None or self._layer is None:
            return False
        self._document.change_layer(self._layer, points=before)
        return True

    def take_back(self) -> bool:
        """Put the point back that is being moved."""
        return self.cancel()

    def put_away(self) -> None:
        """Nothing is chosen any more."""
        self.cancel()
        self._chosen = None

    def paint(self, painter: QPainter, camera: PlaneCamera, plane: int) -> None:
        """A ring around the chosen point."""
        layer, chosen = self._layer, self._chosen
        if layer is None or chosen is None or chosen >= len(layer.points) or layer not in self._document.layers:
            return
        point = layer.points[chosen]
        if floor(point[camera.axis.normal]) == plane:
            rows, columns = DISPLAYED[camera.axis]
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(OVER_WHITE, 2))
            middle = QPointF(*camera.point_of(float(point[rows]), float(point[columns])))
            painter.drawEllipse(middle, layer.size / 2 + 4, layer.size / 2 + 4)

    def _add(self, layer: PointsLayer | None, place: Place) -> None:
        point = np.array([place], float)
        if layer is None:
            self._layer = PointsLayer(title="points", points=point)
            self._document.add_layer(self._layer, title="Add a point")
        else:
            self._document.edit_properties(layer, "Add a point", points=np.concatenate([layer.points, point]))
        self._chosen = 0 if self._layer is None else len(self._layer.points) - 1

    def _hit(self, layer: PointsLayer, canvas: PlaneCanvas, position: Place) -> int | None:
        """The point of this plane under the cursor, the last one drawn first."""
        here = [number for number, point in enumerate(layer.points) if floor(point[canvas.axis.normal]) == canvas.plane]
        reach = max(HIT, layer.size / 2 + 2)
        near = [number for number in here if _apart(canvas, _place(layer.points[number]), position) <= reach]
        return near[-1] if near else None


def _inside(place: Place, shape: tuple[int, int, int]) -> Place:
    """The place, or the nearest one in the volume."""
    z, y, x = (min(max(0.0, at), length - 1e-6) for at, length in zip(place, shape, strict=True))
    return z, y, x


def _apart(canvas: PlaneCanvas, one: Place, other: Place) -> float:
    """Pixels between two places of a canvas's plane."""
    rows, columns = DISPLAYED[canvas.axis]
    camera = canvas.camera()
    (x, y), (other_x, other_y) = (camera.point_of(place[rows], place[columns]) for place in (one, other))
    return hypot(x - other_x, y - other_y)


def _place(point: NDArray[np.float64]) -> Place:
    z, y, x = point.tolist()
    return z, y, x
