"""Where a job runs. The inline executor runs it right here."""

from typing import Protocol

from empanada_desktop.core.context import JobContext
from empanada_desktop.jobs.spec import JobSpec
from empanada_desktop.tasks.registry import TaskResult, load_task


class Executor(Protocol):
    """Runs jobs somewhere."""

    def run(self, spec: JobSpec, context: JobContext) -> TaskResult:
        """Run the job to its end; raises what the task raises."""


class InlineExecutor:
    """Runs a job in the calling thread."""

    def run(self, spec: JobSpec, context: JobContext) -> TaskResult:
        """Run the job to its end; raises what the task raises."""
        return load_task(spec.task).module.run(spec.inputs, spec.params, context)
