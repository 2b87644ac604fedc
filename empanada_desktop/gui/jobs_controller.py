"""Between the job queue and the window: jobs become lines of the strip, results become layers."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, Signal

from empanada_desktop.core.plurals import counted
from empanada_desktop.errors import AppError
from empanada_desktop.gui.jobs_strip import JobLine
from empanada_desktop.gui.qt_runner import Relay
from empanada_desktop.gui.timers import single_shot
from empanada_desktop.jobs.faults import JobFault
from empanada_desktop.jobs.job import Job, JobState
from empanada_desktop.jobs.progress import in_words
from empanada_desktop.jobs.queue import JobQueue
from empanada_desktop.jobs.spec import JobSpec

REFRESH_MS = 100


class JobsController(QObject):
    """Submits jobs, keeps the lists up to date, and tells when one has ended."""

    lines_changed = Signal(list)
    ended = Signal(object)
    """A job that has ended, however; told before what it led to."""
    finished = Signal(object)
    failed = Signal(object)
    settled = Signal(str)
    """The place of a job that was run again, or that wrote what another one had failed to write."""
    show_asked = Signal(object)
    partial = Signal(object, object)

    def __init__(self, parent: QObject, queue: JobQueue | None = None) -> None:
        super().__init__(parent)
        self.queue = queue or JobQueue()
        self._relays = [
            Relay(self, self._changed),
            Relay(self, self._ended),
            Relay(self, self.partial.emit),
        ]
        changed, ended, partial = self._relays
        self.queue.job_added.connect(changed.send)
        self.queue.job_changed.connect(changed.send)
        self.queue.job_removed.connect(changed.send)
        self.queue.job_ended.connect(ended.send)
        self.queue.partial.connect(partial.send)
        self._timer = single_shot(self, self._tell)
        self._others: dict[str, tuple[JobLine, Callable[[], object]]] = {}

    def submit(self, spec: JobSpec, title: str) -> Job:
        """Queue a job."""
        return self.queue.submit(spec, title)

    def show_other(self, line: JobLine, cancel: Callable[[], object]) -> None:
        """Show work that the window does itself among the jobs; `cancel` ends it."""
        self._others[line.id] = (line, cancel)
        self._tell()

    def drop_other(self, line_id: str) -> None:
        """That work has ended."""
        if self._others.pop(line_id, None) is not None:
            self._tell()

    def unfinished(self) -> int:
        """How many jobs run or wait."""
        return len(self.queue.unfinished)

    def do(self, name: str, job_id: str) -> None:
        """Cancel, pause, show the result of, or repeat a job."""
        job = next((job for job in self.queue.jobs if job.id == job_id), None)
        deeds: dict[str, Callable[[Job], object]] = {
            "cancel": self.queue.cancel,
            "pause": lambda job: self.queue.pause(job, job.state is not JobState.PAUSED),
            "run_again": self.queue.run_again,
            "show_result": self.show_asked.emit,
        }
        if job is not None:
            deeds[name](job)
        elif name == "cancel" and job_id in self._others:
            self._others[job_id][1]()
        if job is not None and name == "run_again":
            self.settled.emit(place_of(job))

    def close(self) -> None:
        """Cancel everything and end the child process."""
        self.queue.close()

    def _changed(self, _job: Job) -> None:
        if not self._timer.isActive():
            self._timer.start(REFRESH_MS)

    def _ended(self, job: Job) -> None:
        self._tell()
        self.ended.emit(job)
        if job.state is JobState.DONE:
            self.settled.emit(place_of(job))
            self.finished.emit(job)
        elif job.state is JobState.FAILED:
            self.failed.emit(job)

    def _tell(self) -> None:
        jobs = self.queue.jobs
        others = [line for line, _cancel in self._others.values()]
        self.lines_changed.emit([*(line_of(job, _successor(job, jobs)) for job in jobs), *others])


def place_of(job: Job) -> str:
    """Where a job writes its result; empty when it writes none."""
    return str(getattr(job.spec.inputs, "out", "") or "")


def _successor(job: Job, jobs: Sequence[Job]) -> Job | None:
    """The latest of the jobs that were asked for after an ended one, and write the same result."""
    place = place_of(job)
    later = jobs[jobs.index(job) + 1 :] if job.state.has_ended and place else ()
    return next((other for other in reversed(later) if place_of(other) == place), None)


def line_of(job: Job, successor: Job | None = None) -> JobLine:
    """What the strip and the list say of a job; `successor` is a later job that went on with it or repeats it."""
    left = f"{in_words(job.seconds_left)} left" if job.seconds_left is not None and job.fraction < 1 else ""
    return JobLine(
        id=job.id,
        title=job.title,
        state=job.state.value,
        done=job.done,
        total=job.total,
        fraction=job.fraction,
        words=_words(job, successor),
        left=left,
        hint=_hint(job),
        log=job.log,
        ended=None if job.ended is None else job.ended.timestamp(),
        kept=job.kept,
        spec=job.spec,
        was_repeated=successor is not None,
    )


def _words(job: Job, successor: Job | None) -> str:
    if job.state is JobState.QUEUED:
        return "waits"
    if job.state in (JobState.RUNNING, JobState.PAUSED):
        if job.is_stopping:
            return "stopping"
        words = f"{job.message}, {job.done} of {job.total}" if job.total else "starting"
        return f"{words}, paused" if job.state is JobState.PAUSED else words
    if job.state is JobState.DONE:
        return _result_words(job)
    kept = f" {counted(job.kept, 'plane is', 'planes are')} kept; Resume goes on from there." if job.kept else ""
    if successor is not None:
        kept = f" {_what_followed(job, successor)}"
    return ("Cancelled." if job.state is JobState.CANCELLED else _error_words(job)) + kept


def _what_followed(job: Job, successor: Job) -> str:
    if (successor.spec.task, successor.spec.params) != (job.spec.task, job.spec.params):
        return "A later job writes to the same place."
    return "A later job went on with it." if job.kept else "It was run again."


def _result_words(job: Job) -> str:
    objects = getattr(job.result, "objects", None)
    count = sum(objects.values()) if isinstance(objects, dict) else 0
    found = f"{counted(count, 'object')} in " if isinstance(objects, dict) else ""
    return f"{found}{in_words(job.seconds)}"


def _error_words(job: Job) -> str:
    error = job.error
    if isinstance(error, AppError):
        return error.message
    return f"the program made a mistake: {error.summary}" if isinstance(error, JobFault) else "failed"


def _hint(job: Job) -> str:
    return job.error.hint if isinstance(job.error, AppError) else ""
