"""What a segmentation is confined to is seen in the views while its form is."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PySide6.QtCore import QPoint, QPointF

from empanada_desktop.core.geometry import Axis
from empanada_desktop.gui.viewer.canvas import PlaneCanvas

from .person import Person

EDGE = {Axis.XY: ((10, 20), (30, 20), (20, 8), (20, 32)), Axis.XZ: ((4, 20), (18, 20), (10, 8), (10, 32))}


@pytest.fixture
def at_work(person: Person, crop: Path) -> Person:
    """A person at a black volume, with the box tool."""
    tifffile.imwrite(crop, np.zeros((24, 64, 72), np.uint8), photometric="minisblack")
    person.drop(crop)
    person.until(lambda: person.layers == ["crop"])
    person.workspace.document.change_view(shows_crosshair=False)
    person.window.tools.choose("box")
    person.until_rest()
    return person


def draw(person: Person, axis: Axis, first: tuple[int, int], last: tuple[int, int]) -> None:
    canvas = person.workspace.grid.canvas(axis)
    person.drag(canvas, place_of(canvas, *first), place_of(canvas, *last))


def place_of(canvas: PlaneCanvas, row: float, column: float) -> QPoint:
    return QPointF(*canvas.camera().point_of(row + 0.5, column + 0.5)).toPoint()


def framed(person: Person, axis: Axis) -> float:
    """How much of the box's edges is white: 1 when they are drawn, 0 when not, between when they are dashed."""
    person.until_rest()
    canvas = person.workspace.grid.canvas(axis)
    image, camera = canvas.grab().toImage(), canvas.camera()
    (top, _), (bottom, _), (_, left), (_, right) = EDGE[axis]
    seen = []
    for column in np.linspace(left + 1, right - 1, 200):
        for row in (top, bottom):
            x, y = camera.point_of(row, column)
            places = [(round(x), round(y) + by) for by in (-1, 0, 1)]
            seen.append(max(image.pixelColor(*place).lightness() for place in places) > 200)
    return float(np.mean(seen))


def test_the_region_of_a_plane(at_work: Person, tmp_path: Path) -> None:
    person, panel = at_work, at_work.workspace.form.plane
    draw(person, Axis.XY, (10, 8), (29, 31))
    assert panel.confine.value() == "region"
    assert framed(person, Axis.XY) == 1
    assert framed(person, Axis.XZ) == 0
    person.menu("View", "Next plane")
    assert framed(person, Axis.XY) == 1, "it holds for every plane"
    person.click(person.window.top.tab_button("view"))
    assert framed(person, Axis.XY) == 0, "the form is not seen"
    person.click(person.window.top.tab_button("segment"))
    assert framed(person, Axis.XY) == 1
    person.choose(panel.confine, "Nothing")
    assert framed(person, Axis.XY) == 0
    person.choose(panel.confine, "Drawn region")
    assert framed(person, Axis.XY) == 1
    # In a volume of another size it means nothing.
    tifffile.imwrite(tmp_path / "other.tif", np.zeros((20, 64, 72), np.uint8), photometric="minisblack")
    person.drop(tmp_path / "other.tif")
    person.until(lambda: person.layers == ["other"])
    assert panel.confine.value() == "whole"
    assert framed(person, Axis.XY) == 0


def test_the_region_of_a_volume(at_work: Person) -> None:
    person, panel = at_work, at_work.workspace.form.volume
    person.click(person.button("Volume", within=person.workspace.form))
    person.choose(panel.confine, "Box from two views")
    draw(person, Axis.XY, (10, 8), (29, 31))
    draw(person, Axis.XZ, (4, 8), (17, 31))
    person.workspace.document.change_view(crosshair=(12, 20, 20))
    assert framed(person, Axis.XY) == framed(person, Axis.XZ) == 1
    person.workspace.document.change_view(crosshair=(2, 20, 20))
    assert 0.3 < framed(person, Axis.XY) < 0.8, "dashed on planes that the box does not hold"
    assert framed(person, Axis.XZ) == 1
    person.click(person.button("Plane", within=person.workspace.form))
    assert framed(person, Axis.XZ) == 0
