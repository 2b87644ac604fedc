"""Jobs need: tiny weights, a tiny volume, and that nothing survives a test."""

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import Any

import pytest
import zarr
from warm_children import are_to_be_had, own_processes

from empanada_desktop.core.context import Partial
from empanada_desktop.errors import JobCancelled
from empanada_desktop.jobs.devices import Devices

sys.path.insert(0, str(Path(__file__).with_name("deeds")))


# Threads that libraries keep for the life of the process.
OTHERS = ("pytest", "zarr_io", "asyncio_")


class Watcher:
    """A context that keeps what it was told, and cancels when asked to."""

    def __init__(self, cancel_after: int | None = None) -> None:
        self.told: list[tuple[int, int, str]] = []
        self.partials: list[Partial] = []
        self.stages: list[tuple[int, int]] = []
        self.cancelled = threading.Event()
        self.is_paused = False
        self._cancel_after = cancel_after

    def report(self, done: int, total: int, message: str = "") -> None:
        self.told.append((done, total, message))
        if self._cancel_after is not None and sum(done > 0 for done, _, _ in self.told) >= self._cancel_after:
            self.cancelled.set()

    def partial(self, partial: Partial) -> None:
        self.partials.append(partial)

    def stage(self, number: int, count: int) -> None:
        self.stages.append((number, count))

    def check_cancelled(self) -> None:
        if self.cancelled.is_set():
            raise JobCancelled

    def map(self, function: Callable[[Any, Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        return (function(item, self) for item in items)


class Killer(Watcher):
    """Holds a process at the first look, so that it cannot end its work, and kills it when another has put planes."""

    def __init__(self, pid: Callable[[], int], tables: Path) -> None:
        super().__init__()
        self._pid = pid
        self._tables = tables
        self.held = self.killed = 0

    def check_cancelled(self) -> None:
        if not self.held:
            self.held = self._pid()
            os.kill(self.held, signal.SIGSTOP)
        elif not self.killed and len(list(self._tables.glob("table.*"))) > 2:
            os.kill(self.held, signal.SIGKILL)
            self.killed = self.held


def child_processes() -> set[int]:
    """Processes that this one started, the helpers of multiprocessing left out."""
    return set(own_processes())


def pipes() -> set[str]:
    """Pipes and sockets that are open."""
    if not Path("/proc/self/fd").exists():
        return set()
    found = set()
    for path in Path("/proc/self/fd").iterdir():
        try:
            found.add(str(path.readlink()))
        except OSError:
            continue
    return {name for name in found if name.startswith(("pipe:", "socket:"))}


def living() -> dict[str, set[Any]]:
    gc.collect()
    return {
        "threads": {thread for thread in threading.enumerate() if not thread.name.startswith(OTHERS)},
        "processes": child_processes(),
        "pipes": pipes(),
    }


@pytest.fixture(scope="session")
def zarr_is_running() -> None:
    """zarr keeps a loop, with a pair of sockets, for the life of the process."""
    zarr.create_array({}, shape=(2,), dtype="u1")[:] = 1


@pytest.fixture(scope="session")
def server_is_running(children_are_warm: None) -> None:
    """So does the server that children are copied from."""
    if are_to_be_had():
        forkserver.ensure_running()


@pytest.fixture(autouse=True)
def nothing_survives(zarr_is_running: None, server_is_running: None) -> Iterator[None]:
    resource_tracker.ensure_running()
    before = living()
    yield
    for _ in range(50):
        after = living()
        left = {kind: after[kind] - before[kind] for kind in before if after[kind] - before[kind]}
        if not left:
            return
        time.sleep(0.1)
    pytest.fail(f"survived the test: {left}")


@pytest.fixture(scope="session")
def pool(children_are_warm: None) -> Iterator[Devices]:
    """Two processors that stand for two graphics cards; their processes stay warm from test to test."""
    with Devices(["cpu", "cpu"]) as places:
        yield places
        pids = places.pids
    assert not set(pids) & child_processes()
