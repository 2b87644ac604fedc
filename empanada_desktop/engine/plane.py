"""One plane from grey values to objects; the steps that a single plane and a stack share."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.components import split_components
from empanada_desktop.core.ids import number_objects
from empanada_desktop.core.kept_maps import KeptMaps
from empanada_desktop.engine.postprocess import QUARTER, STUFF_AREA, panoptic_plane

if TYPE_CHECKING:  # what follows the network is done without loading torch, too
    from empanada_desktop.engine.predictor import PlaneOutputs
    from empanada_desktop.engine.tiled import PlanePredictor

# Ids within a plane are only used to tell objects apart until they get their final ones: wide enough for any plane.
PLANE_DIVISOR = 1_000_000


@dataclass(frozen=True)
class PlaneSettings:
    """How a plane is turned into objects; see tasks.inference_params for the meaning of each value."""

    things: frozenset[int]
    image_downsampling: int = 1
    segmentation_confidence: float = 0.5
    centre_confidence: float = 0.1
    centre_min_distance: int = 3
    fine_boundaries: bool = False
    fill_holes: bool = False
    min_area: int = STUFF_AREA
    """Of objects in a plane on its own; within a stack they count by their voxels."""


def predict_plane(predictor: "PlanePredictor", plane: NDArray[np.float32], settings: PlaneSettings) -> "PlaneOutputs":
    """Run the network on a plane of grey values in 0..1, (H, W)."""
    return predictor.predict(plane, settings.image_downsampling, settings.fine_boundaries)


def panoptic_from(
    outputs: "PlaneOutputs", settings: PlaneSettings, semantic: NDArray[np.float32] | None = None
) -> NDArray[np.uint32]:
    """Make panoptic ids class * PLANE_DIVISOR + k, (H, W), from the network's outputs.

    `semantic` replaces the outputs' own probabilities, as after a median over planes.
    """
    maps = outputs.semantic if semantic is None else semantic, outputs.heatmap, outputs.offsets
    return _panoptic(maps, settings, outputs.cell, outputs.downsampling)


def panoptic_of_maps(maps: KeptMaps, settings: PlaneSettings) -> NDArray[np.uint32]:
    """Make panoptic ids as panoptic_from does, from rounded maps in quarter resolution."""
    return _panoptic(maps.unpacked(), settings, QUARTER, settings.image_downsampling)


def _panoptic(
    maps: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]],
    settings: PlaneSettings,
    cell: int,
    downsampling: int,
) -> NDArray[np.uint32]:
    return panoptic_plane(
        *maps,
        things=settings.things,
        segmentation_confidence=settings.segmentation_confidence,
        centre_confidence=settings.centre_confidence,
        centre_min_distance=settings.centre_min_distance,
        fine_boundaries=settings.fine_boundaries,
        label_divisor=PLANE_DIVISOR,
        fill_holes=settings.fill_holes,
        step=cell,
        downsampling=downsampling,
    )


def segment_plane(
    predictor: "PlanePredictor", plane: NDArray[np.float32], settings: PlaneSettings, label_divisor: int
) -> tuple[NDArray[np.uint32], int]:
    """Return the labels of a plane, (H, W) class * divisor + k, and the divisor (wider than asked for if it must be).

    Every connected region of `settings.min_area` pixels or more is an object of its own, numbered from 1 within its
    class.
    """
    return labels_from(predict_plane(predictor, plane, settings), settings, label_divisor)


def labels_from(
    outputs: "PlaneOutputs", settings: PlaneSettings, label_divisor: int, inside: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.uint32], int]:
    """Return the labels of a plane and their divisor, as segment_plane does, from outputs that are there already.

    `inside`, (H, W), confines them: what lies elsewhere is background before objects are told apart and counted.
    """
    panoptic = panoptic_from(outputs, settings)
    if inside is not None:
        panoptic[~inside] = 0
    components, table = split_components(panoptic, settings.things, PLANE_DIVISOR)
    keep = (table.areas >= settings.min_area) | ~table.is_thing
    ids, divisor = number_objects(table.classes, keep, settings.things, label_divisor)
    return np.concatenate([np.zeros(1, np.uint32), ids])[components], divisor
