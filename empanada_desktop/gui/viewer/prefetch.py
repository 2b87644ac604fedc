"""Which tiles a view wishes for: those that it shows, and those that it will show if it goes on as it does."""

from collections.abc import Iterator

from empanada_desktop.gui.viewer.camera import PlaneCamera
from empanada_desktop.gui.viewer.composing import DrawnLabels, DrawnLayer
from empanada_desktop.gui.viewer.loader import Request
from empanada_desktop.gui.viewer.tiles import TileGrid, best_level

PLANES_AHEAD = 16
BYTES_AHEAD = 320 << 20


def wishes(
    layers: list[DrawnLayer], camera: PlaneCamera, plane: int, direction: int
) -> tuple[list[Request], list[Request]]:
    """Return the tiles to read now (coarse ones before fine ones) and those to read ahead, most urgent first."""
    now: list[Request] = []
    for layer in layers:
        best = best_level(layer.source, camera)
        coarsest = len(layer.source.levels) - 1
        for level in dict.fromkeys((coarsest, best)) if coarsest > best else (best,):
            now.extend(_seen(layer, camera, plane, level))
    return now, list(_ahead(layers, camera, plane, direction))


def _seen(layer: DrawnLayer, camera: PlaneCamera, plane: int, level: int) -> Iterator[Request]:
    grid = TileGrid.of(layer.source, level, camera.axis)
    if 0 <= plane < layer.source.shape[camera.axis.normal]:
        yield from _requests(layer, grid, grid.index(plane) // grid.thickness, grid.seen_by(camera))


def _ahead(layers: list[DrawnLayer], camera: PlaneCamera, plane: int, direction: int) -> Iterator[Request]:
    """Tiles of the next planes in the direction of travel, and of one plane behind."""
    grids = [TileGrid.of(layer.source, best_level(layer.source, camera), camera.axis) for layer in layers]
    furthest = max([PLANES_AHEAD, *(grid.planes_of_slab for grid in grids)])
    reached = [
        (step, number, slab)
        for number, grid in enumerate(grids)
        for step, slab in _slabs_ahead(grid, plane, direction, furthest)
    ]
    seen = [grid.seen_by(camera) for grid in grids]
    used = 0
    for _, number, slab in sorted(reached):
        if used > BYTES_AHEAD:
            return
        grid, layer = grids[number], layers[number]
        used += len(seen[number]) * grid.thickness * grid.side**2 * layer.source.dtype.itemsize
        yield from _requests(layer, grid, slab, seen[number])


def _slabs_ahead(grid: TileGrid, plane: int, direction: int, furthest: int) -> Iterator[tuple[int, int]]:
    """After how many steps from a plane the next slabs are reached, `furthest` at most; then the one behind."""
    span, last = grid.planes_of_slab, grid.slabs - 1
    own = grid.index(max(0, plane)) // grid.thickness
    for slab in range(own + direction, last + 1 if direction > 0 else -1, direction):
        step = slab * span - plane if direction > 0 else plane - ((slab + 1) * span - 1)
        if step > furthest:
            break
        yield step, slab
    behind = (plane - direction) // span
    if behind != own and 0 <= behind <= last:
        yield furthest + 1, behind


def _requests(layer: DrawnLayer, grid: TileGrid, slab: int, places: list[tuple[int, int]]) -> Iterator[Request]:
    is_labels = isinstance(layer, DrawnLabels)
    for row, column in places:
        key = grid.key(layer.number, slab, row, column)
        yield Request(key, grid, layer.source, is_labels)
