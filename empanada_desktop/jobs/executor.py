"""Where a job runs. The inline executor runs it right here, with a process for each device where several are wanted."""

from typing import Protocol

from empanada_desktop.core.context import JobContext
from empanada_desktop.jobs.spec import JobSpec
from empanada_desktop.jobs.spreading import SpreadContext
from empanada_desktop.tasks.registry import TaskResult, load_task


class Executor(Protocol):
    """Runs jobs somewhere."""

    def run(self, spec: JobSpec, context: JobContext) -> TaskResult:
        """Run the job to its end; raises what the task raises."""


class InlineExecutor:
    """Runs a job in the calling thread."""

    def run(self, spec: JobSpec, context: JobContext) -> TaskResult:
        """Run the job to its end; raises what the task raises."""
        from empanada_desktop.jobs.devices import Devices, devices_for

        run, names = load_task(spec.task).module.run, devices_for(spec.params)
        if len(names) < 2:
            return run(spec.inputs, spec.params, context)
        with Devices(names) as places:
            return run(spec.inputs, spec.params, SpreadContext(context, places))
