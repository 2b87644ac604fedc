"""A job in the queue: what it is, how far it is, how it ended."""

import datetime
import uuid
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from empanada_desktop.core.context import Partial
from empanada_desktop.errors import AppError
from empanada_desktop.jobs.faults import JobFault
from empanada_desktop.jobs.spec import JobSpec
from empanada_desktop.tasks.registry import TaskResult


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


@dataclass(eq=False)
class Job:
    """One entry of the queue. Read it anywhere; only the queue changes it.

    done, total, message: the progress of the present phase. fraction: of it, or of all stages of which it is one, 0 to
    1. seconds_left: the same, None while nobody knows. partial: what can be
    shown already. error: what ended it; `error.hint` of an AppError says what to do. kept: planes that a job which was
    broken off has finished; running it again goes on from there.
    """

    spec: JobSpec
    title: str
    log: Path | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    state: JobState = JobState.QUEUED
    done: int = 0
    total: int = 0
    message: str = ""
    fraction: float = 0.0
    seconds_left: float | None = None
    partial: Partial | None = None
    result: TaskResult | None = None
    error: AppError | JobFault | None = None
    created: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.UTC))
    started: datetime.datetime | None = None
    ended: datetime.datetime | None = None
    is_stopping: bool = False
    kept: int = 0

    @property
    def seconds(self) -> float:
        """How long it has run, or ran."""
        if self.started is None:
            return 0.0
        return ((self.ended or datetime.datetime.now(datetime.UTC)) - self.started).total_seconds()
