"""A plane of a Zarr array that is one file, written without Zarr's own machinery, which takes several times as long.

The array is sharded, a plane a shard, with zstd inside and the index with its CRC-32C at the end (sharding_indexed of
Zarr 3); `_plane_array` in io.ome_zarr makes it. Whatever reads Zarr reads what is written here.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.io.journal import sync_file

FAST = 1  # of zstd's levels
MISSING = (1 << 64) - 1


def write_plane_file(path: Path, plane: NDArray[np.uint32], inner: tuple[int, int], lasting: bool = True) -> None:
    """Write a plane as chunks of `inner` rows and columns; no file where all is 0. Others see all of it or nothing.

    lasting: wait until it is on the disk.
    """
    if not plane.any():
        path.unlink(missing_ok=True)
        return
    part = path.with_name(f"{path.name}.{os.getpid()}.partial")
    part.write_bytes(b"".join(_pieces(plane, inner)))
    part.replace(path)
    if lasting:
        sync_file(path)


def _pieces(plane: NDArray[np.uint32], inner: tuple[int, int]) -> Iterator[bytes]:
    """Give the bytes of the chunks, then the index: where each begins, and how long it is."""
    import google_crc32c
    import imagecodecs

    places, offset = list[tuple[int, int]](), 0
    for chunk in _chunks(plane.astype("<u4", copy=False), inner):
        packed = bytes(imagecodecs.zstd_encode(chunk.tobytes(), FAST)) if chunk.any() else b""
        places.append((offset, len(packed)) if packed else (MISSING, MISSING))
        offset += len(packed)
        yield packed
    index = np.array(places, "<u8").tobytes()
    yield index
    yield google_crc32c.value(index).to_bytes(4, "little")


def _chunks(plane: NDArray[np.uint32], inner: tuple[int, int]) -> Iterator[NDArray[np.uint32]]:
    """Give the chunks row by row, all of one size: what lies beyond the plane is 0."""
    for row in range(0, plane.shape[0], inner[0]):
        for column in range(0, plane.shape[1], inner[1]):
            chunk = plane[row : row + inner[0], column : column + inner[1]]
            if chunk.shape != inner:
                lacking = [(0, full - length) for full, length in zip(inner, chunk.shape, strict=True)]
                chunk = np.pad(chunk, lacking)
            yield chunk
