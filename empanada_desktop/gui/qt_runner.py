"""Work that must not hold up the window: small calls in threads, and the job queue's events brought to Qt's thread."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal

Result = TypeVar("Result")
THREADS = 2


class Background(QObject):
    """Runs calls in a few threads; what comes of them is delivered in the window's thread."""

    _ended = Signal(object)

    def __init__(
        self, parent: QObject, failed: Callable[[BaseException], None], first: Callable[[], object] = bool
    ) -> None:
        """`first` is done before anything else: loading the modules, which must not happen in two threads at once."""
        super().__init__(parent)
        self._first = first
        self._warm: Future[object] | None = None
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="window")
        self._failed = failed
        self._open = True
        self.running = 0
        self._ended.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def run(
        self,
        work: Callable[[], Result],
        then: Callable[[Result], object] | None = None,
        failed: Callable[[BaseException], object] | None = None,
    ) -> None:
        """Do `work` in a thread, then call `then` with its result or `failed` with its error in the window's."""
        if not self._open:
            return
        warm = self.warm_up()
        self.running += 1
        future = self._threads.submit(lambda: (warm.result(), work())[1])
        future.add_done_callback(lambda done: self._ended.emit((done, then, failed or self._failed)))

    def warm_up(self) -> "Future[object]":
        """Begin with what has to be done first, if that has not begun."""
        if self._warm is None:
            self._warm = self._threads.submit(self._first)
        return self._warm

    def close(self) -> None:
        """Wait for what runs; drop what waits and what would still be delivered."""
        self._open = False
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _deliver(
        self, ended: tuple[Future[Any], Callable[[Any], object] | None, Callable[[BaseException], object]]
    ) -> None:
        future, then, failed = ended
        self.running -= 1
        if not self._open or future.cancelled():
            return
        problem = future.exception()
        if problem is not None:
            failed(problem)
        elif then is not None:
            then(future.result())


class Relay(QObject):
    """A psygnal event, wherever it is emitted, as a call in the window's thread."""

    _arrived = Signal(object)

    def __init__(self, parent: QObject, slot: Callable[..., object]) -> None:
        super().__init__(parent)
        self._slot = slot
        self._arrived.connect(self._call, Qt.ConnectionType.QueuedConnection)

    def send(self, *arguments: object) -> None:
        """Connect this to the event."""
        try:
            self._arrived.emit(arguments)
        except RuntimeError:  # the window is gone
            return

    def _call(self, arguments: tuple[object, ...]) -> None:
        self._slot(*arguments)
