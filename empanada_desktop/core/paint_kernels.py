"""Which voxels a brush covers, compiled; importing this compiles or loads from disk: in a thread, see `paint_masks`."""

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(
    "void(boolean[:,:,::1], float64[::1], float64[::1], float64[::1], int64[::1])",
    cache=True,
    nogil=True,
    boundscheck=False,
)
def _stamp_piece(
    mask: NDArray[np.bool_],
    start: NDArray[np.float64],
    stop: NDArray[np.float64],
    units: NDArray[np.float64],
    origin: NDArray[np.int64],
) -> None:
    along_z, along_y, along_x = stop[0] - start[0], stop[1] - start[1], stop[2] - start[2]
    length = along_z * along_z + along_y * along_y + along_x * along_x
    shrink = stop[3] - start[3]
    reach = max(start[3], stop[3])
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    for axis in range(3):
        first = np.floor((min(start[axis], stop[axis]) - reach) / units[axis]) - origin[axis]
        last = np.floor((max(start[axis], stop[axis]) + reach) / units[axis]) + 1 - origin[axis]
        low[axis], high[axis] = max(0, int(first)), min(mask.shape[axis], int(last))
    for z in range(low[0], high[0]):
        off_z = (z + origin[0] + 0.5) * units[0] - start[0]
        for y in range(low[1], high[1]):
            off_y = (y + origin[1] + 0.5) * units[1] - start[1]
            for x in range(low[2], high[2]):
                off_x = (x + origin[2] + 0.5) * units[2] - start[2]
                share = 0.0
                if length > 0:
                    share = (off_z * along_z + off_y * along_y + off_x * along_x) / length
                    share = min(1.0, max(0.0, share))
                far_z, far_y, far_x = off_z - share * along_z, off_y - share * along_y, off_x - share * along_x
                radius = start[3] + share * shrink
                if far_z * far_z + far_y * far_y + far_x * far_x <= radius * radius:
                    mask[z, y, x] = True


@numba.njit("void(boolean[:,:,::1], float64[:,::1], float64[::1], int64[::1])", cache=True, nogil=True)
def stamp(
    mask: NDArray[np.bool_], path: NDArray[np.float64], units: NDArray[np.float64], origin: NDArray[np.int64]
) -> None:
    """Mark the voxels of a box that a brush covers; as `paint_masks.stamp`."""
    if path.shape[0] == 1:
        _stamp_piece(mask, path[0], path[0], units, origin)
    for piece in range(path.shape[0] - 1):
        _stamp_piece(mask, path[piece], path[piece + 1], units, origin)
