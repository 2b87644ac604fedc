"""HDF5 volumes: any dataset of a file, with the voxel size that ilastik, Fiji's plugin or CREMI leave there."""

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Spacing
from empanada_desktop.errors import VolumeError
from empanada_desktop.io.volumes.axes import Picked, pick_axes
from empanada_desktop.io.volumes.faults import reading
from empanada_desktop.io.volumes.sources import ChunkedSource, RawSource, Source, Triple, grown, raw_layout
from empanada_desktop.io.volumes.units import length_nm
from empanada_desktop.io.volumes.volume import DatasetInfo, Opened

if TYPE_CHECKING:
    import h5py

MOST_LISTED = 12
MOST_VISITED = 10_000
CONTIGUOUS_READ = 64

# Attribute with the voxel size z y x, and its unit.
SIZE_ATTRIBUTES = {"element_size_um": "um", "element_size_nm": "nm", "resolution": "nm"}


def open_hdf5(path: Path, dataset: str | None = None) -> Opened:
    """Open a dataset of an HDF5 file: the one named, or the only one that is an image."""
    import h5py

    with reading(path):
        file = h5py.File(path, "r")
        try:
            return _open(file, path, dataset)
        except BaseException:
            file.close()
            raise


def hdf5_datasets(path: Path) -> list[DatasetInfo]:
    """List the datasets of an HDF5 file that could be images: numbers along two axes or more."""
    import h5py

    with reading(path), h5py.File(path, "r") as file:
        return _candidates(file)


def _candidates(file: "h5py.File") -> list[DatasetInfo]:
    import h5py

    found: list[DatasetInfo] = []

    def visit(name: str, node: object) -> None:
        if isinstance(node, h5py.Dataset) and _is_image(node) and len(found) < MOST_VISITED:
            found.append(DatasetInfo(name, tuple(node.shape), str(node.dtype)))

    file.visititems(visit)
    return found


def _is_image(array: "h5py.Dataset") -> bool:
    has_numbers = array.dtype.kind in "buif" and array.shape is not None
    return has_numbers and sum(size > 1 for size in array.shape) >= 2


def _open(file: "h5py.File", path: Path, dataset: str | None) -> Opened:
    name = _choose(file, path) if dataset is None else dataset.strip("/")
    array = _dataset(file, name, path)
    picked = pick_axes(array.shape, _axis_names(array), f"{name} in {path}")
    spacing = _spacing(array, picked)
    return Opened(_source(file, array, picked, path), spacing, list(picked.notes), name)


def _choose(file: "h5py.File", path: Path) -> str:
    candidates = _candidates(file)
    if not candidates:
        raise VolumeError(f"{path} holds no image.", "Choose another file.")
    if len(candidates) > 1:
        listed = ", ".join(map(str, candidates[:MOST_LISTED]))
        raise VolumeError(f"{path} holds {len(candidates)} datasets.", f"Choose one with --dataset: {listed}.")
    return candidates[0].name


def _dataset(file: "h5py.File", name: str, path: Path) -> "h5py.Dataset":
    import h5py

    node = file.get(name)
    if not isinstance(node, h5py.Dataset) or node.dtype.kind not in "buif" or not node.shape:
        known = ", ".join(map(str, _candidates(file)[:MOST_LISTED])) or "no image at all"
        raise VolumeError(f"{path} has no image dataset {name}.", f"It holds: {known}.")
    return node


def _axis_names(array: "h5py.Dataset") -> Sequence[str]:
    """Names of the axes where the file tells them: ilastik's axistags, or dimension labels."""
    tags = array.attrs.get("axistags")
    if isinstance(tags, (str, bytes)):
        axes = json.loads(tags).get("axes", [])
        return [str(axis.get("key")) for axis in axes if isinstance(axis, Mapping)]
    return [str(dimension.label) for dimension in array.dims]


def _spacing(array: "h5py.Dataset", picked: Picked) -> Spacing:
    for name, unit in SIZE_ATTRIBUTES.items():
        values = array.attrs.get(name)
        if values is None:
            continue
        sizes = [length_nm(float(value), unit) for value in np.ravel(values)]
        if len(sizes) == 3:
            return Spacing(sizes[0], sizes[1], sizes[2], f"HDF5 {name}")
        if len(sizes) == len(array.shape):
            z, y, x = (None if position is None else sizes[position] for position in picked.zyx)
            return Spacing(z, y, x, f"HDF5 {name}")
    return Spacing()


def _source(file: "h5py.File", array: "h5py.Dataset", picked: Picked, path: Path) -> Source:
    offset = array.id.get_offset()
    if array.chunks is None and offset is not None and array.dtype.kind != "b" and not array.external:
        raw = raw_layout(array.shape, picked.zyx, array.dtype, offset)
        if raw is not None:
            file.close()
            return RawSource(path, raw)
    return DatasetSource(file, array, picked)


class DatasetSource(ChunkedSource):
    """A dataset that the HDF5 library has to decode, chunk by chunk."""

    def __init__(self, file: "h5py.File", array: "h5py.Dataset", picked: Picked) -> None:
        self._file = file
        self._array = array
        self._picked = picked
        self._lock = threading.Lock()
        stored = array.chunks or tuple(min(CONTIGUOUS_READ, size) for size in array.shape)
        shape, chunks = picked.order(array.shape), picked.order(stored)
        super().__init__(shape, array.dtype, grown(chunks, shape, array.dtype.itemsize))

    def read_chunk(self, index: Triple) -> NDArray[Any]:
        """Decode one chunk, or the few small ones that are read together."""
        with self._lock:
            return self._picked.read(self._array, self.chunk_box(index).slices).astype(self.dtype, copy=False)

    def close(self) -> None:
        """Close the file."""
        super().close()
        with self._lock:
            self._file.close()
