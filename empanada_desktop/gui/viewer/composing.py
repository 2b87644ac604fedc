"""Composes the exposed pixels of a view from cached tiles: image layers and label layers, bottom to top."""

import threading
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.document.sources import PlaneSource
from empanada_desktop.gui import calm
from empanada_desktop.gui.viewer import drawing
from empanada_desktop.gui.viewer.camera import DISPLAYED, PlaneCamera, nearest, taps
from empanada_desktop.gui.viewer.drawing import MARGIN
from empanada_desktop.gui.viewer.tiles import TileCache, TileGrid, TileKey, best_level, grids_of

CANVAS = np.uint32(0xFF101114)
Rect = tuple[int, int, int, int]


def grey_colours() -> NDArray[np.uint32]:
    """The 256 greys as 0xffRRGGBB."""
    return np.uint32(0xFF000000) | (np.arange(256, dtype=np.uint32) * np.uint32(0x010101))


@dataclass(frozen=True)
class DrawnImage:
    """How an image layer is drawn. contrast: grey values that become the first and the last of 256 colours."""

    number: int
    source: PlaneSource
    contrast: tuple[float, float]
    opacity: float = 1.0
    colours: NDArray[np.uint32] = field(default_factory=grey_colours)


@dataclass(frozen=True)
class DrawnLabels:
    """How a label layer is drawn; the fields are those of `kernels.draw_labels`."""

    number: int
    source: PlaneSource
    table: NDArray[np.uint8]
    seed: int
    palette: NDArray[np.uint32]
    fill: tuple[float, float, float] = (0.42, 0.42, 0.42)
    outline: tuple[float, float, float] = (1.0, 1.0, 1.0)
    selected: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))
    hidden: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))
    painted: int = 0


DrawnLayer = DrawnImage | DrawnLabels


class _Backend:
    """Which functions draw: numpy's until the compiled ones are ready."""

    def __init__(self) -> None:
        self.functions: ModuleType = drawing
        self._thread: threading.Thread | None = None

    def warm_up(self) -> threading.Thread:
        """Compile, or load from disk, in a thread; the compiled functions are used from then on."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._compile, name="compiling the viewer", daemon=True)
            self._thread.start()
        return self._thread

    def _compile(self) -> None:
        calm.load_compiled()
        from empanada_desktop.gui.viewer import kernels

        self.functions = kernels


backend = _Backend()


@dataclass(frozen=True)
class _Found:
    """A cached tile to draw a place from."""

    grid: TileGrid
    key: TileKey
    samples: NDArray[Any]


class Composer:
    """Draws what is in the cache; where a tile is missing, a coarser one or the plane shown before stands in."""

    def __init__(self, cache: TileCache) -> None:
        self._cache = cache
        self._ids = np.zeros(0, np.uint32)

    def compose(
        self,
        out: NDArray[np.uint32],
        rect: Rect,
        camera: PlaneCamera,
        plane: int,
        layers: list[DrawnLayer],
        before: int,
    ) -> None:
        """Compose the pixels top, bottom, left, right (last ones excluded) of `out`, which is as large as the view.

        plane: index along the camera's axis. before: the plane whose tiles stand in where none of this one is there.
        """
        top, bottom, left, right = rect
        out[top:bottom, left:right] = CANVAS
        for layer in layers:
            frame = _Frame(self._cache, camera, layer, plane, before)
            if isinstance(layer, DrawnImage):
                frame.draw_image(out, rect, layer)
            else:
                frame.draw_labels(out, rect, layer, self._room_for_ids(rect))

    def _room_for_ids(self, rect: Rect) -> NDArray[np.uint32]:
        """Zeros for the pixels of a rectangle and MARGIN round it; the same memory each time, for fresh one is slow."""
        shape = rect[1] - rect[0] + 2 * MARGIN, rect[3] - rect[2] + 2 * MARGIN
        count = shape[0] * shape[1]
        if self._ids.size < count:
            self._ids = np.zeros(count, np.uint32)
        room = self._ids[:count].reshape(shape)
        room.fill(0)
        return room

    def is_complete(self, camera: PlaneCamera, plane: int, layers: list[DrawnLayer]) -> bool:
        """True when every tile of this plane that the camera sees is there at the level it should have."""
        return all(
            key in self._cache
            for layer in layers
            for key in keys_seen(layer, camera, plane, best_level(layer.source, camera))
        )


def keys_seen(layer: DrawnLayer, camera: PlaneCamera, plane: int, level: int) -> list[TileKey]:
    """Keys of the tiles of a level of a layer that a camera sees on a plane, the middle ones first."""
    if not 0 <= plane < layer.source.shape[camera.axis.normal]:
        return []
    grid = TileGrid.of(layer.source, level, camera.axis)
    slab = grid.index(plane) // grid.thickness
    return [grid.key(layer.number, slab, row, column) for row, column in grid.seen_by(camera)]


class _Frame:
    """One layer of one picture."""

    def __init__(self, cache: TileCache, camera: PlaneCamera, layer: DrawnLayer, plane: int, before: int) -> None:
        self._cache, self._camera, self._layer = cache, camera, layer
        self._planes = [p for p in dict.fromkeys((plane, before)) if 0 <= p < layer.source.shape[camera.axis.normal]]
        self._plane = plane
        self._level = best_level(layer.source, camera)

    def draw_image(self, out: NDArray[np.uint32], rect: Rect, layer: DrawnImage) -> None:
        """Draw an image layer over what is there."""
        rows, columns = DISPLAYED[self._camera.axis]
        for found, (top, bottom, left, right) in self._places(rect):
            first_row, _, first_column, _ = found.grid.extent(found.key.row, found.key.column)
            factor, scale = found.grid.factor, self._camera.scale
            down = taps(self._camera.rows_of(top, bottom), factor[rows], first_row, found.samples.shape[0], scale[0])
            across = self._camera.columns_of(left, right)
            along = taps(across, factor[columns], first_column, found.samples.shape[1], scale[1])
            target = out[top:bottom, left:right]
            backend.functions.draw_image(
                target,
                found.samples,
                down.first,
                down.weights,
                along.first,
                along.weights,
                layer.contrast,
                layer.colours,
                float(layer.opacity),
            )

    def draw_labels(self, out: NDArray[np.uint32], rect: Rect, layer: DrawnLabels, ids: NDArray[np.uint32]) -> None:
        """Draw a label layer over what is there; ids: room for those under the pixels."""
        self.find_ids(rect, ids)
        if layer.hidden.size:
            backend.functions.leave_out(ids, layer.hidden)
        top, bottom, left, right = rect
        target = out[top:bottom, left:right]
        backend.functions.draw_labels(
            target,
            ids,
            layer.table,
            layer.seed,
            layer.palette,
            layer.fill,
            layer.outline,
            layer.selected,
            layer.painted,
        )

    def find_ids(self, rect: Rect, ids: NDArray[np.uint32]) -> None:
        """Put the ids under the pixels of a rectangle, and MARGIN pixels round it, into zeros."""
        wide = (rect[0] - MARGIN, rect[1] + MARGIN, rect[2] - MARGIN, rect[3] + MARGIN)
        rows, columns = DISPLAYED[self._camera.axis]
        for found, (top, bottom, left, right) in self._places(wide):
            first_row, _, first_column, _ = found.grid.extent(found.key.row, found.key.column)
            height, width = found.samples.shape
            down = nearest(self._camera.rows_of(top, bottom), found.grid.factor[rows], first_row, height)
            along = nearest(self._camera.columns_of(left, right), found.grid.factor[columns], first_column, width)
            target = ids[top - wide[0] : bottom - wide[0], left - wide[2] : right - wide[2]]
            backend.functions.gather_ids(target, found.samples, down, along)

    def _places(self, rect: Rect) -> "list[tuple[_Found, Rect]]":
        """Tiles to draw from, each with the pixels that it covers."""
        places = []
        grid = TileGrid.of(self._layer.source, self._level, self._camera.axis)
        for row, column in grid.seen_by(self._camera):
            pixels = self._pixels(grid, row, column, rect)
            if pixels[0] < pixels[1] and pixels[2] < pixels[3]:
                found = self._find(grid, row, column)
                if found is not None:
                    places.append((found, pixels))
        return places

    def _pixels(self, grid: TileGrid, row: int, column: int, rect: Rect) -> Rect:
        rows, columns = DISPLAYED[grid.axis]
        first, last, start, stop = grid.extent(row, column)
        shape, factor = self._layer.source.shape, grid.factor
        lowest, highest = first * factor[rows], min(last * factor[rows], shape[rows])
        top, bottom = self._camera.pixel_rows(lowest, highest, (rect[0], rect[1]))
        lowest, highest = start * factor[columns], min(stop * factor[columns], shape[columns])
        left, right = self._camera.pixel_columns(lowest, highest, (rect[2], rect[3]))
        return top, bottom, left, right

    def _find(self, grid: TileGrid, row: int, column: int) -> _Found | None:
        """The best cached stand-in for a place: this plane, finest first; then the plane before."""
        for plane in self._planes:
            for level in range(self._level, len(self._layer.source.levels)):
                found = self._cached(grid, row, column, plane, level)
                if found is not None:
                    return found
        return None

    def _cached(self, wanted: TileGrid, row: int, column: int, plane: int, level: int) -> _Found | None:
        rows, columns = DISPLAYED[wanted.axis]
        for grid in grids_of(self._layer.source, level, wanted.axis):
            wide = [(wanted.side * wanted.factor[along], grid.side * grid.factor[along]) for along in (rows, columns)]
            if any(own > other for own, other in wide):
                continue  # that tile would cover a part of the place only
            place = (row * wide[0][0] // wide[0][1], column * wide[1][0] // wide[1][1])
            index = grid.index(plane)
            key = grid.key(self._layer.number, index // grid.thickness, *place)
            tile = self._cache.get(key)
            if tile is not None:
                return _Found(grid, key, tile[index % grid.thickness])
        return None
