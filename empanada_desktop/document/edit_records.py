"""Edits as values that JSON holds, with the bytes beside them, and back: what the journal writes and reads."""

import datetime
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.document.edits import Edit, Edits, LayerEdit, Patch, PropertyEdit, VoxelEdit
from empanada_desktop.document.layers import Layer, Shape
from empanada_desktop.document.reviewing import QueueItem
from empanada_desktop.io.edit_files import part_from_plain, part_to_plain

Blobs = list[bytes]
Plain = dict[str, Any]
LayerToPlain = Callable[[Layer], Plain]
FindLayer = Callable[[str], Layer]


def edit_to_plain(edit: Edit, blobs: Blobs, layer_to_plain: LayerToPlain) -> Plain:
    """Return an edit as plain values; its bytes are put into `blobs`. TypeError for what no journal can hold.

    layer_to_plain: called with every layer that an edit of layers names; what it returns is kept with the edit.
    """
    plain: Plain = {"title": edit.title, "when": edit.when.isoformat(), "who": edit.who, "where": edit.where}
    if isinstance(edit, VoxelEdit):
        return plain | {"kind": "voxels", "layer": edit.layer_id, "parts": parts_to_plain(edit.parts, blobs)}
    if isinstance(edit, PropertyEdit):
        values = {"before": value_to_plain(edit.before, blobs), "after": value_to_plain(edit.after, blobs)}
        return plain | {"kind": "properties", "layer": edit.layer_id, **values}
    if isinstance(edit, LayerEdit):
        # Previews are in no session: an edit that named one could not be made or undone after a restart.
        before, after = ([one for one in layers if not one.is_preview] for layers in (edit.before, edit.after))
        ids = {"before": [layer.id for layer in before], "after": [layer.id for layer in after]}
        layers = {layer.id: layer for layer in (*before, *after)}
        return plain | {"kind": "layers", **ids, "layers": [layer_to_plain(layer) for layer in layers.values()]}
    if isinstance(edit, Edits):
        return plain | {"kind": "edits", "parts": [edit_to_plain(part, blobs, layer_to_plain) for part in edit.parts]}
    raise TypeError(f"{type(edit).__name__} cannot be kept")


def edit_from_plain(plain: Plain, blobs: Sequence[bytes], find: FindLayer) -> Edit:
    """Return the edit that plain values tell of; find: returns the layer with an id."""
    stamp: dict[str, Any] = {"when": datetime.datetime.fromisoformat(plain["when"]), "who": str(plain["who"])}
    title, kind = str(plain["title"]), plain["kind"]
    if kind == "voxels":
        return VoxelEdit(title, plain["layer"], parts_from_plain(plain["parts"], blobs), **stamp)
    if kind == "properties":
        before, after = (value_from_plain(plain[when], blobs) for when in ("before", "after"))
        return PropertyEdit(title, plain["layer"], before, after, **stamp)
    if kind == "layers":
        before, after = (tuple(find(layer_id) for layer_id in plain[when]) for when in ("before", "after"))
        return LayerEdit(title, before, after, **stamp)
    return Edits(title, tuple(edit_from_plain(part, blobs, find) for part in plain["parts"]), **stamp)


def layer_ids(plain: Plain) -> set[str]:
    """Return the ids of all layers that an edit, as plain values, names."""
    kind = plain["kind"]
    if kind == "edits":
        return {layer_id for part in plain["parts"] for layer_id in layer_ids(part)}
    return {*plain["before"], *plain["after"]} if kind == "layers" else {plain["layer"]}


def count_voxels(plain: Plain) -> int:
    """Return how many voxels lie in the boxes of an edit, as plain values; 0 where it changes the list of layers."""
    if plain["kind"] == "edits":
        counts = [count_voxels(part) for part in plain["parts"]]
        return 0 if any(new_layers(part) for part in plain["parts"]) else sum(counts)
    boxes = [part["box"] for part in plain["parts"]] if plain["kind"] == "voxels" else []
    return sum(math.prod(high - low for low, high in box) for box in boxes)


def new_layers(plain: Plain) -> list[Plain]:
    """Return the layers that are kept with an edit, as plain values."""
    if plain["kind"] == "edits":
        return [layer for part in plain["parts"] for layer in new_layers(part)]
    return [layer for layer in plain["layers"] if layer] if plain["kind"] == "layers" else []


def parts_to_plain(parts: Sequence[Any], blobs: Blobs) -> list[Plain]:
    """Return changes of voxels as plain values."""
    plains = []
    for part in parts:
        plain, own = part_to_plain(part)
        plains.append({**plain, "first": len(blobs), "count": len(own)})
        blobs += own
    return plains


def parts_from_plain(plains: Sequence[Plain], blobs: Sequence[bytes]) -> tuple[Any, ...]:
    """Return the changes of voxels that plain values tell of."""
    return tuple(part_from_plain(each, blobs[each["first"] : each["first"] + each["count"]]) for each in plains)


def value_to_plain(value: Any, blobs: Blobs) -> Any:  # noqa: ANN401 - what layers have as properties
    """Return a property's value as plain values; TypeError where nobody taught it how."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        blobs.append(value.tobytes())
        return {"array": value.dtype.str, "shape": list(value.shape), "blob": len(blobs) - 1}
    for name, kind, plain_of in _TAUGHT:
        if isinstance(value, kind):
            return {name: plain_of(value)}
    if isinstance(value, Mapping | Patch):
        items = value.changes if isinstance(value, Patch) else value
        pairs = [[key, value_to_plain(each, blobs)] for key, each in items.items()]
        return {"patch" if isinstance(value, Patch) else "map": pairs}
    if isinstance(value, frozenset | set | tuple | list):
        name = "set" if isinstance(value, frozenset | set) else "tuple"
        return {name: [value_to_plain(each, blobs) for each in value]}
    raise TypeError(f"{type(value).__name__} cannot be kept")


def value_from_plain(plain: Any, blobs: Sequence[bytes]) -> Any:  # noqa: ANN401
    """Return the value that plain values tell of."""
    if not isinstance(plain, dict):
        return plain
    if "array" in plain:
        flat = np.frombuffer(blobs[plain["blob"]], np.dtype(plain["array"]))
        return flat.reshape(plain["shape"]).copy()
    ((name, inner),) = plain.items()
    if name in _MAKERS:
        return _MAKERS[name](inner)
    if name in ("patch", "map"):
        items = {key: value_from_plain(each, blobs) for key, each in inner}
        return Patch(items) if name == "patch" else items
    values = (value_from_plain(each, blobs) for each in inner)
    return frozenset(values) if name == "set" else tuple(values)


def _shape_to_plain(shape: Shape) -> list[Any]:
    return [shape.kind, str(shape.axis), shape.index, [list(vertex) for vertex in shape.vertices]]


def _shape_from_plain(plain: list[Any]) -> Shape:
    kind, axis, index, vertices = plain
    return Shape(kind, Axis(axis), int(index), tuple((float(row), float(column)) for row, column in vertices))


_TAUGHT: tuple[tuple[str, Any, Callable[[Any], Any]], ...] = (
    ("shape", Shape, _shape_to_plain),
    ("item", QueueItem, lambda item: item.to_plain()),
    ("spacing", Spacing, lambda spacing: [*spacing.zyx, spacing.source]),
)
_MAKERS: dict[str, Callable[[Any], Any]] = {
    "shape": _shape_from_plain,
    "item": QueueItem.from_plain,
    "spacing": lambda plain: Spacing(*plain),
}
