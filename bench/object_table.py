"""The object table with 100,000 objects: counting, sorting, filtering, scrolling, selecting, and following an edit."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench import Row
from bench.event_loop import until

if TYPE_CHECKING:
    from empanada_desktop.gui.main_window import MainWindow
    from empanada_desktop.gui.objects.table import ObjectTable

TITLE = "The object table"
SIDE, CUBE, OBJECTS = 200, 4, 100_000
FRAMES, TIMES, ROWS_IN_SIGHT = 200, 7, 25
SIZE = (1680, 1400)


def run() -> list[Row]:
    """Measure in the real window, offscreen; the volume is the sample under 100,000 cubes of 4³ voxels."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory() as home:
        os.environ["EMPANADA_DESKTOP_HOME"] = home
        window = _window(Path(home))
        try:
            return [*_counting(), *_rows(window)]
        finally:
            window.close()


def labels() -> NDArray[np.uint32]:
    """The volume's labels."""
    place = np.arange(SIDE) // CUBE
    count = SIDE // CUBE
    ids = (place[:, None, None] * count + place[:, None]) * count + place + 1
    return np.where(ids <= OBJECTS, ids, 0).astype(np.uint32)


def _counting() -> list[Row]:
    from empanada_desktop.core.geometry import Box
    from empanada_desktop.core.objects import ObjectIndex

    voxels = labels()
    index = ObjectIndex.of(voxels)
    note = f"{SIDE}³ voxels, {OBJECTS:,} objects, one thread, processor time"
    whole = _median(lambda: ObjectIndex.of(voxels))
    part = _median(lambda: index.updated(voxels, [Box((90, 90, 90), (110, 110, 110))]))
    return [
        Row("counting all objects", whole, "ms", note),
        Row("counting again after an edit of 20³ voxels", part, "ms", note),
    ]


def _rows(window: "MainWindow") -> list[Row]:
    table = _table(window)
    view, model = table.view, table.model
    there = f"{view.rows_in_sight()} in sight, {len(table.shown_columns())} columns"
    note = f"{OBJECTS:,} rows, {there}, processor time"
    rows = []
    for name, step in (("three rows", 81), ("a page", view.verticalScrollBar().pageStep()), ("far", 1_234_567)):
        times = sorted(_scrolling(table, step))
        slowest = f"{note}, median of {FRAMES}; 99 %: {times[int(len(times) * 0.99)]:.0f} ms"
        rows.append(Row(f"scrolling by {name}, a frame", statistics.median(times), "ms", slowest))
    rows += [
        Row(f"sorting by {name}", _median(partial(model.sort, model.place_of(key))), "ms", note)
        for name, key in (("size", "voxels"), ("centre", "centre"), ("class", "class"))
    ]
    rows.append(Row("filter “z > 100 and voxels = 64”", _median(lambda: _filter(table)), "ms", note))
    rows.append(Row("selecting all, the views too", _median(lambda: _select_all(table)), "ms", note))
    edit = _median(lambda: _edit(table), time.perf_counter)
    rows.append(Row("an edit until the table shows it", edit, "ms", f"{OBJECTS:,} rows, {there}, elapsed"))
    return rows


def _median(deed: Callable[[], object], clock: Callable[[], float] = time.thread_time) -> float:
    """Milliseconds of processor time of this thread, or by another clock."""
    deed()
    times = []
    for _ in range(TIMES):
        began = clock()
        deed()
        times.append((clock() - began) * 1000)
    return statistics.median(times)


def _scrolling(table: "ObjectTable", step: int) -> list[float]:
    """Milliseconds of the window's thread for a step of the scroll bar, in pixels, and the rows painted after it."""
    bar, port = table.view.verticalScrollBar(), table.view.viewport()
    times = []
    for _ in range(FRAMES):
        began = time.thread_time()
        bar.setValue((bar.value() + step) % bar.maximum())
        port.repaint()
        times.append((time.thread_time() - began) * 1000)
    return times


def _filter(table: "ObjectTable") -> None:
    table.model.set_filter("z > 100 and voxels = 64")
    table.view.viewport().repaint()
    table.model.set_filter("")


def _select_all(table: "ObjectTable") -> None:
    from PySide6.QtWidgets import QApplication

    table.view.select_all_shown()
    QApplication.processEvents()
    layer = table.desk.layer
    if layer is None or len(layer.selected) != OBJECTS:
        raise RuntimeError("not everything is selected")
    table.desk.document.select(layer, ())


def _edit(table: "ObjectTable") -> None:
    from empanada_desktop.core.edits import RegionEdit
    from empanada_desktop.core.geometry import Box

    layer = table.desk.layer
    if layer is None:
        raise RuntimeError("there is no layer")
    box = Box((8, 8, 8), (12, 12, 12))
    before = np.asarray(layer.source[box.slices])
    after = np.where(before == before.max(), 0, before.max()).astype(before.dtype)
    table.desk.document.edit_voxels(layer, "Bench", RegionEdit.between(box, before, after))
    until(lambda: table.desk.is_current)


def _window(home: Path) -> "MainWindow":
    import tifffile

    from empanada_desktop.document import LabelsLayer, open_source
    from empanada_desktop.gui.app import make_application, open_window
    from empanada_desktop.gui.opening import sample_path
    from empanada_desktop.io.volumes import VolumeRef

    make_application()
    window = open_window(str(sample_path()))
    window.resize(*SIZE)
    until(lambda: window.workspace is not None and bool(window.workspace.document.layers))
    tifffile.imwrite(home / "many.tif", labels(), metadata={"axes": "ZYX"})
    if window.workspace is None:
        raise RuntimeError("nothing is open")
    source = open_source(VolumeRef(str(home / "many.tif")))
    window.workspace.document.add_layer(LabelsLayer(title="many", source=source, class_names={0: "cube"}))
    return window


def _table(window: "MainWindow") -> "ObjectTable":
    from empanada_desktop.gui.objects.table import ObjectTable

    window.choose_tab("measure")
    workspace = window.workspace
    table = None if workspace is None else workspace.rooms["measure"].bottom
    if workspace is None or not isinstance(table, ObjectTable):
        raise RuntimeError("there is no table")
    until(lambda: table.desk.is_current and workspace.grid.is_complete)
    _heighten(table)
    return table


def _heighten(table: "ObjectTable") -> None:
    """Move the border between views and table so that as many rows as on a whole screen are in sight."""
    from PySide6.QtWidgets import QSplitter

    parent = table.parentWidget()
    while parent is not None and not isinstance(parent, QSplitter):
        parent = parent.parentWidget()
    if not isinstance(parent, QSplitter):
        raise RuntimeError("the table cannot be made higher")
    parent.setSizes([300, ROWS_IN_SIGHT * 27 + 80])
    until(lambda: table.view.viewport().visibleRegion().boundingRect().height() >= (ROWS_IN_SIGHT - 2) * 27)
