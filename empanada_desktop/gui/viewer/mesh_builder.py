"""Builds the surfaces of visible objects, and pictures for the walls of the 3D view, in a thread of its own."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.document.colours import neighbourly_table
from empanada_desktop.document.editable import EditableSource
from empanada_desktop.document.layers import ImageLayer, LabelsLayer
from empanada_desktop.document.sources import PlaneSource, whole_box
from empanada_desktop.errors import AppError

if TYPE_CHECKING:
    from empanada_desktop.core.meshes import Mesh, ObjectBoxes

MOST_SAMPLES = 1 << 24
MOST_FACES = 100_000
MOST_OBJECT_VOXELS = 1 << 20
FEWEST_SAMPLES = 4
# Of so many voxels what is too thin for a coarser level is looked for.
MOST_PAINTED = 1 << 26
WALL_SIDE = 512
SLAB = 16
MOST_COLOURED, LARGEST_COLOURED = 20_000, 1 << 24


@dataclass(frozen=True)
class Scene:
    """The surfaces of the objects of some layers. vertices: (n, 3) z y x in voxels of level 0; objects in order.

    Object i has the id ids[i] in the layer layer_ids[layer_of[i]]; it owns the vertices from vertex_ends[i - 1] to
    vertex_ends[i], and faces likewise.
    """

    layer_ids: tuple[str, ...] = ()
    layer_of: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    ids: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))
    vertices: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    normals: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    faces: NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, 3), np.int32))
    vertex_ends: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    face_ends: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def object_of_face(self, face: int) -> int:
        """The place in `ids` of the object that a face belongs to."""
        return int(np.searchsorted(self.face_ends, face, side="right"))


@dataclass(frozen=True)
class _Wish:
    """What was known of a layer when its surfaces were asked for."""

    source: PlaneSource
    layer_id: str
    seed: int
    table: NDArray[np.uint8]
    spacing: Spacing


@dataclass(frozen=True)
class _Part:
    """The surfaces of one layer as they were built last, and what they were built from."""

    made_of: tuple[PlaneSource, int]
    n_faces: int
    most_faces: int
    meshes: "list[Mesh]"
    boxes: "ObjectBoxes"
    factor: NDArray[np.float32]

    def serves(self, wish: _Wish, most_faces: int) -> bool:
        """Whether building again would give the same."""
        same = self.made_of == (wish.source, wish.source.version)
        return same and (self.most_faces == most_faces or self.n_faces <= min(most_faces, self.most_faces))


class _Superseded(Exception):  # noqa: N818 - an event, not an error
    """Something newer is to be built."""


class SceneBuilder(QObject):
    """One thread with the newest wish of each kind; an older one that is still being built is given up."""

    built = Signal(object)
    """A Scene."""
    wall_read = Signal(object, int, object)
    """An Axis, a plane's index, and its picture: (rows, columns) uint8 in 0..255, rows × columns as Axis.in_plane."""
    coloured = Signal(str, object)
    """The id of a layer, and colour places by label id that keep its neighbouring objects apart."""
    progressed = Signal(int, int)
    """Objects done, and of how many."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.most_faces = MOST_FACES
        self._parts: dict[str, _Part] = {}
        self._jobs: dict[object, Callable[[], None]] = {}
        self._lock = threading.Condition()
        self._closed = False
        self._busy = False
        self._thread = threading.Thread(target=self._run, name="surfaces", daemon=True)
        self._thread.start()

    def build(self, layers: Sequence[LabelsLayer], with_surfaces: bool = True) -> None:
        """Find colours for all objects of some layers, and mesh them; of none it is an empty scene."""
        wishes = [_Wish(one.source, one.id, one.seed, one.colour_table, one.spacing) for one in layers]
        self._put("scene", lambda: self._build(wishes) if with_surfaces else self._find_colours(wishes))

    def read_wall(self, place: object, layer: ImageLayer, axis: Axis, index: int) -> None:
        """Read a plane, thinned to at most WALL_SIDE samples a side; `place` says which older wish this replaces."""
        source, contrast = layer.source, layer.contrast
        self._put(place, lambda: self.wall_read.emit(axis, index, wall_picture(source, contrast, axis, index)))

    def is_idle(self) -> bool:
        """True when nothing is to be built."""
        with self._lock:
            return not self._busy and not self._jobs

    def close(self) -> None:
        """End the thread; what it does is given up."""
        with self._lock:
            self._closed = True
            self._jobs.clear()
            self._lock.notify_all()
        self._thread.join()

    def _put(self, place: object, job: Callable[[], None]) -> None:
        with self._lock:
            self._jobs.pop(place, None)
            self._jobs[place] = job
            self._lock.notify_all()

    def _run(self) -> None:
        while True:
            with self._lock:
                self._busy = False
                while not self._jobs and not self._closed:
                    self._lock.wait()
                if self._closed:
                    return
                # Pictures of the walls come quickly, surfaces do not.
                place = next((place for place in self._jobs if place != "scene"), "scene")
                job, self._busy = self._jobs.pop(place), True
            try:
                job()
            except (_Superseded, AppError, OSError, EOFError):
                continue

    def _build(self, wishes: list[_Wish]) -> None:
        from empanada_desktop.core.meshes import nearest_hit

        most = self.most_faces // max(1, len(wishes))
        kept = {one.layer_id: self._parts[one.layer_id] for one in wishes if one.layer_id in self._parts}
        self._parts = kept
        for wish in wishes:
            part = self._parts.get(wish.layer_id)
            if part is None or not part.serves(wish, most):
                self._parts[wish.layer_id] = self._part(wish, most)
            self._tell_colours(wish, self._parts[wish.layer_id].boxes, self._parts[wish.layer_id].factor)
        scene = _joined([self._parts[wish.layer_id] for wish in wishes], tuple(wish.layer_id for wish in wishes))
        # Compiled here, for the first click on an object must not wait for it.
        nearest_hit(np.zeros(3), np.ones(3), scene.vertices[:3], scene.faces[:0])
        self.built.emit(scene)

    def _find_colours(self, wishes: list[_Wish]) -> None:
        from empanada_desktop.core.meshes import object_boxes

        for wish in wishes:
            labels, factor = self._read(wish.source)
            self._tell_colours(wish, object_boxes(labels), factor)

    def _tell_colours(self, wish: _Wish, boxes: "ObjectBoxes", factor: NDArray[np.float32]) -> None:
        table = _table(wish, boxes, factor)
        if table is not None:
            self.coloured.emit(wish.layer_id, table)

    def _part(self, wish: _Wish, most_faces: int) -> _Part:
        from empanada_desktop.core.meshes import object_boxes

        made_of = (wish.source, wish.source.version)
        labels, factor = self._read(wish.source)
        boxes = object_boxes(labels)
        steps = np.array([_first_step(extent) for extent in boxes.stops - boxes.starts], int)
        meshes = self._meshes(labels, boxes, steps)
        faces = sum(len(mesh.faces) for mesh in meshes)
        if faces > most_faces:
            # Faces go with the square of the step.
            meshes = self._meshes(labels, boxes, _coarser(steps, boxes, float(np.sqrt(faces / most_faces))))
        return _Part(made_of, faces, most_faces, meshes, boxes, factor)

    def _meshes(self, labels: NDArray[np.uint32], boxes: "ObjectBoxes", steps: NDArray[np.int_]) -> "list[Mesh]":
        from empanada_desktop.core.meshes import object_mesh

        meshes = []
        for number, label_id in enumerate(boxes.ids):
            self._check()
            start, stop = boxes.starts[number], boxes.stops[number]
            meshes.append(object_mesh(labels, int(label_id), start, stop, int(steps[number])))
            if number % 16 == 0:
                self.progressed.emit(number, len(boxes.ids))
        return meshes

    def _read(self, source: PlaneSource) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
        """The whole label volume, thinned to at most MOST_SAMPLES, and how many voxels a sample spans."""
        level, step = _thinning(source)
        if level == 0:
            parts = []
            for z in range(0, source.shape[0], SLAB * step):
                self._check()
                end = min(z + SLAB * step, source.shape[0])
                slab = np.asarray(source[slice(z, end), slice(0, source.shape[1]), slice(0, source.shape[2])])
                parts.append(slab[::step, ::step, ::step].astype(np.uint32))
            return np.concatenate(parts), np.full(3, step, np.float32)
        labels, factor = np.stack(list(self._planes(source, level))), source.levels[level]
        if isinstance(source, EditableSource):
            from empanada_desktop.core.thin_labels import put_back_thin

            put_back_thin(labels, factor, self._changed(source))
        return labels, np.array(factor, np.float32)

    def _changed(self, source: EditableSource) -> Iterator[tuple[Box, NDArray[Any]]]:
        """Boxes that were painted in, and their voxels; none where it is most of a large volume."""
        grid = source.blocks.grids[0]
        keys = source.blocks.changed(0, whole_box(source.shape))
        if len(keys) * np.prod(grid.side) <= MOST_PAINTED:
            for _, z, y, x in keys:
                self._check()
                box = grid.box((z, y, x))
                yield box, source[box.slices]

    def _planes(self, source: PlaneSource, level: int) -> Iterator[NDArray[np.uint32]]:
        factor = source.levels[level]
        depth, height, width = (-(-length // each) for length, each in zip(source.shape, factor, strict=True))
        for z in range(depth):
            self._check()
            yield source.read(level, Axis.XY, z, slice(0, height), slice(0, width)).astype(np.uint32)

    def _check(self) -> None:
        with self._lock:
            if self._closed or "scene" in self._jobs:
                raise _Superseded


def _thinning(source: PlaneSource) -> tuple[int, int]:
    """The level to read, and the step to thin level 0 by where no level is small enough."""
    voxels = float(np.prod(source.shape, dtype=float))
    for level, factor in enumerate(source.levels):
        if voxels / float(np.prod(factor)) <= MOST_SAMPLES:
            return level, 1
    step = 1
    while voxels / step**3 > MOST_SAMPLES:
        step += 1
    return 0, step


def _first_step(extent: NDArray[np.int64]) -> int:
    """Every how many-th voxel of an object is taken, so that no more than MOST_OBJECT_VOXELS are."""
    step = 1
    while np.prod(-(-extent // step)) > MOST_OBJECT_VOXELS:
        step += 1
    return step


def _coarser(steps: NDArray[np.int_], boxes: "ObjectBoxes", times: float) -> NDArray[np.int_]:
    """Steps `times` as long, as far as an object is still some samples wide."""
    widest = np.maximum(1, (boxes.stops - boxes.starts).min(axis=1) // FEWEST_SAMPLES)
    coarser: NDArray[np.int_] = np.maximum(steps, np.minimum(np.ceil(steps * times).astype(int), widest))
    return coarser


def _table(wish: _Wish, boxes: "ObjectBoxes", factor: NDArray[np.float32]) -> NDArray[np.uint8] | None:
    if not 0 < len(boxes.ids) <= MOST_COLOURED or int(boxes.ids[-1]) > LARGEST_COLOURED:
        return None
    starts, stops = ((edges * factor).astype(np.int64) for edges in (boxes.starts, boxes.stops))
    return neighbourly_table(boxes.ids, starts, stops, wish.seed, wish.table, wish.spacing)


def _joined(parts: list[_Part], layer_ids: tuple[str, ...]) -> Scene:
    owned = [(place, part, mesh) for place, part in enumerate(parts) for mesh in part.meshes]
    if not owned:
        return Scene(layer_ids)
    meshes = [mesh for _, _, mesh in owned]
    vertex_ends = np.cumsum([len(mesh.vertices) for mesh in meshes])
    offsets = np.concatenate([[0], vertex_ends[:-1]])
    faces = [mesh.faces + np.int32(offset) for mesh, offset in zip(meshes, offsets, strict=True)]
    return Scene(
        layer_ids,
        np.array([place for place, _, _ in owned], np.int64),
        np.array([mesh.label_id for mesh in meshes], np.uint32),
        np.concatenate([mesh.vertices * part.factor for _, part, mesh in owned]),
        np.concatenate([(mesh.normals / part.factor).astype(np.float32) for _, part, mesh in owned]),
        np.concatenate(faces).astype(np.int32),
        vertex_ends,
        np.cumsum([len(mesh.faces) for mesh in meshes]),
    )


def wall_picture(source: PlaneSource, contrast: tuple[float, float], axis: Axis, index: int) -> NDArray[np.uint8]:
    """Return a plane of an image as grey values 0 to 255, thinned to at most WALL_SIDE samples a side."""
    level = next(
        (
            number
            for number, factor in enumerate(source.levels)
            if max(source.shape[along] / factor[along] for along in axis.in_plane) <= WALL_SIDE
        ),
        len(source.levels) - 1,
    )
    factor = source.levels[level]
    rows, columns = (-(-source.shape[along] // factor[along]) for along in axis.in_plane)
    last = -(-source.shape[axis.normal] // factor[axis.normal]) - 1
    plane = source.read(level, axis, min(index // factor[axis.normal], last), slice(0, rows), slice(0, columns))
    step = max(1, -(-max(plane.shape) // WALL_SIDE))
    low, high = contrast
    grey = (plane[::step, ::step].astype(np.float32) - low) / max(high - low, 1e-12)
    picture: NDArray[np.uint8] = (np.clip(np.nan_to_num(grey), 0, 1) * 255).astype(np.uint8)
    return picture
