"""Layers of two sessions: which of them are the same, and copies that go from one session to the other."""

import copy
from collections.abc import Sequence
from pathlib import Path

from empanada_desktop.core.edits import box_blocks
from empanada_desktop.document.editable import EditableSource
from empanada_desktop.document.layers import ImageLayer, LabelsLayer, Layer
from empanada_desktop.document.placed import PlacedSource
from empanada_desktop.document.sources import ArraySource, VolumeSource, whole_box

Address = tuple[str, str, str | None, tuple[int, int, int]]


def pair_layers(second: Sequence[Layer], first: Sequence[Layer]) -> dict[str, str]:
    """Return the first session's layer for each of the second's, by id; what has none is left out.

    Layers are the same where one session was copied from the other, or where they lie in files of one name and shape.
    """
    known = {layer.id for layer in first}
    places = {_address(layer): layer.id for layer in first if _address(layer) is not None}
    pairs = {layer.id: layer.id if layer.id in known else places.get(_address(layer), "") for layer in second}
    return {theirs: mine for theirs, mine in pairs.items() if mine}


def _address(layer: Layer) -> Address | None:
    """What file a layer lies in, or over; None where it is in none."""
    source: object = getattr(layer, "source", None)
    if isinstance(source, EditableSource):
        source = source.base
    if isinstance(source, PlacedSource):
        source = source.planes
    if not isinstance(source, VolumeSource):
        return None
    return layer.kind, Path(source.ref.path).name, source.ref.dataset, source.shape


def copied(layer: Layer) -> Layer:
    """Return a layer with the same id and voxels of its own, as they are now."""
    twin = copy.copy(layer)
    if not isinstance(twin, ImageLayer | LabelsLayer):
        return twin
    if isinstance(twin.source, EditableSource):
        twin.source = twin.source.copy()
    elif isinstance(twin.source, ArraySource):
        array, twin.source = (
            twin.source,
            EditableSource(shape=twin.shape, dtype=twin.source.dtype, spacing=twin.spacing),
        )
        for box in box_blocks(whole_box(twin.shape)):
            twin.source[box.slices] = array[box.slices]
    return twin


def put_in(layers: list[Layer], layer: Layer, order: list[str]) -> None:
    """Put a layer right above the one that lies below it in `order`, a list of ids; at the bottom where none does."""
    below = order[: order.index(layer.id)]
    places = [place for place, each in enumerate(layers) if each.id in below]
    layers.insert(places[-1] + 1 if places else 0, layer)
