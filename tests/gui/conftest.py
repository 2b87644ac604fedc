"""One application, a home of its own for every test, small weights, a small volume, and nothing left alive."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

QtWidgets = pytest.importorskip("PySide6.QtWidgets")

from PySide6.QtCore import QCoreApplication, Qt  # noqa: E402
from pytestqt.qtbot import QtBot  # noqa: E402

from empanada_desktop.gui.app import make_application  # noqa: E402
from empanada_desktop.gui.calm import Collector  # noqa: E402
from empanada_desktop.gui.main_window import MainWindow  # noqa: E402
from empanada_desktop.gui.theme import theme  # noqa: E402
from empanada_desktop.io.volumes import open_volume  # noqa: E402
from empanada_desktop.tasks.demo import sample_path  # noqa: E402

from .leaks import nothing_survives  # noqa: E402
from .person import Person  # noqa: E402


@pytest.fixture(scope="session")
def qapp() -> object:
    """The one application, in our style, collecting as the program does; its file dialogs are Qt's own."""
    application = make_application()
    QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)
    theme.use("dark")
    Collector(application)
    return application


PATIENCE_MS = 240_000


class PatientBot(QtBot):
    """Waits as long as a slow and busy machine may take; a quick one is never kept waiting by that."""

    def waitUntil(self, callback: Callable[[], object], *, timeout: int = PATIENCE_MS) -> None:
        super().waitUntil(callback, timeout=max(timeout, PATIENCE_MS))

    def waitSignal(self, signal: Any, *, timeout: int = PATIENCE_MS, **options: Any) -> Any:
        return super().waitSignal(signal, timeout=timeout, **options)

    def waitExposed(self, widget: QtWidgets.QWidget, *, timeout: int = PATIENCE_MS) -> Any:
        return super().waitExposed(widget, timeout=timeout)


@pytest.fixture
def qtbot(qapp: object, request: pytest.FixtureRequest) -> QtBot:
    """pytest-qt's robot, with patience."""
    return PatientBot(request)


@pytest.fixture(autouse=True)
def _nothing_survives(qapp: object, children_are_warm: None) -> Iterator[None]:
    """Fail a test that leaves windows, threads, processes, pools or timers behind."""
    with nothing_survives():
        yield


@pytest.fixture(scope="session")
def weights_file(save_tiny: Callable[[bool], Path]) -> Path:
    """A very small network that finds objects everywhere, which mean nothing."""
    return save_tiny(True)


@pytest.fixture
def crop(tmp_path: Path) -> Path:
    """A crop of the sample: 24 planes of 64 × 72, 10 nm voxels."""
    path = tmp_path / "crop.tif"
    with open_volume(sample_path()) as sample:
        voxels = np.asarray(sample[0:24, 40:104, 40:112])
    about = {"axes": "ZYX", "spacing": 0.01, "unit": "um"}
    tifffile.imwrite(path, voxels, imagej=True, metadata=about, resolution=(100, 100))
    return path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder of our own."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("EMPANADA_DESKTOP_HOME", str(folder))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return folder


@pytest.fixture
def window(qapp: object, qtbot: object, home: Path) -> Iterator[MainWindow]:
    """The window; what it started has ended when the test is over."""
    window = MainWindow()
    window.resize(1500, 940)
    window.show()
    yield window
    if window.workspace is not None:  # a test that fails while a job runs must not wait for an answer
        queue = window.workspace.jobs.queue
        for job in queue.unfinished:
            queue.cancel(job)
            queue.wait(job, 30)
    window.close()
    window.deleteLater()


@pytest.fixture
def person(window: MainWindow, qtbot: object) -> Person:
    """A person at the window."""
    window.activateWindow()
    return Person(window, qtbot)  # type: ignore[arg-type]
