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

if TYPE_CHECKING:
    from empanada_desktop.gui.main_window import MainWindow
    from empanada_desktop.gui.objects.table import ObjectTable

TITLE = "The object table"
SIDE, CUBE, OBJECTS = 200, 4, 100_000
FRAMES, TIMES, ROWS_IN_SIGHT = 200, 7, 25
PATIENCE = 120.0


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
    note = f"{SIDE}³ voxels, {OBJECTS:,} objects, one thread"
    whole = _median(lambda: ObjectIndex.of(voxels))
    part = _median(lambda: index.updated(voxels, [Box((90, 90, 90), (110, 110, 110))]))
    return [
        Row("counting all objects", whole, "ms", note),
        Row("counting again after an edit of 20³ voxels", part, "ms", note),
    ]


def _rows(window: "MainWindow") -> list[Row]:
    table = _table(window)
    view, model = table.view, table.model
    scrolled = _scrolling(table)
    note = f"{OBJECTS:,} rows, {view.rows_in_sight()} in sight, {len(table.shown_columns())} columns"
    rows = [
        Row("scrolling, a frame", statistics.median(scrolled), "ms", f"{note}, median of {FRAMES}"),
        Row("scrolling, the slowest frame of 99 %", sorted(scrolled)[int(len(scrolled) * 0.99)], "ms", note),
    ]
    rows += [
        Row(f"sorting by {name}", _median(partial(model.sort, model.place_of(key))), "ms", note)
        for name, key in (("size", "voxels"), ("centre", "centre"), ("class", "class"))
    ]
    rows.append(Row("filter “z > 100 and voxels = 64”", _median(lambda: _filter(table)), "ms", note))
    rows.append(Row("selecting all, the views too", _median(lambda: _select_all(table)), "ms", note))
    rows.append(Row("an edit until the table shows it", _median(lambda: _edit(table)), "ms", f"{note}, in the window"))
    return rows


def _median(deed: Callable[[], object]) -> float:
    deed()
    times = []
    for _ in range(TIMES):
        began = time.perf_counter()
        deed()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def _scrolling(table: "ObjectTable") -> list[float]:
    """Milliseconds from a step of the scroll bar to the painted rows; steps of a page and of a few rows in turn."""
    bar, port = table.view.verticalScrollBar(), table.view.viewport()
    times = []
    for step in range(FRAMES):
        place = bar.value() + (bar.pageStep() if step % 2 else 61)
        began = time.perf_counter()
        bar.setValue(place if place < bar.maximum() else 0)
        port.repaint()
        times.append((time.perf_counter() - began) * 1000)
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
    _until(lambda: table.desk.is_current)


def _window(home: Path) -> "MainWindow":
    import tifffile

    from empanada_desktop.document import LabelsLayer, open_source
    from empanada_desktop.gui.app import make_application, open_window
    from empanada_desktop.gui.opening import sample_path
    from empanada_desktop.io.volumes import VolumeRef

    make_application()
    window = open_window(str(sample_path()))
    _until(lambda: window.workspace is not None and bool(window.workspace.document.layers))
    tifffile.imwrite(home / "many.tif", labels(), metadata={"axes": "ZYX"})
    if window.workspace is None:
        raise RuntimeError("nothing is open")
    source = open_source(VolumeRef(str(home / "many.tif")))
    window.workspace.document.add_layer(LabelsLayer(title="many", source=source, class_names={0: "cube"}))
    return window


def _table(window: "MainWindow") -> "ObjectTable":
    from empanada_desktop.gui.objects.table import ObjectTable
    from empanada_desktop.gui.objects.table_view import HEADER_HEIGHT, ROW_HEIGHT

    window.choose_tab("measure")
    workspace = window.workspace
    table = None if workspace is None else workspace.rooms["measure"].bottom
    if workspace is None or not isinstance(table, ObjectTable):
        raise RuntimeError("there is no table")
    table.view.setMinimumHeight(ROWS_IN_SIGHT * ROW_HEIGHT + HEADER_HEIGHT)
    _until(lambda: table.desk.is_current and workspace.grid.is_complete)
    return table


def _until(condition: Callable[[], bool]) -> None:
    from PySide6.QtTest import QTest

    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the window is not ready")
        QTest.qWait(1)
