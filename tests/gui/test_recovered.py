"""Killed while painting: the next start offers what was done, and brings it back with its history."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from empanada_desktop.core.geometry import Box
from empanada_desktop.document import LabelsLayer
from empanada_desktop.document.kept import SESSION_FILE
from empanada_desktop.gui.main_window import MainWindow
from empanada_desktop.gui.objects.desk import ObjectsDesk
from empanada_desktop.settings import HOME_VARIABLE, read_json

BOX = Box((3, 10, 20), (5, 30, 40))


def until(qtbot: QtBot, condition: object) -> None:
    qtbot.waitUntil(lambda: bool(condition()), timeout=60_000)  # type: ignore[operator]


def load(folder: Path) -> dict[str, Any]:
    """What a session's file says now."""
    return read_json(folder / SESSION_FILE)


def test_a_killed_window_gives_everything_back(
    window: MainWindow, qtbot: QtBot, home: Path, crop: Path, tmp_path: Path, monkeypatch: object
) -> None:
    window.open_path(str(crop))
    until(qtbot, lambda: window.workspace is not None and window.workspace.document.layers)
    assert window.workspace is not None
    keeper, document = window.workspace.session, window.workspace.document
    until(qtbot, lambda: keeper._session is not None and keeper._session.journal is not None)
    until(qtbot, lambda: not keeper._first.isActive())  # the first state is on its way to the disk
    window.choose_tab("annotate")
    until(qtbot, lambda: keeper.folder is not None and load(keeper.folder)["view"]["workspace"] == "annotate")
    labels = document.new_labels("mine")
    for label_id in (5, 6, 7):
        stroke = document.begin_stroke(labels, "Brush")
        stroke.write(BOX.moved((label_id, 0, 0)), np.full(BOX.shape, label_id))
        stroke.commit()
    document.undo()
    journal = keeper._journal
    assert journal is not None
    until(qtbot, lambda: journal.has_all)
    shutil.copytree(home, tmp_path / "after the kill")  # what the disk holds at this moment
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "after the kill"))  # type: ignore[attr-defined]

    again = MainWindow()
    again.resize(1500, 940)
    again.show()
    until(qtbot, again.start.bar.isVisible)
    assert again.start.bar.text() == "3 edits were kept. Your files were not changed."
    (button,) = (one for one in again.start.bar.findChildren(QPushButton) if one.text() == "Restore")
    button.click()
    until(qtbot, lambda: again.workspace is not None and len(again.workspace.document.layers) == 2)
    assert again.workspace is not None
    assert again.workspace.rooms.current == "annotate"
    other = again.workspace.document
    assert "Recovered 3 edits." in again.bar.text()
    mine = other.layers[1]
    assert isinstance(mine, LabelsLayer)
    np.testing.assert_array_equal(mine.source[:, :, :], labels.source[:, :, :])
    assert [deed.title for deed in other.history.edits] == ["Add mine", "Brush", "Brush", "Brush"]
    assert other.history.position == 3
    desk = ObjectsDesk.of(again.workspace)
    assert desk.edited_ids().tolist() == [5, 6]  # the table knows it after a restart, too
    other.redo()
    assert desk.edited_ids().tolist() == [5, 6, 7]
    assert (mine.source[BOX.moved((7, 0, 0)).slices] == 7).all()
    while other.undo() is not None:
        pass
    assert [layer.title for layer in other.layers] == ["crop"]
    again.close()
    again.deleteLater()
