"""Reads tiles in threads of its own: first what views show, then what they will show next; tells when one is there."""

import os
import threading
from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from empanada_desktop.core.geometry import Box
from empanada_desktop.document.sources import PlaneSource
from empanada_desktop.errors import AppError
from empanada_desktop.gui.viewer.camera import DISPLAYED
from empanada_desktop.gui.viewer.tiles import (
    TileCache,
    TileGrid,
    TileKey,
    box_in_tile,
    read_displayed,
    tile_box,
)

IMAGE_TYPES = (np.uint8, np.uint16, np.float32)
MOST_THREADS = 4
REREADS = 3


@dataclass(frozen=True)
class Request:
    """A tile to read, and where from."""

    key: TileKey
    grid: TileGrid
    source: PlaneSource
    is_labels: bool


class TileLoader(QObject):
    """Threads that fill a cache of tiles. Every viewer names its wishes anew; what it no longer wants is not read."""

    arrived = Signal()
    refreshed = Signal(object, object)
    """A Request whose tile was read again in part, and the Box of its level's samples that changed."""
    failed = Signal(str)

    def __init__(self, cache: TileCache | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.cache = cache or TileCache()
        self._wanted: dict[Hashable, deque[Request]] = {}
        self._ahead: dict[Hashable, deque[Request]] = {}
        self._in_use: dict[Hashable, set[TileKey]] = {}
        self._reading: set[TileKey] = set()
        self._broken: set[TileKey] = set()
        self._changed: list[tuple[Request, Box]] = []
        self._signalled = False
        self._closed = False
        self._lock = threading.Condition()
        self._threads = [
            threading.Thread(target=self._run, name=f"tile reader {number}", daemon=True)
            for number in range(max(2, min(MOST_THREADS, (os.cpu_count() or 2) - 1)))
        ]
        for thread in self._threads:
            thread.start()

    def want(self, viewer: Hashable, now: Iterable[Request], ahead: Iterable[Request] = ()) -> None:
        """Replace the wishes of a viewer: tiles that it shows, most urgent first, and those it may show next."""
        now, ahead = list(now), list(ahead)
        keys = {request.key for request in (*now, *ahead)}
        missing = self.cache.missing(keys)
        with self._lock:
            self._in_use[viewer] = keys
            self._wanted[viewer] = deque(request for request in now if request.key in missing)
            self._ahead[viewer] = deque(request for request in ahead if request.key in missing)
            if missing:
                self._lock.notify_all()

    def refresh(self, requests: Iterable[Request], box: Box) -> None:
        """Read again what a box of changed voxels (level 0) touches of cached tiles; the old shows until then.

        Tiles that no viewer shows or may show next are forgotten instead.
        """
        requests = list(requests)
        with self._lock:
            used = set().union(*self._in_use.values())
            self._changed.extend((request, box) for request in requests if request.key in used)
            self._lock.notify_all()
        self.cache.drop(request.key for request in requests if request.key not in used)

    def is_idle(self) -> bool:
        """True when nothing is wanted or being read."""
        with self._lock:
            queues = [*self._wanted.values(), *self._ahead.values()]
            return not (self._reading or self._changed or any(queues))

    def forget(self, viewer: Hashable) -> None:
        """Drop the wishes of a viewer that is gone."""
        with self._lock:
            self._in_use.pop(viewer, None)
            self._wanted.pop(viewer, None)
            self._ahead.pop(viewer, None)

    def forget_failures(self) -> None:
        """Try again what could not be read."""
        with self._lock:
            self._broken.clear()

    def acknowledge(self) -> None:
        """Called when the news of arrived tiles has been heard: the next one is told again."""
        with self._lock:
            self._signalled = False

    def close(self) -> None:
        """End the threads; waits for what is being read."""
        with self._lock:
            self._closed = True
            self._lock.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while True:
            task = self._next()
            if task is None:
                return
            request, box = task
            try:
                self._reread(request, box) if box else self._read(request)
            except (AppError, OSError, EOFError, ValueError, RuntimeError) as error:
                self._report(request, error)
            finally:
                with self._lock:
                    self._reading.discard(request.key)
            self._announce()

    def _next(self) -> tuple[Request, Box | None] | None:
        """Wait for the most urgent thing to do; None when closed."""
        with self._lock:
            while not self._closed:
                if self._changed:
                    return self._changed.pop(0)
                for queues in (self._wanted, self._ahead):
                    request = self._first(queues)
                    if request is not None:
                        self._reading.add(request.key)
                        return request, None
                self._lock.wait()
            return None

    def _first(self, queues: dict[Hashable, deque[Request]]) -> Request | None:
        """Take the first tile that is not there yet, viewers taking turns."""
        for viewer in list(queues):
            queue = queues[viewer]
            while queue:
                request = queue.popleft()
                if request.key in self._reading or request.key in self._broken or request.key in self.cache:
                    continue
                queues[viewer] = queues.pop(viewer)
                return request
        return None

    def _read(self, request: Request) -> None:
        """Read a tile, and once more if its voxels changed meanwhile."""
        for _ in range(REREADS):
            version = request.source.version
            tile = read_displayed(request.source, request.grid, tile_box(request.grid, request.key))
            self.cache.put(request.key, displayable(tile, request.is_labels))
            if request.source.version == version:
                return

    def _reread(self, request: Request, box: Box) -> None:
        tile = self.cache.get(request.key)
        part = box_in_tile(request.grid, request.key, box)
        if tile is None or part is None:
            return
        fresh = displayable(read_displayed(request.source, request.grid, part), request.is_labels)
        tile[place_in_tile(request.grid, request.key, part)] = fresh
        if not self._closed:
            self.refreshed.emit(request, part)

    def _report(self, request: Request, error: Exception) -> None:
        with self._lock:
            self._broken.add(request.key)
        self.failed.emit(str(error))

    def _announce(self) -> None:
        with self._lock:
            if self._signalled or self._closed:
                return
            self._signalled = True
        self.arrived.emit()


def place_in_tile(grid: TileGrid, key: TileKey, part: Box) -> tuple[slice, slice, slice]:
    """Where samples of a level lie in a tile's array: planes, rows, columns as displayed."""
    whole = tile_box(grid, key)
    planes, rows, columns = (
        slice(part.start[axis] - whole.start[axis], part.stop[axis] - whole.start[axis])
        for axis in (grid.axis.normal, *DISPLAYED[grid.axis])
    )
    return planes, rows, columns


def displayable(tile: NDArray[Any], is_labels: bool) -> NDArray[Any]:
    """Return voxels in a type that the kernels draw: labels as uint32, images as uint8, uint16 or float32."""
    if is_labels:
        return tile.astype(np.uint32, copy=False)
    if tile.dtype == np.bool_:
        return tile.view(np.uint8)
    return tile if tile.dtype in IMAGE_TYPES else tile.astype(np.float32)
