"""Layers of two sessions: which of them are the same, and copies that go from one session to the other."""

import copy
from collections.abc import Iterable, Sequence
from pathlib import Path

from empanada_desktop.core.edits import box_blocks
from empanada_desktop.document.editable import EditableSource, file_of
from empanada_desktop.document.layers import ImageLayer, LabelsLayer, Layer
from empanada_desktop.document.placed import PlacedSource
from empanada_desktop.document.plain import Moved
from empanada_desktop.document.reopening import Reader
from empanada_desktop.document.sources import ArraySource, VolumeSource, whole_box
from empanada_desktop.errors import SettingsError

Address = tuple[str, str, str | None, tuple[int, int, int]]


def pair_layers(second: Sequence[Layer], first: Sequence[Layer]) -> dict[str, str]:
    """Return the first session's layer for each of the second's, by id; what has none is left out.

    Layers are the same where one session was copied from the other, or where they lie in files of one name and shape.
    """
    known = {layer.id for layer in first}
    places = {_address(layer): layer.id for layer in first if _address(layer) is not None}
    pairs = {layer.id: layer.id if layer.id in known else places.get(_address(layer), "") for layer in second}
    return {theirs: mine for theirs, mine in pairs.items() if mine}


def files_by_name(folders: Iterable[Path]) -> Moved:
    """Return where files of sessions lie that are not where they were: those of the other sessions with their names.

    SettingsError where a file is nowhere: what was done to its layers would be left out without a word.
    """
    missing, there = dict[str, str](), dict[str, str]()
    for folder in folders:
        reader = Reader(folder, {}, {})
        reader.layers()
        missing |= reader.opened.missing
        places = [place for layer in reader.opened.layers if (place := file_of(layer)) is not None]
        there |= {Path(path).name: path for path, _ in places}
    lost = [words for path, words in missing.items() if Path(path).name not in there]
    if lost:
        raise SettingsError(" ".join(lost), "Put it back. Or open both sessions here first: Continue asks where it is.")
    return {path: there[Path(path).name] for path in missing}


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
