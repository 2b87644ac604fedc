"""Shapes in the user's hand: drawn, reshaped, moved and deleted in all planes, each a deed that undoes."""

from collections.abc import Callable
from typing import Literal

from PySide6.QtGui import QKeyEvent, QPainter, QPen, QPolygonF

from empanada_desktop.core.geometry import Axis
from empanada_desktop.document import Document, Shape, ShapesLayer
from empanada_desktop.gui.theme import OVER_DARK, OVER_WHITE
from empanada_desktop.gui.viewer.camera import PlaneCamera
from empanada_desktop.gui.viewer.canvas import PlaneCanvas
from empanada_desktop.gui.viewer.canvas_tool import LEFT, Buttons, CanvasTool, Modifiers, Place
from empanada_desktop.gui.viewer.click_tools import BACK, PolygonTool, Vertices
from empanada_desktop.gui.viewer.mark_layers import Guard, target_layer, unlocked
from empanada_desktop.gui.viewer.shape_places import (
    corner_of,
    corners_of,
    hit_shape,
    is_drawn,
    moved_shape,
    outline_of,
    point_of,
)

ShapeKind = Literal["rectangle", "polygon", "line"]


class ShapesTool(CanvasTool):
    """Draws rectangles, polygons and lines on the active shapes layer (or a new one).

    A corner or a side under the cursor is taken and moved; Delete takes the chosen shape away.
    """

    def __init__(self, document: Document, guard: Guard, refuse: Callable[[str, str], object]) -> None:
        self._document, self._guard = document, guard
        self._kind: ShapeKind = "rectangle"
        self._polygon = PolygonTool(self._polygon_closed, refuse)
        self._layer: ShapesLayer | None = None
        self._chosen: int | None = None
        self._corner: int | None = None
        self._before: tuple[Shape, ...] | None = None
        self._from: Place = (0.0, 0.0, 0.0)
        self._drawn: Shape | None = None
        self._canvas: PlaneCanvas | None = None

    @property
    def kind(self) -> ShapeKind:
        """What is drawn."""
        return self._kind

    @kind.setter
    def kind(self, kind: ShapeKind) -> None:
        self.cancel()
        self._kind = kind

    def press(
        self, canvas: PlaneCanvas, position: Place, buttons: Buttons, modifiers: Modifiers, pressure: float
    ) -> None:
        """Take the shape under the cursor, otherwise begin one."""
        self._canvas = canvas
        if not self._polygon.vertices and self._guard(lambda: self._take(canvas, position)) and self._before is None:
            if self._kind == "polygon":
                self._polygon.press(canvas, position, buttons, modifiers, pressure)
            else:
                corner = corner_of(canvas.axis, position)
                self._drawn = Shape(self._kind, canvas.axis, canvas.plane, (corner, corner))
        elif self._polygon.vertices:
            self._polygon.press(canvas, position, buttons, modifiers, pressure)
        canvas.update()

    def move(
        self, canvas: PlaneCanvas, position: Place, buttons: Buttons, modifiers: Modifiers, pressure: float
    ) -> None:
        """Draw on, or move what was taken."""
        if self._drawn is not None and self._drawn.axis is canvas.axis:
            first = self._drawn.vertices[0]
            self._drawn = Shape(
                self._drawn.kind, canvas.axis, self._drawn.index, (first, corner_of(canvas.axis, position))
            )
            canvas.update()
        elif buttons & LEFT and self._before is not None:
            self._move_taken(canvas.axis, position)
        else:
            self._polygon.move(canvas, position, buttons, modifiers, pressure)

    def release(
        self, canvas: PlaneCanvas, position: Place, buttons: Buttons, modifiers: Modifiers, pressure: float
    ) -> None:
        """A drawn shape, or a moved one, is a deed."""
        drawn, self._drawn = self._drawn, None
        before, self._before = self._before, None
        layer = self._layer
        if drawn is not None and is_drawn(canvas, drawn):
            self._guard(lambda: self._add(drawn))
        elif before is not None and layer is not None and before != layer.shapes:
            shapes = layer.shapes
            self._document.change_layer(layer, shapes=before)
            name = "a shape" if self._chosen is None else _named(shapes[self._chosen])
            self._document.edit_properties(layer, f"Move {name}", shapes=shapes)
        canvas.update()

    def double_click(self, canvas: PlaneCanvas, position: Place, modifiers: Modifiers) -> None:
        """Close a polygon."""
        self._polygon.double_click(canvas, position, modifiers)

    def key(self, canvas: PlaneCanvas, event: QKeyEvent) -> bool:
        """What a polygon minds; Delete takes the chosen shape away."""
        if self._polygon.key(canvas, event):
            return True
        layer, chosen = self._layer, self._chosen
        if event.key() not in BACK or layer is None or chosen is None or chosen >= len(layer.shapes):
            return False
        self._chosen = None
        shapes = (*layer.shapes[:chosen], *layer.shapes[chosen + 1 :])
        title = f"Delete {_named(layer.shapes[chosen])}"
        return self._guard(lambda: self._document.edit_properties(unlocked(layer), title, shapes=shapes))

    def leave(self, canvas: PlaneCanvas) -> None:
        """No side follows the cursor."""
        self._polygon.leave(canvas)

    def cancel(self) -> bool:
        """Give up what is being drawn, put back what is being moved."""
        before, self._before = self._before, None
        drawn, self._drawn = self._drawn, None
        if before is not None and self._layer is not None:
            self._document.change_layer(self._layer, shapes=before)
        if self._canvas is not None:
            self._canvas.update()
        return self._polygon.cancel() or before is not None or drawn is not None

    def take_back(self) -> bool:
        """Take the last corner of a polygon back, or give up what is being drawn or moved."""
        return self._polygon.take_back() or self.cancel()

    def put_away(self) -> None:
        """Nothing is chosen any more."""
        self.cancel()
        self._chosen = None

    def paint(self, painter: QPainter, camera: PlaneCamera, plane: int) -> None:
        """Draw what is being drawn, and the corners of the chosen shape."""
        self._polygon.paint(painter, camera, plane)
        layer, chosen = self._layer, self._chosen
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._drawn is not None and (self._drawn.axis, self._drawn.index) == (camera.axis, plane):
            for pen in (QPen(OVER_DARK, 3), QPen(OVER_WHITE, 1)):
                painter.setPen(pen)
                painter.drawPolyline(QPolygonF([point_of(camera, *each) for each in outline_of(self._drawn)]))
        if layer is None or chosen is None or chosen >= len(layer.shapes) or layer not in self._document.layers:
            return
        shape = layer.shapes[chosen]
        if (shape.axis, shape.index) == (camera.axis, plane):
            painter.setPen(QPen(OVER_DARK, 1))
            painter.setBrush(OVER_WHITE)
            for vertex in corners_of(shape):
                painter.drawEllipse(point_of(camera, *vertex), 3.5, 3.5)

    def _take(self, canvas: PlaneCanvas, position: Place) -> None:
        """Take the corner or side under the cursor, if there is one."""
        layer = target_layer(self._document, ShapesLayer)
        self._layer, self._chosen, self._corner, self._before = layer, None, None, None
        here = [] if layer is None else list(enumerate(layer.shapes))
        for number, shape in reversed(here):
            if (shape.axis, shape.index) == (canvas.axis, canvas.plane):
                hit, corner = hit_shape(canvas, shape, position)
                if hit and layer is not None:
                    self._chosen, self._corner, self._before, self._from = number, corner, layer.shapes, position
                    return

    def _move_taken(self, axis: Axis, position: Place) -> None:
        if self._before is None or self._layer is None or self._chosen is None:
            return
        shape = self._before[self._chosen]
        down, right = (position[each] - self._from[each] for each in axis.in_plane)
        moved = moved_shape(shape, self._corner, down, right)
        shapes = (*self._before[: self._chosen], moved, *self._before[self._chosen + 1 :])
        self._document.change_layer(self._layer, shapes=shapes)

    def _polygon_closed(self, axis: Axis, plane: int, vertices: Vertices, _modifiers: Modifiers) -> None:
        self._guard(lambda: self._add(Shape("polygon", axis, plane, vertices)))

    def _add(self, shape: Shape) -> None:
        layer = target_layer(self._document, ShapesLayer)
        title = f"Add {_named(shape)}"
        if layer is None:
            layer = ShapesLayer(title="shapes", shapes=(shape,))
            self._document.add_layer(layer, title=title)
        else:
            self._document.edit_properties(layer, title, shapes=(*layer.shapes, shape))
        self._layer, self._chosen = layer, len(layer.shapes) - 1


def _named(shape: Shape) -> str:
    return f"a {shape.kind}"
