"""Connected components of a volume, plane by plane: memory holds two planes, however deep the volume is."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from empanada_desktop.core.components import connected_parts, find_root, join_sets

Labels = NDArray[np.uint32]


@njit(cache=True, nogil=True)
def _join_planes(before: Labels, here: Labels, parents: NDArray[np.int64]) -> None:
    """Join the parts of two planes that touch by a face, an edge or a corner."""
    height, width = here.shape
    for row in range(height):
        for column in range(width):
            own = here[row, column]
            if own == 0:
                continue
            for other_row in range(max(row - 1, 0), min(row + 2, height)):
                for other_column in range(max(column - 1, 0), min(column + 2, width)):
                    other = before[other_row, other_column]
                    if other != 0 and parents[other] != parents[own]:
                        join_sets(parents, np.int64(own), np.int64(other))


class StackComponents:
    """Numbers the parts of a mask as its planes come, and tells at the end which parts are one component.

    Neighbours are the 26 voxels around a voxel, as they are the 8 in a plane.
    """

    def __init__(self) -> None:
        """Start without planes."""
        self._parents = np.zeros(1, np.int64)
        self._before: Labels | None = None

    def add_plane(self, mask: NDArray[np.bool_]) -> Labels:
        """Take the next plane (H, W); returns its parts (H, W), with numbers that no other plane has."""
        parts = connected_parts(mask.astype(np.uint32))
        first, count = len(self._parents), int(parts.max(initial=0))
        self._parents = np.concatenate([self._parents, np.arange(first, first + count)])
        parts[parts > 0] += np.uint32(first - 1)
        if self._before is not None:
            _join_planes(self._before, parts, self._parents)
        self._before = parts
        return parts

    def finish(self) -> Labels:
        """Return the component (1..n, in order of appearance; 0 for 0) of each part number."""
        self._before = None
        roots = np.array([find_root(self._parents, part) for part in range(len(self._parents))], np.int64)
        return np.unique(roots, return_inverse=True)[1].astype(np.uint32)
