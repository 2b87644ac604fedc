"""Ending: nothing is left running, jobs are asked about, docks and settings are remembered."""

import json
import multiprocessing
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from empanada_desktop.gui import warm_up
from empanada_desktop.gui.main_window import MainWindow
from empanada_desktop.gui.theme import theme
from empanada_desktop.jobs.job import JobState
from empanada_desktop.settings import load_settings
from empanada_desktop.tasks.demo import sample_path

from .person import Person

LONG = 60_000
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def make_window(qapp: object, home: Path, qtbot: QtBot) -> Iterator[Callable[..., MainWindow]]:
    """Windows one after the other, as when the program is started again."""
    made: list[MainWindow] = []

    def make(width: int = 1500, warms_up: bool = False, path: Path | None = None) -> MainWindow:
        window = MainWindow(warms_up)
        made.append(window)
        window.resize(width, 900)
        window.show()
        if path is not None:
            window.open_path(str(path))
            qtbot.waitUntil(
                lambda: window.workspace is not None and bool(window.workspace.document.layers), timeout=LONG
            )
        return window

    yield make
    for window in made:
        window.close()
        window.deleteLater()
    theme.use("dark")


def children() -> set[str]:
    return {child.name for child in multiprocessing.active_children()}


def test_processes_are_warm_and_end_with_the_window(
    make_window: Callable[..., MainWindow], crop: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_up, "AFTER_MS", 0)
    window = make_window(warms_up=True, path=crop)
    assert window.workspace is not None
    qtbot.waitUntil(lambda: "live plane" in children(), timeout=LONG)
    assert "computing" not in children(), "it takes memory and nobody looks at the volume's form"
    window.workspace.form.show_mode("volume")
    qtbot.waitUntil(lambda: "computing" in children(), timeout=LONG)
    window.close()
    assert children() == set()


@pytest.mark.parametrize("seconds", [0.0, 0.03, 0.3])
def test_closing_at_once_leaves_no_process(
    make_window: Callable[..., MainWindow],
    crop: Path,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
) -> None:
    monkeypatch.setattr(warm_up, "AFTER_MS", 0)
    window = make_window(warms_up=True, path=crop)
    assert window.workspace is not None
    window.workspace.form.show_mode("volume")
    qtbot.wait(1)
    time.sleep(seconds)
    window.close()
    assert children() == set()


@dataclass
class Running:
    """A window with a volume that is worked on for longer than the questions take."""

    window: MainWindow
    person: Person


@pytest.fixture
def running(make_window: Callable[..., MainWindow], qtbot: QtBot, weights_file: Path) -> Running:
    window = make_window(path=sample_path())
    window.activateWindow()
    assert window.workspace is not None
    window.workspace.form.show_mode("volume")
    window.workspace.form.volume.form.set_values({"weights": str(weights_file), "use_gpu": False, "threads": 1})
    return Running(window, Person(window, qtbot))


def start_jobs(running: Running, count: int, folder: Path) -> None:
    """Start the volume's job some times, by its button."""
    workspace = running.window.workspace
    assert workspace is not None
    for number in range(count):
        workspace.form.volume.out.setText(str(folder / f"{number}.zarr"))
        running.person.click(workspace.form.volume.start_button)
        running.person.until(lambda number=number: len(workspace.jobs.queue.jobs) > number)


def test_closing_with_jobs_can_be_taken_back(running: Running, tmp_path: Path) -> None:
    start_jobs(running, 3, tmp_path)
    window, person = running.window, running.person
    assert window.workspace is not None
    asked: list[str] = []

    def keep(box: object) -> None:
        assert isinstance(box, QMessageBox)
        asked.append(box.text())
        running.person.click(running.person.button("Keep running", box))

    with person.answering(keep):
        assert not window.close()
    assert asked == ["3 jobs running."]
    assert window.isVisible()
    assert len(window.workspace.jobs.queue.unfinished) == 3
    with person.pressing("Cancel jobs and close"):
        assert window.close()
    assert not window.isVisible()
    assert all(job.state is JobState.CANCELLED for job in window.workspace.jobs.queue.jobs)
    assert children() == set()


def test_docks_are_where_they_were(make_window: Callable[..., MainWindow], crop: Path, qtbot: QtBot) -> None:
    first = make_window(path=crop)
    assert first.workspace is not None
    first.choose_tab("segment")
    first.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, first.workspace.left_dock)
    Person(first, qtbot).let_it_settle()
    docks = [first.workspace.right_dock, first.workspace.left_dock]
    first.resizeDocks(docks, [450, 450], Qt.Orientation.Horizontal)
    first.use_theme("light")
    Person(first, qtbot).let_it_settle()
    width = first.workspace.right_dock.width()
    assert width == 450
    first.close()

    second = make_window(path=crop)
    assert second.workspace is not None
    Person(second, qtbot).let_it_settle()
    assert second.dockWidgetArea(second.workspace.left_dock) is Qt.DockWidgetArea.RightDockWidgetArea
    assert second.workspace.right_dock.width() == width
    assert load_settings().theme == "light"
    second.actions_table["reset_window"].trigger()
    assert second.dockWidgetArea(second.workspace.left_dock) is Qt.DockWidgetArea.LeftDockWidgetArea
    second.resize(1500, 900)
    assert second.workspace.left_dock.isVisible()


def test_a_hidden_dock_stays_hidden(make_window: Callable[..., MainWindow], crop: Path) -> None:
    first = make_window(path=crop)
    first.actions_table["dock_layers"].trigger()
    first.close()
    second = make_window(path=crop)
    assert second.workspace is not None
    assert not second.workspace.left_dock.isVisible()


def test_dragging_a_dock_by_its_header_lets_it_float(
    make_window: Callable[..., MainWindow], crop: Path, qtbot: QtBot
) -> None:
    window = make_window(path=crop)
    assert window.workspace is not None
    header = window.workspace.layers.header
    place = QPoint(90, header.height() // 2)
    qtbot.mouseDClick(header, LEFT, pos=place)
    assert window.workspace.left_dock.isFloating()
    window.actions_table["reset_window"].trigger()
    assert not window.workspace.left_dock.isFloating()


def test_settings_that_cannot_be_kept_are_said(
    make_window: Callable[..., MainWindow], qtbot: QtBot, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = make_window()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("empanada_desktop.settings.write_json", full)
        window._keep_keys("webknossos", {})
    assert "No space left" in window.bar.text()
    assert window.settings.keys == "webknossos"


def test_recent_files_are_listed_and_open(
    make_window: Callable[..., MainWindow], crop: Path, qtbot: QtBot, home: Path
) -> None:
    first = make_window(path=crop)
    first.close()
    assert json.loads((home / "settings.json").read_text())["recent"] == [str(crop)]
    second = make_window()
    qtbot.waitUntil(lambda: len(second.start.recent._lines) == 1, timeout=LONG)
    line = second.start.recent._lines[0]
    assert (line.file.title, line.file.size, line.file.voxel) == ("crop", "24 × 64 × 72", "10, 10, 10 nm")
    qtbot.mouseClick(line, LEFT)
    qtbot.waitUntil(lambda: second.workspace is not None and bool(second.workspace.document.layers), timeout=LONG)
