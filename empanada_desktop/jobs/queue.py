"""Jobs one after the other in a child process, on a thread of the queue; ended ones stay listed."""

import datetime
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

from psygnal import Signal

from empanada_desktop.core.context import Function, JobContext, Partial
from empanada_desktop.errors import AppError, JobCancelled
from empanada_desktop.jobs.faults import JobDied, JobFault
from empanada_desktop.jobs.job import Job, JobState
from empanada_desktop.jobs.leftovers import clear_leftovers, for_another_run, kept_planes
from empanada_desktop.jobs.process import ProcessExecutor
from empanada_desktop.jobs.progress import TimeLeft
from empanada_desktop.jobs.spec import JobSpec
from empanada_desktop.settings import user_folder
from empanada_desktop.tasks.registry import TaskResult, load_task

Item = TypeVar("Item")
Result = TypeVar("Result")
TELL_EVERY = 0.05
CLOSE_WITHIN = 30.0


class JobRunner(Protocol):
    """What the queue runs jobs with."""

    def run(self, spec: JobSpec, context: JobContext, log: Path | None = None) -> TaskResult:
        """Run a job to its end."""

    def close(self) -> None:
        """End whatever still runs."""


class JobQueue:
    """The jobs, in the order in which they were asked for. All methods may be called from any thread.

    Signals, emitted on the queue's own thread or the caller's (a window relays them to its own): job_added(job),
    job_changed(job), job_ended(job), job_removed(job), partial(job, partial).
    """

    job_added = Signal(Job)
    job_changed = Signal(Job)
    job_ended = Signal(Job)
    job_removed = Signal(Job)
    partial = Signal(Job, Partial)

    def __init__(self, runner: JobRunner | None = None, logs: Path | None = None) -> None:
        self._runner = runner or ProcessExecutor()
        self._logs = logs or user_folder() / "logs"
        self._jobs: list[Job] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All jobs that are listed, oldest first."""
        with self._changed:
            return tuple(self._jobs)

    @property
    def unfinished(self) -> tuple[Job, ...]:
        """Jobs that run or wait."""
        return tuple(job for job in self.jobs if not job.state.has_ended)

    @property
    def running(self) -> Job | None:
        """The job that runs (or is paused) now."""
        return next((job for job in self.jobs if job.state in (JobState.RUNNING, JobState.PAUSED)), None)

    def submit(self, spec: JobSpec, title: str = "") -> Job:
        """Put a job at the end of the queue and return it."""
        job = Job(spec, title or load_task(spec.task).module.TITLE.rstrip("."))
        job.log = self._logs / f"{job.created:%Y%m%d-%H%M%S}-{spec.task}-{job.id}.log"
        with self._changed:
            if self._closed:
                raise RuntimeError("the queue is closed")
            self._jobs.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        self.job_added.emit(job)
        return job

    def run_again(self, job: Job) -> Job:
        """Queue an ended job anew: one that was broken off goes on, a result that it wrote is replaced."""
        return self.submit(for_another_run(job.spec, job.state is JobState.DONE), job.title)

    def cancel(self, job: Job) -> None:
        """Cancel a job that waits or runs; nothing happens to one that has ended."""
        with self._changed:
            job.is_stopping = not job.state.has_ended
            waits = job.state is JobState.QUEUED
            if waits:
                self._end(job, JobState.CANCELLED)
        if job.is_stopping or waits:
            self._tell(job)

    def pause(self, job: Job, waits: bool = True) -> None:
        """Let the running job wait at its next plane, or go on."""
        with self._changed:
            if job.state not in (JobState.RUNNING, JobState.PAUSED):
                return
            job.state = JobState.PAUSED if waits else JobState.RUNNING
        self.job_changed.emit(job)

    def discard(self, job: Job) -> None:
        """Remove what a job that was broken off has kept."""
        if job.state in (JobState.CANCELLED, JobState.FAILED) and job.kept:
            clear_leftovers(job.spec)
            job.kept = 0
            self.job_changed.emit(job)

    def remove(self, job: Job) -> None:
        """Take an ended job off the list; its log goes too."""
        with self._changed:
            if not job.state.has_ended or job not in self._jobs:
                return
            self._jobs.remove(job)
        if job.log is not None:
            job.log.unlink(missing_ok=True)
        self.job_removed.emit(job)

    def wait(self, job: Job, timeout: float | None = None) -> bool:
        """Wait until a job has ended; False when it took longer than `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: job.state.has_ended, timeout)

    def warm_up(self, context: JobContext) -> None:
        """Let the child load what every job needs; blocks."""
        if isinstance(self._runner, ProcessExecutor):
            self._runner.warm_up(context)

    def close(self) -> None:
        """Cancel everything, end the child and the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for job in self.unfinished:
            self.cancel(job)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(CLOSE_WITHIN)
        self._runner.close()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            self._tell(job)
            state = self._run(job)
            with self._changed:
                self._end(job, state)
            self._tell(job)

    def _next(self) -> Job | None:
        """Wait for the next job and mark it as running; None when the queue is closed."""
        with self._changed:
            while not self._closed:
                job = next((job for job in self._jobs if job.state is JobState.QUEUED), None)
                if job is not None:
                    job.state, job.started = JobState.RUNNING, datetime.datetime.now(datetime.UTC)
                    return job
                self._changed.wait()
            return None

    def _run(self, job: Job) -> JobState:
        """Run a job to its end, however it ends."""
        try:
            if job.log is not None:
                job.log.parent.mkdir(parents=True, exist_ok=True)
            job.result = self._runner.run(job.spec, _QueueContext(self, job), job.log)
        except JobCancelled:
            _keep_or_clear(job)
            return JobState.CANCELLED
        except (AppError, JobFault) as error:
            job.error = error
            _keep_or_clear(job, isinstance(error, JobDied))
            return JobState.FAILED
        except OSError as error:
            job.error = AppError(f"The job could not be started: {error}", "Free space on the disk, then run it again.")
            return JobState.FAILED
        return JobState.DONE

    def _end(self, job: Job, state: JobState) -> None:
        job.state, job.ended = state, datetime.datetime.now(datetime.UTC)
        job.seconds_left, job.partial, job.is_stopping = None, None, False
        self._changed.notify_all()

    def _tell(self, job: Job) -> None:
        self.job_changed.emit(job)
        if job.state.has_ended:
            self.job_ended.emit(job)


def _keep_or_clear(job: Job, ended_by_force: bool = True) -> None:
    """Note what a job that was broken off has finished; what has no finished plane goes."""
    job.kept = kept_planes(job.spec)
    if not job.kept and ended_by_force:
        clear_leftovers(job.spec)


class _QueueContext:
    """Writes a running job's progress into its entry and tells it on, a few times a second."""

    def __init__(self, queue: JobQueue, job: Job, clock: Callable[[], float] = time.monotonic) -> None:
        self._queue = queue
        self._job = job
        self._clock = clock
        self._time_left = TimeLeft(clock)
        self._told = -TELL_EVERY

    def report(self, done: int, total: int, message: str = "") -> None:
        job, phase_is_new = self._job, message != self._job.message
        job.done, job.total, job.message = done, total, message
        job.fraction = self._time_left.share(done, total)
        job.seconds_left = self._time_left.seconds(done, total, message)
        if phase_is_new or done >= total or self._clock() - self._told >= TELL_EVERY:
            self._told = self._clock()
            self._queue.job_changed.emit(job)

    def stage(self, number: int, count: int) -> None:
        self._time_left.stage(number, count)

    def partial(self, partial: Partial) -> None:
        self._job.partial = partial
        self._queue.partial.emit(self._job, partial)

    @property
    def is_paused(self) -> bool:
        return self._job.state is JobState.PAUSED

    def check_cancelled(self) -> None:
        if self._job.is_stopping:
            raise JobCancelled

    def map(self, function: Function[Item, Result], items: Iterable[Item]) -> Iterator[Result]:
        return (function(item, self) for item in items)
