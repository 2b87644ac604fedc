"""Painting labels: what the brush is like, and strokes that turn places under it into voxels, in order and in time."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.core.paint_masks import Mask, covered, covered_box
from empanada_desktop.core.paint_path import SmoothPath
from empanada_desktop.core.paint_rules import Rule, painted, seeded_range
from empanada_desktop.document.at_hand import BlocksAhead, can_read_ahead, is_at_hand, is_in_memory, read_ahead
from empanada_desktop.document.document import Document
from empanada_desktop.document.layers import ImageLayer, LabelsLayer
from empanada_desktop.document.sources import PlaneSource
from empanada_desktop.document.strokes import Stroke
from empanada_desktop.errors import SettingsError

Place = tuple[float, float, float]
Triple = tuple[int, int, int]
# Takes what to do in a thread, and what to call in the window's then, with the error where there was one.
Reader = Callable[[Callable[[], None], Callable[[BaseException | None], None]], None]
Kind = Literal["brush", "eraser", "smart"]
Smart = Literal["seeded", "range", "inside", "outside"]
SMALLEST, LARGEST = 1.0, 500.0
LARGEST_BALL = 200.0
# A pen that hardly touches still paints something.
LIGHTEST = 0.05


@dataclass(frozen=True)
class PaintSettings:
    """What the brush is like and what it minds.

    size: diameter, in the shortest sides of a voxel. is_round_in_voxels: round on the grid, not in nanometres.
    keeps_others: only background is painted over, only the active label is erased. fill_limit: voxels that a fill may
    change. smart: how the smart brush chooses: grey values like those where the stroke begins, within `tolerance`
    standard deviations; those of `grey_range`; only inside, or only outside of, object `guide_id` (None: the object in
    which the stroke begins).
    """

    size: float = 20.0
    is_ball: bool = False
    is_round_in_voxels: bool = False
    uses_pressure: bool = True
    keeps_others: bool = False
    fills_in_3d: bool = False
    fill_limit: int = 20_000_000
    smart: Smart = "seeded"
    tolerance: float = 1.5
    grey_range: tuple[float, float] = (0.0, 255.0)
    guide_id: int | None = None

    @property
    def radius(self) -> float:
        """Half the size, in the shortest sides of a voxel."""
        return min(self.size, LARGEST_BALL if self.is_ball else LARGEST) / 2


@dataclass(frozen=True)
class _Piece:
    """A piece of the line of a brush, and the voxels that it may cover."""

    path: NDArray[np.float64]
    box: Box


class BrushStroke:
    """One stroke: places come in, voxels are written as soon as what stands under the brush is at hand."""

    def __init__(
        self, painter: "Painter", layer: LabelsLayer, kind: Kind, axis: Axis, image: PlaneSource | None
    ) -> None:
        self._painter, self._layer, self.kind, self._axis, self._image = painter, layer, kind, axis, image
        self._settings = painter.settings
        self._units = painter.units
        self._rule = _rule(kind, layer.active_id, self._settings)
        self._path: SmoothPath | None = None
        self._plane = -1
        self._waiting: deque[_Piece] = deque()
        self._stroke: Stroke | None = None
        self._is_seeded = kind != "smart"
        self.has_ended = False

    @property
    def waiting(self) -> list[NDArray[np.float64]]:
        """Lines that are not painted yet, (n, 4) in units of length with the radius."""
        return [piece.path for piece in self._waiting]

    @property
    def is_given_up(self) -> bool:
        """Whether what was drawn has been put back, by Undo."""
        return self._stroke is not None and self._stroke.was_cancelled

    def go_to(self, place: Place, pressure: float = 1.0) -> None:
        """Lead the brush on to a place (voxels)."""
        plane = math.floor(place[self._axis.normal])
        if self._path is None or (plane != self._plane and not self._settings.is_ball):
            self._path, self._plane = SmoothPath(self._units, self._settings.radius), plane
        scale = max(LIGHTEST, pressure) if self._settings.uses_pressure else 1.0
        path = self._path.add(place, max(0.5, self._settings.radius * scale))
        box = covered_box(path, self._units, self._bounds())
        if box is not None:
            self._waiting.append(_Piece(path, box))

    def missing(self) -> list[Callable[[], None]]:
        """What has to be read before the next piece can be painted."""
        if not self._waiting:
            return []
        box = self._waiting[0].box
        reads: list[Callable[[], None]] = []
        source = self._layer.source
        if can_read_ahead(source) and not is_at_hand(source, box):
            reads.append(lambda: read_ahead(source, box))
        if self._image is not None:
            grey = self._painter.grey_of(self._image)
            if not grey.is_at_hand(box):
                reads.append(lambda: grey.read(box))
        return reads

    def paint_next(self) -> bool:
        """Paint one piece; False when none waits."""
        if not self._waiting:
            return False
        if self._stroke is None or not self._stroke.is_open:
            # Another deed came between: what was drawn before it is one of its own.
            self._stroke = self._painter.document.begin_stroke(self._layer, self._title())
        piece = self._waiting.popleft()
        before = self._stroke.read(piece.box)
        mask = covered(piece.path, self._units, piece.box)
        grey = None if self._image is None else self._painter.grey_of(self._image).get(piece.box)
        if not self._is_seeded:
            self._seed(piece, before, grey, mask)
        after = painted(before, mask, self._rule, grey)
        if not np.array_equal(before, after):
            self._stroke.write(piece.box, after)
        return True

    def commit(self) -> None:
        """Make it a deed."""
        if self._stroke is not None:
            self._stroke.commit()

    def cancel(self) -> None:
        """Put everything back."""
        self._waiting.clear()
        if self._stroke is not None:
            self._stroke.cancel()

    def _seed(self, piece: _Piece, before: NDArray[Any], grey: NDArray[Any] | None, mask: Mask) -> None:
        """Find out what the stroke minds from what it begins on."""
        self._is_seeded = True
        start = piece.path[:1].copy()
        start[:, 3] = np.maximum(0.5, start[:, 3] / 2)
        if grey is not None and self._settings.smart == "seeded":
            near = covered(start, self._units, piece.box)
            self._rule = replace(
                self._rule, grey=seeded_range(grey[near if near.any() else mask], self._settings.tolerance)
            )
        elif self._rule.guide is None and self._settings.smart in ("inside", "outside"):
            place = [
                int(at // unit) - low for at, unit, low in zip(start[0], self._units, piece.box.start, strict=False)
            ]
            within = all(0 <= at < length for at, length in zip(place, before.shape, strict=True))
            self._rule = replace(self._rule, guide=int(before[tuple(place)]) if within else 0)

    def _bounds(self) -> Box:
        spans = [(0, length) for length in self._layer.shape]
        if not self._settings.is_ball:
            spans[self._axis.normal] = (max(0, self._plane), min(self._plane + 1, spans[self._axis.normal][1]))
        return Box.of_spans(spans)

    def _title(self) -> str:
        return f"Paint {self._rule.label_id}" if self._rule.label_id else "Erase"


class Painter:
    """The brush of a document: its settings, and its strokes one after the other.

    settings_changed(settings) and progressed() are signals; the latter tells that waiting pieces were painted. `reader`
    does work in a thread and then calls back in the window's; without one, work is done at once.
    """

    settings_changed = Signal(object)
    progressed = Signal()

    def __init__(self, document: Document) -> None:
        self.document = document
        self.settings = PaintSettings()
        self.reader: Reader = _at_once
        self._strokes: deque[BrushStroke] = deque()
        self._current: BrushStroke | None = None
        self._is_reading = False
        self._grey: _Grey | None = None
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

    def target(self) -> LabelsLayer:
        """The layer to paint on; SettingsError where there is none that may be changed."""
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
        layer = self.target()
        image = self._image_for(kind, layer)
        self.document.make_editable(layer)
        if kind != "eraser":
            self.document.change_layer(layer, painted_id=layer.active_id)
        self._current = BrushStroke(self, layer, kind, axis, image)
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

    def grey_of(self, source: PlaneSource) -> "_Grey":
        """The grey values of an image, as far as they were read; those of one image are kept."""
        if self._grey is None or self._grey.source is not source:
            self._grey = _Grey(source)
        return self._grey

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

    def _image_for(self, kind: Kind, layer: LabelsLayer) -> PlaneSource | None:
        if kind != "smart" or self.settings.smart not in ("seeded", "range"):
            return None
        image = self.document.image
        if not isinstance(image, ImageLayer) or image.shape != layer.shape:
            raise SettingsError("There is no image under these labels.", "Open the image that they belong to.")
        return image.source

    def _box_about(self, axis: Axis, place: Place, shape: Triple) -> Box | None:
        path = np.array([[at * unit for at, unit in zip(place, self.units, strict=True)] + [self.settings.radius]])
        spans = [(0, length) for length in shape]
        if not self.settings.is_ball:
            plane = math.floor(place[axis.normal])
            spans[axis.normal] = (max(0, plane), min(plane + 1, shape[axis.normal]))
        return covered_box(path, self.units, Box.of_spans(spans))

    def _layer_removed(self, layer: object) -> None:
        gone = [stroke for stroke in self._strokes if stroke._layer is layer]
        for stroke in gone:
            self._strokes.remove(stroke)
            if stroke is self._current:
                self._current = None


class _Grey:
    """The voxels of an image, from memory or from blocks that were read ahead."""

    def __init__(self, source: PlaneSource) -> None:
        self.source = source
        self._ahead = BlocksAhead(source, source.shape) if not is_in_memory(source) else None

    def is_at_hand(self, box: Box) -> bool:
        """Whether a box can be had without reading."""
        return self._ahead is None or self._ahead.holds(box)

    def read(self, box: Box) -> None:
        """Read a box."""
        if self._ahead is not None:
            self._ahead.read(box)

    def get(self, box: Box) -> NDArray[Any]:
        """Return a box that is at hand."""
        voxels = None if self._ahead is None else self._ahead.voxels(box)
        return np.asarray(self.source[box.slices]) if voxels is None else voxels


def sides(spacing: Spacing) -> tuple[float, float, float]:
    """Sides of a voxel along z, y, x, in units of the shortest; 1 where a size is not known."""
    known = [size for size in spacing.zyx if size]
    if not known:
        return 1.0, 1.0, 1.0
    z, y, x = ((size or min(known)) / min(known) for size in spacing.zyx)
    return z, y, x


def _rule(kind: Kind, active_id: int, settings: PaintSettings) -> Rule:
    keeps = settings.keeps_others and active_id > 0
    if kind == "eraser":
        return Rule(0, active_id, keeps)
    rule = Rule(active_id, 0, keeps)
    if kind == "brush":
        return rule
    if settings.smart == "range":
        return replace(rule, grey=settings.grey_range)
    if settings.smart in ("inside", "outside"):
        return replace(rule, guide=settings.guide_id, is_inside=settings.smart == "inside")
    return rule


def _at_once(work: Callable[[], None], then: Callable[[BaseException | None], None]) -> None:
    work()
    then(None)
