"""The left dock: layers, how the active one looks, the active object, and the image's contrast."""

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtWidgets import QMenu, QToolButton, QVBoxLayout, QWidget

from empanada_desktop.document import Document, ImageLayer, LabelsLayer, Layer, PointsLayer, ShapesLayer
from empanada_desktop.gui.actions import Actions
from empanada_desktop.gui.controls import Column, Section, rule
from empanada_desktop.gui.docks.active_object import ActiveObject
from empanada_desktop.gui.docks.contrast import Contrast, greys_of
from empanada_desktop.gui.docks.layers_list import LayersList
from empanada_desktop.gui.docks.looks import ImageLook, LabelsLook
from empanada_desktop.gui.docks.marks_look import MarksLook
from empanada_desktop.gui.docks.rows import stacked
from empanada_desktop.gui.icons import show_icon
from empanada_desktop.gui.panel_area import PanelArea
from empanada_desktop.gui.qt_runner import Background
from empanada_desktop.gui.shell import LEFT_WIDTH, dock_header

LIST_HEIGHT = 216
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
        self.look_section = Section("Layer", stacked(self.look, self.plain_look, self.marks_look))
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
