"""Surfaces of objects as files that other programs open: STL and OBJ."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Spacing
from empanada_desktop.core.meshes import Mesh
from empanada_desktop.io.volumes.faults import writing

NM_IN_UM = 1000.0
STL_FACE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
STL_HEADING, STL_COUNT_AT = 84, 80


def write_meshes(path: Path, meshes: Iterable[Mesh], spacing: Spacing) -> int:
    """Write surfaces in the format of the name's ending and return how many there were.

    Coordinates are x, y, z in µm, in voxels where their size is not known. OBJ keeps objects apart and names them by
    their ids, STL (binary) holds triangles only. A file is there whole or not at all; VolumeError where it cannot be.
    """
    write = FORMATS[path.suffix.lower()]
    unfinished = path.with_name(f".{path.name}.unfinished")
    with writing(path):
        try:
            with unfinished.open("wb") as file:
                count = write(file, meshes, spacing)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    return count


def placed(mesh: Mesh, spacing: Spacing) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Return vertices (n, 3) x y z in µm or voxels, and faces (m, 3) that are seen from outside there."""
    sizes = np.array([size / NM_IN_UM for size in spacing.zyx if size is not None] if spacing.is_known else [1.0] * 3)
    # With the axes in the other order left is right: so are the corners of a face.
    return (mesh.vertices * sizes)[:, ::-1].astype(np.float32), mesh.faces[:, ::-1]


def _write_stl(file: BinaryIO, meshes: Iterable[Mesh], spacing: Spacing) -> int:
    file.write(bytes(STL_HEADING))
    count = faces = 0
    for mesh in meshes:
        vertices, corners = placed(mesh, spacing)
        rows = np.zeros(len(corners), STL_FACE)
        rows["corners"] = vertices[corners]
        one, two, three = (rows["corners"][:, corner] for corner in range(3))
        normals = np.cross(two - one, three - one)
        rows["normal"] = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
        file.write(rows.tobytes())
        count, faces = count + 1, faces + len(corners)
    file.seek(STL_COUNT_AT)
    file.write(faces.to_bytes(4, "little"))
    return count


def _write_obj(file: BinaryIO, meshes: Iterable[Mesh], spacing: Spacing) -> int:
    count, first = 0, 1
    for mesh in meshes:
        vertices, corners = placed(mesh, spacing)
        lines = [f"o {mesh.label_id}", *(f"v {x:.6g} {y:.6g} {z:.6g}" for x, y, z in vertices.tolist())]
        lines += [f"f {a} {b} {c}" for a, b, c in (corners + first).tolist()]
        file.write(("\n".join(lines) + "\n").encode())
        count, first = count + 1, first + len(vertices)
    return count


FORMATS: dict[str, Callable[[BinaryIO, Iterable[Mesh], Spacing], int]] = {".stl": _write_stl, ".obj": _write_obj}
