"""Several devices of one computer: a child process for each, which takes the next item as soon as it is free."""

import logging
import queue
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from empanada_desktop.core.context import Function, JobContext, QuietContext
from empanada_desktop.jobs.faults import JobDied, JobFault
from empanada_desktop.jobs.messages import Room
from empanada_desktop.jobs.process import POLL, Child
from empanada_desktop.tasks.params import TaskParams

Item = TypeVar("Item")
Result = TypeVar("Result")

log = logging.getLogger(__name__)


class DeviceContext:
    """What an item is given in a device's process: the context of its deed, and the name of the device."""

    def __init__(self, context: JobContext, device: str) -> None:
        self.device = device
        self._context = context

    def report(self, done: int, total: int, message: str = "") -> None:
        """Drop the report: the job counts for itself."""

    def check_cancelled(self) -> None:
        """Raise JobCancelled when the job is to stop."""
        self._context.check_cancelled()

    def map(self, function: Function[Item, Result], items: Iterable[Item]) -> Iterator[Result]:
        """Apply `function` to the items one after the other."""
        return (function(item, self) for item in items)


@dataclass(frozen=True)
class DoItem:
    """The deed of applying a function to an item on a device."""

    function: Function[Any, Any]
    item: Any
    device: str

    def carry_out(self, room: Room, context: JobContext) -> Any:  # noqa: ANN401 - what the function returns
        """Apply the function."""
        return self.function(self.item, DeviceContext(context, self.device))


class _OnlyCancelled(QuietContext):
    """Of a job's context what its children have to know."""

    def __init__(self, context: JobContext) -> None:
        self._context = context

    def check_cancelled(self) -> None:
        self._context.check_cancelled()


class Devices:
    """A child process for each device, within a `with` block: no process is left when it ends, however it ends."""

    def __init__(self, names: Sequence[str]) -> None:
        self._children = [(Child(f"computing on {name}"), name) for name in names]
        self._idle: queue.SimpleQueue[tuple[Child, str]] = queue.SimpleQueue()
        for child in self._children:
            self._idle.put(child)
        self._threads = ThreadPoolExecutor(len(names), thread_name_prefix="device")
        self._under_way: set[Future[Any]] = set()

    @property
    def n_places(self) -> int:
        """How many devices there are."""
        return len(self._children)

    @property
    def pids(self) -> list[int]:
        """Numbers of the processes that run."""
        return [child.pid for child, _ in self._children if child.pid is not None]

    def submit(self, function: Function[Item, Result], item: Item, context: JobContext) -> "Future[Result]":
        """Have `function(item, context)` done on the device that is free first."""
        future: Future[Result] = self._threads.submit(self._carry_out, function, item, context)
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)
        return future

    def _carry_out(self, function: Function[Item, Result], item: Item, context: JobContext) -> Result:
        child, name = self._idle.get()
        try:
            result: Result = child.carry_out(DoItem(function, item, name), _OnlyCancelled(context))
            return result
        except JobDied as error:
            raise JobDied(f"{name}: {error.message}", error.hint, error.exit_code) from error
        except JobFault as error:
            log.error("on %s: %s", name, error.details)
            raise
        finally:
            self._idle.put((child, name))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        while under_way := list(self._under_way):
            for child, _ in self._children:
                child.kill()  # what is written is whole or not there: see io.predictions
            wait(under_way, POLL)
        for child, _ in self._children:
            child.close()
        self._threads.shutdown(wait=True)


def devices_for(params: TaskParams) -> list[str]:
    """Return the devices that a job's parameters ask for; fewer than two where it runs as it always does."""
    if not getattr(params, "several_gpus", False) or getattr(params, "use_quantised", False):
        return []
    from empanada_desktop.engine.device import all_devices

    return all_devices(bool(getattr(params, "use_gpu", True)))
