"""What a long computation is given to tell how far it is and to learn that it should stop."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from empanada_desktop.core.geometry import Axis

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


@dataclass(frozen=True)
class Partial:
    """What a running job has finished of a stack: the first `done` planes of `array` in the Zarr folder `path`.

    The array is (planes, rows, columns) of orientation `axis`: objects numbered anew in each plane, 0 where there are
    none. It lives only as long as the job.
    """

    path: str
    array: str
    axis: Axis
    done: int


@runtime_checkable
class ShowsPartials(Protocol):
    """A context that can show results before they are whole."""

    def partial(self, partial: Partial) -> None:
        """Take note of what can be shown."""


def offer_partial(context: JobContext, partial: Partial) -> None:
    """Tell a context what of a result can be shown already; most contexts show nothing."""
    if isinstance(context, ShowsPartials):
        context.partial(partial)


class QuietContext:
    """A context that reports to nobody and is never cancelled."""

    def report(self, done: int, total: int, message: str = "") -> None:
        """Drop the report."""

    def check_cancelled(self) -> None:
        """Never cancelled."""

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Apply `function` to the items one after the other."""
        return map(function, items)
