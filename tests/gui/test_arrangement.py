"""Narrow windows: the left dock opens on demand, the form gets narrower, one view shows; wide again, all is back."""

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from empanada_desktop.core.geometry import Axis
from empanada_desktop.gui.arrangement import Space
from empanada_desktop.gui.main_window import MainWindow
from empanada_desktop.gui.workspace import Workspace

from .person import Person

LEFT = Qt.MouseButton.LeftButton
PLANES = (Axis.XY, Axis.YZ, Axis.XZ)


@pytest.fixture
def workspace(window: MainWindow, qtbot: QtBot, crop: Path) -> Workspace:
    window.open_path(str(crop))
    qtbot.waitUntil(lambda: window.workspace is not None and bool(window.workspace.document.layers), timeout=60_000)
    assert window.workspace is not None
    return window.workspace


def resize(window: MainWindow, width: int, qtbot: QtBot) -> None:
    """Make the window so wide, by a real resize event, and let it settle."""
    window.resize(width, 800)
    qtbot.waitUntil(lambda: window.width() == width)
    Person(window, qtbot).let_it_settle()


def shown(workspace: Workspace) -> list[bool]:
    return [workspace.grid.canvas(axis).isVisible() for axis in PLANES]


@pytest.mark.parametrize(
    ("width", "room"),
    [
        (1440, Space(True, True, True)),
        (1439, Space(False, True, True)),
        (1279, Space(False, False, True)),
        (1099, Space(False, False, False)),
    ],
)
def test_what_there_is_room_for(width: int, room: Space) -> None:
    assert Space.of(width) == room


def test_the_left_dock_becomes_a_tab_that_opens_it(window: MainWindow, workspace: Workspace, qtbot: QtBot) -> None:
    resize(window, 1500, qtbot)
    assert workspace.left_dock.isVisible()
    assert not window.arrangement.tabs.isVisible()
    resize(window, 1366, qtbot)
    assert not workspace.left_dock.isVisible()
    before = workspace.grid.width()
    tab = window.arrangement.tabs.button
    qtbot.mouseClick(tab, LEFT)
    qtbot.waitUntil(workspace.layers.list.isVisible)
    assert tab.isChecked()
    qtbot.waitUntil(lambda: workspace.grid.width() < before)
    qtbot.mouseClick(tab, LEFT)
    assert not workspace.left_dock.isVisible()
    resize(window, 1500, qtbot)
    assert workspace.left_dock.isVisible(), "it was there before the window got narrow"
    assert not window.arrangement.tabs.isVisible()


def test_a_left_dock_that_was_closed_stays_closed(window: MainWindow, workspace: Workspace, qtbot: QtBot) -> None:
    resize(window, 1500, qtbot)
    window.actions_table["dock_layers"].trigger()
    assert not workspace.left_dock.isVisible()
    resize(window, 1366, qtbot)
    resize(window, 1500, qtbot)
    assert not workspace.left_dock.isVisible()
    window.actions_table["dock_layers"].trigger()
    assert workspace.left_dock.isVisible()


def test_the_form_search_and_status_get_shorter(window: MainWindow, workspace: Workspace, qtbot: QtBot) -> None:
    resize(window, 1300, qtbot)
    assert workspace.right_dock.width() >= 376
    assert 160 <= window.top.search.width() <= 268
    workspace.session.save()
    resize(window, 1240, qtbot)
    qtbot.waitUntil(lambda: workspace.right_dock.width() == 320)
    assert window.top.search.width() == 40
    assert [
        label.text() for label in window.top.search.findChildren(QLabel) if label.isVisible() and label.text()
    ] == []
    said = [label.text() for label in window.status.findChildren(QLabel) if label.isVisible() and label.text()]
    assert len(said) == 2
    assert "x <b>36</b>" in said[0]
    assert "kept" in said[1]
    resize(window, 1300, qtbot)
    qtbot.waitUntil(lambda: workspace.right_dock.width() >= 376)
    assert any("zoom" in text for text in window.status.texts())


@pytest.mark.parametrize("mode", ["plane", "volume"])
def test_nothing_of_the_narrow_form_is_cut_off(
    window: MainWindow, workspace: Workspace, qtbot: QtBot, mode: str
) -> None:
    resize(window, 1240, qtbot)
    workspace.form.show_mode(mode)
    for section in workspace.form.current.form.sections.values():
        section.set_open(True)
    Person(window, qtbot).let_it_settle()
    form = workspace.form.current.form
    room = QRect(0, 0, form.parentWidget().width(), 10**6)
    fields = [row.control.widget for row in form.rows.values()]
    assert [field.accessibleName() for field in fields if not room.contains(place_in(field, form))] == []
    place = workspace.form.plane.plane
    workspace.form.plane.show_place("crop", Axis.XZ, 12_345)
    Person(window, qtbot).let_it_settle()
    assert mode == "volume" or place.heightForWidth(place.width()) <= place.height(), "it breaks into two lines"
    workspace.form.plane.show_place("crop", Axis.XY, 100)
    Person(window, qtbot).let_it_settle()
    line = place.fontMetrics().horizontalAdvance("xy 100 of the active view") * 1.1
    assert mode == "volume" or place.width() < line or place.height() < 2 * place.fontMetrics().height()


def place_in(widget: QWidget, other: QWidget) -> QRect:
    return QRect(widget.mapTo(other, QPoint(0, 0)), widget.size())


def test_one_view_with_tabs_and_four_again(window: MainWindow, workspace: Workspace, qtbot: QtBot) -> None:
    resize(window, 1060, qtbot)
    assert shown(workspace) == [True, False, False]
    canvas = workspace.grid.canvas(Axis.XY)
    fitting = min(canvas.width() / 72, canvas.height() / 64)
    qtbot.waitUntil(lambda: workspace.document.view.zoom == pytest.approx(fitting))
    tabs = workspace.grid._tabs
    qtbot.mouseClick(tabs, LEFT, pos=tabs.tabRect(2).center())
    assert shown(workspace) == [False, False, True]
    window.actions_table["view_all"].trigger()
    assert shown(workspace) == [False, False, True], "there is no room for four"
    resize(window, 1240, qtbot)
    assert shown(workspace) == [True, True, True]
    assert workspace.document.view.active == "xz"


def test_it_can_be_made_narrow_at_once(window: MainWindow, workspace: Workspace, qtbot: QtBot) -> None:
    resize(window, 1500, qtbot)
    resize(window, 960, qtbot)
    assert window.minimumWidth() <= 960
    assert workspace.grid.width() > 300
