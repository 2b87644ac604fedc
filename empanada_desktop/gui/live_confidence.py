"""How sure the network is, beside the plane: inferno colours, with a white line where the objects end."""

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QEvent, QObject, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from empanada_desktop.core.geometry import Axis
from empanada_desktop.document import Document, ImageLayer, LabelsLayer, PlaneLabels
from empanada_desktop.gui.controls import text_label
from empanada_desktop.gui.theme import OVER_WHITE, PLANE_COLOURS, SMALL, scaled_font
from empanada_desktop.gui.viewer.canvas import PlaneCanvas
from empanada_desktop.gui.viewer.composing import DrawnLabels
from empanada_desktop.gui.viewer.document_link import LayerLink
from empanada_desktop.gui.viewer.drawn_layers import INFERNO
from empanada_desktop.gui.viewer.header import ViewHeader
from empanada_desktop.gui.viewer.loader import TileLoader
from empanada_desktop.gui.viewer.plane_view import ViewFrame
from empanada_desktop.tasks.live_plane import Prediction

if TYPE_CHECKING:
    from empanada_desktop.gui.panels.plane_panel import PlanePanel
    from empanada_desktop.gui.workspace import Workspace

STRENGTH = 0.78
WHITE = np.full(8, 0xFFFFFFFF, np.uint32)  # whatever place in the palette an id has
BADGE = QColor(16, 17, 20, 215)
LINKED = "linked to the left"


class ColourBar(QWidget):
    """What the colours mean, and where the cut is; lies over the top right corner of a picture."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._cut: float | None = None
        self.setFixedSize(84, 128)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        scaled_font(self, SMALL)
        parent.installEventFilter(self)
        self._place()

    def show_cut(self, cut: float | None) -> None:
        """Say from which confidence on a pixel belongs to an object."""
        self._cut = cut
        self.update()

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Stay in the corner."""
        if event.type() == QEvent.Type.Resize:
            self._place()
        return False

    def _place(self) -> None:
        parent = self.parentWidget()
        if parent is not None:
            self.move(parent.width() - self.width() - 10, 10)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the bar with its figures."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(BADGE)
        painter.drawRoundedRect(QRectF(self.rect()), 3, 3)
        bar = QRectF(10, 10, 9, self.height() - 20)
        gradient = QLinearGradient(bar.bottomLeft(), bar.topLeft())
        for place, colour in enumerate(INFERNO):
            gradient.setColorAt(place / (len(INFERNO) - 1), QColor(colour))
        painter.fillRect(bar, gradient)
        painter.setPen(OVER_WHITE)
        self._write(painter, bar, 1.0, "1.0")
        self._write(painter, bar, 0.0, "0.0")
        if self._cut is not None:
            y = bar.bottom() - self._cut * bar.height()
            painter.fillRect(QRectF(bar.left() - 3, y - 1, bar.width() + 6, 2), OVER_WHITE)
            self._write(painter, bar, self._cut, f"{self._cut:.2f} cut")
        painter.end()

    def _write(self, painter: QPainter, bar: QRectF, value: float, words: str) -> None:
        middle = bar.bottom() - value * bar.height()
        top = min(max(0.0, middle - 8), self.height() - 16.0)
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(bar.right() + 8, top, self.width(), 16), flags, words)


class ConfidenceView(ViewFrame):
    """A picture of one orientation's plane that goes along with the view beside it."""

    closed = Signal()

    def __init__(self, axis: Axis, loader: TileLoader) -> None:
        self.axis = axis
        self.canvas = PlaneCanvas(axis, loader)
        header = ViewHeader(axis.value, PLANE_COLOURS[axis.value])
        super().__init__(header, self.canvas)
        self.setObjectName("confidence")
        header.words.setText(LINKED)
        self.title = text_label("Confidence", "good")
        header.insert(self.title)
        header.add_button("ph.x", "Close the confidence map").clicked.connect(self.closed)
        self.bar = ColourBar(self.canvas)


class ConfidenceDesk(QObject):
    """Shows the newest prediction beside the plane while that is wanted; the cut follows the slider at once."""

    def __init__(self, workspace: "Workspace", panel: "PlanePanel") -> None:
        super().__init__(workspace)
        self._workspace, self._panel = workspace, panel
        self._prediction: Prediction | None = None
        self._before: str | None = None
        self._loader: TileLoader | None = None
        self._document = Document()
        self._link: LayerLink | None = None
        self._line: LabelsLayer | None = None
        self.view: ConfidenceView | None = None
        panel.map_switched.connect(lambda _on: self._switch())
        workspace.document.view_changed.connect(self._follow)
        workspace.document.layer_changed.connect(lambda _layer, names: self._draw() if "contrast" in names else None)

    @property
    def is_shown(self) -> bool:
        """Whether the map can be seen."""
        return self.view is not None and not self.view.isHidden()

    def show(self, prediction: Prediction) -> None:
        """Take a new prediction, and show it if that is wanted."""
        self._prediction = prediction
        self._switch()

    def hide(self) -> None:
        """There is nothing to show any more."""
        self._prediction = None
        self._switch()

    def show_cut(self) -> None:
        """Move the white line to the form's segmentation confidence."""
        if self._prediction is None or self._line is None or not self.is_shown or self._link is None:
            return
        source = self._line.source
        if isinstance(source, PlaneLabels):
            source.put(self._above())
            self._link.refresh(self._line, source.box)
            self._show_bar()

    def value_at(self, voxel: tuple[int, int, int]) -> float | None:
        """The confidence at a voxel, 0 to 1; None elsewhere than in the plane that was predicted."""
        found = self._prediction
        if found is None or voxel[found.plane.axis.normal] != found.plane.index:
            return None
        top, left = found.plane.region[:2] if found.plane.region else (0, 0)
        rows, columns = found.plane.axis.in_plane
        row, column = voxel[rows] - top, voxel[columns] - left
        height, width = found.confidence.shape
        return float(found.confidence[row, column]) / 255 if 0 <= row < height and 0 <= column < width else None

    def close(self) -> None:
        """End the reading threads."""
        if self._loader is not None:
            self._loader.close()

    # What is shown

    def _switch(self) -> None:
        if self._prediction is not None and self._panel.map.isChecked():
            self._show_view(self._prediction)
        elif self.view is not None and not self.view.isHidden():
            self.view.hide()
            self._workspace.grid.maximise(self._before)
            QTimer.singleShot(0, self.view, self._workspace.grid.fit)

    def _show_view(self, prediction: Prediction) -> None:
        axis, grid = prediction.plane.axis, self._workspace.grid
        if not self.is_shown:
            self._before = self._workspace.document.view.maximised
        view = self._view_of(axis)
        view.canvas.set_volume(self._workspace.document.shape, self._workspace.document.spacing)
        self._set_layers(prediction)
        grid.maximise(axis.value)
        if view.isHidden():
            view.show()
            QTimer.singleShot(0, view, self._share_room)
        self._follow(self._workspace.document.view, frozenset(("zoom", "crosshair")))

    def _share_room(self) -> None:
        width = self._workspace.views.width() // 2
        self._workspace.views.setSizes([width, width])
        QTimer.singleShot(0, self, self._workspace.grid.fit)

    def _view_of(self, axis: Axis) -> ConfidenceView:
        if self.view is not None and self.view.axis == axis:
            return self.view
        if self._loader is None:
            self._loader = TileLoader(parent=self)
            self._link = LayerLink(self._document, self._loader, self)
        if self.view is not None:
            self._loader.forget(self.view.canvas)
            self.view.hide()
            self.view.deleteLater()
        view = ConfidenceView(axis, self._loader)
        view.hide()
        self._connect(view)
        self._workspace.views.addWidget(view)
        for place, widget in enumerate((self._workspace.grid, view)):
            widget.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
            self._workspace.views.setStretchFactor(place, 1)
        self.view = view
        return view

    def _connect(self, view: ConfidenceView) -> None:
        """The map's mouse is that of the view beside it."""
        own, grid = view.canvas, self._workspace.grid
        other = grid.canvas(view.axis)
        own.clicked.connect(other.clicked)
        own.look_changed.connect(other.look_changed)
        own.stepped.connect(grid.planes[view.axis].step)
        own.hovered.connect(other.hovered)
        own.hovered.connect(self._say_value)
        own.wheel_zooms = other.wheel_zooms
        view.fit_asked.connect(grid.fit)
        view.maximise_asked.connect(view.closed)
        view.closed.connect(lambda: self._panel.map.setChecked(False))

    def _set_layers(self, prediction: Prediction) -> None:
        image = self._workspace.image()
        if image is None:
            return
        plane = prediction.plane
        place = (image.shape, plane.axis, plane.index)
        origin = plane.region[:2] if plane.region else (0, 0)
        confidence = PlaneLabels(*place, prediction.confidence.astype(np.uint32), origin)
        colours = ImageLayer(
            title="confidence", source=confidence, contrast=(0.0, 255.0), colormap="inferno", opacity=STRENGTH
        )
        self._line = LabelsLayer(title="cut", source=PlaneLabels(*place, self._above(), origin), style="outline")
        self._document.replace_layers((image, colours, self._line))
        self._draw()
        self._show_bar()

    def _draw(self) -> None:
        if self.view is None or self._link is None:
            return
        layers = self._link.drawn()
        white = [
            DrawnLabels(one.number, one.source, one.table, one.seed, WHITE, (0.0, 0.0, 0.0))
            if isinstance(one, DrawnLabels)
            else one
            for one in layers
        ]
        self.view.canvas.set_layers(list(white))

    def _cut(self) -> float:
        return float(self._panel.form.values()["segmentation_confidence"])

    def _above(self) -> "np.ndarray[tuple[int, int], np.dtype[np.uint32]]":
        if self._prediction is None:
            return np.zeros((1, 1), np.uint32)
        above = self._prediction.confidence >= self._cut() * 255
        inside = self._prediction.plane.inside
        return (above if inside is None else above & inside.inside).astype(np.uint32)

    def _show_bar(self) -> None:
        if self.view is not None:
            self.view.bar.show_cut(self._cut())

    def _say_value(self, voxel: tuple[int, int, int] | None) -> None:
        value = None if voxel is None else self.value_at(voxel)
        if self.view is not None:
            self.view.header.words.setText(LINKED if value is None else f"{value:.2f} under the cursor")

    def _follow(self, view: object, names: frozenset[str]) -> None:
        """Go along with the view beside it; a user who asks for all views again has seen enough of the map."""
        if self.view is None or self.view.isHidden():
            return
        state = self._workspace.document.view
        if "maximised" in names and state.maximised != self.view.axis.value:
            self._before = state.maximised
            self._panel.map.setChecked(False)
            return
        canvas = self.view.canvas
        canvas.set_look(self._workspace.grid.look)
        canvas.set_plane(state.crosshair[self.view.axis.normal])
        canvas.set_crosshair(state.crosshair if state.shows_crosshair else None)
