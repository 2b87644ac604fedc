"""Planes whose network outputs are kept, so that their objects can be found anew with other settings at once."""

import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.confine import PlaneMask
from empanada_desktop.core.context import JobContext
from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.grey import GreyRange
from empanada_desktop.errors import SettingsError
from empanada_desktop.tasks.inference import load_predictor, plane_settings, volume_grey_range
from empanada_desktop.tasks.inference_params import PlaneParams

if TYPE_CHECKING:
    from empanada_desktop.engine.predictor import PlaneOutputs
    from empanada_desktop.engine.tiled import TiledPredictor
    from empanada_desktop.io.volumes import Volume, VolumeRef
    from empanada_desktop.io.weights import Weights

KEPT_BYTES = 512 << 20
COUNTABLE = 1 << 20
Region = tuple[int, int, int, int]


@dataclass(frozen=True)
class LivePlane:
    """Which plane of which volume: region is first row, first column, last row, last column (not included).

    inside: the pixels of the region that count, all when None; the network sees the others, too, so that planes that
    differ in nothing else are equal and have the same outputs.
    """

    ref: "VolumeRef"
    axis: Axis
    index: int
    region: Region | None = None
    inside: PlaneMask | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Prediction:
    """What the network said of a plane, as far as it is shown.

    confidence: (H, W) uint8, 255 is certainly foreground. ran: whether the network had to run. seconds: how long that
    took, without loading it; 0 where it did not run.
    """

    plane: LivePlane
    downsampling: int
    confidence: NDArray[np.uint8]
    ran: bool
    seconds: float


@dataclass(frozen=True)
class Grouping:
    """The objects of a plane with certain settings.

    labels: (H, W) uint32, class * divisor + k. centres: (n, 2) float64 row, column within the region, in pixels of the
    plane. objects: how many of each class. origin: row and column of the plane where the labels begin.
    """

    plane: LivePlane
    params: PlaneParams
    labels: NDArray[np.uint32]
    centres: NDArray[np.float64]
    objects: dict[str, int]
    divisor: int
    seconds: float

    @property
    def origin(self) -> tuple[int, int]:
        """Where in the plane the labels begin."""
        return self.plane.region[:2] if self.plane.region else (0, 0)


Key = tuple[LivePlane, str, int]


class LivePlanes:
    """Keeps a volume, a network and the outputs of the planes that were looked at last."""

    def __init__(self) -> None:
        self._volume: Volume | None = None
        self._ref: VolumeRef | None = None
        self._grey = GreyRange(0, 1, "")
        self._weights: tuple[str, Weights] | None = None
        self._predictor: TiledPredictor | None = None
        self._loaded: tuple[str | int, ...] | None = None
        self._outputs: OrderedDict[Key, PlaneOutputs] = OrderedDict()

    def predict(self, plane: LivePlane, params: PlaneParams, context: JobContext) -> Prediction:
        """Run the network on a plane, unless its outputs are kept; says what it sees."""
        outputs, seconds = self._outputs_of(plane, params, context)
        semantic = outputs.semantic
        foreground = semantic[0] if len(semantic) == 1 else 1 - semantic[0]
        confidence = np.rint(foreground * 255).astype(np.uint8)
        return Prediction(plane, params.image_downsampling, confidence, seconds > 0, seconds)

    def group(self, plane: LivePlane, params: PlaneParams, context: JobContext) -> Grouping:
        """Find the objects of a plane; runs the network only when the plane's outputs are not kept."""
        from empanada_desktop.engine.plane import labels_from

        outputs, _ = self._outputs_of(plane, params, context)
        started = time.perf_counter()
        weights = self._weights_of(params)
        settings = plane_settings(params, weights.descriptor)
        inside = None if plane.inside is None else plane.inside.inside
        labels, divisor = labels_from(outputs, settings, params.max_objects_per_class, inside)
        counts = _counts(labels, divisor)
        objects = {title: counts.get(number, 0) for number, title in weights.descriptor.class_names.items()}
        centres = _centres(outputs, params) if settings.things else np.zeros((0, 2))
        return Grouping(plane, params, labels, centres, objects, divisor, time.perf_counter() - started)

    def close(self) -> None:
        """Let go of the volume."""
        if self._volume is not None:
            self._volume.close()

    def _outputs_of(self, plane: LivePlane, params: PlaneParams, context: JobContext) -> "tuple[PlaneOutputs, float]":
        """The network's outputs, and how many seconds it ran for them; 0 when they were kept."""
        key = (plane, params.weights, params.image_downsampling)
        predictor = self._predictor_for(params)
        if key in self._outputs:
            self._outputs.move_to_end(key)
            return self._outputs[key], 0.0
        image = self._read(plane)
        context.check_cancelled()
        # Always at quarter resolution: fine boundaries are made from that when objects are found.
        started = time.perf_counter()
        self._outputs[key] = predictor.predict(image, params.image_downsampling)
        seconds = time.perf_counter() - started
        self._forget_oldest()
        return self._outputs[key], seconds

    def _read(self, plane: LivePlane) -> NDArray[np.float32]:
        if self._volume is None or self._ref != plane.ref:
            self.close()
            self._volume, self._ref = plane.ref.open(), plane.ref
            self._grey = volume_grey_range(self._volume)
        if not 0 <= plane.index < self._volume.planes(plane.axis):
            raise SettingsError(f"There is no {plane.axis} plane {plane.index}.", "Choose a plane of the volume.")
        pixels = self._volume.read_plane(plane.axis, plane.index)
        top, left, bottom, right = plane.region or (0, 0, *pixels.shape)
        return self._grey.scale(pixels[top:bottom, left:right])

    def _weights_of(self, params: PlaneParams) -> "Weights":
        from empanada_desktop.io.weights import find_weights

        if self._weights is None or self._weights[0] != params.weights:
            self._weights = params.weights, find_weights(params.weights)
        return self._weights[1]

    def _predictor_for(self, params: PlaneParams) -> "TiledPredictor":
        computer = (params.use_gpu, params.threads, params.backend, params.use_quantised)
        wanted = (params.weights, params.tile_size, *computer)
        if self._predictor is None or self._loaded != wanted:
            weights = self._weights_of(params)
            self._predictor = load_predictor(weights, params, may_prepare=False)
            self._loaded = wanted
            self._outputs.clear()
        return self._predictor

    def _forget_oldest(self) -> None:
        while len(self._outputs) > 1 and sum(map(_n_bytes, self._outputs.values())) > KEPT_BYTES:
            self._outputs.popitem(last=False)


def _n_bytes(outputs: "PlaneOutputs") -> int:
    return outputs.semantic.nbytes + outputs.heatmap.nbytes + outputs.offsets.nbytes


def _counts(labels: NDArray[np.uint32], divisor: int) -> dict[int, int]:
    largest = int(labels.max(initial=0))
    # Counting is ten times as fast as sorting, as long as the counters fit into the caches.
    ids = np.flatnonzero(np.bincount(labels.ravel())) if largest < COUNTABLE else np.unique(labels)
    classes, counts = np.unique(ids[ids > 0] // divisor, return_counts=True)
    return dict(zip(classes.tolist(), counts.tolist(), strict=True))


def _centres(outputs: "PlaneOutputs", params: PlaneParams) -> NDArray[np.float64]:
    """Return the places of the centres that count, in pixels of the plane, those beyond its edge left out."""
    from empanada_desktop.core.grouping import find_centres

    distance = params.centre_min_distance
    if params.fine_boundaries:
        distance = max(1, round(distance / outputs.cell))
    cells = find_centres(outputs.heatmap, params.centre_confidence, distance)
    places: NDArray[np.float64] = (cells.astype(np.float64) + 0.5) * (outputs.cell * outputs.downsampling)
    return places[(places < outputs.semantic.shape[1:]).all(axis=1)]
