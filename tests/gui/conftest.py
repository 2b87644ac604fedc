"""One application, a home of its own for every test, small weights, and nothing left running."""

import multiprocessing
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

QtWidgets = pytest.importorskip("PySide6.QtWidgets")

from empanada_desktop.gui.app import make_application  # noqa: E402
from empanada_desktop.gui.main_window import MainWindow  # noqa: E402
from empanada_desktop.gui.theme import theme  # noqa: E402


@pytest.fixture(scope="session")
def qapp() -> object:
    """The one application, in our style."""
    application = make_application()
    theme.use("dark")
    return application


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder of our own."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("EMPANADA_DESKTOP_HOME", str(folder))
    return folder


@pytest.fixture
def window(qapp: object, qtbot: object, home: Path) -> Iterator[MainWindow]:
    """The window; what it started has ended when the test is over."""
    before = set(threading.enumerate())
    window = MainWindow()
    window.resize(1500, 940)
    window.show()
    yield window
    window.close()
    window.deleteLater()
    qtbot.wait(10)  # type: ignore[attr-defined]
    left = [thread.name for thread in set(threading.enumerate()) - before if thread.is_alive() and not thread.daemon]
    assert left == []
    assert multiprocessing.active_children() == []
