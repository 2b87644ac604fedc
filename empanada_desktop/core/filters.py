"""Which objects of a volume are too small to keep."""

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.tracking import ObjectTable


def keep_objects(
    objects: ObjectTable, min_size: int = 500, min_extent: int = 5, shape: tuple[int, int, int] | None = None
) -> NDArray[np.bool_]:
    """Return which objects (n,) have `min_size` voxels or more and every side of the box `min_extent` voxels or longer.

    Along an axis on which the volume of `shape` is itself shorter than `min_extent`, objects must span the volume. A
    stuff class is no object and is always kept.
    """
    sides = objects.boxes[:, 3:] - objects.boxes[:, :3]
    needed = min_extent if shape is None else np.minimum(min_extent, shape)
    large = (objects.voxels >= min_size) & (sides >= needed).all(axis=1)
    return np.asarray(large | ~objects.is_thing)
