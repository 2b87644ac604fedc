"""Planes that are shown to the network in tiles: read tile by tile, written strip by strip, never whole in memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.confine import Rectangle, window_around
from empanada_desktop.core.context import JobContext

if TYPE_CHECKING:
    from empanada_desktop.engine.large_plane import Inside
    from empanada_desktop.io.scratch import Scratch
    from empanada_desktop.tasks.segment_plane import PlaneReader, Segmentation

ROWS_AT_ONCE = 512


def write_large_planes(
    out: Path, planes: "PlaneReader", work: "Segmentation", recipe: dict[str, Any], context: JobContext
) -> None:
    """Segment the planes one after another and write them; what lies beside `out` meanwhile goes in the end."""
    from empanada_desktop.io.scratch import Scratch
    from empanada_desktop.io.tiff import write_label_strips

    with Scratch(out) as scratch:
        strips = _all_strips(planes, work, scratch, context)
        write_label_strips(out, strips, planes.shape, planes.spacing, recipe, overwrite=True)


def _all_strips(
    planes: "PlaneReader", work: "Segmentation", scratch: "Scratch", context: JobContext
) -> Iterator[NDArray[np.uint32]]:
    _, height, width = planes.shape
    for done, index in enumerate(planes.indices, 1):
        window = _window(planes, index)
        if window is None:
            yield from _empty(height, width)
            continue
        top, left, bottom, right = window
        yield from _empty(top, width)
        for strip in _strips(planes, work, scratch, context, index, window):
            yield np.pad(strip, ((0, 0), (left, width - right)))
        yield from _empty(height - bottom, width)
        context.report(done, len(planes.indices), f"{planes.axis} planes")


def _strips(
    planes: "PlaneReader",
    work: "Segmentation",
    scratch: "Scratch",
    context: JobContext,
    index: int,
    window: Rectangle,
) -> Iterator[NDArray[np.uint32]]:
    """Segment a window of a plane, and yield its labels."""
    from empanada_desktop.engine.large_plane import LargePlane

    top, left, bottom, right = window
    columns = slice(left, right)

    def read(tile_rows: slice, tile_columns: slice) -> NDArray[np.float32]:
        return planes.read_part(index, _moved(tile_rows, top), _moved(tile_columns, left))

    def is_inside(rows: slice) -> NDArray[np.bool_]:
        return planes.inside_part(index, _moved(rows, top), columns)

    inside: Inside | None = None if planes.labels is None else is_inside
    plane = LargePlane((bottom - top, right - left), work.predictor, work.settings, scratch)
    divisor = plane.segment(read, work.divisor, context, inside)
    work.count(plane.objects, divisor, index)
    yield from plane.strips()


def _window(planes: "PlaneReader", index: int) -> Rectangle | None:
    """Return the part of the plane that has to be looked at; None when there is none."""
    _, height, width = planes.shape
    if planes.labels is None:
        return 0, 0, height, width
    rows, columns = np.zeros(height, np.bool_), np.zeros(width, np.bool_)
    for first in range(0, height, ROWS_AT_ONCE):
        some = slice(first, min(first + ROWS_AT_ONCE, height))
        inside = planes.inside_part(index, some, slice(0, width))
        rows[some] = inside.any(axis=1)
        columns |= inside.any(axis=0)
    return window_around(rows, columns)


def _empty(height: int, width: int) -> Iterator[NDArray[np.uint32]]:
    for first in range(0, height, ROWS_AT_ONCE):
        yield np.zeros((min(ROWS_AT_ONCE, height - first), width), np.uint32)


def _moved(span: slice, by: int) -> slice:
    return slice(span.start + by, span.stop + by)
