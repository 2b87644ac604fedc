"""Deeds that end in every way there is; in a folder of its own so that child processes can import it."""

import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

from empanada_desktop.core.context import JobContext, tell_stage
from empanada_desktop.errors import AppError, JobCancelled
from empanada_desktop.jobs.messages import Room


@dataclass(frozen=True)
class Echo:
    """Returns what it was given, and the process that it ran in."""

    value: Any = None

    def carry_out(self, room: Room, context: JobContext) -> tuple[Any, int]:
        return self.value, os.getpid()


@dataclass(frozen=True)
class Remember:
    """Counts how often it was carried out in this process."""

    def carry_out(self, room: Room, context: JobContext) -> int:
        room["count"] = room.get("count", 0) + 1
        return int(room["count"])


@dataclass(frozen=True)
class Count:
    """Reports steps, a while apart, until it is cancelled or done."""

    steps: int = 1000
    pause: float = 0.01

    def carry_out(self, room: Room, context: JobContext) -> int:
        tell_stage(context, 1, 2)
        for step in range(self.steps):
            context.check_cancelled()
            context.report(step + 1, self.steps, "counting")
            time.sleep(self.pause)
        return self.steps


@dataclass(frozen=True)
class Kill:
    """Ends its own process by a signal, after a few steps."""

    number: int = signal.SIGKILL

    def carry_out(self, room: Room, context: JobContext) -> None:
        context.report(3, 10, "planes")
        if self.number == 0:
            os._exit(7)
        if self.number == signal.SIGABRT:
            os.abort()
        os.kill(os.getpid(), self.number)
        time.sleep(30)


@dataclass(frozen=True)
class Raise:
    """Fails."""

    kind: str

    def carry_out(self, room: Room, context: JobContext) -> None:
        if self.kind == "app":
            raise AppError("The cup is empty.", "Fill it.")
        if self.kind == "memory":
            raise MemoryError
        if self.kind == "cancelled":
            raise JobCancelled
        raise ZeroDivisionError("a defect of ours")


@dataclass(frozen=True)
class Unpicklable:
    """Returns what does not travel."""

    def carry_out(self, room: Room, context: JobContext) -> Any:
        return threading.Lock()


@dataclass(frozen=True)
class Say:
    """Says things on both streams, also from below Python."""

    def carry_out(self, room: Room, context: JobContext) -> None:
        sys.stdout.write("said on stdout\n")
        sys.stderr.write("said on stderr\n")
        os.write(2, b"said by native code\n")


@dataclass(frozen=True)
class Deaf:
    """Never looks whether it was cancelled; in a module that may be interrupted, or in one that may not."""

    module: str
    seconds: float = 30.0

    def carry_out(self, room: Room, context: JobContext) -> str:
        context.report(1, 2, "deaf")
        code = "import time\nend = time.monotonic() + seconds\nwhile time.monotonic() < end: time.sleep(0.01)\n"
        exec(code, {"__name__": self.module, "seconds": self.seconds})
        return "not stopped"


@dataclass(frozen=True)
class Swallow:
    """Makes an error of its own out of whatever interrupts it, as torch does while it loads weights."""

    module: str = "empanada_desktop.engine.predictor"

    def carry_out(self, room: Room, context: JobContext) -> str:
        try:
            return Deaf(self.module).carry_out(room, context)
        except Exception as error:
            raise RuntimeError("Error(s) in loading state_dict") from error
