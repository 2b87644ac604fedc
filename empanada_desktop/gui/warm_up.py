"""Starts the child processes before they are needed, in threads, so that the first deed need not wait for torch."""

import contextlib
import threading
from collections.abc import Callable

from empanada_desktop.core.context import JobContext, QuietContext
from empanada_desktop.errors import AppError, JobCancelled

# After the views have had the processor for themselves; a window that is closed sooner starts no process at all.
AFTER_MS = 1500
LOOK_AGAIN = 0.05


class _UntilClosed(QuietContext):
    """A context that is cancelled when the window closes."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def check_cancelled(self) -> None:
        """Stop when the window closes."""
        if self.closed.is_set():
            raise JobCancelled


class WarmUp:
    """Does each deed once, in a thread of its own; `close` leaves neither thread nor process."""

    def __init__(self) -> None:
        self._context = _UntilClosed()
        self._threads: dict[str, threading.Thread] = {}

    def start(self, name: str, deed: Callable[[JobContext], object]) -> None:
        """Begin a deed, unless it was begun before."""
        if name in self._threads or self._context.closed.is_set():
            return
        self._threads[name] = threading.Thread(target=self._do, args=(deed,), name=f"warming up {name}", daemon=True)
        self._threads[name].start()

    def _do(self, deed: Callable[[JobContext], object]) -> None:
        # What fails here fails again, and is told, when the process is really needed.
        with contextlib.suppress(AppError, JobCancelled, OSError):
            self._context.check_cancelled()
            deed(self._context)

    def close(self, *ends: Callable[[], object]) -> None:
        """Call what ends the processes, again for those that were only about to start."""
        self._context.closed.set()
        for end in ends:
            end()
        for thread in self._threads.values():
            while thread.is_alive():
                thread.join(LOOK_AGAIN)
                for end in ends:
                    end()
