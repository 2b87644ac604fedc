"""Going over a volume block by block, and turning a stack's components into its objects on the way."""

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Axis, Box

SQUARE = 32


class Sliceable(Protocol):
    """An array that is read by boxes: numpy, memmap and zarr alike."""

    def __getitem__(self, index: Any, /) -> Any:  # noqa: ANN401 - numpy and zarr differ in their index types
        """Return the voxels of a box."""


def blocks(shape: tuple[int, int, int], side: tuple[int, int, int]) -> Iterator[Box]:
    """Cut a volume into boxes of `side` (smaller at the far faces), z slowest."""
    return blocks_within(Box((0, 0, 0), shape), side)


def blocks_within(part: Box, side: tuple[int, int, int]) -> Iterator[Box]:
    """Cut a part of a volume along the grid that cuts the volume into boxes of `side`, z slowest."""
    cuts = [
        [(max(low, first), min(low + step, last)) for low in range(first // step * step, last, step)]
        for (first, last), step in zip(part.spans, side, strict=True)
    ]
    for spans in product(*cuts):
        yield Box.of_spans(spans)


def count_blocks(shape: tuple[int, int, int], side: tuple[int, int, int]) -> int:
    """Return how many boxes `blocks` gives."""
    return count_blocks_within(Box((0, 0, 0), shape), side)


def count_blocks_within(part: Box, side: tuple[int, int, int]) -> int:
    """Return how many boxes `blocks_within` gives."""
    return math.prod(-(-last // step) - first // step for (first, last), step in zip(part.spans, side, strict=True))


def grown(box: Box, margin: int, shape: tuple[int, int, int]) -> tuple[Box, Box]:
    """Grow a box by `margin` within a volume; returns the grown box, and the place of the old one inside it."""
    start = tuple(max(0, low - margin) for low in box.start)
    stop = tuple(min(end, high + margin) for high, end in zip(box.stop, shape, strict=True))
    inner = tuple(low - first for low, first in zip(box.start, start, strict=True))
    last = tuple(first + extent for first, extent in zip(inner, box.shape, strict=True))
    return (
        Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2])),
        Box((inner[0], inner[1], inner[2]), (last[0], last[1], last[2])),
    )


def stacked_block(
    components: Sliceable, tables: Sequence[NDArray[np.uint32]], axis: Axis, box: Box
) -> NDArray[np.uint32]:
    """Return the object ids of a box of the volume, z y x, from the components of a stack.

    components: (planes, rows, columns) as the stack was segmented along `axis`. tables[n] maps the components of
    plane n (0 is background) to ids. IndexError where a component is not in its plane's table.
    """
    order = (axis.normal, *axis.in_plane)
    planes, rows, columns = (box.slices[dimension] for dimension in order)
    found = np.ascontiguousarray(components[planes, rows, columns], np.uint32)
    lengths = np.array([len(table) for table in tables[planes]], np.int64)
    ids = np.empty(box.shape, np.uint32)
    strays = _look_up(found, np.concatenate(tables[planes]), lengths, ids.transpose(order))
    if strays:
        raise IndexError(f"{strays} voxels of {axis} planes {planes.start} to {planes.stop - 1} are of no component")
    return ids


@njit(cache=True, nogil=True)
def _look_up(
    found: NDArray[np.uint32], entries: NDArray[np.uint32], lengths: NDArray[np.int64], ids: NDArray[np.uint32]
) -> int:
    """Write table[component] of every voxel into `ids`, a view in any order of axes; returns how many had no entry.

    entries: the planes' tables one behind the other, of these lengths. Squares of planes and columns keep both arrays
    in the cache, whichever of the two axes lies closer in `ids`.
    """
    n_planes, n_rows, n_columns = found.shape
    starts = np.cumsum(lengths) - lengths
    strays = 0
    for row in range(n_rows):
        for first_plane in range(0, n_planes, SQUARE):
            for first in range(0, n_columns, SQUARE):
                for plane in range(first_plane, min(first_plane + SQUARE, n_planes)):
                    start, length = starts[plane], lengths[plane]
                    for column in range(first, min(first + SQUARE, n_columns)):
                        component = found[plane, row, column]
                        if component < length:
                            ids[plane, row, column] = entries[start + component]
                        else:
                            strays += 1
    return strays
