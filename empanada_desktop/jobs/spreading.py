"""Handing items to several places and taking the results in order, whatever the places are."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Protocol, TypeVar

from empanada_desktop.core.context import Function, JobContext, Partial, offer_partial, tell_stage

Item = TypeVar("Item")
Result = TypeVar("Result")

LOOK_EVERY = 0.05
AHEAD = 2  # items for each place that may be under way or wait for their turn: then the places wait


class Places(Protocol):
    """Where items are worked on."""

    @property
    def n_places(self) -> int:
        """How many items are worked on at once."""

    def submit(self, function: Function[Item, Result], item: Item, context: JobContext) -> "Future[Result]":
        """Have `function(item, its own context)` done in one of them, and stopped when `context` is cancelled."""


class SpreadContext:
    """A job's context whose map goes to several places; everything else goes to the context that it is made from."""

    def __init__(self, context: JobContext, places: Places) -> None:
        self._context = context
        self._places = places

    @property
    def n_places(self) -> int:
        """How many places there are."""
        return self._places.n_places

    def report(self, done: int, total: int, message: str = "") -> None:
        """Tell how far the job is."""
        self._context.report(done, total, message)

    def stage(self, number: int, count: int) -> None:
        """Tell that a stage of the job begins."""
        tell_stage(self._context, number, count)

    def partial(self, partial: Partial) -> None:
        """Tell what can be shown already."""
        offer_partial(self._context, partial)

    def check_cancelled(self) -> None:
        """Raise JobCancelled when the user has asked to stop."""
        self._context.check_cancelled()

    def map(self, function: Function[Item, Result], items: Iterable[Item]) -> Iterator[Result]:
        """Apply `function` to the items, several at once; results come in order, the first error of any at once."""
        window = AHEAD * self.n_places
        return in_order(
            lambda item: self._places.submit(function, item, self._context), items, window, self.check_cancelled
        )


def in_order(
    start: "Callable[[Item], Future[Result]]", items: Iterable[Item], window: int, look: Callable[[], None]
) -> Iterator[Result]:
    """Start work on items, at most `window` before the one whose result is awaited; `look` may raise to end it."""
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(start(item))
            if len(waiting) >= window:
                yield _first(waiting, look)
        while waiting:
            yield _first(waiting, look)
    finally:
        for future in waiting:
            future.cancel()


def _first(waiting: "deque[Future[Result]]", look: Callable[[], None]) -> Result:
    while True:
        look()
        under_way = [future for future in waiting if not future.done()]
        for future in waiting:
            if future.done():
                future.result()  # raises what went wrong in any of them
        if waiting[0].done():
            return waiting.popleft().result()
        wait(under_way, LOOK_EVERY, FIRST_COMPLETED)
