"""What a long computation is given to tell how far it is and to learn that it should stop."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from empanada_desktop.core.geometry import Axis, Box

Item = TypeVar("Item")
Result = TypeVar("Result")
# Done to an item; the second argument is the context of wherever that happens.
Function = Callable[[Item, "JobContext"], Result]


class JobContext(Protocol):
    """Progress, cancelling and mapping, as a running task sees them."""

    def report(self, done: int, total: int, message: str = "") -> None:
        """Say that `done` of `total` steps are finished; `message` names the current phase in a few plain words."""

    def check_cancelled(self) -> None:
        """Raise JobCancelled when the user has asked to stop."""

    def map(self, function: "Function[Item, Result]", items: Iterable[Item]) -> Iterator[Result]:
        """Give `function(item, context)` of every item, in order of the items, perhaps elsewhere or side by side.

        Function, items and results travel between processes: the function has to be one of a module.
        """


@dataclass(frozen=True)
class Partial:
    """What a running job has finished of a stack: the first `done` planes of `array` in the Zarr folder `path`.

    The array is (planes, rows, columns) of orientation `axis`: objects numbered anew in each plane, 0 where there are
    none. It lives only as long as the job. part: where the array lies in a volume of `shape`; without them it is all of
    it.
    """

    path: str
    array: str
    axis: Axis
    done: int
    part: Box | None = None
    shape: tuple[int, int, int] | None = None


@runtime_checkable
class ShowsPartials(Protocol):
    """A context that can show results before they are whole."""

    def partial(self, partial: Partial) -> None:
        """Take note of what can be shown."""


def offer_partial(context: JobContext, partial: Partial) -> None:
    """Tell a context what of a result can be shown already; most contexts show nothing."""
    if isinstance(context, ShowsPartials):
        context.partial(partial)


@runtime_checkable
class KnowsStages(Protocol):
    """A context that knows of stages: parts of a job each of which takes about as long as the others."""

    def stage(self, number: int, count: int) -> None:
        """Take note that stage `number`, from 0, of `count` begins."""


def tell_stage(context: JobContext, number: int, count: int) -> None:
    """Tell a context that a stage begins, so that time left and share are those of all of them; (0, 1) ends that."""
    if isinstance(context, KnowsStages):
        context.stage(number, count)


@runtime_checkable
class CanPause(Protocol):
    """A context whose user may let the work wait."""

    @property
    def is_paused(self) -> bool:
        """Whether the work is to wait now."""


def is_paused(context: JobContext) -> bool:
    """Whether the user wants the work to wait; most contexts know no pause."""
    return isinstance(context, CanPause) and context.is_paused


@runtime_checkable
class Spreads(Protocol):
    """A context whose map works in several places at once, in other processes."""

    @property
    def n_places(self) -> int:
        """How many places there are."""


@runtime_checkable
class Placed(Protocol):
    """A context of one of several places: it says on which device the network runs there."""

    @property
    def device(self) -> str:
        """The device's name, such as cuda:1."""


class QuietContext:
    """A context that reports to nobody and is never cancelled."""

    def report(self, done: int, total: int, message: str = "") -> None:
        """Drop the report."""

    def check_cancelled(self) -> None:
        """Never cancelled."""

    def map(self, function: "Function[Item, Result]", items: Iterable[Item]) -> Iterator[Result]:
        """Apply `function` to the items one after the other."""
        return (function(item, self) for item in items)
