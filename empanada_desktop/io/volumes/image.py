"""Single pictures (PNG, JPEG, JPEG 2000, BMP, WebP, one-page TIFF): the planes of a folder, or a volume of one."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Spacing
from empanada_desktop.errors import VolumeError
from empanada_desktop.io.volumes.faults import hushed, reading
from empanada_desktop.io.volumes.sources import ChunkedSource, Triple, luminance
from empanada_desktop.io.volumes.volume import DatasetInfo, Opened

FAMILIES = {
    ".tif": "tiff",
    ".tiff": "tiff",
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".jp2": "jpeg2k",
    ".j2k": "jpeg2k",
    ".bmp": "bmp",
    ".webp": "webp",
}
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_SAMPLES = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}
JPEG_END, JPEG_TAIL = b"\xff\xd9", 4096  # the decoder fills up what is missing without a word
JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True)
class Picture:
    """What a picture's header says: rows, columns, samples a pixel, dtype, and how many pages there are."""

    rows: int
    columns: int
    samples: int
    dtype: np.dtype[Any]
    pages: int = 1

    def __str__(self) -> str:
        colour = "" if self.samples == 1 else f", {self.samples} samples a pixel"
        return f"{self.rows} × {self.columns} {self.dtype}{colour}"


def open_image(path: Path, dataset: str | None = None) -> Opened:
    """Open a picture as a volume of one plane."""
    if dataset is not None:
        raise VolumeError(f"{path} holds one picture, so there is no dataset {dataset}.", "Leave --dataset out.")
    picture = read_picture_header(path)
    notes = [f"Colour was turned into grey ({picture.samples} samples a pixel)."] if picture.samples > 1 else []
    return Opened(PicturesSource([path], picture), Spacing(), notes)


def image_datasets(path: Path) -> list[DatasetInfo]:
    """Describe the one picture of a file."""
    picture = read_picture_header(path)
    return [DatasetInfo("", (picture.rows, picture.columns), str(picture.dtype))]


def read_picture_header(path: Path) -> Picture:
    """Read size and dtype of a picture, from its header where that is possible; VolumeError that names the file."""
    with reading(path), hushed():
        if FAMILIES.get(path.suffix.lower()) == "tiff":
            return _tiff_header(path)
        with path.open("rb") as file:
            start = file.read(64 << 10)
        if start.startswith(PNG_SIGNATURE):
            return _png_header(start)
        picture = _jpeg_header(start) if start.startswith(b"\xff\xd8") else None
        return picture or _describe(_decode(path))


def read_grey(path: Path) -> NDArray[Any]:
    """Decode a picture as grey values, rows by columns."""
    with reading(path):
        pixels = _decode(path)
        return luminance(pixels) if pixels.ndim == 3 else pixels


class PicturesSource(ChunkedSource):
    """One picture file for each plane, all alike, decoded when asked for."""

    def __init__(self, paths: list[Path], picture: Picture) -> None:
        shape = (len(paths), picture.rows, picture.columns)
        super().__init__(shape, picture.dtype, (1, picture.rows, picture.columns))
        self._paths = paths

    def read_chunk(self, index: Triple) -> NDArray[Any]:
        """Decode the picture of one plane."""
        path = self._paths[index[0]]
        plane = read_grey(path)
        if plane.shape != self.shape[1:]:
            raise VolumeError(f"{path} has changed since the volume was opened.", "Open the volume again.")
        return plane[np.newaxis].astype(self.dtype, copy=False)


def _tiff_header(path: Path) -> Picture:
    with tifffile.TiffFile(path) as tif:
        page = tif.pages[0]
        axes, shape = page.axes, page.shape
        if page.dtype is None or set(axes) - set("YXSI"):
            raise VolumeError(f"{path} holds no plain picture: its axes are {axes} {shape}.", "Convert it.")
        sizes = dict(zip(axes, shape, strict=True))
        return Picture(sizes["Y"], sizes["X"], sizes.get("S", 1), np.dtype(page.dtype), len(tif.pages))


def _png_header(start: bytes) -> Picture:
    columns, rows, depth, colour = struct.unpack(">IIBB", start[16:26])
    dtype = np.dtype(np.uint16 if depth == 16 else np.uint8)
    return _sensible(Picture(rows, columns, PNG_SAMPLES[colour], dtype))


def _jpeg_header(start: bytes) -> Picture | None:
    """Walk the markers to the frame header; None when it is not within `start`, or not one of 8 bits."""
    position = 2
    while position + 10 <= len(start) and start[position] == 0xFF:
        marker, length = start[position + 1], int.from_bytes(start[position + 2 : position + 4], "big")
        if marker in JPEG_FRAMES:
            bits, rows, columns, samples = struct.unpack(">BHHB", start[position + 4 : position + 10])
            return _sensible(Picture(rows, columns, samples, np.dtype(np.uint8))) if bits == 8 and rows else None
        position += 2 + length
    return None


def _sensible(picture: Picture) -> Picture:
    if picture.rows < 1 or picture.columns < 1:
        raise ValueError("the picture has no size")
    return picture


def _describe(pixels: NDArray[Any]) -> Picture:
    return Picture(pixels.shape[0], pixels.shape[1], 1 if pixels.ndim == 2 else pixels.shape[2], pixels.dtype)


def _decode(path: Path) -> NDArray[Any]:
    """Decode the first page of a picture: rows by columns, with samples last where there are several."""
    family = FAMILIES.get(path.suffix.lower())
    if family == "tiff":
        with tifffile.TiffFile(path) as tif:
            page = tif.pages[0]
            pixels: NDArray[Any] = page.asarray(maxworkers=1)
            axes = page.axes.replace("I", "")
            return np.moveaxis(pixels, axes.index("S"), -1) if "S" in axes else pixels.reshape(pixels.shape[-2:])
    import imagecodecs

    data = path.read_bytes()
    decoders: dict[str, Callable[[bytes], Any]] = {
        "png": imagecodecs.png_decode,
        "jpeg": imagecodecs.jpeg_decode,
        "jpeg2k": imagecodecs.jpeg2k_decode,
        "bmp": imagecodecs.bmp_decode,
        "webp": imagecodecs.webp_decode,
    }
    if data.startswith(b"\xff\xd8") and JPEG_END not in data[-JPEG_TAIL:]:
        raise ValueError("the picture is cut short")
    kind = "png" if data.startswith(PNG_SIGNATURE) else "jpeg" if data.startswith(b"\xff\xd8") else family
    decoded = np.asarray(decoders[kind or "png"](data))
    if decoded.ndim not in (2, 3) or decoded.dtype.kind not in "buif":
        raise ValueError(f"the picture has an unusual shape {decoded.shape}")
    return decoded
