"""Plane-by-plane 3D inference: network, median over planes, components. Planes go out as they come."""

import math
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.components import ComponentTable, split_components
from empanada_desktop.core.context import JobContext
from empanada_desktop.core.kept_maps import KeptMaps
from empanada_desktop.core.median import MedianQueue
from empanada_desktop.core.memory import give_back_memory
from empanada_desktop.engine.line import Belt, Line
from empanada_desktop.engine.plane import (
    PLANE_DIVISOR,
    PlaneSettings,
    panoptic_from,
    panoptic_of_maps,
    predict_plane,
)
from empanada_desktop.engine.predictor import PlaneOutputs
from empanada_desktop.engine.tiled import PlanePredictor, StackPredictor, TiledPredictor

PLANES_BETWEEN_TIDYING = 16
PLANES_READ_AHEAD = 2
# Beside a card the planes that it will see together next are read ahead, as many as have so many pixels.
PIXELS_READ_AHEAD = 4 * 2048 * 2048
# Outputs of the network that may wait for post-processing: if it falls behind, the network waits.
OUTPUTS_WAITING = 1
PLANES_TO_WRITE = 2
# Planes that become objects at a time beside a graphics card, which is quicker than one thread of the processor.
MOST_PLACES, PIXELS_IN_PLACES = 4, 4 * 2048 * 2048

ReadPlane = Callable[[int], NDArray[np.float32]]
TakePlane = Callable[[int, NDArray[np.uint32], ComponentTable], None]
TakeMaps = Callable[[int, KeptMaps], None]


class FinishedPlane(NamedTuple):
    """What comes of a plane; maps where they are asked for."""

    number: int
    components: NDArray[np.uint32]
    table: ComponentTable
    maps: KeptMaps | None


@dataclass(frozen=True)
class StackSettings:
    """How a stack is turned into objects: the planes' settings and the median over planes."""

    plane: PlaneSettings
    median_filter_size: int = 3
    places: int = 1
    """How many planes are turned into objects at a time, each on a thread of its own."""
    read_ahead: int = PLANES_READ_AHEAD
    """How many planes are read before the network takes them."""


def segment_stack(
    read_plane: ReadPlane,
    n_planes: int,
    predictor: PlanePredictor,
    settings: StackSettings,
    take_plane: TakePlane,
    context: JobContext,
    first: int = 0,
    stop: int | None = None,
    take_maps: TakeMaps | None = None,
) -> None:
    """Find the components of a stack of planes, from plane `first` up to `stop` (excluded; None: to the end).

    read_plane gives plane n as grey values in 0..1, (H, W) float32. take_plane is given every plane in order: its
    number, its components, (H, W) uint32 numbered from 1 within the plane, and their table. Both run on threads of
    their own, beside the network and the steps after it; only as many planes as the median spans, and the few that wait
    between two steps, are held in memory. The planes outside that the median of those inside needs are predicted too:
    the result does not depend on `first` and `stop`.

    take_maps is given every plane's maps before take_plane gets its components, and these are then made from those
    rounded maps: whoever keeps them can make the same components again, or others with other settings.
    """
    reach, stop = settings.median_filter_size // 2, n_planes if stop is None else stop
    start, end = max(first - reach, 0), min(stop + reach, n_planes)
    with Line(context.check_cancelled) as line:
        planes: Belt[NDArray[np.float32]] = line.belt(settings.read_ahead)
        outputs: Belt[PlaneOutputs] = line.belt(OUTPUTS_WAITING)
        finished: Belt[FinishedPlane] = line.belt(PLANES_TO_WRITE)
        line.run(lambda: planes.fill(read_plane(index) for index in range(start, end)))
        found = _found(outputs, settings, take_maps is not None)
        wanted = (each for each in enumerate(found, start) if first <= each[0] < stop)
        line.run(lambda: finished.fill(line.in_turn(partial(_components, settings), wanted, settings.places)))
        line.run(lambda: _hand_over(finished, take_plane, take_maps))
        context.check_cancelled()
        # Rounded maps are kept in quarter resolution; fine boundaries come from interpolating them.
        asked = settings.plane if take_maps is None else replace(settings.plane, fine_boundaries=False)
        for answer in _predicted(predictor, planes, asked, n_planes):
            outputs.put(answer)
            context.check_cancelled()
        outputs.close()


def settings_beside(
    predictor: TiledPredictor, plane: PlaneSettings, median: int, shape: tuple[int, int], threads: int = 0
) -> StackSettings:
    """Return the settings of a stack of planes of `shape`; beside a graphics card more goes on at a time."""
    pixels, on_card = math.prod(shape), predictor.is_on_card
    together = predictor.planes_at_once(shape, plane.image_downsampling) if on_card else 1
    read_ahead = max(PLANES_READ_AHEAD, min(together, PIXELS_READ_AHEAD // pixels))
    return StackSettings(plane, median, places_beside(on_card, pixels, threads), read_ahead)


def places_beside(on_card: bool, pixels: int, threads: int = 0) -> int:
    """How many planes of so many pixels to turn into objects at a time.

    On the processor the network itself keeps all cores busy. `threads` is how many may be used, 0 for all.
    """
    if not on_card:
        return 1
    cores = threads or max(1, (os.cpu_count() or 1) - 1)  # one reads, writes and drives the card
    return max(1, min(cores, MOST_PLACES, PIXELS_IN_PLACES // pixels))


def _predicted(
    predictor: PlanePredictor, planes: Iterable[NDArray[np.float32]], settings: PlaneSettings, n_planes: int
) -> Iterator[PlaneOutputs]:
    """Run the network over the planes: several at once where the predictor knows how that pays."""
    if isinstance(predictor, StackPredictor):
        return predictor.predict_stack(planes, settings.image_downsampling, settings.fine_boundaries, n_planes)
    return (predict_plane(predictor, plane, settings) for plane in planes)


Found = tuple[Callable[[], NDArray[np.uint32]], KeptMaps | None]


def _found(outputs: Iterable[PlaneOutputs], settings: StackSettings, keeps_maps: bool) -> Iterator[Found]:
    """Give what makes each plane's panoptic ids, and its rounded maps if they are to be kept."""
    for semantic, plane in _smoothed(outputs, settings.median_filter_size):
        if keeps_maps:
            maps = KeptMaps.of(semantic, plane.heatmap, plane.offsets)
            yield partial(panoptic_of_maps, maps, settings.plane), maps
        else:
            yield partial(panoptic_from, plane, settings.plane, semantic), None


def _components(settings: StackSettings, numbered: tuple[int, Found]) -> FinishedPlane:
    """Turn what was found in a plane into its components."""
    index, (panoptic, maps) = numbered
    components, table = split_components(panoptic(), settings.plane.things, PLANE_DIVISOR)
    return FinishedPlane(index, components, table, maps)


def _smoothed(outputs: Iterable[PlaneOutputs], kernel: int) -> Iterator[tuple[NDArray[np.float32], PlaneOutputs]]:
    """Give each plane's outputs with the median of its neighbours' probabilities."""
    queue: MedianQueue[PlaneOutputs] = MedianQueue(kernel)
    for plane in outputs:
        ready = queue.push(plane.semantic, plane)
        if ready is not None:
            yield ready
    yield from queue.finish()


def _hand_over(finished: Iterable[FinishedPlane], take_plane: TakePlane, take_maps: TakeMaps | None) -> None:
    for index, components, table, maps in finished:
        if take_maps is not None and maps is not None:
            take_maps(index, maps)
        take_plane(index, components, table)
        if index % PLANES_BETWEEN_TIDYING == 0:
            give_back_memory()
