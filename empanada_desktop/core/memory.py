"""Giving freed memory back to the system during long work."""

import ctypes
import sys
from functools import cache
from typing import Any


def give_back_memory() -> None:
    """Let the C library return the memory that was freed between blocks still in use.

    Small blocks that stay (cached chunks of a volume) between large ones that come and go (a plane's arrays) otherwise
    make a long job's resident memory grow although what it holds does not. glibc only; elsewhere it does nothing.
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Any:  # noqa: ANN401 - a foreign function
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None), "malloc_trim", None)
