"""Starting: what a first paint loads, and what the start page offers."""

import subprocess
import sys
from pathlib import Path

from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from pytestqt.qtbot import QtBot

from empanada_desktop.gui import calm
from empanada_desktop.gui.main_window import MainWindow
from empanada_desktop.gui.start_page import RecentFile
from empanada_desktop.settings import write_json

ROOT = Path(__file__).resolve().parents[2]
# All that the program stands on but Qt, and our own rooms that need it.
NOT_BEFORE_FIRST_PAINT = (
    *(
        "torch",
        "zarr",
        "numba",
        "llvmlite",
        "scipy",
        "skimage",
        "matplotlib",
        "numpy",
        "h5py",
        "tifffile",
        "imagecodecs",
    ),
    *("pyqtgraph", "OpenGL", "pydantic", "yaml", "safetensors", "openvino", "onnx", "mrcfile", "PIL", "psygnal"),
    *("asyncio", "multiprocessing", "PySide6.QtTest", "PySide6.QtOpenGL", "PySide6.QtOpenGLWidgets"),
    *(f"empanada_desktop.{room}" for room in ("io", "engine", "tasks", "jobs", "document")),
)
FIRST_PAINT = f"""
import sys
from empanada_desktop.gui.app import make_application
from empanada_desktop.gui.main_window import MainWindow
application = make_application()
window = MainWindow()
window.show()
application.sendPostedEvents()
window.grab()
print(*(name for name in {NOT_BEFORE_FIRST_PAINT} if name in sys.modules))
window.background._threads.shutdown()
"""


def test_the_first_paint_loads_nothing_heavy(home: Path) -> None:
    outcome = subprocess.run(
        [sys.executable, "-c", FIRST_PAINT], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert outcome.returncode == 0, outcome.stderr[-2000:]
    assert outcome.stdout.split() == []


def test_the_whole_workspace_loads_no_torch() -> None:
    code = "import sys, empanada_desktop.gui.workspace; print('torch' in sys.modules, 'matplotlib' in sys.modules)"
    outcome = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.stdout.split() == ["False", "False"], outcome.stderr[-2000:]


def test_the_window_never_loads_torch_whatever_is_segmented(
    home: Path, tiny_volume: str, weights_file: Path, tmp_path: Path
) -> None:
    write_json(home / "compiled.json", calm._now())  # it need not be compiled in another process first
    command = [sys.executable, "-m", "tests.gui.no_torch_checks", tiny_volume, str(weights_file)]
    out = tmp_path / "out.zarr"
    outcome = subprocess.run([*command, str(out)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert outcome.returncode == 0, outcome.stderr[-2000:]
    assert outcome.stdout.splitlines() == ["plane live", "volume done", "torch False"]
    assert out.exists()


def test_a_plain_start_shows_the_start_page(window: MainWindow, qtbot: QtBot) -> None:
    assert window.stack.currentWidget() is window.start
    assert not window.actions_table["save_labels"].isEnabled()
    assert window.actions_table["open_file"].isEnabled()
    qtbot.waitUntil(lambda: window.computer is not None, timeout=60_000)
    words = [label.text() for label in window.start.computer.findChildren(type(window.bar._text))]
    assert any("memory" in text for text in words)
    assert window.top.device.text()


def test_a_dropped_text_file_leaves_the_window_as_it_was(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "notes.tif"
    path.write_text("this is no picture")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    place, none = QPointF(400, 300), Qt.KeyboardModifier.NoModifier
    event = QDropEvent(place, Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, none)
    window.dropEvent(event)
    qtbot.waitUntil(window.bar.isVisible, timeout=60_000)
    assert "notes.tif" in window.bar.text()
    assert window.stack.currentWidget() is window.start
    assert window.workspace is None


def test_bad_folders_are_said(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    bare = tmp_path / "bare.zarr"
    bare.mkdir()
    for path in (tmp_path / "empty", bare, tmp_path / "missing.tif"):
        window.bar.hide()
        window.open_path(str(path))
        qtbot.waitUntil(window.bar.isVisible, timeout=60_000)
        assert path.name in window.bar.text() or "folder" in window.bar.text()
    assert window.workspace is None


def test_recent_files_under_the_mouse_stay_while_their_facts_arrive(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: window.background.running == 0)
    recent, opened = window.start.recent, []
    recent.chosen.connect(opened.append)
    recent.show_files([RecentFile("/data/a.tif", "a"), RecentFile("/data/b.tif", "b")])
    line = recent._lines[1]
    qtbot.waitUntil(line.isVisible)
    qtbot.mousePress(line, Qt.MouseButton.LeftButton)
    recent.show_files([RecentFile("/data/a.tif", "a"), RecentFile("/data/b.tif", "b", "8 × 9")])
    qtbot.mouseRelease(line, Qt.MouseButton.LeftButton)
    assert opened == ["/data/b.tif"]
    assert recent._lines[1]._facts[0].text() == "8 × 9"
    recent.show_files([RecentFile("/data/c.tif", "c")])
    assert [line.file.title for line in recent._lines] == ["c"]
