"""How sure the network was of each object, where segmenting has kept its confidence."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.kept_maps import PROBABILITY_STEPS
from empanada_desktop.core.review_confidence import Confidence
from empanada_desktop.errors import AppError

if TYPE_CHECKING:
    from empanada_desktop.io.predictions import StackPlanes
    from empanada_desktop.io.volumes import Volume


def kept_confidence(path: str, labels: "Volume", label_divisor: int, context: JobContext) -> Confidence | None:
    """Return the mean confidence of each object of labels over all stacks that kept it; None where none did.

    path: the result, or the one that changed labels lie over.
    """
    from empanada_desktop.tasks.fuse import kept_result

    if Path(path).suffix.lower() != ".zarr":
        return None
    try:
        origin, values = kept_result(path)
    except (AppError, KeyError):  # no result of segment-volume, or it has kept nothing
        return None
    sums = _Sums(label_divisor)
    for axis, planes in _stacks(origin, labels):
        for index in range(len(planes)):
            context.check_cancelled()
            sums.add(labels.read_plane(axis, index), planes.maps.get(index).semantic)
            context.report(index + 1, len(planes), f"Confidence, {axis} planes")
    return None if not sums.means else Confidence(sums.means, float(values["segmentation_confidence"]))


def _stacks(path: Path, labels: "Volume") -> "Iterator[tuple[Axis, StackPlanes]]":
    """Yield the stacks that have the confidence of every plane of the labels."""
    from empanada_desktop.io.ome_zarr import FinishedResult

    result = FinishedResult.open(path)
    for axis in Axis:
        planes = result.stack_planes(axis)
        if planes is not None and len(planes) == labels.planes(axis) and planes.maps.has_all(len(planes)):
            yield axis, planes


class _Sums:
    """Confidence and voxels of each object, plane by plane."""

    def __init__(self, label_divisor: int) -> None:
        self._divisor = label_divisor
        self._sums: dict[int, float] = {}
        self._counts: dict[int, int] = {}

    def add(self, plane: NDArray[np.integer], semantic: NDArray[np.uint8]) -> None:
        """Take a plane of labels (H, W) and its probabilities (C, h, w), which may be coarser."""
        rows, columns = np.nonzero(plane)
        ids, places, counts = np.unique(plane[rows, columns], return_inverse=True, return_counts=True)
        channels, height, width = semantic.shape
        classes = (ids // self._divisor)[places] if channels > 1 else np.zeros(len(rows), np.int64)
        down = rows * height // plane.shape[0], columns * width // plane.shape[1]
        values = semantic[np.minimum(classes, channels - 1), *down] / PROBABILITY_STEPS
        sums = np.bincount(places, values, len(ids))
        for label_id, total, count in zip(ids.tolist(), sums.tolist(), counts.tolist(), strict=True):
            self._sums[label_id] = self._sums.get(label_id, 0.0) + total
            self._counts[label_id] = self._counts.get(label_id, 0) + count

    @property
    def means(self) -> dict[int, float]:
        """The mean of each object."""
        return {label_id: total / self._counts[label_id] for label_id, total in self._sums.items()}
