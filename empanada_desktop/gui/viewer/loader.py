"""Reads tiles in threads of its own: first what views show, then what they will show next; tells when one is there."""

import os
import threading
from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from empanada_desktop.core.geometry import Box
from empanada_desktop.document.sources import PlaneSource, intersection
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


@dataclass(frozen=True)
class Request:
    """A tile to read, and where from."""

    key: TileKey
    grid: TileGrid
    source: PlaneSource
    is_labels: bool


@dataclass(eq=False)
class _Reading:
    """A tile, or a part of one, that a thread reads; and what changed in it meanwhile."""

    request: Request
    part: Box
    changes: list[tuple[PlaneSource, Box]] = field(default_factory=list)


class TileLoader(QObject):
    """Threads that fill a cache of tiles. Every viewer names its wishes anew; what it no longer wants is not read."""

    arrived = Signal()
    refreshed = Signal(object, object)
    """A Request whose tile was read again in part, and the Box of its level's samples that changed."""
    shown = Signal(int, object)
    """A layer's number, and the Box of voxels (level 0) that were put into its tiles without reading."""
    failed = Signal(str)

    def __init__(self, cache: TileCache | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.cache = TileCache() if cache is None else cache
        self._wanted: dict[Hashable, deque[Request]] = {}
        self._ahead: dict[Hashable, deque[Request]] = {}
        self._in_use: dict[Hashable, set[TileKey]] = {}
        self._readings: list[_Reading] = []
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

    def note_change(self, layer: int, source: PlaneSource, box: Box) -> None:
        """A box (level 0) of a layer changed: what is being read of it just now is read again, from `source`."""
        with self._lock:
            self._note(layer, source, box)

    def put(self, layer: int, source: PlaneSource, keys: Iterable[TileKey], box: Box, values: NDArray[Any]) -> None:
        """Put the voxels of a box of labels (level 0) into those tiles that are there, at once and without reading."""
        with self._lock:
            self._note(layer, source, box)
            for key in keys:
                tile = self.cache.peek(key)
                if tile is not None:
                    put_voxels(tile, TileGrid.of(source, key.level, key.axis), key, box, values)
        self.shown.emit(layer, box)

    def _note(self, layer: int, source: PlaneSource, box: Box) -> None:
        for reading in self._readings:
            request = reading.request
            if request.key.layer == layer and request.grid.touches(request.key, box):
                reading.changes.append((source, box))

    def is_idle(self) -> bool:
        """True when nothing is wanted or being read."""
        with self._lock:
            queues = [*self._wanted.values(), *self._ahead.values()]
            return not (self._readings or self._changed or any(queues))

    def forget(self, viewer: Hashable) -> None:
        """Drop the wishes of a viewer that is gone."""
        with self._lock:
            self._in_use.pop(viewer, None)
            self._wanted.pop(viewer, None)
            self._ahead.pop(viewer, None)

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
            reading = self._next()
            if reading is None:
                return
            try:
                self._read(reading)
            except (AppError, OSError, EOFError, ValueError, RuntimeError) as error:
                self._report(reading.request, error)
            finally:
                with self._lock:
                    self._readings.remove(reading)
            self._announce()

    def _next(self) -> _Reading | None:
        """Wait for the most urgent thing to do; None when closed."""
        with self._lock:
            while not self._closed:
                reading = self._changed_part() or self._missing_tile()
                if reading is not None:
                    self._readings.append(reading)
                    return reading
                self._lock.wait()
            return None

    def _changed_part(self) -> _Reading | None:
        while self._changed:
            request, box = self._changed.pop(0)
            part = box_in_tile(request.grid, request.key, box)
            if part is not None:
                return _Reading(request, part)
        return None

    def _missing_tile(self) -> _Reading | None:
        for queues in (self._wanted, self._ahead):
            request = self._first(queues)
            if request is not None:
                return _Reading(request, tile_box(request.grid, request.key))
        return None

    def _first(self, queues: dict[Hashable, deque[Request]]) -> Request | None:
        """Take the first tile that is not there yet, viewers taking turns."""
        under_way = {reading.request.key for reading in self._readings}
        for viewer in list(queues):
            queue = queues[viewer]
            while queue:
                request = queue.popleft()
                if request.key in under_way or request.key in self._broken or request.key in self.cache:
                    continue
                queues[viewer] = queues.pop(viewer)
                return request
        return None

    def _read(self, reading: _Reading) -> None:
        """Read, and read again what changed meanwhile, until nothing did."""
        request, part = reading.request, reading.part
        voxels = displayable(read_displayed(request.source, request.grid, part), request.is_labels)
        while not self._keep(reading, voxels):
            with self._lock:
                changes, reading.changes = reading.changes, []
            for source, box in changes:
                changed = box_in_tile(request.grid, request.key, box)
                common = None if changed is None else intersection(changed, part)
                if common is not None:
                    fresh = displayable(read_displayed(source, request.grid, common), request.is_labels)
                    voxels[place_in_tile(request.grid, part, common)] = fresh

    def _keep(self, reading: _Reading, voxels: NDArray[Any]) -> bool:
        """Keep what was read unless something of it changed meanwhile; returns whether it is kept."""
        request = reading.request
        whole = tile_box(request.grid, request.key)
        with self._lock:
            if reading.changes:
                return False
            tile = self.cache.peek(request.key)
            if reading.part == whole:
                self.cache.put(request.key, voxels)
            elif tile is not None:
                tile[place_in_tile(request.grid, whole, reading.part)] = voxels
        if tile is not None and not self._closed:
            self.refreshed.emit(request, reading.part)
        return True

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


def place_in_tile(grid: TileGrid, whole: Box, part: Box) -> tuple[slice, slice, slice]:
    """Where samples of a level lie in an array of the samples `whole`: planes, rows, columns as displayed."""
    planes, rows, columns = (
        slice(part.start[axis] - whole.start[axis], part.stop[axis] - whole.start[axis])
        for axis in (grid.axis.normal, *DISPLAYED[grid.axis])
    )
    return planes, rows, columns


def put_voxels(tile: NDArray[Any], grid: TileGrid, key: TileKey, box: Box, values: NDArray[Any]) -> None:
    """Put voxels of a box (level 0) into a tile; a sample of a coarser level is the first voxel that it spans."""
    whole, factor = tile_box(grid, key), grid.factor
    start = [max(first, -(-low // step)) for first, low, step in zip(whole.start, box.start, factor, strict=True)]
    stop = [min(last, -(-high // step)) for last, high, step in zip(whole.stop, box.stop, factor, strict=True)]
    if any(low >= high for low, high in zip(start, stop, strict=True)):
        return
    part = Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
    z, y, x = (
        slice(low * step - first, (high - 1) * step - first + 1, step)
        for low, high, step, first in zip(part.start, part.stop, factor, box.start, strict=True)
    )
    order = (grid.axis.normal, *DISPLAYED[grid.axis])
    tile[place_in_tile(grid, whole, part)] = values[z, y, x].transpose(order)


def displayable(tile: NDArray[Any], is_labels: bool) -> NDArray[Any]:
    """Return voxels in a type that the kernels draw: labels as uint32, images as uint8, uint16 or float32."""
    if is_labels:
        return tile.astype(np.uint32, copy=False)
    if tile.dtype == np.bool_:
        return tile.view(np.uint8)
    return tile if tile.dtype in IMAGE_TYPES else tile.astype(np.float32)
