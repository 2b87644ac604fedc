"""What is done to objects from the table and the queue: jump, isolate, hide, merge, delete, and words of review."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject

from empanada_desktop.core.edits import ArrayEdit
from empanada_desktop.core.geometry import Box
from empanada_desktop.document import LabelsLayer
from empanada_desktop.document.edits import Edit, Edits, PropertyEdit, VoxelEdit
from empanada_desktop.document.reviewing import DELETED, QueueItem
from empanada_desktop.document.sources import PlaneSource
from empanada_desktop.errors import SettingsError
from empanada_desktop.gui.objects.desk import ObjectsDesk

if TYPE_CHECKING:
    from empanada_desktop.core.objects import ObjectIndex

Triple = tuple[int, int, int]
SHARE_OF_VIEW, LARGEST_ZOOM = 0.4, 8.0


class ObjectDeeds(QObject):
    """Deeds on the objects of the desk's layer; each change of data is one step of undo."""

    def __init__(self, desk: ObjectsDesk) -> None:
        super().__init__(desk)
        self.desk = desk
        self.document = desk.document

    @classmethod
    def of(cls, desk: ObjectsDesk) -> "ObjectDeeds":
        """The deeds of a desk; made when first asked for."""
        found = desk.findChild(cls)
        return found if found is not None else cls(desk)

    # Looking

    def jump(self, label_id: int, closer: bool = False) -> None:
        """Put the crosshair into an object; `closer`: and zoom so that it can be judged."""
        layer, index = self.desk.layer, self.desk.index
        row = None if index is None else index.find(label_id)
        if layer is None or index is None or row is None:
            return
        source, centre, box = layer.source, index.centroids[row], index.box(label_id)
        zoom = self._zoom_for(box) if closer else None
        self.desk.run(lambda: place_inside(source, label_id, centre, box), lambda place: self.look_at(place, zoom))

    def look_at(self, place: Triple, zoom: float | None = None) -> None:
        """Put crosshair and views at a place."""
        z, y, x = (at + 0.5 for at in place)
        values: dict[str, Any] = {"crosshair": place, "centre": (z, y, x)}
        if zoom is not None:
            values["zoom"] = zoom
        self.document.change_view(**values)

    def look_closer(self, place: tuple[float, float, float], ids: Iterable[int]) -> None:
        """Put crosshair and views at a place, so near that objects there can be judged."""
        index = self.desk.index
        z, y, x = (round(at) for at in place)
        zoom = None
        if index is not None and len(rows := index.rows_of(ids)):
            start, stop = index.starts[rows].min(axis=0).tolist(), index.stops[rows].max(axis=0).tolist()
            zoom = self._zoom_for(Box.of_spans(list(zip(start, stop, strict=True))))
        self.look_at((z, y, x), zoom)

    def _zoom_for(self, box: Box) -> float:
        """The zoom at which a box fills SHARE_OF_VIEW of the smallest view, in pixels per shortest side of a voxel."""
        canvases = [plane.canvas for plane in self.desk.workspace.grid.planes.values()]
        shown = [canvas for canvas in canvases if canvas.isVisible()] or canvases  # a hidden one has any size
        side = min(min(canvas.height(), canvas.width()) for canvas in shown)
        sizes = [size or 1.0 for size in self.document.spacing.zyx]
        longest = max(length * size for length, size in zip(box.shape, sizes, strict=True)) / min(sizes)
        wanted = SHARE_OF_VIEW * side / max(1.0, longest)
        return float(np.clip(wanted, 0.25, LARGEST_ZOOM))

    def isolate(self, is_on: bool) -> None:
        """Show the selected objects, the others faintly; or all as before."""
        if self.desk.layer is not None:
            self.document.change_layer(self.desk.layer, shows_selected_only=is_on)

    def hide(self, ids: Iterable[int], is_hidden: bool = True) -> None:
        """Hide objects in all views, or show them again."""
        layer = self.desk.layer
        if layer is not None:
            chosen = frozenset(int(label_id) for label_id in ids)
            hidden = layer.hidden | chosen if is_hidden else layer.hidden - chosen
            self.document.change_layer(layer, hidden=hidden)

    def show_all(self) -> None:
        """Show every object again."""
        if self.desk.layer is not None:
            self.document.change_layer(self.desk.layer, hidden=frozenset(), shows_selected_only=False)

    # Changing

    def delete(self, ids: Iterable[int], decided: Mapping[str, str] | None = None) -> None:
        """Make background of objects; `decided`: what is said to items of the queue at the same time."""
        chosen = tuple(int(label_id) for label_id in ids)

        def work(source: PlaneSource, index: "ObjectIndex") -> tuple[ArrayEdit, ...]:
            from empanada_desktop.core.proofread import delete

            return delete(source, index.boxes, chosen)

        if chosen:
            self._change(
                f"Delete {ids_in_words(chosen)}",
                work,
                lambda: self.document.select(self._layer(), ()),
                decided,
            )

    def merge(self, ids: Iterable[int], into: int | None = None, decided: Mapping[str, str] | None = None) -> None:
        """Make objects one, under the id of the largest unless `into` says another."""
        chosen, index = tuple(int(label_id) for label_id in ids), self.desk.index
        if len(chosen) < 2 or index is None:
            raise SettingsError("Merging takes two objects or more.", "Select them in the table or in a view.")
        kept = into if into is not None else largest_of(index, chosen)
        others = [label_id for label_id in chosen if label_id != kept]

        def work(source: PlaneSource, now: "ObjectIndex") -> tuple[ArrayEdit, ...]:
            from empanada_desktop.core.proofread import merge

            return merge(source, now.boxes, chosen, kept)

        self._change(
            f"Merge {ids_in_words(others)} into {kept}",
            work,
            lambda: self.document.select(self._layer(), (kept,)),
            decided,
        )

    def _layer(self) -> LabelsLayer:
        layer = self.desk.layer
        if layer is None:
            raise SettingsError("There are no labels.", "Segment a plane or the volume first, or open labels.")
        return layer

    def _change(
        self,
        title: str,
        work: "Callable[[PlaneSource, ObjectIndex], tuple[ArrayEdit, ...]]",
        then: Callable[[], object],
        decided: Mapping[str, str] | None = None,
    ) -> None:
        """Find the edits in a thread and apply them as one deed; anew where voxels have changed meanwhile."""
        layer = self._layer()
        if layer.locked:
            raise SettingsError(f"{layer.title} is locked.", "Unlock it first, or work on a copy.")
        self.document.make_editable(layer)
        self.desk.when_current(lambda: self._find(layer, title, work, then, decided))

    def _find(self, layer: LabelsLayer, title: str, work: Any, then: Any, decided: Any) -> None:  # noqa: ANN401
        index, source, version = self.desk.index, layer.source, layer.source.version
        if index is None or layer is not self.desk.layer:
            return

        def finish(parts: tuple[ArrayEdit, ...]) -> None:
            if layer not in self.document.layers:
                return
            if (layer.source, layer.source.version) != (source, version):
                self.desk.when_current(lambda: self._find(layer, title, work, then, decided))
                return
            self._apply(layer, title, parts, decided, then)

        self.desk.run(lambda: work(source, index), finish)

    def _apply(
        self,
        layer: LabelsLayer,
        title: str,
        parts: tuple[ArrayEdit, ...],
        decided: Mapping[str, str] | None,
        then: Callable[[], object],
    ) -> None:
        if not parts:
            then()
            return
        edits: list[Edit] = [VoxelEdit(title, layer.id, parts)]
        if decided:
            edits.append(_property_edit(layer, title, decisions={**layer.decisions, **decided}))
        workspace = self.desk.workspace

        def made(edit: Edit | None) -> None:
            if edit is not None:
                workspace.window.toast.say(f"{title}.", "Undo", workspace.edits.undo)
                then()

        try:
            workspace.edits.apply(Edits(title, tuple(edits)) if len(edits) > 1 else edits[0], made)
        except SettingsError as problem:  # the layer is being changed just now
            workspace.window.failed(problem)

    # Reviewing

    def say(self, items: Iterable[QueueItem], state: str) -> None:
        """Answer items of the queue; their objects get the same word. One deed."""
        layer, chosen = self._layer(), list(items)
        if not chosen:
            return
        ids = {label_id for item in chosen for label_id in item.ids}
        decisions = {**layer.decisions, **{item.key: state for item in chosen}}
        named = chosen[0].title if len(chosen) == 1 else f"{len(chosen)} items"
        values: dict[str, object] = {"decisions": decisions}
        if state in ("accepted", "flagged", "edited"):
            values["review"] = self._reviewed(layer, ids, state)
        self.document.edit_properties(layer, f"{VERBS[state]} {named}", **values)

    def mark(self, ids: Iterable[int], state: str) -> None:
        """Give objects a word of review; "" takes it back. One deed."""
        layer, chosen = self._layer(), {int(label_id) for label_id in ids}
        if chosen:
            title = f"{VERBS[state]} {ids_in_words(sorted(chosen))}"
            self.document.edit_properties(layer, title, review=self._reviewed(layer, chosen, state))

    def _reviewed(self, layer: LabelsLayer, ids: Iterable[int], state: str) -> dict[int, str]:
        """The words of all objects, with the new ones."""
        review = {**layer.review, **dict.fromkeys(ids, state)}
        return {label_id: said for label_id, said in review.items() if said}


VERBS = {
    "accepted": "Accept",
    "skipped": "Skip",
    "edited": "Mark as edited",
    "flagged": "Flag",
    "queued": "Queue",
    DELETED: "Delete",
    "": "Clear the status of",
}


def _property_edit(layer: LabelsLayer, title: str, **values: object) -> PropertyEdit:
    return PropertyEdit(title, layer.id, {name: getattr(layer, name) for name in values}, dict(values))


def largest_of(index: "ObjectIndex", ids: Iterable[int]) -> int:
    """Return the id with the most voxels; of several the smallest."""
    rows = index.rows_of(sorted(ids))
    return int(index.ids[rows[np.argmax(index.voxels[rows])]])


def place_inside(source: PlaneSource, label_id: int, centre: NDArray[np.float64], box: Box) -> Triple:
    """Return the object's voxel nearest to its centre in the nearest plane that holds it; reads, so use a thread."""
    z, y, x = (round(place) for place in centre.tolist())
    planes = sorted(range(box.start[0], box.stop[0]), key=lambda plane: abs(plane - z))
    for plane in planes:
        part = Box((plane, *box.start[1:]), (plane + 1, *box.stop[1:]))
        rows, columns = np.nonzero(np.asarray(source[part.slices])[0] == label_id)
        if len(rows):
            rows, columns = rows + box.start[1], columns + box.start[2]
            nearest = int(np.argmin((rows - y) ** 2 + (columns - x) ** 2))
            return plane, int(rows[nearest]), int(columns[nearest])
    return z, y, x


def ids_in_words(ids: Collection[int], most: int = 4) -> str:
    """Name objects: "10012 and 10019", or how many there are."""
    if len(ids) > most:
        return f"{len(ids)} objects"
    *others, last = map(str, ids)
    return f"{', '.join(others)} and {last}" if others else last
