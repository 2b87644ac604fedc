"""The contrast of an image: histogram, numbers, and back to automatic."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtWidgets import QWidget

from empanada_desktop.core.geometry import Axis
from empanada_desktop.document import Document, ImageLayer
from empanada_desktop.gui.actions import Actions
from empanada_desktop.gui.controls import Column, IconButton, fraction_box, text_label
from empanada_desktop.gui.docks.histogram import Histogram, count_greys
from empanada_desktop.gui.docks.rows import look_row

NARROWEST = 54
LARGEST_GREY = 1e12


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


def greys_of(layer: ImageLayer) -> tuple[NDArray[np.float64], tuple[float, float]]:
    """Count the grey values of a few planes: the histogram, and the grey values at its ends."""
    depth = layer.shape[0]
    step = max(1, max(layer.shape[1:]) // 512)
    places = sorted({depth // 4, depth // 2, 3 * depth // 4})
    whole = slice(None)
    return count_greys([layer.source.read(0, Axis.XY, place, whole, whole)[::step, ::step] for place in places])
