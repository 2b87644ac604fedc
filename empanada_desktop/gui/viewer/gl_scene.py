"""The 3D picture in OpenGL: surfaces of objects, pictures on the far walls of the volume's box, the crosshair.

Imports pyqtgraph's OpenGL part (half a second): only `volume_view` imports it, after the first paint.
World coordinates are x, -y, -z in units of the shortest voxel side, so that z planes lie below one another.
"""

import functools

import numpy as np
import pyqtgraph as pg
import pyqtgraph.opengl as gl
from numpy.typing import NDArray
from OpenGL import GL
from pyqtgraph.opengl import shaders
from pyqtgraph.opengl.GLViewWidget import GLViewMixin
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QImage,
    QKeyEvent,
    QMatrix4x4,
    QMouseEvent,
    QOffscreenSurface,
    QOpenGLContext,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QVector3D,
    QVector4D,
    QWheelEvent,
)
from PySide6.QtOpenGL import QOpenGLFramebufferObject, QOpenGLFramebufferObjectFormat
from PySide6.QtWidgets import QWidget

from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.meshes import nearest_hit
from empanada_desktop.gui.theme import PLANE_COLOURS
from empanada_desktop.gui.viewer.camera import PLANE_OF, Triple
from empanada_desktop.gui.viewer.mesh_builder import Scene
from empanada_desktop.gui.viewer.overlays import paint_badge

FIELD_OF_VIEW = 45.0
CANVAS = (16, 17, 20, 255)
WALL_LIGHT = 0.9
CLICK = 4
BELOW_SURFACE = 0.7  # of the shortest side of a voxel: the surface runs between voxels
BADGE_MARGIN = 10

VERTEX = """
    uniform mat4 u_mvp;
    uniform mat3 u_normal;
    attribute vec4 a_position;
    attribute vec3 a_normal;
    attribute vec4 a_color;
    varying vec4 v_color;
    varying vec3 v_normal;
    void main() {
        v_normal = u_normal * a_normal;
        v_color = a_color;
        gl_Position = u_mvp * a_position;
    }
"""
FRAGMENT = """
    #ifdef GL_ES
    precision mediump float;
    #endif
    varying vec4 v_color;
    varying vec3 v_normal;
    void main() {
        vec3 normal = normalize(v_normal);
        vec3 light = normalize(vec3(-0.35, 0.55, 0.75));
        float diffuse = max(dot(normal, light), 0.0);
        float gleam = pow(max(dot(normal, normalize(light + vec3(0.0, 0.0, 1.0))), 0.0), 24.0);
        gl_FragColor = vec4(v_color.rgb * (0.32 + 0.74 * diffuse) + vec3(0.16 * gleam), v_color.a);
    }
"""


class SceneView(GLViewMixin, QWidget):  # type: ignore[misc]  # pyqtgraph has no types
    """Draws a scene; left drag turns, middle or Ctrl+drag moves, the wheel zooms, a click picks.

    It draws off screen and shows the picture. As a QOpenGLWidget it would have Qt put the whole window together with
    OpenGL at every change of any view, which takes 0.1 s without a graphics card.
    """

    picked = Signal(object, object, object)
    """The place in the scene of the object that was clicked (-1: none), the voxel there (z y x), and the modifiers."""
    menu_asked = Signal(object, object)
    """The place in the scene of the object that the right button was pressed on (-1: none), where a menu goes."""
    camera_moved = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        self._is_stale, self._picture = True, QImage()
        self.caption = ""
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setBackgroundColor(CANVAS)
        self.opts["fov"] = FIELD_OF_VIEW
        self._shape: Triple = (1, 1, 1)
        self._unit: tuple[float, float, float] = (1.0, 1.0, 1.0)
        self._scene = Scene()
        self._is_shown = np.zeros(0, np.bool_)
        self._world = np.zeros((0, 3), np.float32)
        self._pressed: QPointF | None = None
        self._pictures: dict[tuple[Axis, int], NDArray[np.uint8]] = {}
        self._walls: dict[Axis, gl.GLImageItem] = {}
        self._shown_walls: dict[Axis, int] = {}
        self._mesh = gl.GLMeshItem(smooth=True, shader=_phong(), glOptions="opaque")
        self._mesh.setVisible(False)
        self._edges = gl.GLLinePlotItem(mode="lines", color=(0.6, 0.63, 0.68, 0.5), antialias=True)
        self._cross = [gl.GLLinePlotItem(mode="lines", color=_line_colour(axis), width=1) for axis in range(3)]
        for line in (self._edges, *self._cross):
            line.setGLOptions("translucent")
            line.setDepthValue(1)  # after the opaque walls, which come later
        for item in (self._edges, *self._cross, self._mesh):
            self.addItem(item)

    # Drawing

    def isValid(self) -> bool:  # noqa: N802 - pyqtgraph's name
        """Items may be added before there is anything to draw with."""
        return False

    def context(self) -> QOpenGLContext:
        """The context that is drawn in."""
        return shared_context()[0]

    def update(self, *_where: object) -> None:
        """Draw again when painted next."""
        self._is_stale = True
        super().update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Show the picture, drawn anew if something has changed."""
        if self._is_stale or self._picture.isNull():
            self._picture = self.grabFramebuffer()
        painter = QPainter(self)
        painter.drawImage(QRectF(self.rect()), self._picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.caption:
            paint_badge(painter, BADGE_MARGIN, self.height() - BADGE_MARGIN, self.caption, self.font())
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Another size needs another picture."""
        super().resizeEvent(event)
        self._is_stale = True

    def grabFramebuffer(self) -> QImage:  # noqa: N802 - the name it would have in a QOpenGLWidget
        """Draw the scene and return it as a picture of the widget's size in device pixels."""
        context, surface = shared_context()
        context.makeCurrent(surface)
        size = QSize(max(1, self.deviceWidth()), max(1, self.deviceHeight()))
        frame = QOpenGLFramebufferObject(size, frame_format(0 if is_software() else 4))
        frame.bind()
        GL.glViewport(0, 0, size.width(), size.height())
        self.initializeGL()
        self.paintGL()
        frame.release()
        picture = frame.toImage().convertToFormat(QImage.Format.Format_RGB32)
        context.doneCurrent()
        self._is_stale = False
        return picture

    # What it shows

    def set_volume(self, shape: Triple, unit: tuple[float, float, float]) -> None:
        """Show another volume: its shape, and the length of its voxels in units of the shortest side."""
        self._shape, self._unit = shape, unit
        self._pictures.clear()
        self._shown_walls.clear()
        for wall in self._walls.values():
            self.removeItem(wall)
        self._walls.clear()
        corners = [(a, b) for a in range(8) for b in range(8) if bin(a ^ b).count("1") == 1 and a < b]
        ends = np.array([[(corner >> 2) & 1, (corner >> 1) & 1, corner & 1] for pair in corners for corner in pair])
        self._edges.setData(pos=self.to_world(ends * np.array(shape)))

    def set_crosshair(self, voxel: Triple) -> None:
        """Move the three lines."""
        middle = np.array(voxel, float) + 0.5
        for axis, line in enumerate(self._cross):
            ends = np.stack([middle, middle])
            ends[0, axis], ends[1, axis] = 0, self._shape[axis]
            line.setData(pos=self.to_world(ends))

    def set_scene(self, scene: Scene) -> None:
        """Show other surfaces."""
        self._scene = scene
        self._world = self.to_world(scene.vertices)
        normals = scene.normals / np.array(self._unit, np.float32)
        self._normals = np.stack([normals[:, 2], -normals[:, 1], -normals[:, 0]], axis=1).astype(np.float32)

    def set_colours(self, colours: NDArray[np.uint8], is_shown: NDArray[np.bool_]) -> None:
        """Colour the objects of the scene, (n, 3) in its order, and say which are seen."""
        self._is_shown = is_shown
        scene = self._scene
        faces = scene.faces[np.repeat(is_shown, np.diff(scene.face_ends, prepend=0))]
        self._mesh.setVisible(len(faces) > 0)
        if len(faces) == 0:
            return
        opaque = np.concatenate([colours, np.full((len(colours), 1), 255, np.uint8)], axis=1)
        data = gl.MeshData(vertexes=self._world, faces=faces)
        data.setVertexColors(np.repeat(opaque, np.diff(scene.vertex_ends, prepend=0), axis=0))
        # pyqtgraph would compute normals from faces, one vertex after the other in Python.
        data._vertexNormals = self._normals
        self._mesh.setMeshData(meshdata=data)

    def put_wall(self, axis: Axis, index: int, picture: NDArray[np.uint8]) -> None:
        """Keep the picture (rows, columns as Axis.in_plane) of a wall or of a plane."""
        self._pictures[axis, index] = picture
        self._shown_walls.pop(axis, None)
        self.arrange_walls()

    def wanted_walls(self) -> list[tuple[Axis, int]]:
        """The walls behind the objects as the camera sees them now."""
        place = self.camera_place()
        return [
            (axis, 0 if place[axis.normal] > self._shape[axis.normal] / 2 else self._shape[axis.normal] - 1)
            for axis in Axis
        ]

    def arrange_walls(self) -> None:
        """Put the pictures that are there on the walls that face the camera from behind."""
        for axis, index in self.wanted_walls():
            picture = self._pictures.get((axis, index))
            if picture is None or self._shown_walls.get(axis) == index:
                continue
            self._shown_walls[axis] = index
            if axis in self._walls:
                self.removeItem(self._walls[axis])
            self._walls[axis] = self._wall(axis, index, picture)
            self.addItem(self._walls[axis])

    @property
    def n_walls(self) -> int:
        """Pictures that are shown."""
        return len(self._walls)

    def _wall(self, axis: Axis, index: int, picture: NDArray[np.uint8]) -> gl.GLImageItem:
        dimmed = (picture.T * WALL_LIGHT).astype(np.uint8)
        colours = np.stack([dimmed, dimmed, dimmed, np.full_like(dimmed, 255)], axis=-1)
        item = gl.GLImageItem(np.ascontiguousarray(colours), smooth=True, glOptions="opaque")
        rows, columns = axis.in_plane
        origin, along, down = (np.zeros(3) for _ in range(3))
        origin[axis.normal] = 0 if index == 0 else self._shape[axis.normal]
        along[columns] = self._shape[columns] / picture.shape[1]
        down[rows] = self._shape[rows] / picture.shape[0]
        first, right, below = self.to_world(np.stack([origin, along, down]))
        matrix = np.eye(4)
        matrix[:3, 0], matrix[:3, 1], matrix[:3, 3] = right, below, first
        item.setTransform(pg.Transform3D(*matrix.ravel().tolist()))
        return item

    def to_world(self, places: NDArray[np.generic]) -> NDArray[np.float32]:
        """Places (n, 3) z y x in voxels as x, y, z of the world."""
        scaled = np.asarray(places, np.float32) * np.array(self._unit, np.float32)
        return np.stack([scaled[:, 2], -scaled[:, 1], -scaled[:, 0]], axis=1)

    def to_voxels(self, place: QVector3D) -> NDArray[np.float64]:
        """A place in the world as z y x in voxels."""
        zyx: NDArray[np.float64] = np.array([-place.z(), -place.y(), place.x()]) / np.array(self._unit)
        return zyx

    # Camera

    def look_from(
        self, azimuth: float, elevation: float, distance: float, target: tuple[float, float, float] | None
    ) -> None:
        """Set the camera: degrees, distance in shortest voxel sides (0 fits the volume), target z y x in voxels."""
        middle = np.array([target if target else [length / 2 for length in self._shape]])
        x, y, z = self.to_world(middle)[0].tolist()
        self.setCameraPosition(
            pos=pg.Vector(x, y, z), distance=distance or self.fitting_distance(), elevation=elevation, azimuth=azimuth
        )
        self.arrange_walls()

    def fitting_distance(self) -> float:
        """The distance from which the whole box is seen."""
        radius = float(np.linalg.norm(np.array(self._shape) * np.array(self._unit))) / 2
        narrow = min(1.0, self.height() / max(1, self.width()))
        return float(radius / np.sin(np.radians(FIELD_OF_VIEW / 2)) / max(narrow, 0.2))

    def camera_place(self) -> NDArray[np.float64]:
        """Where the camera is, z y x in voxels."""
        return self.to_voxels(self.cameraPosition())

    def object_at(self, position: QPointF) -> int:
        """The id of the object that is seen at a position of the widget; 0 for none."""
        place = self.place_at(position)
        return 0 if place < 0 else int(self._scene.ids[place])

    def place_at(self, position: QPointF) -> int:
        """The place in the scene of the object that is seen at a position of the widget; -1 for none."""
        return self.hit_at(position)[0]

    def hit_at(self, position: QPointF) -> tuple[int, Triple]:
        """The place in the scene of what is seen at a position, and the voxel below the surface there; -1 for none."""
        shown = np.repeat(self._is_shown, np.diff(self._scene.face_ends, prepend=0))
        faces = np.flatnonzero(shown)
        origin, direction = self._ray(position)
        face, distance = nearest_hit(origin, direction, self._world, self._scene.faces[faces])
        if face < 0:
            return -1, (0, 0, 0)
        below = origin + direction * distance + direction / np.linalg.norm(direction) * BELOW_SURFACE
        z, y, x = (
            np.clip(np.floor(self.to_voxels(QVector3D(*below.tolist()))), 0, np.array(self._shape) - 1)
            .astype(int)
            .tolist()
        )
        return self._scene.object_of_face(int(faces[face])), (z, y, x)

    def position_of(self, voxel: tuple[float, float, float]) -> QPointF:
        """Where on the widget a place (z y x, voxels) is seen."""
        x, y, z = self.to_world(np.array([voxel]))[0].tolist()
        seen = self._to_clip().map(QVector4D(x, y, z, 1))
        return QPointF((seen.x() / seen.w() + 1) / 2 * self.width(), (1 - seen.y() / seen.w()) / 2 * self.height())

    def _to_clip(self) -> QMatrix4x4:
        viewport = (0, 0, self.deviceWidth(), self.deviceHeight())
        projection: QMatrix4x4 = self.projectionMatrix(viewport, viewport)
        clip: QMatrix4x4 = projection * self.viewMatrix()
        return clip

    def _ray(self, position: QPointF) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        inverse, _ = self._to_clip().inverted()
        x, y = position.x() / self.width() * 2 - 1, 1 - position.y() / self.height() * 2
        near, far = (inverse.map(QVector3D(x, y, depth)) for depth in (-1.0, 1.0))
        origin = np.array([near.x(), near.y(), near.z()])
        return origin, np.array([far.x(), far.y(), far.z()]) - origin

    # Mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Begin a click or a drag."""
        super().mousePressEvent(event)
        self._pressed = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Turn or move, once it is more than a click that trembles."""
        still = self._pressed is not None and (event.position() - self._pressed).manhattanLength() < CLICK
        if event.buttons() != Qt.MouseButton.NoButton and not still:
            super().mouseMoveEvent(event)
            self.arrange_walls()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """End a drag, or pick."""
        super().mouseReleaseEvent(event)
        pressed, self._pressed = self._pressed, None
        if pressed is None:
            return
        if (event.position() - pressed).manhattanLength() >= CLICK:
            self.camera_moved.emit()
        elif event.button() == Qt.MouseButton.LeftButton:
            self.picked.emit(*self.hit_at(event.position()), event.modifiers())
        elif event.button() == Qt.MouseButton.RightButton:
            self.menu_asked.emit(self.place_at(event.position()), event.globalPosition().toPoint())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Arrows turn; Enter and Escape are for whoever is around the picture."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape):
            event.ignore()
        else:
            super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Zoom."""
        super().wheelEvent(event)
        self.camera_moved.emit()


@functools.cache
def shared_context() -> tuple[QOpenGLContext, QOffscreenSurface]:
    """The one context of the program, and the surface to make it current on: pyqtgraph keeps its shaders for ever."""
    surface, context = QOffscreenSurface(), QOpenGLContext()
    surface.create()
    context.create()
    return context, surface


@functools.cache
def is_software() -> bool:
    """Whether OpenGL is computed by the processor."""
    context, surface = shared_context()
    context.makeCurrent(surface)
    name = (GL.glGetString(GL.GL_RENDERER) or b"").decode(errors="replace").lower()
    context.doneCurrent()
    return any(part in name for part in ("llvmpipe", "softpipe", "swiftshader", "swrast", "gdi generic"))


def frame_format(samples: int) -> QOpenGLFramebufferObjectFormat:
    """A frame with depth, its edges smoothed by `samples` samples a pixel."""
    made = QOpenGLFramebufferObjectFormat()
    made.setAttachment(QOpenGLFramebufferObject.Attachment.CombinedDepthStencil)
    made.setSamples(samples)
    return made


def _phong() -> shaders.ShaderProgram:
    return shaders.ShaderProgram(None, [shaders.VertexShader(VERTEX), shaders.FragmentShader(FRAGMENT)])


def _line_colour(axis: int) -> tuple[float, float, float, float]:
    """A line along an axis is where the two other planes meet; it has the axis's own colour."""
    colour = QColor(PLANE_COLOURS[PLANE_OF[axis].value])
    return colour.redF(), colour.greenF(), colour.blueF(), 0.7
