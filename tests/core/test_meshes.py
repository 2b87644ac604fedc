"""Surfaces of objects: closed, seen from outside, of the right volume, in the right place; rays that meet them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from empanada_desktop.core.meshes import Mesh, nearest_hit, object_boxes, object_mesh


def ball(radius: float = 9.0, shape: tuple[int, int, int] = (30, 40, 50), label_id: int = 7) -> NDArray[np.uint32]:
    z, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
    inside = (z - 15) ** 2 + (y - 20) ** 2 + (x - 30) ** 2 < radius**2
    return (inside * label_id).astype(np.uint32)


def mesh_of(labels: NDArray[np.uint32], label_id: int = 7, step: int = 1) -> Mesh:
    boxes = object_boxes(labels)
    place = int(np.flatnonzero(boxes.ids == label_id)[0])
    return object_mesh(labels, label_id, boxes.starts[place], boxes.stops[place], step)


def signed_volume(mesh: Mesh) -> float:
    """Volume by the divergence theorem; positive when the faces (z y x) wind so that normals point outwards."""
    a, b, c = (mesh.vertices[mesh.faces[:, corner]].astype(float) for corner in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def test_boxes_are_found_in_one_pass() -> None:
    labels = np.zeros((6, 7, 8), np.uint32)
    labels[1:3, 2:5, 4:8] = 9
    labels[5, 0, 0] = 2
    boxes = object_boxes(labels)
    assert boxes.ids.tolist() == [2, 9]
    assert boxes.starts.tolist() == [[5, 0, 0], [1, 2, 4]]
    assert boxes.stops.tolist() == [[6, 1, 1], [3, 5, 8]]
    assert boxes.counts.tolist() == [1, 24]


def test_huge_ids_are_found_as_well() -> None:
    labels = np.zeros((3, 4, 5), np.uint32)
    labels[0, 1, 2:4] = 4_000_000_007
    labels[2] = 50_000_000
    boxes = object_boxes(labels)
    assert boxes.ids.tolist() == [50_000_000, 4_000_000_007]
    assert boxes.counts.tolist() == [20, 2]
    assert boxes.starts.tolist()[1] == [0, 1, 2]


def test_a_ball_becomes_a_closed_surface_of_its_volume() -> None:
    labels = ball()
    mesh = mesh_of(labels)
    edges = np.sort(mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, uses = np.unique(edges, axis=0, return_counts=True)
    assert (uses == 2).all(), "every edge joins two faces"
    assert len(mesh.vertices) - len(uses) + len(mesh.faces) == 2, "Euler's formula for a sphere"
    assert signed_volume(mesh) == pytest.approx((labels > 0).sum(), rel=0.05)
    assert mesh.vertices.mean(axis=0) == pytest.approx([15.5, 20.5, 30.5], abs=0.05)


def test_normals_point_outwards() -> None:
    mesh = mesh_of(ball())
    outwards = mesh.vertices - mesh.vertices.mean(axis=0)
    outwards /= np.linalg.norm(outwards, axis=1, keepdims=True)
    assert ((outwards * mesh.normals).sum(axis=1) > 0.9).all()
    assert np.linalg.norm(mesh.normals, axis=1) == pytest.approx(np.ones(len(mesh.normals)), abs=1e-4)


def test_thinned_objects_stay_in_place() -> None:
    fine, coarse = mesh_of(ball(12)), mesh_of(ball(12), step=2)
    assert len(coarse.faces) < len(fine.faces) / 3
    assert coarse.vertices.mean(axis=0) == pytest.approx(fine.vertices.mean(axis=0), abs=0.6)
    assert signed_volume(coarse) == pytest.approx(signed_volume(fine), rel=0.15)


def test_a_single_voxel_still_has_a_surface() -> None:
    labels = np.zeros((5, 5, 5), np.uint32)
    labels[2, 2, 2] = 7
    mesh = mesh_of(labels)
    assert len(mesh.faces) > 0
    assert mesh.vertices.mean(axis=0) == pytest.approx([2.5, 2.5, 2.5], abs=0.01)


def test_an_object_at_the_border_is_closed() -> None:
    labels = np.full((4, 5, 6), 7, np.uint32)
    assert signed_volume(mesh_of(labels)) == pytest.approx(120, rel=0.35)


def test_a_ray_meets_the_near_side_of_the_nearest_face() -> None:
    mesh = mesh_of(ball())
    face, distance = nearest_hit(np.array([15.5, 20.5, 0]), np.array([0, 0, 1.0]), mesh.vertices, mesh.faces)
    assert distance == pytest.approx(30.5 - 9, abs=0.8)
    assert mesh.vertices[mesh.faces[face]][:, 2].mean() == pytest.approx(distance, abs=0.5)
    missed, far = nearest_hit(np.array([0, 0, 0.0]), np.array([0, 0, 1.0]), mesh.vertices, mesh.faces)
    assert (missed, far) == (-1, float("inf"))
