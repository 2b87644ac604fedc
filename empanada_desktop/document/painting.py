"""Painting labels: the brush of a document, and its strokes one after the other."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.core.paint_masks import covered_box
from empanada_desktop.document.at_hand import Beside, can_read_ahead, is_at_hand, read_ahead
from empanada_desktop.document.brush_strokes import BrushStroke, Place
from empanada_desktop.document.document import Document
from empanada_desktop.document.layers import ImageLayer, LabelsLayer
from empanada_desktop.document.paint_settings import GREY, GUIDED, LARGEST, SMALLEST, Kind, PaintSettings
from empanada_desktop.document.sources import PlaneSource
from empanada_desktop.errors import SettingsError

Triple = tuple[int, int, int]
# Takes what to do in a thread, and what to call in the window's then, with the error where there was one.
Reader = Callable[[Callable[[], None], Callable[[BaseException | None], None]], None]


class Painter:
    """The brush of a document: its settings, and its strokes one after the other.

    settings_changed(settings), progressed() and said(words) are signals: that waiting pieces were painted, and why a
    stroke has painted nothing. `reader` does work in a thread and then calls back in the window's; without one, work is
    done at once.
    """

    settings_changed = Signal(object)
    progressed = Signal()
    said = Signal(str)

    def __init__(self, document: Document) -> None:
        self.document = document
        self.settings = PaintSettings()
        self.reader: Reader = _at_once
        self.knows_label: Callable[[LabelsLayer], bool] = lambda _layer: True
        """Whether it is known which label a layer is to be painted with."""
        self._strokes: deque[BrushStroke] = deque()
        self._current: BrushStroke | None = None
        self._is_reading = False
        self._besides: dict[str, Beside] = {}
        document.layer_removed.connect(self._layer_removed)
        document.selection_changed.connect(lambda layer: document.change_layer(layer, painted_id=0))

    # The brush

    def change(self, **values: Any) -> None:  # noqa: ANN401 - the fields of PaintSettings
        """Change settings; a size out of range becomes the nearest that is possible."""
        if "size" in values:
            values["size"] = min(LARGEST, max(SMALLEST, float(values["size"])))
        settings = replace(self.settings, **values)
        if settings != self.settings:
            self.settings = settings
            self.settings_changed.emit(settings)

    @property
    def units(self) -> tuple[float, float, float]:
        """Sides of a voxel that the brush counts in: the shortest is 1, all are where the brush is round in voxels."""
        return (1.0, 1.0, 1.0) if self.settings.is_round_in_voxels else sides(self.document.spacing)

    def target(self, erases: bool = False) -> LabelsLayer:
        """The layer to paint on, or to erase from; SettingsError where there is none that may be changed."""
        layer = self.document.active
        if not isinstance(layer, LabelsLayer):
            labels = [one for one in self.document.of_kind(LabelsLayer) if not one.is_preview]
            if not labels:
                raise SettingsError("There are no labels to paint on.", "Add a label layer first.")
            layer = labels[-1]
        if layer.is_preview:
            raise SettingsError(f"{layer.title} is a preview, not kept yet.", "Keep it as labels first.")
        if layer.locked:
            raise SettingsError(f"{layer.title} is locked.", "Unlock it in the list of layers, or paint on a copy.")
        if not layer.visible:
            raise SettingsError(f"{layer.title} is hidden.", "Show it in the list of layers first.")
        if not erases and not self.knows_label(layer):
            hint = "Then the next free label is known. What is there can be painted on: click it with the cursor."
            raise SettingsError(f"The objects of {layer.title} are being counted.", hint)
        return layer

    # Strokes

    @property
    def is_painting(self) -> bool:
        """Whether a stroke is being drawn, or not wholly painted yet."""
        return bool(self._strokes)

    @property
    def waiting(self) -> list[NDArray[np.float64]]:
        """Lines that are not painted yet because voxels under them are being read, in units of length with radii."""
        return [path for stroke in self._strokes for path in stroke.waiting]

    def begin(self, kind: Kind, axis: Axis, place: Place, pressure: float = 1.0) -> None:
        """Begin a stroke; SettingsError where nothing may be painted."""
        layer = self.target(kind == "eraser")
        image, guide = self._image_for(kind, layer), self._guide_for(kind, layer)
        self.document.make_editable(layer)
        if kind != "eraser":
            self.document.change_layer(layer, painted_id=layer.active_id)
        self._current = BrushStroke(self, layer, kind, axis, image, guide)
        self._strokes.append(self._current)
        self.go_to(place, pressure)

    def go_to(self, place: Place, pressure: float = 1.0) -> None:
        """Lead the stroke on."""
        if self._current is not None:
            self._current.go_to(place, pressure)
            self._advance()

    def end(self) -> None:
        """The stroke becomes a deed, as soon as all of it is painted."""
        if self._current is not None:
            self._current.has_ended = True
            self._current = None
            self._advance()

    def cancel(self) -> bool:
        """Put back what the stroke that is being drawn has painted; True when there was one."""
        stroke, self._current = self._current, None
        if stroke is None:
            return False
        self._strokes.remove(stroke)
        stroke.cancel()
        return True

    def prepare(self, axis: Axis, place: Place) -> None:
        """Read what lies under the brush before it paints there, where that is in a file."""
        layer = self.document.active
        if self._is_reading or not isinstance(layer, LabelsLayer) or layer.is_preview:
            return
        source, box = layer.source, self._box_about(axis, place, layer.shape)
        if box is not None and can_read_ahead(source) and not is_at_hand(source, box):
            self._read([lambda: read_ahead(source, box)])

    def _advance(self) -> None:
        """Paint what can be painted, and have read what cannot."""
        while self._strokes and not self._is_reading:
            stroke = self._strokes[0]
            reads = stroke.missing()
            if stroke.is_given_up:
                self._strokes.popleft()
                self._current = None if stroke is self._current else self._current
            elif reads:
                self._read(reads)
            elif not stroke.paint_next():
                if not stroke.has_ended:
                    return
                self._strokes.popleft()
                stroke.commit()
                if stroke.refusal:
                    self.said.emit(stroke.refusal)

    def _read(self, reads: list[Callable[[], None]]) -> None:
        self._is_reading = True

        def work() -> None:
            for read in reads:
                read()

        self.reader(work, self._go_on)

    def _go_on(self, problem: BaseException | None) -> None:
        self._is_reading = False
        if problem is not None:
            self.drop()
        else:
            self._advance()
        self.progressed.emit()

    def drop(self) -> None:
        """Put back everything that is not a deed yet."""
        strokes, self._current = list(self._strokes), None
        self._strokes.clear()
        for stroke in strokes:
            stroke.cancel()

    def _image_for(self, kind: Kind, layer: LabelsLayer) -> Beside | None:
        if kind != "smart" or self.settings.smart not in GREY:
            return None
        image = self.document.image
        if not isinstance(image, ImageLayer) or image.shape != layer.shape:
            raise SettingsError("There is no image under these labels.", "Open the image that they belong to.")
        return self._beside("image", image.source)

    def _guide_for(self, kind: Kind, layer: LabelsLayer) -> Beside | None:
        """The other layer that holds the object to stay inside or outside of; None where it is the painted one."""
        settings = self.settings
        if kind != "smart" or settings.smart not in GUIDED or settings.guide_layer in ("", layer.id):
            return None
        found = self.guide_layer()
        if found is None or found.shape != layer.shape:
            raise SettingsError(f"The labels with object {settings.guide_id} are not open.", "Pick another object.")
        return self._beside("guide", found.source)

    def guide_layer(self) -> LabelsLayer | None:
        """The layer of the object that the smart brush minds, where one was chosen and is open."""
        layers = self.document.of_kind(LabelsLayer)
        return next((layer for layer in layers if layer.id == self.settings.guide_layer), None)

    def _beside(self, name: str, source: PlaneSource) -> Beside:
        """What was read of a source is kept until another one takes its part."""
        if name not in self._besides or self._besides[name].source is not source:
            self._besides[name] = Beside(source)
        return self._besides[name]

    def _box_about(self, axis: Axis, place: Place, shape: Triple) -> Box | None:
        path = np.array([[at * unit for at, unit in zip(place, self.units, strict=True)] + [self.settings.radius]])
        spans = [(0, length) for length in shape]
        if not self.settings.is_ball:
            plane = math.floor(place[axis.normal])
            spans[axis.normal] = (max(0, plane), min(plane + 1, shape[axis.normal]))
        return covered_box(path, self.units, Box.of_spans(spans))

    def _layer_removed(self, layer: object) -> None:
        gone = [stroke for stroke in self._strokes if stroke.layer is layer]
        for stroke in gone:
            self._strokes.remove(stroke)
            if stroke is self._current:
                self._current = None


def sides(spacing: Spacing) -> tuple[float, float, float]:
    """Sides of a voxel along z, y, x, in units of the shortest; 1 where a size is not known."""
    known = [size for size in spacing.zyx if size]
    if not known:
        return 1.0, 1.0, 1.0
    z, y, x = ((size or min(known)) / min(known) for size in spacing.zyx)
    return z, y, x


def _at_once(work: Callable[[], None], then: Callable[[BaseException | None], None]) -> None:
    work()
    then(None)
