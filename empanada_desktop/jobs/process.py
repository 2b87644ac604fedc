"""A child process that computes, and the executor that runs jobs in it; it is watched, kept warm, and may die."""

import atexit
import contextlib
import multiprocessing
import multiprocessing.util
import threading
import time
import weakref
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from empanada_desktop.core.context import JobContext, is_paused, offer_partial, tell_stage
from empanada_desktop.errors import JobCancelled
from empanada_desktop.jobs.executor import InlineExecutor
from empanada_desktop.jobs.faults import JobFault, died
from empanada_desktop.jobs.messages import (
    Deed,
    Ending,
    Failed,
    Faulted,
    News,
    PartialNews,
    Pause,
    Progress,
    Request,
    Room,
    StageNews,
    Stop,
    Stopped,
)
from empanada_desktop.jobs.spec import JobSpec
from empanada_desktop.jobs.worker import serve
from empanada_desktop.tasks.registry import TaskResult

POLL = 0.05
GOODBYE = 2.0
PATIENCE = 20.0
# How a child begins: anew, on every system alike; nothing of this process is copied into it.
CONTEXT = multiprocessing.get_context("spawn")

_children: "weakref.WeakSet[Child]" = weakref.WeakSet()


class Child:
    """One process that carries out deeds, one at a time; started when first needed, again after it died."""

    def __init__(self, name: str = "computing", patience: float = PATIENCE) -> None:
        self.name = name
        self._patience = patience
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None
        self._number = 0
        self._closing = False
        self._busy = threading.Lock()
        self._sending = threading.Lock()
        _children.add(self)

    @property
    def pid(self) -> int | None:
        """Number of the process, None when there is none."""
        process = self._process
        return process.pid if process is not None else None

    def carry_out(self, deed: Deed, context: JobContext, log: Path | None = None, stops_after: float = 1.0) -> Any:  # noqa: ANN401 - what the deed returns
        """Do a deed in the process and return its result; blocks, so call it in a thread.

        A context that is paused lets the deed wait at its next check. Raises what the deed raises that a user can mend,
        JobCancelled, JobDied when the process ended, JobFault for a defect. A cancelled deed that does not end within
        the child's patience takes the process with it.
        """
        with self._busy:
            self._number += 1
            waits = is_paused(context)
            request = Request(self._number, deed, str(log) if log else None, stops_after, waits)
            process, connection = self._asked(request)
            return self._await(_Waiting(request.number, process, connection, context, log, self._patience, waits))

    def close(self) -> None:
        """End the process: gently when it is idle, by force when it is in the middle of something."""
        self._closing = True
        if self._busy.acquire(blocking=False):
            try:
                self._say_goodbye()
            finally:
                self._busy.release()
        else:
            self.kill()
            while not self._busy.acquire(timeout=POLL):
                self.kill()  # which it was only about to start
            try:
                self._clear()
            finally:
                self._busy.release()
        self._closing = False

    def kill(self) -> None:
        """End the process at once; whoever waits for it is told that it died."""
        process = self._process
        if process is not None:
            with contextlib.suppress(ValueError):
                process.kill()

    def _say_goodbye(self) -> None:
        if self._process is not None and self._connection is not None:
            self._connection.close()
            self._process.join(GOODBYE)
        self._clear()

    def _asked(self, request: Request, once_more: bool = True) -> tuple[SpawnProcess, Connection]:
        """Hand a deed to the process, or to a new one when it has died meanwhile, of something else."""
        process, connection = self._started()
        try:
            self._tell(request)
        except OSError:
            if self._closing or not once_more:
                raise self._died() from None
            self._clear()
            return self._asked(request, once_more=False)
        return process, connection

    def _started(self) -> tuple[SpawnProcess, Connection]:
        process = self._process
        if process is not None and self._connection is not None and _is_alive(process):
            return process, self._connection
        self._clear()
        ours, theirs = CONTEXT.Pipe()
        process = CONTEXT.Process(target=serve, args=(theirs,), name=self.name)
        process.start()
        theirs.close()
        self._process, self._connection = process, ours
        return process, ours

    def _tell(self, order: Request | Stop | Pause) -> None:
        with self._sending:
            if self._connection is None:
                raise OSError("there is no process")
            self._connection.send(order)

    def _await(self, waiting: "_Waiting") -> Any:  # noqa: ANN401 - what the deed returns
        while True:
            if waiting.wants_to_stop():
                with contextlib.suppress(OSError):
                    self._tell(Stop(waiting.number))
            elif waiting.has_changed_its_pace():
                with contextlib.suppress(OSError):
                    self._tell(Pause(waiting.number, waiting.is_paused))
            if waiting.is_out_of_patience():
                self._clear()
                raise JobCancelled
            news = waiting.next_news()
            if isinstance(news, Progress | StageNews | PartialNews):
                waiting.pass_on(news)
            elif news is not None and news.number == waiting.number:
                return waiting.result(news)
            elif news is None and waiting.has_died():
                raise self._died()

    def _died(self) -> Exception:
        exit_code = None
        if self._process is not None:
            self._process.join(GOODBYE)
            exit_code = self._process.exitcode
        self._clear()
        return JobCancelled() if self._closing else died(exit_code)

    def _clear(self) -> None:
        """Let go of the process, which is ended if it is still there."""
        process, connection = self._process, self._connection
        self._process = self._connection = None
        if connection is not None:
            connection.close()
        if process is not None:
            if process.is_alive():
                process.kill()
            process.join(PATIENCE)
            if process.exitcode is not None:  # a process that waits for a disk or a driver ends when that answers
                process.close()


@dataclass
class _Waiting:
    """One deed that is under way in the process."""

    number: int
    process: SpawnProcess
    connection: Connection
    context: JobContext
    log: Path | None
    patience: float
    is_paused: bool = False
    stopped_at: float | None = None
    is_hung_up: bool = False

    def wants_to_stop(self) -> bool:
        """True once, when the user has asked to cancel."""
        if self.stopped_at is not None:
            return False
        try:
            self.context.check_cancelled()
        except JobCancelled:
            self.stopped_at = time.monotonic()
            return True
        return False

    def has_changed_its_pace(self) -> bool:
        """True once after the user has paused the work, or let it go on."""
        before, self.is_paused = self.is_paused, is_paused(self.context)
        return self.is_paused != before

    def is_out_of_patience(self) -> bool:
        return self.stopped_at is not None and time.monotonic() - self.stopped_at > self.patience

    def next_news(self) -> News | None:
        """Wait a moment for news; None when there are none yet, or never will be."""
        try:
            if not self.connection.poll():
                wait([self.connection, self.process.sentinel], POLL)
            news: News | None = self.connection.recv() if self.connection.poll() else None
        except (EOFError, OSError):
            # The process is ending: has_died tells when.
            self.is_hung_up = True
            self.process.join(POLL)
            return None
        return news

    def has_died(self) -> bool:
        """Whether the process has ended and everything that it said has been heard."""
        if self.process.is_alive():
            return False
        return self.is_hung_up or not self.connection.poll()

    def pass_on(self, news: Progress | StageNews | PartialNews) -> None:
        """Tell the context how far the deed is."""
        if isinstance(news, PartialNews):
            offer_partial(self.context, news.partial)
        elif isinstance(news, StageNews):
            tell_stage(self.context, news.stage, news.count)
        else:
            self.context.report(news.done, news.total, news.message)

    def result(self, news: Ending) -> Any:  # noqa: ANN401 - what the deed returns
        """Return the result, or raise what ended the deed."""
        if isinstance(news, Stopped):
            raise JobCancelled
        if isinstance(news, Failed):
            raise news.error
        if isinstance(news, Faulted):
            raise JobFault(news.summary, news.details, self.log)
        return news.result


@dataclass(frozen=True)
class RunJob:
    """The deed of running a job."""

    spec: JobSpec

    def carry_out(self, room: Room, context: JobContext) -> TaskResult:
        """Run the job."""
        return InlineExecutor().run(self.spec, context)


@dataclass(frozen=True)
class WarmUp:
    """The deed of loading what every job needs: the first one then starts at once."""

    def carry_out(self, room: Room, context: JobContext) -> None:
        """Load torch and the engine."""
        import empanada_desktop.engine.stack  # noqa: F401


class ProcessExecutor:
    """Runs jobs in a child process, which stays warm between them."""

    def __init__(self, child: Child | None = None) -> None:
        self.child = child or Child()

    def run(self, spec: JobSpec, context: JobContext, log: Path | None = None) -> TaskResult:
        """Run a job to its end in the child; raises what the task raises, JobCancelled, JobDied, or JobFault."""
        result: TaskResult = self.child.carry_out(RunJob(spec), context, log)
        return result

    def warm_up(self, context: JobContext) -> None:
        """Start the child and let it load what every job needs; blocks."""
        self.child.carry_out(WarmUp(), context)

    def close(self) -> None:
        """End the child."""
        self.child.close()


def _is_alive(process: SpawnProcess) -> bool:
    """False as soon as the process ends: what it had open closes a little before the system says that it is gone."""
    return not wait([process.sentinel], 0) and process.is_alive()


def _end_all() -> None:
    for child in list(_children):
        child.kill()


# multiprocessing.util, imported above, waits at the end for children; what is registered later runs before that.
atexit.register(_end_all)
