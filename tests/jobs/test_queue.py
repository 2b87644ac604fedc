"""The queue: jobs run in order, end in every way, stay listed; the real engine in a real child."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from empanada_desktop.core.context import JobContext, Partial, tell_stage
from empanada_desktop.core.geometry import Axis
from empanada_desktop.errors import AppError, JobCancelled
from empanada_desktop.io.ome_zarr import is_complete
from empanada_desktop.io.volumes import open_volume
from empanada_desktop.jobs.faults import JobDied, JobFault
from empanada_desktop.jobs.job import Job, JobState
from empanada_desktop.jobs.process import Child, ProcessExecutor
from empanada_desktop.jobs.queue import JobQueue
from empanada_desktop.jobs.spec import JobSpec
from empanada_desktop.tasks.registry import TaskResult

WAIT = 240.0
Ending = Callable[[JobContext], TaskResult]


class Result:
    """A result that says one line."""

    def lines(self) -> list[str]:
        return ["Done."]


class Scripted:
    """Runs jobs in the queue's thread as the test says: title of the volume -> what happens."""

    def __init__(self, **endings: Ending) -> None:
        self.endings = endings
        self.ran: list[str] = []

    def run(self, spec: JobSpec, context: JobContext, log: Path | None = None) -> TaskResult:
        name = spec.inputs.model_dump()["volume"]
        self.ran.append(name)
        return self.endings.get(name, lambda _: Result())(context)

    def close(self) -> None:
        self.ran.append("close")


def spec(volume: str, out: str = "out.zarr", **params: object) -> JobSpec:
    inputs = {"volume": volume, "out": out}
    values = {"use_gpu": False, "threads": 1, "min_size": 0, "min_extent": 0, "chunk_size": (32,), **params}
    return JobSpec.from_plain({"task": "segment-volume", "params": values, "inputs": inputs})


def failing(error: BaseException) -> Ending:
    def fail(_: JobContext) -> TaskResult:
        raise error

    return fail


def until_cancelled(context: JobContext) -> TaskResult:
    for step in range(3000):
        context.report(step, 3000, "xy planes")
        context.check_cancelled()
        time.sleep(0.01)
    return Result()


@pytest.fixture
def queues(tmp_path: Path) -> Iterator[Callable[..., JobQueue]]:
    made: list[JobQueue] = []

    def make(runner: object) -> JobQueue:
        made.append(JobQueue(runner, tmp_path / "logs"))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for queue in made:
        queue.close()


def test_jobs_run_in_order_and_end_in_every_way(queues: Callable[..., JobQueue]) -> None:
    died, fault = JobDied("gone", exit_code=-9), JobFault("TypeError: x", "traceback")
    runner = Scripted(b=failing(AppError("bad", "mend")), c=failing(died), d=failing(fault), e=failing(JobCancelled()))
    queue = queues(runner)
    jobs = [queue.submit(spec(name), f"job {name}") for name in "abcdef"]
    assert queue.wait(jobs[-1], WAIT)
    assert runner.ran == list("abcdef")
    assert [job.state for job in jobs] == ["done", "failed", "failed", "failed", "cancelled", "done"]
    assert jobs[0].result is not None
    assert [job.error for job in jobs[2:4]] == [died, fault]
    assert [job.title for job in queue.jobs] == [f"job {name}" for name in "abcdef"]
    assert all(job.ended is not None and job.started is not None for job in jobs)


def test_waiting_and_running_jobs_can_be_cancelled(queues: Callable[..., JobQueue]) -> None:
    runner = Scripted(long=until_cancelled)
    queue = queues(runner)
    ended: list[Job] = []
    queue.job_ended.connect(ended.append)
    running, waiting, after = (queue.submit(spec(name)) for name in ("long", "never", "after"))
    while running.done < 3:
        time.sleep(0.01)
    assert queue.running is running
    queue.cancel(waiting)
    assert waiting.state is JobState.CANCELLED
    queue.cancel(running)
    assert queue.wait(after, WAIT)
    assert (running.state, after.state) == ("cancelled", "done")
    assert runner.ran == ["long", "after"]
    assert queue.unfinished == ()
    queue.cancel(after)
    assert after.state is JobState.DONE
    deadline = time.monotonic() + 5
    while len(ended) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [job.id for job in ended] == [waiting.id, running.id, after.id]


def test_progress_is_told_with_the_time_left_and_not_too_often(queues: Callable[..., JobQueue]) -> None:
    told: list[tuple[int, float | None]] = []

    def quick(context: JobContext) -> TaskResult:
        for step in range(1, 2001):
            context.report(step, 2000, "planes")
            if step == 1000:
                time.sleep(0.2)
        return Result()

    queue = queues(Scripted(v=quick))
    queue.job_changed.connect(lambda job: told.append((job.done, job.seconds_left)))
    job = queue.submit(spec("v"))
    assert queue.wait(job, WAIT)
    assert len(told) < 60
    assert any(left is not None and left > 0 for _, left in told)
    assert (job.done, job.total, job.fraction) == (2000, 2000, 1.0)


def test_the_share_that_is_done_is_that_of_all_stages(queues: Callable[..., JobQueue]) -> None:
    shares: list[float] = []

    def staged(context: JobContext) -> TaskResult:
        for number in range(2):
            tell_stage(context, number, 2)
            context.report(1, 2, f"Stack {number + 1} of 2")
            shares.append(queue.jobs[-1].fraction)
        tell_stage(context, 0, 1)
        context.report(1, 4, "Writing")
        shares.append(queue.jobs[-1].fraction)
        return Result()

    queue = queues(Scripted(v=staged))
    job = queue.submit(spec("v"))
    assert queue.wait(job, WAIT)
    assert shares == [0.25, 0.75, 0.25]


def test_ended_jobs_stay_until_removed_and_run_again(queues: Callable[..., JobQueue], tmp_path: Path) -> None:
    queue = queues(Scripted(bad=failing(AppError("bad"))))
    added: list[Job] = []
    queue.job_added.connect(added.append)
    first, second = queue.submit(spec("good")), queue.submit(spec("bad"))
    assert queue.wait(second, WAIT)
    again, retried = queue.run_again(first), queue.run_again(second)
    assert queue.wait(retried, WAIT)
    assert again.spec.inputs.model_dump()["overwrite"] is True
    assert retried.spec == second.spec
    queue.remove(first)
    assert queue.jobs == (second, again, retried)
    assert added == [first, second, again, retried]


def test_closing_cancels_everything(tmp_path: Path) -> None:
    queue = JobQueue(Scripted(long=until_cancelled), tmp_path)
    jobs = [queue.submit(spec("long")) for _ in range(3)]
    queue.close()
    assert [job.state for job in jobs] == ["cancelled"] * 3
    with pytest.raises(RuntimeError):
        queue.submit(spec("late"))


def test_a_full_disk_fails_the_job_not_the_queue(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way of the folder")
    queue = JobQueue(Scripted(), tmp_path / "logs")
    job = queue.submit(spec("v"))
    assert queue.wait(job, WAIT)
    assert job.state is JobState.FAILED
    assert isinstance(job.error, AppError)
    queue.close()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_a_volume_is_segmented_cancelled_killed_and_segmented_again(
    queues: Callable[..., JobQueue], tiny_volume: str, tiny_weights: str, tmp_path: Path
) -> None:
    child = Child()
    queue = queues(ProcessExecutor(child))
    seen: list[Partial] = []
    acts: dict[str, Callable[[], object]] = {}

    def act(job: Job, partial: Partial) -> None:
        seen.append(partial)
        if partial.done == 2:
            acts.pop(job.id, lambda: None)()

    queue.partial.connect(act)
    whole = queue.submit(spec(tiny_volume, str(tmp_path / "whole.zarr"), weights=tiny_weights))
    assert queue.wait(whole, WAIT)
    assert whole.state is JobState.DONE, whole.error
    assert [(partial.axis, partial.done) for partial in seen] == [(Axis.XY, done) for done in range(1, 11)]
    assert is_complete(tmp_path / "whole.zarr")
    with open_volume(tmp_path / "whole.zarr") as labels:
        assert labels.shape == (10, 48, 56)
    assert whole.log is not None
    assert "xy planes: 10 of 10" in whole.log.read_text()

    held = threading.Event()
    cancelled = queue.submit(spec(tiny_volume, str(tmp_path / "cancelled.zarr"), weights=tiny_weights))
    acts[cancelled.id] = lambda: queue.cancel(cancelled)
    assert queue.wait(cancelled, WAIT)
    assert cancelled.state in (JobState.CANCELLED, JobState.DONE)
    if cancelled.state is JobState.CANCELLED:
        assert 2 <= cancelled.kept < 10
        queue.discard(cancelled)
        assert cancelled.kept == 0
        assert not (tmp_path / "cancelled.zarr").exists()

    killed = queue.submit(spec(tiny_volume, str(tmp_path / "killed.zarr"), weights=tiny_weights))
    acts[killed.id] = lambda: (os.kill(child.pid or 0, signal.SIGKILL), held.set())
    after = queue.submit(spec(tiny_volume, str(tmp_path / "after.zarr"), weights=tiny_weights))
    assert queue.wait(after, WAIT)
    assert held.is_set()
    assert isinstance(killed.error, JobDied)
    assert "SIGKILL" in killed.error.message
    assert 2 <= killed.kept < 10
    assert after.state is JobState.DONE

    planes = len(seen)
    again = queue.run_again(killed)
    assert queue.wait(again, WAIT)
    with open_volume(tmp_path / "whole.zarr") as expected, open_volume(tmp_path / "killed.zarr") as resumed:
        np.testing.assert_array_equal(resumed[:], expected[:])
    assert [partial.done for partial in seen[planes:]] == list(range(killed.kept + 1, 11))

    wrong = queue.submit(spec(str(tmp_path / "missing.tif"), str(tmp_path / "wrong.zarr")))
    assert queue.wait(wrong, WAIT)
    assert isinstance(wrong.error, AppError)
    assert wrong.error.hint
    assert not (tmp_path / "wrong.zarr").exists()
