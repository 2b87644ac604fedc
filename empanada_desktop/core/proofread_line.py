"""Cutting of an object along a drawn line, or along the surface that the line makes going on through the planes."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.proofread_flood import Mask, Numbers, nearest_parts

Line = Sequence[tuple[float, float]]
EVERYWHERE = np.ones((3, 3, 3), np.bool_)
# Fewer voxels than these that a cut leaves between line and outline are no part of their own.
CRUMB = 10


def cut_along(mask: Mask, line: Line, axis: Axis, index: int, *, goes_on: bool) -> Numbers:
    """Number the parts that a line in plane `index` cuts an object (z y x) into; at most one number: it does not.

    Only where the object is connected with what lies under the drawn line, the surface cuts it. goes_on: a line that
    does not cut through is made longer at both ends.
    """
    drawn = _surface(mask, line, axis)
    seeds = drawn & mask & _in_plane(mask.shape, axis, index)
    numbers = _parts(mask, drawn, seeds)
    if int(numbers.max()) < 2 and goes_on and len(line) > 1:
        numbers = _parts(mask, _surface(mask, _longer(line, sum(mask.shape)), axis), seeds)
    return numbers


def _parts(mask: Mask, surface: Mask, seeds: Mask) -> Numbers:
    """Cut a mask along the pieces of a surface that hold any of `seeds`; parts that do not touch them get 0."""
    pieces, count = ndimage.label(surface & mask, EVERYWHERE)
    is_cut = np.zeros(count + 1, np.bool_)
    is_cut[pieces[seeds]] = True
    is_cut[0] = False
    cut = is_cut[pieces]
    rest, n_parts = ndimage.label(mask & ~cut, EVERYWHERE)
    sizes = np.bincount(rest.ravel(), minlength=n_parts + 1)
    beside = np.zeros(n_parts + 1, np.bool_)
    beside[rest[ndimage.binary_dilation(cut, EVERYWHERE)]] = True
    whole = np.flatnonzero(beside & (sizes >= CRUMB))
    whole = whole[whole > 0]
    new = np.zeros(n_parts + 1, np.int32)
    new[whole] = np.arange(1, len(whole) + 1)
    near = mask & (cut | (beside & (sizes < CRUMB))[rest] | (new[rest] > 0))
    return nearest_parts(near, new[rest])


def _surface(mask: Mask, line: Line, axis: Axis) -> Mask:
    """Return the voxels of the box that a line passes in any plane, without gaps through which corners would touch."""
    rows, columns = (mask.shape[at] for at in axis.in_plane)
    plane = np.zeros((rows, columns), np.bool_)
    for start, stop in pairwise(line):
        _draw(plane, start, stop)
    return np.asarray(np.broadcast_to(np.expand_dims(plane, axis.normal), mask.shape))


def _draw(plane: Mask, start: tuple[float, float], stop: tuple[float, float]) -> None:
    """Draw every pixel that a segment crosses (Amanatides and Woo 1987), so that pixels are joined by their edges."""
    steps = [end - begin for begin, end in zip(start, stop, strict=True)]
    here = [math.floor(at) for at in start]
    last = [math.floor(at) for at in stop]
    signs = [1 if step > 0 else -1 for step in steps]
    pace = [abs(1 / step) if step else math.inf for step in steps]
    until = [_first_crossing(at, step, each) for at, step, each in zip(start, steps, pace, strict=True)]
    for _ in range(abs(last[0] - here[0]) + abs(last[1] - here[1]) + 1):
        if 0 <= here[0] < plane.shape[0] and 0 <= here[1] < plane.shape[1]:
            plane[here[0], here[1]] = True
        along = 0 if until[0] < until[1] else 1
        here[along] += signs[along]
        until[along] += pace[along]


def _first_crossing(at: float, step: float, pace: float) -> float:
    """Return after which part of the segment it leaves its first pixel along an axis."""
    if not step:
        return math.inf
    return (math.floor(at) + 1 - at if step > 0 else at - math.floor(at)) * pace


def _longer(line: Line, length: float) -> list[tuple[float, float]]:
    """Return a line that goes straight on at both ends."""
    return [_beyond(line[1], line[0], length), *line, _beyond(line[-2], line[-1], length)]


def _beyond(before: tuple[float, float], end: tuple[float, float], length: float) -> tuple[float, float]:
    way = np.subtract(end, before)
    norm = float(np.hypot(*way))
    row, column = np.add(end, way / norm * length) if norm else end
    return float(row), float(column)


def _in_plane(shape: tuple[int, ...], axis: Axis, index: int) -> NDArray[np.bool_]:
    """Return a mask of one plane, that broadcasts to the shape."""
    place = np.arange(shape[axis.normal]) == index
    return np.asarray(place.reshape([-1 if at == axis.normal else 1 for at in range(3)]))
