"""Writing a label layer to a file: OME-Zarr or TIFF by the name's ending."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop import __version__
from empanada_desktop.core.context import QuietContext
from empanada_desktop.document import ImageLayer, LabelsLayer, Layer, VolumeSource
from empanada_desktop.errors import SettingsError
from empanada_desktop.io.ome_zarr import ResultStore
from empanada_desktop.io.tiff import write_label_tiff

CHUNK = 256


def file_name(path: str, chosen: str) -> Path:
    """The file to write: a name without an ending gets that of the chosen filter. SettingsError if that is taken."""
    if Path(path).suffix:
        return Path(path)
    named = Path(path + (".tif" if chosen.startswith("TIFF") else ".zarr"))
    if named.exists():
        raise SettingsError(f"{named.name} exists already.", "Give its whole name to replace it.")
    return named


def check_free(path: Path, layers: Iterable[Layer]) -> None:
    """SettingsError where the path is that of an image that is open: labels must not take its place."""
    for layer in layers:
        source = layer.source if isinstance(layer, ImageLayer) else None
        if isinstance(source, VolumeSource) and Path(source.ref.path).resolve() == path.resolve():
            raise SettingsError(f"{path.name} is the image that is open.", "Give the labels another name.")


def save_labels(layer: LabelsLayer, path: Path) -> Path:
    """Write a layer's labels, in a thread, replacing what is there if it is one of our results or a TIFF."""
    suffix = path.suffix.lower()
    recipe: dict[str, Any] = {"task": "saved labels", "layer": layer.title, "version": __version__}
    recipe |= {"label_divisor": layer.label_divisor, "class_names": dict(layer.class_names)}
    if suffix in (".tif", ".tiff"):
        write_label_tiff(path, _planes(layer), layer.shape, layer.spacing, recipe, np.uint32, overwrite=True)
    elif suffix == ".zarr":
        _save_zarr(layer, path, recipe)
    else:
        raise SettingsError(f"{path.name} is neither .zarr nor .tif.", "Name the file X.zarr or X.tif.")
    return path


def _planes(layer: LabelsLayer) -> Iterator[NDArray[np.uint32]]:
    for index in range(layer.shape[0]):
        yield np.asarray(layer.source[index : index + 1, :, :], np.uint32)[0]


def _save_zarr(layer: LabelsLayer, path: Path, recipe: dict[str, Any]) -> None:
    """One label image per class; where writing fails, what was there before comes back."""
    store = ResultStore.create(path, layer.shape, layer.spacing, CHUNK, recipe, overwrite=True)
    try:
        names = _classes(layer)
        for class_id, name in names.items():
            array = store.label_array(f"labels/{name}", class_id, name, layer.label_divisor)
            _fill(array, layer, class_id if len(names) > 1 else None)
        store.finish(recipe, QuietContext())
    except BaseException:
        store.discard()
        raise


def _classes(layer: LabelsLayer) -> dict[int, str]:
    """The classes to write, each with a name of its own; where there are several, those that nobody named, too."""
    names = dict(layer.class_names) or {1: "labels"}
    if len(names) > 1:
        for plane in _planes(layer):
            for class_id in np.unique(plane[plane > 0] // layer.label_divisor).tolist():
                names.setdefault(class_id, f"class {class_id}")
    names = {class_id: name.replace("/", " ").strip() or f"class {class_id}" for class_id, name in names.items()}
    used = Counter(names.values())
    return {class_id: name if used[name] == 1 else f"{name} {class_id}" for class_id, name in names.items()}


def _fill(array: Any, layer: LabelsLayer, class_id: int | None) -> None:  # noqa: ANN401 - a Zarr array
    depth = array.chunks[0]
    for start in range(0, layer.shape[0], depth):
        stop = min(start + depth, layer.shape[0])
        ids = np.asarray(layer.source[start:stop, :, :], np.uint32)
        array[start:stop] = ids if class_id is None else np.where(ids // layer.label_divisor == class_id, ids, 0)
