"""Turns of threads, collecting and compiling: as the window needs them, and given back."""

import gc
import multiprocessing
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest

from empanada_desktop.gui import calm
from empanada_desktop.settings import user_folder


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(calm, "_separately", False)
    interval = sys.getswitchinterval()
    yield
    sys.setswitchinterval(interval)
    gc.unfreeze()
    gc.enable()


def test_nothing_is_collected_until_everything_is_loaded() -> None:
    calm.begin()
    assert sys.getswitchinterval() < 0.001
    assert not gc.isenabled()
    seen: list[tuple[bool, bool]] = []
    calm.settle(lambda: seen.append((gc.isenabled(), threading.current_thread() is threading.main_thread()))).join()
    assert seen == [(False, False)]
    assert gc.isenabled()
    assert gc.get_freeze_count() > 10_000, "what is loaded is looked through no more"


def test_a_window_that_is_closed_early_ends_the_loading_quietly() -> None:
    def load() -> None:
        raise CancelledError

    calm.begin()
    calm.settle(load).join()
    assert gc.isenabled()


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
