"""The process that computes: takes deeds from a pipe, one at a time, and tells how far they are."""

import _thread
import contextlib
import faulthandler
import logging
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from empanada_desktop.core.context import Function, Partial
from empanada_desktop.errors import AppError, JobCancelled
from empanada_desktop.jobs.messages import (
    Done,
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

Item = TypeVar("Item")
Result = TypeVar("Result")

NICENESS, NICENESS_VARIABLE = 10, "EMPANADA_DESKTOP_NICENESS"
INSIST_EVERY = 0.1
LAST_WILL = 1.5
# Where a deed may be stopped between two checks, and what must not be in the middle of anything meanwhile.
STOPPABLE = ("empanada_desktop.engine.predictor", "empanada_desktop.engine.plane")
DELICATE = ("empanada_desktop.io", "zarr", "numcodecs", "asyncio", "numba", "llvmlite", "importlib", "threading")

log = logging.getLogger("empanada_desktop.worker")


class WorkerContext:
    """Progress, cancelling and pausing, as a task sees them in this process."""

    def __init__(self, request: Request, send: Callable[[News], None]) -> None:
        self.request = request
        self.stopped = threading.Event()
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self._send = send
        self._said = ("", -1)

    def report(self, done: int, total: int, message: str = "") -> None:
        """Tell how far the deed is; a tenth of the way gets a line in the log."""
        self._send(Progress(self.request.number, done, total, message))
        tenth = (message, 10 * done // max(1, total))
        if tenth != self._said:
            self._said = tenth
            log.info("%s: %d of %d", message or "progress", done, total)

    def stage(self, number: int, count: int) -> None:
        """Tell that a stage of the deed begins."""
        self._send(StageNews(self.request.number, number, count))

    def partial(self, partial: Partial) -> None:
        """Tell what can be shown already."""
        self._send(PartialNews(self.request.number, partial))

    def check_cancelled(self) -> None:
        """Raise JobCancelled when asked to stop; wait while paused."""
        while not self.may_go_on.wait(0.1) and not self.stopped.is_set():
            pass
        if self.stopped.is_set():
            raise JobCancelled

    def map(self, function: Function[Item, Result], items: Iterable[Item]) -> Iterator[Result]:
        """Apply `function` to the items one after the other."""
        return (function(item, self) for item in items)


class Worker:
    """Reads orders in a thread of its own, and carries deeds out on the main thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._requests: queue.Queue[Request | None] = queue.Queue()
        self._sending = threading.Lock()
        self._current: WorkerContext | None = None
        self._obeying = threading.Lock()
        self._stopped_early: set[int] = set()
        self._paused_early: dict[int, bool] = {}
        self._room: Room = {}
        self._output: Any = None

    def serve(self) -> None:
        """Carry deeds out until the other side closes the pipe."""
        signal.signal(signal.SIGINT, self._interrupted)
        threading.Thread(target=self._listen, name="orders", daemon=True).start()
        while (request := self._requests.get()) is not None:
            self._speak_into(request.log)
            self._send(self._answer(request))

    def _answer(self, request: Request) -> News:
        """Carry a deed out; the boundary at which every error becomes a message."""
        context = WorkerContext(request, self._send)
        with self._obeying:
            if request.number in self._stopped_early:
                return Stopped(request.number)
            if self._paused_early.pop(request.number, request.waits):
                context.may_go_on.clear()
            self._current = context
        try:
            return Done(request.number, request.deed.carry_out(self._room, context))
        except JobCancelled:
            log.info("cancelled")
            return Stopped(request.number)
        except AppError as error:
            log.warning("%s %s", error.message, error.hint)
            return Failed(request.number, error)
        except MemoryError:
            log.exception("out of memory")
            hint = "Close other programs, choose a larger image downsampling, or work on a part of the volume."
            return Failed(request.number, AppError("There is not enough memory for this.", hint))
        except Exception as error:  # noqa: BLE001 - the worker's boundary: a defect becomes a report, not a dead process
            return self._cancelled_or_faulted(context, error)
        finally:
            self._current = None

    def _cancelled_or_faulted(self, context: WorkerContext, error: Exception) -> News:
        """A library may catch the interruption and raise an error of its own; torch does while it loads weights."""
        if not context.stopped.is_set():
            return _faulted(context.request.number, error)
        log.info("cancelled; what was interrupted said: %s", error)
        return Stopped(context.request.number)

    def _listen(self) -> None:
        while True:
            try:
                order = self._connection.recv()
            except (EOFError, OSError):
                self._leave()
                return
            if isinstance(order, Request):
                self._requests.put(order)
            else:
                self._obey(order)

    def _obey(self, order: Stop | Pause) -> None:
        with self._obeying:
            context = self._current
            if context is None or context.request.number != order.number:
                self._obey_early(order)
            elif isinstance(order, Pause):
                context.may_go_on.clear() if order.waits else context.may_go_on.set()
            else:
                context.stopped.set()
                threading.Thread(target=self._insist, args=(context,), daemon=True).start()

    def _obey_early(self, order: Stop | Pause) -> None:
        """Keep in mind what is to become of a deed that has not begun."""
        if isinstance(order, Stop):
            self._stopped_early.add(order.number)
        else:
            self._paused_early[order.number] = order.waits

    def _insist(self, context: WorkerContext) -> None:
        """Interrupt the main thread again and again until the cancelled deed has ended."""
        time.sleep(context.request.stops_after)
        while self._current is context:
            _thread.interrupt_main(signal.SIGINT)
            time.sleep(INSIST_EVERY)

    def _interrupted(self, _number: int, frame: FrameType | None) -> None:
        """Stop a cancelled deed where nothing is left half done. Ctrl-C in a terminal is not for us."""
        context = self._current
        if context is not None and context.stopped.is_set() and may_stop_in(frame):
            raise JobCancelled

    def _leave(self) -> None:
        """The window is gone: end, by force if the deed does not."""
        context = self._current
        if context is not None:
            context.stopped.set()
        self._requests.put(None)
        time.sleep(LAST_WILL)
        os._exit(1)

    def _send(self, news: News) -> None:
        with self._sending:
            try:
                self._connection.send(news)
            except (BrokenPipeError, ConnectionResetError):
                return
            except Exception as error:  # noqa: BLE001 - a result that does not pickle is a defect to be told of
                self._connection.send(_faulted(news.number, error))

    def _speak_into(self, path: str | None) -> None:
        """Send everything that is said from now on, native code's words included, to a file."""
        target = Path(path) if path else Path(os.devnull)
        output = target.open("a", encoding="utf-8", buffering=1)
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
        if self._output is not None:
            self._output.close()
        self._output = sys.stdout = sys.stderr = output
        faulthandler.enable(output)
        logging.basicConfig(
            stream=output, level=logging.INFO, force=True, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
        )


def may_stop_in(frame: FrameType | None) -> bool:
    """Whether the code that runs is in the network's pass over a plane, and in nothing that must be finished."""
    stoppable = False
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith(DELICATE):
            return False
        if module.startswith("empanada_desktop.jobs"):
            break
        stoppable = stoppable or module in STOPPABLE
        frame = frame.f_back
    return stoppable


def serve(connection: Connection) -> None:
    """Entry of the process; lower priority than the window, so that it stays alive while all cores compute."""
    _step_back()
    Worker(connection).serve()


def _step_back() -> None:
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):
            os.nice(int(os.environ.get(NICENESS_VARIABLE, NICENESS)))


def _faulted(number: int, error: Exception) -> Faulted:
    details = "".join(traceback.format_exception(error))
    log.error("%s", details)
    summary = f"{type(error).__name__}: {error}".splitlines()[0]
    return Faulted(number, summary, details)
