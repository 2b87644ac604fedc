"""How alive the window stays while an edit of a whole volume is made, undone and redone."""

import os
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench import Row
from bench.event_loop import draw_offscreen_without_display, until

if TYPE_CHECKING:
    from empanada_desktop.core.edits import ArrayEdit
    from empanada_desktop.document import LabelsLayer
    from empanada_desktop.gui.main_window import MainWindow
    from empanada_desktop.gui.workspace import Workspace

TITLE = "Edits of a whole volume"
SIDE, CELL = 256, 32
TICK_MS = 5
ROUNDS = 3


def run() -> list[Row]:
    """Change every voxel of 256³ labels, and merge a third of the objects, with the proofreading room open."""
    draw_offscreen_without_display()
    with tempfile.TemporaryDirectory() as home:
        os.environ["EMPANADA_DESKTOP_HOME"] = home
        return _rows(Path(home))


def _rows(folder: Path) -> list[Row]:
    from empanada_desktop.gui.app import make_application

    application = make_application()
    window, layer = _opened(folder)
    rows: list[Row] = []
    for name, parts in (("filter of everything", _filtered), ("merge of a third", _merged)):
        for _ in range(ROUNDS):
            rows += _deed(window, layer, name, parts(layer))
    window.close()
    application.processEvents()
    return _worst(rows)


def _deed(window: "MainWindow", layer: "LabelsLayer", name: str, parts: "tuple[ArrayEdit, ...]") -> list[Row]:
    workspace = _workspace(window)
    steps: dict[str, Callable[[Callable[[object], object]], object]] = {
        "made": lambda then: workspace.edits.edit_voxels(layer, name, *parts, then=then),
        "undone": workspace.edits.undo,
        "redone": workspace.edits.redo,
    }
    rows = []
    for step, deed in (*steps.items(), ("undone", workspace.edits.undo)):
        pulse = Pulse()
        seconds = pulse.during(deed)
        note = f"{SIDE}³, proofreading room open, worst of {ROUNDS}, ticks of {TICK_MS} ms"
        rows += [
            Row(f"{name}, {step}: longest gap of the event loop", pulse.worst * 1000, "ms", note),
            Row(f"{name}, {step}: longest gap without waiting for a core", pulse.worst_own * 1000, "ms", note),
            Row(f"{name}, {step}: most that the window's thread computed", pulse.worst_computed * 1000, "ms", note),
            Row(f"{name}, {step}: until it stands", seconds, "s", note),
        ]
    return rows


class Pulse:
    """Ticks of the event loop while something is done, and for a moment after it."""

    def __init__(self) -> None:
        self._ticks: list[tuple[float, float, float]] = []

    def during(self, deed: Callable[[Callable[[object], object]], object]) -> float:
        """Do it; returns the seconds until it stood."""
        from PySide6.QtCore import QEventLoop, Qt, QTimer

        loop, timer = QEventLoop(), QTimer(timerType=Qt.TimerType.PreciseTimer)
        stood: list[float] = []

        def then(_edit: object) -> None:
            stood.append(time.perf_counter())
            QTimer.singleShot(1500, loop.quit)

        timer.timeout.connect(lambda: self._ticks.append((time.perf_counter(), time.thread_time(), _waited())))
        timer.start(TICK_MS)
        began: list[float] = []

        def begin() -> None:
            began.append(time.perf_counter())
            deed(then)

        QTimer.singleShot(100, begin)
        loop.exec()
        timer.stop()
        return stood[0] - began[0]

    @property
    def worst(self) -> float:
        """Seconds between two ticks, at most."""
        return max(late[0] - early[0] for early, late in pairwise(self._ticks))

    @property
    def worst_own(self) -> float:
        """Seconds between two ticks without those in which the thread waited for a processor core, at most."""
        return max(late[0] - early[0] - (late[2] - early[2]) for early, late in pairwise(self._ticks))

    @property
    def worst_computed(self) -> float:
        """Seconds that the window's thread computed between two ticks, at most."""
        return max(late[1] - early[1] for early, late in pairwise(self._ticks))


def _waited() -> float:
    """Seconds for which this thread was ready to run and had no core; 0 where the system does not say."""
    path = Path("/proc/thread-self/schedstat")
    return int(path.read_text().split()[1]) / 1e9 if path.exists() else 0.0


def _worst(rows: list[Row]) -> list[Row]:
    worst: dict[str, Row] = {}
    for row in rows:
        if row.name not in worst or row.value > worst[row.name].value:
            worst[row.name] = row
    return list(worst.values())


def _opened(folder: Path) -> "tuple[MainWindow, LabelsLayer]":
    """The window with a volume and its labels, in the proofreading room, everything counted."""
    import tifffile

    from empanada_desktop.gui.app import open_window
    from empanada_desktop.gui.objects.desk import ObjectsDesk

    grey = np.random.default_rng(0).integers(60, 200, (SIDE,) * 3).astype(np.uint8)
    tifffile.imwrite(folder / "grey.tif", grey, imagej=True, metadata={"axes": "ZYX"})
    window = open_window(str(folder / "grey.tif"))
    until(lambda: window.workspace is not None and window.workspace.document.layers)
    workspace = _workspace(window)
    layer = workspace.document.new_labels("mito")
    layer.source[:, :, :] = _objects()  # type: ignore[index]
    window.choose_tab("proofread")
    desk = ObjectsDesk.of(workspace)
    until(lambda: desk.index is not None and len(desk.index) and desk.is_current)
    return window, layer


def _workspace(window: "MainWindow") -> "Workspace":
    if window.workspace is None:
        raise RuntimeError("nothing is open")
    return window.workspace


def _objects() -> NDArray[np.uint32]:
    """Balls of all sizes in a grid, 512 of them, on a background of 0."""
    places = np.indices((SIDE,) * 3)
    centre = (places // CELL * CELL + CELL // 2 - places).astype(np.float32)
    number = 1 + (places[0] // CELL * (SIDE // CELL) + places[1] // CELL) * (SIDE // CELL) + places[2] // CELL
    radius = 9 + number % 7
    return np.where((centre**2).sum(0) < radius**2, number, 0).astype(np.uint32)


def _filtered(layer: "LabelsLayer") -> "tuple[ArrayEdit, ...]":
    """What a filter that touches every voxel comes to, block by block."""
    from empanada_desktop.core.edits import RegionEdit, box_blocks
    from empanada_desktop.document.sources import whole_box

    found = []
    for box in box_blocks(whole_box(layer.shape)):
        before: NDArray[Any] = layer.source[box.slices]
        found.append(RegionEdit.between(box, before, before + 1000))
    return tuple(found)


def _merged(layer: "LabelsLayer") -> "tuple[ArrayEdit, ...]":
    from empanada_desktop.core.edits import relabel
    from empanada_desktop.document.sources import whole_box

    return relabel(layer.source, whole_box(layer.shape), {number: number + 1 for number in range(1, 510, 3)})
