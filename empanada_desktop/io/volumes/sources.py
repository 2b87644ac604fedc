"""Where the voxels of an open volume come from: read as they lie in the file, or in chunks decoded one by one."""

import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from empanada_desktop.core.geometry import Box

Triple = tuple[int, int, int]
CHUNK_CACHE_BYTES = 128 << 20
SMALLEST_READ = 1 << 20
NEIGHBOUR_ROWS = 16


class ByteCache:
    """Arrays by key, the least recently used ones dropped when they take more than `budget` bytes; thread-safe."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._bytes = 0
        self._arrays: OrderedDict[Hashable, NDArray[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """Return the array kept under `key`, made now if it is not there; callers must not write into it."""
        with self._lock:
            if key in self._arrays:
                self._arrays.move_to_end(key)
                return self._arrays[key]
        array = make()
        with self._lock:
            self._put(key, array)
        return array

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._arrays.clear()
            self._bytes = 0

    def _put(self, key: Hashable, array: NDArray[Any]) -> None:
        if array.nbytes > self._budget or key in self._arrays:
            return
        self._arrays[key] = array
        self._bytes += array.nbytes
        while self._bytes > self._budget:
            self._bytes -= self._arrays.popitem(last=False)[1].nbytes


@dataclass(frozen=True)
class RawLayout:
    """Where uncompressed voxels lie in a file: C order within a plane, planes `plane_step` bytes apart."""

    shape: Triple
    dtype: np.dtype[Any]
    offset: int
    plane_step: int


def raw_layout(stored: Sequence[int], zyx: Sequence[int | None], dtype: np.dtype[Any], offset: int) -> RawLayout | None:
    """Layout of a C-order array with axes z (None: there is none), y and x at places `zyx`, the first of any others.

    None where rows or planes are scattered.
    """
    steps = [int(np.prod(stored[place + 1 :], dtype=object)) * dtype.itemsize for place in range(len(stored))]
    z, y, x = zyx
    if y is None or x is None or steps[x] != dtype.itemsize or steps[y] != stored[x] * dtype.itemsize:
        return None
    shape = (1 if z is None else stored[z], stored[y], stored[x])
    return RawLayout(shape, dtype, offset, 0 if z is None else steps[z])


class Source(ABC):
    """Voxels, z y x. `grain` tells, for each axis, how many neighbouring planes come at about the price of one."""

    def __init__(self, shape: Triple, dtype: DTypeLike, grain: Triple) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype).newbyteorder("=")
        self.grain = grain

    @abstractmethod
    def read(self, box: Box) -> NDArray[Any]:
        """Return the voxels of a box that lies inside the volume: a new array, native byte order."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file."""


class RawSource(Source):
    """Voxels that lie in the file as they are: whole rows and planes are read, with plain reads.

    Not mapped into memory: a disk or server that fails is then an error and no crash, and what was read once does not
    count as this program's memory.
    """

    def __init__(self, path: Path, raw: RawLayout) -> None:
        _, y, x = raw.shape
        # Neighbouring rows come with the same seek; for one column all rows are read anyway.
        super().__init__(raw.shape, raw.dtype, (1, min(y, NEIGHBOUR_ROWS), x))
        self._raw = raw
        self._file = path.open("rb", buffering=0)
        self._lock = threading.Lock()

    def read(self, box: Box) -> NDArray[Any]:
        """Read the rows of the box, plane by plane, and cut its columns out of them."""
        result = np.empty(box.shape, self.dtype)
        _, first, left = box.start
        _, last, right = box.stop
        rows = np.empty((last - first, self.shape[2]), self._raw.dtype)
        for number, z in enumerate(range(box.start[0], box.stop[0])):
            self._fill(rows, self._raw.offset + z * self._raw.plane_step + first * rows.strides[0], z)
            result[number] = rows[:, left:right]
        return result

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _fill(self, rows: NDArray[Any], offset: int, z: int) -> None:
        wanted = rows.view(np.uint8).reshape(-1).data
        with self._lock:
            self._file.seek(offset)
            done = 0
            while done < len(wanted):
                count = self._file.readinto(wanted[done:])
                if not count:
                    raise EOFError(f"plane {z} is cut short")
                done += count


class ChunkedSource(Source):
    """Voxels stored in equal chunks, decoded singly; the decoded ones are kept up to CHUNK_CACHE_BYTES."""

    def __init__(self, shape: Triple, dtype: DTypeLike, chunks: Triple) -> None:
        self.chunks = chunks
        super().__init__(shape, dtype, chunks)
        self._cache = ByteCache(CHUNK_CACHE_BYTES)

    @abstractmethod
    def read_chunk(self, index: Triple) -> NDArray[Any]:
        """Decode the chunk at a place of the chunk grid: z y x, clipped to the volume or longer."""

    def read(self, box: Box) -> NDArray[Any]:
        """Put the box together from the chunks that it touches."""
        result = np.empty(box.shape, self.dtype)
        for index in self._touched(box):
            chunk = self._cache.get(index, lambda index=index: self.read_chunk(index))  # type: ignore[misc]
            origin = [i * size for i, size in zip(index, self.chunks, strict=True)]
            there, here = [], []
            for start, stop, first, size in zip(box.start, box.stop, origin, self.chunks, strict=True):
                low, high = max(start, first), min(stop, first + size)
                there.append(slice(low - first, high - first))
                here.append(slice(low - start, high - start))
            result[tuple(here)] = chunk[tuple(there)]
        return result

    def chunk_box(self, index: Triple) -> Box:
        """The part of the volume that a chunk holds, clipped at the volume's end."""
        z, y, x = (i * size for i, size in zip(index, self.chunks, strict=True))
        ends = (min(first + size, end) for first, size, end in zip((z, y, x), self.chunks, self.shape, strict=True))
        stop_z, stop_y, stop_x = ends
        return Box((z, y, x), (stop_z, stop_y, stop_x))

    def close(self) -> None:
        """Forget the decoded chunks."""
        self._cache.clear()

    def _touched(self, box: Box) -> Iterator[Triple]:
        ranges = (
            range(start // size, -(-stop // size))
            for start, stop, size in zip(box.start, box.stop, self.chunks, strict=True)
        )
        return product(*ranges)  # type: ignore[return-value]


def grown(chunks: Triple, shape: Triple, itemsize: int) -> Triple:
    """Whole multiples, in the plane, of chunks too small to be worth a read of their own."""
    z, y, x = (min(size, length) for size, length in zip(chunks, shape, strict=True))
    while z * y * x * itemsize < SMALLEST_READ and (y < shape[1] or x < shape[2]):
        if x < shape[2] and (x <= y or y >= shape[1]):
            x *= 2
        else:
            y *= 2
    return z, y, x


def luminance(pixels: NDArray[Any]) -> NDArray[Any]:
    """Grey out of the last axis: 1 or 2 samples (grey, alpha) give the first, 3 or 4 (RGB, alpha) ITU-R 601 luma.

    The dtype is kept, and equal red, green and blue give exactly that value.
    """
    if pixels.shape[-1] < 3:
        return pixels[..., 0]
    red, green, blue = (pixels[..., sample].astype(np.float64) for sample in range(3))
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    return (np.rint(grey) if pixels.dtype.kind in "ui" else grey).astype(pixels.dtype)
