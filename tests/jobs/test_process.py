"""A child process that computes: real processes, ended in every way that processes end."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import wait
from pathlib import Path

import job_deeds as deeds
import pytest

from empanada_desktop.core.context import QuietContext
from empanada_desktop.errors import AppError, JobCancelled
from empanada_desktop.jobs.faults import JobDied, JobFault
from empanada_desktop.jobs.process import Child

from .conftest import Watcher, child_processes

pytestmark = pytest.mark.usefixtures("children_begin_anew")
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")


@pytest.fixture
def child() -> Iterator[Child]:
    child = Child("test", patience=1.5)
    yield child
    child.close()


@pytest.fixture
def patient() -> Iterator[Child]:
    """A child that gives its deeds all the time they may need on a busy machine."""
    child = Child("patient", patience=200.0)
    yield child
    child.close()


def test_a_deed_runs_elsewhere_and_the_child_stays_warm(child: Child) -> None:
    value, pid = child.carry_out(deeds.Echo({"a": 1}), QuietContext())
    assert value == {"a": 1}
    assert pid != os.getpid()
    assert pid == child.pid
    assert [child.carry_out(deeds.Remember(), QuietContext()) for _ in range(3)] == [1, 2, 3]
    assert child.pid == pid


def test_progress_arrives_in_order(child: Child) -> None:
    watcher = Watcher()
    assert child.carry_out(deeds.Count(20, 0.0), watcher) == 20
    assert watcher.told == [(step, 20, "counting") for step in range(1, 21)]
    assert watcher.stages == [(1, 2)]


@posix
@pytest.mark.parametrize(
    ("number", "words"), [(signal.SIGKILL, "SIGKILL"), (signal.SIGABRT, "SIGABRT"), (0, "exit code 7")]
)
def test_a_dead_child_is_told_plainly_and_the_next_deed_gets_a_new_one(child: Child, number: int, words: str) -> None:
    watcher = Watcher()
    started = time.monotonic()
    with pytest.raises(JobDied) as error:
        child.carry_out(deeds.Kill(number), watcher)
    assert time.monotonic() - started < 10
    assert words in error.value.message
    assert "can be run again" in error.value.hint
    assert watcher.told == [(3, 10, "planes")]
    assert child.carry_out(deeds.Echo(5), QuietContext())[0] == 5


@posix
def test_a_child_that_died_while_idle_is_replaced(child: Child) -> None:
    _, pid = child.carry_out(deeds.Echo(), QuietContext())
    process = child._process
    assert process is not None
    os.kill(pid, signal.SIGKILL)
    assert wait([process.sentinel], 60)
    assert child.carry_out(deeds.Echo(), QuietContext())[1] != pid


def test_errors_of_the_user_arrive_whole(child: Child) -> None:
    with pytest.raises(AppError) as error:
        child.carry_out(deeds.Raise("app"), QuietContext())
    assert (error.value.message, error.value.hint) == ("The cup is empty.", "Fill it.")
    with pytest.raises(AppError, match="not enough memory"):
        child.carry_out(deeds.Raise("memory"), QuietContext())


def test_defects_come_with_traceback_and_log(child: Child, tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    with pytest.raises(JobFault) as fault:
        child.carry_out(deeds.Raise("bug"), QuietContext(), log)
    assert fault.value.summary == "ZeroDivisionError: a defect of ours"
    assert "job_deeds.py" in fault.value.details
    assert fault.value.log == log
    assert "a defect of ours" in log.read_text()
    with pytest.raises(JobFault, match="pickle"):
        child.carry_out(deeds.Unpicklable(), QuietContext())
    assert child.carry_out(deeds.Echo(1), QuietContext())[0] == 1


def test_everything_said_lands_in_the_deeds_own_log(child: Child, tmp_path: Path, capfd: object) -> None:
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    child.carry_out(deeds.Say(), QuietContext(), first)
    child.carry_out(deeds.Count(10, 0.0), QuietContext(), second)
    assert first.read_text().splitlines() == ["said on stdout", "said on stderr", "said by native code"]
    assert "counting: 5 of 10" in second.read_text()


def test_cancelling_ends_a_deed_at_its_next_check(child: Child) -> None:
    watcher = Watcher(cancel_after=3)
    started = time.monotonic()
    with pytest.raises(JobCancelled):
        child.carry_out(deeds.Count(), watcher)
    assert time.monotonic() - started < 5
    pid = child.pid
    assert child.carry_out(deeds.Echo(), QuietContext())[1] == pid


def test_cancelling_works_in_the_middle_of_a_plane(patient: Child) -> None:
    """Nothing else than the interruption ends the deed before its 30 seconds are over."""
    patient.carry_out(deeds.Echo(), QuietContext())
    pid = patient.pid
    with pytest.raises(JobCancelled):
        patient.carry_out(deeds.Deaf("empanada_desktop.engine.predictor"), Watcher(cancel_after=1), stops_after=0.2)
    assert patient.carry_out(deeds.Echo(), QuietContext())[1] == pid


def test_an_interruption_that_a_library_makes_its_own_error_of_is_a_cancellation(patient: Child) -> None:
    patient.carry_out(deeds.Echo(), QuietContext())
    with pytest.raises(JobCancelled):
        patient.carry_out(deeds.Swallow(), Watcher(cancel_after=1), stops_after=0.0)


def test_a_file_being_written_is_not_interrupted(patient: Child) -> None:
    deed = deeds.Deaf("empanada_desktop.io.ome_zarr", seconds=0.8)
    assert patient.carry_out(deed, Watcher(cancel_after=1), stops_after=0.1) == "not stopped"


def test_a_deed_that_never_listens_loses_its_process(child: Child) -> None:
    child.carry_out(deeds.Echo(), QuietContext())
    pid, started = child.pid, time.monotonic()
    with pytest.raises(JobCancelled):
        child.carry_out(deeds.Deaf("somewhere.else"), Watcher(cancel_after=1))
    assert time.monotonic() - started < 10
    assert pid not in child_processes()


def test_a_pause_holds_the_deed(child: Child) -> None:
    watcher = Watcher()

    def run() -> None:
        with pytest.raises(JobCancelled):
            child.carry_out(deeds.Count(), watcher)

    thread = threading.Thread(target=run)
    thread.start()
    while not watcher.told:
        time.sleep(0.01)
    watcher.is_paused = True
    held = 0
    while held != len(watcher.told):  # until nothing more is told: a deed that goes on tells all its steps
        held = len(watcher.told)
        time.sleep(0.3)
    assert held < deeds.Count().steps
    watcher.is_paused = False
    while len(watcher.told) == held:
        time.sleep(0.01)
    watcher.cancelled.set()
    thread.join(200)
    assert not thread.is_alive()


def test_a_deed_that_is_paused_before_it_begins_waits(child: Child) -> None:
    watcher, ended = Watcher(), threading.Event()
    watcher.is_paused = True

    def run() -> None:
        child.carry_out(deeds.Count(5, 0.0), watcher)
        ended.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert not ended.wait(3)
    assert not watcher.told
    watcher.is_paused = False
    assert ended.wait(200)
    thread.join(200)
    assert len(watcher.told) == 5


def test_closing_in_the_middle_cancels(child: Child) -> None:
    caught: list[BaseException] = []

    def run() -> None:
        try:
            child.carry_out(deeds.Count(), watcher)
        except (JobCancelled, AppError) as error:
            caught.append(error)

    watcher = Watcher()
    thread = threading.Thread(target=run)
    thread.start()
    while not watcher.told:
        time.sleep(0.01)
    child.close()
    thread.join(5)
    assert [type(error) for error in caught] == [JobCancelled]
    child.close()


@posix
def test_the_child_goes_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, sys\n"
        f"sys.path[:0] = [{str(Path(__file__).with_name('deeds'))!r}, {str(Path(__file__).parents[2])!r}]\n"
        "import job_deeds\n"
        "from empanada_desktop.core.context import QuietContext\n"
        "from empanada_desktop.jobs.process import Child\n"
        "if __name__ == '__main__':\n"
        "    child = Child()\n"
        "    print(child.carry_out(job_deeds.Echo(), QuietContext())[1], flush=True)\n"
        "    child.carry_out(job_deeds.Deaf('somewhere'), QuietContext())\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists():
            return
        time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("the child outlived its parent")


@posix
def test_a_parent_that_forgets_to_close_still_ends(tmp_path: Path) -> None:
    script = tmp_path / "careless.py"
    script.write_text(
        "import sys\n"
        f"sys.path[:0] = [{str(Path(__file__).with_name('deeds'))!r}, {str(Path(__file__).parents[2])!r}]\n"
        "import job_deeds\n"
        "from empanada_desktop.core.context import QuietContext\n"
        "from empanada_desktop.jobs.process import Child\n"
        "if __name__ == '__main__':\n"
        "    child = Child()\n"
        "    child.carry_out(job_deeds.Echo(), QuietContext())\n"
    )
    outcome = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=240, check=False)
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stderr == ""


def test_a_process_that_does_not_end_when_it_is_killed_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that waits for a disk or a driver: the system ends it only when that has answered."""
    monkeypatch.setattr("empanada_desktop.jobs.process.PATIENCE", 0.05)
    asked: list[object] = []

    class Stuck:
        exitcode = None

        def is_alive(self) -> bool:
            return True

        def kill(self) -> None:
            asked.append("kill")

        def join(self, timeout: float | None = None) -> None:
            asked.append(timeout)

        def close(self) -> None:
            raise ValueError("it still runs")

    child = Child("stuck")
    child._process = Stuck()  # type: ignore[assignment]
    child._clear()
    assert asked == ["kill", 0.05]
    assert child.pid is None
