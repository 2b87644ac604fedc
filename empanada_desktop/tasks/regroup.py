"""The objects of a stack's planes found anew from the confidence that a result has kept, with other values."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from empanada_desktop.core.components import split_components
from empanada_desktop.core.context import JobContext
from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.tracking import StackTracker
from empanada_desktop.tasks.inference import settings_for
from empanada_desktop.tasks.inference_params import StackParams
from empanada_desktop.tasks.volume_result import SegmentedStack

if TYPE_CHECKING:
    from empanada_desktop.io.ome_zarr import ResultStore
    from empanada_desktop.io.predictions import StackPlanes

# What says how a plane's objects come from the network's answer; the rest of segment-volume's values come later.
REGROUPING = (
    "segmentation_confidence",
    "centre_confidence",
    "centre_min_distance",
    "fine_boundaries",
    "fill_holes",
)


def must_regroup(before: Mapping[str, Any], params: StackParams) -> bool:
    """Whether planes have other objects than those that were kept with the values `before`."""
    made_with = StackParams.checked(before)
    return any(getattr(made_with, name) != getattr(params, name) for name in REGROUPING)


def regroup(
    kept: "StackPlanes",
    axis: Axis,
    store: "ResultStore",
    params: StackParams,
    things: frozenset[int],
    context: JobContext,
) -> SegmentedStack:
    """Find the components of every plane anew, put them into `store`, and join them to objects.

    They are those that segmenting anew with these values, keep_confidence among them, would give.
    """
    from empanada_desktop.engine.plane import PLANE_DIVISOR, panoptic_of_maps
    from empanada_desktop.io.volumes.faults import reading, writing

    settings = settings_for(params, things)
    tracker, into = StackTracker(axis), store.stack_planes(axis)
    for index in range(len(kept)):
        context.check_cancelled()
        with reading(store.path):
            maps = kept.maps.get(index)
        components, table = split_components(panoptic_of_maps(maps, settings), things, PLANE_DIVISOR)
        with writing(store.path):
            into.put_aside(index, components)  # what is broken off is begun anew
        tracker.add_plane(components, table)
        context.report(index + 1, len(kept), f"{axis} planes")
    return SegmentedStack(axis, into.array, tracker.finish())
