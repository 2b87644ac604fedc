"""Finds what a test has left alive: windows, threads, processes, pools and timers that were not there before."""

import concurrent.futures
import gc
import multiprocessing.pool
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import active_children, resource_tracker
from pathlib import Path
from typing import Any

import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QObject, QThread, QThreadPool, QTimer
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QToolTip

PATIENCE = 30.0
# Threads that libraries start once and keep for the life of the process; and numba's compiling, once for all windows.
LASTING_THREADS = ("zarr_io", "asyncio", "pytest", "compiling the viewer")
Living = dict[str, dict[int, str]]


@contextmanager
def nothing_survives(patience: float = PATIENCE) -> Iterator[None]:
    """Raise AssertionError when something lives after the block that did not live before it.

    What is on its way to its end (windows to be deleted, threads that finish) has `patience` seconds.
    """
    resource_tracker.ensure_running()
    before = living()
    yield
    until = time.monotonic() + patience
    while left := survivors(before):
        if time.monotonic() > until:
            raise AssertionError(f"survived the test: {left}")
        time.sleep(0.02)


def survivors(before: Living) -> dict[str, list[str]]:
    """What lives now and did not live before, by kind, in words."""
    settle()
    left = _newer(before)
    if left:
        gc.collect()
        left = _newer(before)
    return left


def _newer(before: Living) -> dict[str, list[str]]:
    now = living()
    left = {kind: [words for key, words in now[kind].items() if key not in before[kind]] for kind in now}
    return {kind: words for kind, words in left.items() if words}


def settle() -> None:
    """Let Qt do away with what is to go."""
    QToolTip.hideText()
    for _ in range(2):
        QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents)
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def living() -> Living:
    """Everything that must end with the test that began it: kind -> {key: words}."""
    from warm_children import own_processes  # the checks that run as programs find no way to it, and need none

    found: Living = {"windows": {}, "threads": {}, "processes": {}, "pools": {}, "timers": {}, "Qt threads": {}}
    found["windows"] = {_address(widget): _name(widget) for widget in QApplication.topLevelWidgets()}
    found["threads"] = {
        id(thread): thread.name for thread in threading.enumerate() if not thread.name.startswith(LASTING_THREADS)
    }
    found["processes"] = {child.pid or 0: child.name for child in active_children()} | own_processes()
    if busy := QThreadPool.globalInstance().activeThreadCount():
        found["Qt threads"][busy] = f"{busy} in Qt's pool"
    wanted = _kinds()
    for thing in gc.get_objects():
        if type(thing) in wanted:
            _sort_in(thing, found)
    return found


def _kinds() -> set[type]:
    """The types of what is searched for among all objects, their subclasses included."""
    kinds: set[type] = set()
    waiting: list[type] = [concurrent.futures.Executor, multiprocessing.pool.Pool, QTimer, QThread]
    while waiting:
        kind = waiting.pop()
        kinds.add(kind)
        waiting.extend(one for one in type.__subclasses__(kind) if one not in kinds)
    return kinds


def _sort_in(thing: Any, found: Living) -> None:
    if isinstance(thing, QTimer | QThread):
        _sort_in_qt(thing, found)
    elif is_open(thing):
        found["pools"][id(thing)] = f"{type(thing).__name__} {getattr(thing, '_thread_name_prefix', '')}".strip()


def _sort_in_qt(thing: QTimer | QThread, found: Living) -> None:
    if not shiboken6.isValid(thing):
        return
    if isinstance(thing, QTimer):
        if thing.isActive():
            found["timers"][_address(thing)] = f"every {thing.interval()} ms of {_name(thing.parent())}"
    elif thing.isRunning() and thing is not QThread.currentThread():
        found["Qt threads"][_address(thing)] = _name(thing)


def is_open(pool: Any) -> bool:
    """Whether a pool of threads or processes has not been shut down."""
    if isinstance(pool, multiprocessing.pool.Pool):
        return pool._state not in ("CLOSE", "TERMINATE")
    if str(getattr(pool, "_thread_name_prefix", "")).startswith(LASTING_THREADS):
        return False
    return not getattr(pool, "_shutdown", getattr(pool, "_shutdown_thread", True))


def _address(thing: QObject) -> int:
    return shiboken6.getCppPointer(thing)[0]


def _name(thing: QObject | None) -> str:
    if thing is None:
        return "nobody"
    words = thing.text() if isinstance(thing, QAbstractButton | QLabel) else ""
    return " ".join(filter(None, (type(thing).__name__, thing.objectName(), words)))


def torch_is_loaded() -> bool:
    """Whether torch is in this process: as a module, or as a library that is mapped."""
    maps = Path("/proc/self/maps")
    return "torch" in sys.modules or (maps.exists() and "libtorch" in maps.read_text())
