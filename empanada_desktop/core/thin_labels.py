"""Coarser levels of labels hold every second or fourth voxel: what is thinner falls between, and is put back here."""

from collections.abc import Iterable
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Box

Triple = tuple[int, int, int]
Place = tuple[slice, slice, slice]


def put_back_thin(coarse: NDArray[np.uint32], factor: Triple, parts: Iterable[tuple[Box, NDArray[Any]]]) -> None:
    """Put into the samples of a coarser level (z y x, in place) what lies between them.

    factor: voxels that a sample spans, of which it holds the first one. parts: boxes of level 0, and their voxels. An
    empty sample takes the highest id in it, where none of its 26 neighbours has that id: surfaces of thick objects stay
    where they are.
    """
    found = [_thin(coarse, factor, box, voxels) for box, voxels in parts]
    for place, values in found:
        coarse[place] = np.maximum(coarse[place], values)


def _thin(coarse: NDArray[np.uint32], factor: Triple, box: Box, voxels: NDArray[Any]) -> tuple[Place, NDArray[Any]]:
    """Return where the samples of a box are, and what those of them take that are empty; 0: nothing."""
    highest = _highest(voxels, factor, box.start)
    z, y, x = (
        slice(low // step, min(low // step + length, end))
        for low, step, length, end in zip(box.start, factor, highest.shape, coarse.shape, strict=True)
    )
    own = coarse[z, y, x]
    highest = highest[tuple(slice(0, length) for length in own.shape)].astype(coarse.dtype)
    takes = (own == 0) & (highest > 0)
    if takes.any():
        around = _with_margin(coarse, (z, y, x))
        for shift in product(range(3), repeat=3):
            moved = around[tuple(slice(by, by + length) for by, length in zip(shift, own.shape, strict=True))]
            takes &= moved != highest
    return (z, y, x), np.where(takes, highest, 0)


def _highest(voxels: NDArray[Any], factor: Triple, start: Triple) -> NDArray[Any]:
    """Return the highest id within each sample; the box may begin and end within one."""
    before = [low % step for low, step in zip(start, factor, strict=True)]
    after = [-(first + length) % step for first, length, step in zip(before, voxels.shape, factor, strict=True)]
    padded = np.pad(voxels, list(zip(before, after, strict=True)))
    sides = [part for length, step in zip(padded.shape, factor, strict=True) for part in (length // step, step)]
    return np.asarray(padded.reshape(sides).max(axis=(1, 3, 5)))


def _with_margin(coarse: NDArray[np.uint32], place: Place) -> NDArray[np.uint32]:
    """Return samples with one more on all sides; 0 beyond the volume."""
    spans = [(part.start - 1, part.stop + 1) for part in place]
    inner = coarse[tuple(slice(max(0, low), high) for low, high in spans)]
    missing = [(int(low < 0), int(high > end)) for (low, high), end in zip(spans, coarse.shape, strict=True)]
    return np.pad(inner, missing)
