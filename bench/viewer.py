"""Milliseconds from asking for another plane, a pan or a zoom until it is painted, offscreen."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench import Row
from empanada_desktop.core.geometry import Axis, Spacing

if TYPE_CHECKING:
    from empanada_desktop.core.geometry import Box
    from empanada_desktop.document.sources import PlaneSource, VolumeSource
    from empanada_desktop.gui.viewer.composing import DrawnLabels

TITLE = "Looking at planes"
SIDE = 2048
PANE = 900
DEPTH = 300
REPEATS = 60
STEPS = 90
PACE = 0.05
TIMEOUT = 30.0


def run() -> list[Row]:
    """Time plane changes, panning and zooming over labels in memory, then scrolling through files."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from empanada_desktop.gui.viewer.composing import backend

    application = QApplication.instance() or QApplication([])
    backend.warm_up().join()
    rows = [*_memory_rows()]
    with tempfile.TemporaryDirectory() as folder:
        rows += _scroll_rows(Path(folder))
    del application
    return rows


def _texture(depth: int) -> NDArray[np.uint8]:
    """Smooth grey blobs with noise: as hard to compress as electron micrographs, roughly."""
    random = np.random.default_rng(1)
    coarse = random.integers(40, 200, (depth // 8 + 2, SIDE // 16 + 1, SIDE // 16 + 1)).astype(np.uint8)
    noise = random.integers(0, 32, (SIDE, SIDE), dtype=np.uint8)
    volume = np.empty((depth, SIDE, SIDE), np.uint8)
    for z in range(depth):
        blobs = np.kron(coarse[z // 8], np.ones((16, 16), np.uint8))[:SIDE, :SIDE]
        np.add(blobs, np.roll(noise, (37 * z, 101 * z), (0, 1)), out=volume[z])
    return volume


def _objects(depth: int) -> NDArray[np.uint32]:
    """About 2,000 objects a plane, uint32."""
    z, y, x = np.ogrid[:depth, :SIDE, :SIDE]
    cells = (y // 45) * 46 + x // 45 + 1
    inside = (y % 45 - 22) ** 2 + (x % 45 - 22) ** 2 < 300 + 20 * np.sin(z)
    objects: NDArray[np.uint32] = (cells * inside).astype(np.uint32)
    return objects


class _Pane:
    """A plane canvas of PANE × PANE pixels that is driven and waited for."""

    def __init__(self, axis: Axis, layers: list[Any], shape: tuple[int, int, int], zoom: float) -> None:
        from PySide6.QtWidgets import QApplication

        from empanada_desktop.gui.viewer.canvas import Look, PlaneCanvas
        from empanada_desktop.gui.viewer.loader import TileLoader

        self.process_events = QApplication.processEvents
        self.loader = TileLoader()
        self.canvas = PlaneCanvas(axis, self.loader)
        self.canvas.resize(PANE, PANE)
        self.canvas.show()
        self.canvas.set_volume(shape, Spacing(10, 10, 10))
        self.canvas.set_layers(layers)
        z, y, x = (length / 2 for length in shape)
        self.look = Look((z, y, x), zoom)
        self.canvas.set_look(self.look)

    def finish(self) -> None:
        """Wait until everything is there, read ahead and painted."""
        self.until(lambda: self.canvas.is_complete and self.loader.is_idle())

    def until(self, is_done: Callable[[], bool]) -> float:
        """Let events run until something is so; returns the seconds."""
        started = time.perf_counter()
        self.process_events()
        while not is_done() and time.perf_counter() - started < TIMEOUT:
            self.process_events()
            if not is_done():
                time.sleep(0.001)
        return time.perf_counter() - started

    def show_plane(self, plane: int) -> float:
        """Seconds until a plane is painted with all its voxels."""
        started = time.perf_counter()
        self.canvas.set_plane(plane)
        painted = self.frame()
        if not self.canvas.is_complete:
            self.until(lambda: self.canvas.painted_plane == plane)
            painted = time.perf_counter() - started
        return painted

    def frame(self) -> float:
        """Seconds that one painting takes."""
        started = time.perf_counter()
        self.canvas.repaint()
        return time.perf_counter() - started


@contextmanager
def _pane(axis: Axis, layers: list[Any], shape: tuple[int, int, int], zoom: float) -> Iterator[_Pane]:
    pane = _Pane(axis, layers, shape, zoom)
    pane.finish()
    try:
        yield pane
    finally:
        pane.loader.close()
        pane.canvas.close()


def _layers(image: "PlaneSource", labels: "PlaneSource | None" = None) -> list[Any]:
    from empanada_desktop.document.colours import palette
    from empanada_desktop.gui.viewer.composing import DrawnImage, DrawnLabels
    from empanada_desktop.gui.viewer.drawn_layers import packed

    layers: list[Any] = [DrawnImage(1, image, (0.0, 255.0))]
    if labels is not None:
        layers.append(DrawnLabels(2, labels, np.zeros(0, np.uint8), 0, packed(palette())))
    return layers


def _memory_rows() -> list[Row]:
    from empanada_desktop.document.sources import ArraySource

    depth = 24
    shape = (depth, SIDE, SIDE)
    layers = _layers(ArraySource(_texture(depth)), ArraySource(_objects(depth)))
    rows = []
    for zoom, name in ((PANE / SIDE, "whole plane seen"), (1.0, "100 %"), (2.0, "200 %")):
        note = f"{SIDE}² uint8 under uint32 labels, pane {PANE}², {name}, median"
        with _pane(Axis.XY, layers, shape, zoom) as pane:
            rows.append(_row("plane change", _plane_changes(pane, depth), note))
            rows.append(_row("pan", _pans(pane), note))
            rows.append(_row("zoom step", _zooms(pane), note))
            pane.canvas.set_look(pane.look)
            pane.finish()
            rows.append(Row("one dab of a brush, r = 20", 1000 * _median(_dabs(pane, layers[1])), "ms", note))
    return rows


def _dabs(pane: _Pane, layer: "DrawnLabels") -> Iterator[float]:
    """Seconds from a dab of 41 pixels in the labels until it is painted, reading again in a thread included."""
    from empanada_desktop.core.geometry import Box

    for number in range(REPEATS):
        top, left = 1000 + 3 * number % 100, 1000 + 7 * number % 100
        box = Box((pane.canvas.plane, top, left), (pane.canvas.plane + 1, top + 41, left + 41))
        layer.source[box.slices] = number + 1  # type: ignore[index]
        yield _refreshed(pane, layer, box)


def _refreshed(pane: _Pane, layer: "DrawnLabels", box: "Box") -> float:
    from empanada_desktop.gui.viewer.loader import Request
    from empanada_desktop.gui.viewer.tiles import TileGrid

    grid = TileGrid.of(layer.source, 0, Axis.XY)
    keys = list(pane.loader.cache.touching(layer.number, box, lambda key: grid))
    heard: list[object] = []
    pane.loader.refreshed.connect(lambda *what: heard.append(what))
    started = time.perf_counter()
    pane.loader.refresh([Request(key, grid, layer.source, True) for key in keys], box)
    pane.until(lambda: len(heard) >= len(keys))
    pane.process_events()
    return time.perf_counter() - started


def _plane_changes(pane: _Pane, depth: int) -> Iterator[float]:
    for number in range(REPEATS):
        plane = number % (2 * depth - 2)
        yield pane.show_plane(plane if plane < depth else 2 * depth - 2 - plane)
        pane.finish()


def _pans(pane: _Pane) -> Iterator[float]:
    from empanada_desktop.gui.viewer.canvas import Look

    z, y, x = pane.look.centre
    for number in range(REPEATS):
        started = time.perf_counter()
        pane.canvas.set_look(Look((z, y + 40 * np.sin(number / 9), x + 40 * np.cos(number / 9)), pane.look.zoom))
        pane.canvas.repaint()
        yield time.perf_counter() - started


def _zooms(pane: _Pane) -> Iterator[float]:
    from empanada_desktop.gui.viewer.canvas import Look

    for number in range(REPEATS):
        started = time.perf_counter()
        pane.canvas.set_look(Look(pane.look.centre, pane.look.zoom * 1.02 ** (number % 20)))
        pane.canvas.repaint()
        yield time.perf_counter() - started


def _row(name: str, frames: Iterator[float], note: str) -> Row:
    """The median of frames, and the median processor time of the window's thread, which other programs disturb less."""
    taken, computed = [], []
    began = time.thread_time()
    for frame in frames:
        taken.append(frame)
        computed.append(time.thread_time() - began)
        began = time.thread_time()
    return Row(
        name, 1000 * statistics.median(taken), "ms", f"{note}; {1000 * statistics.median(computed):.1f} ms computed"
    )


def _median(seconds: Iterator[float]) -> float:
    return statistics.median(seconds)


def _scroll_rows(folder: Path) -> list[Row]:
    rows = []
    for name, source in _files(folder):
        for axis in Axis:
            taken, longest = _scrolled(source, axis)
            note = f"{DEPTH} × {SIDE}² uint8, pane {PANE}², whole plane seen, a step every {PACE * 1000:.0f} ms"
            rows.append(
                Row(
                    f"scrolling {axis} of {name}: step to right picture",
                    1000 * statistics.median(taken),
                    "ms",
                    f"{note}, median; worst {1000 * max(taken):.0f} ms",
                )
            )
            rows.append(Row(f"scrolling {axis} of {name}: longest event", 1000 * longest, "ms", note))
        source.close()
    return rows


def _files(folder: Path) -> Iterator[tuple[str, "VolumeSource"]]:
    import tifffile
    import zarr

    from empanada_desktop.document.sources import open_source
    from empanada_desktop.io.volumes import VolumeRef

    volume = _texture(DEPTH)
    tifffile.imwrite(folder / "raw.tif", volume, bigtiff=True)
    array = zarr.create_array(str(folder / "chunks.zarr"), shape=volume.shape, chunks=(64, 64, 64), dtype=np.uint8)
    array[:] = volume
    del volume
    yield "an uncompressed TIFF", open_source(VolumeRef(str(folder / "raw.tif")))
    yield "zarr with chunks of 64³", open_source(VolumeRef(str(folder / "chunks.zarr")))


def _scrolled(source: "VolumeSource", axis: Axis) -> tuple[list[float], float]:
    """Seconds from each step to its painting, and the longest time that one round of events took."""
    zoom = PANE / max(source.shape[1:])
    first = (source.shape[axis.normal] - STEPS) // 2
    taken, longest = [], 0.0
    with _pane(axis, _layers(source), source.shape, zoom) as pane:
        pane.canvas.set_plane(first)
        pane.until(lambda: pane.canvas.is_complete)
        for plane in range(first + 1, first + STEPS):
            started = time.perf_counter()
            pane.canvas.set_plane(plane)
            arrived = None
            while (now := time.perf_counter() - started) < PACE or (arrived is None and now < TIMEOUT):
                began = time.perf_counter()
                pane.process_events()
                longest = max(longest, time.perf_counter() - began)
                if arrived is None and pane.canvas.painted_plane == plane:
                    arrived = time.perf_counter() - started
                time.sleep(0.001)
            taken.append(arrived or TIMEOUT)
    return taken, longest
