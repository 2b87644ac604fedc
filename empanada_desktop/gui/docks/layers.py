"""The left dock: layers, how the active one looks, the active object, and the image's contrast."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtWidgets import QMenu, QToolButton, QVBoxLayout, QWidget

from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.ids import next_free_id
from empanada_desktop.core.plurals import counted
from empanada_desktop.document import Document, ImageLayer, LabelsLayer, Layer, PointsLayer, ShapesLayer
from empanada_desktop.document.colours import LABEL_COLOURS, colour_places
from empanada_desktop.errors import SettingsError
from empanada_desktop.gui.actions import Actions
from empanada_desktop.gui.controls import (
    Column,
    IconButton,
    Row,
    Section,
    Segmented,
    Swatch,
    fraction_box,
    rule,
    text_label,
)
from empanada_desktop.gui.docks.histogram import Histogram, count_greys
from empanada_desktop.gui.docks.layers_list import LayersList
from empanada_desktop.gui.docks.marks_look import MarksLook
from empanada_desktop.gui.docks.rows import look_row, opacity_field, show_value
from empanada_desktop.gui.icons import show_icon
from empanada_desktop.gui.panel_area import PanelArea
from empanada_desktop.gui.qt_runner import Background
from empanada_desktop.gui.shell import LEFT_WIDTH, dock_header

LIST_HEIGHT = 216
NARROWEST = 54
LARGEST_GREY = 1e12
if TYPE_CHECKING:
    from empanada_desktop.core.objects import ObjectIndex
    from empanada_desktop.gui.objects.desk import ObjectsDesk

NOT_REVIEWED = "not reviewed"
SHOWN_OF_OBJECTS = frozenset(("review", "class_names", "label_divisor", "spacing", "colour_table", "seed"))
ADD_MENU = ("open_file", "labels_new", "points_new", "shapes_new")
MENU = (
    *("layer_rename", "layer_duplicate", "layer_use_as", "layer_delete"),
    *("layer_up", "layer_down", "fuse_anew", "save_labels"),
)


class LayersDock(QWidget):
    """Shows and changes what the document's layers look like."""

    def __init__(self, document: Document, actions: Actions, background: Background) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.setMinimumWidth(LEFT_WIDTH)
        self._document, self._background = document, background
        self.list = LayersList(document)
        self.list.setFixedHeight(LIST_HEIGHT)
        self.look = LabelsLook(document, actions)
        self.plain_look, self.marks_look = ImageLook(document), MarksLook(document)
        self.object = ActiveObject(document)
        self.contrast = Contrast(document, actions)
        self.look_section = Section("Layer", _stacked(self.look, self.plain_look, self.marks_look))
        self.object_section = Section("Active object", self.object)
        self.contrast_section = Section("Image contrast", self.contrast)
        self._arrange(actions)
        self._listen()

    def _arrange(self, actions: Actions) -> None:
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for part in (self.look_section, self.object_section, self.contrast_section):
            column.addWidget(part)
        column.addStretch(1)
        inside = QWidget()
        inside.setProperty("role", "panel")
        inside.setLayout(column)
        self.add = _menu_button(
            "plus", "Add a layer\nOpen a file, or make labels, points or shapes.", actions, ADD_MENU
        )
        more = _menu_button("dots-three-vertical", "What can be done with the active layer", actions, MENU)
        self.header = dock_header("Layers", (self.add, more))
        _offer_menu(self.list, actions)
        self.setLayout(Column(self.list, rule(), PanelArea(inside)))

    def _listen(self) -> None:
        document = self._document
        for signal in (document.layer_added, document.layer_removed, document.layers_reordered):
            signal.connect(self._layers_changed)
        document.layer_changed.connect(self._layer_changed)
        document.active_changed.connect(self._active_changed)
        document.selection_changed.connect(lambda _layer: self.object.refresh())
        self._layers_changed()

    def _layers_changed(self, *_: object) -> None:
        self.list.refresh()
        self._active_changed(self._document.active)

    def _layer_changed(self, layer: Layer, names: frozenset[str]) -> None:
        if names & {"title", "note", "is_preview", "locked"}:
            self.list.refresh()
        self.list.viewport().update()
        if layer is self._document.active:
            self._show_look(layer)
        if layer is self._document.active and names & SHOWN_OF_OBJECTS:
            self.object.refresh()
        if layer is self._document.image and "contrast" in names:
            self.contrast.refresh()

    def _active_changed(self, layer: Layer | None) -> None:
        self.list.refresh()
        self._show_look(layer)
        self.object.refresh()
        self.object_section.setVisible(isinstance(layer, LabelsLayer))
        image = self._document.image
        self.contrast_section.setVisible(image is not None)
        if image is not None and self.contrast.show_layer(image):
            self._background.run(lambda: greys_of(image), lambda found: self.contrast.show_greys(image, *found))

    def _show_look(self, layer: Layer | None) -> None:
        self.look_section.setVisible(layer is not None)
        self.look.setVisible(isinstance(layer, LabelsLayer))
        self.plain_look.setVisible(isinstance(layer, ImageLayer))
        self.marks_look.setVisible(isinstance(layer, PointsLayer | ShapesLayer))
        if layer is not None:
            self.look_section.set_title(f"Layer: {layer.title}")
        self.look.refresh()
        self.plain_look.refresh()
        self.marks_look.refresh()


def greys_of(layer: ImageLayer) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Count the grey values of a few planes: the histogram, and the grey values at its ends."""
    depth = layer.shape[0]
    step = max(1, max(layer.shape[1:]) // 512)
    places = sorted({depth // 4, depth // 2, 3 * depth // 4})
    whole = slice(None)
    return count_greys([layer.source.read(0, Axis.XY, place, whole, whole)[::step, ::step] for place in places])


def _stacked(*widgets: QWidget) -> QWidget:
    holder = QWidget()
    holder.setLayout(Column(*widgets))
    return holder


def _menu_button(icon: str, tip: str, actions: Actions, names: Sequence[str]) -> QToolButton:
    button = QToolButton()
    button.setProperty("role", "icon")
    button.setIconSize(QSize(16, 16))
    button.setToolTip(tip)
    button.setAccessibleName(tip.partition("\n")[0])
    button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
    show_icon(button, icon, "second")
    menu = QMenu(button)
    for name in names:
        menu.addAction(actions[name])
    button.setMenu(menu)
    return button


def _offer_menu(layers: LayersList, actions: Actions) -> None:
    """The same menu where a layer is clicked with the right button, which makes it the active one."""
    menu = QMenu(layers)
    for name in MENU:
        menu.addAction(actions[name])
    layers.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)

    def show(place: QPoint) -> None:
        if layers.itemAt(place) is not None:
            menu.popup(layers.viewport().mapToGlobal(place))

    layers.customContextMenuRequested.connect(show)


class ImageLook(QWidget):
    """Opacity of an image."""

    def __init__(self, document: Document) -> None:
        super().__init__()
        self._document = document
        self.opacity = opacity_field(self._set_opacity)
        self.setLayout(Column(look_row("Opacity", self.opacity)))

    def refresh(self) -> None:
        """Show the active layer."""
        layer = self._document.active
        if isinstance(layer, ImageLayer):
            show_value(self.opacity, layer.opacity * 100)

    def _set_opacity(self, percent: float) -> None:
        layer = self._document.active
        if isinstance(layer, ImageLayer):
            self._document.change_layer(layer, opacity=percent / 100)


class LabelsLook(QWidget):
    """Opacity, style, which objects are shown, and colours of a label layer."""

    def __init__(self, document: Document, actions: Actions) -> None:
        super().__init__()
        self._document = document
        self.opacity = opacity_field(self._set_opacity)
        self.style_choice = Segmented([("fill", "Fill"), ("outline", "Outline"), ("both", "Both")])
        self.shown = Segmented(
            [(False, "All"), (True, "Selected only")], ("Show every object.", "Show the selected objects alone.")
        )
        swatches = Row(*(Swatch(colour, 14) for colour in LABEL_COLOURS), spacing=3)
        shuffle = IconButton(
            "shuffle", "Shuffle colours\nGive the objects other colours.", actions["colours_shuffle"].trigger, 14
        )
        rows = (
            look_row("Opacity", self.opacity),
            look_row("Show as", self.style_choice),
            look_row("Visible", self.shown),
            look_row("Colours", swatches, 1, shuffle),
        )
        self.setLayout(Column(*rows))
        self.style_choice.chosen.connect(lambda value: self._change(style=value))
        self.shown.chosen.connect(lambda value: self._change(shows_selected_only=value))

    def refresh(self) -> None:
        """Show the active layer."""
        layer = self._document.active
        if isinstance(layer, LabelsLayer):
            show_value(self.opacity, layer.opacity * 100)
            self.style_choice.set_value(layer.style)
            self.shown.set_value(layer.shows_selected_only)

    def _set_opacity(self, percent: float) -> None:
        self._change(opacity=percent / 100)

    def _change(self, **values: object) -> None:
        layer = self._document.active
        if isinstance(layer, LabelsLayer):
            self._document.change_layer(layer, **values)


class ActiveObject(QWidget):
    """Id and class of the object that is selected; once objects are counted also volume, status, the next free id."""

    def __init__(self, document: Document) -> None:
        super().__init__()
        self._document = document
        self._counts: ObjectsDesk | None = None
        self._swatch = Swatch()
        self.id, self.volume, self.status, self.free = (text_label() for _ in range(4))
        self._class = text_label(role="second")
        self._empty = text_label("No objects picked. Click one in a view.", "hint", wraps=True)
        self._empty.setContentsMargins(14, 2, 14, 6)
        self._row = look_row("Id", self._swatch, self.id, self._class, 1)
        self._facts = _stacked(
            look_row("Next free", self.free, 1), look_row("Volume", self.volume, 1), look_row("Status", self.status, 1)
        )
        layout = Column(self._row, self._facts, self._empty)
        layout.setContentsMargins(0, 2, 0, 6)
        self.setLayout(layout)
        self.refresh()

    def follow(self, counts: "ObjectsDesk") -> None:
        """Show more of an object from now on."""
        if self._counts is None:
            self._counts = counts
            counts.changed.connect(self.refresh)
            self.refresh()

    def refresh(self) -> None:
        """Show the selection of the active layer."""
        layer = self._document.active
        chosen = sorted(layer.selected) if isinstance(layer, LabelsLayer) else []
        self._row.setVisible(bool(chosen))
        self._empty.setVisible(not chosen)
        self._facts.hide()
        if chosen and isinstance(layer, LabelsLayer):
            self.id.setText(str(chosen[0]) if len(chosen) == 1 else f"{len(chosen)} objects")
            self._class.setText(f"class {layer.class_of(chosen[0])}" if layer.class_of(chosen[0]) else "")
            self._swatch.set_colour(object_colour(layer, chosen[0]))
            counts = self._counts
            if counts is not None and counts.layer is layer and counts.index is not None:
                self._show_facts(layer, chosen, counts.index)

    def _show_facts(self, layer: LabelsLayer, chosen: list[int], index: "ObjectIndex") -> None:
        self.volume.setText(_volume(int(index.voxels[index.rows_of(chosen)].sum()), layer))
        words = {said or NOT_REVIEWED for said in set(map(layer.review.get, chosen))}
        self.status.setText(words.pop().capitalize() if len(words) == 1 else "several")
        self.free.setText(_next_free(layer, chosen[0], index))
        self._facts.show()


def _volume(voxels: int, layer: LabelsLayer) -> str:
    sides = [side for side in layer.spacing.zyx if side]
    if len(sides) < 3:
        return counted(voxels, "voxel")
    return f"{voxels * math.prod(sides) * 1e-9:.4f} µm³"


def _next_free(layer: LabelsLayer, label_id: int, index: "ObjectIndex") -> str:
    try:
        return str(next_free_id(index.ids, label_id // layer.label_divisor, layer.label_divisor))
    except SettingsError:
        return "none, the class is full"


def object_colour(layer: LabelsLayer, label_id: int) -> str:
    """The colour of an object as #RRGGBB."""
    place = colour_places(np.array([label_id], np.uint32), layer.colour_table, layer.seed)[0]
    return LABEL_COLOURS[int(place)]


class Contrast(QWidget):
    """Histogram, numbers, and back to automatic."""

    def __init__(self, document: Document, actions: Actions) -> None:
        super().__init__()
        self._document = document
        self._layer: ImageLayer | None = None
        self.histogram = Histogram()
        self.low, self.high = fraction_box(0), fraction_box(0)
        self._shown = (0.0, 0.0)
        for box in (self.low, self.high):
            box.setRange(-LARGEST_GREY, LARGEST_GREY)
        auto = IconButton(
            "arrow-counter-clockwise",
            "Automatic contrast\nStretch the contrast to the histogram.",
            actions["contrast_auto"].trigger,
            14,
        )
        row = look_row("Window", self.low, text_label("to", "second"), self.high, 1, auto)
        picture = Column(self.histogram)
        picture.setContentsMargins(14, 4, 14, 4)
        self.setLayout(Column(picture, row))
        self.histogram.changed.connect(self._set)
        self.low.editingFinished.connect(self._typed)
        self.high.editingFinished.connect(self._typed)

    def show_layer(self, layer: ImageLayer) -> bool:
        """Show an image's contrast; True when it is another one, whose histogram is still to come."""
        is_new = layer is not self._layer
        self._layer = layer
        self.refresh()
        return is_new

    def show_greys(self, layer: ImageLayer, counts: NDArray[np.float64], span: tuple[float, float]) -> None:
        """Show the histogram of an image."""
        if layer is self._layer:
            self.histogram.show_counts(counts, span)
            self.refresh()

    def refresh(self) -> None:
        """Show the window of grey values."""
        if self._layer is None:
            return
        low, high = self._layer.contrast
        self.histogram.show_window(low, high)
        digits = _digits(self._layer.source.dtype, high - low)
        for box, value in ((self.low, low), (self.high, high)):
            box.setDecimals(digits)
            box.setValue(value)
            box.setFixedWidth(max(NARROWEST, box.fontMetrics().horizontalAdvance(box.text()) + 20))
        self._shown = (self.low.value(), self.high.value())

    def _set(self, low: float, high: float) -> None:
        if self._layer is not None:
            self._document.change_layer(self._layer, contrast=(low, high))

    def _typed(self) -> None:
        typed = (self.low.value(), self.high.value())
        if typed == self._shown:  # a field that is only left keeps what its figure rounds
            return
        if typed[1] > typed[0]:
            self._set(*typed)
        else:
            self.refresh()


def _digits(dtype: np.dtype[Any], width: float) -> int:
    """How many decimals grey values need: none for whole numbers, else a hundredth of the window's width."""
    if np.issubdtype(dtype, np.integer):
        return 0
    return int(np.clip(2 - math.floor(math.log10(max(width, 1e-9))), 0, 9))
