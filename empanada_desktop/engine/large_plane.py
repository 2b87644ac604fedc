"""A plane that is larger than memory, from grey values to objects: strip by strip, with the same result as at once.

Each strip of rows passes the steps of engine.plane in turn, and what has to be known of the whole plane in between (the
centres, the votes of each instance, the table of components) is in tables. Maps and labels wait in a scratch folder.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.band_components import BandComponents
from empanada_desktop.core.band_holes import BandHoles
from empanada_desktop.core.context import JobContext
from empanada_desktop.core.grouping import find_centres, group_pixels
from empanada_desktop.core.ids import UINT32_MAX, number_objects
from empanada_desktop.engine.plane import PlaneSettings
from empanada_desktop.engine.postprocess import (
    STUFF_AREA,
    classify,
    count_classes,
    enlarge_rows,
    number_instances,
    number_stuff,
    paint,
    source_rows,
    wanted_cells,
)
from empanada_desktop.engine.tiled import QUARTER, Band, Grey, ReadRectangle, TiledPredictor
from empanada_desktop.io.scratch import Scratch

STRIP_PIXELS = 8 << 20

Labels = NDArray[np.uint32]
Inside = Callable[[slice], NDArray[np.bool_]]


@dataclass(frozen=True)
class Strip:
    """Rows first .. end - 1 of the plane, and rows first_cell .. end_cell - 1 of the network's maps."""

    number: int
    first: int
    end: int
    first_cell: int
    end_cell: int

    @property
    def rows(self) -> slice:
        """Its rows in the plane."""
        return slice(self.first, self.end)


class LargePlane:
    """One plane of (H, W) pixels; `segment` finds its objects, then `strips` gives its labels from top to bottom."""

    def __init__(
        self, shape: tuple[int, int], predictor: TiledPredictor, settings: PlaneSettings, scratch: Scratch
    ) -> None:
        self.shape = shape
        self.objects: Counter[int] = Counter()
        self._predictor = predictor
        self._settings = settings
        self._scratch = scratch
        self._zoom = QUARTER * settings.image_downsampling
        self._strips: list[Strip] = []
        self._is_thing = np.zeros(1 + max(settings.things, default=0), np.bool_)
        self._is_thing[list(settings.things)] = True
        self._ids = np.zeros(1, np.uint32)

    def segment(
        self, read: ReadRectangle, label_divisor: int, context: JobContext, inside: Inside | None = None
    ) -> int:
        """Find the objects, as engine.plane.labels_from does; `read` gives grey values of 0..1 of rows and columns.

        `inside` confines them: it gives (h, W) booleans for rows. Returns the label divisor.
        """
        self._see(read, context)
        centres = self._find_centres() if self._settings.things else np.zeros((0, 2), np.int32)
        thing_ids, stuff_ids, divisor = self._group(centres, context)
        painted = self._paint(thing_ids, stuff_ids)
        if self._settings.fill_holes:
            painted = self._fill_holes(painted)
        components = BandComponents(self._settings.things, divisor)
        for strip, panoptic in painted:
            context.check_cancelled()
            if inside is not None:
                panoptic[~inside(strip.rows)] = 0
            self._scratch.put("parts", strip.number, components.add(panoptic))
        return self._number(components, label_divisor)

    def strips(self) -> Iterator[Labels]:
        """Yield the labels, (h, W) class * divisor + k, from top to bottom."""
        for strip in self._strips:
            yield self._ids[self._scratch.get("parts", strip.number)]
            self._scratch.drop("parts", strip.number)

    def _see(self, read: ReadRectangle, context: JobContext) -> None:
        """Run the network; its maps go into the scratch folder, strip by strip."""
        settings = self._settings
        total, seen = len(self._predictor.layout(self.shape, settings.image_downsampling)), 0

        def read_tile(rows: slice, columns: slice) -> Grey:
            nonlocal seen
            context.check_cancelled()
            context.report(min(seen, total), total, "Tiles")
            seen += 1
            return read(rows, columns)

        def reduce(semantic: Grey) -> NDArray[np.generic]:
            return classify(semantic, settings.segmentation_confidence)[None]

        for band in self._predictor.bands(read_tile, self.shape, settings.image_downsampling, reduce):
            self._keep(band)

    def _keep(self, band: Band) -> None:
        classes = band.semantic[0]
        highest = int(classes.max(initial=0))
        if highest >= len(self._is_thing):
            self._is_thing = np.pad(self._is_thing, (0, highest + 1 - len(self._is_thing)))
        height = max(self._zoom, STRIP_PIXELS // self.shape[1] // self._zoom * self._zoom)
        for first in range(band.first, band.end, height):
            end, cell = min(first + height, band.end), first // self._zoom
            stop = end // self._zoom if end < band.end else band.first_cell + len(band.heatmap)
            strip = Strip(len(self._strips), first, end, cell, stop)
            self._strips.append(strip)
            self._scratch.put("classes", strip.number, classes[first - band.first : end - band.first])
            if self._settings.things:
                cells = slice(cell - band.first_cell, stop - band.first_cell)
                maps = np.concatenate([band.heatmap[None, cells], band.offsets[:, cells]])
                self._scratch.put("maps", strip.number, maps.astype(np.float32, copy=False))

    @property
    def _n_cells(self) -> int:
        return self._strips[-1].end_cell

    def _maps(self, first: int, end: int) -> NDArray[np.float32]:
        """Return rows first .. end - 1 of heatmap and offsets, (3, h, w)."""
        parts = []
        for strip in self._strips:
            low, high = max(first, strip.first_cell), min(end, strip.end_cell)
            if low < high:
                maps = self._scratch.get("maps", strip.number)
                parts.append(maps[:, low - strip.first_cell : high - strip.first_cell])
        return np.concatenate(parts, axis=1)

    def _grid(self, first: int, end: int) -> NDArray[np.float32]:
        """Return rows of the maps on the grid of grouping: cells, or pixels of the network with fine boundaries."""
        if not self._settings.fine_boundaries:
            return self._maps(first, end)
        start, stop = source_rows(QUARTER, self._n_cells, first, end)
        maps = np.ascontiguousarray(self._maps(start, stop))
        fine: NDArray[np.float32] = enlarge_rows(maps, QUARTER, self._n_cells, start, first, end)
        return fine

    @property
    def _per_cell(self) -> int:
        """How many rows of the grid of grouping a row of cells makes."""
        return QUARTER if self._settings.fine_boundaries else 1

    def _find_centres(self) -> NDArray[np.int32]:
        settings, found = self._settings, []
        last = self._n_cells * self._per_cell
        for strip in self._strips:
            first, end = strip.first_cell * self._per_cell, strip.end_cell * self._per_cell
            top = max(0, first - settings.centre_min_distance)
            bottom = min(last, end + settings.centre_min_distance)
            heatmap = self._grid(top, bottom)[0]
            centres = find_centres(heatmap, settings.centre_confidence, settings.centre_min_distance)
            centres[:, 0] += top
            found.append(centres[(centres[:, 0] >= first) & (centres[:, 0] < end)])
        return np.concatenate(found)

    def _group(self, centres: NDArray[np.int32], context: JobContext) -> tuple[Labels, Labels, int]:
        """Give pixels their instance; returns the panoptic ids of instances and of stuff, and their divisor."""
        votes = np.zeros((len(centres) + 1, len(self._is_thing)), np.int64)
        areas = np.zeros(len(self._is_thing), np.int64)
        for strip in self._strips:
            context.check_cancelled()
            context.report(strip.number, len(self._strips), "Finding objects")
            classes = self._scratch.get("classes", strip.number)
            instances = self._instances(strip, classes, centres)
            self._scratch.put("instances", strip.number, instances)
            counted = count_classes(classes, instances, self._is_thing, self._pixels_per_row, len(centres))
            votes += counted[0]
            areas += counted[1]
        divisor = UINT32_MAX // (len(self._is_thing) + 1)
        return number_instances(votes, divisor), number_stuff(areas, divisor, STUFF_AREA), divisor

    @property
    def _pixels_per_row(self) -> int:
        """How many pixels of the plane a row of the grid of grouping covers."""
        return self._zoom // self._per_cell

    def _instances(self, strip: Strip, classes: NDArray[np.uint8], centres: NDArray[np.int32]) -> NDArray[np.int32]:
        if not self._settings.things:
            return np.zeros([-(-side // self._pixels_per_row) for side in classes.shape], np.int32)
        first = strip.first_cell * self._per_cell
        offsets = self._grid(first, strip.end_cell * self._per_cell)[1:]
        self._scratch.drop("maps", strip.number) if self._per_cell == 1 else None
        wanted = wanted_cells(classes, self._settings.things, self._pixels_per_row, offsets.shape[1:])
        return group_pixels(offsets, centres, QUARTER // self._per_cell, wanted, first)

    def _paint(self, thing_ids: Labels, stuff_ids: Labels) -> Iterator[tuple[Strip, Labels]]:
        for strip in self._strips:
            classes, instances = (self._scratch.get(name, strip.number) for name in ("classes", "instances"))
            yield strip, paint(classes, instances, self._is_thing, self._pixels_per_row, thing_ids, stuff_ids)

    def _fill_holes(self, painted: Iterator[tuple[Strip, Labels]]) -> Iterator[tuple[Strip, Labels]]:
        holes = BandHoles(self.shape[0])
        for strip, panoptic in painted:
            holes.add(panoptic)
            self._scratch.put("painted", strip.number, panoptic)
        holes.decide()
        for strip in self._strips:
            yield strip, holes.fill(self._scratch.get("painted", strip.number))
            self._scratch.drop("painted", strip.number)

    def _number(self, components: BandComponents, label_divisor: int) -> int:
        lookup, table = components.finish()
        keep = (table.areas >= self._settings.min_area) | ~table.is_thing
        ids, divisor = number_objects(table.classes, keep, self._settings.things, label_divisor)
        self.objects.update(table.classes[keep].tolist())
        self._ids = np.concatenate([np.zeros(1, np.uint32), ids])[lookup]
        return divisor
