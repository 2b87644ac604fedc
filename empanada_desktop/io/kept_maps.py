"""Rounded maps of a stack's planes on the disk: a file a plane, whole or not there, written by any process."""

import os
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.kept_maps import KeptMaps
from empanada_desktop.errors import VolumeError
from empanada_desktop.io.journal import sync_file

LAYOUT = struct.Struct("<4s5I")  # mark; channels, rows and columns of semantic; rows and columns of the other maps
MARK = b"MAP1"
FAST = 1  # of zstd's levels


class MapsFolder:
    """The rounded maps of a stack's planes, by number."""

    def __init__(self, folder: Path) -> None:
        """Take the folder that they lie in, that of the stack's components."""
        self._folder = folder

    def put(self, index: int, maps: KeptMaps) -> None:
        """Write a plane's maps, and wait until they are on the disk."""
        import imagecodecs

        cells = np.concatenate([maps.heatmap[None], maps.offsets]).astype("<i2")
        content = maps.semantic.tobytes() + _bytes_apart(cells)
        head = LAYOUT.pack(MARK, *maps.semantic.shape, *maps.heatmap.shape)
        part = self._folder / f"maps.{index}.{os.getpid()}.partial"
        part.write_bytes(head + bytes(imagecodecs.zstd_encode(content, FAST)))
        sync_file(part)
        part.replace(self._path(index))

    def has_all(self, n_planes: int) -> bool:
        """Whether the maps of planes 0 .. n_planes - 1 are there."""
        return all(self._path(index).is_file() for index in range(n_planes))

    def get(self, index: int) -> KeptMaps:
        """Return a plane's maps; VolumeError where its file is damaged."""
        import imagecodecs

        packed = self._path(index).read_bytes()
        try:
            mark, channels, rows, columns, cell_rows, cell_columns = LAYOUT.unpack_from(packed)
            pixels, cells = channels * rows * columns, cell_rows * cell_columns
            if mark != MARK:
                raise ValueError("another mark")
            content = bytes(imagecodecs.zstd_decode(packed[LAYOUT.size :], out=pixels + 6 * cells))
            heatmap, *offsets = _bytes_together(content[pixels:]).reshape(3, cell_rows, cell_columns)
        except (struct.error, ValueError, RuntimeError) as problem:
            raise VolumeError(f"{self._path(index)} is damaged.", "Segment the volume again.") from problem
        semantic = np.frombuffer(content, np.uint8, pixels).reshape(channels, rows, columns)
        return KeptMaps(semantic, heatmap, np.stack(offsets))

    def _path(self, index: int) -> Path:
        return self._folder / f"maps.{index}"


def _bytes_apart(numbers: NDArray[np.int16]) -> bytes:
    """Return first all low bytes, then all high ones: those are alike and compress well."""
    return np.ascontiguousarray(numbers).view(np.uint8).reshape(-1, 2).T.tobytes()


def _bytes_together(content: bytes) -> NDArray[np.int16]:
    """Return the numbers that _bytes_apart was given."""
    return np.ascontiguousarray(np.frombuffer(content, np.uint8).reshape(2, -1).T).view("<i2")[:, 0]
