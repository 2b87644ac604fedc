"""Which reader opens a path: by what the file begins with, then by its name."""

from collections.abc import Callable
from pathlib import Path

from empanada_desktop.errors import VolumeError
from empanada_desktop.io.volumes.faults import reading
from empanada_desktop.io.volumes.volume import DatasetInfo, Opened, Volume, VolumeRef, typed_spacing

Opener = Callable[[Path, str | None], Opened]
Lister = Callable[[Path], list[DatasetInfo]]

SIGNATURES = (
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"\x89HDF\r\n\x1a\n", "hdf5"),
    (b"\x89PNG\r\n\x1a\n", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"\0\0\0\x0cjP  ", "image"),
    (b"\x1f\x8b", "packed"),
    (b"BZh", "packed"),
    (b"PK\x03\x04", "packed"),
    (b"\xfd7zXZ", "packed"),
    (b"EDT1", "overlay"),
)
SUFFIXES = {
    **dict.fromkeys((".mrc", ".rec", ".st", ".map", ".ali", ".preali", ".mrcs"), "mrc"),
    **dict.fromkeys((".h5", ".hdf5", ".hdf"), "hdf5"),
    **dict.fromkeys((".bmp", ".webp", ".j2k"), "image"),
}
MRC_STAMP = (208, b"MAP ")
ZARR_FILES = ("zarr.json", ".zarray", ".zgroup", ".zattrs")
KNOWN = "TIFF, OME-Zarr, Zarr, HDF5, MRC, PNG, JPEG, or a folder of planes"
UNPACK = "Unpack it first (gunzip, bunzip2, unzip, 7-Zip) and open what comes out."


def open_volume(
    path: str | Path, dataset: str | None = None, voxel_size: tuple[float, float, float] | None = None
) -> Volume:
    """Open an image volume, reading no more than its header.

    `dataset` chooses an array inside HDF5 and Zarr or an image series inside TIFF; `voxel_size` (z, y, x in nm)
    overrides what the file says. VolumeError for whatever is wrong with the path, the file or the choice.
    """
    path = Path(path)
    spacing = None if voxel_size is None else typed_spacing(voxel_size)
    opened = _reader(path)[0](path, dataset or None)
    volume = Volume(opened, VolumeRef(str(path), opened.dataset, voxel_size))
    volume.spacing = spacing or opened.spacing
    return volume


def list_datasets(path: str | Path) -> list[DatasetInfo]:
    """List the arrays that a file holds, by the names that open_volume takes; one for formats that hold only one."""
    path = Path(path)
    return _reader(path)[1](path)


def _reader(path: Path) -> tuple[Opener, Lister]:
    with reading(path):
        kind = _folder_kind(path) if path.is_dir() else _file_kind(path)
    return _load(kind)


def _load(kind: str) -> tuple[Opener, Lister]:
    """Import a reader when it is first needed: some of their libraries are slow to load."""
    if kind == "zarr":
        from empanada_desktop.io.volumes.zarr_store import open_zarr, zarr_datasets

        return open_zarr, zarr_datasets
    if kind == "hdf5":
        from empanada_desktop.io.volumes.hdf5 import hdf5_datasets, open_hdf5

        return open_hdf5, hdf5_datasets
    if kind == "mrc":
        from empanada_desktop.io.volumes.mrc import mrc_datasets, open_mrc

        return open_mrc, mrc_datasets
    if kind == "image":
        from empanada_desktop.io.volumes.image import image_datasets, open_image

        return open_image, image_datasets
    if kind == "overlay":
        from empanada_desktop.io.overlay_files import open_overlay, overlay_datasets

        return open_overlay, overlay_datasets
    if kind == "folder":
        from empanada_desktop.io.volumes.folder import folder_datasets, open_folder

        return open_folder, folder_datasets
    from empanada_desktop.io.volumes.tiff import open_tiff, tiff_datasets

    return open_tiff, tiff_datasets


def _folder_kind(path: Path) -> str:
    if (path / "attributes.json").is_file() and not any((path / name).is_file() for name in ZARR_FILES):
        raise VolumeError(f"{path} is an N5 folder, which cannot be opened yet.", "Convert it to OME-Zarr.")
    is_zarr = path.suffix.lower() == ".zarr" or any((path / name).is_file() for name in ZARR_FILES)
    return "zarr" if is_zarr else "folder"


def _file_kind(path: Path) -> str:
    """The kind that the file's first bytes tell, or its suffix; VolumeError for what is none of ours."""
    if not path.exists():
        raise VolumeError(f"{path} does not exist.", "Check the path.")
    if not path.is_file():
        raise VolumeError(f"{path} is no file.", f"Choose {KNOWN}.")
    with path.open("rb") as file:
        start = file.read(1024)
    if not start:
        raise VolumeError(f"{path} is empty.", "Copy it again from where it came from.")
    kind = next((kind for signature, kind in SIGNATURES if start.startswith(signature)), None)
    if kind == "packed":
        raise VolumeError(f"{path} is a packed file.", UNPACK)
    if kind is None and start[MRC_STAMP[0] :].startswith(MRC_STAMP[1]):
        kind = "mrc"
    kind = kind or SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise VolumeError(
            f"{path} is of a kind that is not known here, or its beginning is damaged.", f"Choose {KNOWN}."
        )
    return kind
