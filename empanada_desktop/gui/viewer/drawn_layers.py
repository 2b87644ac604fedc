"""What the document's layers look like on a plane: the values that the drawing functions take."""

import itertools
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.document.colours import palette
from empanada_desktop.document.layers import ImageLayer, LabelsLayer, Layer
from empanada_desktop.gui.viewer.composing import DrawnImage, DrawnLabels, DrawnLayer, grey_colours

# Every 32nd colour of "inferno" by Stéfan van der Walt and Nathaniel Smith (CC0).
INFERNO = ("#000004", "#1B0C41", "#4A0C6B", "#781C6D", "#A52C60", "#CF4446", "#ED6925", "#FB9B06", "#F7D13D", "#FCFFA4")

# How strongly objects are drawn that are not selected, while only the selected ones are to be shown.
ISOLATED_OTHERS = 0.12


class LayerNumbers:
    """Numbers that tiles are kept under: one for each layer and each source that it has had."""

    def __init__(self) -> None:
        self._numbers: dict[str, tuple[object, int]] = {}
        self._next = itertools.count(1)

    def of(self, layer: ImageLayer | LabelsLayer) -> int:
        """The number of a layer with the source that it has now.

        A file that was made editable keeps its number: its voxels are the same, and are not read anew.
        """
        source, number = self._numbers.get(layer.id, (None, 0))
        if source is not layer.source:
            if source is None or getattr(layer.source, "base", None) is not source:
                number = next(self._next)
            self._numbers[layer.id] = (layer.source, number)
        return number

    def forget_all_but(self, layers: Iterable[Layer], drop: Callable[[int], None]) -> None:
        """Forget layers that are gone, telling the numbers they had."""
        kept = {layer.id for layer in layers}
        for layer_id in [layer_id for layer_id in self._numbers if layer_id not in kept]:
            drop(self._numbers.pop(layer_id)[1])


def drawn_layers(layers: Iterable[Layer], numbers: LayerNumbers) -> list[DrawnLayer]:
    """Describe the visible image and label layers, bottom to top."""
    drawn: list[DrawnLayer] = []
    for layer in layers:
        if layer.visible and isinstance(layer, ImageLayer):
            drawn.append(_drawn_image(layer, numbers.of(layer)))
        elif layer.visible and isinstance(layer, LabelsLayer):
            drawn.append(_drawn_labels(layer, numbers.of(layer)))
    return drawn


def _drawn_image(layer: ImageLayer, number: int) -> DrawnImage:
    low, high = layer.contrast
    contrast = (float(low), float(high) if high > low else float(low) + 1)
    colours = inferno_colours() if layer.colormap == "inferno" else grey_colours()
    return DrawnImage(number, layer.source, contrast, layer.opacity, colours)


def _drawn_labels(layer: LabelsLayer, number: int) -> DrawnLabels:
    fill = 0.0 if layer.style == "outline" else layer.opacity
    line = 0.0 if layer.style == "fill" else 1.0
    faint = ISOLATED_OTHERS if layer.shows_selected_only else 1.0
    return DrawnLabels(
        number,
        layer.source,
        np.ascontiguousarray(layer.colour_table, np.uint8).copy(),
        layer.seed,
        packed(palette()),
        (fill, min(fill, faint), fill),
        (1.0, line * faint, line),
        np.array(sorted(layer.selected), np.uint32),
        np.array(sorted(layer.hidden), np.uint32),
        layer.painted_id,
    )


def packed(colours: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Colours (n, 3) as 0xffRRGGBB."""
    red, green, blue = colours.astype(np.uint32).T
    pixels: NDArray[np.uint32] = np.uint32(0xFF000000) | (red << np.uint32(16)) | (green << np.uint32(8)) | blue
    return pixels


def inferno_colours() -> NDArray[np.uint32]:
    """The 256 colours of confidence maps."""
    anchors = np.array([list(bytes.fromhex(colour[1:])) for colour in INFERNO], float)
    places = np.linspace(0, len(anchors) - 1, 256)
    channels = [np.interp(places, np.arange(len(anchors)), channel) for channel in anchors.T]
    return packed(np.rint(np.stack(channels, axis=1)).astype(np.uint8))
