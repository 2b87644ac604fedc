"""Which voxels a brush covers: those whose middles lie within its radius of the line that it follows."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Box

Mask = NDArray[np.bool_]
Stamp = Callable[[Mask, NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]], None]


def stamp(mask: Mask, path: NDArray[np.float64], units: NDArray[np.float64], origin: NDArray[np.int64]) -> None:
    """Mark the voxels of a box that a brush covers; numpy alone, until the compiled functions are ready.

    mask: (planes, rows, columns), marked in place. path: (n, 4) places in units of length and the radius there, each
    two successive ones a straight piece. units: sides of a voxel. origin: the box's first voxel.
    """
    middles = [
        ((np.arange(length) + first + 0.5) * unit).reshape(shape)
        for length, first, unit, shape in zip(
            mask.shape, origin, units, ((-1, 1, 1), (1, -1, 1), (1, 1, -1)), strict=True
        )
    ]
    for start, stop in zip(path[: max(1, len(path) - 1)], path[min(1, len(path) - 1) :], strict=True):
        along = stop[:3] - start[:3]
        length = float(along @ along)
        share: Any = 0.0
        if length > 0:
            share = sum((middles[axis] - start[axis]) * along[axis] for axis in range(3)) / length
            share = np.clip(share, 0, 1)
        apart = sum((middles[axis] - start[axis] - share * along[axis]) ** 2 for axis in range(3))
        mask |= apart <= (start[3] + share * (stop[3] - start[3])) ** 2


class Backend:
    """Which function marks: numpy's until the compiled one is ready."""

    def __init__(self) -> None:
        self.stamp: Stamp = stamp

    def warm_up(self) -> None:
        """Load the compiled function, or compile it; takes a second or two, so call it in a thread."""
        from empanada_desktop.core import paint_kernels

        self.stamp = paint_kernels.stamp


backend = Backend()


def covered_box(path: NDArray[np.float64], units: Sequence[float], bounds: Box) -> Box | None:
    """The voxels that a path may cover, within bounds; None when there are none."""
    reach = path[:, 3:]
    low = np.floor((path[:, :3] - reach).min(axis=0) / units).astype(int)
    high = np.floor((path[:, :3] + reach).max(axis=0) / units).astype(int) + 1
    start, stop = np.maximum(low, bounds.start).tolist(), np.minimum(high, bounds.stop).tolist()
    return Box(tuple(start), tuple(stop)) if all(a < b for a, b in zip(start, stop, strict=True)) else None


def covered(path: NDArray[np.float64], units: Sequence[float], box: Box) -> Mask:
    """Return which voxels of a box a brush covers; path and units as `stamp` has them."""
    mask = np.zeros(box.shape, np.bool_)
    if len(path):
        backend.stamp(mask, np.ascontiguousarray(path), np.asarray(units, float), np.asarray(box.start, np.int64))
    return mask
