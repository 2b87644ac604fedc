"""Surfaces as files: closed, seen from outside, of the right size, in µm; objects apart in OBJ."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from empanada_desktop.cli import main
from empanada_desktop.tasks import export_meshes

RADIUS = 8


@pytest.fixture(params=[1 << 25, 1000], ids=["whole", "thinned"])
def labels(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ball 2007 at z y x 12 20 30, of 8 voxels that are 40 nm deep and 20 nm wide, and a block 2008."""
    monkeypatch.setattr(export_meshes, "MOST_VOXELS", request.param)
    voxels = np.zeros((26, 40, 50), np.uint16)
    z, y, x = np.indices(voxels.shape)
    voxels[(z - 12) ** 2 + (y - 20) ** 2 + (x - 30) ** 2 <= RADIUS**2] = 2007
    voxels[2:6, 2:12, 2:12] = 2008
    about = {"axes": "ZYX", "spacing": 0.04, "unit": "um"}
    path = tmp_path / "labels.tif"
    tifffile.imwrite(path, voxels, imagej=True, metadata=about, resolution=(50, 50))
    return path


def read_stl(path: Path) -> NDArray[np.float32]:
    """Triangles (n, 3, 3) x y z."""
    rows = np.frombuffer(path.read_bytes()[84:], np.dtype([("n", "<f4", 3), ("v", "<f4", (3, 3)), ("a", "<u2")]))
    assert len(rows) == np.frombuffer(path.read_bytes()[80:84], "<u4")[0]
    triangles: NDArray[np.float32] = rows["v"]
    return triangles


def read_obj(path: Path) -> dict[int, NDArray[Any]]:
    """Triangles of each object."""
    vertices: list[list[float]] = []
    faces: dict[int, list[list[int]]] = {}
    for kind, *words in map(str.split, path.read_text().splitlines()):
        if kind == "o":
            faces[int(words[0])] = own = []
        elif kind == "v":
            vertices.append([float(word) for word in words])
        else:
            own.append([int(word) - 1 for word in words])
    return {label_id: np.array(vertices)[np.array(corners)] for label_id, corners in faces.items()}


def volume(triangles: NDArray[Any]) -> float:
    """What a closed surface holds; negative where its faces are seen from inside."""
    one, two, three = np.moveaxis(triangles.astype(np.float64), 1, 0)
    return float(np.einsum("ij,ij->i", one, np.cross(two, three)).sum() / 6)


def test_surfaces_are_closed_and_where_the_objects_are(labels: Path, tmp_path: Path) -> None:
    assert main(["export-meshes", str(labels), "--ids", "2007", "--out", str(tmp_path / "ball.stl")]) == 0
    ball = read_stl(tmp_path / "ball.stl")
    assert volume(ball) == pytest.approx(4 / 3 * np.pi * RADIUS**3 * 0.04 * 0.02**2, rel=0.25)
    middle = (ball.reshape(-1, 3).min(axis=0) + ball.reshape(-1, 3).max(axis=0)) / 2
    assert middle == pytest.approx([30.5 * 0.02, 20.5 * 0.02, 12.5 * 0.04], abs=0.03)
    assert main(["export-meshes", str(labels), "--out", str(tmp_path / "all.obj")]) == 0
    found = read_obj(tmp_path / "all.obj")
    assert list(found) == [2007, 2008]
    assert volume(found[2007]) == pytest.approx(volume(ball), rel=1e-3)


def test_what_cannot_be_meshed_is_said(labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "there.obj").touch()
    for words, said in (
        (["--out", "ball.step"], "is no name of a mesh"),
        (["--out", str(tmp_path / "there.obj")], "exists already"),
        (["--ids", "5", "--out", str(tmp_path / "x.obj")], "There is no object 5."),
    ):
        assert main(["export-meshes", str(labels), *words]) == 2
        assert said in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.glob("*.obj")) == ["there.obj"]
