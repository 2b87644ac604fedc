"""Planes cut into tiles that lie in thin slabs: which ones a view needs, and the cache that keeps them."""

import threading
import weakref
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.document.editable import EditableSource
from empanada_desktop.document.exact_planes import exact_planes
from empanada_desktop.document.sources import PlaneSource
from empanada_desktop.gui.viewer.camera import DISPLAYED, PlaneCamera, Triple

# Tiles of slabs are small, so that the first of them soon shows; single planes are cheaper to read in large pieces.
SLAB_SIDE, PLANE_SIDE = 512, 2048
TILE_BYTES = 16 << 20
CACHE_BYTES = 1 << 30
YZ_THICKNESS = 16


class TileKey(NamedTuple):
    """The address of a tile: `slab` counts slabs along the axis, `row` and `column` tiles as displayed.

    is_exact: that of its grid.
    """

    layer: int
    level: int
    axis: Axis
    slab: int
    row: int
    column: int
    is_exact: bool = False


@dataclass(frozen=True)
class TileGrid:
    """How one level of a source is cut into tiles for one orientation.

    is_exact: of a coarser level of labels that can be changed there are all planes, so that what is painted on one is
    seen from afar, too.
    """

    axis: Axis
    level: int
    factor: Triple
    shape: Triple
    thickness: int
    is_exact: bool = False

    @property
    def side(self) -> int:
        """Rows and columns of a tile."""
        return PLANE_SIDE if self.thickness == 1 else SLAB_SIDE

    @classmethod
    def of(cls, source: PlaneSource, level: int, axis: Axis) -> "TileGrid":
        """The grid of a source's level; the same one whenever it is asked for."""
        known = _grids.setdefault(source, {})
        if (level, axis) not in known:
            known[level, axis] = cls._made(source, level, axis)
        return known[level, axis]

    @classmethod
    def _made(cls, source: PlaneSource, level: int, axis: Axis) -> "TileGrid":
        steps = list(source.levels[level])
        is_exact = isinstance(source, EditableSource) and steps[axis.normal] > 1
        if is_exact:
            steps[axis.normal] = 1
        factor = (steps[0], steps[1], steps[2])
        z, y, x = (-(-length // each) for length, each in zip(source.shape, factor, strict=True))
        return cls(axis, level, factor, (z, y, x), _thickness(source, level, axis), is_exact)

    def key(self, layer: int, slab: int, row: int, column: int) -> TileKey:
        """The address of a tile."""
        return TileKey(layer, self.level, self.axis, slab, row, column, self.is_exact)

    @property
    def planes_of_slab(self) -> int:
        """Planes of level 0 that a slab spans."""
        return self.thickness * self.factor[self.axis.normal]

    @property
    def slabs(self) -> int:
        """How many slabs there are."""
        return -(-self.shape[self.axis.normal] // self.thickness)

    def index(self, plane: int) -> int:
        """The level's plane in which plane `plane` of level 0 lies."""
        return min(plane // self.factor[self.axis.normal], self.shape[self.axis.normal] - 1)

    def slab_planes(self, slab: int) -> tuple[int, int]:
        """First plane of a slab, and one past the last, in the level's planes."""
        first = slab * self.thickness
        return first, min(first + self.thickness, self.shape[self.axis.normal])

    def extent(self, row: int, column: int) -> tuple[int, int, int, int]:
        """First row, one past the last, first column, one past the last, in the level's samples."""
        rows, columns = (self.shape[axis] for axis in DISPLAYED[self.axis])
        top, left = row * self.side, column * self.side
        return top, min(top + self.side, rows), left, min(left + self.side, columns)

    def touches(self, key: TileKey, box: Box) -> bool:
        """Whether a tile holds voxels of a box (level 0)."""
        rows, columns = DISPLAYED[self.axis]
        top, bottom, left, right = self.extent(key.row, key.column)
        sides = ((self.axis.normal, *self.slab_planes(key.slab)), (rows, top, bottom), (columns, left, right))
        return all(
            first * self.factor[axis] < box.stop[axis] and box.start[axis] < last * self.factor[axis]
            for axis, first, last in sides
        )

    def seen_by(self, camera: PlaneCamera) -> list[tuple[int, int]]:
        """Rows and columns of the tiles that a camera sees, nearest to its middle first."""
        top, left = camera.place_at(0, 0)
        bottom, right = camera.place_at(camera.width, camera.height)
        rows = self._span(DISPLAYED[self.axis][0], top, bottom)
        columns = self._span(DISPLAYED[self.axis][1], left, right)
        middle = (rows.start + rows.stop - 1) / 2, (columns.start + columns.stop - 1) / 2
        places = [(row, column) for row in rows for column in columns]
        return sorted(places, key=lambda place: (place[0] - middle[0]) ** 2 + (place[1] - middle[1]) ** 2)

    def _span(self, axis: int, low: float, high: float) -> range:
        side = self.side * self.factor[axis]
        count = -(-self.shape[axis] // self.side)
        return range(max(0, int(low // side)), max(0, min(count, int(-(-high // side)))))


def grids_of(source: PlaneSource, level: int, axis: Axis) -> tuple[TileGrid, ...]:
    """The grid of a level, and that of the file below, whose tiles stand in just after it became editable."""
    grid, base = TileGrid.of(source, level, axis), getattr(source, "base", None)
    return (grid, TileGrid.of(base, level, axis)) if grid.is_exact and base is not None else (grid,)


_grids: "weakref.WeakKeyDictionary[PlaneSource, dict[tuple[int, Axis], TileGrid]]" = weakref.WeakKeyDictionary()


def best_level(source: PlaneSource, camera: PlaneCamera) -> int:
    """The coarsest level whose samples are no larger than a pixel and a half."""
    rows, columns = DISPLAYED[camera.axis]
    fitting = [
        number
        for number, factor in enumerate(source.levels)
        if factor[rows] * camera.scale[0] <= 1.5 and factor[columns] * camera.scale[1] <= 1.5
    ]
    return fitting[-1] if fitting else 0


def _thickness(source: PlaneSource, level: int, axis: Axis) -> int:
    """Planes that are read together: as many as the source gives at about the price of one, within TILE_BYTES."""
    grain = source.grains[level][axis.normal]
    if axis is Axis.YZ:
        grain = max(grain, YZ_THICKNESS)
    itemsize = 4 if source.dtype.itemsize > 2 else source.dtype.itemsize
    return int(max(1, min(grain, TILE_BYTES // (SLAB_SIDE**2 * itemsize))))


class TileCache:
    """Tiles by key, the least recently used dropped when they take more than `budget` bytes; thread-safe."""

    def __init__(self, budget: int = CACHE_BYTES) -> None:
        self._budget = budget
        self._bytes = 0
        self._tiles: OrderedDict[TileKey, NDArray[Any]] = OrderedDict()
        self._kinds: Counter[tuple[int, int, Axis, bool]] = Counter()
        self._lock = threading.Lock()

    def get(self, key: TileKey) -> NDArray[Any] | None:
        """Return a tile (planes, rows, columns), or None."""
        with self._lock:
            tile = self._tiles.get(key)
            if tile is not None:
                self._tiles.move_to_end(key)
            return tile

    def peek(self, key: TileKey) -> NDArray[Any] | None:
        """Return a tile, or None, without counting it as used."""
        with self._lock:
            return self._tiles.get(key)

    def has_any(self, layer: int, grid: TileGrid) -> bool:
        """Whether there are tiles of a grid of a layer."""
        with self._lock:
            return self._kinds[layer, grid.level, grid.axis, grid.is_exact] > 0

    def __len__(self) -> int:
        """How many tiles there are."""
        return len(self._tiles)

    def __contains__(self, key: TileKey) -> bool:
        with self._lock:
            return key in self._tiles

    def put(self, key: TileKey, tile: NDArray[Any]) -> None:
        """Keep a tile."""
        with self._lock:
            self._forget(key)
            self._tiles[key] = tile
            self._kinds[kind_of(key)] += 1
            self._bytes += tile.nbytes
            while self._bytes > self._budget and len(self._tiles) > 1:
                self._forget(next(iter(self._tiles)))

    def touching(self, layer: int, box: Box, grids: "GridsOf") -> Iterator[TileKey]:
        """Keys of the tiles of a layer that hold voxels of a box (level 0)."""
        with self._lock:
            keys = [key for key in self._tiles if key.layer == layer]
        yield from (key for key in keys if grids(key).touches(key, box))

    def missing(self, keys: Iterable[TileKey]) -> set[TileKey]:
        """Those of some keys whose tiles are not there."""
        with self._lock:
            return {key for key in keys if key not in self._tiles}

    def drop(self, keys: Iterable[TileKey]) -> None:
        """Forget some tiles."""
        with self._lock:
            for key in keys:
                self._forget(key)

    def drop_layer(self, layer: int) -> None:
        """Forget all tiles of a layer."""
        with self._lock:
            for key in [key for key in self._tiles if key.layer == layer]:
                self._forget(key)

    @property
    def nbytes(self) -> int:
        """Bytes of all tiles."""
        return self._bytes

    def _forget(self, key: TileKey) -> None:
        tile = self._tiles.pop(key, None)
        if tile is not None:
            self._kinds[kind_of(key)] -= 1
            self._bytes -= tile.nbytes


def keys_touching(layer: int, source: PlaneSource, box: Box, cache: TileCache | None = None) -> Iterator[TileKey]:
    """Addresses of the tiles of a layer, cached or not, that hold voxels of a box (level 0).

    cache: levels and orientations of which it has no tile are left out.
    """
    for level in range(len(source.levels)):
        for axis in Axis:
            grid = TileGrid.of(source, level, axis)
            if cache is not None and not cache.has_any(layer, grid):
                continue
            sides = (grid.thickness, grid.side, grid.side)
            slabs, rows, columns = (
                range(
                    box.start[along] // (side * grid.factor[along]), -(-box.stop[along] // (side * grid.factor[along]))
                )
                for along, side in zip((axis.normal, *DISPLAYED[axis]), sides, strict=True)
            )
            for slab, row, column in product(slabs, rows, columns):
                yield grid.key(layer, slab, row, column)


def kind_of(key: TileKey) -> tuple[int, int, Axis, bool]:
    """Which layer and grid a tile belongs to."""
    return key.layer, key.level, key.axis, key.is_exact


class GridsOf(Protocol):
    """Finds the grid that a tile belongs to."""

    def __call__(self, key: TileKey, /) -> TileGrid:
        """Return it."""


def tile_box(grid: TileGrid, key: TileKey) -> Box:
    """The samples of a tile's level that it holds, z y x."""
    start, stop = [0, 0, 0], [0, 0, 0]
    rows, columns = DISPLAYED[grid.axis]
    start[grid.axis.normal], stop[grid.axis.normal] = grid.slab_planes(key.slab)
    start[rows], stop[rows], start[columns], stop[columns] = grid.extent(key.row, key.column)
    return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))


def box_in_tile(grid: TileGrid, key: TileKey, box: Box) -> Box | None:
    """The samples of a tile that a box of level-0 voxels touches, z y x of the tile's level; None if there are none."""
    tile = tile_box(grid, key)
    lows = [max(first, low // each) for first, low, each in zip(tile.start, box.start, grid.factor, strict=True)]
    highs = [min(last, -(-high // each)) for last, high, each in zip(tile.stop, box.stop, grid.factor, strict=True)]
    if any(low >= high for low, high in zip(lows, highs, strict=True)):
        return None
    return Box((lows[0], lows[1], lows[2]), (highs[0], highs[1], highs[2]))


def read_displayed(source: PlaneSource, grid: TileGrid, box: Box) -> NDArray[Any]:
    """Read samples of a level: planes, rows and columns as displayed, in a type that the kernels know."""
    normal, (rows, columns) = grid.axis.normal, grid.axis.in_plane
    if grid.is_exact and isinstance(source, EditableSource):
        wanted = range(box.start[normal], box.stop[normal])
        planes = exact_planes(source, grid.level, grid.axis, wanted, box.slices[rows], box.slices[columns])
    elif grid.level == 0:
        planes = np.moveaxis(np.asarray(source[box.slices]), (normal, rows, columns), (0, 1, 2))
    else:
        wanted = range(box.start[normal], box.stop[normal])
        cut = box.slices[rows], box.slices[columns]
        planes = np.stack([source.read(grid.level, grid.axis, plane, *cut) for plane in wanted])
    if DISPLAYED[grid.axis] != grid.axis.in_plane:
        planes = planes.swapaxes(1, 2)
    # A copy, never a view: tiles are refreshed in place when voxels change.
    return np.array(planes, order="C")
