"""Work in a process of its own, and how much memory a process has had at most."""

import multiprocessing
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def in_process(work: Callable[..., None], *arguments: object) -> Any:  # noqa: ANN401 - whatever the work sends
    """Return what `work` sends through the pipe that it is handed last, from a new process."""
    parent, child = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=work, args=(*arguments, child))
    process.start()
    child.close()
    found = parent.recv()
    process.join()
    return found


def peak_megabytes() -> float:
    """Return the largest resident memory that this process has had."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says on Linux counts the process that this one was copied from
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    unit = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def forget_peak() -> None:
    """Set the process's peak of resident memory back to what it has now; Linux only."""
    if Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")
