"""The small pictures of the review queue: a piece of plane with its objects, made in a thread when first seen."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage, QPixmap

from empanada_desktop.core.geometry import Box
from empanada_desktop.document.colours import colours_of
from empanada_desktop.document.sources import PlaneSource
from empanada_desktop.gui.qt_runner import Background

SIDE, RATIO = 50, 2
SMALLEST, LARGEST, ROOM = 28, 512, 1.5
FILL = 0.42
MOST_KEPT, MOST_WAITING = 400, 40


@dataclass(frozen=True)
class CropWish:
    """What a picture shows. place: z y x; box: round the objects `ids`. contrast: grey values of black and white."""

    labels: PlaneSource
    grey: PlaneSource | None
    contrast: tuple[float, float]
    place: tuple[int, int, int]
    box: Box
    ids: tuple[int, ...]
    table: NDArray[np.uint8]
    seed: int


class CropMaker(QObject):
    """Keeps pictures by key; one that is missing is made in a thread, the newest wish first."""

    made = Signal()

    def __init__(self, parent: QObject, threads: Background) -> None:
        super().__init__(parent)
        self._threads = threads
        self._kept: OrderedDict[Hashable, QPixmap] = OrderedDict()
        self._waiting: OrderedDict[Hashable, CropWish] = OrderedDict()
        self._is_busy = False

    @property
    def is_idle(self) -> bool:
        """True when every picture that was asked for is there."""
        return not self._is_busy and not self._waiting

    def get(self, key: Hashable, wish: CropWish) -> QPixmap | None:
        """The picture of a key; None while it is being made."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        self._waiting[key] = wish
        self._waiting.move_to_end(key)
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popitem(last=False)
        self._go_on()
        return None

    def _go_on(self) -> None:
        if self._is_busy or not self._waiting:
            return
        key, wish = self._waiting.popitem()
        self._is_busy = True
        self._threads.run(lambda: picture_of(wish), lambda picture: self._take(key, picture), self._fail)

    def _take(self, key: Hashable, picture: NDArray[np.uint8]) -> None:
        self._is_busy = False
        self._waiting.pop(key, None)
        height, width, _ = picture.shape
        image = QImage(picture.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
        shown = QPixmap.fromImage(image)
        shown.setDevicePixelRatio(RATIO)
        self._kept[key] = shown
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        self.made.emit()
        self._go_on()

    def _fail(self, _problem: BaseException) -> None:
        """A picture that cannot be read is left out; the views say what is wrong with the file."""
        self._is_busy = False
        self._go_on()


def picture_of(wish: CropWish, side: int = SIDE * RATIO) -> NDArray[np.uint8]:
    """Draw the objects of a place over the image: (side, side, 3) uint8; reads, so use a thread."""
    z = min(max(0, wish.place[0]), wish.labels.shape[0] - 1)
    ids = np.array(wish.ids, np.uint32)
    wide = _square(_span(wish.box, 1), _span(wish.box, 2), wish.place, LARGEST)
    part = _read(wish.labels, z, wide).astype(np.uint32)
    rows, columns = np.nonzero(np.isin(part, ids))
    if len(rows):
        spans = [
            (int(low.min()) + start, int(low.max()) + 1 + start) for low, start in ((rows, wide[0]), (columns, wide[2]))
        ]
        wide = _square(spans[0], spans[1], wish.place, LARGEST)
    wide = _within(wide, wish.labels.shape)
    labels = _scaled(_read(wish.labels, z, wide).astype(np.uint32), side)
    grey = np.zeros((side, side), np.float32)
    if wish.grey is not None:
        low, high = wish.contrast
        seen = _read(wish.grey, z, wide).astype(np.float32)
        grey = np.clip((_smooth(seen, side) - low) / max(high - low, 1e-6), 0, 1) * 255
    return _painted(grey, labels, ids, wish)


def _painted(
    grey: NDArray[np.float32], labels: NDArray[np.uint32], ids: NDArray[np.uint32], wish: CropWish
) -> NDArray[np.uint8]:
    picture = np.repeat(grey[:, :, None], 3, axis=2)
    inside = labels > 0
    picture[inside] = (1 - FILL) * picture[inside] + FILL * colours_of(labels[inside], wish.table, wish.seed)
    asked = np.where(np.isin(labels, ids), labels, 0)
    picture[_outline(asked)] = 255
    return np.rint(picture).astype(np.uint8)


def _outline(labels: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Pixels of objects that touch something else, two wide."""
    edge = np.zeros(labels.shape, np.bool_)
    for axis in (0, 1):
        for step in (1, 2):
            low, high = [slice(None)] * 2, [slice(None)] * 2
            low[axis], high[axis] = slice(None, -step), slice(step, None)
            differs = labels[tuple(low)] != labels[tuple(high)]
            edge[tuple(low)] |= differs
            edge[tuple(high)] |= differs
    return edge & (labels > 0)


def _span(box: Box, axis: int) -> tuple[int, int]:
    return box.start[axis], box.stop[axis]


def _square(
    rows: tuple[int, int], columns: tuple[int, int], place: tuple[int, int, int], largest: int
) -> tuple[int, int, int, int]:
    """Top, bottom, left, right of a square round two spans, with room; round the place where they are too wide."""
    longest = max(rows[1] - rows[0], columns[1] - columns[0])
    side = int(min(max(SMALLEST, longest * ROOM), largest))
    centre = [sum(rows) / 2, sum(columns) / 2] if longest * ROOM <= largest else [float(each) for each in place[1:]]
    top, left = (int(at - side / 2) for at in centre)
    return top, top + side, left, left + side


def _within(square: tuple[int, int, int, int], shape: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Move a square into the plane, as far as it has room there."""
    side = square[1] - square[0]
    top, left = (min(max(0, low), max(0, most - side)) for low, most in zip(square[::2], shape[1:], strict=True))
    return top, top + side, left, left + side


def _read(source: PlaneSource, z: int, square: tuple[int, int, int, int]) -> NDArray[np.generic]:
    """The samples of a square; 0 beyond the volume."""
    top, bottom, left, right = square
    _, height, width = source.shape
    inner = max(0, top), min(height, bottom), max(0, left), min(width, right)
    found = np.zeros((bottom - top, right - left), source.dtype)
    if inner[0] < inner[1] and inner[2] < inner[3]:
        part = np.asarray(source[z : z + 1, inner[0] : inner[1], inner[2] : inner[3]])[0]
        found[inner[0] - top : inner[1] - top, inner[2] - left : inner[3] - left] = part
    return found


def _scaled(labels: NDArray[np.uint32], side: int) -> NDArray[np.uint32]:
    places = (np.arange(side) + 0.5) * len(labels) / side
    nearest = places.astype(np.int64)
    return labels[np.ix_(nearest, nearest)]


def _smooth(grey: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Mix neighbouring samples where there are fewer than pixels, take means where there are more."""
    places = (np.arange(side) + 0.5) * len(grey) / side - 0.5
    first = np.clip(np.floor(places).astype(np.int64), 0, len(grey) - 1)
    after, share = np.minimum(first + 1, len(grey) - 1), np.clip(places - first, 0, 1).astype(np.float32)
    rows = grey[first] * (1 - share)[:, None] + grey[after] * share[:, None]
    return (rows[:, first] * (1 - share) + rows[:, after] * share).astype(np.float32)
