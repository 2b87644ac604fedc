"""Confining a volume to a box, by mouse: two views give it, the checks follow, the result lies over the volume."""

from pathlib import Path

import numpy as np
from PySide6.QtCore import QPoint, QPointF

from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.core.preflight import estimate
from empanada_desktop.gui.viewer.canvas import PlaneCanvas
from empanada_desktop.jobs.job import JobState

from .person import Person


def place_of(canvas: PlaneCanvas, row: float, column: float) -> QPoint:
    """Where the middle of a pixel of the plane is seen."""
    return QPointF(*canvas.camera().point_of(row + 0.5, column + 0.5)).toPoint()


def draw(person: Person, axis: Axis, first: tuple[int, int], last: tuple[int, int]) -> None:
    canvas = person.workspace.grid.canvas(axis)
    person.drag(canvas, place_of(canvas, *first), place_of(canvas, *last))


def test_a_box_from_two_views_is_segmented_alone(person: Person, crop: Path, weights_file: Path) -> None:
    person.drop(crop)
    person.until(lambda: person.layers == ["crop"])
    person.until_rest()
    person.click(person.button("Volume", within=person.workspace.form))
    panel = person.workspace.form.volume
    panel.weights.set_value(str(weights_file))
    panel.show_time(panel.form.values(), 1e-3)
    whole = estimate(panel.plan())

    # Too thin for the network: said before the start, with a way out.
    person.choose(panel.confine, "Box from two views")
    assert panel.bar.isVisible()
    draw(person, Axis.XY, (12, 16), (21, 55))
    assert panel.region == Box((0, 12, 16), (24, 22, 56))
    assert [check.name for check in panel.preflight.checks if check.state == "error"] == ["Region"]
    assert not panel.start_button.isEnabled()
    person.click(person.button("Draw anew", within=panel))
    draw(person, Axis.XY, (12, 16), (43, 55))
    draw(person, Axis.XZ, (4, 30), (17, 40))  # its z only: x is what the first box says
    assert panel.region == Box((4, 12, 16), (18, 44, 56))
    assert panel.confine_words() == "z 4 to 17, y 12 to 43, x 16 to 55: 14 × 32 × 40 voxels."
    assert not panel.bar.isVisible()
    checks = {check.name: check.words for check in panel.preflight.checks}
    assert checks["Region"] == "16% of the volume"
    assert checks["Time"].endswith(", 14 planes")
    part = estimate(panel.plan())
    assert part.memory < whole.memory
    assert part.disk < whole.disk / 2
    assert part.seconds is not None
    assert whole.seconds is not None
    assert part.seconds < whole.seconds * 0.6, "14 of 24 planes, and smaller ones"

    person.click(panel.start_button)
    job = person.job()
    person.until_ended(job)
    assert job.state is JobState.DONE, job.error
    person.until(lambda: "mito" in person.layers)
    labels = np.asarray(person.labels("mito").source[0:24, :, :])
    assert labels[4:18, 12:44, 16:56].any()
    labels[4:18, 12:44, 16:56] = 0
    assert not labels.any()

    person.choose(panel.confine, "Nothing")
    assert panel.region is None
    assert "Region" not in [check.name for check in panel.preflight.checks]
    person.until_rest()
