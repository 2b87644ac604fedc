"""Milliseconds that painting takes, with real mouse events on the views of a document, offscreen."""

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
    from PySide6.QtCore import QEvent

    from empanada_desktop.document import Document, LabelsLayer
    from empanada_desktop.gui.viewer.toolbox import Toolbox
    from empanada_desktop.gui.viewer.view_grid import ViewGrid

TITLE = "Painting"
DEPTH = 64
PANE = 900
DIAMETER = 40
STROKES, MOVES = 6, 30
TIMEOUT = 60.0
SPACING = Spacing(10, 10, 10, "bench")


def run() -> list[Row]:
    """Paint with disc and ball on planes of 2048² and 6000², on new labels and over labels in a file."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from empanada_desktop.core.paint_masks import backend as masks
    from empanada_desktop.gui.viewer.composing import backend as composing

    application = QApplication.instance() or QApplication([])
    composing.warm_up().join()
    masks.warm_up()
    rows: list[Row] = []
    for side in (2048, 6000):
        rows += _rows(side, "new labels", None)
    with tempfile.TemporaryDirectory() as folder:
        rows += _rows(2048, "labels in a file", _file(Path(folder), 2048))
    del application
    return rows


def _rows(side: int, kind: str, path: Path | None) -> list[Row]:
    rows = []
    with _studio(side, path) as studio:
        for zoom, seen in ((1.0, "100 %"), (PANE / side, "whole plane seen")):
            for axis in (Axis.XY, Axis.XZ):
                note = f"{side}² × {DEPTH}, {kind}, {axis}, {seen}, radius {DIAMETER // 2}"
                rows += _strokes(studio, axis, zoom, note, is_ball=False)
            note = f"{side}² × {DEPTH}, {kind}, xy, {seen}, radius {DIAMETER // 2}"
            rows += _strokes(studio, Axis.XY, zoom, note, is_ball=True)
    return rows


def _strokes(studio: "_Studio", axis: Axis, zoom: float, note: str, is_ball: bool) -> list[Row]:
    """Draw strokes: each move is timed until its call returns and until it is painted; then the end of the stroke."""
    studio.toolbox.painter.change(size=DIAMETER, is_ball=is_ball)
    studio.look(zoom)
    dabs, lags, commits, dabbed, computed, ended = [], [], [], [], [], []
    for number in range(STROKES):
        spots = _spots(studio, axis, number)
        studio.press(axis, spots[0])
        for spot in spots[1:]:
            began = time.thread_time()
            dab, own, lag = studio.move(axis, spot)
            dabs.append(dab)
            dabbed.append(own)
            lags.append(lag)
            computed.append(time.thread_time() - began)
        began = time.thread_time()
        commits.append(studio.release(axis, spots[-1]))
        ended.append(time.thread_time() - began)
    brush = "ball" if is_ball else "disc"
    return [
        _row(f"{brush}: dab", dabs, note, dabbed),
        _row(f"{brush}: mouse event to painted pixels", lags, note, computed),
        _row(f"{brush}: end of a stroke of {MOVES} dabs", commits, note, ended),
    ]


def _row(name: str, seconds: list[float], note: str, computed: list[float] | None = None) -> Row:
    """The median; also of the processor time of the window's thread, which other programs disturb less."""
    words = f"median of {len(seconds)}, worst {1000 * max(seconds):.1f} ms"
    if computed is not None:
        words += f"; {1000 * statistics.median(computed):.1f} ms computed"
    return Row(name, 1000 * statistics.median(seconds), "ms", f"{note}; {words}")


def _spots(studio: "_Studio", axis: Axis, number: int) -> NDArray[np.float64]:
    """A wavy line of places (displayed row, column in pixels of the canvas), 12 pixels from one to the next."""
    from empanada_desktop.gui.viewer.camera import DISPLAYED

    canvas = studio.grid.canvas(axis)
    steps = np.arange(MOVES + 1)
    rows = studio.document.shape[DISPLAYED[axis][0]] * canvas.camera().scale[0]
    high = canvas.height() / 2 + (number - STROKES / 2) * min(50.0, rows / 10)
    return np.stack([high + 15 * np.sin(steps / 3), canvas.width() * 0.2 + 12.0 * steps], axis=1)


class _Studio:
    """Views of a document, a brush, and a mouse."""

    def __init__(self, document: "Document", grid: "ViewGrid", toolbox: "Toolbox") -> None:
        from PySide6.QtWidgets import QApplication

        self.document, self.grid, self.toolbox = document, grid, toolbox
        self._process_events = QApplication.processEvents
        self._painted = 0
        for axis in Axis:
            self._count_paintings(grid.canvas(axis))

    def _count_paintings(self, canvas: Any) -> None:  # noqa: ANN401 - a canvas with another paintEvent
        paint = canvas.paintEvent

        def counting(event: object) -> None:
            paint(event)
            self._painted += 1

        canvas.paintEvent = counting

    def look(self, zoom: float) -> None:
        """Show the middle of the volume at a zoom, and wait until everything is there."""
        z, y, x = (length / 2 for length in self.document.shape)
        self.document.change_view(zoom=zoom, centre=(z, y, x))
        self.until(lambda: self.grid.is_complete)

    def press(self, axis: Axis, spot: NDArray[np.float64]) -> None:
        """The mouse comes, and its button goes down."""
        from PySide6.QtCore import QEvent

        self._send(axis, QEvent.Type.MouseMove, spot, held=False)
        self.until(lambda: not self.toolbox.painter.is_painting)
        self._send(axis, QEvent.Type.MouseButtonPress, spot, held=True)
        self.until(lambda: not self.toolbox.painter.waiting)

    def move(self, axis: Axis, spot: NDArray[np.float64]) -> tuple[float, float, float]:
        """Move on; returns the seconds until the call is back, those that it computed, and until it is painted."""
        from PySide6.QtCore import QEvent

        before, started, began = self._painted, time.perf_counter(), time.thread_time()
        self._send(axis, QEvent.Type.MouseMove, spot, held=True)
        own, dab = time.thread_time() - began, time.perf_counter() - started
        self.until(lambda: self._painted > before and not self.toolbox.painter.waiting, pause=0)
        lag = time.perf_counter() - started
        self._process_events()
        return dab, own, lag

    def release(self, axis: Axis, spot: NDArray[np.float64]) -> float:
        """Let the button come up; returns the seconds that this takes."""
        from PySide6.QtCore import QEvent

        started = time.perf_counter()
        self._send(axis, QEvent.Type.MouseButtonRelease, spot, held=False)
        taken = time.perf_counter() - started
        self.until(lambda: not self.toolbox.painter.is_painting)
        return taken

    def until(self, is_done: Callable[[], bool], pause: float = 0.001) -> None:
        """Let events run until something is so."""
        started = time.perf_counter()
        self._process_events()
        while not is_done():
            if time.perf_counter() - started > TIMEOUT:
                raise TimeoutError("the views did not get ready")
            time.sleep(pause)
            self._process_events()

    def _send(self, axis: Axis, kind: "QEvent.Type", spot: NDArray[np.float64], held: bool) -> None:
        from PySide6.QtCore import QEvent, QPointF, Qt
        from PySide6.QtGui import QMouseEvent
        from PySide6.QtWidgets import QApplication

        canvas = self.grid.canvas(axis)
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        place = QPointF(float(spot[1]), float(spot[0]))
        button = none if kind == QEvent.Type.MouseMove else left
        keys = Qt.KeyboardModifier.NoModifier
        QApplication.sendEvent(
            canvas, QMouseEvent(kind, place, canvas.mapToGlobal(place), button, left if held else none, keys)
        )


@contextmanager
def _studio(side: int, path: Path | None) -> Iterator[_Studio]:
    from empanada_desktop.document import Document, ImageLayer
    from empanada_desktop.document.sources import ArraySource
    from empanada_desktop.gui.viewer.toolbox import Toolbox
    from empanada_desktop.gui.viewer.view_grid import ViewGrid

    document = Document()
    grid = ViewGrid(document, with_3d=False)
    grid.resize(2 * PANE + 8, 2 * (PANE + 32))
    grid.show()
    plane = np.random.default_rng(1).integers(40, 200, (side, side), dtype=np.uint8)
    image = ArraySource(np.broadcast_to(plane, (DEPTH, side, side)))
    document.add_layer(ImageLayer(title="image", source=image, spacing=SPACING))
    layer = _labels(document, path)
    document.change_layer(layer, active_id=7)
    document.change_view(crosshair=(DEPTH // 2, side // 2, side // 2))
    toolbox = Toolbox(grid)
    grid.set_canvas_tool(toolbox.tools["brush"])
    try:
        yield _Studio(document, grid, toolbox)
    finally:
        toolbox.close()
        grid.close()


def _labels(document: "Document", path: Path | None) -> "LabelsLayer":
    from empanada_desktop.document import LabelsLayer, open_source
    from empanada_desktop.io.volumes import VolumeRef

    if path is None:
        return document.new_labels("labels")
    layer = LabelsLayer(title="labels", source=open_source(VolumeRef(str(path), "labels/mito")), spacing=SPACING)
    document.add_layer(layer)
    return layer


def _file(folder: Path, side: int) -> Path:
    """A result with about 2,000 objects a plane, and its pyramid."""
    from empanada_desktop.io.ome_zarr import ResultStore

    path = folder / "labels.zarr"
    store = ResultStore.create(path, (DEPTH, side, side), SPACING, 64, {})
    y, x = np.ogrid[:side, :side]
    cells = (y // 45) * (side // 45 + 1) + x // 45 + 1000
    inside = (y % 45 - 22) ** 2 + (x % 45 - 22) ** 2 < 300
    store.label_array("labels/mito", 0, "mito", 1 << 20)[:] = np.broadcast_to(
        (cells * inside).astype(np.uint32), (DEPTH, side, side)
    )
    store.finish()
    return path
