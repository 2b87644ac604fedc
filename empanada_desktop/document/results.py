"""From a task's result on the disk to layers of the document, as one deed that undoes."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.context import Partial
from empanada_desktop.core.edits import RegionEdit
from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.document.document import Document
from empanada_desktop.document.editable import EditableSource
from empanada_desktop.document.edits import LayerEdit
from empanada_desktop.document.layers import DEFAULT_DIVISOR, LabelsLayer, Layer
from empanada_desktop.document.partial import PartialSource
from empanada_desktop.document.placed import PlacedSource
from empanada_desktop.document.sources import (
    ArraySource,
    PlaneLabels,
    PlaneSource,
    VolumeSource,
    open_source,
    plane_box,
)
from empanada_desktop.errors import VolumeError
from empanada_desktop.io.volumes import VolumeRef, list_datasets

TIFF_SUFFIXES = (".tif", ".tiff")
IN_MEMORY_BYTES = 256 << 20


class WrittenResult(Protocol):
    """A result of a task that wrote labels."""

    @property
    def out(self) -> str:
        """Where they are."""

    @property
    def recipe(self) -> dict[str, Any]:
        """Where they come from."""


def result_layers(result: WrittenResult) -> list[LabelsLayer]:
    """Open a written result as label layers, one per class (and per single stack): reads files, so use a thread.

    VolumeError where the result is gone or damaged.
    """
    if Path(result.out).suffix.lower() not in TIFF_SUFFIXES:
        return open_labels(result.out)
    divisor = int(result.recipe.get("params", {}).get("max_objects_per_class", DEFAULT_DIVISOR))
    source = open_source(VolumeRef(result.out))
    if result.recipe.get("task") == "segment-plane":
        return [_layer(_placed(source, result.recipe), Path(result.out).stem, divisor, {})]
    region = result.recipe.get("inputs", {}).get("region")
    if region:
        shape, start = result.recipe["facts"]["shape_zyx"], Box.of_spans(region).start
        placed = PlacedSource(source, (shape[0], shape[1], shape[2]), Axis.XY, start[0], start[1:])
        return [_layer(placed, Path(result.out).stem, divisor, {})]
    return [_layer(source, Path(result.out).stem, divisor, {})]


def open_labels(path: str) -> list[LabelsLayer]:
    """Open the labels of an OME-Zarr result of ours, the classes first, then single stacks, which start hidden."""
    groups = [info.name for info in list_datasets(path) if info.name.startswith(("labels/", "stacks/"))]
    if not groups:
        raise VolumeError(f"{path} holds no labels.", "Choose a result that this program wrote.")
    layers = []
    for group in sorted(groups, key=lambda name: (not name.startswith("labels/"), name)):
        about = _about(path, group)
        title = about.title if group.startswith("labels/") else f"{about.title}, {group.split('/')[1]} stack"
        layer = _layer(open_source(VolumeRef(path, group)), title, about.divisor, {about.class_id: about.title})
        layer.visible = group.startswith("labels/")
        layers.append(layer)
    return layers


def add_layers(document: Document, layers: list[LabelsLayer], title: str, replacing: list[Layer] | None = None) -> None:
    """Put label layers on top as one deed; `replacing` go at the same time, and their looks are taken over by title."""
    gone = [layer for layer in replacing or [] if layer in document.layers]
    looks = {layer.title: layer for layer in gone if isinstance(layer, LabelsLayer)}
    for layer in layers:
        if layer.title in looks:
            _take_looks(layer, looks[layer.title])
    kept = [layer for layer in document.layers if layer not in gone]
    document.apply(LayerEdit(title, document.layers, (*kept, *reversed(layers))))
    if layers:
        document.active = layers[0]


def partial_layer(partial: Partial, title: str, like: LabelsLayer | None = None) -> LabelsLayer:
    """Return a preview layer of what a running job has found; feed it with advance_partial."""
    layer = LabelsLayer(title=title, source=PartialSource(partial), is_preview=True)
    if like is not None:
        _take_looks(layer, like)
    return layer


def advance_partial(document: Document, layer: LabelsLayer, partial: Partial) -> None:
    """Show the planes that a running job has finished since."""
    source = layer.source
    box = source.advance(partial.done) if isinstance(source, PartialSource) else None
    if box is not None and layer in document.layers:
        document.tell_voxels_changed(layer.id, box)


def drop_previews(document: Document) -> None:
    """Take all previews away again."""
    if any(layer.is_preview for layer in document.layers):
        document.replace_layers(tuple(layer for layer in document.layers if not layer.is_preview))


def plane_edit(
    source: PlaneSource, labels: NDArray[np.uint32], axis: Axis, index: int, origin: tuple[int, int]
) -> RegionEdit:
    """Return the edit that writes a plane's labels; what stands there is read, so use a thread where it is a file."""
    box = plane_box(axis, index, origin, labels.shape)
    return RegionEdit.between(box, source[box.slices], np.expand_dims(labels, axis.normal))


def plane_layer(
    shape: tuple[int, int, int],
    labels: NDArray[np.uint32],
    axis: Axis,
    index: int,
    origin: tuple[int, int],
    spacing: Spacing,
) -> LabelsLayer:
    """Return labels of a volume that are empty but for a plane; what is large lies in blocks and takes a moment."""
    box = plane_box(axis, index, origin, labels.shape)
    source: ArraySource | EditableSource
    if 4 * math.prod(shape) <= IN_MEMORY_BYTES:
        source = ArraySource(np.zeros(shape, np.uint32))
    else:
        source = EditableSource(shape=shape, spacing=spacing)
        source.use_own_folder()
    source[box.slices] = np.expand_dims(labels, axis.normal)
    return LabelsLayer(title="labels", source=source, spacing=spacing)


def plane_preview(document: Document, axis: Axis, index: int, title: str) -> LabelsLayer:
    """Return a preview layer of one plane, empty until document.show_plane fills it."""
    shape = [document.shape[normal] for normal in axis.in_plane]
    source = PlaneLabels(document.shape, axis, index, np.zeros(shape, np.uint32))
    return LabelsLayer(title=title, source=source, spacing=document.spacing, is_preview=True)


@dataclass(frozen=True)
class _About:
    """What a label group of a result says about itself."""

    title: str
    class_id: int
    divisor: int


def _about(path: str, group: str) -> _About:
    import zarr

    own = zarr.open_group(path, mode="r", path=group).attrs.get("empanada_desktop")
    values = own if isinstance(own, dict) else {}
    title = str(values.get("class_name", group.rpartition("/")[2]))
    return _About(title, int(values.get("class_id", 1)), int(values.get("label_divisor", DEFAULT_DIVISOR)))


def _placed(source: VolumeSource, recipe: dict[str, Any]) -> PlacedSource:
    """Put planes that were segmented on their own where the recipe says that they were cut out."""
    inputs = recipe["inputs"]
    z, y, x = recipe["facts"]["shape_zyx"]
    region = inputs.get("region") or (0, 0)
    first = 0 if inputs.get("batch") else int(inputs.get("index", 0))
    return PlacedSource(source, (z, y, x), Axis(inputs.get("plane", "xy")), first, (int(region[0]), int(region[1])))


def _layer(source: VolumeSource | PlacedSource, title: str, divisor: int, class_names: dict[int, str]) -> LabelsLayer:
    return LabelsLayer(
        title=title, source=source, spacing=source.spacing, label_divisor=divisor, class_names=class_names
    )


def _take_looks(layer: LabelsLayer, other: LabelsLayer) -> None:
    layer.opacity, layer.style, layer.seed, layer.visible = other.opacity, other.style, other.seed, other.visible
