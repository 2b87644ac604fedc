"""What clicks, lines and keys over the views pick for the next deed."""

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent

from empanada_desktop.gui.proofread.picks import Line, Triple
from empanada_desktop.gui.proofread.values import Mode
from empanada_desktop.gui.viewer.document_link import ADDING

if TYPE_CHECKING:
    from empanada_desktop.gui.proofread.desk import ProofreadDesk

SAMPLES_PER_VOXEL = 2


class Picking:
    """Turns clicks, lines and keys into picks of a desk, as the form's values say."""

    def __init__(self, desk: "ProofreadDesk") -> None:
        self._desk, self._picks = desk, desk.picks

    def click(self, voxel: Triple, modifiers: Qt.KeyboardModifier, point: Triple | None = None) -> None:
        """A voxel was clicked, perhaps on a point that lies there."""
        self._desk.document.change_view(crosshair=voxel)
        if point is not None and self._desk.values.pick_by == "points":
            self._picks.drop_point(point)
            return
        self.click_object(self.id_at(voxel), voxel, modifiers)

    def click_object(self, label_id: int, voxel: Triple, modifiers: Qt.KeyboardModifier) -> None:
        """An object was clicked in a plane or in 3D; 0 for none, which is said where it has no other effect."""
        by_points = self._desk.values.pick_by == "points"
        adds = self._desk.values.mode is Mode.MERGE or bool(modifiers & ADDING)
        if not label_id and (by_points or adds or not self._picks.ids):
            self._say_none_here()
        elif by_points:
            self._click_point(label_id, voxel)
        elif adds and not self._is_only_looked_at:
            self._picks.toggle(label_id, voxel)
        else:
            self._picks.choose(label_id, voxel)

    def _say_none_here(self) -> None:
        """Say why a click has picked nothing."""
        layer, values = self._desk.layer, self._desk.values
        if layer is None:
            words = "No labels yet. Segment a plane or the volume first."
        elif not layer.visible:
            words = f"{layer.title} is hidden. Show it in the list of layers first."
        elif values.mode is Mode.SPLIT and values.pick_by == "points":
            words = f"No object of {layer.title} here. Click a point in each part of one object."
        else:
            words = f"No object of {layer.title} here."
        self._say(words)

    def _say(self, words: str) -> None:
        self._desk.workspace.window.toast.say(words)

    @property
    def _is_only_looked_at(self) -> bool:
        """Whether what is picked is the one object that the queue shows: nobody has clicked it to be merged."""
        return (
            len(self._picks.ids) == 1
            and set(self._picks.ids) == self._desk.objects.looked_at
            and not self._picks.places
        )

    def _click_point(self, label_id: int, voxel: Triple) -> None:
        if self._desk.values.mode is Mode.MERGE:
            self._picks.add([label_id], voxel)
        elif label_id not in self._picks.ids or len(self._picks.ids) > 1:
            if self._picks.points:
                self._say(f"One object is split at a time: {label_id} now, the other points are gone.")
            self._picks.choose(label_id)
        self._picks.add_point(voxel)

    def take_line(self, line: Line) -> None:
        """A line was drawn: over the objects to merge, or along which to split."""
        crossed = self._crossed(line)
        if not crossed:
            self._say_none_here()
        if self._desk.values.mode is Mode.MERGE:
            self._picks.add(crossed)
            return
        kept = [label_id for label_id in self._picks.ids if label_id in crossed]
        if not kept:
            self._picks.choose(max(crossed, key=lambda label_id: crossed[label_id], default=0))
        self._picks.draw(line)

    def _crossed(self, line: Line) -> dict[int, int]:
        """How often samples of a line fall on each object, in the order in which it meets them."""
        found: dict[int, int] = {}
        for one, other in zip(line.places, line.places[1:], strict=False):
            steps = max(1, round(SAMPLES_PER_VOXEL * max(abs(a - b) for a, b in zip(one, other, strict=True))))
            for step in range(steps + 1):
                z, y, x = (int(a + (b - a) * step / steps) for a, b in zip(one, other, strict=True))
                label_id = self.id_at((z, y, x))
                if label_id:
                    found[label_id] = found.get(label_id, 0) + 1
        return found

    def id_at(self, voxel: Triple) -> int:
        """The object of the labels that are worked on at a voxel, out of what the views have in memory."""
        if self._desk.layer is None or not self._desk.layer.visible:
            return 0
        value = self._desk.workspace.grid.link.value_at(self._desk.layer, voxel)
        return 0 if not value or value in self._desk.layer.hidden else int(value)

    def take_key(self, event: QKeyEvent) -> bool:
        """Enter, Shift+Enter, Escape, Backspace and the menu's key over the views; True when it was one of them."""
        key = event.key()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self.click(self._desk.document.view.crosshair, Qt.KeyboardModifier.NoModifier)
            else:
                self._desk.apply()
            return True
        if key == Qt.Key.Key_Escape:
            return self._desk.clear()
        if key == Qt.Key.Key_Menu or (key == Qt.Key.Key_F10 and event.modifiers() & Qt.KeyboardModifier.ShiftModifier):
            self._desk.menu_asked.emit()
            return True
        if key == Qt.Key.Key_Backspace and self._picks.points:
            self._picks.drop_point(self._picks.points[-1])
            return True
        return False
