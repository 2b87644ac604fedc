"""Zarr volumes: OME-Zarr 0.4 and 0.5 (images, labels, our own results), and plain arrays of Zarr v2 and v3."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import zarr
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Spacing
from empanada_desktop.errors import VolumeError
from empanada_desktop.io.ome_metadata import OWN_KEY
from empanada_desktop.io.volumes.axes import Picked, pick_axes
from empanada_desktop.io.volumes.faults import hushed, reading
from empanada_desktop.io.volumes.sources import ChunkedSource, Triple, grown
from empanada_desktop.io.volumes.units import length_nm
from empanada_desktop.io.volumes.volume import DatasetInfo, Opened

METADATA_FILES = ("zarr.json", ".zarray", ".zgroup", ".zattrs")
MOST_LISTED = 12
BESIDE_RESULTS = ("unfinished", "predictions")  # of our results, and no images

Node = zarr.Array[Any] | zarr.Group


def ome_attributes(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """The OME part of a group's attributes: under "ome" since 0.5, at the top before."""
    nested = attributes.get("ome")
    return nested if isinstance(nested, Mapping) else attributes


@dataclass(frozen=True)
class Multiscale:
    """One OME-Zarr image: its axes, and the path and scale of a level."""

    axes: tuple[str, ...]
    units: tuple[object, ...]
    level: str
    scale: tuple[float, ...]


def open_zarr(path: Path, dataset: str | None = None) -> Opened:
    """Open a Zarr folder; `dataset` is the path of an array, an image group or a label group inside it."""
    with reading(path), hushed():
        root, inner = _open_root(path)
        _refuse_unfinished(root, path)
        wanted = "/".join(part for part in (inner, (dataset or "").strip("/")) if part)
        return _open_node(root, wanted, path, dataset) if wanted else _open_default(root, path)


def zarr_datasets(path: Path) -> list[DatasetInfo]:
    """List the images, labels and arrays of a Zarr folder; the levels of a pyramid count as one."""
    with reading(path), hushed():
        root, inner = _open_root(path)
        node = _find(root, inner, path)
        return [_info(node, name) for name in _images(node)]


def _open_root(path: Path) -> tuple[Node, str]:
    """Open the outermost Zarr group around `path`, so that levels find their scales, and tell the path inside it."""
    if not _has_metadata(path):
        raise VolumeError(
            f"{path} is no Zarr folder: it has no metadata.", "Choose the folder with zarr.json or .zgroup."
        )
    top = path.absolute()
    while _has_metadata(top.parent):
        top = top.parent
    inner = path.absolute().relative_to(top).as_posix()
    return zarr.open(str(top), mode="r"), "" if inner == "." else inner


def _has_metadata(path: Path) -> bool:
    return any((path / name).is_file() for name in METADATA_FILES)


def _refuse_unfinished(root: Node, path: Path) -> None:
    state = root.attrs.get(OWN_KEY)
    if isinstance(state, Mapping) and state.get("state") == "unfinished":
        raise VolumeError(
            f"{path} is an unfinished result.",
            "Wait for the job that writes it, or run that job again: it goes on from there.",
        )


def _open_default(root: Node, path: Path) -> Opened:
    """Open what there is when nobody chose: the array, the image at the root, or the only image below it."""
    own = OWN_KEY in root.attrs
    if not own and (isinstance(root, zarr.Array) or _multiscale(root) is not None):
        return _open_node(root, "", path, None)
    images = [name for name in _images(root) if not own or name.startswith("labels/")]
    if len(images) == 1:
        return _open_node(root, images[0], path, images[0])
    if not images:
        raise VolumeError(f"{path} holds no image.", "Choose another folder.")
    listed = ", ".join(str(_info(root, name)) for name in images[:MOST_LISTED])
    raise VolumeError(f"{path} holds {len(images)} arrays.", f"Choose one with --dataset: {listed}.")


def _open_node(root: Node, name: str, path: Path, dataset: str | None) -> Opened:
    node = _find(root, name, path)
    multiscale, array = _level(root, node, name)
    if array is None:
        images = list(_images(cast(zarr.Group, node)))
        if len(images) == 1:
            chosen = f"{dataset}/{images[0]}" if dataset else images[0]
            return _open_node(root, f"{name}/{images[0]}", path, chosen)
        listed = ", ".join(f"{name}/{image}" for image in images) or "nothing"
        raise VolumeError(f"{name} in {path} is a group, not an image.", f"Choose one of its arrays: {listed}.")
    axes = multiscale.axes if multiscale is not None else _named_axes(array)
    picked = pick_axes(array.shape, axes, f"{dataset or 'the array'} in {path}")
    spacing, notes = _spacing(multiscale, picked)
    return Opened(ZarrSource(array, picked), spacing, [*picked.notes, *notes], dataset)


def _find(root: Node, name: str, path: Path) -> Node:
    if not name:
        return root
    if not isinstance(root, zarr.Group) or name not in root:
        known = ", ".join(_images(root)) if isinstance(root, zarr.Group) else "it is a single array"
        raise VolumeError(f"{path} has no dataset {name}.", f"It holds: {known}.")
    return root[name]


def _level(root: Node, node: Node, name: str) -> tuple[Multiscale | None, zarr.Array[Any] | None]:
    """The array to read for a node, with the image that it is a level of."""
    if isinstance(node, zarr.Group):
        multiscale = _multiscale(node)
        if multiscale is None or multiscale.level not in node:
            return None, None
        return multiscale, cast("zarr.Array[Any]", node[multiscale.level])
    parent, _, level = name.rpartition("/")
    group = root[parent] if parent and isinstance(root, zarr.Group) else root
    return (_multiscale(group, level) if isinstance(group, zarr.Group) and level else None), node


def _multiscale(group: Node, level: str | None = None) -> Multiscale | None:
    """Read the first multiscales entry of a group: its first level, or the one asked for; None where there is none."""
    entries = ome_attributes(group.attrs.asdict()).get("multiscales")
    if not isinstance(entries, list) or not entries:
        return None
    entry = entries[0]
    levels = entry.get("datasets") or []
    chosen = next((item for item in levels if level is None or item.get("path") == level), None)
    if chosen is None:
        return None
    axes = entry.get("axes") or []
    named = tuple(str(axis.get("name") if isinstance(axis, Mapping) else axis) for axis in axes)
    units = tuple(axis.get("unit") if isinstance(axis, Mapping) else None for axis in axes)
    scale = np.ones(len(axes))
    for transformation in (*chosen.get("coordinateTransformations", ()), *entry.get("coordinateTransformations", ())):
        if transformation.get("type") == "scale" and len(transformation.get("scale", ())) == len(axes):
            scale *= np.asarray(transformation["scale"], float)
    return Multiscale(named, units, str(chosen["path"]), tuple(scale.tolist()))


def _named_axes(array: zarr.Array[Any]) -> tuple[str, ...]:
    """Names of a plain array's axes where it has any: Zarr v3 dimension names, xarray's attribute."""
    names = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS")
    if isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names):
        return tuple(str(name) for name in names)
    return ()


def _spacing(multiscale: Multiscale | None, picked: Picked) -> tuple[Spacing, list[str]]:
    if multiscale is None:
        return Spacing(), []
    sizes = [
        None if position is None else length_nm(multiscale.scale[position], multiscale.units[position])
        for position in picked.zyx
    ]
    if any(sizes):
        return Spacing(sizes[0], sizes[1], sizes[2], "OME-Zarr scale"), []
    scale = [multiscale.scale[position] for position in picked.zyx if position is not None]
    if any(size != 1 for size in scale):
        written = ", ".join(f"{size:g}" for size in scale)
        return Spacing(), [f"The OME-Zarr scale ({written}) has no unit, so the voxel size is unknown."]
    return Spacing(), []


def _images(group: Node, prefix: str = "") -> Iterator[str]:
    """Paths of the images below a group: image and label groups as a whole, other arrays singly."""
    if not isinstance(group, zarr.Group):
        yield prefix
        return
    levels: set[str] = set()
    multiscale = _multiscale(group)
    if multiscale is not None:
        # The root of our own results only points to the labels below it.
        if OWN_KEY not in group.attrs or prefix:
            yield prefix
        entries = ome_attributes(group.attrs.asdict())["multiscales"]
        levels = {str(item.get("path")) for entry in entries for item in entry.get("datasets") or []}
    for name, member in sorted(group.members(), key=lambda item: item[0]):
        path = f"{prefix}/{name}" if prefix else name
        if name in levels or path in levels or (prefix == "" and name in BESIDE_RESULTS):
            continue
        if isinstance(member, zarr.Group) or len(member.shape) >= 2:
            yield from _images(member, path)


def _info(root: Node, name: str) -> DatasetInfo:
    node = root if not name else cast(zarr.Group, root)[name]
    _, array = _level(root, node, name)
    if array is None:
        return DatasetInfo(name, (), "group")
    return DatasetInfo(name, tuple(array.shape), str(array.dtype))


class ZarrSource(ChunkedSource):
    """A Zarr array read by its chunks (inner chunks where it is sharded); small ones are read several at a time."""

    def __init__(self, array: zarr.Array[Any], picked: Picked) -> None:
        if array.dtype.kind not in "buif":
            raise VolumeError(f"The array holds {array.dtype}, which are no grey values.", "Convert it to 8 or 16 bit.")
        self._array = array
        self._picked = picked
        shape, chunks = picked.order(array.shape), picked.order(array.chunks)
        super().__init__(shape, array.dtype, grown(chunks, shape, array.dtype.itemsize))

    def read_chunk(self, index: Triple) -> NDArray[Any]:
        """Decode one chunk, or the few small ones that are read together."""
        return self._picked.read(self._array, self.chunk_box(index).slices).astype(self.dtype, copy=False)
