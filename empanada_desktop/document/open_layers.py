"""The layers that are open, bottom to top: which is active, how they look, what is selected, where the user looks."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar

from psygnal import Signal

from empanada_desktop.core.geometry import Box, Spacing
from empanada_desktop.document.editable import EditableSource
from empanada_desktop.document.layers import ImageLayer, LabelsLayer, Layer
from empanada_desktop.document.placed import PlacedSource
from empanada_desktop.document.sources import ArraySource, PlaneLabels, VolumeSource
from empanada_desktop.document.view import ViewState
from empanada_desktop.errors import SettingsError

Triple = tuple[int, int, int]
SomeLayer = TypeVar("SomeLayer", bound=Layer)


class OpenLayers:
    """Layers, selection and view: what is told to everybody, and what is no deed. The Document's lower half.

    Signals: layer_added(layer, place), layer_removed(layer), layers_reordered(), layer_changed(layer, names),
    voxels_changed(layer, box), active_changed(layer or None), view_changed(view, names), selection_changed(layer).
    """

    layer_added = Signal(Layer, int)
    layer_removed = Signal(Layer)
    layers_reordered = Signal()
    layer_changed = Signal(Layer, frozenset)
    voxels_changed = Signal(Layer, Box)
    active_changed = Signal(object)
    view_changed = Signal(ViewState, frozenset)
    selection_changed = Signal(Layer)

    def __init__(self) -> None:
        self._layers: tuple[Layer, ...] = ()
        self._active: Layer | None = None
        self._gone_while_active = ""
        self._view = ViewState()

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, bottom to top."""
        return self._layers

    @property
    def active(self) -> Layer | None:
        """The layer that tools and panels act on."""
        return self._active

    @active.setter
    def active(self, layer: Layer | None) -> None:
        if layer is not None and layer not in self._layers:
            raise KeyError(layer.title)
        if layer is not self._active:
            self._active = layer
            self.active_changed.emit(layer)

    def layer(self, layer_id: str) -> Layer:
        """Return the layer with an id; KeyError when it is not open."""
        for layer in self._layers:
            if layer.id == layer_id:
                return layer
        raise KeyError(layer_id)

    def of_kind(self, kind: type[SomeLayer]) -> list[SomeLayer]:
        """Return the layers of a class, bottom to top."""
        return [layer for layer in self._layers if isinstance(layer, kind)]

    @property
    def image(self) -> ImageLayer | None:
        """The image to work on: the active one, otherwise the lowest."""
        if isinstance(self._active, ImageLayer):
            return self._active
        return next(iter(self.of_kind(ImageLayer)), None)

    @property
    def shape(self) -> Triple:
        """Voxels along z, y and x that the layers span together; (1, 1, 1) when there are none."""
        shapes = [layer.shape for layer in self._layers if isinstance(layer, ImageLayer | LabelsLayer)] or [(1, 1, 1)]
        z, y, x = (max(lengths) for lengths in zip(*shapes, strict=True))
        return z, y, x

    @property
    def spacing(self) -> Spacing:
        """Voxel size of the lowest image, otherwise of the lowest layer that knows one."""
        spacings = [layer.spacing for layer in self.of_kind(ImageLayer)]
        spacings += [layer.spacing for layer in self.of_kind(LabelsLayer)]
        return next((spacing for spacing in spacings if spacing.is_known), spacings[0] if spacings else Spacing())

    # Looks, selection, view

    def change_layer(self, layer: Layer, **values: object) -> None:
        """Set properties of a layer (visible, opacity, contrast, style …) and tell everybody; not in the history."""
        for name in values:
            if not hasattr(layer, name):
                raise AttributeError(f"{layer.kind} layers have no {name}")
        changed = frozenset(name for name, value in values.items() if not _same(getattr(layer, name), value))
        for name in changed:
            setattr(layer, name, values[name])
        if changed:
            self.layer_changed.emit(layer, changed)

    def select(self, layer: LabelsLayer, ids: Iterable[int]) -> None:
        """Select objects of a label layer; those of other layers stay as they are."""
        chosen = frozenset(int(label_id) for label_id in ids if label_id)
        if chosen != layer.selected:
            layer.selected = chosen
            self.selection_changed.emit(layer)

    def shuffle_colours(self, layer: LabelsLayer) -> None:
        """Give the objects of a layer other colours."""
        self.change_layer(layer, seed=layer.seed + 1, colour_table=layer.colour_table[:0])

    @property
    def view(self) -> ViewState:
        """Where the user looks; frozen, changed by change_view."""
        return self._view

    def change_view(self, **values: Any) -> None:  # noqa: ANN401 - the fields of ViewState
        """Change the view; the crosshair is kept inside the volume."""
        if "crosshair" in values:
            values["crosshair"] = self._inside(values["crosshair"])
        view = replace(self._view, **values)
        changed = frozenset(name for name in values if getattr(view, name) != getattr(self._view, name))
        if changed:
            self._view = view
            self.view_changed.emit(view, changed)

    def make_editable(self, layer: LabelsLayer) -> None:
        """Let a label layer that lies in a file be changed: changes lie over the file, which is never written.

        No deed: the voxels are the same. What is editable already stays as it is.
        """
        if isinstance(layer.source, VolumeSource | PlacedSource):
            self.change_layer(layer, source=EditableSource(layer.source))

    # For edits

    def replace_layers(self, layers: tuple[Layer, ...]) -> None:
        """Put a list of layers in place of the present one and tell what went, came and moved; for edits only."""
        before, self._layers = self._layers, layers
        gone = [layer for layer in before if layer not in layers]
        come = [layer for layer in layers if layer not in before]
        if self._gone_while_active in [layer.id for layer in gone]:
            self._gone_while_active = ""
        if self._active is not None and self._active in gone:
            self._gone_while_active = self._active.id
            self.active = layers[-1] if layers else None
        for layer in gone:
            self.layer_removed.emit(layer)
        for layer in come:
            self.layer_added.emit(layer, layers.index(layer))
        self.active = next((layer for layer in come if layer.id == self._gone_while_active), self._active)
        kept = [layer for layer in before if layer in layers]
        if kept != [layer for layer in layers if layer in before]:
            self.layers_reordered.emit()

    def writable(self, layer_id: str) -> ArraySource | EditableSource:
        """Return the voxels of a label layer for writing, over its file where they lie in one; for edits only.

        SettingsError where the layer is no labels.
        """
        layer = self.layer(layer_id)
        if isinstance(layer, LabelsLayer):
            self.make_editable(layer)
        source = getattr(layer, "source", None)
        if not isinstance(layer, LabelsLayer) or not isinstance(source, ArraySource | EditableSource):
            raise SettingsError(f"{layer.title} cannot be changed where it is.", "Make an editable copy of it first.")
        return source

    def tell_voxels_changed(self, layer_id: str, box: Box) -> None:
        """Tell that voxels of a layer changed; for edits only."""
        self.voxels_changed.emit(self.layer(layer_id), box)

    def show_plane(self, layer: LabelsLayer, *place: Any, **named: Any) -> None:  # noqa: ANN401 - as PlaneLabels.put
        """Put other labels into a preview layer (see PlaneLabels.put) and tell which voxels changed."""
        source = layer.source
        if not isinstance(source, PlaneLabels):
            raise TypeError(f"{layer.title} is no preview")
        before = source.box
        source.put(*place, **named)
        for box in {before, source.box}:
            self.voxels_changed.emit(layer, box)

    def _inside(self, crosshair: Iterable[float]) -> Triple:
        z, y, x = (min(max(0, int(place)), length - 1) for place, length in zip(crosshair, self.shape, strict=True))
        return z, y, x


def _same(one: object, other: object) -> bool:
    if hasattr(one, "shape") or hasattr(other, "shape"):
        return one is other
    return bool(one == other)
