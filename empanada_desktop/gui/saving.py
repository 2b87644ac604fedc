"""Writing a label layer to a file: OME-Zarr or TIFF by the name's ending."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop import __version__
from empanada_desktop.core.context import QuietContext
from empanada_desktop.core.geometry import Axis
from empanada_desktop.document import LabelsLayer
from empanada_desktop.errors import SettingsError
from empanada_desktop.io.ome_zarr import ResultStore
from empanada_desktop.io.tiff import write_label_tiff

CHUNK = 256


def save_labels(layer: LabelsLayer, path: Path) -> Path:
    """Write a layer's labels, in a thread, replacing what is there if it is one of our results or a TIFF."""
    suffix = path.suffix.lower()
    recipe: dict[str, Any] = {"task": "saved labels", "layer": layer.title, "version": __version__}
    if suffix in (".tif", ".tiff"):
        write_label_tiff(path, _planes(layer), layer.shape, layer.spacing, recipe, np.uint32)
    elif suffix == ".zarr":
        _save_zarr(layer, path, recipe)
    else:
        raise SettingsError(f"{path.name} is neither .zarr nor .tif.", "Name the file X.zarr or X.tif.")
    return path


def _planes(layer: LabelsLayer) -> Iterator[NDArray[np.uint32]]:
    whole = slice(None)
    for index in range(layer.shape[0]):
        yield layer.source.read(0, Axis.XY, index, whole, whole).astype(np.uint32)


def _save_zarr(layer: LabelsLayer, path: Path, recipe: dict[str, Any]) -> None:
    """One label image per class; where writing fails, what was there before comes back."""
    store = ResultStore.create(path, layer.shape, layer.spacing, CHUNK, recipe, overwrite=True)
    try:
        names = dict(layer.class_names) or {1: "labels"}
        for class_id, name in names.items():
            array = store.label_array(f"labels/{name}", class_id, name, layer.label_divisor)
            _fill(array, layer, class_id if len(names) > 1 else None)
        store.finish(recipe, QuietContext())
    except BaseException:
        store.discard()
        raise


def _fill(array: Any, layer: LabelsLayer, class_id: int | None) -> None:  # noqa: ANN401 - a Zarr array
    depth = array.chunks[0]
    for start in range(0, layer.shape[0], depth):
        stop = min(start + depth, layer.shape[0])
        ids = np.asarray(layer.source[start:stop, :, :], np.uint32)
        array[start:stop] = ids if class_id is None else np.where(ids // layer.label_divisor == class_id, ids, 0)
