"""The four linked views: xy beside yz, over xz beside 3D; one crosshair, one zoom."""

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QImage, QShowEvent
from PySide6.QtWidgets import QTabBar, QVBoxLayout, QWidget

from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.document.document import Document
from empanada_desktop.document.layers import LabelsLayer, Layer
from empanada_desktop.document.view import ViewState
from empanada_desktop.gui.viewer.camera import LARGEST_ZOOM, SMALLEST_ZOOM, Triple, fitting_zoom
from empanada_desktop.gui.viewer.canvas import Look, PlaneCanvas, Tool
from empanada_desktop.gui.viewer.canvas_tool import CanvasTool
from empanada_desktop.gui.viewer.composing import backend
from empanada_desktop.gui.viewer.document_link import LayerLink, objects_under, select_at
from empanada_desktop.gui.viewer.linked_splitters import LinkedSplitters
from empanada_desktop.gui.viewer.loader import TileLoader
from empanada_desktop.gui.viewer.plane_view import PlaneView, ViewFrame
from empanada_desktop.gui.viewer.volume_view import VolumeView

VIEW_3D = "3d"
MARKS = ("points", "shapes")
ORDER = (Axis.XY, Axis.YZ, Axis.XZ)
NAMES = ("xy", "yz", "xz", VIEW_3D)


class ViewGrid(QWidget):
    """Shows a document from all sides. Crosshair, zoom, active and maximised view live in `document.view`."""

    clicked = Signal(object, object)
    """A voxel (z, y, x) that was clicked, and the keyboard modifiers; crosshair and selection have moved already."""
    hovered = Signal(object)
    """The voxel (z, y, x) under the cursor, or None."""
    menu_asked = Signal(object, object)
    """The voxel (z, y, x) that the right button was pressed on, and the QPoint on the screen where a menu goes."""
    box_drawn = Signal(object, object)
    """An Axis, and the Box (one plane thick) that was drawn in its view."""
    reading_failed = Signal(str)
    """What went wrong while voxels were read."""

    picture_taken = Signal(QImage)
    """A picture of the 3D view, asked for with its camera button."""

    def __init__(self, document: Document, with_3d: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.document = document
        self.loader = TileLoader(parent=self)
        self.loader.failed.connect(self.reading_failed)
        self.link = LayerLink(document, self.loader, self)
        self.planes = {axis: PlaneView(axis, self.loader) for axis in ORDER}
        self.views: dict[str, ViewFrame] = {axis.value: view for axis, view in self.planes.items()}
        self.volume_view = VolumeView(document) if with_3d else None
        if self.volume_view is not None:
            self.views[VIEW_3D] = self.volume_view
            self.volume_view.picture_taken.connect(self.picture_taken)
            self.volume_view.activated.connect(lambda: self.activate(VIEW_3D))
        self._shape: Triple = (1, 1, 1)
        self._spacing = Spacing()
        self._look = Look()
        self._fit_due = False
        self._is_fitted = False
        self._is_narrow = False
        self._canvas_tool: CanvasTool | None = None
        self._splitters = LinkedSplitters([self.views.get(name, QWidget()) for name in NAMES])
        self._tabs = QTabBar()
        for name in self.views:
            self._tabs.addTab("3D" if name == VIEW_3D else name)
        self._tabs.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._tabs)
        column.addWidget(self._splitters, 1)
        self._connect()
        self._follow(document)
        backend.warm_up()

    def _connect(self) -> None:
        self._tabs.currentChanged.connect(self._take_tab)
        for name, view in self.views.items():
            view.maximise_asked.connect(lambda name=name: self._toggle(name))
        for axis, plane in self.planes.items():
            canvas = plane.canvas
            plane.fit_asked.connect(self.fit)
            plane.plane_asked.connect(lambda index, axis=axis: self._go_to_plane(axis, index))
            canvas.look_changed.connect(self._take_look)
            canvas.clicked.connect(self._take_click)
            canvas.hovered.connect(self.hovered)
            canvas.menu_asked.connect(self.menu_asked)
            canvas.activated.connect(lambda name=axis.value: self.activate(name))
            canvas.box_drawn.connect(lambda box, axis=axis: self.box_drawn.emit(axis, box))
            canvas.installEventFilter(self)

    def _follow(self, document: Document) -> None:
        for signal in (document.layer_added, document.layer_removed, document.layers_reordered):
            signal.connect(self._take_layers)
        document.layer_changed.connect(self._take_layers)
        document.selection_changed.connect(self._take_layers)
        document.voxels_changed.connect(self.link.refresh)
        document.view_changed.connect(self._take_view)
        self._take_layers()
        self._take_view(document.view, frozenset(("crosshair", "zoom", "active", "maximised")))

    # What is shown

    @property
    def look(self) -> Look:
        """The place in the middle of the views and pixels per shortest voxel side, as shown."""
        return self._look

    @property
    def active_axis(self) -> Axis:
        """The orientation that keys and "this plane" mean; xy when the 3D view is active."""
        active = self.document.view.active
        return Axis.XY if active == VIEW_3D else Axis(active)

    def canvas(self, axis: Axis) -> PlaneCanvas:
        """The picture of an orientation."""
        return self.planes[axis].canvas

    def canvases(self) -> list[PlaneCanvas]:
        """The pictures of all orientations."""
        return [plane.canvas for plane in self.planes.values()]

    def visible_box(self, axis: Axis) -> Box | None:
        """The voxels of an orientation's plane that can be seen now."""
        return self.canvas(axis).visible_box()

    def values_at(self, voxel: Triple) -> tuple[float | int | None, LabelsLayer | None, int]:
        """The image's value at a voxel and the object there (layer, id; None, 0 for none), out of what is in memory."""
        image = self.document.image
        value = None if image is None else self.link.value_at(image, voxel)
        layer, label_id = next(iter(objects_under(self.document, self.link, voxel)), (None, 0))
        return value, layer, label_id

    # Deeds for menus and keys

    def step(self, planes: int) -> None:
        """Go on by some planes in the active view."""
        self.planes[self.active_axis].step(planes)

    def zoom(self, factor: float) -> None:
        """Zoom all planes so that the crosshair stays where it is."""
        zoom = min(LARGEST_ZOOM, max(SMALLEST_ZOOM, self._look.zoom * factor))
        shrunk = self._look.zoom / zoom
        z, y, x = (
            place + 0.5 + (centre - place - 0.5) * shrunk
            for place, centre in zip(self.document.view.crosshair, self._look.centre, strict=True)
        )
        self._take_look(Look((z, y, x), zoom))

    def zoom_to(self, zoom: float) -> None:
        """Show the shortest side of a voxel with this many pixels; 1 is 100 %."""
        self.zoom(zoom / self._look.zoom)

    def fit(self) -> None:
        """Show the whole volume in every view, as soon as the views have their size."""
        shown = [plane.canvas for plane in self.planes.values() if plane.canvas.isVisible()]
        self._fit_due = not shown or not self.document.layers
        if not self._fit_due:
            zooms = [fitting_zoom(self._shape, self._spacing, one.axis, one.width(), one.height()) for one in shown]
            z, y, x = (length / 2 for length in self._shape)
            self._take_look(Look((z, y, x), min(zooms)))
            self._is_fitted = True

    def show_place(self, voxel: Triple, zoom: float | None = None) -> None:
        """Jump: put the crosshair there, and that place in the middle of the views."""
        self.document.change_view(crosshair=voxel)
        z, y, x = (place + 0.5 for place in self.document.view.crosshair)
        self._take_look(Look((z, y, x), zoom or self._look.zoom))

    def activate(self, name: str) -> None:
        """Make a view ("xy", "xz", "yz", "3d") the active one."""
        self.document.change_view(active=name)

    def maximise(self, name: str | None) -> None:
        """Give one view all the room; None shows all four."""
        self.document.change_view(maximised=name, active=name or self.document.view.active)

    def set_narrow(self, is_narrow: bool) -> None:
        """In a narrow window: the active view alone, and tabs for the others; what is maximised stays so."""
        if is_narrow != self._is_narrow:
            self._is_narrow = is_narrow
            self._tabs.setVisible(is_narrow)
            self._show_maximised(self.document.view.maximised)

    def reset_edges(self) -> None:
        """Make the four views equally large."""
        self._splitters.reset()

    def set_tool(self, tool: Tool) -> None:
        """Choose what the left button does in the planes; a canvas tool is put away."""
        self.set_canvas_tool(None)
        for plane in self.planes.values():
            plane.canvas.set_tool(tool)

    @property
    def canvas_tool(self) -> CanvasTool | None:
        """The tool that has the left button in the planes, if any."""
        return self._canvas_tool

    def set_canvas_tool(self, tool: CanvasTool | None) -> None:
        """Give the left button in all planes to a tool; None gives it back to what set_tool chose."""
        if tool is self._canvas_tool:
            return
        before, self._canvas_tool = self._canvas_tool, tool
        if before is not None:
            before.put_away()
        for plane in self.planes.values():
            plane.canvas.set_canvas_tool(tool)

    def take_back(self) -> bool:
        """Undo for what the tool in hand has begun and is no deed yet; True when there was something."""
        return self._canvas_tool is not None and self._canvas_tool.take_back()

    def update_overlays(self) -> None:
        """Draw again what tools draw over the planes; the voxels under it stay as they are composed."""
        for plane in self.planes.values():
            plane.canvas.update()

    def set_frames(self, frames: Mapping[Axis, Box]) -> None:
        """Show the edges of a box in the views of some orientations."""
        for axis, plane in self.planes.items():
            plane.canvas.set_frame(frames.get(axis))

    def set_wheel(self, zooms: bool) -> None:
        """Whether the wheel zooms and Ctrl+wheel goes through the planes (napari), or the other way round."""
        for plane in self.planes.values():
            plane.canvas.wheel_zooms = zooms

    def close_views(self) -> None:
        """End the reading threads; the grid shows nothing new afterwards."""
        self.loader.close()
        if self.volume_view is not None:
            self.volume_view.close_views()

    @property
    def is_complete(self) -> bool:
        """True when everything in sight is read, built and painted."""
        planes = [plane.canvas for plane in self.planes.values() if plane.canvas.isVisible()]
        solid = self.volume_view is None or not self.volume_view.isVisible() or self.volume_view.is_complete
        return solid and self.loader.is_idle() and all(canvas.is_complete for canvas in planes)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """A grid that is a window of its own ends its threads."""
        self.close_views()
        super().closeEvent(event)

    # What the mouse asks for

    def _go_to_plane(self, axis: Axis, index: int) -> None:
        voxel = list(self.document.view.crosshair)
        voxel[axis.normal] = index
        self.document.change_view(crosshair=tuple(voxel), active=axis.value)

    def _take_click(self, voxel: Triple, modifiers: Qt.KeyboardModifier) -> None:
        self.document.change_view(crosshair=voxel)
        select_at(self.document, self.link, voxel, modifiers)
        self.clicked.emit(voxel, modifiers)

    def _take_look(self, look: Look) -> None:
        self.document.change_view(centre=look.centre, zoom=look.zoom)

    def _take_tab(self, number: int) -> None:
        if self._is_narrow:
            name = list(self.views)[number]
            self.document.change_view(active=name, maximised=self.document.view.maximised and name)

    def _toggle(self, name: str) -> None:
        self.maximise(name if self.document.view.maximised != name else None)

    # What the document says

    def _take_layers(self, layer: Layer | None = None, names: object = None) -> None:
        document = self.document
        if isinstance(names, frozenset) and layer is not None and layer.kind in MARKS:
            self._show_marks()
            return
        if (document.shape, document.spacing) != (self._shape, self._spacing):
            self._shape, self._spacing = document.shape, document.spacing
            for plane in self.planes.values():
                plane.set_volume(self._shape, self._spacing)
            self._take_view(document.view, frozenset(("crosshair", "zoom")))
        drawn = self.link.drawn()
        for plane in self.planes.values():
            plane.canvas.set_layers(drawn)
        self._show_marks()

    def _show_marks(self) -> None:
        marks: list[Layer] = [one for one in self.document.layers if one.visible and one.kind in MARKS]
        for plane in self.planes.values():
            plane.canvas.set_marks(marks)

    def _take_view(self, view: ViewState, names: frozenset[str]) -> None:
        if names & {"crosshair", "shows_crosshair"}:
            for plane in self.planes.values():
                plane.set_crosshair(view.crosshair, view.shows_crosshair)
        if names & {"zoom", "centre"}:
            self._show_look(view)
        if "active" in names:
            self._show_active(view.active)
        if "maximised" in names:
            self._show_maximised(view.maximised)

    def _show_look(self, view: ViewState) -> None:
        if view.zoom <= 0:
            self._fit_due = True
            QTimer.singleShot(0, self, self._fit_if_due)
            return
        self._fit_due = self._is_fitted = False
        z, y, x = view.centre or [length / 2 for length in self._shape]
        self._look = Look((z, y, x), view.zoom)
        for plane in self.planes.values():
            plane.canvas.set_look(self._look)

    def _show_active(self, name: str) -> None:
        for other, view in self.views.items():
            view.set_active(other == name)
        if name in self.views:
            self._tabs.setCurrentIndex(list(self.views).index(name))
        if self._is_narrow:
            self._show_maximised(self.document.view.maximised)

    def _show_maximised(self, name: str | None) -> None:
        if self._is_narrow:
            name = self.document.view.active
        self._splitters.show_only(self.views.get(name) if name else None)
        for other, view in self.views.items():
            view.header.show_maximised(other == name)
        self._fit_again()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Fit when the views have got their size."""
        super().showEvent(event)
        QTimer.singleShot(0, self, self._fit_if_due)

    def eventFilter(self, _canvas: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """A view has another size: fit what waited for it, and what was fitted before."""
        if event.type() == QEvent.Type.Resize:
            self._fit_again()
        return False

    def _fit_again(self) -> None:
        """Views that show the whole volume go on doing so in their new size; a place that was zoomed to stays."""
        self._fit_due = self._fit_due or self._is_fitted
        QTimer.singleShot(0, self, self._fit_if_due)

    def _fit_if_due(self) -> None:
        if self._fit_due:
            self.fit()
