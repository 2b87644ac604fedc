"""A stroke of a brush: places come in, voxels are written, in order and in time."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.core.paint_masks import Mask, covered, covered_box
from empanada_desktop.core.paint_path import SmoothPath
from empanada_desktop.core.paint_rules import painted, seeded_range
from empanada_desktop.document.at_hand import Beside, can_read_ahead, is_at_hand, read_ahead
from empanada_desktop.document.layers import LabelsLayer
from empanada_desktop.document.paint_settings import GUIDED, Kind, rule_of
from empanada_desktop.document.strokes import Stroke

if TYPE_CHECKING:
    from empanada_desktop.document.painting import Painter

Place = tuple[float, float, float]
# A pen that hardly touches still paints something.
LIGHTEST = 0.05


@dataclass(frozen=True)
class _Piece:
    """A piece of the line of a brush, and the voxels that it may cover."""

    path: NDArray[np.float64]
    box: Box


class BrushStroke:
    """One stroke: places come in, voxels are written as soon as what stands under the brush is at hand."""

    def __init__(
        self,
        painter: "Painter",
        layer: LabelsLayer,
        kind: Kind,
        axis: Axis,
        image: Beside | None = None,
        guide: Beside | None = None,
    ) -> None:
        self._painter, self._layer, self.kind, self._axis = painter, layer, kind, axis
        self._image, self._guide = image, guide
        self._settings = painter.settings
        self._units = painter.units
        self._rule = rule_of(kind, layer.active_id, self._settings)
        self._path: SmoothPath | None = None
        self._plane = -1
        self._waiting: deque[_Piece] = deque()
        self._stroke: Stroke | None = None
        self._is_seeded = kind != "smart"
        self._has_painted = self._is_held_back = False
        self.has_ended = False

    @property
    def waiting(self) -> list[NDArray[np.float64]]:
        """Lines that are not painted yet, (n, 4) in units of length with the radius."""
        return [piece.path for piece in self._waiting]

    @property
    def layer(self) -> LabelsLayer:
        """The layer that is painted on."""
        return self._layer

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
        besides = [each for each in (self._image, self._guide) if each is not None and not each.is_at_hand(box)]
        return [*reads, *(partial(each.read, box) for each in besides)]

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
        grey, guide = (None if each is None else each.get(piece.box) for each in (self._image, self._guide))
        if not self._is_seeded:
            self._seed(piece, before, grey, mask)
        after = painted(before, mask, self._rule, grey, guide)
        if not np.array_equal(before, after):
            self._has_painted = True
            self._stroke.write(piece.box, after)
        elif not self._has_painted:
            self._is_held_back = self._is_held_back or bool((before[mask] != self._rule.label_id).any())
        return True

    @property
    def refusal(self) -> str:
        """Why a stroke that could have changed voxels has changed none; "" where it has, or there was nothing to do."""
        if self._has_painted or not self._is_held_back:
            return ""
        rule, reasons = self._rule, list[str]()
        if rule.minds_grey:
            reasons.append("no grey here is in the range")
        if rule.guide is not None:
            reasons.append(f"this is {'outside' if rule.is_inside else 'inside'} of object {rule.guide}")
        if rule.keeps_others:
            reasons.append("other objects are protected")
        return f"Nothing {'painted' if rule.label_id else 'erased'}: {', or '.join(reasons)}."

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
        elif self._rule.guide is None and self._settings.smart in GUIDED:
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
