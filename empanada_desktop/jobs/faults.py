"""What can go wrong with a job apart from the task's own errors: its process dies, or the program has a defect."""

import signal
from pathlib import Path

from empanada_desktop.errors import AppError

KILLED_HINT = (
    "Most often memory ran out: close other programs, or choose a larger image downsampling. "
    "Nothing that is open was lost; it can be run again."
)
CRASH_HINT = "Nothing that is open was lost; it can be run again. If it happens every time, its log tells more."


class JobDied(AppError):  # noqa: N818 - what happened to the job, as with JobCancelled
    """The process that did the work ended before the work was done."""

    def __init__(self, message: str, hint: str = CRASH_HINT, exit_code: int | None = None) -> None:
        super().__init__(message, hint)
        self.exit_code = exit_code


class JobFault(Exception):  # noqa: N818 - a defect of ours, kept apart from what users can mend
    """A defect of the program that ended a job: one line, the traceback from the other process, and the log."""

    def __init__(self, summary: str, details: str = "", log: Path | None = None) -> None:
        super().__init__(summary)
        self.summary = summary
        self.details = details
        self.log = log


def died(exit_code: int | None) -> JobDied:
    """Say in plain words how a process ended."""
    if exit_code is not None and exit_code < 0:
        name = _signal_name(-exit_code)
        if -exit_code == 9:
            return JobDied(f"The system ended the computation ({name}).", KILLED_HINT, exit_code)
        return JobDied(f"The computation crashed ({name}).", CRASH_HINT, exit_code)
    return JobDied(f"The computation ended unexpectedly (exit code {exit_code}).", CRASH_HINT, exit_code)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
