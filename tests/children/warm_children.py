"""Children that are copied from a process which has loaded the engine: no test waits two seconds for torch.

A child of the program begins anew (spawn). One of these begins the same way, with the same pickles through the same
pipe, in a copy of a server that was started as the program starts a child. What it is asked to do, how it ends and what
is told of it are the program's own. Tests that are about beginning take `spawn`.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

LOADED = [
    "empanada_desktop.engine.stack",
    "empanada_desktop.jobs.process",
    "empanada_desktop.tasks.live_plane",
    "empanada_desktop.tasks.segment_plane",
    "empanada_desktop.tasks.segment_volume",
]


class WarmContext:
    """Takes the place of multiprocessing's `spawn` context."""

    def __init__(self) -> None:
        self._server = multiprocessing.get_context("forkserver")
        self._server.set_forkserver_preload(LOADED)
        self.Pipe = self._server.Pipe

    def Process(self, target: Callable[..., object], args: tuple[Any, ...], name: str) -> Any:
        """Make a process that has the surroundings of this one, not those of the server."""
        return self._server.Process(target=carry_out, args=(dict(os.environ), target, args), name=name)


def carry_out(surroundings: dict[str, str], target: Callable[..., object], args: tuple[Any, ...]) -> None:
    """Run the process."""
    os.environ.clear()
    os.environ.update(surroundings)
    target(*args)


def are_to_be_had() -> bool:
    """Whether processes can be copied safely here."""
    return sys.platform == "linux"


def server_pid() -> int | None:
    """The server, which stays as long as this process; None when there is none."""
    return getattr(forkserver._forkserver, "_forkserver_pid", None)


def own_processes() -> dict[int, str]:
    """Processes of the system that this one started, or had the server start: pid -> command."""
    if not Path("/proc/self/task").exists():
        return {}
    parents, found = {os.getpid(), server_pid()}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = path.read_text().rpartition(")")
        except OSError:
            continue
        pid, fields = int(path.parent.name), rest.split()
        if int(fields[1]) in parents and fields[0] != "Z" and pid not in (server_pid(), tracker_pid()):
            found[pid] = name.partition("(")[2]
    return found


def tracker_pid() -> int | None:
    """The helper of multiprocessing that watches what processes share."""
    pid: int | None = getattr(multiprocessing.resource_tracker._resource_tracker, "_pid", None)
    return pid
