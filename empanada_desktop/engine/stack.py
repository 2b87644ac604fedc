"""Plane-by-plane 3D inference: network, median over planes, components, matching. Planes go out as they come."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.components import split_components
from empanada_desktop.core.context import JobContext
from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.median import MedianQueue
from empanada_desktop.core.memory import give_back_memory
from empanada_desktop.core.tracking import StackTracker, Tracks
from empanada_desktop.engine.plane import PLANE_DIVISOR, PlaneSettings, panoptic_from, predict_plane
from empanada_desktop.engine.predictor import PlaneOutputs, Predictor

PLANES_BETWEEN_TIDYING = 16

ReadPlane = Callable[[int], NDArray[np.float32]]
WritePlane = Callable[[int, NDArray[np.uint32]], None]


@dataclass(frozen=True)
class StackSettings:
    """How a stack is turned into objects: the planes' settings and the median over planes."""

    plane: PlaneSettings
    median_filter_size: int = 3


def segment_stack(
    read_plane: ReadPlane,
    n_planes: int,
    axis: Axis,
    predictor: Predictor,
    settings: StackSettings,
    write_components: WritePlane,
    context: JobContext,
) -> Tracks:
    """Find the objects of a stack of planes of orientation `axis`.

    read_plane gives plane n as grey values in 0..1, (H, W) float32. write_components is given every plane's components,
    (H, W) uint32 numbered from 1 within the plane; the result's lookups turn them into objects. Only as many planes as
    the median spans are held in memory.
    """
    tracker = StackTracker(axis)
    planes = _smoothed_planes(read_plane, n_planes, predictor, settings, context)
    for index, (semantic, outputs) in enumerate(planes):
        panoptic = panoptic_from(outputs, settings.plane, semantic)
        components, table = split_components(panoptic, settings.plane.things, PLANE_DIVISOR)
        tracker.add_plane(components, table)
        write_components(index, components)
        if index % PLANES_BETWEEN_TIDYING == 0:
            give_back_memory()
        context.report(index + 1, n_planes, f"{axis} planes")
    return tracker.finish()


def _smoothed_planes(
    read_plane: ReadPlane, n_planes: int, predictor: Predictor, settings: StackSettings, context: JobContext
) -> Iterator[tuple[NDArray[np.float32], PlaneOutputs]]:
    """Run the network on the planes in order; gives each with the median of its neighbours' probabilities."""
    queue: MedianQueue[PlaneOutputs] = MedianQueue(settings.median_filter_size)
    for index in range(n_planes):
        context.check_cancelled()
        outputs = predict_plane(predictor, read_plane(index), settings.plane)
        ready = queue.push(outputs.semantic, outputs)
        if ready is not None:
            yield ready
    yield from queue.finish()
