"""The picture of one plane: composes exposed pixels when it is painted, and says what it wants to be read."""

import ctypes
from math import floor

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QHideEvent, QImage, QPainter, QPaintEvent, QRegion, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QWidget

from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.document.layers import Layer
from empanada_desktop.gui.viewer import overlays
from empanada_desktop.gui.viewer.camera import DISPLAYED, Look, PlaneCamera, Triple, proportions
from empanada_desktop.gui.viewer.composing import Composer, DrawnLayer
from empanada_desktop.gui.viewer.drawing import MARGIN
from empanada_desktop.gui.viewer.loader import Request, TileLoader
from empanada_desktop.gui.viewer.marks import paint_marks
from empanada_desktop.gui.viewer.prefetch import wishes
from empanada_desktop.gui.viewer.tiles import best_level


class PlanePicture(QWidget):
    """Shows one plane. It reads nothing itself: the loader does, and until then something coarser or older is shown."""

    def __init__(self, axis: Axis, loader: TileLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.axis = axis
        self._loader = loader
        self._composer = Composer(loader.cache)
        self._layers: list[DrawnLayer] = []
        self._marks: list[Layer] = []
        self._shape: Triple = (1, 1, 1)
        self._spacing = Spacing()
        self._look = Look()
        self._crosshair: Triple | None = None
        self._plane, self._before, self._direction = 0, 0, 1
        self._pixels = np.zeros((1, 1), np.uint32)
        # What has to be composed again, in pixels of the plane's raster (PlaneCamera.corner); and where _pixels lie.
        self._stale = QRegion()
        self._lying: tuple[tuple[float, float], QRect] | None = None
        self._is_complete = True
        self._band: QRectF | None = None
        self._frame: Box | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        loader.arrived.connect(self._on_arrived)
        loader.refreshed.connect(self._on_refreshed)
        loader.shown.connect(self._on_shown)

    # What it shows

    @property
    def plane(self) -> int:
        """Index of the plane that is shown."""
        return self._plane

    @property
    def is_complete(self) -> bool:
        """True when the last painting had every voxel of its plane at the level that suits it."""
        return self._is_complete

    @property
    def painted_plane(self) -> int:
        """The plane that was last painted with all its voxels."""
        return self._before

    def camera(self) -> PlaneCamera:
        """Where voxels lie on the canvas, in logical pixels."""
        return self._camera(1.0)

    def set_volume(self, shape: Triple, spacing: Spacing) -> None:
        """Say how large the volume is that all layers share, and its voxels."""
        self._shape, self._spacing = shape, spacing
        self._redraw()

    def set_layers(self, layers: list[DrawnLayer]) -> None:
        """Show these layers, bottom to top."""
        self._layers = layers
        self._redraw()

    def set_marks(self, layers: list[Layer]) -> None:
        """Show the points and shapes of these layers; the pixels under them stay."""
        if layers or self._marks:
            self._marks = layers
            self.update()

    def set_plane(self, plane: int) -> None:
        """Show another plane."""
        if plane != self._plane:
            self._direction = 1 if plane > self._plane else -1
            self._plane = plane
            self._redraw()

    def set_look(self, look: Look) -> None:
        """Move and zoom; what stays in sight is not composed again when only the place changes."""
        if look != self._look:
            self._look = look
            self._wish()
            self.update()

    def set_crosshair(self, crosshair: Triple | None) -> None:
        """Move the crosshair's lines; the pixels under them stay."""
        if crosshair != self._crosshair:
            camera = self.camera()
            moved = overlays.lines(camera, self._crosshair) ^ overlays.lines(camera, crosshair)
            self._crosshair = crosshair
            for rectangle in moved:
                self.update(*rectangle)

    def set_frame(self, frame: Box | None) -> None:
        """Show the edges of a box of voxels, or of none; the pixels under them stay."""
        if frame != self._frame:
            self._frame = frame
            self.update()

    def visible_box(self) -> Box | None:
        """The voxels of the plane that can be seen, one plane thick; None when the plane is out of sight."""
        return self._box(QRectF(self.rect()))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """A square that shows something."""
        return QSize(400, 400)

    def voxel_at(self, position: QPointF) -> Triple:
        """The voxel under a position on the canvas; it may lie outside the volume."""
        rows, columns = DISPLAYED[self.axis]
        voxel = [self._plane] * 3
        voxel[rows], voxel[columns] = self.camera().voxel_at(position.x(), position.y())
        return voxel[0], voxel[1], voxel[2]

    def holds(self, voxel: Triple) -> bool:
        """True when a voxel lies in the volume."""
        return all(0 <= place < length for place, length in zip(voxel, self._shape, strict=True))

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Compose what is exposed and not composed yet, then draw lines and scale bar over it."""
        ratio = self.devicePixelRatioF()
        self._fit_pixels(ratio)
        exposed = _scaled(event.rect(), ratio).intersected(QRect(0, 0, self._pixels.shape[1], self._pixels.shape[0]))
        self._compose(exposed, self._camera(ratio))
        height, width = self._pixels.shape
        image = QImage(self._pixels.data, width, height, width * 4, QImage.Format.Format_RGB32)
        painter = QPainter(self)
        painter.drawImage(
            QRectF(exposed.x() / ratio, exposed.y() / ratio, exposed.width() / ratio, exposed.height() / ratio),
            image,
            QRectF(exposed),
        )
        self._paint_overlays(painter, event.rect())
        painter.end()

    def _compose(self, exposed: QRect, camera: PlaneCamera) -> None:
        top, left = camera.corner
        # Asked before composing: a tile that comes meanwhile is announced, and composed then.
        is_complete = self._composer.is_complete(camera, self._plane, self._layers)
        if is_complete and not self._is_complete:
            self._lying = None
            self.update()
        self._is_complete = is_complete
        self._move_pixels(camera.scale, QRect(left, top, camera.width, camera.height))
        stale = self._stale.intersected(exposed.translated(left, top))
        if stale.isEmpty():
            return
        for rect in stale:  # type: ignore[attr-defined]  # Qt's own list of rectangles
            part = rect.translated(-left, -top)
            edges = (part.top(), part.bottom() + 1, part.left(), part.right() + 1)
            self._composer.compose(self._pixels, edges, camera, self._plane, self._layers, self._before)
        self._stale = self._stale.subtracted(stale)
        if is_complete:
            self._before = self._plane

    def _move_pixels(self, scale: tuple[float, float], view: QRect) -> None:
        """Move what is composed to where the view has it now; what came into sight is stale."""
        lying, self._lying = self._lying, (scale, view)
        if lying is None or lying[0] != scale or lying[1].size() != view.size():
            self._stale = QRegion(view)
        elif lying[1] != view:
            shift(self._pixels, view.y() - lying[1].y(), view.x() - lying[1].x())
            self._stale = self._stale.united(QRegion(view).subtracted(QRegion(_kept(lying[1], view))))
            self._stale = self._stale.intersected(view)

    def _paint_overlays(self, painter: QPainter, exposed: QRect) -> None:
        camera = self.camera()
        if self._crosshair is not None:
            overlays.paint_crosshair(painter, camera, self._crosshair)
        if self._frame is not None:
            overlays.paint_frame(painter, camera, self._plane, self._frame)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_marks(painter, camera, self._plane, self._marks)
        if self._layers and exposed.intersects(overlays.corner_of_scale_bar(self.rect())):
            overlays.paint_scale_bar(painter, self.height(), self._scale_bar(), self.font())
        if self._band is not None:
            overlays.paint_rubber_band(painter, self._band, self._band_words(), self.font())

    def _scale_bar(self) -> tuple[float, str]:
        size = self._spacing.zyx[DISPLAYED[self.axis][1]]
        return overlays.scale_bar(self.camera().scale[1], size)

    def _fit_pixels(self, ratio: float) -> None:
        shape = (max(1, round(self.height() * ratio)), max(1, round(self.width() * ratio)))
        if shape != self._pixels.shape:
            self._pixels = np.zeros(shape, np.uint32)
            self._lying = None

    def _camera(self, ratio: float) -> PlaneCamera:
        rows, columns = DISPLAYED[self.axis]
        unit = proportions(self._spacing)
        zoom = self._look.zoom * ratio
        return PlaneCamera(
            self.axis,
            max(1, round(self.width() * ratio)),
            max(1, round(self.height() * ratio)),
            (self._look.centre[rows], self._look.centre[columns]),
            (zoom * unit[rows], zoom * unit[columns]),
        )

    # News

    def _redraw(self) -> None:
        self._lying = None
        self._wish()
        self.update()

    def _wish(self) -> None:
        if self._layers and self.isVisible():
            camera = self._camera(self.devicePixelRatioF())
            self._loader.want(self, *wishes(self._layers, camera, self._plane, self._direction))
        else:
            self._loader.want(self, ())

    def _on_arrived(self) -> None:
        self._loader.acknowledge()
        if not self._is_complete:
            self._lying = None
            self.update()

    def _on_refreshed(self, request: Request, part: Box) -> None:
        """Compose again where the samples of a level that were read again are shown."""
        if request.key.axis == self.axis:
            self._compose_again(_scaled_up(part, request.grid.factor))

    def _on_shown(self, number: int, box: Box) -> None:
        """Compose again where voxels of a layer that were put into its tiles are shown."""
        for layer in self._layers:
            if layer.number == number:
                factor = layer.source.levels[best_level(layer.source, self.camera())]
                start = [low // each for low, each in zip(box.start, factor, strict=True)]
                stop = [-(-high // each) for high, each in zip(box.stop, factor, strict=True)]
                self._compose_again(_scaled_up(Box.of_spans(list(zip(start, stop, strict=True))), factor))

    def _compose_again(self, box: Box) -> None:
        """Compose again where voxels of a box are shown."""
        normal, (rows, columns) = self.axis.normal, DISPLAYED[self.axis]
        if not self._layers or not box.start[normal] <= self._plane < box.stop[normal]:
            return
        camera = self.camera()
        left, top = camera.point_of(box.start[rows], box.start[columns])
        right, bottom = camera.point_of(box.stop[rows], box.stop[columns])
        # Outlines reach two pixels beyond what changed.
        touched = QRectF(left, top, right - left, bottom - top).toAlignedRect().adjusted(-3, -3, 3, 3)
        touched = touched.intersected(self.rect())
        ratio = self.devicePixelRatioF()
        down, right = self._camera(ratio).corner
        self._stale = self._stale.united(_scaled(touched, ratio).translated(right, down))
        self.update(touched)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """A larger view needs more tiles."""
        super().resizeEvent(event)
        self._wish()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """A view in sight reads."""
        super().showEvent(event)
        self._wish()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        """A hidden view reads nothing."""
        super().hideEvent(event)
        self._loader.want(self, ())

    # Voxels under areas

    def _box(self, area: QRectF) -> Box | None:
        """The voxels of this plane that an area of the canvas touches."""
        camera = self.camera()
        rows, columns = DISPLAYED[self.axis]
        top, left = camera.place_at(area.left(), area.top())
        bottom, right = camera.place_at(area.right(), area.bottom())
        start, stop = [self._plane] * 3, [self._plane + 1] * 3
        start[rows], stop[rows] = max(0, floor(top)), min(self._shape[rows], floor(bottom) + 1)
        start[columns], stop[columns] = max(0, floor(left)), min(self._shape[columns], floor(right) + 1)
        box = Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
        return box if min(box.shape) > 0 else None

    def _band_words(self) -> str:
        box = self._box(self._band) if self._band is not None else None
        rows, columns = DISPLAYED[self.axis]
        return f"{box.shape[columns]} × {box.shape[rows]} px" if box else "outside"


def shift(pixels: NDArray[np.uint32], down: int, right: int) -> None:
    """Move pixels up by `down` and to the left by `right`, in place; what comes in is arbitrary."""
    flat = pixels.reshape(-1)
    by = down * pixels.shape[1] + right
    if abs(by) >= flat.size:
        return
    source, target = (flat[by:], flat[: flat.size - by]) if by > 0 else (flat[: flat.size + by], flat[-by:])
    ctypes.memmove(target.ctypes.data, source.ctypes.data, source.nbytes)


def _scaled_up(part: Box, factor: Triple) -> Box:
    """The voxels of level 0 that samples of a level stand for."""
    return Box.of_spans([(low * each, high * each) for (low, high), each in zip(part.spans, factor, strict=True)])


def _kept(before: QRect, now: QRect) -> QRect:
    """What of a picture may be kept in another place of the raster: at its old edges, outlines saw no neighbours."""
    kept = before.intersected(now)
    left, right = (MARGIN if beyond else 0 for beyond in (now.left() < before.left(), now.right() > before.right()))
    top, bottom = (MARGIN if beyond else 0 for beyond in (now.top() < before.top(), now.bottom() > before.bottom()))
    return kept.adjusted(left, top, -right, -bottom)


def _scaled(rect: QRect, ratio: float) -> QRect:
    """A rectangle of logical pixels in device pixels, all that it touches."""
    return QRectF(rect.x() * ratio, rect.y() * ratio, rect.width() * ratio, rect.height() * ratio).toAlignedRect()
