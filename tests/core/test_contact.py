"""Contacts of objects: faces, areas, widths in a plane."""

import numpy as np
import pytest

from empanada_desktop.core.contact import contact, shared_faces
from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.core.objects import ObjectIndex

NM = Spacing(40, 10, 5, "test")


def test_two_bricks_share_a_face() -> None:
    labels = np.zeros((6, 8, 20), np.uint32)
    labels[1:5, 2:6, 2:10], labels[2:6, 3:8, 10:18] = 7, 9
    objects = ObjectIndex.of(labels)
    found = contact(labels, (7, objects.box(7)), (9, objects.box(9)))
    assert found.faces == (0, 0, 3 * 3)
    assert found.area(NM) == 9 * 40 * 10
    assert found.area(Spacing()) is None
    apart = contact(labels, (7, objects.box(7)), (9, Box((0, 0, 15), (1, 1, 16))))
    assert apart.count == 0


def test_the_width_of_stairs_is_the_way_along_them() -> None:
    plane = np.tril(np.ones((30, 30), np.bool_))[None]
    found = shared_faces(plane, ~plane)
    assert found.faces == (0, 29, 29)
    size = Spacing(10, 10, 10, "test")
    assert found.width(Axis.XY, size) == pytest.approx(290 * 2**0.5)
    assert found.width(Axis.XY, Spacing(10, None, 10, "test")) is None
