"""What is known of the object that is selected."""

import math
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtWidgets import QWidget

from empanada_desktop.core.ids import next_free_id
from empanada_desktop.core.plurals import counted
from empanada_desktop.document import Document, LabelsLayer
from empanada_desktop.document.colours import LABEL_COLOURS, colour_places
from empanada_desktop.errors import SettingsError
from empanada_desktop.gui.controls import Column, Swatch, text_label
from empanada_desktop.gui.docks.rows import look_row, stacked

if TYPE_CHECKING:
    from empanada_desktop.core.objects import ObjectIndex
    from empanada_desktop.gui.objects.desk import ObjectsDesk

NOT_REVIEWED = "not reviewed"


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
        self._facts = stacked(
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
