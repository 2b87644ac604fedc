"""Layers as plain values that JSON holds, and back; voxels of the session's own labels go into Zarr beside it."""

import copy
import shutil
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from empanada_desktop.core.edits import box_blocks
from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.core.grey import GreyRange
from empanada_desktop.document.editable import EditableSource
from empanada_desktop.document.frozen import FrozenArray
from empanada_desktop.document.frozen_labels import FrozenLabels
from empanada_desktop.document.layers import ImageLayer, LabelsLayer, Layer, PointsLayer, Shape, ShapesLayer
from empanada_desktop.document.placed import PlacedSource
from empanada_desktop.document.reviewing import items_from_plain
from empanada_desktop.document.sources import ArraySource, PlaneSource, VolumeSource, open_source, whole_box
from empanada_desktop.document.stamps import stamp_below
from empanada_desktop.errors import VolumeError
from empanada_desktop.io.overlay_files import base_of
from empanada_desktop.io.volumes import VolumeRef

IN_MEMORY_BYTES = 1 << 30
CHUNK = 64
LABELS = "labels"
REMOVE_TRIES, REMOVE_SECONDS = 50, 0.02
Written = dict[str, tuple[int, str]]
Moved = dict[str, str]
SomeLayer = TypeVar("SomeLayer", bound=Layer)
COMMON = ("title", "id", "visible", "opacity", "locked", "note")
LOOKS = {
    "image": ("colormap",),
    "labels": ("style", "shows_selected_only", "seed", "label_divisor", "active_id"),
    "points": ("size", "colour"),
    "shapes": ("colour",),
}
TYPES: dict[str, Any] = {
    "opacity": (int, float),
    "size": (int, float),
    **dict.fromkeys(("visible", "locked", "shows_selected_only"), bool),
    **dict.fromkeys(("seed", "label_divisor", "active_id"), int),
    **dict.fromkeys(("title", "id", "note", "colormap", "style", "colour"), str),
}


def layer_to_plain(layer: Layer, folder: Path, written: Written, unsynced: list[Path] | None = None) -> dict[str, Any]:
    """Return a layer as plain values; writes voxels that are in no file into `folder` when they changed since.

    written: version and place of what was written before, by layer id; kept up to date here. unsynced: takes the
    files that need not be on the disk yet; without it they are waited for. OSError on a full disk.
    """
    plain: dict[str, Any] = {"kind": layer.kind}
    plain |= {name: getattr(layer, name) for name in (*COMMON, *LOOKS[layer.kind])}
    if isinstance(layer, PointsLayer):
        plain["points"] = layer.points.tolist()
    if isinstance(layer, ShapesLayer):
        plain["shapes"] = [_shape_to_plain(shape) for shape in layer.shapes]
    if isinstance(layer, ImageLayer | LabelsLayer):
        plain["source"] = _source_to_plain(layer, folder, written, unsynced)
        plain["spacing"] = [*layer.spacing.zyx, layer.spacing.source]
    if isinstance(layer, ImageLayer):
        plain["contrast"] = list(layer.contrast)
        plain["grey"] = layer.grey.to_dict() if layer.grey is not None else None
    if isinstance(layer, LabelsLayer):
        plain["class_names"] = {str(number): title for number, title in layer.class_names.items()}
        plain["selected"] = sorted(layer.selected)
        plain["review"] = {str(label_id): state for label_id, state in layer.review.items()}
        plain["queue"] = [item.to_plain() for item in layer.queue]
        plain["decisions"], plain["hidden"] = dict(layer.decisions), sorted(layer.hidden)
        plain["id_range"] = list(layer.id_range) if layer.id_range else None
        plain["colour_table"] = layer.colour_table.tobytes().hex()
    return plain


def layer_from_plain(
    plain: dict[str, Any], folder: Path, written: Written, moved: Mapping[str, str] | None = None
) -> Layer:
    """Return the layer that plain values tell of; AppError where its file is gone, ValueError if mangled.

    moved: where files are now that lay elsewhere when the values were written.
    """
    kind = plain["kind"]
    values = {name: plain[name] for name in (*COMMON, *LOOKS[kind]) if isinstance(plain.get(name), TYPES[name])}
    if kind == "points":
        return PointsLayer(**values, points=np.array(plain["points"], np.float64).reshape(-1, 3))
    if kind == "shapes":
        return ShapesLayer(**values, shapes=tuple(_shape_from_plain(shape) for shape in plain["shapes"]))
    source = _source_from_plain(plain, folder, written, moved or {})
    z, y, x, origin = plain["spacing"]
    values |= {"source": source, "spacing": Spacing(z, y, x, str(origin))}
    if kind == "image":
        low, high = plain["contrast"]
        grey = GreyRange.from_dict(plain["grey"]) if plain.get("grey") else None
        return ImageLayer(**values, contrast=(float(low), float(high)), grey=grey)
    return LabelsLayer(
        **values,
        class_names={int(number): str(title) for number, title in plain.get("class_names", {}).items()},
        selected=frozenset(int(label_id) for label_id in plain.get("selected", ())),
        review={int(label_id): str(state) for label_id, state in plain.get("review", {}).items()},
        queue=items_from_plain(plain.get("queue")),
        decisions={str(key): str(said) for key, said in plain.get("decisions", {}).items()},
        hidden=frozenset(int(label_id) for label_id in plain.get("hidden", ())),
        id_range=(int(plain["id_range"][0]), int(plain["id_range"][1])) if plain.get("id_range") else None,
        colour_table=np.frombuffer(bytes.fromhex(plain.get("colour_table", "")), np.uint8).copy(),
    )


def frozen(layer: SomeLayer) -> SomeLayer:
    """Return a copy of a layer as it is now, for writing: the layer may change meanwhile, and keeps its id."""
    twin = copy.copy(layer)
    if isinstance(twin, ImageLayer | LabelsLayer) and isinstance(twin.source, ArraySource | EditableSource):
        twin.source = twin.source.freeze()  # type: ignore[assignment] # read by boxes only
    return twin


def is_own(layer: Layer) -> bool:
    """Whether a layer holds what is in no file of the user's."""
    if isinstance(layer, ImageLayer | LabelsLayer):
        source: object = layer.source
        if isinstance(source, EditableSource | FrozenLabels):
            return not source.is_as_in_file
        return not isinstance(layer.source, VolumeSource | PlacedSource)
    return isinstance(layer, PointsLayer | ShapesLayer)


def _source_to_plain(
    layer: ImageLayer | LabelsLayer, folder: Path, written: Written, unsynced: list[Path] | None
) -> dict[str, Any]:
    source: PlaneSource | FrozenArray | FrozenLabels = layer.source
    if isinstance(source, VolumeSource):
        return {"kind": "file", **_address(source.ref), "shape": list(source.shape)}
    if isinstance(source, PlacedSource):
        return _planes_to_plain(source)
    if isinstance(source, EditableSource):
        source = source.freeze()
    if isinstance(source, FrozenLabels) and source.is_as_in_file:
        return _base_to_plain(source)
    version, store = written.get(layer.id, (-1, ""))
    present = source.version
    if version != present or not store or not (folder / store).exists():
        if isinstance(source, FrozenLabels):
            store = source.write(folder / LABELS / layer.id, unsynced).relative_to(folder).as_posix()
        else:
            store = f"{LABELS}/{layer.id}-{uuid.uuid4().hex[:8]}.zarr"
            write_voxels(source, folder / store)
        # What was changed meanwhile is newer than this and is written the next time.
        written[layer.id] = (present, store)
    if isinstance(source, FrozenLabels):
        return {"kind": "overlay", "store": store, "below": stamp_below(source)}
    return {"kind": "own", "store": store}


def _base_to_plain(source: FrozenLabels) -> dict[str, Any]:
    """Labels that can be changed and were not: the file below."""
    base = source.base
    if isinstance(base, PlacedSource):
        return _planes_to_plain(base)
    return {"kind": "file", **_address(base.ref), "shape": list(source.shape)}  # type: ignore[union-attr]


def _planes_to_plain(source: PlacedSource) -> dict[str, Any]:
    place = {"shape": list(source.shape), "axis": str(source.axis), "start": list(source.box.start)}
    return {"kind": "planes", **_address(source.planes.ref), **place}


def file_below(plain: dict[str, Any], folder: Path, moved: Mapping[str, str]) -> str:
    """Return the file of the user's in which, or over which, a layer of plain values lies; "" where there is none."""
    values = plain.get("source")
    if not isinstance(values, dict):
        return ""
    try:
        address = base_of(folder / str(values["store"])) if values["kind"] == "overlay" else values
        path = str((address or {}).get("path", ""))
    except (KeyError, VolumeError):
        return ""
    return moved.get(path, path)


def _source_from_plain(plain: dict[str, Any], folder: Path, written: Written, moved: Mapping[str, str]) -> PlaneSource:
    values = plain["source"]
    if values["kind"] == "own":
        source = read_voxels(folder / str(values["store"]))
        if isinstance(source, ArraySource):
            written[str(plain["id"])] = (source.version, str(values["store"]))
        return source
    if values["kind"] == "overlay":
        editable = EditableSource.opened(folder / str(values["store"]), moved=moved)
        written[str(plain["id"])] = (editable.version, str(values["store"]))
        return editable
    size = values.get("voxel_size")
    as_labels = bool(values.get("as_labels"))
    path = moved.get(values["path"], values["path"])
    volume = open_source(VolumeRef(path, values.get("dataset"), tuple(size) if size else None, as_labels=as_labels))
    if values["kind"] == "file":
        if path != values["path"]:
            _check_shape(volume, values.get("shape"))
        return volume
    z, y, x = values["shape"]
    axis = Axis(values["axis"])
    start = values["start"]
    return PlacedSource(volume, (z, y, x), axis, start[axis.normal], (start[axis.in_plane[0]], start[axis.in_plane[1]]))


def _check_shape(volume: VolumeSource, before: object) -> None:
    """VolumeError where a file that is said to have been moved cannot be the one that was open."""
    if isinstance(before, list) and before != list(volume.shape):
        sizes = [" × ".join(map(str, shape)) for shape in (volume.shape, before)]
        words = f"{Path(volume.ref.path).name} has {sizes[0]} voxels, and the file that was open had {sizes[1]}."
        raise VolumeError(words, "Choose the file that was moved or renamed.")


def write_voxels(source: PlaneSource | FrozenArray, path: Path) -> None:
    """Write the voxels of a source as a Zarr array, block by block; complete or not there. OSError on a full disk."""
    import zarr
    from zarr.codecs import ZstdCodec

    unfinished = path.with_name(f"{path.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        array = zarr.create_array(
            str(unfinished),
            shape=source.shape,
            dtype=source.dtype,
            chunks=tuple(min(CHUNK, length) for length in source.shape),
            compressors=ZstdCodec(level=1),
            fill_value=0,
        )
        for box in box_blocks(whole_box(source.shape), (CHUNK, 8 * CHUNK, 8 * CHUNK)):
            array[box.slices] = source[box.slices]
        shutil.rmtree(path, ignore_errors=True)
        unfinished.rename(path)
    finally:
        _remove(unfinished)


def _remove(folder: Path) -> None:
    """Remove a folder that Zarr's threads may still be writing to: after a first chunk that failed others go on."""
    for _ in range(REMOVE_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(REMOVE_SECONDS if folder.exists() else 0)
        if not folder.exists():
            return


def read_voxels(path: Path) -> ArraySource | EditableSource:
    """Read what write_voxels wrote into memory, or what is large into blocks; VolumeError where it is gone or damaged.

    Nothing is ever written into the store: a state that is on the disk stays what it is.
    """
    import zarr

    try:
        array = zarr.open_array(str(path), mode="r")
        if array.nbytes <= IN_MEMORY_BYTES:
            return ArraySource(np.asarray(array[:]))
        z, y, x = array.shape
        source = EditableSource(shape=(z, y, x), dtype=array.dtype)
        source.use_folder(path.parent / path.name.partition("-")[0])
        for box in box_blocks(whole_box(source.shape), (CHUNK, 8 * CHUNK, 8 * CHUNK)):
            source[box.slices] = array[box.slices]
        return source
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise VolumeError("its voxels are missing or damaged.", "Open the file that they were saved to.") from error


def _address(ref: VolumeRef) -> dict[str, Any]:
    return {
        "path": str(Path(ref.path).absolute()),
        "dataset": ref.dataset,
        "voxel_size": list(ref.voxel_size) if ref.voxel_size else None,
        "as_labels": ref.as_labels,
    }


def _shape_to_plain(shape: Shape) -> dict[str, Any]:
    return {
        "kind": shape.kind,
        "axis": str(shape.axis),
        "index": shape.index,
        "vertices": [list(vertex) for vertex in shape.vertices],
    }


def _shape_from_plain(plain: dict[str, Any]) -> Shape:
    vertices = tuple((float(row), float(column)) for row, column in plain["vertices"])
    return Shape(plain["kind"], Axis(plain["axis"]), int(plain["index"]), vertices)
