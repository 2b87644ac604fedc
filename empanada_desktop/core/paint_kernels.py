"""Which voxels a brush covers, compiled; importing this compiles or loads from disk: in a thread, see `paint_masks`."""

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit("boolean(float64, float64, float64, float64[::1], float64[::1])", cache=True, nogil=True, inline="always")
def _is_within(z: float, y: float, x: float, start: NDArray[np.float64], stop: NDArray[np.float64]) -> bool:
    """Whether a place lies within the radius of a piece."""
    along_z, along_y, along_x = stop[0] - start[0], stop[1] - start[1], stop[2] - start[2]
    off_z, off_y, off_x = z - start[0], y - start[1], x - start[2]
    length = along_z * along_z + along_y * along_y + along_x * along_x
    share = 0.0
    if length > 0:
        share = min(1.0, max(0.0, (off_z * along_z + off_y * along_y + off_x * along_x) / length))
    far_z, far_y, far_x = off_z - share * along_z, off_y - share * along_y, off_x - share * along_x
    radius = start[3] + share * (stop[3] - start[3])
    return bool(far_z * far_z + far_y * far_y + far_x * far_x <= radius * radius)


@numba.njit("void(boolean[:,:,::1], float64[::1], float64[::1], float64[::1], int64[::1])", cache=True, nogil=True)
def _stamp_piece(
    mask: NDArray[np.bool_],
    start: NDArray[np.float64],
    stop: NDArray[np.float64],
    units: NDArray[np.float64],
    origin: NDArray[np.int64],
) -> None:
    reach = max(start[3], stop[3])
    low, high = np.empty(3, np.int64), np.empty(3, np.int64)
    for axis in range(3):
        first = np.floor((min(start[axis], stop[axis]) - reach) / units[axis]) - origin[axis]
        last = np.floor((max(start[axis], stop[axis]) + reach) / units[axis]) + 1 - origin[axis]
        low[axis] = max(0, int(first))
        high[axis] = max(low[axis], min(mask.shape[axis], int(last)))
    for z in range(low[0], high[0]):
        place_z = (z + origin[0] + 0.5) * units[0]
        for y in range(low[1], high[1]):
            place_y = (y + origin[1] + 0.5) * units[1]
            if start[3] != stop[3]:
                for x in range(low[2], high[2]):
                    if _is_within(place_z, place_y, (x + origin[2] + 0.5) * units[2], start, stop):
                        mask[z, y, x] = True
                continue
            # With one radius, what is covered hangs together along a row: it is looked for from both ends.
            left, right = low[2], high[2]
            while left < right and not _is_within(place_z, place_y, (left + origin[2] + 0.5) * units[2], start, stop):
                left += 1
            while left < right and not _is_within(
                place_z, place_y, (right - 1 + origin[2] + 0.5) * units[2], start, stop
            ):
                right -= 1
            mask[z, y, left:right] = True


@numba.njit("void(boolean[:,:,::1], float64[:,::1], float64[::1], int64[::1])", cache=True, nogil=True)
def stamp(
    mask: NDArray[np.bool_], path: NDArray[np.float64], units: NDArray[np.float64], origin: NDArray[np.int64]
) -> None:
    """Mark the voxels of a box that a brush covers; as `paint_masks.stamp`."""
    if path.shape[0] == 1:
        _stamp_piece(mask, path[0], path[0], units, origin)
    for piece in range(path.shape[0] - 1):
        _stamp_piece(mask, path[piece], path[piece + 1], units, origin)
