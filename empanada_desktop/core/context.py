"""What a long computation is given to tell how far it is and to learn that it should stop."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class JobContext(Protocol):
    """Progress, cancelling and mapping, as a running task sees them."""

    def report(self, done: int, total: int, message: str = "") -> None:
        """Say that `done` of `total` steps are finished; `message` names the current phase in a few plain words."""

    def check_cancelled(self) -> None:
        """Raise JobCancelled when the user has asked to stop."""

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Apply `function` to every item, in order of the items, perhaps elsewhere or side by side."""


class QuietContext:
    """A context that reports to nobody and is never cancelled."""

    def report(self, done: int, total: int, message: str = "") -> None:
        """Drop the report."""

    def check_cancelled(self) -> None:
        """Never cancelled."""

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Apply `function` to the items one after the other."""
        return map(function, items)
