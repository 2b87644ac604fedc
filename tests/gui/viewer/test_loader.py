"""Tiles: which are wished for, read, kept and refreshed; threads that end; nothing is read by the window's thread."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot

from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.document.sources import ArraySource
from empanada_desktop.errors import VolumeError
from empanada_desktop.gui.viewer.camera import PlaneCamera
from empanada_desktop.gui.viewer.composing import DrawnImage
from empanada_desktop.gui.viewer.loader import Request, TileLoader, displayable
from empanada_desktop.gui.viewer.prefetch import wishes
from empanada_desktop.gui.viewer.tiles import (
    TileCache,
    TileGrid,
    TileKey,
    best_level,
    box_in_tile,
    read_displayed,
    tile_box,
)

SHAPE = (5, 700, 1300)


class Levelled(ArraySource):
    """An array with a pyramid by striding and chunks of eight planes."""

    levels_ = [(1, 1, 1), (1, 2, 2), (2, 4, 4)]  # noqa: RUF012

    @property
    def levels(self) -> list[tuple[int, int, int]]:
        return self.levels_

    @property
    def grains(self) -> list[tuple[int, int, int]]:
        return [(8, 1, 1)] * 3

    def read(self, level: int, axis: Axis, index: int, rows: slice, columns: slice) -> NDArray[Any]:
        z, y, x = self.levels_[level]
        return ArraySource(self.array[::z, ::y, ::x]).read(0, axis, index, rows, columns)


@pytest.fixture
def volume() -> NDArray[np.uint16]:
    return np.random.default_rng(0).integers(0, 60_000, SHAPE).astype(np.uint16)


@pytest.fixture
def loader(qapp: object) -> Iterator[TileLoader]:
    made = TileLoader()
    yield made
    made.close()


def requests(source: ArraySource, axis: Axis = Axis.XY, plane: int = 0, zoom: float = 1.0) -> list[Request]:
    rows, columns = (source.shape[1], source.shape[2]) if axis is Axis.XY else (source.shape[0], source.shape[2])
    camera = PlaneCamera(axis, 500, 500, (rows / 2, columns / 2), (zoom, zoom))
    return wishes([DrawnImage(1, source, (0.0, 1.0))], camera, plane, 1)[0]


@pytest.mark.parametrize("axis", list(Axis))
def test_tiles_put_together_are_the_plane(volume: NDArray[np.uint16], axis: Axis) -> None:
    source = ArraySource(volume)
    grid = TileGrid.of(source, 0, axis)
    plane = np.take(volume, 3, axis=axis.normal)
    shown = plane.T if axis is Axis.YZ else plane
    slab, within = 3 // grid.thickness, 3 % grid.thickness
    side = grid.side
    for row in range(-(-shown.shape[0] // side)):
        for column in range(-(-shown.shape[1] // side)):
            key = TileKey(1, 0, axis, slab, row, column)
            tile = read_displayed(source, grid, tile_box(grid, key))
            expected = shown[row * side : row * side + side, column * side : column * side + side]
            assert np.array_equal(tile[within], expected)
            assert tile.flags.c_contiguous


def test_coarse_levels_are_read_when_zoomed_out(volume: NDArray[np.uint16]) -> None:
    source = Levelled(volume)
    cameras = {zoom: PlaneCamera(Axis.XY, 300, 300, (350, 650), (zoom, zoom)) for zoom in (2.0, 1.0, 0.5, 0.3, 0.1)}
    assert [best_level(source, camera) for camera in cameras.values()] == [0, 0, 1, 2, 2]
    wished = [request.key.level for request in requests(source, zoom=1.0)]
    assert wished[0] == 2, "the coarsest comes first, so that something shows at once"
    assert set(wished) == {2, 0}


def test_planes_ahead_are_wished_for_in_the_direction_of_travel(volume: NDArray[np.uint16]) -> None:
    layers = [DrawnImage(1, ArraySource(np.zeros((100, 60, 60), np.uint8)), (0.0, 1.0))]
    camera = PlaneCamera(Axis.XY, 60, 60, (30, 30), (1, 1))
    for direction, expected in ((1, [51, 52, 53]), (-1, [49, 48, 47])):
        ahead = [request.key.slab for request in wishes(layers, camera, 50, direction)[1]]
        assert ahead[:3] == expected
    assert min(request.key.slab for request in wishes(layers, camera, 0, -1)[1]) >= 0


def test_a_slab_of_chunks_is_read_at_once(volume: NDArray[np.uint16], loader: TileLoader, qtbot: QtBot) -> None:
    source = Levelled(volume)
    loader.want("me", requests(source))
    qtbot.waitUntil(loader.is_idle)
    tile = loader.cache.get(TileKey(1, 0, Axis.XY, 0, 0, 0))
    assert tile is not None
    assert np.array_equal(tile, volume[:5, :512, :512])


def test_news_comes_on_the_window_thread(loader: TileLoader, qtbot: QtBot, volume: NDArray[np.uint16]) -> None:
    with qtbot.waitSignal(loader.arrived):
        loader.want("me", requests(ArraySource(volume)))


def test_changed_voxels_are_read_again_and_only_they(
    loader: TileLoader, qtbot: QtBot, volume: NDArray[np.uint16]
) -> None:
    source = ArraySource(volume)
    wanted = requests(source)
    loader.want("me", wanted)
    qtbot.waitUntil(loader.is_idle)
    tile = loader.cache.get(wanted[0].key)
    box = Box((0, 300, 600), (1, 320, 640))
    volume[box.slices] = 7
    volume[0, 0, 0] = 9
    touching = list(loader.cache.touching(1, box, lambda key: TileGrid.of(source, key.level, key.axis)))
    assert touching == [TileKey(1, 0, Axis.XY, 0, 0, 0)]
    with qtbot.waitSignal(loader.refreshed) as news:
        loader.refresh([request for request in wanted if request.key in touching], box)
    assert news.args[1] == box
    changed = loader.cache.get(touching[0])
    assert changed is not None
    assert (changed[0, 300:320, 600:640] == 7).all()
    assert tile is not None
    assert tile[0, 0, 0] != 9, "the rest stays as it was"


def test_what_is_no_longer_wanted_is_not_read(loader: TileLoader, qtbot: QtBot) -> None:
    gate, seen = threading.Event(), []

    class Slow(ArraySource):
        def __getitem__(self, index: Any) -> NDArray[Any]:
            gate.wait(10)
            seen.append(index[0].start)
            return super().__getitem__(index)

    source = Slow(np.zeros((50, 20, 20), np.uint8))
    grid = TileGrid.of(source, 0, Axis.XY)
    for plane in range(40):
        loader.want("me", [Request(TileKey(1, 0, Axis.XY, plane, 0, 0), grid, source, False)])
        time.sleep(0.002)
    gate.set()
    qtbot.waitUntil(loader.is_idle)
    assert 39 in seen
    assert len(seen) < 20


def test_a_file_that_cannot_be_read_is_told_once_and_stops_nothing(loader: TileLoader, qtbot: QtBot) -> None:
    class Broken(ArraySource):
        def __getitem__(self, index: Any) -> NDArray[Any]:
            raise VolumeError("The disk is gone.", "Plug it in.")

    source = Broken(np.zeros((2, 20, 20), np.uint8))
    told: list[str] = []
    loader.failed.connect(told.append)
    wanted = requests(source)
    loader.want("me", wanted)
    qtbot.waitUntil(lambda: told == ["The disk is gone."])
    loader.want("me", wanted)
    qtbot.waitUntil(loader.is_idle)
    assert told == ["The disk is gone."]


def test_the_cache_keeps_to_its_budget() -> None:
    cache = TileCache(budget=10_000)
    keys = [TileKey(1, 0, Axis.XY, plane, 0, 0) for plane in range(20)]
    for key in keys:
        cache.put(key, np.zeros((1, 30, 100), np.uint8))
        cache.get(keys[0])
    assert cache.nbytes <= 10_000
    assert keys[0] in cache, "what is used stays"
    assert keys[1] not in cache
    cache.drop_layer(1)
    assert cache.nbytes == 0


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [(np.bool_, np.uint8), (np.uint8, np.uint8), (np.int16, np.float32), (np.float64, np.float32)],
)
def test_all_types_become_ones_that_are_drawn(dtype: type, expected: type) -> None:
    assert displayable(np.ones((1, 2, 2), dtype), False).dtype == expected
    assert displayable(np.ones((1, 2, 2), np.uint8), True).dtype == np.uint32


def test_a_box_beside_a_tile_touches_nothing() -> None:
    grid = TileGrid(Axis.XY, 0, (1, 1, 1), (4, 600, 600), 2)
    key = TileKey(1, 0, Axis.XY, 1, 0, 1)
    inside: Callable[[Box], Box | None] = lambda box: box_in_tile(grid, key, box)  # noqa: E731
    assert inside(Box((0, 0, 0), (2, 600, 600))) is None
    assert inside(Box((2, 0, 0), (3, 600, 512))) is None
    assert inside(Box((0, 10, 500), (4, 20, 600))) == Box((2, 10, 512), (4, 20, 600))


def test_changed_tiles_that_nobody_looks_at_are_forgotten_and_read_when_wanted(
    loader: TileLoader, qtbot: QtBot, volume: NDArray[np.uint16]
) -> None:
    source = ArraySource(volume)
    first, second = requests(source, plane=0), requests(source, plane=3)
    loader.want("me", second)
    qtbot.waitUntil(loader.is_idle)
    loader.want("me", first)
    qtbot.waitUntil(loader.is_idle)
    source[:, :10, :10] = 4321
    box = Box((0, 0, 0), (volume.shape[0], 10, 10))
    loader.refresh([*first, *second], box)
    qtbot.waitUntil(loader.is_idle)
    shown = loader.cache.get(first[0].key)
    assert shown is not None
    assert (shown[0, :10, :10] == 4321).all()
    assert all(request.key not in loader.cache for request in second)
    loader.want("me", second)
    qtbot.waitUntil(loader.is_idle)
    shown = loader.cache.get(second[0].key)
    assert shown is not None
    assert (shown[0, :10, :10] == 4321).all()
