"""A stack in runs of planes that other processes take, each on its device or its machine: addresses travel, no pixels.

A process that has taken a run reads its planes, and those beside them that the median needs, and puts components and
tables into the result's own folder; here they are counted in the order of the planes. What comes out is the same
whoever took what, and however often.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.components import ComponentTable
from empanada_desktop.core.context import JobContext, Placed
from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.grey import GreyRange
from empanada_desktop.core.kept_maps import KeptMaps
from empanada_desktop.errors import JobCancelled, VolumeError, WeightsError
from empanada_desktop.tasks.inference import load_predictor, plane_settings
from empanada_desktop.tasks.inference_params import StackParams

if TYPE_CHECKING:
    from empanada_desktop.engine.tiled import TiledPredictor
    from empanada_desktop.io.predictions import PlanesAhead, StackPlanes
    from empanada_desktop.io.volumes import VolumeRef

SHORTEST_RUN = 16
PLANES_PER_NEIGHBOUR = 16  # of a run, for each that it predicts only for the median: 6 % at most are predicted twice

CountPlane = Callable[[int, NDArray[np.uint32], ComponentTable], None]

_one_run = threading.Lock()


@dataclass(frozen=True)
class PlaneRun:
    """Planes first .. stop - 1 of the stack along `axis`, and all that is needed to segment them somewhere else.

    created: when the result was begun, by which a process knows that it is still the same one. turn: name of the run
    that hands it out, by which it can be told to stop. sha256: of the weights.
    """

    volume: "VolumeRef"
    store: str
    created: str
    turn: str
    axis: Axis
    grey: GreyRange
    params: StackParams
    sha256: str
    first: int = 0
    stop: int = 0

    def over(self, planes: Iterable[int], shape: tuple[int, int]) -> "Iterator[PlaneRun]":
        """Give runs over some planes of `shape`, in their order."""
        for first, stop in spans(planes, run_length(self.params.median_filter_size, together(self.params, shape))):
            yield replace(self, first=first, stop=stop)


@dataclass(frozen=True)
class RunOutcome:
    """What ran the network in a run, and what is to be said about it."""

    ran_with: str
    notes: tuple[str, ...]


def run_length(median: int, together: int = 1) -> int:
    """Return how many planes a run has, so that with its neighbours it fills groups of so many `together`."""
    neighbours = median - 1
    shown = max(SHORTEST_RUN, PLANES_PER_NEIGHBOUR * neighbours) + neighbours
    return -(-shown // together) * together - neighbours


def together(params: StackParams, shape: tuple[int, int]) -> int:
    """Return how many planes of `shape` a graphics card would be shown at once."""
    from empanada_desktop.engine.tiled import planes_together

    return 1 if 0 < params.tile_size < max(shape) else planes_together(shape, params.image_downsampling)


def spans(planes: Iterable[int], length: int) -> Iterator[tuple[int, int]]:
    """Group ascending numbers into spans first .. stop - 1 of neighbours, at most `length` long."""
    first = stop = -1
    for index in planes:
        if index != stop or stop - first >= length:
            if stop > first:
                yield first, stop
            first = index
        stop = index + 1
    if stop > first:
        yield first, stop


def segment_run(run: PlaneRun, context: JobContext) -> RunOutcome:
    """Segment a run of planes and put them into the result; one at a time in each process, whatever its threads."""
    from empanada_desktop.io.predictions import PlanesAhead

    with _one_run:
        predictor = _predictor_for(run, context)
        ahead = PlanesAhead.open(run.store, run.axis)
        missing = [index for index in range(run.first, run.stop) if not ahead.has(index)]
        for first, stop in spans(missing, len(missing)):
            _segment_span(replace(run, first=first, stop=stop), predictor, ahead, context)
        return RunOutcome(predictor.ran_with, tuple(predictor.notes))


def ask_what_runs(run: PlaneRun, context: JobContext) -> RunOutcome:
    """Say what would run the network."""
    with _one_run:
        return RunOutcome(_predictor_for(run, context).ran_with, ())


def segment_elsewhere(whole: PlaneRun, planes: "StackPlanes", count: CountPlane, context: JobContext) -> RunOutcome:
    """Have the missing planes of a stack segmented by `context.map`, and count every plane as soon as its turn comes.

    What is finished when an error or a cancel ends it is counted, too, or found by the next one who goes on.
    """
    left = [index for index in range(planes.n_done, len(planes)) if not planes.ahead.has(index)]
    outcomes = []
    try:
        for outcome in context.map(segment_run, whole.over(left, (planes.array.shape[1], planes.array.shape[2]))):
            outcomes.append(outcome)
            for _ in _count_ready(planes, count):
                context.check_cancelled()
    except BaseException:
        planes.ahead.stop(whole.turn)
        raise
    finally:
        deque(_count_ready(planes, count), maxlen=0)
    if planes.n_done < len(planes):
        raise VolumeError(f"Plane {planes.n_done} was segmented by another computer and is not to be seen here.")
    planes.ahead.tidy()
    notes = dict.fromkeys(note for outcome in outcomes for note in outcome.notes)
    return RunOutcome(outcomes[0].ran_with if outcomes else "", tuple(notes))


def _count_ready(planes: "StackPlanes", count: CountPlane) -> Iterator[int]:
    """Count the planes whose turn it is, one by one."""
    while planes.n_done < len(planes) and planes.ahead.has(planes.n_done):
        count(planes.n_done, *planes.ahead.get(planes.n_done))
        yield planes.n_done


def _segment_span(run: PlaneRun, predictor: "TiledPredictor", ahead: "PlanesAhead", context: JobContext) -> None:
    from empanada_desktop.engine.stack import segment_stack, settings_beside
    from empanada_desktop.io.volumes.faults import writing
    from empanada_desktop.io.weights import find_weights

    def take_plane(index: int, components: NDArray[np.uint32], table: ComponentTable) -> None:
        _check_wanted(run, ahead)
        with writing(Path(run.store)):
            ahead.put(index, components, table)

    def take_maps(index: int, maps: KeptMaps) -> None:
        with writing(Path(run.store)):
            ahead.maps.put(index, maps)

    with run.volume.open() as volume:

        def read_plane(index: int) -> NDArray[np.float32]:
            return run.grey.scale(volume.read_plane(run.axis, index))

        plane = plane_settings(run.params, find_weights(run.params.weights).descriptor)
        rows, columns = (volume.shape[place] for place in run.axis.in_plane)
        median, threads = run.params.median_filter_size, run.params.threads
        settings = settings_beside(predictor, plane, median, (rows, columns), threads)
        n_planes, maps = volume.planes(run.axis), take_maps if run.params.keep_confidence else None
        segment_stack(read_plane, n_planes, predictor, settings, take_plane, context, run.first, run.stop, maps)


def _check_wanted(run: PlaneRun, ahead: "PlanesAhead") -> None:
    """Stop when told to, or when the result is whole or another one by now: whoever asked for this run is gone."""
    from empanada_desktop.io.ome_zarr import read_header

    header = read_header(Path(run.store))
    is_other = header is None or header.is_complete or header.recipe.get("created") != run.created
    if is_other or ahead.is_stopped(run.turn):
        raise JobCancelled


def _predictor_for(run: PlaneRun, context: JobContext) -> "TiledPredictor":
    return _load(run.params.model_dump_json(), run.sha256, context.device if isinstance(context, Placed) else None)


@lru_cache(1)
def _load(params: str, sha256: str, device: str | None) -> "TiledPredictor":
    """Load the network, once for all runs that a process takes."""
    from empanada_desktop.io.weights import find_weights

    values = StackParams.model_validate_json(params)
    weights = find_weights(values.weights)
    if weights.descriptor.sha256 != sha256:
        raise WeightsError(
            f"The weights {values.weights} are others on one of the computers.",
            "Give the path of their descriptor on a disk that all computers share.",
        )
    return load_predictor(weights, values, device=device)
