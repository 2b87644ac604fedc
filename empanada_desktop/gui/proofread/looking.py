"""What is known of the picked objects: where they are in the planes, how two of them touch, which stacks saw them."""

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from empanada_desktop.core.geometry import Axis
from empanada_desktop.gui.proofread.facts import PairFacts, PlaneFacts, pair_facts, plane_facts, stacks_of
from empanada_desktop.gui.proofread.picks import Place
from empanada_desktop.gui.proofread.values import Mode
from empanada_desktop.gui.proofread.working import Worker
from empanada_desktop.gui.timers import single_shot

if TYPE_CHECKING:
    from empanada_desktop.gui.proofread.desk import ProofreadDesk

FACTS_MS = 120


class Looking(QObject):
    """Finds facts of what a desk has picked, soon after it was asked to; `changed` tells that there are others."""

    changed = Signal()

    def __init__(self, desk: "ProofreadDesk") -> None:
        super().__init__(desk)
        self._desk = desk
        self.pair: tuple[tuple[int, ...], PairFacts] | None = None
        self.planes: dict[Axis, PlaneFacts] = {}
        self._worker = Worker(self, desk.background)
        self._stacks: tuple[str, dict[str, Any]] = ("", {})
        self._timer = single_shot(self, self.find, FACTS_MS)

    def look(self) -> None:
        """Find facts soon, once for many wishes."""
        self._timer.start()

    def close(self) -> None:
        """The window closes."""
        self._worker.give_up()
        self._timer.stop()
        self.forget_stacks()

    def find(self) -> None:
        """Find them in a thread."""
        desk = self._desk
        layer, index, ids = desk.layer, desk.index, desk.picks.ids
        if layer is None or layer.id != self._stacks[0]:
            self.forget_stacks()
        if layer is None or index is None or not desk.is_here or not ids:
            self.pair, self.planes = None, {}
            self.changed.emit()
            return
        source, crosshair = layer.source, desk.document.view.crosshair
        wants_pair = len(ids) == 2 and (self.pair is None or self.pair[0] != ids)
        stacks, layer_id = self._stacks, layer.id

        def find(_work: object) -> tuple[PairFacts | None, dict[Axis, PlaneFacts], tuple[str, dict[str, Any]]]:
            opened = stacks if not wants_pair or stacks[0] == layer_id else (layer_id, stacks_of(layer))
            pair = pair_facts(source, index, (ids[0], ids[1]), opened[1]) if wants_pair else None
            planes = {axis: plane_facts(source, index, ids, axis, crosshair[axis.normal]) for axis in Axis}
            return pair, planes, opened

        def take(found: tuple[PairFacts | None, dict[Axis, PlaneFacts], tuple[str, dict[str, Any]]]) -> None:
            pair, self.planes, self._stacks = found
            if pair is not None:
                self.pair = (ids, pair)
            elif len(ids) != 2:
                self.pair = None
            self.changed.emit()

        self._worker.start(find, take, desk.workspace.window.failed)

    def forget_stacks(self) -> None:
        """Let go of the files of single stacks; whoever reads them is not waited for."""
        self._worker.give_up()
        (_, stacks), self._stacks = self._stacks, ("", {})
        for volume in stacks.values():
            volume.close()

    def places_in(self, axis: Axis, plane: int) -> list[Place]:
        """Where to mark the picked objects in a plane: where they were clicked, otherwise in their middle."""
        if self._desk.values.mode is not Mode.MERGE or self._desk.values.pick_by == "points":
            return []
        clicked = {
            label_id: (voxel[0] + 0.5, voxel[1] + 0.5, voxel[2] + 0.5)
            for label_id, voxel in self._desk.picks.places.items()
            if voxel[axis.normal] == plane
        }
        found = self.planes[axis].places if axis in self.planes else {}
        middles = {label_id: place for label_id, place in found.items() if int(place[axis.normal]) == plane}
        places = {**middles, **clicked}
        return [places[label_id] for label_id in self._desk.picks.ids if label_id in places]

    def contact_words(self, axis: Axis) -> str:
        """How wide the contact of the two picked objects is in the plane that is shown; "" where they do not touch."""
        layer, facts = self._desk.layer, self.planes.get(axis)
        if layer is None or facts is None or facts.contact is None or not facts.contact.count:
            return ""
        width = facts.contact.width(axis, layer.spacing)
        return f"contact {facts.contact.count} px wide" if width is None else f"contact {width / 1000:.2g} µm wide"
