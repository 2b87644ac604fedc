"""One 2D view: a header over the picture of a plane, with a border that tells which view is active."""

from PySide6.QtCore import Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.gui.theme import PLANE_COLOURS, theme
from empanada_desktop.gui.viewer.camera import Triple
from empanada_desktop.gui.viewer.canvas import PlaneCanvas
from empanada_desktop.gui.viewer.header import PlaneHeader, ViewHeader
from empanada_desktop.gui.viewer.loader import TileLoader


class ViewFrame(QFrame):
    """A header over a picture; the active one has a border in the accent colour."""

    maximise_asked = Signal()
    fit_asked = Signal()

    def __init__(self, header: ViewHeader, picture: QWidget) -> None:
        super().__init__()
        self.header, self.picture = header, picture
        self._is_active = False
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        column.addWidget(header)
        column.addWidget(picture, 1)
        header.maximise_asked.connect(self.maximise_asked)
        header.fit_asked.connect(self.fit_asked)
        theme.changed.connect(self.update)

    def set_active(self, is_active: bool) -> None:
        """Show or hide the border of the active view."""
        if is_active != self._is_active:
            self._is_active = is_active
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the border."""
        painter = QPainter(self)
        painter.setPen(QColor(theme.colour("accent" if self._is_active else "border")))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))
        painter.end()


class PlaneView(ViewFrame):
    """A view of the planes of one orientation."""

    plane_asked = Signal(int)
    """The index that the slider, the number or the wheel asks for."""

    def __init__(self, axis: Axis, loader: TileLoader) -> None:
        self.axis = axis
        self.plane_header = PlaneHeader(axis.value, PLANE_COLOURS[axis.value])
        self.canvas = PlaneCanvas(axis, loader)
        super().__init__(self.plane_header, self.canvas)
        self._planes = 1
        self.plane_header.plane_asked.connect(self.plane_asked)
        self.canvas.stepped.connect(self.step)

    def set_volume(self, shape: Triple, spacing: Spacing) -> None:
        """Say how large the volume is, and its voxels."""
        self._planes = shape[self.axis.normal]
        self.plane_header.set_planes(self._planes, spacing.zyx[self.axis.normal])
        self.canvas.set_volume(shape, spacing)

    def set_crosshair(self, crosshair: Triple, is_shown: bool = True) -> None:
        """Show the plane that the crosshair lies in, and its lines."""
        plane = crosshair[self.axis.normal]
        self.plane_header.show_plane(plane)
        self.canvas.set_plane(plane)
        self.canvas.set_crosshair(crosshair if is_shown else None)

    def step(self, planes: int) -> None:
        """Ask to go on by some planes, as far as there are any."""
        wanted = max(0, min(self._planes - 1, self.canvas.plane + planes))
        if wanted != self.canvas.plane:
            self.plane_asked.emit(wanted)
