"""What is picked for the next deed: objects in the order of the clicks, points in them, a line across them."""

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from empanada_desktop.core.geometry import Axis
from empanada_desktop.document import Document, LabelsLayer, Layer

Triple = tuple[int, int, int]
Place = tuple[float, float, float]


@dataclass(frozen=True)
class Line:
    """A line drawn over a plane. places: its vertices z, y, x in voxels."""

    axis: Axis
    index: int
    places: tuple[Place, ...]

    @property
    def vertices(self) -> tuple[tuple[float, float], ...]:
        """The vertices as row and column of the plane (Axis.in_plane)."""
        rows, columns = self.axis.in_plane
        return tuple((place[rows], place[columns]) for place in self.places)


class Picks(QObject):
    """Follows the selection of the layer that is worked on, and keeps what the selection does not know: the order.

    `changed` tells of every change.
    """

    changed = Signal()

    def __init__(self, document: Document, parent: QObject) -> None:
        super().__init__(parent)
        self._document = document
        self.layer: LabelsLayer | None = None
        self.ids: tuple[int, ...] = ()
        self.places: dict[int, Triple] = {}
        self.points: tuple[Triple, ...] = ()
        self.line: Line | None = None
        for signal in (document.layer_added, document.layer_removed, document.layers_reordered):
            signal.connect(self._look)
        document.active_changed.connect(self._look)
        document.selection_changed.connect(self._follow)
        self._look()

    # What tools ask for

    def toggle(self, label_id: int, place: Triple | None = None) -> None:
        """Pick an object, or let it go when it is picked."""
        if label_id in self.ids:
            self._select([other for other in self.ids if other != label_id])
        else:
            self.add([label_id], place)

    def add(self, ids: Iterable[int], place: Triple | None = None) -> None:
        """Pick objects too; `place` is where the last of them was clicked."""
        new = [label_id for label_id in ids if label_id and label_id not in self.ids]
        if new and place is not None:
            self.places[new[-1]] = place
        self._select([*self.ids, *new])

    def choose(self, label_id: int, place: Triple | None = None) -> None:
        """Pick one object alone; 0 picks none."""
        if place is not None and label_id:
            self.places[label_id] = place
        if self.ids != (label_id,):
            self.points = ()
        self._select([label_id] if label_id else [])

    def add_point(self, voxel: Triple) -> None:
        """Put a point into an object."""
        if voxel not in self.points:
            self.points = (*self.points, voxel)
            self.changed.emit()

    def drop_point(self, voxel: Triple) -> None:
        """Take a point away."""
        self.points = tuple(other for other in self.points if other != voxel)
        self.changed.emit()

    def draw(self, line: Line | None) -> None:
        """Draw a line, instead of the one before."""
        if line != self.line:
            self.line = line
            self.changed.emit()

    def forget_marks(self) -> None:
        """Take points and line away; the objects stay picked."""
        if self.points or self.line is not None:
            self.points, self.line = (), None
            self.changed.emit()

    def clear(self) -> None:
        """Pick nothing."""
        self.points, self.line = (), None
        self.places.clear()
        if self.ids:
            self._select([])
        else:
            self.changed.emit()

    # News

    def _select(self, ids: list[int]) -> None:
        if self.layer is not None:
            self._order(ids)
            if frozenset(self.ids) == self.layer.selected:
                self.changed.emit()
            else:
                self._document.select(self.layer, self.ids)

    def _look(self, *_what: object) -> None:
        """Which layer is worked on: the active one, or the topmost labels."""
        layer = target_of(self._document)
        if layer is not self.layer:
            self.layer = layer
            self.points, self.line = (), None
            self.places.clear()
            self._order(() if layer is None else sorted(layer.selected))
            self.changed.emit()

    def _follow(self, layer: Layer) -> None:
        if layer is not self.layer or not isinstance(layer, LabelsLayer):
            return
        kept = [label_id for label_id in self.ids if label_id in layer.selected]
        self._order([*kept, *sorted(layer.selected - set(kept))])
        self.changed.emit()

    def _order(self, ids: Iterable[int]) -> None:
        self.ids = tuple(ids)
        self.places = {label_id: place for label_id, place in self.places.items() if label_id in self.ids}


def target_of(document: Document) -> LabelsLayer | None:
    """The label layer that deeds change: the active one, otherwise the topmost; never a preview."""
    if isinstance(document.active, LabelsLayer) and not document.active.is_preview:
        return document.active
    own = [layer for layer in document.of_kind(LabelsLayer) if not layer.is_preview]
    return own[-1] if own else None
