"""The layers below the review queue, folded away until they are wanted: shown, hidden, made active, made fainter."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from empanada_desktop.document import Document, ImageLayer, LabelsLayer, Layer
from empanada_desktop.gui.actions import Actions
from empanada_desktop.gui.controls import Column, Section, rule
from empanada_desktop.gui.docks.layers_list import ROW_HEIGHT, LayersList
from empanada_desktop.gui.docks.looks import ImageLook, LabelsLook

MOST_ROWS = 4


class LayersPart(QWidget):
    """The list of layers, and how the active one looks; `changed` tells when `words` may be others."""

    changed = Signal()

    def __init__(self, document: Document, actions: Actions) -> None:
        super().__init__()
        self._document = document
        self.list = LayersList(document)
        self.look, self.plain_look = LabelsLook(document, actions), ImageLook(document)
        self.setLayout(Column(self.list, self.look, self.plain_look))
        for signal in (document.layer_added, document.layer_removed, document.layers_reordered):
            signal.connect(self.refresh)
        document.active_changed.connect(self.refresh)
        document.layer_changed.connect(self._layer_changed)
        self.refresh()

    @property
    def words(self) -> str:
        """What there is to know while the list is folded away: "3, 1 hidden"."""
        layers = [layer for layer in self._document.layers if not layer.is_preview]
        hidden = sum(not layer.visible for layer in layers)
        return f"{len(layers)}, {hidden} hidden" if hidden else str(len(layers))

    def refresh(self, *_: object) -> None:
        """Show the layers as they are."""
        self.list.refresh()
        self.list.setFixedHeight(ROW_HEIGHT * min(MOST_ROWS, max(1, len(self._document.layers))) + 2)
        active = self._document.active
        self.look.setVisible(isinstance(active, LabelsLayer))
        self.plain_look.setVisible(isinstance(active, ImageLayer))
        self._show_look()

    def _layer_changed(self, layer: Layer, names: frozenset[str]) -> None:
        if names & {"title", "note", "locked"}:
            self.list.refresh()
        self.list.viewport().update()
        if layer is self._document.active:
            self._show_look()
        self.changed.emit()

    def _show_look(self) -> None:
        self.look.refresh()
        self.plain_look.refresh()
        self.changed.emit()


class QueueAndLayers(QWidget):
    """The left dock: the queue, which takes the room, and below it the layers."""

    def __init__(self, queue: QWidget, layers: LayersPart) -> None:
        super().__init__()
        self.setProperty("role", "panel")
        self.setMinimumWidth(queue.minimumWidth())
        self.queue, self.layers = queue, layers
        self.section = Section("Layers", layers, is_open=False)
        layout = Column(queue, rule(), self.section)
        layout.setStretch(0, 1)
        self.setLayout(layout)
        layers.changed.connect(self._say)
        self._say()

    def _say(self) -> None:
        self.section.set_words(self.layers.words, self.layers.words)
