"""Keeps the views and a document in step: layers, crosshair, zoom and selection, in both directions."""

import math

from PySide6.QtCore import QObject, Qt

from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.document.at_hand import is_at_hand
from empanada_desktop.document.document import Document
from empanada_desktop.document.layers import ImageLayer, LabelsLayer, Layer
from empanada_desktop.gui.viewer.camera import DISPLAYED, Triple
from empanada_desktop.gui.viewer.composing import DrawnLayer
from empanada_desktop.gui.viewer.drawn_layers import LayerNumbers, drawn_layers
from empanada_desktop.gui.viewer.loader import Request, TileLoader, displayable
from empanada_desktop.gui.viewer.tiles import TileGrid, TileKey, keys_touching

# More voxels than this are read by the loader's threads, so that the window goes on meanwhile.
SHOWN_AT_ONCE = 1 << 19
ADDING = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


class LayerLink(QObject):
    """Translates the layers of a document into what is drawn, and its changes into tiles to read again."""

    def __init__(self, document: Document, loader: TileLoader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document, self._loader = document, loader
        self._numbers = LayerNumbers()

    def drawn(self) -> list[DrawnLayer]:
        """The visible layers as they are drawn, bottom to top; forgets the tiles of layers that are gone."""
        self._numbers.forget_all_but(self._document.layers, self._loader.cache.drop_layer)
        return drawn_layers(self._document.layers, self._numbers)

    def refresh(self, layer: Layer, box: Box) -> None:
        """Show the voxels of a box as they are now: at once where they are few and in memory, otherwise read again."""
        if not isinstance(layer, ImageLayer | LabelsLayer):
            return
        number, source = self._numbers.of(layer), layer.source
        if isinstance(layer, LabelsLayer) and math.prod(box.shape) <= SHOWN_AT_ONCE and is_at_hand(source, box):
            values = displayable(source[box.slices], is_labels=True)
            keys = keys_touching(number, source, box, self._loader.cache)
            self._loader.put(number, source, keys, box, values)
            return

        def grid_of(key: TileKey) -> TileGrid:
            return TileGrid.of(source, key.level, key.axis)

        self._loader.note_change(number, source, box)
        touched = self._loader.cache.touching(number, box, grid_of)
        is_labels = isinstance(layer, LabelsLayer)
        self._loader.refresh([Request(key, grid_of(key), source, is_labels) for key in touched], box)

    def value_at(self, layer: ImageLayer | LabelsLayer, voxel: Triple) -> float | int | None:
        """The value of a voxel, out of the tiles in memory; None when no tile holds it at full size or coarser."""
        if any(not 0 <= place < length for place, length in zip(voxel, layer.source.shape, strict=True)):
            return None
        for level in range(len(layer.source.levels)):
            for axis in Axis:
                value = self._cached_value(layer, voxel, level, axis)
                if value is not None:
                    return value
        return None

    def _cached_value(
        self, layer: ImageLayer | LabelsLayer, voxel: Triple, level: int, axis: Axis
    ) -> float | int | None:
        grid = TileGrid.of(layer.source, level, axis)
        place = [min(at // each, end - 1) for at, each, end in zip(voxel, grid.factor, grid.shape, strict=True)]
        plane = place[axis.normal]
        row, column = (place[along] for along in DISPLAYED[axis])
        number = self._numbers.of(layer)
        key = grid.key(number, plane // grid.thickness, row // grid.side, column // grid.side)
        tile = self._loader.cache.get(key)
        if tile is None:
            return None
        value: float | int = tile[plane % grid.thickness, row % grid.side, column % grid.side].item()
        return value


def objects_under(document: Document, link: LayerLink, voxel: Triple) -> list[tuple[LabelsLayer, int]]:
    """Visible objects at a voxel: the active layer's first, then the others' from top to bottom."""
    layers = [layer for layer in reversed(document.layers) if isinstance(layer, LabelsLayer) and layer.visible]
    layers.sort(key=lambda layer: layer is not document.active)
    values = [(layer, link.value_at(layer, voxel)) for layer in layers]
    return [(layer, int(value)) for layer, value in values if value and int(value) not in layer.hidden]


def select_at(document: Document, link: LayerLink, voxel: Triple, modifiers: Qt.KeyboardModifier) -> None:
    """Select the object at a voxel; with Ctrl or Shift add it to the selection or take it out. Nothing there: none."""
    found = objects_under(document, link, voxel)
    adding = bool(modifiers & ADDING)
    if found:
        layer, label_id = found[0]
        document.select(layer, layer.selected ^ {label_id} if adding else {label_id})
    elif not adding:
        for layer in document.of_kind(LabelsLayer):
            document.select(layer, ())
