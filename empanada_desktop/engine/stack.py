"""Plane-by-plane 3D inference: network, median over planes, components. Planes go out as they come."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.components import ComponentTable, split_components
from empanada_desktop.core.context import JobContext
from empanada_desktop.core.median import MedianQueue
from empanada_desktop.core.memory import give_back_memory
from empanada_desktop.engine.line import Belt, Line
from empanada_desktop.engine.plane import PLANE_DIVISOR, PlaneSettings, panoptic_from, predict_plane
from empanada_desktop.engine.predictor import PlaneOutputs
from empanada_desktop.engine.tiled import PlanePredictor

PLANES_BETWEEN_TIDYING = 16
PLANES_READ_AHEAD = 2
# Outputs of the network that may wait for post-processing: if it falls behind, the network waits.
OUTPUTS_WAITING = 1
PLANES_TO_WRITE = 2

ReadPlane = Callable[[int], NDArray[np.float32]]
TakePlane = Callable[[int, NDArray[np.uint32], ComponentTable], None]
FinishedPlane = tuple[int, NDArray[np.uint32], ComponentTable]


@dataclass(frozen=True)
class StackSettings:
    """How a stack is turned into objects: the planes' settings and the median over planes."""

    plane: PlaneSettings
    median_filter_size: int = 3


def segment_stack(
    read_plane: ReadPlane,
    n_planes: int,
    predictor: PlanePredictor,
    settings: StackSettings,
    take_plane: TakePlane,
    context: JobContext,
    first: int = 0,
    stop: int | None = None,
) -> None:
    """Find the components of a stack of planes, from plane `first` up to `stop` (excluded; None: to the end).

    read_plane gives plane n as grey values in 0..1, (H, W) float32. take_plane is given every plane in order: its
    number, its components, (H, W) uint32 numbered from 1 within the plane, and their table. Both run on threads of
    their own, beside the network and the steps after it; only as many planes as the median spans, and the few that wait
    between two steps, are held in memory. The planes outside that the median of those inside needs are predicted too:
    the result does not depend on `first` and `stop`.
    """
    reach, stop = settings.median_filter_size // 2, n_planes if stop is None else stop
    start, end = max(first - reach, 0), min(stop + reach, n_planes)
    with Line(context.check_cancelled) as line:
        planes: Belt[NDArray[np.float32]] = line.belt(PLANES_READ_AHEAD)
        outputs: Belt[PlaneOutputs] = line.belt(OUTPUTS_WAITING)
        finished: Belt[FinishedPlane] = line.belt(PLANES_TO_WRITE)
        line.run(lambda: planes.fill(read_plane(index) for index in range(start, end)))
        line.run(lambda: finished.fill(_components(outputs, settings, start, range(first, stop))))
        line.run(lambda: _hand_over(finished, take_plane))
        context.check_cancelled()
        for plane in planes:
            outputs.put(predict_plane(predictor, plane, settings.plane))
            context.check_cancelled()
        outputs.close()


def _components(
    outputs: Iterable[PlaneOutputs], settings: StackSettings, start: int, wanted: range
) -> Iterator[FinishedPlane]:
    """Turn the network's outputs, from plane `start` on, into the components of the planes that are wanted."""
    for index, (semantic, plane) in enumerate(_smoothed(outputs, settings.median_filter_size), start):
        if index in wanted:
            panoptic = panoptic_from(plane, settings.plane, semantic)
            yield index, *split_components(panoptic, settings.plane.things, PLANE_DIVISOR)


def _smoothed(outputs: Iterable[PlaneOutputs], kernel: int) -> Iterator[tuple[NDArray[np.float32], PlaneOutputs]]:
    """Give each plane's outputs with the median of its neighbours' probabilities."""
    queue: MedianQueue[PlaneOutputs] = MedianQueue(kernel)
    for plane in outputs:
        ready = queue.push(plane.semantic, plane)
        if ready is not None:
            yield ready
    yield from queue.finish()


def _hand_over(finished: Iterable[FinishedPlane], take_plane: TakePlane) -> None:
    for index, components, table in finished:
        take_plane(index, components, table)
        if index % PLANES_BETWEEN_TIDYING == 0:
            give_back_memory()
