"""The story's 3D part; run by test_whole_story in a process that has a screen, with the result of the story."""

import os
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QApplication

from empanada_desktop.document import LabelsLayer

from .person import Person


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of the story: its session can be continued here."""
    folder = Path(os.environ["STORY_HOME"])
    monkeypatch.setenv("EMPANADA_DESKTOP_HOME", str(folder))
    return folder


def test_continue_in_3d(person: Person) -> None:
    window = person.window
    assert QApplication.platformName() != "offscreen"
    person.until(lambda: window.start.go_on_card.isVisible())
    person.click(person.button("Continue where you stopped"))
    person.until(lambda: person.layers)
    view = person.workspace.grid.volume_view
    assert view is not None
    person.click(person.button("Maximise 3D, or show all views again"))
    person.until(lambda: view.gl is not None)
    person.until_rest()
    person.until(lambda: "object" in view.words)
    pick_an_object(person)
    turn(person)
    person.click(person.button("Maximise 3D, or show all views again"))
    assert person.workspace.document.view.maximised is None
    person.menu("File", "Quit")
    person.until(lambda: not window.isVisible())


def pick_an_object(person: Person) -> None:
    """A click on a surface selects its object everywhere."""
    view = person.workspace.grid.volume_view
    assert view is not None
    assert view.gl is not None
    height, width = view.gl.height(), view.gl.width()
    places = [QPoint(x, y) for y in range(20, height, 24) for x in range(20, width, 24)]
    hit = next(place for place in places if view.gl.object_at(place))
    label_id = view.gl.object_at(hit)
    person.click(view.gl, hit)
    selected = [layer for layer in person.workspace.document.of_kind(LabelsLayer) if label_id in layer.selected]
    assert selected
    assert np.asarray(selected[0].source[:, :, :] == label_id).any()


def turn(person: Person) -> None:
    """Dragging turns the camera."""
    view, document = person.workspace.grid.volume_view, person.workspace.document
    assert view is not None
    assert view.gl is not None
    before = document.view.camera
    person.drag(view.gl, QPoint(300, 300), QPoint(420, 330))
    assert document.view.camera.azimuth != before.azimuth
