"""Several machines: items go to the workers of a Dask scheduler, and the job itself stays here.

Needs dask.distributed, which the extra `cluster` installs; it is imported when a cluster is asked for, not before. What
the items tell of lies on disks that all machines share under the same names.
"""

import socket
import time
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from empanada_desktop import __version__
from empanada_desktop.core.context import Function, JobContext, QuietContext
from empanada_desktop.errors import AppError
from empanada_desktop.jobs.spec import JobSpec
from empanada_desktop.jobs.spreading import SpreadContext
from empanada_desktop.tasks.registry import TaskResult, load_task

Item = TypeVar("Item")
Result = TypeVar("Result")

ANSWERS_WITHIN = 10.0
LOOK_EVERY = 0.2
DEFAULT_PORT = 8786


class ClusterError(AppError):
    """A cluster that cannot be reached, or that gave up."""


class ClusterExecutor:
    """Runs jobs here and hands the items that they map to a Dask scheduler."""

    def __init__(self, address: str) -> None:
        self.address = address

    def run(self, spec: JobSpec, context: JobContext) -> TaskResult:
        """Run the job to its end; raises what the task raises, and ClusterError."""
        with Cluster(self.address) as cluster:
            cluster.wait_for_workers(context)
            return load_task(spec.task).module.run(spec.inputs, spec.params, SpreadContext(context, cluster))


class Cluster:
    """The workers of a Dask scheduler, within a `with` block. Each works on one item at a time."""

    def __init__(self, address: str) -> None:
        """Take the address of a scheduler: tcp://host:port, tls://host:port or host:port."""
        self.address = address
        self._client: Any = None
        self._executor: Any = None

    def __enter__(self) -> Self:
        try:
            from distributed import Client
        except ImportError as error:
            raise ClusterError(
                "dask.distributed, which speaks with clusters, is not installed.",
                'Install it: pip install "empanada-desktop[cluster]".',
            ) from error
        _check_answers(self.address)
        try:
            self._client = Client(self.address, timeout=ANSWERS_WITHIN, set_as_default=False)
        except (OSError, ValueError) as error:
            raise _no_scheduler(self.address) from error
        self._executor = self._client.get_executor(pure=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._executor.shutdown(wait=False)
        self._client.close()

    @property
    def n_places(self) -> int:
        """How many workers there are now."""
        return max(1, len(self._client.nthreads()))

    def wait_for_workers(self, context: JobContext) -> None:
        """Wait for the first worker, and see that those that are there run this version of the program."""
        while not self._client.nthreads():
            context.check_cancelled()
            context.report(0, 1, "Waiting for a worker of the cluster")
            time.sleep(LOOK_EVERY)
        try:
            found = set(self._client.run(program_version).values())
        except ImportError as error:
            raise _other_version("have no empanada-desktop") from error
        if found - {__version__}:
            raise _other_version(f"run empanada-desktop {', '.join(sorted(found))}, and this is {__version__}")

    def submit(self, function: Function[Item, Result], item: Item, context: JobContext) -> "Future[Result]":
        """Have `function(item, its own context)` done by a worker; again by another one when it dies."""
        theirs: Future[Result] = self._executor.submit(work_on, function, item)
        ours: Future[Result] = Future()
        ours.add_done_callback(lambda future: theirs.cancel() if future.cancelled() else None)
        theirs.add_done_callback(lambda future: self._pass_on(future, ours))
        return ours

    def _pass_on(self, theirs: "Future[Result]", ours: "Future[Result]") -> None:
        from distributed import KilledWorker

        if not ours.set_running_or_notify_cancel():
            return
        error = None if theirs.cancelled() else theirs.exception()
        if theirs.cancelled():
            ours.set_exception(ClusterError(f"The Dask scheduler at {self.address} is gone.", "Start it again."))
        elif isinstance(error, KilledWorker):
            ours.set_exception(_workers_died())
        elif error is not None:
            ours.set_exception(error)
        else:
            ours.set_result(theirs.result())


def work_on(function: Function[Item, Result], item: Item) -> Result:
    """Apply a function to an item; runs on a worker."""
    return function(item, QuietContext())


def program_version() -> str:
    """Return the version of this program; runs on every worker."""
    return __version__


def _check_answers(address: str) -> None:
    """See that somebody listens; ClusterError at once, or after some seconds of silence, otherwise."""
    place = urlsplit(address if "://" in address else f"tcp://{address}")
    try:
        if place.scheme not in ("tcp", "tls") or not place.hostname:
            raise ValueError(place.scheme)
        socket.create_connection((place.hostname, place.port or DEFAULT_PORT), ANSWERS_WITHIN).close()
    except (OSError, ValueError) as error:
        raise _no_scheduler(address) from error


def _no_scheduler(address: str) -> ClusterError:
    return ClusterError(
        f"No Dask scheduler answers at “{address}”.",
        "Give the address that it shows when it starts, such as tcp://10.0.0.5:8786, and see that it can be reached.",
    )


def _other_version(what: str) -> ClusterError:
    return ClusterError(f"The cluster's workers {what}.", "Install the same version on all machines.")


def _workers_died() -> ClusterError:
    return ClusterError(
        "Several workers of the cluster died over the same planes.",
        "Most often memory ran out: give each worker more, or choose a larger image downsampling or smaller tiles.",
    )
