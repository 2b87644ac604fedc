"""Running median over the planes of a stack."""

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from empanada_desktop.errors import SettingsError

Payload = TypeVar("Payload")
Plane = NDArray[np.float32]

PIECE = 512  # columns of 11 planes in float32 that stay in the first-level cache


@njit(cache=True, nogil=True)
def _sort_to_middle(rows: NDArray[np.float32], width: int) -> None:
    """Sort the first axis of `rows` (k, >= width) from the smallest up to the middle; inner loops are SIMD."""
    k = rows.shape[0]
    for placed in range(k // 2 + 1):  # each pass sinks the smallest of the rest to its place
        for i in range(k - 1, placed, -1):
            for column in range(width):
                low, high = rows[i - 1, column], rows[i, column]
                rows[i - 1, column] = min(low, high)
                rows[i, column] = max(low, high)


@njit(cache=True, nogil=True)
def _median(planes: NDArray[np.float32], used: NDArray[np.int64], result: NDArray[np.float32]) -> None:
    """Write into `result` (n,) the median of rows `used` of `planes` (kernel, n)."""
    k = used.size
    rows = np.empty((k, PIECE), np.float32)
    for start in range(0, result.size, PIECE):
        width = min(PIECE, result.size - start)
        for i in range(k):
            rows[i, :width] = planes[used[i], start : start + width]
        _sort_to_middle(rows, width)
        for column in range(width):
            result[start + column] = np.float32(0.5) * (rows[(k - 1) // 2, column] + rows[k // 2, column])


class MedianQueue(Generic[Payload]):
    """Plain median of each plane with its kernel // 2 neighbours on either side, as planes come in.

    Holds `kernel` planes. At the ends the window shrinks to the planes that exist; with an even number of them the
    median is the mean of the middle two. Every plane comes out, in order, also when there are fewer than the kernel.
    """

    def __init__(self, kernel: int) -> None:
        """Start an empty queue; `kernel` is odd."""
        if kernel < 1 or kernel % 2 == 0:
            raise SettingsError(
                f"A median over {kernel} planes has no middle.", "Choose an odd number: 1, 3, 5, 7, 9 or 11."
            )
        self._kernel = kernel
        self._reach = kernel // 2
        self._count = 0
        self._shape: tuple[int, ...] = ()
        self._ring = np.zeros((0, 0), np.float32)
        self._payloads: deque[Payload] = deque()

    def push(self, plane: Plane, payload: Payload) -> tuple[Plane, Payload] | None:
        """Take the next plane (all of one shape) with what belongs to it; return the plane that is now done, if any."""
        if self._kernel == 1:
            return plane, payload
        if not self._count:
            self._shape = plane.shape
            self._ring = np.empty((self._kernel, plane.size), np.float32)
        if plane.shape != self._shape:
            raise ValueError(f"planes of shapes {self._shape} and {plane.shape}")
        self._ring[self._count % self._kernel] = plane.ravel()
        self._count += 1
        self._payloads.append(payload)
        return self._take(self._count - 1 - self._reach) if self._count > self._reach else None

    def finish(self) -> Iterator[tuple[Plane, Payload]]:
        """Yield the planes that still wait for neighbours which will not come."""
        while self._payloads:
            yield self._take(self._count - len(self._payloads))

    def _take(self, index: int) -> tuple[Plane, Payload]:
        """Return plane `index`, the oldest that has not come out, with its median."""
        window = np.arange(max(index - self._reach, 0), min(index + self._reach + 1, self._count))
        result = np.empty(self._ring.shape[1], np.float32)
        _median(self._ring, window % self._kernel, result)
        return result.reshape(self._shape), self._payloads.popleft()
