"""Live planes: the newest wish is answered from a process of its own, wishes that were overtaken are dropped."""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from psygnal import Signal

from empanada_desktop.core.context import Function, JobContext
from empanada_desktop.errors import AppError, JobCancelled
from empanada_desktop.jobs.faults import JobFault
from empanada_desktop.jobs.messages import Room
from empanada_desktop.jobs.process import Child, WarmUp
from empanada_desktop.settings import user_folder
from empanada_desktop.tasks.inference_params import PlaneParams
from empanada_desktop.tasks.live_plane import Grouping, LivePlane, LivePlanes, Prediction

Item = TypeVar("Item")
Result = TypeVar("Result")
ROOM_KEY = "live planes"


@dataclass(frozen=True)
class PredictPlane:
    """The deed of running the network on a plane."""

    plane: LivePlane
    params: PlaneParams

    def carry_out(self, room: Room, context: JobContext) -> Prediction:
        """Run it, unless its outputs are kept."""
        return _planes(room).predict(self.plane, self.params, context)


@dataclass(frozen=True)
class GroupPlane:
    """The deed of finding a plane's objects with certain settings."""

    plane: LivePlane
    params: PlaneParams

    def carry_out(self, room: Room, context: JobContext) -> Grouping:
        """Find them."""
        return _planes(room).group(self.plane, self.params, context)


@dataclass(frozen=True)
class Wish:
    """A plane to be shown with these settings. `name` tells wishes apart that do not overtake each other."""

    plane: LivePlane
    params: PlaneParams
    name: str = "live"


class LiveSession:
    """Answers wishes from a warm child process, each name's newest one only.

    Signals, emitted on the session's own thread: busy_changed(bool: the network runs), predicted(wish, Prediction),
    grouped(wish, Grouping), failed(wish, error).
    """

    busy_changed = Signal(bool)
    predicted = Signal(Wish, Prediction)
    grouped = Signal(Wish, Grouping)
    failed = Signal(Wish, Exception)

    def __init__(self, child: Child | None = None, log: Path | None = None) -> None:
        self._child = child or Child("live plane", patience=10.0)
        self._log = log or user_folder() / "logs" / "live.log"
        self._wishes: dict[str, Wish] = {}
        self._told: dict[str, tuple[LivePlane, str, int]] = {}
        self._changed = threading.Condition()
        self._current: _LiveContext | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def warm_up(self, context: JobContext) -> None:
        """Start the child and let it load what the first plane needs; blocks."""
        with self._changed:
            self._start()
        self._child.carry_out(WarmUp(), context)

    def wish(self, plane: LivePlane, params: PlaneParams, name: str = "live") -> Wish:
        """Ask for a plane; an earlier wish of that name is dropped, and its network run stopped where it is in vain."""
        wish = Wish(plane, params, name)
        with self._changed:
            self._wishes[name] = wish
            if self._current is not None and self._current.is_in_vain_with(wish):
                self._current.stopped.set()
            self._start()
            self._changed.notify_all()
        return wish

    def forget(self, name: str = "live") -> None:
        """Drop the wish of a name, and stop working on it."""
        with self._changed:
            self._wishes.pop(name, None)
            if self._current is not None and self._current.wish.name == name:
                self._current.stopped.set()

    def predict(self, plane: LivePlane, params: PlaneParams, context: JobContext) -> Prediction:
        """Run the network on a plane and wait for it; raises as ProcessExecutor.run does."""
        prediction: Prediction = self._carry_out(PredictPlane(plane, params), context)
        return prediction

    def group(self, plane: LivePlane, params: PlaneParams, context: JobContext) -> Grouping:
        """Find the objects of a plane and wait for them; raises as ProcessExecutor.run does."""
        grouping: Grouping = self._carry_out(GroupPlane(plane, params), context)
        return grouping

    def close(self) -> None:
        """End the thread and the child."""
        with self._changed:
            self._closed = True
            self._wishes.clear()
            if self._current is not None:
                self._current.stopped.set()
            self._changed.notify_all()
        self._child.close()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _start(self) -> None:
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._work, name="live plane", daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while (context := self._next()) is not None:
            try:
                self._answer(context)
            except JobCancelled:
                pass
            except (AppError, JobFault) as error:
                self.failed.emit(context.wish, error)
            except OSError as error:  # no process could be started, no log be written: the next wish may do better
                said = f"The plane could not be segmented: {error.strerror or error}."
                self.failed.emit(context.wish, AppError(said, "Free memory and disk, then run it again."))
            finally:
                with self._changed:
                    self._current = None

    def _next(self) -> "_LiveContext | None":
        with self._changed:
            self._changed.wait_for(lambda: self._wishes or self._closed)
            if self._closed:
                return None
            self._current = _LiveContext(self._wishes.pop(next(iter(self._wishes))))
            return self._current

    def _answer(self, context: "_LiveContext") -> None:
        wish = context.wish
        if self._told.get(wish.name) != _run_of(wish):
            self._predict(context)
        context.check_cancelled()
        self.grouped.emit(wish, self.group(wish.plane, wish.params, context))

    def _predict(self, context: "_LiveContext") -> None:
        wish = context.wish
        self._told.pop(wish.name, None)
        self.busy_changed.emit(True)
        try:
            prediction = self.predict(wish.plane, wish.params, context)
        finally:
            self.busy_changed.emit(False)
        self._told[wish.name] = _run_of(wish)
        self.predicted.emit(wish, prediction)

    def _carry_out(self, deed: PredictPlane | GroupPlane, context: JobContext) -> Any:  # noqa: ANN401
        self._log.parent.mkdir(parents=True, exist_ok=True)
        return self._child.carry_out(deed, context, self._log, stops_after=0.0)


class _LiveContext:
    """Working on one wish; ends when it is overtaken by one that needs another run of the network."""

    def __init__(self, wish: Wish) -> None:
        self.wish = wish
        self.stopped = threading.Event()

    def is_in_vain_with(self, newer: Wish) -> bool:
        """Whether a newer wish of the same name makes the network's run for this one useless."""
        return newer.name == self.wish.name and _run_of(newer) != _run_of(self.wish)

    def report(self, done: int, total: int, message: str = "") -> None:
        """Nobody watches."""

    def check_cancelled(self) -> None:
        if self.stopped.is_set():
            raise JobCancelled

    def map(self, function: Function[Item, Result], items: Iterable[Item]) -> Iterator[Result]:
        return (function(item, self) for item in items)


def _run_of(wish: Wish) -> tuple[LivePlane, str, int]:
    return wish.plane, wish.params.weights, wish.params.image_downsampling


def _planes(room: Room) -> LivePlanes:
    planes = room.setdefault(ROOM_KEY, LivePlanes())
    if not isinstance(planes, LivePlanes):
        raise TypeError(ROOM_KEY)
    return planes
