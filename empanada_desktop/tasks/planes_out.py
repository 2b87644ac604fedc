"""Planes of images and labels as files: what cutting into tiles, merging them and exporting have in common."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.core.proofread_change import as_uint32
from empanada_desktop.errors import SettingsError
from empanada_desktop.io.volumes.faults import writing

if TYPE_CHECKING:
    from empanada_desktop.io.volumes import Volume

LabelType = Literal["auto", "uint8", "uint16", "uint32"]
IMAGES, MASKS = "images", "masks"


def in_plane_spacing(spacing: Spacing, axis: Axis) -> Spacing:
    """Return the sizes of a plane's pixels as those of an xy plane, with the distance of planes as z."""
    sizes = spacing.zyx
    rows, columns = axis.in_plane
    return Spacing(sizes[axis.normal], sizes[rows], sizes[columns], spacing.source)


def plain(values: NDArray[Any]) -> NDArray[Any]:
    """Return values in a type that image files have: no booleans, no 64-bit or signed ids beyond 32 bits."""
    if values.dtype == np.bool_:
        return values.astype(np.uint8)
    return values if values.dtype.itemsize <= 4 or values.dtype.kind == "f" else as_uint32(values)


def plain_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type that `plain` gives."""
    return plain(np.zeros(0, dtype)).dtype


def label_type(labels: "Volume", wanted: LabelType) -> np.dtype[Any]:
    """Return the type for ids; the smallest one that holds them all where none is wanted."""
    from empanada_desktop.io.tiff import smallest_label_dtype

    if wanted != "auto":
        return np.dtype(wanted)
    return smallest_label_dtype(max(int(plane.max(initial=0)) for plane in labels.iterate_planes()))


def narrowed(ids: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return ids in a type; SettingsError where one does not fit."""
    ids = as_uint32(ids) if ids.dtype != np.bool_ else ids.astype(np.uint8)
    largest = int(ids.max(initial=0))
    if largest > np.iinfo(dtype).max:
        raise SettingsError(f"Id {largest} does not fit into {dtype}.", "Choose a wider type, or auto.")
    return ids.astype(dtype, copy=False)


def new_folder(path: str, holds: str, overwrite: bool, apart_from: tuple[str | None, ...]) -> Path:
    """Return a folder to write to, made when it is not there; SettingsError where files of the like are in it."""
    folder = Path(path)
    written = [(folder / kind).resolve() for kind in (IMAGES, MASKS)]
    for volume in apart_from:
        if volume is not None and any(Path(volume).resolve().is_relative_to(each) for each in written):
            raise SettingsError(f"{volume} lies where files are to be written.", "Choose another folder.")
    with writing(folder):
        taken = folder.exists() and (not folder.is_dir() or (folder / holds).exists())
        if taken and not (overwrite and folder.is_dir()):
            raise SettingsError(f"{folder} holds {holds} already.", "Choose another folder, or give --overwrite.")
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def digits(count: int) -> int:
    """Return how many digits number things up to `count`, so that they sort as they count."""
    return max(1, len(str(count - 1)))


def strips_of(volume: "Volume", axis: Axis, rows: int) -> Iterator[NDArray[Any]]:
    """Yield every plane of a volume in strips of rows."""
    height = volume.shape[axis.in_plane[0]]
    for index in range(volume.planes(axis)):
        for first in range(0, height, rows):
            part: list[slice | int] = [slice(None)] * 3
            part[axis.normal] = slice(index, index + 1)
            part[axis.in_plane[0]] = slice(first, min(first + rows, height))
            yield plain(volume[tuple(part)].squeeze(axis.normal))
