"""Threads that hand planes on to each other through bounded belts; the first error of any of them stops them all."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, NoReturn, Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

LOOK_EVERY = 0.05
MOST_THREADS = 8  # of all stages and places of a line together


class LineStopped(Exception):  # noqa: N818 - an event inside the line, never seen outside
    """The line is stopped: a thread of it ends without a word."""


class Line:
    """A line of work within a `with` block: its body is one of the stages, the others run beside it.

    Leaving the block waits for all stages, or stops them when it was left by an exception. An error of a stage is
    raised in the body, the next time that it puts or takes.
    """

    def __init__(self, look: Callable[[], None]) -> None:
        """Begin a line; the body calls `look` while it waits, which may raise to stop everything."""
        self._look = look
        self._changed = threading.Condition()
        self._stopped = False
        self._stages: list[Future[None]] = []
        self._threads = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="line")
        self._body = threading.get_ident()

    def belt(self, room: int) -> "Belt[Item]":
        """Return a new belt on which `room` things may wait."""
        return Belt(self, room)

    def run(self, work: Callable[[], None]) -> None:
        """Run a stage on a thread of its own."""
        stage = self._threads.submit(work)
        self._stages.append(stage)
        stage.add_done_callback(self._ended)

    def in_turn(self, work: Callable[[Item], Result], items: Iterable[Item], places: int) -> Iterator[Result]:
        """Yield what `work` makes of each item, in their order; up to `places` threads share a stage's work so."""
        if places == 1:
            yield from map(work, items)
            return
        begun: deque[Future[Result]] = deque()
        for item in items:
            begun.append(self._threads.submit(work, item))
            while begun and (len(begun) == places or begun[0].done()):
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()

    def wait(self, ready: Callable[[], bool]) -> None:
        """Wait, with the line's lock held, until something is so; raises when the line is stopped meanwhile."""
        is_body = threading.get_ident() == self._body
        while not ready() or (is_body and self._stopped):
            if self._stopped:
                self._give_up()
            if is_body:
                self._look()
            self._changed.wait(LOOK_EVERY if is_body else None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                with self._changed:
                    self.wait(lambda: all(stage.done() for stage in self._stages))
        finally:
            self._stop()
            self._threads.shutdown(wait=True)
        if error is None or isinstance(error, LineStopped):
            self._raise_error()

    def _ended(self, stage: "Future[None]") -> None:
        if stage.exception() is not None:
            self._stop()
        with self._changed:
            self._changed.notify_all()

    def _stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _give_up(self) -> NoReturn:
        if threading.get_ident() == self._body:
            self._raise_error()
        raise LineStopped

    def _raise_error(self) -> None:
        for stage in self._stages:
            error = stage.exception() if stage.done() else None
            if error is not None and not isinstance(error, LineStopped):
                raise error


class Belt(Generic[Item]):
    """What one thread puts, another takes, in order; the first waits while the belt is full."""

    def __init__(self, line: Line, room: int) -> None:
        self._line = line
        self._room = room
        self._items: deque[Item] = deque()
        self._closed = False

    def put(self, item: Item) -> None:
        """Put a thing on the belt, once there is room."""
        changed = self._line._changed
        with changed:
            self._line.wait(lambda: len(self._items) < self._room)
            self._items.append(item)
            changed.notify_all()

    def fill(self, items: Iterable[Item]) -> None:
        """Put all of them, then close the belt."""
        for item in items:
            self.put(item)
        self.close()

    def close(self) -> None:
        """Nothing more will come."""
        with self._line._changed:
            self._closed = True
            self._line._changed.notify_all()

    def __iter__(self) -> Iterator[Item]:
        while True:
            with self._line._changed:
                self._line.wait(lambda: bool(self._items) or self._closed)
                if not self._items:
                    return
                item = self._items.popleft()
                self._line._changed.notify_all()
            yield item
