"""Growing and shrinking of labelled objects in planes or volumes; no object ever takes a voxel from another one.

Both look no further than their radius: a block that is handed in with a margin of that many voxels gives, inside the
margin, what the whole volume would give.
"""

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

Labels = NDArray[np.uint32]
Keys = NDArray[np.int64]  # squared distance << 32 | id, so that the smallest is the nearest, then the lowest id

ID_MASK = np.int64(0xFFFFFFFF)
FAR = np.int64(2**62)
FINE = 256  # steps of squared length in which voxels that are no cubes are counted


@njit(cache=True, nogil=True)
def _spread(keys: Keys, radius: int, unit: int) -> Keys:
    """Return the smallest key along the middle axis of `keys` (a, n, b), distances added, up to `radius` away.

    unit: the square of a voxel's length along that axis.
    """
    result = keys.copy()
    for outer in range(keys.shape[0]):
        for here in range(keys.shape[1]):
            for there in range(max(here - radius, 0), min(here + radius + 1, keys.shape[1])):
                added = np.int64(unit * (here - there) ** 2) << 32
                for inner in range(keys.shape[2]):  # SIMD
                    candidate = keys[outer, there, inner] + added
                    result[outer, here, inner] = min(result[outer, here, inner], candidate)
    return result


def _along(shape: tuple[int, ...], axis: int) -> tuple[int, int, int]:
    """Return the shape (a, n, b) that puts an axis in the middle."""
    before, after = shape[:axis], shape[axis + 1 :]
    return int(np.prod(before)), shape[axis], int(np.prod(after))


def reaches(radius: int, sampling: Sequence[float]) -> tuple[int, ...]:
    """Return how many voxels a ball of `radius` reaches along each axis, whose voxels have the sizes `sampling`."""
    return tuple(int(radius / size + 1e-9) for size in sampling)


def _units(radius: int, sampling: Sequence[float]) -> tuple[list[int], int]:
    """Return the squared voxel sizes and the squared radius as whole numbers; exact where all voxels are cubes."""
    fine = 1 if all(size == 1 for size in sampling) else FINE
    return [round(fine * size**2) for size in sampling], fine * radius**2


def dilate_labels(labels: Labels, radius: int, sampling: Sequence[float] | None = None) -> Labels:
    """Grow every object by `radius` (Euclidean) into the background.

    Where several objects could grow into a voxel the nearest takes it, the lowest id among equally near ones. `labels`
    has two or three axes; `sampling` are the sizes of a voxel along them, in the radius' unit (None: 1).
    """
    sampling = sampling or (1.0,) * labels.ndim
    if radius <= 0 or not labels.any():
        return labels.copy()
    units, limit = _units(radius, sampling)
    keys = np.where(labels > 0, labels.astype(np.int64), FAR)
    for axis, reach in enumerate(reaches(radius, sampling)):
        keys = _spread(keys.reshape(_along(labels.shape, axis)), reach, units[axis]).reshape(labels.shape)
    near = (keys >> np.int64(32)) <= limit
    return np.where(near, keys & ID_MASK, 0).astype(np.uint32)


@njit(cache=True, nogil=True)
def _spread_two(nearest: Keys, other: Keys, radius: int, unit: int) -> tuple[Keys, Keys]:
    """As `_spread`, for the smallest key and the smallest key of any other id than its."""
    new_nearest, new_other = nearest.copy(), other.copy()
    for outer in range(nearest.shape[0]):
        for here in range(nearest.shape[1]):
            for there in range(max(here - radius, 0), min(here + radius + 1, nearest.shape[1])):
                if there == here:
                    continue
                added = np.int64(unit * (here - there) ** 2) << 32
                for inner in range(nearest.shape[2]):
                    best, second = new_nearest[outer, here, inner], new_other[outer, here, inner]
                    for candidate in (nearest[outer, there, inner] + added, other[outer, there, inner] + added):
                        if candidate & ID_MASK == best & ID_MASK:
                            best = min(best, candidate)
                        elif candidate < best:
                            best, second = candidate, best
                        else:
                            second = min(second, candidate)
                    new_nearest[outer, here, inner], new_other[outer, here, inner] = best, second
    return new_nearest, new_other


def erode_labels(labels: Labels, radius: int, sampling: Sequence[float] | None = None) -> Labels:
    """Shrink every object by `radius` (Euclidean): keep what is further than that from anything else.

    Other objects count as the background does; the edge of the array does not, for an object may go on behind it.
    `labels` has two or three axes; `sampling` as in dilate_labels.
    """
    sampling = sampling or (1.0,) * labels.ndim
    if radius <= 0:
        return labels.copy()
    nearest, other = labels.astype(np.int64), np.full(labels.shape, FAR)
    units, limit = _units(radius, sampling)
    for axis, reach in enumerate(reaches(radius, sampling)):
        shape = _along(labels.shape, axis)
        nearest, other = _spread_two(nearest.reshape(shape), other.reshape(shape), reach, units[axis])
    deep = (other.reshape(labels.shape) >> np.int64(32)) > limit
    return np.where(deep, labels, 0).astype(np.uint32)
