"""How the active layer looks: an image's opacity, a label layer's style and colours."""

from PySide6.QtWidgets import QWidget

from empanada_desktop.document import Document, ImageLayer, LabelsLayer
from empanada_desktop.document.colours import LABEL_COLOURS
from empanada_desktop.gui.actions import Actions
from empanada_desktop.gui.controls import Column, IconButton, Row, Segmented, Swatch
from empanada_desktop.gui.docks.rows import look_row, opacity_field, show_value


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
