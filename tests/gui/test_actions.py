"""The table of actions: every row does something, keys do not collide, the palette and the keys page work."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from empanada_desktop.gui.actions import PRESETS, ROW_BY_ID, ROWS, Actions, conflicts
from empanada_desktop.gui.keys_page import KeysPage
from empanada_desktop.gui.main_window import MainWindow
from empanada_desktop.gui.theme import theme
from empanada_desktop.settings import load_settings

# What users have in their fingers: napari, WEBKNOSSOS, ITK-SNAP.
FINGERS = {
    "tool_brush": ("2 P", "Ctrl+K, B", "5"),
    "tool_eraser": ("1 E", "Ctrl+K, E", "E"),
    "tool_polygon": ("3", "Ctrl+K, L", "3"),
    "tool_fill": ("4 F", "", "4"),
    "tool_pick": ("5 L", "Ctrl+K, P", "L"),
    "tool_smart": ("7", "7", "7"),
    "tool_cursor": ("6", "Ctrl+K, M", "1"),
    "tool_hand": ("", "", "2"),
    "label_new": ("M", "C", "M"),
    "label_swap": ("X", "X", "X"),
    "label_previous": ("-", "-", ","),
    "label_next": ("=", "=", "."),
    "brush_smaller": ("[", "[", "- ["),
    "brush_larger": ("]", "]", "+ ]"),
    "preserve_labels": ("B", "B", "B"),
    "labels_shown": ("V", "3", "S"),
    "plane_next": ("Right", "F Right", "PgUp Right"),
    "plane_previous": ("Left", "D Left", "PgDown Left"),
    "undo": ("Ctrl+Z", "Ctrl+Z", "Ctrl+Z"),
    "redo": ("Ctrl+Shift+Z Ctrl+Y",) * 3,
    "palette": ("Ctrl+Shift+P", "Ctrl+P Ctrl+Shift+P", "Ctrl+Shift+P"),
}


def test_the_presets_have_the_keys_that_users_know() -> None:
    for name, keys in FINGERS.items():
        found = tuple(" ".join(ROW_BY_ID[name].keys_of(preset)) for preset in PRESETS)
        assert found == keys, name


@pytest.mark.parametrize("preset", PRESETS)
def test_no_key_does_two_things(preset: str) -> None:
    assert conflicts({row.id: row.keys_of(preset) for row in ROWS}) == {}


def test_every_action_is_in_a_menu_and_has_a_tip(window: MainWindow) -> None:
    shown = {action for menu in window.menus.values() for action in menu.actions()}
    for row in ROWS:
        assert window.actions_table[row.id] in shown
        assert row.tip.endswith(".")
        assert row.title.rstrip("…") in window.actions_table[row.id].toolTip()


def test_the_palette_finds_and_does(window: MainWindow, qtbot: QtBot) -> None:
    window.show_palette()
    palette = window.palette_popup
    qtbot.keyClicks(palette.search, "light")
    assert palette.list.item(0).text() == "Light"
    qtbot.keyClick(palette.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: theme.tokens.name == "light")
    window.use_theme("dark")
    assert theme.tokens.name == "dark"


def test_the_palette_opens_with_its_key(window: MainWindow, qtbot: QtBot) -> None:
    window.activateWindow()
    modifiers = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(window, Qt.Key.Key_P, modifiers)
    assert window.palette_popup.isVisible()
    window.palette_popup.close()


def test_presets_and_own_keys_are_kept(window: MainWindow, qtbot: QtBot, home: Path) -> None:
    page = KeysPage(window, window.actions_table, window._keep_keys)
    qtbot.addWidget(page)
    page.preset.setCurrentIndex(page.preset.findData("webknossos"))
    assert window.actions_table["plane_next"].shortcuts()[0].toString() == "F"
    page.table.selectRow([row.id for row in ROWS].index("fit"))
    page.editor.setKeySequence("Ctrl+Alt+F")
    page.change.click()
    assert window.actions_table["fit"].shortcut().toString() == "Ctrl+Alt+F"
    kept = load_settings()
    assert (kept.keys, kept.changed_keys) == ("webknossos", {"fit": "Ctrl+Alt+F"})


def test_colliding_keys_are_said(window: MainWindow, qtbot: QtBot) -> None:
    page = KeysPage(window, window.actions_table, lambda *_: None)
    qtbot.addWidget(page)
    page._use("napari", {"fit": ("Ctrl+O",)})
    assert "Ctrl+O" in page.bar.text()
    page._use("napari", {})


def test_needs_decide_what_is_enabled(window: MainWindow) -> None:
    actions: Actions = window.actions_table
    actions.enable({"volume": True})
    assert actions["fit"].isEnabled()
    assert not actions["undo"].isEnabled()
    window.enable_actions()
    assert not actions["fit"].isEnabled()
    assert QApplication.activeModalWidget() is None
