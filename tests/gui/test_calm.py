"""Turns of threads, collecting and compiling: as the window needs them, and given back."""

import gc
import multiprocessing
import sys
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication
from pytestqt.qtbot import QtBot

from empanada_desktop.gui import calm
from empanada_desktop.gui.main_window import MainWindow
from empanada_desktop.settings import user_folder

from .leaks import nothing_survives


@pytest.fixture(autouse=True)
def _nothing_survives(qapp: object) -> Iterator[None]:
    """As for every test of the window; what was frozen earlier is no news when it is thawed here."""
    gc.unfreeze()
    with nothing_survives():
        yield


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(calm, "_separately", False)
    interval, before = sys.getswitchinterval(), collectors()
    yield
    sys.setswitchinterval(interval)
    for collector in collectors():
        if collector not in before:
            collector.setParent(None)
            collector.deleteLater()
    gc.unfreeze()


def collectors() -> list[calm.Collector]:
    application = QCoreApplication.instance()
    assert application is not None
    return application.findChildren(calm.Collector)


def test_nothing_is_collected_until_everything_is_loaded() -> None:
    calm.begin()
    assert sys.getswitchinterval() < 0.001
    assert not gc.isenabled()
    seen: list[tuple[bool, bool]] = []
    calm.settle(lambda: seen.append((gc.isenabled(), threading.current_thread() is threading.main_thread()))).join()
    assert seen == [(False, False)]
    assert not collectors()[-1].waits
    assert gc.get_freeze_count() > 10_000, "what is loaded is looked through no more"


def test_a_window_that_is_closed_early_ends_the_loading_quietly() -> None:
    def load() -> None:
        raise CancelledError

    calm.begin()
    calm.settle(load).join()
    assert not collectors()[-1].waits


def test_what_is_dead_is_collected_on_the_windows_thread_alone(
    window: MainWindow, qtbot: QtBot, crop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads that make many objects, as loading modules does, would each begin collections of their own."""
    monkeypatch.setattr(calm, "COLLECT_MS", 5)
    threads: list[str] = []

    def heard(phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            threads.append(threading.current_thread().name)

    dead = [make_cycles()]
    gc.callbacks.append(heard)
    try:
        calm.settle(make_cycles).join()
        busy = threading.Thread(target=make_cycles)
        busy.start()
        window.open_path(str(crop))
        qtbot.waitUntil(lambda: window.workspace is not None and bool(window.workspace.document.layers), timeout=60_000)
        busy.join()
        dead.append(make_cycles())
        qtbot.waitUntil(lambda: dead[-1]() is None, timeout=60_000)
    finally:
        gc.callbacks.remove(heard)
    assert set(threads) == {threading.main_thread().name}


class Knot:
    """Refers to itself, so that only a collection does away with it."""

    def __init__(self) -> None:
        self.me = self


def make_cycles() -> "weakref.ref[Knot]":
    """Make far more objects than a collection waits for; returns the way to one that is dead."""
    kept = [Knot() for _ in range(5000)]
    return weakref.ref(kept[0])


def test_functions_are_compiled_once_and_in_another_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EMPANADA_DESKTOP_HOME", str(tmp_path))
    started: list[str] = []
    process = multiprocessing.get_context("spawn").Process

    def counted(_context: object, *arguments: Any, **options: Any) -> Any:
        started.append(options["name"])
        return process(*arguments, **options)

    monkeypatch.setattr(multiprocessing.context.SpawnContext, "Process", counted)
    calm.load_compiled()
    assert started == [], "only the program itself does so"
    calm.begin()
    calm.load_compiled()
    assert started == ["compiling"]
    assert (user_folder() / "compiled.json").exists()
    calm.load_compiled()
    assert started == ["compiling"]
