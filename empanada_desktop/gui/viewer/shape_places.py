"""Shapes on a canvas: where their corners and sides are, which one is under the cursor, and moving them."""

import itertools
from math import hypot

from PySide6.QtCore import QPointF

from empanada_desktop.core.geometry import Axis
from empanada_desktop.document import Shape
from empanada_desktop.gui.viewer.camera import DISPLAYED, PlaneCamera
from empanada_desktop.gui.viewer.canvas import PlaneCanvas
from empanada_desktop.gui.viewer.canvas_tool import Place
from empanada_desktop.gui.viewer.mark_layers import HIT

# Pixels of the screen that a drag is long at least when it means a shape.
SMALLEST = 3.0


def corner_of(axis: Axis, place: Place) -> tuple[float, float]:
    """A place (z, y, x) as a vertex: rows and columns as Axis.in_plane."""
    rows, columns = axis.in_plane
    return place[rows], place[columns]


def point_of(camera: PlaneCamera, row: float, column: float) -> QPointF:
    """Where a vertex (rows and columns as Axis.in_plane) is on the canvas."""
    turned = DISPLAYED[camera.axis] != camera.axis.in_plane
    return QPointF(*camera.point_of(*((column, row) if turned else (row, column))))


def corners_of(shape: Shape) -> tuple[tuple[float, float], ...]:
    """The places by which a shape is reshaped; a rectangle has four."""
    if shape.kind != "rectangle":
        return shape.vertices
    (top, left), (bottom, right) = shape.vertices
    return (top, left), (top, right), (bottom, right), (bottom, left)


def outline_of(shape: Shape) -> tuple[tuple[float, float], ...]:
    """The vertices of what is drawn, the first once more where it is closed."""
    corners = corners_of(shape)
    return (*corners, corners[0]) if shape.kind in ("rectangle", "polygon") else corners


def hit_shape(canvas: PlaneCanvas, shape: Shape, position: Place) -> tuple[bool, int | None]:
    """Whether a shape is under the cursor, and which of its corners is."""
    camera = canvas.camera()
    cursor = point_of(camera, *corner_of(canvas.axis, position))
    for number, corner in enumerate(corners_of(shape)):
        if _length(point_of(camera, *corner) - cursor) <= HIT:
            return True, number
    outline = [point_of(camera, *corner) for corner in outline_of(shape)]
    near = any(_to_side(cursor, *side) <= HIT for side in itertools.pairwise(outline))
    return near, None


def moved_shape(shape: Shape, corner: int | None, down: float, right: float) -> Shape:
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


def is_drawn(canvas: PlaneCanvas, shape: Shape) -> bool:
    """Whether a drag was long enough to mean a shape."""
    start, stop = (point_of(canvas.camera(), *vertex) for vertex in shape.vertices)
    across = stop - start
    if shape.kind == "rectangle":
        return min(abs(across.x()), abs(across.y())) >= SMALLEST
    return _length(across) >= SMALLEST


def _to_side(cursor: QPointF, start: QPointF, stop: QPointF) -> float:
    """Pixels from the cursor to a side."""
    along = stop - start
    square = along.x() ** 2 + along.y() ** 2
    share = 0.0 if square == 0 else QPointF.dotProduct(cursor - start, along) / square
    return _length(cursor - (start + along * min(1.0, max(0.0, share))))


def _length(way: QPointF) -> float:
    return hypot(way.x(), way.y())
