"""The 3D view: header over an OpenGL picture, built after the first paint; a plain sentence where OpenGL is missing."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import (
    QGuiApplication,
    QHideEvent,
    QImage,
    QOffscreenSurface,
    QOpenGLContext,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QLabel, QStackedWidget

from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.core.plurals import counted
from empanada_desktop.document.colours import colours_of
from empanada_desktop.document.document import Document
from empanada_desktop.document.layers import ImageLayer, LabelsLayer, Layer
from empanada_desktop.document.view import Camera, ViewState
from empanada_desktop.gui.timers import single_shot
from empanada_desktop.gui.viewer.camera import Triple, proportions
from empanada_desktop.gui.viewer.document_link import ADDING
from empanada_desktop.gui.viewer.header import ViewHeader
from empanada_desktop.gui.viewer.lengths import words
from empanada_desktop.gui.viewer.mesh_builder import Scene, SceneBuilder
from empanada_desktop.gui.viewer.plane_view import ViewFrame

if TYPE_CHECKING:
    from empanada_desktop.gui.viewer.gl_scene import SceneView

NO_OPENGL = "No 3D here: this display offers no OpenGL. The planes work without it."
FIRST_PAINT_MS, REST_MS, REBUILD_MS = 250, 150, 500
BRIGHTER = 0.4
FACES_WITH_GRAPHICS_CARD = 12
# What of a label layer changes no surface.
LOOKS = frozenset(
    (
        "opacity",
        "colour_table",
        "shows_selected_only",
        "style",
        "title",
        "note",
        "locked",
        "hidden",
        "review",
        "queue",
        "decisions",
        "active_id",
        "painted_id",
        "class_names",
        "label_divisor",
        "id_range",
    )
)

# Layer and id of an object that was clicked (None, 0: beside all of them), the voxel there, and the modifiers.
Taker = Callable[[LabelsLayer | None, int, Triple, Qt.KeyboardModifier], bool]


class VolumeView(ViewFrame):
    """Surfaces of the visible objects in their colours. What is picked here is selected everywhere, and the reverse."""

    picture_taken = Signal(QImage)
    """A picture of the 3D view, when the camera button is pressed."""
    activated = Signal()
    menu_asked = Signal(object, int, object)
    """The layer and the id of an object that the right button was pressed on, and where on the screen a menu goes."""
    _loaded = Signal()

    def __init__(self, document: Document) -> None:
        self._stack = QStackedWidget()
        self._sentence = QLabel("")
        self._sentence.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._sentence.setWordWrap(True)
        self._sentence.setStyleSheet("background: #101114; color: #AEB4BC; padding: 24px;")
        self._stack.addWidget(self._sentence)
        self._own_header = ViewHeader("3D", "second")
        super().__init__(self._own_header, self._stack)
        self._own_header.add_button("camera", "Take a picture of the 3D view").clicked.connect(self._take_picture)
        self._own_header.add_button("cube", "Look from the corner again").clicked.connect(self._reset_camera)
        self.document = document
        self.gl: SceneView | None = None
        self._builder: SceneBuilder | None = None
        self._loading: threading.Thread | None = None
        self._closed = False
        self.taker: Taker | None = None
        """What takes clicks on objects instead of the selection, as long as it returns True."""
        self._scene = Scene()
        self._shape: Triple = (0, 0, 0)
        self._spacing = Spacing()
        self._asked: set[tuple[Axis, int]] = set()
        self._timers = {ms: single_shot(self, slot, ms) for ms, slot in self._slots().items()}
        self._loaded.connect(self._make)
        self.fit_asked.connect(self._reset_camera)
        self._follow(document)
        self._timers[FIRST_PAINT_MS].start()

    def _slots(self) -> dict[int, Callable[[], object]]:
        return {FIRST_PAINT_MS: self._start, REST_MS: self._show_rest, REBUILD_MS: self._rebuild}

    def _follow(self, document: Document) -> None:
        for signal in (document.layer_added, document.layer_removed, document.layers_reordered, document.layer_changed):
            signal.connect(self._take_layers)
        document.selection_changed.connect(self._colour)
        document.voxels_changed.connect(self._take_voxels)
        document.view_changed.connect(self._take_view)

    @property
    def is_complete(self) -> bool:
        """True when everything that can be shown is shown."""
        waiting = any(timer.isActive() for timer in self._timers.values())
        loading = self._loading is not None and self.gl is None
        return not waiting and not loading and (self._builder is None or self._builder.is_idle())

    @property
    def words(self) -> str:
        """What the header says."""
        return self._own_header.words.text()

    def close_views(self) -> None:
        """End the threads."""
        self._closed = True
        if self._loading is not None:
            self._loading.join()
        if self._builder is not None:
            self._builder.close()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """The first time that it is seen, OpenGL is loaded; later what changed meanwhile is shown."""
        super().showEvent(event)
        if self.gl is None:
            self._timers[FIRST_PAINT_MS].start()
        else:
            self._take_layers()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        """Nothing is drawn for nobody."""
        super().hideEvent(event)
        self._timers[REST_MS].stop()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """What is seen whole stays whole in another size."""
        super().resizeEvent(event)
        if self.gl is not None and self.document.view.camera.distance == 0:
            QTimer.singleShot(0, self, lambda: self._show_camera(self.document.view.camera))

    # Building

    def _start(self) -> None:
        if self._builder is None and not self._closed:
            self._make_builder()
        if self._loading is not None or self._sentence.text() or not self.isVisible():
            return
        if not has_opengl():
            self._sentence.setText(NO_OPENGL)
            return
        self._loading = threading.Thread(target=self._load, name="loading OpenGL", daemon=True)
        self._loading.start()

    def _load(self) -> None:
        """Import what takes half a second, while the window goes on."""
        import empanada_desktop.gui.viewer.gl_scene  # noqa: F401

        self._loaded.emit()

    def _make_builder(self) -> None:
        """Colours of neighbours are found without OpenGL too, and when nobody sees the surfaces."""
        self._builder = SceneBuilder(self)
        self._builder.built.connect(self._take_scene)
        self._builder.coloured.connect(self._keep_neighbours_apart)
        self._builder.wall_read.connect(self._take_wall)
        self._builder.progressed.connect(self._tell_progress)
        self._timers[REBUILD_MS].start()

    def _make(self) -> None:
        from empanada_desktop.gui.viewer.gl_scene import SceneView, is_software

        if self._closed:
            return
        self.gl = SceneView()
        self.gl.picked.connect(self._take_pick)
        self.gl.menu_asked.connect(self._ask_menu)
        self.gl.camera_moved.connect(self._take_camera)
        if self._builder is not None and not is_software():
            self._builder.most_faces *= FACES_WITH_GRAPHICS_CARD
        self._stack.addWidget(self.gl)
        self._stack.setCurrentWidget(self.gl)
        self._take_layers()

    def _take_layers(self, layer: Layer | None = None, names: object = frozenset()) -> None:
        """Show other layers; only what the change touches is built again."""
        if self._builder is None:
            return
        if self.gl is not None and (self.document.shape, self.document.spacing) != (self._shape, self._spacing):
            self._take_volume()
        if isinstance(layer, LabelsLayer) and isinstance(names, frozenset) and names and names <= LOOKS:
            self._colour()
        else:
            self._timers[REBUILD_MS].start()

    def _take_volume(self) -> None:
        if self.gl is None:
            return
        self._shape, self._spacing = self.document.shape, self.document.spacing
        self._asked.clear()
        self.gl.set_volume(self._shape, proportions(self._spacing))
        self.gl.caption = _box_words(self._shape, self._spacing)
        self._show_camera(self.document.view.camera)
        self._show_rest()

    def _take_voxels(self, layer: Layer, _box: Box) -> None:
        if self._builder is not None and layer in self._seen():
            self._timers[REBUILD_MS].start()

    def _seen(self) -> list[LabelsLayer]:
        """The layers whose objects are shown: all that are visible, but for previews."""
        return [layer for layer in self.document.of_kind(LabelsLayer) if layer.visible and not layer.is_preview]

    def _rebuild(self) -> None:
        if self.document.open_strokes:  # surfaces follow when the hand rests
            self._timers[REBUILD_MS].start()
        elif self._builder is not None:
            self._asked.clear()
            self._builder.build(self._seen(), with_surfaces=self.gl is not None and self.isVisible())
            self._ask_walls()

    def _take_scene(self, scene: Scene) -> None:
        self._scene = scene
        if self.gl is not None:
            self.gl.set_scene(scene)
            self._colour()
            self._tell()

    def _keep_neighbours_apart(self, layer_id: str, table: NDArray[np.uint8]) -> None:
        """Give objects that came since the last time a colour that their neighbours do not have."""
        layer = next((one for one in self.document.of_kind(LabelsLayer) if one.id == layer_id), None)
        if layer is not None and not np.array_equal(table, layer.colour_table):
            self.document.change_layer(layer, colour_table=table)

    def _colour(self, *_what: object) -> None:
        """Colour what is there: labels' colours, selected ones brighter, hidden ones not at all."""
        if self.gl is None:
            return
        colours = np.zeros((len(self._scene.ids), 3), np.uint8)
        shown = np.zeros(len(colours), np.bool_)
        for place, layer in self._layers_shown().items():
            own = self._scene.layer_of == place
            colours[own], shown[own] = _looks(layer, self._scene.ids[own])
        self.gl.set_colours(colours, shown)

    def _layers_shown(self) -> dict[int, LabelsLayer]:
        """The layers of the scene that are visible now, by their place in it."""
        seen = {layer.id: layer for layer in self._seen()}
        return {place: seen[one] for place, one in enumerate(self._scene.layer_ids) if one in seen}

    # Walls and crosshair

    def _ask_walls(self) -> None:
        image = next((one for one in self.document.of_kind(ImageLayer) if one.visible), None)
        if self.gl is None or self._builder is None or image is None:
            return
        for axis, index in self.gl.wanted_walls():
            if (axis, index) not in self._asked:
                self._asked.add((axis, index))
                self._builder.read_wall((axis, index), image, axis, index)

    def _take_wall(self, axis: Axis, index: int, picture: NDArray[np.uint8]) -> None:
        if self.gl is not None:
            self.gl.put_wall(axis, index, picture)
            self._tell()

    def _show_rest(self) -> None:
        """What may wait until scrolling rests: OpenGL without a graphics card takes 0.1 s a picture."""
        if self.gl is not None:
            self.gl.set_crosshair(self.document.view.crosshair)

    # Camera

    def _take_view(self, view: ViewState, names: frozenset[str]) -> None:
        if self.gl is None:
            return
        if "crosshair" in names and self.isVisible():
            self._timers[REST_MS].start()
        if "camera" in names:
            self._show_camera(view.camera)

    def _show_camera(self, camera: Camera) -> None:
        if self.gl is not None:
            self.gl.look_from(camera.azimuth, camera.elevation, camera.distance, camera.target)
            self._ask_walls()

    def _take_camera(self) -> None:
        if self.gl is None:
            return
        options = self.gl.opts
        z, y, x = self.gl.to_voxels(options["center"]).tolist()
        camera = Camera(options["azimuth"], options["elevation"], options["distance"], (z, y, x))
        self.document.change_view(camera=camera)

    def _reset_camera(self) -> None:
        self.document.change_view(camera=Camera())

    # Picking and words

    def _take_pick(self, place: int, voxel: Triple, modifiers: Qt.KeyboardModifier) -> None:
        self.activated.emit()
        adding = bool(modifiers & ADDING)
        layer, label_id = self._picked(place)
        if self.taker is not None and self.taker(layer, label_id, voxel, modifiers):
            return
        if layer is None:
            for other in () if adding else self._layers_shown().values():
                self.document.select(other, ())
            return
        self.document.change_view(crosshair=voxel)
        self.document.select(layer, layer.selected ^ {label_id} if adding else {label_id})

    def _picked(self, place: int) -> tuple[LabelsLayer | None, int]:
        """The layer and the id of an object by its place in the scene; None and 0 for none."""
        layer = self._layers_shown().get(int(self._scene.layer_of[place])) if place >= 0 else None
        return layer, int(self._scene.ids[place]) if layer is not None else 0

    def _ask_menu(self, place: int, where: object) -> None:
        layer, label_id = self._picked(place)
        if layer is not None:
            self.menu_asked.emit(layer, label_id, where)

    def _tell(self) -> None:
        planes = counted(self.gl.n_walls, "plane") if self.gl is not None and self.gl.n_walls else ""
        number = len(self._scene.ids)
        objects = counted(number, "object") if self._layers_shown() else "no labels yet"
        self._own_header.words.setText(", ".join(part for part in (objects, planes) if part))

    def _tell_progress(self, done: int, total: int) -> None:
        self._own_header.words.setText(f"surfaces, {done} of {total}")

    def _take_picture(self) -> None:
        if self.gl is not None:
            self.picture_taken.emit(self.gl.grabFramebuffer())


def _box_words(shape: Triple, spacing: Spacing) -> str:
    """How long the longest side of the volume is; in voxels where the size of one is not known."""
    longest = max(range(3), key=lambda axis: shape[axis] * (spacing.zyx[axis] or 1))
    size = spacing.zyx[longest]
    return f"{words(shape[longest] * size)} box" if size else f"{shape[longest]} px box"


def _looks(layer: LabelsLayer, ids: NDArray[np.uint32]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Colours (n, 3) of objects of a layer, and which of them are seen."""
    is_selected: NDArray[np.bool_] = np.isin(ids, np.array(sorted(layer.selected), np.uint32))
    colours = colours_of(ids, layer.colour_table, layer.seed).astype(np.float32)
    colours[is_selected] += (255 - colours[is_selected]) * BRIGHTER
    shown = is_selected | (ids == layer.painted_id) if layer.shows_selected_only else np.ones(len(ids), np.bool_)
    return colours.astype(np.uint8), shown & ~np.isin(ids, np.array(sorted(layer.hidden), np.uint32))


def has_opengl() -> bool:
    """Whether this display can draw with OpenGL."""
    if QGuiApplication.platformName() in ("offscreen", "minimal", "linuxfb", "vnc"):
        return False
    surface, context = QOffscreenSurface(), QOpenGLContext()
    surface.create()
    works = context.create() and surface.isValid() and context.makeCurrent(surface)
    if works:
        context.doneCurrent()
    return works
