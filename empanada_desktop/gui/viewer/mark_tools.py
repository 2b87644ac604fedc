"""Points and shapes in the user's hand: added, moved and deleted in all planes, each a deed that undoes."""

import itertools
from collections.abc import Callable
from math import floor, hypot
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen, QPolygonF

from empanada_desktop.core.geometry import Axis
from empanada_desktop.document import Document, PointsLayer, Shape, ShapesLayer
from empanada_desktop.errors import SettingsError
from empanada_desktop.gui.viewer.camera import DISPLAYED, PlaneCamera
from empanada_desktop.gui.viewer.canvas import PlaneCanvas
from empanada_desktop.gui.viewer.canvas_tool import LEFT, Buttons, CanvasTool, Modifiers, Place
from empanada_desktop.gui.viewer.click_tools import BACK, PolygonTool, Vertices

ShapeKind = Literal["rectangle", "polygon", "line"]
Marks = TypeVar("Marks", PointsLayer, ShapesLayer)
Guard = Callable[[Callable[[], object]], bool]
HIT = 6.0
SMALLEST = 3.0
WHITE, DARK = QColor("#FFFFFF"), QColor("#101114")


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
        layer = _target(self._document, PointsLayer)
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
                _unlocked(layer), "Delete a point", points=np.delete(layer.points, chosen, axis=0)
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
            painter.setPen(QPen(WHITE, 2))
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
                corner = _corner(canvas.axis, position)
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
                self._drawn.kind, canvas.axis, self._drawn.index, (first, _corner(canvas.axis, position))
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
        if drawn is not None and _is_drawn(canvas, drawn):
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
        return self._guard(lambda: self._document.edit_properties(_unlocked(layer), title, shapes=shapes))

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
            for pen in (QPen(DARK, 3), QPen(WHITE, 1)):
                painter.setPen(pen)
                painter.drawPolyline(QPolygonF([_point(camera, *each) for each in _outline(self._drawn)]))
        if layer is None or chosen is None or chosen >= len(layer.shapes) or layer not in self._document.layers:
            return
        shape = layer.shapes[chosen]
        if (shape.axis, shape.index) == (camera.axis, plane):
            painter.setPen(QPen(DARK, 1))
            painter.setBrush(WHITE)
            for vertex in _corners(shape):
                painter.drawEllipse(_point(camera, *vertex), 3.5, 3.5)

    def _take(self, canvas: PlaneCanvas, position: Place) -> None:
        """Take the corner or side under the cursor, if there is one."""
        layer = _target(self._document, ShapesLayer)
        self._layer, self._chosen, self._corner, self._before = layer, None, None, None
        here = [] if layer is None else list(enumerate(layer.shapes))
        for number, shape in reversed(here):
            if (shape.axis, shape.index) == (canvas.axis, canvas.plane):
                hit, corner = _hit(canvas, shape, position)
                if hit and layer is not None:
                    self._chosen, self._corner, self._before, self._from = number, corner, layer.shapes, position
                    return

    def _move_taken(self, axis: Axis, position: Place) -> None:
        if self._before is None or self._layer is None or self._chosen is None:
            return
        shape = self._before[self._chosen]
        down, right = (position[each] - self._from[each] for each in axis.in_plane)
        moved = _moved(shape, self._corner, down, right)
        shapes = (*self._before[: self._chosen], moved, *self._before[self._chosen + 1 :])
        self._document.change_layer(self._layer, shapes=shapes)

    def _polygon_closed(self, axis: Axis, plane: int, vertices: Vertices, _modifiers: Modifiers) -> None:
        self._guard(lambda: self._add(Shape("polygon", axis, plane, vertices)))

    def _add(self, shape: Shape) -> None:
        layer = _target(self._document, ShapesLayer)
        title = f"Add {_named(shape)}"
        if layer is None:
            layer = ShapesLayer(title="shapes", shapes=(shape,))
            self._document.add_layer(layer, title=title)
        else:
            self._document.edit_properties(layer, title, shapes=(*layer.shapes, shape))
        self._layer, self._chosen = layer, len(layer.shapes) - 1


def _target(document: Document, kind: type[Marks]) -> Marks | None:
    """The active layer of a kind, otherwise the topmost; None where there is none. SettingsError where it is locked."""
    layers = document.of_kind(kind)
    if not layers:
        return None
    active = document.active
    return _unlocked(active if isinstance(active, kind) else layers[-1])


def _unlocked(layer: Marks) -> Marks:
    if layer.locked:
        raise SettingsError(f"{layer.title} is locked.", "Unlock it in the list of layers first.")
    return layer


def _named(shape: Shape) -> str:
    return f"a {shape.kind}"


def _corner(axis: Axis, place: Place) -> tuple[float, float]:
    rows, columns = axis.in_plane
    return place[rows], place[columns]


def _point(camera: PlaneCamera, row: float, column: float) -> QPointF:
    """Where a vertex (rows and columns as Axis.in_plane) is on the canvas."""
    turned = DISPLAYED[camera.axis] != camera.axis.in_plane
    return QPointF(*camera.point_of(*((column, row) if turned else (row, column))))


def _corners(shape: Shape) -> tuple[tuple[float, float], ...]:
    """The places by which a shape is reshaped; a rectangle has four."""
    if shape.kind != "rectangle":
        return shape.vertices
    (top, left), (bottom, right) = shape.vertices
    return (top, left), (top, right), (bottom, right), (bottom, left)


def _outline(shape: Shape) -> tuple[tuple[float, float], ...]:
    corners = _corners(shape)
    return (*corners, corners[0]) if shape.kind in ("rectangle", "polygon") else corners


def _hit(canvas: PlaneCanvas, shape: Shape, position: Place) -> tuple[bool, int | None]:
    """Whether a shape is under the cursor, and which of its corners is."""
    camera = canvas.camera()
    cursor = _point(camera, *_corner(canvas.axis, position))
    for number, corner in enumerate(_corners(shape)):
        if _length(_point(camera, *corner) - cursor) <= HIT:
            return True, number
    outline = [_point(camera, *corner) for corner in _outline(shape)]
    near = any(_to_side(cursor, *side) <= HIT for side in itertools.pairwise(outline))
    return near, None


def _moved(shape: Shape, corner: int | None, down: float, right: float) -> Shape:
    """A shape with one corner, or all of it (None), moved."""
    if corner is None:
        vertices = tuple((row + down, column + right) for row, column in shape.vertices)
    elif shape.kind == "rectangle":
        (top, left), (bottom, far) = shape.vertices
        top, bottom = (top + down, bottom) if corner in (0, 1) else (top, bottom + down)
        left, far = (left + right, far) if corner in (0, 3) else (left, far + right)
        vertices = ((top, left), (bottom, far))
    else:
        row, column = shape.vertices[corner]
        vertices = (*shape.vertices[:corner], (row + down, column + right), *shape.vertices[corner + 1 :])
    return Shape(shape.kind, shape.axis, shape.index, vertices)


def _is_drawn(canvas: PlaneCanvas, shape: Shape) -> bool:
    """Whether a drag was long enough to mean a shape."""
    start, stop = (_point(canvas.camera(), *vertex) for vertex in shape.vertices)
    across = stop - start
    if shape.kind == "rectangle":
        return min(abs(across.x()), abs(across.y())) >= SMALLEST
    return _length(across) >= SMALLEST


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


def _to_side(cursor: QPointF, start: QPointF, stop: QPointF) -> float:
    """Pixels from the cursor to a side."""
    along = stop - start
    square = along.x() ** 2 + along.y() ** 2
    share = 0.0 if square == 0 else QPointF.dotProduct(cursor - start, along) / square
    return _length(cursor - (start + along * min(1.0, max(0.0, share))))


def _place(point: NDArray[np.float64]) -> Place:
    z, y, x = point.tolist()
    return z, y, x


def _length(way: QPointF) -> float:
    return hypot(way.x(), way.y())
