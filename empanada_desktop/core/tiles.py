"""Planes in overlapping tiles: where they lie, which pixels each answers for, and putting them together again."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.errors import SettingsError

LEAST_OVERLAP = 128  # pixels that the network sees
LEAST_SHARE = 0.1  # of the tile's side

Span = tuple[int, int]


@dataclass(frozen=True)
class Tile:
    """A rectangle of a plane. `rows`, `columns`: what it spans; `own_rows`, `own_columns`: what it answers for."""

    rows: Span
    columns: Span
    own_rows: Span
    own_columns: Span

    @property
    def slices(self) -> tuple[slice, slice]:
        """Where in the plane the tile lies."""
        return slice(*self.rows), slice(*self.columns)

    @property
    def own(self) -> tuple[slice, slice]:
        """Where in the plane the pixels lie that the tile answers for."""
        return slice(*self.own_rows), slice(*self.own_columns)

    @property
    def inside(self) -> tuple[slice, slice]:
        """Where in the tile those pixels lie."""
        top, left = self.rows[0], self.columns[0]
        return (
            slice(self.own_rows[0] - top, self.own_rows[1] - top),
            slice(self.own_columns[0] - left, self.own_columns[1] - left),
        )


@dataclass(frozen=True)
class TileLayout:
    """Rows and columns of tiles over a plane: every pixel belongs to the one tile in which it lies deepest."""

    shape: tuple[int, int]
    row_spans: tuple[Span, ...]
    column_spans: tuple[Span, ...]
    own_row_spans: tuple[Span, ...]
    own_column_spans: tuple[Span, ...]

    def __len__(self) -> int:
        """Return the number of tiles."""
        return len(self.row_spans) * len(self.column_spans)

    def __iter__(self) -> Iterator[Tile]:
        """Go over the tiles, row by row."""
        for index in range(len(self.row_spans)):
            yield from self.row(index)

    def row(self, index: int) -> list[Tile]:
        """Return a row of tiles, left to right."""
        rows, own_rows = self.row_spans[index], self.own_row_spans[index]
        columns = zip(self.column_spans, self.own_column_spans, strict=True)
        return [Tile(rows, span, own_rows, own) for span, own in columns]


def lay_tiles(
    shape: tuple[int, int], side: int, overlap: int = LEAST_OVERLAP, grain: int = 1, side_grain: int = 1, cell: int = 1
) -> TileLayout:
    """Cover a plane with tiles of at most `side` pixels that overlap by at least `overlap`.

    Tiles begin at multiples of `grain` and are multiples of `side_grain` (a multiple of `grain`) wide, except where the
    plane ends; the pixels that a tile answers for end at multiples of `cell`. A side that is too small for that is
    raised to two grains, and the overlap is lowered to half the tile. Tiles are as large as they may be, for what they
    see around a pixel helps more than fewer pixels cost, and spread evenly.
    """
    if side < 1 or overlap < 0 or side_grain % grain or grain % cell:
        raise ValueError(f"tiles of {side} with overlap {overlap}, grains {grain} and {side_grain}, cell {cell}")
    side = max(side // side_grain * side_grain, side_grain, -(-2 * grain // side_grain) * side_grain)
    overlap = min(-(-overlap // grain) * grain, side // 2 // grain * grain)
    spans = [_spans(length, side, overlap, grain) for length in shape]
    owned = [_own_spans(of_axis, cell) for of_axis in spans]
    return TileLayout(shape, spans[0], spans[1], owned[0], owned[1])


def tile_overlap(side: int, downsampling: int = 1) -> int:
    """Return by how many pixels tiles overlap: LEAST_OVERLAP that the network sees, or LEAST_SHARE of the side."""
    return max(LEAST_OVERLAP * downsampling, int(side * LEAST_SHARE))


def _spans(length: int, side: int, overlap: int, grain: int) -> tuple[Span, ...]:
    if length <= side:
        return ((0, length),)
    last = -(-(length - side) // grain)  # start of the last tile, in grains
    step = (side - overlap) // grain
    count = -(-last // step)
    starts = [last * number // count * grain for number in range(count + 1)]
    return tuple((start, min(start + side, length)) for start in starts)


def _own_spans(spans: tuple[Span, ...], cell: int) -> tuple[Span, ...]:
    """Cut the overlaps in the middle, at multiples of `cell`."""
    cuts = [(after[0] + before[1]) // 2 // cell * cell for before, after in pairwise(spans)]
    edges = [0, *cuts, spans[-1][1]]
    return tuple(pairwise(edges))


def cut(plane: NDArray[Any], layout: TileLayout) -> Iterator[NDArray[Any]]:
    """Yield the tiles of a plane (..., H, W) as views, row by row."""
    for tile in layout:
        yield plane[(..., *tile.slices)]


def stitch(tiles: Iterable[NDArray[Any]], layout: TileLayout) -> NDArray[Any]:
    """Put tiles (..., h, w), row by row, together to a plane (..., H, W): each pixel from the tile it belongs to."""
    plane: NDArray[Any] | None = None
    for tile, pixels in zip(layout, tiles, strict=True):
        if plane is None:
            plane = np.empty((*pixels.shape[:-2], *layout.shape), pixels.dtype)
        plane[(..., *tile.own)] = pixels[(..., *tile.inside)]
    if plane is None:
        raise SettingsError("There are no tiles to put together.", "")
    return plane
