"""Changed voxels are shown at once, at every level and in all planes, whatever is being read meanwhile."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPointF
from pytestqt.qtbot import QtBot

from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.document import ArraySource, Document, EditableSource, ImageLayer, LabelsLayer, open_source
from empanada_desktop.gui.viewer import mesh_builder
from empanada_desktop.gui.viewer.camera import DISPLAYED
from empanada_desktop.gui.viewer.document_link import LayerLink
from empanada_desktop.gui.viewer.loader import Request, TileLoader
from empanada_desktop.gui.viewer.tiles import TileGrid, TileKey, best_level, keys_touching, read_displayed, tile_box
from empanada_desktop.gui.viewer.toolbox import Toolbox
from empanada_desktop.gui.viewer.view_grid import ViewGrid
from empanada_desktop.io.ome_zarr import ResultStore
from empanada_desktop.io.volumes import VolumeRef

from .hand import Hand

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
    for _ in range(3):
        stroke.write(BOX, rng.integers(0, 5, BOX.shape).astype(np.uint32))
        assert wrong_tiles(loader, source) == []
    assert shown == [(1, BOX)] * 3
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


def test_a_stroke_is_seen_from_afar_and_in_3d(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mesh_builder, "MOST_SAMPLES", 1 << 20)  # what is larger is meshed from a coarser level
    document = Document()
    layer = document.new_labels("mito", ImageLayer(title="image", source=ArraySource(np.zeros(SHAPE, np.uint8))))
    assert len(layer.source.levels) > 1
    grid = ViewGrid(document, with_3d=False)
    qtbot.addWidget(grid)
    grid.resize(600, 500)
    grid.show()
    toolbox, builder = Toolbox(grid), mesh_builder.SceneBuilder()
    try:
        document.change_layer(layer, active_id=5)
        document.change_view(crosshair=(9, 300, 350), centre=(9.5, 300.5, 350.5), zoom=0.3)
        toolbox.painter.change(size=80)
        grid.set_canvas_tool(toolbox.tools["brush"])
        qtbot.waitUntil(lambda: grid.is_complete, timeout=10_000)
        hand = Hand(document, grid, toolbox, qtbot)
        hand.draw(Axis.XY, (300, 350), (330, 400))
        canvas = grid.canvas(Axis.XY)
        level = best_level(layer.source, canvas.camera())
        assert 9 % layer.source.levels[level][0]  # the level itself has not got this plane
        picture = canvas.grab().toImage()
        place = QPointF(*canvas.camera().point_of(315, 375)) * picture.devicePixelRatio()
        assert picture.pixelColor(place.toPoint()).lightness() > 40  # the image is black
        scenes: list[mesh_builder.Scene] = []
        builder.built.connect(scenes.append)
        builder.build([layer])
        qtbot.waitUntil(lambda: bool(scenes), timeout=10_000)
        assert scenes[0].ids.tolist() == [5]
        painted = np.argwhere(np.asarray(layer.source[9]) == 5)
        found = scenes[0].vertices[:, 1:]
        np.testing.assert_allclose([found.min(0), found.max(0)], [painted.min(0), painted.max(0)], atol=8)
    finally:
        builder.close()
        toolbox.close()
        grid.close()


@pytest.mark.parametrize("axis", list(Axis))
@pytest.mark.parametrize("over_file", [False, True])
def test_planes_from_afar_are_exact_where_labels_were_changed(axis: Axis, over_file: bool, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    voxels = np.zeros((24, 300, 340), np.uint32)
    if over_file:
        voxels = np.kron(rng.integers(0, 9, (6, 75, 85)), np.ones((4, 4, 4))).astype(np.uint32)  # alike in each sample
        store = ResultStore.create(tmp_path / "labels.zarr", voxels.shape, Spacing(10, 10, 10, "test"), 64, {})
        store.label_array("labels/mito", 1, "mito", 1000)[:] = voxels
        store.finish()
        source = EditableSource(open_source(VolumeRef(str(tmp_path / "labels.zarr"), "labels/mito")))
    else:
        source = EditableSource(shape=(24, 300, 340))
    box = Box((5, 101, 130), (14, 190, 222))
    voxels[box.slices] = source[box.slices] = rng.integers(0, 5, box.shape)
    level = len(source.levels) - 1
    steps = [1 if each == axis.normal else source.levels[level][each] for each in range(3)]
    assert source.levels[level][axis.normal] > 1
    grid = TileGrid.of(source, level, axis)
    assert grid.shape == tuple(-(-length // step) for length, step in zip(voxels.shape, steps, strict=True))
    part = Box.of_spans([(min(3, length // 3), length - 1) for length in grid.shape])
    found = read_displayed(source, grid, part)
    expected = voxels[:: steps[0], :: steps[1], :: steps[2]][part.slices]
    np.testing.assert_array_equal(found, expected.transpose(axis.normal, *DISPLAYED[axis]))
