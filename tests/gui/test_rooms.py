"""Rooms: tabs swap docks and nothing else, rooms are made when first chosen, tools open the room they belong to."""

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QToolButton
from pytestqt.qtbot import QtBot

from empanada_desktop.gui.actions import ROWS
from empanada_desktop.gui.main_window import MainWindow
from empanada_desktop.gui.rooms import TABS, Pages, tabs_there
from empanada_desktop.gui.shell import TOOLS
from empanada_desktop.gui.workspace import Workspace

from .person import Person

LEFT = Qt.MouseButton.LeftButton
ROOMS = [tab.name for tab in tabs_there() if tab.maker]


@pytest.fixture
def workspace(window: MainWindow, person: Person, crop: Path) -> Workspace:
    window.open_path(str(crop))
    person.until(lambda: window.workspace is not None and bool(window.workspace.document.layers))
    person.until_rest()
    return person.workspace


def tool_button(window: MainWindow, title: str) -> QToolButton:
    return next(one for one in window.tools.findChildren(QToolButton) if one.accessibleName() == title)


def test_rooms_are_made_when_they_are_first_chosen(workspace: Workspace, person: Person) -> None:
    assert [name for name in ROOMS if workspace.rooms.is_made(name)] == []
    for name in ROOMS:
        person.click(person.window.top.tab_button(name))
        assert workspace.rooms.is_made(name)
        room = workspace.rooms[name]
        assert workspace.rooms.current == name
        for part in (room.left, room.right, room.bottom):
            assert part is None or part.isVisible()


def test_tabs_leave_document_camera_and_undo_alone(workspace: Workspace, person: Person) -> None:
    document = workspace.document
    document.rename_layer(document.layers[0], "image")
    canvas = workspace.grid.canvas(workspace.grid.active_axis)
    person.wheel(canvas, 2)
    person.click(canvas)
    before = (document.layers, document.view, document.history.position)
    for name in [tab.name for tab in tabs_there()]:
        person.click(person.window.top.tab_button(name))
        person.until_rest()
        view = replace(document.view, workspace=before[1].workspace)
        assert (document.layers, view, document.history.position) == before


def test_every_row_of_a_room_has_its_deed_and_every_tool_what_it_does(workspace: Workspace) -> None:
    for name in ROOMS:
        room = workspace.rooms[name]
        rows = [row.id for row in ROWS if row.room == name and not row.id.startswith(("tool_", "room_"))]
        assert sorted(set(rows) - set(room.deeds)) == []
    for tool in TOOLS:
        if tool.rooms and set(tool.rooms) <= set(ROOMS):
            workspace.choose_tool(tool.name)
            assert workspace.tool == tool.name
            assert workspace.grid.canvas_tool is not None, tool.name


def test_a_tool_opens_its_room_and_every_room_keeps_its_own(workspace: Workspace, person: Person) -> None:
    window = person.window
    assert (workspace.rooms.current, workspace.tool) == ("segment", "cursor")
    person.click(tool_button(window, "Brush"))
    assert (workspace.rooms.current, workspace.tool) == ("annotate", "brush")
    assert window.top.tab_button("annotate").isChecked()
    person.click(window.top.tab_button("segment"))
    assert (workspace.tool, workspace.grid.canvas_tool) == ("cursor", None)
    assert tool_button(window, "Cursor").isChecked()
    person.click(window.top.tab_button("annotate"))
    assert workspace.tool == "brush"
    person.key(Qt.Key.Key_6)
    assert workspace.tool == "cursor"


def test_a_narrow_window_has_tabs_as_icons_and_the_left_dock_by_name(
    workspace: Workspace, person: Person, qtbot: QtBot
) -> None:
    window = person.window
    for name in [tab.name for tab in tabs_there()]:
        window.choose_tab(name)
        for width in (1500, 1440, 1280, 1100, 1000):
            window.resize(width, 800)
            qtbot.waitUntil(lambda width=width: window.width() == width, timeout=10_000)
            right = window.top.mapToGlobal(window.top.rect().topRight()).x()
            for tab in window.top.tabs:
                button = window.top.tab_button(tab.name)
                assert button.isVisible(), (tab.name, width)
                assert button.mapToGlobal(button.rect().topRight()).x() <= right
        assert window.arrangement.tabs.button.text() == workspace.rooms[name].left_title


def test_pages_ask_for_the_room_of_the_one_that_shows(qtbot: QtBot) -> None:
    from PySide6.QtWidgets import QWidget

    pages = Pages()
    qtbot.addWidget(pages)
    wide, narrow = QWidget(), QWidget()
    wide.setMinimumWidth(500)
    narrow.setMinimumWidth(100)
    pages.show_page(wide)
    pages.show_page(narrow)
    assert pages.minimumSizeHint().width() == 100
    pages.show_page(None)
    assert wide.isHidden()
    assert narrow.isHidden()


def test_names_are_told_once() -> None:
    assert len({tab.name for tab in TABS}) == len(TABS)
    assert {row.room for row in ROWS} <= {"", *(tab.name for tab in TABS)}
