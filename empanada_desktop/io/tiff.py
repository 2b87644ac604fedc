"""Label volumes as TIFF, written plane by plane, and pictures as PNG; a file is there whole or not at all."""

import contextlib
import glob
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import DTypeLike, NDArray

from empanada_desktop.core.geometry import Spacing
from empanada_desktop.errors import VolumeError
from empanada_desktop.io.volumes.faults import hushed, reading, writing

LABEL_DTYPES = (np.uint8, np.uint16, np.uint32)
# Offsets in classic TIFF have 32 bits; this leaves room for tags and for what does not compress.
CLASSIC_BYTES = 4_000_000_000
NM_PER_UM = 1000.0
TILE_SIDE = 512
UNFINISHED = ".unfinished"
Triple = tuple[int, int, int]


def write_label_tiff(
    path: str | Path,
    planes: Iterable[NDArray[Any]],
    shape: Triple,
    spacing: Spacing,
    recipe: dict[str, Any],
    dtype: DTypeLike = np.uint32,
    overwrite: bool = False,
    start: Triple = (0, 0, 0),
) -> Path:
    """Write the xy planes of a label volume to a deflated multi-page TIFF, holding one plane at a time.

    start: where the planes begin in the volume that they are of, z y x; an OME-TIFF says so as its planes' positions.
    uint8 and uint16 up to CLASSIC_BYTES become ImageJ TIFF (unit, spacing and resolution as ImageJ has them);
    uint32, larger files (as BigTIFF) and voxel sizes that ImageJ cannot express (x unknown) become OME-TIFF. The
    recipe is in the image description. VolumeError where the file exists and `overwrite` is not given, where the planes
    do not match `shape`, or where an id does not fit the dtype; nothing is left behind then.
    """
    path = Path(path)
    dtype = np.dtype(dtype)
    if dtype not in LABEL_DTYPES:
        raise VolumeError(f"Labels are not written as {dtype}.", "Choose uint8, uint16 or uint32.")
    nbytes = int(np.prod(shape, dtype=object)) * dtype.itemsize
    big = nbytes > CLASSIC_BYTES
    # The writer takes planes one column wide for something else unless it sees the volume, and not for ImageJ.
    narrow = shape[2] == 1
    for_imagej = not big and not narrow and not any(start) and dtype.itemsize < 4 and _fits_imagej(spacing)
    options = _imagej_options(spacing, recipe) if for_imagej else _ome_options(spacing, recipe, start, shape[0])
    checked = _checked(planes, shape, dtype, path)
    with _whole_or_nothing(path, overwrite) as unfinished, writing(path):
        with tifffile.TiffWriter(unfinished, bigtiff=big, imagej=for_imagej, ome=not for_imagej) as writer:
            writer.write(
                np.stack(list(checked)) if narrow else chain(checked),  # chained: the writer closes generators
                shape=shape,
                dtype=dtype,
                photometric="minisblack",
                compression="zlib",
                maxworkers=1,
                **options,
            )
        next(checked, None)  # one plane too many is an error as well
    return path


def write_label_strips(
    path: str | Path,
    strips: Iterable[NDArray[Any]],
    shape: Triple,
    spacing: Spacing,
    recipe: dict[str, Any],
    overwrite: bool = False,
    dtype: DTypeLike = np.uint32,
) -> Path:
    """Write planes of labels that come in strips of rows, (h, W), to a tiled OME-TIFF: for planes larger than memory.

    The strips go from top to bottom, plane after plane; images of any `dtype` are written like labels. Everything else
    is as write_label_tiff has it.
    """
    path, dtype = Path(path), np.dtype(dtype)
    big = int(np.prod(shape, dtype=object)) * dtype.itemsize > CLASSIC_BYTES
    tiles = _tiles(strips, shape, path, dtype)
    with _whole_or_nothing(path, overwrite) as unfinished, writing(path):
        with tifffile.TiffWriter(unfinished, bigtiff=big, ome=True) as writer:
            writer.write(
                chain(tiles),
                shape=shape,
                dtype=dtype,
                tile=(TILE_SIDE, TILE_SIDE),
                photometric="minisblack",
                compression="zlib",
                maxworkers=1,
                **_ome_options(spacing, recipe),
            )
        next(tiles, None)  # one strip too many is an error as well
    return path


def write_plane_tiff(path: str | Path, plane: NDArray[Any], spacing: Spacing, overwrite: bool = False) -> Path:
    """Write one plane (rows, columns), grey values or ids, to an OME-TIFF with the sizes of its pixels, y and x."""
    path = Path(path)
    with (
        _whole_or_nothing(path, overwrite) as unfinished,
        writing(path),
        tifffile.TiffWriter(unfinished, ome=True) as writer,
    ):
        options = _ome_options(spacing, {})
        writer.write(plane[None], photometric="minisblack", compression="zlib", maxworkers=1, **options)
    return path


def _tiles(strips: Iterable[NDArray[Any]], shape: Triple, path: Path, dtype: np.dtype[Any]) -> Iterator[NDArray[Any]]:
    """Cut strips into square tiles, those at the right and the lower edge filled up with 0."""
    depth, height, width = shape
    waiting = iter(strips)
    for _ in range(depth):
        rows = np.zeros((0, width), dtype)
        for first in range(0, height, TILE_SIDE):
            wanted = min(TILE_SIDE, height - first)
            while len(rows) < wanted:
                strip = next(waiting, None)
                if strip is None or strip.shape[1] != width:
                    raise VolumeError(f"The strips for {path} do not make {depth} planes of {height} × {width}.", "")
                rows = np.concatenate([rows, strip])
            block = np.pad(rows[:wanted], ((0, TILE_SIDE - wanted), (0, -width % TILE_SIDE)))
            rows = rows[wanted:]
            for left in range(0, width, TILE_SIDE):
                yield np.ascontiguousarray(block[:, left : left + TILE_SIDE])
        if len(rows):
            raise VolumeError(f"The strips for {path} are more than {depth} planes of {height} × {width}.", "")
    if next(waiting, None) is not None:
        raise VolumeError(f"The strips for {path} are more than {depth} planes of {height} × {width}.", "")


def smallest_label_dtype(largest_id: int) -> np.dtype[Any]:
    """Return the smallest of uint8, uint16 and uint32 that holds ids up to `largest_id`; VolumeError beyond 32 bits."""
    for dtype in LABEL_DTYPES:
        if largest_id <= np.iinfo(dtype).max:
            return np.dtype(dtype)
    raise VolumeError(f"Label id {largest_id} needs more than 32 bits.", "Choose a smaller label divisor.")


def read_tiff_recipe(path: str | Path) -> dict[str, Any]:
    """Return the recipe in a TIFF that write_label_tiff wrote; VolumeError where there is none."""
    path = Path(path)
    with reading(path), hushed(), tifffile.TiffFile(path) as tif:
        text = (tif.imagej_metadata or {}).get("recipe")
        if tif.ome_metadata:
            image = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]
            text = image.get("Description") if isinstance(image, dict) else None
    try:
        recipe = json.loads(text) if isinstance(text, str) else text
    except json.JSONDecodeError:
        recipe = None
    if not isinstance(recipe, dict):
        raise VolumeError(f"{path} carries no recipe of this program.", "Choose a result that this program wrote.")
    return recipe


def write_picture(path: str | Path, rgb: NDArray[np.uint8], overwrite: bool = True) -> Path:
    """Write a picture (rows, columns[, 3 or 4], uint8) as PNG."""
    import imagecodecs

    path = Path(path)
    with _whole_or_nothing(path, overwrite) as unfinished, writing(path):
        unfinished.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(rgb), level=6))
    return path


@contextmanager
def _whole_or_nothing(path: Path, overwrite: bool) -> Iterator[Path]:
    """Give a temporary neighbour of `path` to write to, which takes its name in the end, or vanishes on any error.

    The neighbour is nobody else's: of two that write the same file, the second to end is told that it is there.
    """
    _check_room(path, overwrite)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}{UNFINISHED}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    _clear_abandoned(path)
    try:
        yield unfinished
        _check_room(path, overwrite)
        with writing(path):
            unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _check_room(path: Path, overwrite: bool) -> None:
    if path.is_dir() or (path.exists() and not overwrite):
        raise VolumeError(f"{path} exists already.", "Choose another path, or give --overwrite to replace it.")


def _clear_abandoned(path: Path) -> None:
    """Remove what processes that were killed have left beside `path`."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*{UNFINISHED}"):
        owner = left.name.removesuffix(UNFINISHED).rpartition(".")[2].partition("-")[0]
        if owner.isdecimal() and not _runs(int(owner)):
            with contextlib.suppress(OSError):
                left.unlink()


def _runs(process: int) -> bool:
    """Whether a process is alive; where that cannot be asked, the system guards files that are open."""
    if os.name != "posix":
        return process == os.getpid()
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


def _fits_imagej(spacing: Spacing) -> bool:
    return (spacing.y is None) == (spacing.x is None) and not (spacing.x is None and spacing.z is not None)


def _plain(recipe: dict[str, Any]) -> str:
    """The recipe as one line of ASCII without the sign that ends a key in ImageJ's descriptions."""
    return json.dumps(recipe, default=str).replace("=", "\\u003d")


def _imagej_options(spacing: Spacing, recipe: dict[str, Any]) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": "ZYX", "mode": "grayscale"}
    options: dict[str, Any] = {"metadata": metadata}
    if spacing.y is not None and spacing.x is not None:
        metadata["unit"] = "um"
        options["resolution"] = (NM_PER_UM / spacing.x, NM_PER_UM / spacing.y)
    if spacing.z is not None:
        metadata["spacing"] = spacing.z / NM_PER_UM
    metadata["recipe"] = _plain(recipe)
    return options


def _ome_options(spacing: Spacing, recipe: dict[str, Any], start: Triple = (0, 0, 0), depth: int = 0) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": "ZYX", "Description": _plain(recipe)}
    if any(start):
        metadata["Plane"] = _positions(spacing, start, depth)
    for axis, size in zip("ZYX", spacing.zyx, strict=True):
        if size is not None:
            metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "nm"}
    return {"metadata": metadata}


def _positions(spacing: Spacing, start: Triple, depth: int) -> dict[str, list[Any]]:
    """Where each of `depth` planes lies, in nm; in pixels along axes whose voxel size is not known."""
    positions: dict[str, list[Any]] = {}
    for axis, size, first in zip("ZYX", spacing.zyx, start, strict=True):
        places = [first + n if axis == "Z" else first for n in range(depth)]
        positions[f"Position{axis}"] = [float(place * (size or 1)) for place in places]
        positions[f"Position{axis}Unit"] = ["pixel" if size is None else "nm"] * depth
    return positions


def _checked(planes: Iterable[NDArray[Any]], shape: Triple, dtype: np.dtype[Any], path: Path) -> Iterator[NDArray[Any]]:
    """Pass the planes on in the file's dtype, and see that they keep what was promised."""
    count = 0
    for plane in planes:
        if plane.shape != shape[1:] or count == shape[0]:
            raise VolumeError(f"The planes for {path} do not make a volume of {' × '.join(map(str, shape))}.", "")
        largest = int(plane.max(initial=0))
        if largest > np.iinfo(dtype).max:
            raise VolumeError(
                f"Label id {largest} does not fit {dtype}.", f"Choose {smallest_label_dtype(largest)} for {path.name}."
            )
        count += 1
        yield plane.astype(dtype, copy=False)
    if count < shape[0]:
        raise VolumeError(f"The planes for {path} end after {count} of {shape[0]}.", "")
