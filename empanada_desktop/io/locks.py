"""One writer at a time: a lock on a folder, which the system gives back when its holder ends, however it ends."""

import os
import sys
import weakref
from collections.abc import Callable
from pathlib import Path

if sys.platform != "win32":
    import fcntl


def hold(folder: Path, holder: object) -> Callable[[], object]:
    """Lock a folder until the function that is returned is called, or `holder` is gone, or the process is.

    Raises BlockingIOError where another holder has it. Windows and some network disks have no such locks: there this
    does nothing.
    """
    if sys.platform == "win32":
        return lambda: None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError:  # this disk knows no locks
        os.close(descriptor)
        return lambda: None
    return weakref.finalize(holder, os.close, descriptor)


def is_held(folder: Path) -> bool:
    """Whether somebody holds the folder right now."""

    class Nobody: ...

    nobody = Nobody()
    try:
        hold(folder, nobody)()
    except BlockingIOError:
        return True
    return False
