"""Shapes of one object: between two planes on which it is drawn, and smoothed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]
# Two outlines that share less than this part of the smaller one are moved onto each other on the way.
SHARED = 0.5


def between(first: Mask, last: Mask, shares: Sequence[float], units: tuple[float, float] = (1.0, 1.0)) -> Mask:
    """Return shapes between two drawn ones, (shares, rows, columns); share 0 is the first, 1 the last.

    Distances to the outlines, negative outside, change evenly from one to the other (Raya, Udupa: Shape-based
    interpolation of multidimensional objects, 1990). Where the two hardly overlap, the shape also travels from the
    one's centre to the other's. units: sides of a pixel. ValueError when either is empty.
    """
    if not first.any() or not last.any():
        raise ValueError("both planes need something drawn on them")
    way = np.zeros(2) if _overlap(first, last) >= SHARED else _centre(last) - _centre(first)
    near, far = distances(first, units), distances(last, units)
    shapes = np.empty((len(shares), *first.shape), np.bool_)
    for shape, share in zip(shapes, shares, strict=True):
        shape[:] = (1 - share) * _moved(near, share * way) + share * _moved(far, (share - 1) * way) >= 0
    return shapes


def distances(mask: Mask, units: Sequence[float]) -> NDArray[np.float32]:
    """Return how far each voxel's middle lies from the outline: positive inside, negative outside."""
    padded = np.pad(mask, 1)
    inside = ndimage.distance_transform_edt(padded, sampling=units)
    outside = ndimage.distance_transform_edt(~padded, sampling=units)
    half = min(units) / 2
    signed = np.where(padded, inside - half, half - outside)
    cut = (slice(1, -1),) * mask.ndim
    return signed[cut].astype(np.float32)


def smoothed(mask: Mask, radius: float, units: Sequence[float]) -> Mask:
    """Return an object with a smoother surface and as many voxels as before (equal ones apart).

    radius: of the bumps that go, in the same measure as `units`, the sides of a voxel. The mask needs room for what
    may be added, `radius` on every side, unless it ends where the volume does.
    """
    if not mask.any():
        return mask.copy()
    blurred = ndimage.gaussian_filter(
        mask.astype(np.float32), [radius / unit for unit in units], mode="nearest", truncate=3
    )
    count = int(np.count_nonzero(mask))
    threshold = np.partition(blurred.ravel(), -count)[-count]
    kept: Mask = blurred >= max(threshold, np.finfo(np.float32).tiny)
    return kept


def _overlap(first: Mask, last: Mask) -> float:
    return float((first & last).sum() / min(first.sum(), last.sum()))


def _centre(mask: Mask) -> NDArray[np.float64]:
    centre: NDArray[np.float64] = np.argwhere(mask).mean(axis=0)
    return centre


def _moved(field: NDArray[np.float32], by: NDArray[np.float64]) -> NDArray[np.float32]:
    """A field of distances moved by a way in pixels; what comes in goes on as at the edge."""
    if not by.any():
        return field
    moved: NDArray[np.float32] = ndimage.shift(field, by, order=1, mode="nearest")
    return moved
