"""Seconds to open a volume of 100 GB, and to read its first plane: only the header is read on opening."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench import Row

TITLE = "Opening 100 GB"
SHAPE = (6000, 4096, 4096)
REPEATS = 5


def run() -> list[Row]:
    """Time open_volume on empty (sparse) files of several formats; the median of several openings."""
    from empanada_desktop.core.geometry import Axis
    from empanada_desktop.io.volumes import open_volume

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (suffix, make) in FORMATS.items():
            path = Path(folder) / f"volume{suffix}"
            make(path)
            opened, read = [], []
            for _ in range(REPEATS):
                started = time.perf_counter()
                with open_volume(path) as volume:
                    opened.append(time.perf_counter() - started)
                    volume.read_plane(Axis.XY, SHAPE[0] // 2)
                read.append(time.perf_counter() - started - opened[-1])
            note = f"{' × '.join(map(str, SHAPE))} uint8, empty, median of {REPEATS}"
            rows += [Row(f"{name}: open", statistics.median(opened) * 1000, "ms", note)]
            rows += [Row(f"{name}: read one xy plane", statistics.median(read) * 1000, "ms", note)]
    return rows


def _make_mrc(path: Path) -> None:
    import mrcfile

    mrcfile.new_mmap(path, shape=SHAPE, mrc_mode=0).close()


def _make_hdf5(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file.create_dataset("volume", SHAPE, np.uint8, chunks=(64, 64, 64))


def _make_zarr(path: Path) -> None:
    import zarr

    zarr.create_array(str(path), shape=SHAPE, chunks=(64, 64, 64), dtype=np.uint8)


def _make_tiff(path: Path) -> None:
    import tifffile

    tifffile.imwrite(path, shape=SHAPE, dtype=np.uint8, bigtiff=True, photometric="minisblack")


FORMATS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "MRC": (".mrc", _make_mrc),
    "HDF5": (".h5", _make_hdf5),
    "Zarr": (".zarr", _make_zarr),
    "BigTIFF": (".tif", _make_tiff),
}
