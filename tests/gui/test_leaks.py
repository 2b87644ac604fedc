"""The fixture that fails on what a test leaves alive: shown to fail, for every kind."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QThread, QTimer
from PySide6.QtWidgets import QDialog, QMenu, QWidget

from .leaks import nothing_survives

HERE = Path(__file__).parent
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]

LEAKING = """
import subprocess, sys, threading
import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget

kept = []

def test_clean(): pass

def test_widget(): kept.append(QWidget())

def test_thread():
    kept.append(threading.Event())
    threading.Thread(target=kept[-1].wait, args=(20,), name="forgotten", daemon=True).start()

def test_process(): kept.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]))

def test_clean_again():
    for thing in kept:
        getattr(thing, "set", lambda: None)()
        getattr(thing, "kill", lambda: None)()
"""


@contextmanager
def leaked_widget(kind: type[QWidget]) -> Iterator[None]:
    widget = kind()
    yield
    widget.deleteLater()


@contextmanager
def leaked_timer() -> Iterator[None]:
    timer = QTimer()
    timer.start(1000)
    yield
    timer.stop()


@contextmanager
def leaked_thread() -> Iterator[None]:
    done = threading.Event()
    thread = threading.Thread(target=done.wait, name="forgotten", daemon=True)
    thread.start()
    yield
    done.set()
    thread.join()


@contextmanager
def leaked_qt_thread() -> Iterator[None]:
    thread = QThread()
    thread.setObjectName("forgotten")
    thread.start()
    yield
    thread.quit()
    thread.wait()


@contextmanager
def leaked_child() -> Iterator[None]:
    child = get_context("spawn").Process(target=time.sleep, args=(60,), name="forgotten")
    child.start()
    yield
    child.kill()
    child.join()
    child.close()


@contextmanager
def leaked_program() -> Iterator[None]:
    with subprocess.Popen(SLEEP) as child:
        yield
        child.kill()


@contextmanager
def leaked_pool() -> Iterator[None]:
    pool = ThreadPoolExecutor(1, thread_name_prefix="forgotten")
    yield
    pool.shutdown()


LEAKS: dict[str, tuple[Callable[[], Any], str]] = {
    "window": (lambda: leaked_widget(QWidget), "windows"),
    "dialog": (lambda: leaked_widget(QDialog), "windows"),
    "menu": (lambda: leaked_widget(QMenu), "windows"),
    "timer": (leaked_timer, "timers"),
    "thread": (leaked_thread, "threads"),
    "Qt thread": (leaked_qt_thread, "Qt threads"),
    "child": (leaked_child, "processes"),
    "process": (leaked_program, "processes"),
    "pool": (leaked_pool, "pools"),
}


@pytest.mark.parametrize("name", LEAKS)
def test_what_is_left_alive_is_found(qapp: object, name: str) -> None:
    leak, kind = LEAKS[name]
    begun = leak()
    with pytest.raises(AssertionError, match=f"survived the test.*'{kind}'"), nothing_survives(patience=0.1):
        begun.__enter__()
    begun.__exit__(None, None, None)


@pytest.mark.parametrize("name", LEAKS)
def test_what_was_put_away_is_none(qapp: object, name: str) -> None:
    with nothing_survives(), LEAKS[name][0]():
        pass


def test_every_test_of_the_window_is_watched(tmp_path: Path) -> None:
    folder = tmp_path / "tests" / "gui"
    folder.mkdir(parents=True)
    for name in ("conftest.py", "leaks.py", "person.py"):
        shutil.copy(HERE / name, folder)
    shutil.copy(HERE.parent / "conftest.py", folder.parent)
    shutil.copytree(HERE.parent / "children", folder.parent / "children")
    text = (folder / "leaks.py").read_text()
    (folder / "leaks.py").write_text(text.replace("PATIENCE = 30.0", "PATIENCE = 0.5"))
    (folder / "test_leaking.py").write_text(LEAKING)
    options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", f"--rootdir={tmp_path}", "-c", os.devnull]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    command = [sys.executable, "-m", "pytest", *options, str(folder)]
    outcome = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "5 passed, 3 errors" in outcome.stdout, outcome.stdout + outcome.stderr
    for name in ("widget", "thread", "process"):
        assert f"ERROR tests/gui/test_leaking.py::test_{name} - AssertionError: survived" in outcome.stdout
