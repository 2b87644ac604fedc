"""Which reader opens a path: by what the file begins with, then by its name."""

from collections.abc import Callable
from pathlib import Path

from empanada_desktop.errors import VolumeError
from empanada_desktop.io.volumes.faults import reading
from empanada_desktop.io.volumes.tiff import open_tiff, tiff_datasets
from empanada_desktop.io.volumes.volume import DatasetInfo, Opened, Volume, VolumeRef, typed_spacing
from empanada_desktop.io.volumes.zarr_store import is_zarr, open_zarr, zarr_datasets

Opener = Callable[[Path, str | None], Opened]
Lister = Callable[[Path], list[DatasetInfo]]


def open_volume(
    path: str | Path, dataset: str | None = None, voxel_size: tuple[float, float, float] | None = None
) -> Volume:
    """Open an image volume, reading no more than its header.

    `dataset` chooses an array inside HDF5 and Zarr or an image series inside TIFF; `voxel_size` (z, y, x in nm)
    overrides what the file says. VolumeError for whatever is wrong with the path, the file or the choice.
    """
    path = Path(path)
    spacing = None if voxel_size is None else typed_spacing(voxel_size)
    opened = _reader(path)[0](path, dataset)
    volume = Volume(opened, VolumeRef(str(path), opened.dataset, voxel_size))
    volume.spacing = spacing or opened.spacing
    return volume


def list_datasets(path: str | Path) -> list[DatasetInfo]:
    """List the arrays that a file holds, by the names that open_volume takes; one for formats that hold only one."""
    path = Path(path)
    return _reader(path)[1](path)


def _reader(path: Path) -> tuple[Opener, Lister]:
    if not path.exists():
        raise VolumeError(f"{path} does not exist.", "Check the path.")
    if is_zarr(path):
        return open_zarr, zarr_datasets
    with reading(path):
        return open_tiff, tiff_datasets
