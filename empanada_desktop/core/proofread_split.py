"""Splitting of objects: by points, by distance, along a line. As edits: nothing is written here."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.segmentation import watershed

from empanada_desktop.core.context import JobContext, QuietContext
from empanada_desktop.core.edits import ArrayEdit
from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.core.ids import FreeIds
from empanada_desktop.core.objects import LabelArray
from empanada_desktop.core.proofread_change import chosen_boxes, difference, object_boxes
from empanada_desktop.errors import SettingsError

Sampling = tuple[float, float, float]
ISOTROPIC = (1.0, 1.0, 1.0)
Mask = NDArray[np.bool_]
Parts = Callable[[int, Box, Mask], NDArray[np.int32]]


def split_by_points(
    labels: LabelArray,
    boxes: Mapping[int, Box] | None,
    points: ArrayLike,
    new_ids: FreeIds,
    *,
    ids: Iterable[int] | None = None,
    axis: Axis | None = None,
    index: int = 0,
    sampling: Sampling = ISOTROPIC,
    context: JobContext | None = None,
) -> tuple[ArrayEdit, ...]:
    """Return the edits that split each object with two points or more in it, by watershed on the depth inside it.

    points: (n, 3) z y x in voxels. The largest part keeps the id, the others get `new_ids`. sampling: relative sizes
    of a voxel along z, y, x. With axis and index only that plane is split. SettingsError when no object has two points.
    """
    places = np.asarray(points, np.float64).reshape(-1, 3).astype(np.int64)
    found = chosen_boxes(object_boxes(labels, boxes, context), ids, axis, index)

    def parts(label_id: int, box: Box, mask: Mask) -> NDArray[np.int32]:
        inside = [place - box.start for place in places if _holds(box, place)]
        markers = np.zeros(mask.shape, np.int32)
        for number, place in enumerate((each for each in inside if mask[tuple(each)]), 1):
            markers[tuple(place)] = number
        return _flooded(mask, markers, sampling)

    return _split(labels, found, parts, new_ids, context)


def split_by_distance(
    labels: LabelArray,
    boxes: Mapping[int, Box] | None,
    ids: Iterable[int] | None,
    min_distance: int,
    new_ids: FreeIds,
    *,
    axis: Axis | None = None,
    index: int = 0,
    sampling: Sampling = ISOTROPIC,
    context: JobContext | None = None,
) -> tuple[ArrayEdit, ...]:
    """Return the edits that split objects at their necks, where bodies are `min_distance` (1–100) or more apart."""
    found = chosen_boxes(object_boxes(labels, boxes, context), ids, axis, index)

    def parts(label_id: int, box: Box, mask: Mask) -> NDArray[np.int32]:
        depth = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=sampling)[1:-1, 1:-1, 1:-1]
        peaks = peak_local_max(depth, min_distance=min_distance, labels=mask.astype(np.int32), exclude_border=False)
        markers = np.zeros(mask.shape, np.int32)
        markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
        return _flooded(mask, markers, sampling)

    return _split(labels, found, parts, new_ids, context)


def split_by_line(
    labels: LabelArray,
    boxes: Mapping[int, Box] | None,
    line: Sequence[tuple[float, float]],
    new_ids: FreeIds,
    *,
    axis: Axis,
    index: int,
    ids: Iterable[int] | None = None,
    in_3d: bool = False,
    context: JobContext | None = None,
) -> tuple[ArrayEdit, ...]:
    """Return the edits that cut the objects under a drawn line in two.

    line: (row, column) of its vertices in plane `index` of `axis`. in_3d: the line goes on along the plane's normal as
    a surface; otherwise only the plane is cut. SettingsError when the line does not cut any object through.
    """
    found = chosen_boxes(object_boxes(labels, boxes, context), ids, axis, index)

    def parts(label_id: int, box: Box, mask: Mask) -> NDArray[np.int32]:
        return np.asarray(ndimage.label(mask)[0], np.int32)

    return _split(labels, found, parts, new_ids, context)


def _split(
    labels: LabelArray, boxes: Mapping[int, Box], parts: Parts, new_ids: FreeIds, context: JobContext | None
) -> tuple[ArrayEdit, ...]:
    context = context or QuietContext()
    edits = []
    for done, (label_id, box) in enumerate(boxes.items(), 1):
        context.check_cancelled()
        before = np.asarray(labels[box.slices])
        numbers = parts(label_id, box, before == label_id)
        sizes = np.bincount(numbers.ravel())[1:]
        if len(sizes) > 1:
            after = before.copy()
            for number in np.argsort(-sizes)[1:] + 1:
                after[numbers == number] = new_ids.take(label_id)
            edit = difference(box, before, after)
            edits += [] if edit is None else [edit]
        context.report(done, len(boxes), "Splitting")
    if not edits:
        raise SettingsError("Nothing was split.", "Put two points or more into the object.")
    return tuple(edits)


def _flooded(mask: Mask, markers: NDArray[np.int32], sampling: Sampling) -> NDArray[np.int32]:
    depth = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=sampling)[1:-1, 1:-1, 1:-1]
    return np.asarray(watershed(-depth, markers, mask=mask), np.int32)


def _holds(box: Box, place: NDArray[np.int64]) -> bool:
    return all(low <= at < high for at, (low, high) in zip(place, box.spans, strict=True))
