"""Planes of changed labels as they are seen from afar: thinned in the plane, but exact along its normal.

A coarser level holds every second or fourth plane only. What is painted on the others would not be seen while the whole
plane is, so the changed blocks are taken from level 0.
"""

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.document.editable import EditableSource
from empanada_desktop.document.sources import Triple


def exact_planes(
    source: EditableSource, level: int, axis: Axis, planes: range, rows: slice, columns: slice
) -> NDArray[np.uint32]:
    """Return planes of level 0, each with the samples of a level: planes × rows × columns as Axis.in_plane.

    planes: of level 0. rows, columns: of the level. Unchanged parts are those of the level's plane.
    """
    along, factor = axis.normal, source.levels[level]
    found = _as_in_file(source, level, axis, planes, rows, columns)
    down, right = axis.in_plane
    box = _spanned(axis, planes, (rows, factor[down]), (columns, factor[right]), source.shape)
    for key in source.blocks.changed(0, box):
        own = source.blocks.grids[0].box(key[1:])
        first, last = max(own.start[along], planes.start), min(own.stop[along], planes.stop)
        top, bottom = _samples(own.spans[down], factor[down], rows)
        left, end = _samples(own.spans[right], factor[right], columns)
        if first >= last or top >= bottom or left >= end:
            continue
        cut = [slice(0)] * 3
        cut[along] = slice(first - own.start[along], last - own.start[along])
        cut[down] = slice(top * factor[down] - own.start[down], None, factor[down])
        cut[right] = slice(left * factor[right] - own.start[right], None, factor[right])
        voxels = np.moveaxis(source.blocks.get(key).voxels[tuple(cut)], (along, down, right), (0, 1, 2))
        there = found[first - planes.start : last - planes.start, top - rows.start : bottom - rows.start]
        there[:, :, left - columns.start : end - columns.start] = voxels[:, : bottom - top, : end - left]
    return found


def _as_in_file(
    source: EditableSource, level: int, axis: Axis, planes: range, rows: slice, columns: slice
) -> NDArray[np.uint32]:
    """The planes of the base; several that are one plane of its level are read once."""
    shape = len(planes), rows.stop - rows.start, columns.stop - columns.start
    if source.base is None:
        return np.zeros(shape, np.uint32)
    found = np.empty(shape, np.uint32)
    step = source.levels[level][axis.normal]
    last = -(-source.shape[axis.normal] // step) - 1
    for place in {min(plane // step, last) for plane in planes}:
        here = [number for number, plane in enumerate(planes) if min(plane // step, last) == place]
        found[here] = source.base.read(level, axis, place, rows, columns)
    return found


def _spanned(axis: Axis, planes: range, rows: tuple[slice, int], columns: tuple[slice, int], shape: Triple) -> Box:
    """The voxels of level 0 that samples of some planes stand for."""
    spans = [(planes.start, planes.stop)] * 3
    for each, (samples, step) in zip(axis.in_plane, (rows, columns), strict=True):
        spans[each] = (samples.start * step, min(samples.stop * step, shape[each]))
    return Box.of_spans(spans)


def _samples(span: tuple[int, int], step: int, wanted: slice) -> tuple[int, int]:
    """The first of the wanted samples of a level that lies among voxels, and one past the last."""
    return max(-(-span[0] // step), wanted.start), min(-(-span[1] // step), wanted.stop)
