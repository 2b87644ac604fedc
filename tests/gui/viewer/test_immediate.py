"""Changed voxels are shown at once, at every level and in all planes, whatever is being read meanwhile."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.document import ArraySource, Document, EditableSource, LabelsLayer, open_source
from empanada_desktop.gui.viewer.document_link import LayerLink
from empanada_desktop.gui.viewer.loader import Request, TileLoader
from empanada_desktop.gui.viewer.tiles import TileGrid, TileKey, keys_touching, read_displayed, tile_box
from empanada_desktop.io.ome_zarr import ResultStore
from empanada_desktop.io.volumes import VolumeRef

SHAPE = (21, 600, 700)
BOX = Box((4, 500, 505), (9, 531, 540))


@pytest.fixture
def loader(qapp: object) -> Iterator[TileLoader]:
    made = TileLoader()
    yield made
    made.close()


def every_tile(source: Any) -> list[Request]:
    """Requests for all tiles of all levels and orientations of layer 1."""
    whole = Box((0, 0, 0), source.shape)
    keys = keys_touching(1, source, whole)
    return [Request(key, TileGrid.of(source, key.level, key.axis), source, True) for key in keys]


def wrong_tiles(loader: TileLoader, source: Any) -> list[TileKey]:
    """Cached tiles that are not what the source has."""
    wrong = []
    for request in every_tile(source):
        tile = loader.cache.peek(request.key)
        if tile is not None:
            expected = read_displayed(source, request.grid, tile_box(request.grid, request.key))
            if not np.array_equal(tile, expected):
                wrong.append(request.key)
    return wrong


def opened(source: Any, loader: TileLoader) -> tuple[Document, LabelsLayer, LayerLink]:
    document = Document()
    layer = LabelsLayer(title="mito", source=source)
    document.add_layer(layer)
    link = LayerLink(document, loader)
    link.drawn()
    document.voxels_changed.connect(link.refresh)
    return document, layer, link


def test_a_stroke_is_in_all_tiles_when_its_call_returns(loader: TileLoader, qtbot: QtBot) -> None:
    source = EditableSource(shape=SHAPE)
    assert len(source.levels) > 1
    document, layer, _link = opened(source, loader)
    loader.want("me", every_tile(source))
    qtbot.waitUntil(loader.is_idle, timeout=10_000)
    assert len(loader.cache) > 60
    shown: list[tuple[int, Box]] = []
    loader.shown.connect(lambda *what: shown.append(what))
    stroke = document.begin_stroke(layer, "Brush")
    rng = np.random.default_rng(1)
    for _ in range(8):
        stroke.write(BOX, rng.integers(0, 5, BOX.shape).astype(np.uint32))
        assert wrong_tiles(loader, source) == []
    assert shown == [(1, BOX)] * 8
    assert loader.is_idle()
    stroke.commit()
    document.undo()
    assert not source[:, :, :].any()
    assert wrong_tiles(loader, source) == []


class Gated(ArraySource):
    """An array whose readers stop on their way out until they are let go."""

    def __init__(self, array: NDArray[Any]) -> None:
        super().__init__(array)
        self.gate, self.has_read = threading.Event(), threading.Event()

    def __getitem__(self, index: Any) -> NDArray[Any]:
        voxels = np.array(super().__getitem__(index))
        if threading.current_thread() is not threading.main_thread():
            self.has_read.set()
            assert self.gate.wait(20)
        return voxels


@pytest.mark.parametrize("part_only", [False, True])
def test_what_is_read_while_voxels_change_is_read_again(loader: TileLoader, qtbot: QtBot, part_only: bool) -> None:
    source = Gated(np.zeros((3, 300, 300), np.uint32))
    document, layer, _link = opened(source, loader)
    requests = [request for request in every_tile(source) if request.key.axis is Axis.XY and request.key.slab == 1]
    if part_only:
        source.gate.set()
        loader.want("me", requests)
        qtbot.waitUntil(loader.is_idle, timeout=10_000)
        source.gate.clear()
        source.has_read.clear()
        loader.refresh(requests, Box((0, 0, 0), (3, 300, 300)))
    else:
        loader.want("me", requests)
    assert source.has_read.wait(20)
    stroke = document.begin_stroke(layer, "Brush")
    for label_id in range(1, 9):  # more often than any bound on reading again
        stroke.write(Box((1, 10, 10), (2, 10 + label_id, 40)), np.full((1, label_id, 30), label_id))
    source.gate.set()
    qtbot.waitUntil(loader.is_idle, timeout=10_000)
    assert requests[0].key in loader.cache
    assert wrong_tiles(loader, source) == []


def test_a_file_that_becomes_editable_keeps_its_tiles(loader: TileLoader, qtbot: QtBot, tmp_path: Path) -> None:
    store = ResultStore.create(tmp_path / "result.zarr", (6, 600, 520), Spacing(40, 10, 10, "test"), 64, {})
    store.label_array("labels/mito", 1, "mito", 1000)[1:5, 100:300, 100:200] = 1001
    store.finish()
    source = open_source(VolumeRef(str(tmp_path / "result.zarr"), "labels/mito"))
    assert len(source.levels) > 1
    document, layer, link = opened(source, loader)
    loader.want("me", every_tile(source))
    qtbot.waitUntil(loader.is_idle, timeout=10_000)
    count = len(loader.cache)
    document.make_editable(layer)
    (drawn,) = link.drawn()
    assert isinstance(layer.source, EditableSource)
    assert (drawn.number, drawn.source) == (1, layer.source)
    assert len(loader.cache) == count
    box = Box((1, 5, 5), (2, 9, 30))
    layer.source.read_ahead(box)
    stroke = document.begin_stroke(layer, "Brush")
    stroke.write(box, np.full(box.shape, 77))
    assert len(loader.cache) == count
    assert wrong_tiles(loader, layer.source) == []
    layer.source.close()
