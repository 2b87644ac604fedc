"""A plane in overlapping tiles: the network sees them one after another, what follows sees one plane."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.tiles import Tile, TileLayout, lay_tiles, tile_overlap
from empanada_desktop.engine.device import GraphicsMemoryError, searching
from empanada_desktop.engine.predictor import PlaneOutputs

QUARTER = 4  # side of a cell of heatmap and offsets, in pixels that the network sees
SMALLEST_TILE = 256  # pixels that the network sees; with less of them around an object it guesses

BATCH_PIXELS = 2048 * 2048  # that a graphics card is shown at once, as far as its memory allows
SHORT_OF_MEMORY = "The graphics card had too little memory: the network sees {} from there on."

Grey = NDArray[np.float32]
ReadRectangle = Callable[[slice, slice], Grey]


class PlanePredictor(Protocol):
    """A network that is shown a plane of grey values in 0..1, (H, W)."""

    def predict(self, plane: Grey, image_downsampling: int = 1, fine_boundaries: bool = False) -> PlaneOutputs:
        """Return what the network says of the plane."""
        ...


class PaddingPredictor(PlanePredictor, Protocol):
    """One that pads what it is shown to a multiple of `padding_factor` pixels of the downsampled image."""

    padding_factor: int


@runtime_checkable
class BatchPredictor(Protocol):
    """One that is shown several planes at once."""

    def predict_many(self, planes: Sequence[Grey], image_downsampling: int = 1) -> list[PlaneOutputs]:
        """Return what the network says of several planes of one size."""
        ...


@runtime_checkable
class BeginningPredictor(Protocol):
    """One that can begin with the next planes before the outputs of the last ones are there."""

    def begin_many(
        self, planes: Sequence[Grey], image_downsampling: int = 1, fine_boundaries: bool = False
    ) -> "WaitForOutputs":
        """Begin to show the network several planes of one size; the result waits for what it says."""
        ...


@runtime_checkable
class StackPredictor(Protocol):
    """One that is shown the planes of a stack, as many at once as it likes."""

    def predict_stack(
        self, planes: Iterable[Grey], image_downsampling: int = 1, fine_boundaries: bool = False, n_planes: int = 0
    ) -> Iterator[PlaneOutputs]:
        """Yield what the network says of each plane, in their order; n_planes: how many of that size there are."""
        ...


WaitForOutputs = Callable[[], Sequence[PlaneOutputs]]


@dataclass(frozen=True)
class Band:
    """What the network says of the full rows first .. end - 1 of a plane; its cells begin at row `first_cell`.

    semantic is (C, rows, W), or what it was reduced to; heatmap (h, w) and offsets (2, h, w) in cells of
    QUARTER * downsampling pixels. The last band holds the cells beyond the plane's end, too.
    """

    first: int
    end: int
    first_cell: int
    semantic: NDArray[np.generic]
    heatmap: NDArray[np.float32]
    offsets: NDArray[np.float32]


def planes_together(shape: tuple[int, int], image_downsampling: int, pixels: int = BATCH_PIXELS) -> int:
    """Return how many whole planes a graphics card is shown at once, to begin with; `pixels` of them fit."""
    return max(1, pixels // max(1, math.prod(shape) // image_downsampling**2))


def batch_of_tiles(tile_size: int) -> int:
    """Return how many tiles a graphics card is shown at once, to begin with."""
    return max(1, BATCH_PIXELS // tile_size**2) if tile_size else 1


class TiledPredictor:
    """A predictor that shows its network no more than a tile at once; same door as the one that it asks.

    Each pixel comes from the tile in which it lies deepest. Offsets are relative and tiles begin where the network's
    grid has lines, so heatmap and offsets of neighbouring tiles fit together cell by cell, and objects are grouped in
    the whole plane: none is ever cut. What differs from showing the whole plane at once is what a network takes from
    afar (pyramid pooling averages over what it sees), and that PointRend refines as many points in every tile.

    Where a graphics card has too little memory, fewer tiles go at once, then smaller ones; `notes` says so.
    """

    def __init__(
        self, predictor: PaddingPredictor, stride: int, tile_size: int = 0, batch: int = 1, pixels_at_once: int = 0
    ) -> None:
        """Take a predictor whose network divides images into cells of `stride` pixels; tile_size 0: the whole plane.

        batch: tiles to show at once. pixels_at_once: how many pixels of whole planes of a stack; at least one plane.
        """
        self._pixels_at_once = pixels_at_once
        self.is_on_card = pixels_at_once > 0
        self._passes = 0  # of one size that the present stack takes
        self._together, self._fills = 1, False  # how many planes of it are shown at once, and whether always as many
        self._predictor = predictor
        self._stride = stride
        self.padding_factor = predictor.padding_factor
        self.tile_size = tile_size
        self.batch = batch
        self.notes: list[str] = []

    @property
    def ran_with(self) -> str:
        """What runs the network: name, version, precision, device; empty where the predictor does not say."""
        return str(getattr(self._predictor, "ran_with", ""))

    def is_tiled(self, shape: tuple[int, int]) -> bool:
        """Tell whether a plane is shown to the network in tiles."""
        return 0 < self.tile_size < max(shape)

    def layout(self, shape: tuple[int, int], image_downsampling: int = 1) -> TileLayout:
        """Return the tiles of a plane: all of it where the tile size is 0 or large."""
        side = self.tile_size if self.is_tiled(shape) else max(shape)
        grain = self._stride * image_downsampling
        side_grain = self.padding_factor * image_downsampling
        if not self.is_tiled(shape):
            side = -(-side // side_grain) * side_grain
        overlap = tile_overlap(side, image_downsampling)
        return lay_tiles(shape, side, overlap, grain, side_grain, QUARTER * image_downsampling)

    def predict(self, plane: Grey, image_downsampling: int = 1, fine_boundaries: bool = False) -> PlaneOutputs:
        """Run the network over a plane of grey values in 0..1, (H, W) float32.

        As Predictor.predict. In tiles heatmap and offsets come in quarter resolution, fine boundaries or not; what
        finds the objects interpolates them over the whole plane.
        """
        if not self.is_tiled(plane.shape):
            try:
                return self._predictor.predict(plane, image_downsampling, fine_boundaries)
            except GraphicsMemoryError as shortage:
                self._step_down(plane.shape, image_downsampling, shortage)
        bands = list(self.bands(lambda rows, columns: plane[rows, columns], plane.shape, image_downsampling))
        return PlaneOutputs(
            np.concatenate([band.semantic for band in bands], axis=1, dtype=np.float32),
            np.concatenate([band.heatmap for band in bands], axis=0),
            np.concatenate([band.offsets for band in bands], axis=1),
            QUARTER,
            image_downsampling,
        )

    def predict_stack(
        self, planes: Iterable[Grey], image_downsampling: int = 1, fine_boundaries: bool = False, n_planes: int = 0
    ) -> Iterator[PlaneOutputs]:
        """Run the network over the planes of a stack, all of one size, as predict does over each.

        A graphics card is shown several at once, and begins with the next ones before those are used. `n_planes`:
        how many of that size there are in all, by which it knows what preparing for them pays. Where that is known, all
        groups are of one size, whichever planes of the stack are shown: the last one is filled up with repeats.
        """
        before: WaitForOutputs | None = None
        try:
            for group in self._groups(planes, image_downsampling, n_planes):
                self._passes = self._passes_of(group[0].shape, n_planes, image_downsampling)
                for begun in self._begun(group, image_downsampling, fine_boundaries):
                    yield from before() if before else ()
                    before = begun
            yield from before() if before else ()
        finally:
            self._passes = 0

    def _groups(self, planes: Iterable[Grey], image_downsampling: int, n_planes: int) -> Iterator[list[Grey]]:
        """Give as many planes at once as there is room for at that moment."""
        coming = iter(planes)
        for first in coming:
            most = self.planes_at_once(first.shape, image_downsampling)
            self._together, self._fills = min(most, n_planes or most), n_planes > 0
            yield list(islice(chain([first], coming), self._together))

    def planes_at_once(self, shape: tuple[int, int], image_downsampling: int) -> int:
        """Return how many planes of a stack are shown together at most."""
        return 1 if self.is_tiled(shape) else planes_together(shape, image_downsampling, self._pixels_at_once)

    def _passes_of(self, shape: tuple[int, int], n_planes: int, image_downsampling: int) -> int:
        """Return how often a card is shown images of one size for n_planes planes; 0 where there is no card."""
        if not self.is_on_card:
            return 0
        if not self.is_tiled(shape):
            return n_planes // self._together
        return n_planes * len(self.layout(shape, image_downsampling)) // self.batch

    def _begun(self, group: list[Grey], image_downsampling: int, fine_boundaries: bool) -> Iterator[WaitForOutputs]:
        """Begin with a group of planes; with fewer of them at a time where the graphics card has too little memory."""
        if not self._pixels_at_once or self.is_tiled(group[0].shape):
            yield lambda: [self.predict(plane, image_downsampling, fine_boundaries) for plane in group]
            return
        begun = self._begun_at_once(group, image_downsampling, fine_boundaries)
        if begun is not None:
            yield begun
            return
        fewer = len(group) // 2
        # With none fewer it goes on as predict does it, which knows tiles.
        self._pixels_at_once, self._together = fewer * group[0].size // image_downsampling**2, max(1, fewer)
        if fewer:
            less = f"{fewer} planes at once" if fewer > 1 else "one plane at once"
            self.notes.append(SHORT_OF_MEMORY.format(less))
        for first in range(0, len(group), max(1, fewer)):
            part = group[first : first + max(1, fewer)]
            yield from self._begun(part, image_downsampling, fine_boundaries)

    def _begun_at_once(
        self, group: list[Grey], image_downsampling: int, fine_boundaries: bool
    ) -> WaitForOutputs | None:
        """Begin with a group of planes; None where the memory does not do.

        The next try has to wait until this has returned: the error holds on to all that the failed one has put there.
        """
        try:
            return self._begin(group, image_downsampling, fine_boundaries)
        except GraphicsMemoryError:
            return None

    def _begin(self, group: list[Grey], image_downsampling: int, fine_boundaries: bool) -> WaitForOutputs:
        if isinstance(self._predictor, BeginningPredictor):
            filled = self._filled(group)
            with searching(self._passes):
                begun = self._predictor.begin_many(filled, image_downsampling, fine_boundaries)
            return lambda: begun()[: len(group)]
        outputs = [self._predictor.predict(plane, image_downsampling, fine_boundaries) for plane in group]
        return lambda: outputs

    def _filled(self, group: list[Grey]) -> list[Grey]:
        """Fill up the last planes of a stack with repeats.

        A card may compute images of another number in another way, and round otherwise: one number for all of a stack
        gives the same whether it is segmented at once, after a break, or by several cards.
        """
        missing = self._together - len(group)
        return [*group, *group[-1:] * missing] if self._fills else group

    def bands(
        self,
        read: ReadRectangle,
        shape: tuple[int, int],
        image_downsampling: int = 1,
        reduce: Callable[[Grey], NDArray[np.generic]] = lambda semantic: semantic,
    ) -> Iterator[Band]:
        """Yield the rows of tiles from top to bottom, stitched; `read` gives the grey values of rows and columns.

        `reduce` turns each tile's (C, h, w) probabilities into something smaller, (C', h, w). Memory: one row of tiles.
        """
        index = 0
        layout = self.layout(shape, image_downsampling)
        while index < len(layout.row_spans):
            try:
                band = self._band(layout.row(index), read, image_downsampling, reduce)
            except GraphicsMemoryError as shortage:
                self._step_down(shape, image_downsampling, shortage, only_batch=index > 0)
                layout = self.layout(shape, image_downsampling)
                continue
            yield band
            index += 1

    def _band(
        self,
        tiles: Sequence[Tile],
        read: ReadRectangle,
        image_downsampling: int,
        reduce: Callable[[Grey], NDArray[np.generic]],
    ) -> Band:
        zoom = QUARTER * image_downsampling
        semantic, heatmaps, offsets = [], [], []
        for tile, outputs in self._outputs(tiles, read, image_downsampling):
            semantic.append(reduce(outputs.semantic)[(..., *tile.inside)])
            cells = _cells(tile, zoom)
            heatmaps.append(outputs.heatmap[cells])
            offsets.append(outputs.offsets[(slice(None), *cells)])
        first, end = tiles[0].own_rows
        return Band(
            first,
            end,
            first // zoom,
            np.concatenate(semantic, axis=-1),
            np.concatenate(heatmaps, axis=-1),
            np.concatenate(offsets, axis=-1),
        )

    def _outputs(
        self, tiles: Sequence[Tile], read: ReadRectangle, image_downsampling: int
    ) -> Iterator[tuple[Tile, PlaneOutputs]]:
        for first in range(0, len(tiles), self.batch):
            group = tiles[first : first + self.batch]
            images = [read(*tile.slices) for tile in group]
            yield from zip(group, self._run(images, image_downsampling), strict=True)

    def _run(self, images: Sequence[Grey], image_downsampling: int) -> list[PlaneOutputs]:
        alike = len({image.shape for image in images}) == 1
        with searching(self._passes):
            if len(images) > 1 and alike and isinstance(self._predictor, BatchPredictor):
                return self._predictor.predict_many(images, image_downsampling)
            return [self._predictor.predict(image, image_downsampling) for image in images]

    def _step_down(
        self, shape: tuple[int, ...], downsampling: int, shortage: GraphicsMemoryError, only_batch: bool = False
    ) -> None:
        """Show the network less at once from now on, and note it; raises where less makes no sense."""
        side = min(self.tile_size or max(shape), max(shape))
        if self.batch > 1:
            self.batch //= 2
            less = f"{self.batch} tiles at once" if self.batch > 1 else "one tile at once"
        elif only_batch or side <= max(SMALLEST_TILE, 2 * self._stride, self.padding_factor) * downsampling:
            raise shortage
        else:
            grain = self.padding_factor * downsampling
            self.tile_size = max(side // 2 // grain * grain, SMALLEST_TILE * downsampling)
            less = f"tiles of {self.tile_size} pixels"
        self.notes.append(SHORT_OF_MEMORY.format(less))


def _cells(tile: Tile, zoom: int) -> tuple[slice, slice]:
    """Return which cells of a tile's maps it answers for; at the end of the plane those beyond, too."""
    ends_plane = tile.own_rows[1] == tile.rows[1], tile.own_columns[1] == tile.columns[1]
    rows, columns = (
        slice(span.start // zoom, None if ends else span.stop // zoom)
        for span, ends in zip(tile.inside, ends_plane, strict=True)
    )
    return rows, columns
