"""TIFF volumes: pages, ImageJ hyperstacks, OME, tiles, BigTIFF, whatever compression; read by strip, tile or map."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Spacing
from empanada_desktop.errors import VolumeError
from empanada_desktop.io.volumes.faults import hushed, overhearing, reading
from empanada_desktop.io.volumes.sources import ChunkedSource, RawSource, Source, Triple, luminance, raw_layout
from empanada_desktop.io.volumes.tiff_layout import Layout, tiff_layout
from empanada_desktop.io.volumes.tiff_spacing import tiff_spacing
from empanada_desktop.io.volumes.volume import DatasetInfo, Opened

COPY_AGAIN = "Copy it again from where it came from."


def open_tiff(path: Path, dataset: str | None = None) -> Opened:
    """Open a TIFF file; `dataset` is the number of the image series in it (the largest is taken otherwise)."""
    with reading(path), hushed():
        tif = tifffile.TiffFile(path)
        try:
            return _open(tif, path, dataset)
        except BaseException:
            tif.close()
            raise


def tiff_datasets(path: Path) -> list[DatasetInfo]:
    """List the image series of a TIFF file."""
    with reading(path), hushed(), tifffile.TiffFile(path) as tif:
        return [
            DatasetInfo(str(number), tuple(series.shape), str(series.dtype)) for number, series in enumerate(tif.series)
        ]


def plane_spacing(path: Path) -> tuple[Spacing, list[str]]:
    """Voxel size that a one-page TIFF tells, with notes where it contradicts itself."""
    with reading(path), hushed(), tifffile.TiffFile(path, _multifile=False) as tif:
        return tiff_spacing(tif, 0)


def _open(tif: tifffile.TiffFile, path: Path, dataset: str | None) -> Opened:
    with overhearing("tifffile") as complaints:
        number, notes = _choose_series(tif, path, dataset)
    series = tif.series[number]
    if _breaks_off(series, complaints):
        raise VolumeError(f"{path} is cut short: the list of its planes breaks off.", COPY_AGAIN)
    if series.dtype is None or series.dtype.kind not in "buif":
        raise VolumeError(
            f"{path} holds pixels of type {series.dtype}, which are no grey values.", "Convert it to 8 or 16 bit."
        )
    layout = tiff_layout(series.axes, tuple(int(size) for size in series.shape), path)
    spacing, spacing_notes = tiff_spacing(tif, number)
    notes += _pixel_notes(series, layout)
    source = _source(tif, series, layout, path)
    return Opened(source, spacing, [*notes, *layout.notes, *spacing_notes], dataset)


def _pixel_notes(series: tifffile.TiffPageSeries, layout: Layout) -> list[str]:
    """What has to be known of how pixels and pages were understood."""
    notes = []
    photometric = series.keyframe.photometric
    if layout.has_samples:
        notes.append(f"Colour was turned into grey ({layout.size('S')} samples a pixel).")
    if photometric == tifffile.PHOTOMETRIC.MINISWHITE and series.dtype != bool:
        notes.append("The file says that 0 is white; the grey values are used as they are.")
    if photometric == tifffile.PHOTOMETRIC.PALETTE:
        notes.append("The file has a colour table; the numbers behind the colours are used.")
    missing = sum(page is None for page in series) if series.is_multifile else 0
    if missing:
        notes.append(f"Planes whose files are missing, shown black: {missing}.")
    return notes


def _breaks_off(series: tifffile.TiffPageSeries, complaints: list[str]) -> bool:
    """True when the library fell over the list of pages, unless the first page tells where all the others are."""
    lost = any("invalid page offset" in text for text in complaints)
    misfit = any("failed to reshape" in text for text in complaints)
    return lost and (misfit or series.kind not in ("imagej", "shaped") or series.dataoffset is None)


def _choose_series(tif: tifffile.TiffFile, path: Path, dataset: str | None) -> tuple[int, list[str]]:
    """Number of the image series to take, and a note when there was a choice."""
    count = len(tif.series)
    if count == 0:
        raise VolumeError(f"{path} holds no image.", "Choose another file.")
    if dataset is not None:
        if not dataset.isdecimal() or int(dataset) >= count:
            raise VolumeError(f"{path} has no image series {dataset}.", f"Choose a number from 0 to {count - 1}.")
        return int(dataset), []
    if count == 1:
        return 0, []
    sizes = [int(np.prod(series.shape, dtype=object)) for series in tif.series]
    number = sizes.index(max(sizes))
    shapes = "; ".join(f"{n}: {' × '.join(map(str, series.shape))}" for n, series in enumerate(tif.series[:8]))
    return number, [
        f"The file holds {count} images of different kinds ({shapes}); number {number}, the largest, is open."
    ]


def _source(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, layout: Layout, path: Path) -> Source:
    offset = series.dataoffset
    if offset is not None and not layout.has_samples and series.transform is None:
        nbytes = int(np.prod(series.shape, dtype=object)) * series.dtype.itemsize
        size = path.stat().st_size
        if offset + nbytes > size:
            raise _cut_short(path, nbytes, size - offset)
        places = (layout.z, layout.axes.index("Y"), layout.axes.index("X"))
        raw = raw_layout(series.shape, places, series.dtype.newbyteorder(tif.byteorder), offset)
        if raw is not None:
            tif.close()
            return RawSource(path, raw)
    _check_last_page(series, path)
    return PagedSource(tif, series, layout)


def _check_last_page(series: tifffile.TiffPageSeries, path: Path) -> None:
    """See that the file reaches to the end of its last plane."""
    try:
        last = series[len(series) - 1]
    except IndexError:
        last = None
    if series.is_truncated or (last is None and not series.is_multifile):
        raise VolumeError(f"{path} is cut short: planes at its end are missing.", COPY_AGAIN)
    if last is None or series.is_multifile:
        return
    ends = [offset + count for offset, count in zip(last.dataoffsets, last.databytecounts, strict=False)]
    if ends and max(ends) > path.stat().st_size:
        raise _cut_short(path, max(ends), path.stat().st_size)


def _cut_short(path: Path, wanted: int, there: int) -> VolumeError:
    return VolumeError(
        f"{path} is cut short: {wanted:,} bytes are promised, {max(0, there):,} are there.",
        COPY_AGAIN,
    )


class PagedSource(ChunkedSource):
    """Planes of a TIFF series that have to be decoded: strip by strip or tile by tile where that is possible."""

    def __init__(self, tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, layout: Layout) -> None:
        self._tif = tif
        self._series = series
        self._layout = layout
        self._lock = threading.Lock()
        keyframe = series.keyframe
        y, x = layout.size("Y"), layout.size("X")
        # Only planes that are stored on their own, one sample deep, can be taken apart.
        page_axes = keyframe.axes.replace("I", "")
        self._plane_pages = page_axes == "YX" and keyframe.shape[-2:] == (y, x) and series.transform is None
        self._in_segments = self._plane_pages and not series.is_multifile
        chunks = (1, *(int(size) for size in keyframe.chunks[-2:])) if self._in_segments else (1, y, x)
        super().__init__((layout.depth, y, x), series.dtype, chunks)  # type: ignore[arg-type]

    def read_chunk(self, index: Triple) -> NDArray[Any]:
        """Decode one strip or tile, or a whole plane where the file cannot be taken apart."""
        if self._in_segments:
            return self._segment(index)
        if self._layout.has_samples or self._plane_pages:
            return self._whole_plane(index[0])[np.newaxis]
        plane: NDArray[Any] = self._everything[index[0]][np.newaxis]
        return plane

    def close(self) -> None:
        """Close the file."""
        super().close()
        self._tif.close()

    @cached_property
    def _everything(self) -> NDArray[Any]:
        """The whole series: for the few files whose pages are volumes themselves."""
        with self._lock:
            array = self._layout.to_zyx(self._series.asarray(maxworkers=1))
        return luminance(array) if self._layout.has_samples else array

    def _page(self, z: int) -> tifffile.TiffPage | tifffile.TiffFrame | None:
        stride = 1
        for position in range(len(self._layout.axes) - 1, -1, -1):
            axis = self._layout.axes[position]
            if position == self._layout.z:
                break
            if axis not in self._series.keyframe.axes.replace("I", ""):
                stride *= self._layout.shape[position]
        with self._lock:
            return self._series[z * stride]

    def _whole_plane(self, z: int) -> NDArray[Any]:
        page = self._page(z)
        if page is None:
            return np.zeros(self.shape[1:], self.dtype)
        with self._lock, _opened(page.parent.filehandle):
            plane: NDArray[Any] = page.asarray(maxworkers=1)
        if not self._layout.has_samples:
            return plane.reshape(self.shape[1:])
        axes = page.keyframe.axes.replace("I", "")
        return luminance(np.moveaxis(plane, axes.index("S"), -1).reshape(*self.shape[1:], -1))

    def _segment(self, index: Triple) -> NDArray[Any]:
        z, row, column = index
        page = self._page(z)
        across = -(-self.shape[2] // self.chunks[2])
        number = row * across + column
        if page is None:
            return np.zeros(self.chunks, self.dtype)
        data = self._bytes(page, number, z)
        keyframe = page.keyframe
        tables = {}
        if keyframe.compression in {6, 7, 34892, 33007}:
            tables = {"jpegtables": page.jpegtables, "jpegheader": keyframe.jpegheader}
        segment, _, shape = keyframe.decode(data, number, _fullsize=keyframe.is_tiled, **tables)
        if segment is None:
            return np.full(self.chunks, keyframe.nodata or 0, self.dtype)
        pixels: NDArray[Any] = segment.reshape(shape)[..., 0]  # depth 1, length, width, 1 sample
        return pixels

    def _bytes(self, page: tifffile.TiffPage | tifffile.TiffFrame, number: int, z: int) -> bytes | None:
        offset, count = page.dataoffsets[number], page.databytecounts[number]
        if offset == 0 or count == 0:
            return None
        with self._lock:
            self._tif.filehandle.seek(offset)
            data = self._tif.filehandle.read(count)
        if len(data) < count:
            raise ValueError(f"plane {z} is cut short")
        return bytes(data)


@contextmanager
def _opened(handle: tifffile.FileHandle) -> Iterator[None]:
    """Open a file of a multi-file set, which the library closed after reading its header, for as long as it is read."""
    was_closed = handle.closed
    if was_closed:
        handle.open()
    try:
        yield
    finally:
        if was_closed:
            handle.close()
