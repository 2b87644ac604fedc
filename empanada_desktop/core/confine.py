"""Confining a plane's segmentation to voxels: which part of the plane is needed, and what counts."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

CONTEXT = 128
"""Pixels round the voxels that the network sees as well: what lies there tells it what they are."""

Rectangle = tuple[int, int, int, int]


@dataclass(frozen=True)
class PlaneMask:
    """Pixels of a rectangle of a plane, one bit each: small, comparable, and able to travel to another process."""

    shape: tuple[int, int]
    bits: bytes

    @classmethod
    def of(cls, inside: NDArray[np.bool_]) -> Self:
        """Pack (H, W) booleans."""
        return cls((inside.shape[0], inside.shape[1]), np.packbits(inside).tobytes())

    @property
    def inside(self) -> NDArray[np.bool_]:
        """The pixels as (H, W) booleans."""
        rows, columns = self.shape
        flat = np.unpackbits(np.frombuffer(self.bits, np.uint8), count=rows * columns)
        return flat.reshape(self.shape).astype(np.bool_)


def inside_of(labels: NDArray[Any], ids: Collection[int]) -> NDArray[np.bool_]:
    """Where a plane holds one of these labels; any label at all when `ids` is empty."""
    return np.isin(labels, list(ids)) if ids else np.asarray(labels != 0)


def window_of(inside: NDArray[np.bool_], context: int = CONTEXT) -> Rectangle | None:
    """First row, first column, last row, last column (not included) that hold the pixels and their surroundings.

    None when no pixel is inside.
    """
    return window_around(np.asarray(inside.any(axis=1)), np.asarray(inside.any(axis=0)), context)


def window_around(rows: NDArray[np.bool_], columns: NDArray[np.bool_], context: int = CONTEXT) -> Rectangle | None:
    """As window_of, from which rows and which columns hold such pixels."""
    if not rows.any():
        return None
    lines = [np.flatnonzero(held) for held in (rows, columns)]
    top, left = (max(0, int(places[0]) - context) for places in lines)
    bottom, right = (
        min(held.size, int(places[-1]) + 1 + context) for places, held in zip(lines, (rows, columns), strict=True)
    )
    return top, left, bottom, right
