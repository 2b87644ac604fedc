"""Continue: everything comes back, no file is touched on the window's thread, and what is gone is named."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QFileDialog, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from empanada_desktop.document import ArraySource, LabelsLayer, PointsLayer, plain
from empanada_desktop.document.kept import earlier_work
from empanada_desktop.gui.earlier_work import EarlierWork
from empanada_desktop.gui.main_window import MainWindow

LONG = 60_000


def until(qtbot: QtBot, condition: Callable[[], object]) -> None:
    qtbot.waitUntil(lambda: bool(condition()), timeout=LONG)


def open_in(window: MainWindow, qtbot: QtBot, path: Path) -> None:
    window.open_path(str(path))
    until(qtbot, lambda: window.workspace is not None and window.workspace.document.layers)


def paint(window: MainWindow) -> LabelsLayer:
    """Labels that are in no file of the user's."""
    assert window.workspace is not None
    document = window.workspace.document
    voxels = np.zeros(document.shape, np.uint32)
    voxels[3:9, 10:30, 20:40] = 10_007
    labels = LabelsLayer(title="mine", source=ArraySource(voxels), spacing=document.spacing, class_names={1: "mito"})
    document.add_layer(labels)
    document.add_layer(PointsLayer(title="seeds", points=np.array([[1.0, 2.0, 3.0]])))
    document.active = labels
    document.select(labels, [10_007])
    return labels


@pytest.fixture
def kept(qapp: object, qtbot: QtBot, home: Path, crop: Path) -> Path:
    """What a window kept that was closed: the volume, labels of its own, a view, a parameter."""
    window = MainWindow()
    window.resize(1500, 940)
    window.show()
    open_in(window, qtbot, crop)
    assert window.workspace is not None
    labels = paint(window)
    document = window.workspace.document
    document.change_layer(labels, opacity=0.8, style="outline")
    document.change_view(crosshair=(5, 6, 7), zoom=3.5, centre=(4.0, 20.0, 30.0), active="xz")
    window.workspace.form.volume.form.set_values({"min_size": 1234})
    window.close()
    window.deleteLater()
    return crop


def click_continue(window: MainWindow, qtbot: QtBot) -> None:
    """Click the start page's button as soon as it is there."""
    card = window.start.go_on_card
    until(qtbot, card.isVisible)
    button = next(one for one in card.findChildren(QPushButton) if "Continue" in one.text())
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_everything_comes_back(kept: Path, window: MainWindow, qtbot: QtBot) -> None:
    click_continue(window, qtbot)
    until(qtbot, lambda: window.workspace is not None and window.workspace.centre.isVisible())
    assert window.workspace is not None
    document = window.workspace.document
    assert [layer.title for layer in document.layers] == ["crop", "mine", "seeds"]
    labels = document.layers[1]
    assert isinstance(labels, LabelsLayer)
    assert labels is document.active
    assert (labels.opacity, labels.style, labels.selected) == (0.8, "outline", {10_007})
    assert np.count_nonzero(np.asarray(labels.source[0:24, 0:64, 0:72]) == 10_007) == 6 * 20 * 20
    assert document.view.crosshair == (5, 6, 7)
    assert (document.view.zoom, document.view.centre, document.view.active) == (3.5, (4.0, 20.0, 30.0), "xz")
    assert window.workspace.form.volume.form.values()["min_size"] == 1234
    assert window.windowTitle() == "crop - empanada"
    assert any("10 × 10 × 10 nm" in text for text in window.status.texts())
    assert not window.bar.isVisible()


def test_no_file_is_touched_on_the_windows_thread(
    kept: Path, window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[tuple[str, str]] = []

    def watch(name: str) -> None:
        door = getattr(plain, name)

        def watched(*values: object) -> object:
            threads.append((name, threading.current_thread().name))
            return door(*values)

        monkeypatch.setattr(plain, name, watched)

    for name in ("open_source", "read_voxels", "write_voxels"):
        watch(name)
    click_continue(window, qtbot)
    until(qtbot, lambda: window.workspace is not None and window.workspace.document.layers)
    assert window.workspace is not None
    document = window.workspace.document
    labels = document.layers[1]
    assert isinstance(labels, LabelsLayer)
    document.duplicate_layer(labels)
    window.workspace.session.keep()
    until(qtbot, lambda: ("write_voxels", "session_0") in threads)
    window.actions_table["close_volume"].trigger()
    until(qtbot, lambda: document.layers == ())
    until(qtbot, lambda: "4 layers" in window.start.go_on_card.text.text())
    assert {name for name, _ in threads} == {"open_source", "read_voxels", "write_voxels"}
    assert {thread for _, thread in threads} <= {"session_0", "journal"}


def press(window: MainWindow, qtbot: QtBot, words: str) -> None:
    """Click an offer of the message."""
    offer = next(button for button in window.bar.findChildren(QAbstractButton) if button.text() == words)
    qtbot.mouseClick(offer, Qt.MouseButton.LeftButton)


def test_what_was_renamed_is_asked_for(
    kept: Path, window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = kept.rename(kept.with_name("renamed.tif"))
    click_continue(window, qtbot)
    until(qtbot, window.bar.isVisible)
    assert window.bar.text().startswith(f"crop could not be opened: {kept} does not exist.")
    assert window.stack.currentWidget() is window.start
    assert window.workspace is not None
    assert not any(part.isVisible() for part in (window.tools, window.jobs_bar, window.workspace.right_dock))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(elsewhere), ""))
    press(window, qtbot, "Find crop.tif")
    until(qtbot, lambda: window.workspace is not None and window.workspace.document.layers)
    assert window.workspace is not None
    assert [layer.title for layer in window.workspace.document.layers] == ["crop", "mine", "seeds"]
    assert not window.bar.isVisible()


def test_without_what_is_gone_the_rest_comes_back(kept: Path, window: MainWindow, qtbot: QtBot) -> None:
    kept.unlink()
    click_continue(window, qtbot)
    until(qtbot, window.bar.isVisible)
    press(window, qtbot, "Go on without it")
    until(qtbot, lambda: window.workspace is not None and window.workspace.document.layers)
    assert window.workspace is not None
    assert "crop could not be opened" in window.bar.text()
    assert [layer.title for layer in window.workspace.document.layers] == ["mine", "seeds"]
    assert [session.n_layers for session in earlier_work()] == [3], "it waits for the file as it was"


def test_a_session_of_which_nothing_is_left_leaves_the_start_page(
    qapp: object, home: Path, crop: Path, window: MainWindow, qtbot: QtBot
) -> None:
    open_in(window, qtbot, crop)
    window.actions_table["close_volume"].trigger()
    crop.unlink()
    until(qtbot, lambda: "crop" in window.start.go_on_card.text.text())
    click_continue(window, qtbot)
    until(qtbot, window.bar.isVisible)
    assert "crop" in window.bar.text()
    assert window.stack.currentWidget() is window.start
    words = [label.text() for label in window.status.findChildren(QLabel)]
    assert "No file open" in words


def test_continue_with_something_open_brings_back_the_one_before(
    kept: Path, window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    other = tmp_path / "other.tif"
    tifffile.imwrite(other, np.zeros((5, 30, 30), np.uint8))
    open_in(window, qtbot, other)
    assert window.workspace is not None
    document = window.workspace.document
    window.actions_table["continue"].trigger()
    until(qtbot, lambda: [layer.title for layer in document.layers] == ["crop", "mine", "seeds"])
    window.actions_table["continue"].trigger()
    until(qtbot, lambda: [layer.title for layer in document.layers] == ["other"])


def test_work_on_a_file_is_offered_when_it_is_opened_again_and_listed_until_it_is_removed(
    kept: Path, window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    other = tmp_path / "other.tif"
    tifffile.imwrite(other, np.zeros((5, 30, 30), np.uint8))
    open_in(window, qtbot, other)
    window.open_path(str(kept))
    assert window.workspace is not None
    document = window.workspace.document
    until(qtbot, lambda: "Your work on crop was kept" in window.bar.text())
    offer = next(button for button in window.bar.findChildren(QAbstractButton) if button.text() == "Bring it back")
    qtbot.mouseClick(offer, Qt.MouseButton.LeftButton)
    until(qtbot, lambda: [layer.title for layer in document.layers] == ["crop", "mine", "seeds"])
    window.open_path(str(other))
    until(qtbot, lambda: [layer.title for layer in document.layers] == ["other"])
    window.actions_table["earlier"].trigger()
    listed = window.findChild(EarlierWork)
    assert listed is not None
    assert listed.list.count() == 1
    for button in (listed.remove, listed.sure):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert listed.list.count() == 0
    assert not listed.bring.isEnabled()
    listed.reject()


def test_a_full_disk_is_said_and_everything_stays(
    window: MainWindow, qtbot: QtBot, crop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_in(window, qtbot, crop)
    assert window.workspace is not None
    labels = paint(window)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(plain, "write_voxels", full)
        window.workspace.session.keep()
        until(qtbot, window.bar.isVisible)
    assert "No space left" in window.bar.text()
    assert "still open" in window.bar.text()
    assert labels in window.workspace.document.layers
    window.workspace.session.keep()
    until(qtbot, lambda: any("kept" in text for text in window.status.texts()))
