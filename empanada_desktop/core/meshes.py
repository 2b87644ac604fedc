"""Surfaces of labelled objects as triangles, by naive surface nets (Gibson 1998): compiled, and free of the GIL."""

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

MARGIN = 2
BLUR = 0.8
HALF = 0.5
DENSEST_IDS = 1 << 24


@dataclass(frozen=True)
class Mesh:
    """A closed surface. vertices, normals: (n, 3) float32, z y x in voxels; faces: (m, 3) int32, seen from outside."""

    label_id: int
    vertices: NDArray[np.float32]
    normals: NDArray[np.float32]
    faces: NDArray[np.int32]


@dataclass(frozen=True)
class ObjectBoxes:
    """The boxes (stop exclusive, (n, 3) int64) and voxel counts of objects; ids (n,) uint32, ascending."""

    ids: NDArray[np.uint32]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    counts: NDArray[np.int64]


def object_boxes(labels: NDArray[np.uint32]) -> ObjectBoxes:
    """Find the box of every object of a z y x label volume in one pass; background is 0."""
    largest = int(labels.max(initial=0))
    if largest >= DENSEST_IDS:
        ids, compact = np.unique(labels, return_inverse=True)
        found = object_boxes(compact.reshape(labels.shape).astype(np.uint32) + np.uint32(ids[0] != 0))
        known = ids[ids != 0].astype(np.uint32)
        return ObjectBoxes(known, found.starts, found.stops, found.counts)
    table = np.zeros((largest + 1, 7), np.int64)
    table[:, :3] = max(labels.shape)
    _grow_boxes(np.ascontiguousarray(labels), table)
    ids = np.flatnonzero(table[:, 6]).astype(np.uint32)
    rows = table[ids]
    return ObjectBoxes(ids, rows[:, :3], rows[:, 3:6], rows[:, 6])


def object_mesh(
    labels: NDArray[np.uint32], label_id: int, start: NDArray[np.int64], stop: NDArray[np.int64], step: int = 1
) -> Mesh:
    """Mesh one object of a label volume (z y x) inside its box, from every `step`-th voxel.

    The mask is blurred a little, so that the surface does not show the voxels' steps.
    """
    cut = tuple(slice(low, high, step) for low, high in zip(start, stop, strict=True))
    field = _blurred(labels[cut] == label_id)
    vertices, faces = surface(field, np.float32(min(HALF, float(field.max()) / 2)))
    normals = vertex_normals(vertices, faces)
    # Sample i stands for the voxels i * step to (i + 1) * step.
    placed = (vertices - MARGIN + HALF) * step + start
    return Mesh(int(label_id), placed.astype(np.float32), normals, faces)


def _blurred(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    from scipy import ndimage

    padded = np.pad(mask, MARGIN).astype(np.float32)
    blurred: NDArray[np.float32] = ndimage.gaussian_filter(padded, BLUR, truncate=MARGIN / BLUR)
    return blurred


@numba.njit(cache=True, nogil=True)
def nearest_hit(
    origin: NDArray[np.float64], direction: NDArray[np.float64], vertices: NDArray[np.float32], faces: NDArray[np.int32]
) -> tuple[int, float]:
    """Return the face that a ray meets first and its distance in lengths of `direction`; (-1, inf) where it meets none.

    The test for a face is Möller and Trumbore's (1997).
    """
    best, nearest = -1, np.inf
    one, other, away = np.empty(3), np.empty(3), np.empty(3)
    for face in range(faces.shape[0]):
        for axis in range(3):
            corner = vertices[faces[face, 0], axis]
            one[axis] = vertices[faces[face, 1], axis] - corner
            other[axis] = vertices[faces[face, 2], axis] - corner
            away[axis] = origin[axis] - corner
        scale = _triple_product(one, direction, other)
        if abs(scale) < 1e-12:
            continue
        u = _triple_product(away, direction, other) / scale
        v = _triple_product(direction, away, one) / scale
        distance = _triple_product(other, away, one) / scale
        if u >= 0 and v >= 0 and u + v <= 1 and 0 < distance < nearest:
            best, nearest = face, distance
    return best, nearest


@numba.njit(cache=True, nogil=True)
def _triple_product(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]) -> float:
    """a · (b × c)."""
    first = a[0] * (b[1] * c[2] - b[2] * c[1])
    return float(first + a[1] * (b[2] * c[0] - b[0] * c[2]) + a[2] * (b[0] * c[1] - b[1] * c[0]))


@numba.njit(cache=True, nogil=True)
def _grow_boxes(labels: NDArray[np.uint32], table: NDArray[np.int64]) -> None:
    """Per id: first z, y, x, one past the last z, y, x, and the number of voxels."""
    for z in range(labels.shape[0]):
        for y in range(labels.shape[1]):
            for x in range(labels.shape[2]):
                row = labels[z, y, x]
                if row != 0:
                    table[row, 0], table[row, 3] = min(table[row, 0], z), z + 1
                    table[row, 1], table[row, 4] = min(table[row, 1], y), max(table[row, 4], y + 1)
                    table[row, 2], table[row, 5] = min(table[row, 2], x), max(table[row, 5], x + 1)
                    table[row, 6] += 1


@numba.njit(cache=True, nogil=True)
def surface(field: NDArray[np.float32], level: np.float32) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Surround the part of a field (z y x) above `level`: one vertex a cell that is cut, two faces an edge that is cut.

    Returns vertices (n, 3), in samples, and faces (m, 3). The field's outermost samples must lie below the level.
    """
    depth, height, width = field.shape
    places = np.full((depth - 1, height - 1, width - 1), -1, np.int32)
    vertices = np.empty((_count_cut_cells(field, level), 3), np.float32)
    count = 0
    for z in range(depth - 1):
        for y in range(height - 1):
            for x in range(width - 1):
                if _is_cut(field, level, z, y, x):
                    places[z, y, x] = count
                    _place_vertex(field, level, z, y, x, vertices[count])
                    count += 1
    faces = np.empty((2 * _count_cut_edges(field, level), 3), np.int32)
    count = 0
    for z in range(1, depth - 1):
        for y in range(1, height - 1):
            for x in range(1, width - 1):
                inside = field[z, y, x] > level
                for axis in range(3):
                    if inside != (field[z + (axis == 0), y + (axis == 1), x + (axis == 2)] > level):
                        _add_quad(places, z, y, x, axis, inside, faces, count)
                        count += 2
    return vertices, faces[:count]


@numba.njit(cache=True, nogil=True)
def _is_cut(field: NDArray[np.float32], level: np.float32, z: int, y: int, x: int) -> bool:
    inside = field[z, y, x] > level
    for corner in range(1, 8):
        if (field[z + (corner >> 2), y + ((corner >> 1) & 1), x + (corner & 1)] > level) != inside:
            return True
    return False


@numba.njit(cache=True, nogil=True)
def _count_cut_cells(field: NDArray[np.float32], level: np.float32) -> int:
    count = 0
    for z in range(field.shape[0] - 1):
        for y in range(field.shape[1] - 1):
            for x in range(field.shape[2] - 1):
                count += _is_cut(field, level, z, y, x)
    return count


@numba.njit(cache=True, nogil=True)
def _count_cut_edges(field: NDArray[np.float32], level: np.float32) -> int:
    count = 0
    for z in range(1, field.shape[0] - 1):
        for y in range(1, field.shape[1] - 1):
            for x in range(1, field.shape[2] - 1):
                inside = field[z, y, x] > level
                count += (field[z + 1, y, x] > level) != inside
                count += (field[z, y + 1, x] > level) != inside
                count += (field[z, y, x + 1] > level) != inside
    return count


@numba.njit(cache=True, nogil=True)
def _place_vertex(
    field: NDArray[np.float32], level: np.float32, z: int, y: int, x: int, vertex: NDArray[np.float32]
) -> None:
    """Put a cell's vertex in the middle of the places where its twelve edges cross the level."""
    total_z, total_y, total_x, count = 0.0, 0.0, 0.0, 0
    for corner in range(8):
        dz, dy, dx = corner >> 2, (corner >> 1) & 1, corner & 1
        here = field[z + dz, y + dy, x + dx]
        for axis in range(3):
            if (corner >> (2 - axis)) & 1:
                continue
            az, ay, ax = axis == 0, axis == 1, axis == 2
            there = field[z + dz + az, y + dy + ay, x + dx + ax]
            if (here > level) != (there > level):
                part = (level - here) / (there - here)
                total_z += dz + az * part
                total_y += dy + ay * part
                total_x += dx + ax * part
                count += 1
    vertex[0], vertex[1], vertex[2] = z + total_z / count, y + total_y / count, x + total_x / count


@numba.njit(cache=True, nogil=True)
def _add_quad(
    places: NDArray[np.int32], z: int, y: int, x: int, axis: int, inside: bool, faces: NDArray[np.int32], count: int
) -> None:
    """Join the vertices of the four cells round an edge that begins at z, y, x; to be seen from outside."""
    if axis == 0:
        first, second = places[z, y - 1, x - 1], places[z, y - 1, x]
        third, fourth = places[z, y, x], places[z, y, x - 1]
    elif axis == 1:
        first, second = places[z - 1, y, x - 1], places[z, y, x - 1]
        third, fourth = places[z, y, x], places[z - 1, y, x]
    else:
        first, second = places[z - 1, y - 1, x], places[z - 1, y, x]
        third, fourth = places[z, y, x], places[z, y - 1, x]
    if inside:
        second, fourth = fourth, second
    faces[count, 0], faces[count, 1], faces[count, 2] = first, second, third
    faces[count + 1, 0], faces[count + 1, 1], faces[count + 1, 2] = first, third, fourth


@numba.njit(cache=True, nogil=True)
def vertex_normals(vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> NDArray[np.float32]:
    """Unit normals (n, 3) of vertices, z y x: the means of their faces' normals, weighted with the faces' areas."""
    normals = np.zeros_like(vertices)
    for face in range(faces.shape[0]):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        one = vertices[b, :] - vertices[a, :]
        other = vertices[c, :] - vertices[a, :]
        for axis in range(3):
            after, last = (axis + 1) % 3, (axis + 2) % 3
            part = one[after] * other[last] - one[last] * other[after]
            normals[a, axis] += part
            normals[b, axis] += part
            normals[c, axis] += part
    for vertex in range(normals.shape[0]):
        total = 0.0
        for axis in range(3):
            total += normals[vertex, axis] ** 2
        for axis in range(3):
            normals[vertex, axis] /= max(np.sqrt(total), 1e-12)
    return normals
