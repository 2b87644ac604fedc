"""Tensors of weights files as numpy arrays: safetensors, and PyTorch's zip files without running anything in them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.errors import WeightsError
from empanada_desktop.io.weights.archives import HINT, ZIP_ERRORS, open_archive, read_entry
from empanada_desktop.io.weights.pickles import ScriptObject, Storage, TensorRecord, read_pickle

MAX_INDEX_BYTES = 32 << 20
MAX_OBJECTS = 100_000
MAX_DEPTH = 60

Tensors = dict[str, NDArray[Any]]


def read_tensors(path: Path) -> Tensors:
    """Read the named tensors of a .safetensors file or of PyTorch's .pth; bfloat16 becomes float32.

    Of a TorchScript file these are the parameters and buffers, under the names of its state dict. No code of the file
    is run. WeightsError for a missing, damaged, hostile or quantised file.
    """
    if path.suffix.lower() == ".safetensors":
        return _read_safetensors(path)
    with open_archive(path) as archive:
        folder, records = _read_index(archive, path)
        storages: dict[str, NDArray[Any]] = {}
        try:
            return {name: _read_tensor(archive, folder, record, storages) for name, record in records.items()}
        except (*ZIP_ERRORS, KeyError) as problem:
            raise WeightsError(f"The tensors of {path} are damaged.", HINT) from problem


def read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of what read_tensors would read, without reading the values."""
    if path.suffix.lower() == ".safetensors":
        return {name: tensor.shape for name, tensor in _read_safetensors(path).items()}
    with open_archive(path) as archive:
        return {name: record.shape for name, record in _read_index(archive, path)[1].items()}


def write_safetensors(path: Path, tensors: Tensors, notes: dict[str, str]) -> None:
    """Write named arrays with a few words about them, complete or not at all."""
    from safetensors.numpy import save

    content = save({name: np.require(tensor, requirements="C") for name, tensor in tensors.items()}, metadata=notes)
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_bytes(content)  # save_file would make a file that only its owner may read
    unfinished.replace(path)


def _read_safetensors(path: Path) -> Tensors:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors: Tensors = load_file(path)
    except FileNotFoundError as problem:
        raise WeightsError(f"There is no file {path}.", "Check the path.") from problem
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, MemoryError) as problem:
        raise WeightsError(f"{path} is damaged or not a file of weights.", HINT) from problem
    return tensors


def _read_index(archive: zipfile.ZipFile, path: Path) -> tuple[PurePosixPath, dict[str, TensorRecord]]:
    indices = [name for name in archive.namelist() if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(indices) != 1:
        raise WeightsError(f"{path} is not a file of PyTorch weights.", "Choose a .pth that PyTorch saved.")
    content = read_pickle(read_entry(archive, indices[0], MAX_INDEX_BYTES).tobytes())
    records = dict(_walk(content))
    if not records:
        raise WeightsError(f"{path} holds no tensors.", "Choose a .pth with weights.")
    return PurePosixPath(indices[0]).parent, records


def _walk(content: object) -> Iterator[tuple[str, TensorRecord]]:
    """Go through nested dicts and modules, in order; objects that are no modules (no `training` flag) are left out."""
    waiting: list[tuple[str, object, int]] = [("", content, 0)]
    seen = 0
    while waiting:
        name, value, depth = waiting.pop()
        seen += 1
        if seen > MAX_OBJECTS or depth > MAX_DEPTH:
            raise WeightsError("The weights' index is nested too deeply.", HINT)
        if isinstance(value, TensorRecord):
            yield name, value
        else:
            parts = reversed(list(_parts(value).items()))
            waiting.extend((f"{name}.{key}" if name else str(key), part, depth + 1) for key, part in parts)


def _parts(value: object) -> dict[Any, Any]:
    if isinstance(value, ScriptObject):
        return value.attributes if "training" in value.attributes else {}
    return value if isinstance(value, dict) else {}


def _read_tensor(
    archive: zipfile.ZipFile, folder: PurePosixPath, record: TensorRecord, storages: dict[str, NDArray[Any]]
) -> NDArray[Any]:
    storage = record.storage
    if storage.key not in storages:
        storages[storage.key] = _read_storage(archive, folder, storage)
    values = storages[storage.key]
    count = int(np.prod(record.shape, dtype=object))
    last = record.offset + sum((side - 1) * step for side, step in zip(record.shape, record.strides, strict=True))
    # Steps of 0 could make a huge array out of one value.
    if count > values.size or (count and last >= values.size):
        raise ValueError("a tensor reaches beyond its storage")
    steps = [step * values.itemsize for step in record.strides]
    view = np.lib.stride_tricks.as_strided(values[record.offset :], record.shape, steps, writeable=True)
    return view if view.flags.c_contiguous else view.copy()


def _read_storage(archive: zipfile.ZipFile, folder: PurePosixPath, storage: Storage) -> NDArray[Any]:
    is_brain_float = storage.dtype == "bfloat16"
    dtype = np.dtype("<u2" if is_brain_float else storage.dtype)
    content = read_entry(archive, str(folder / "data" / storage.key), storage.size * dtype.itemsize)
    values = content.view(dtype)
    if values.size != storage.size:
        raise ValueError("a storage is shorter than it says")
    # A bfloat16 is the upper half of a float32.
    return (values.astype(np.uint32) << 16).view(np.float32) if is_brain_float else values
