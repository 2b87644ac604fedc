"""The menu of the right mouse button on an object, in the planes and in 3D."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPoint
from PySide6.QtGui import QAction, QColor, QIcon, QPixmap
from PySide6.QtWidgets import QApplication, QMenu, QWidget

from empanada_desktop.document import LabelsLayer
from empanada_desktop.gui.docks.active_object import object_colour
from empanada_desktop.gui.icons import icon
from empanada_desktop.gui.objects.deeds import ObjectDeeds
from empanada_desktop.gui.objects.mesh_export import MeshExport
from empanada_desktop.gui.proofread.facts import volume_words
from empanada_desktop.gui.proofread.form import MORPHS
from empanada_desktop.gui.proofread.plans import objects_words, sizes_of

if TYPE_CHECKING:
    from empanada_desktop.gui.proofread.desk import ProofreadDesk

SQUARE = 12
Change = Callable[..., None]


class ObjectMenu(QMenu):
    """What can be done to one object. `change` sets values of the form."""

    def __init__(
        self, parent: QWidget, desk: "ProofreadDesk", change: Change, layer: LabelsLayer, label_id: int
    ) -> None:
        super().__init__(parent)
        self._desk, self._change = desk, change
        self._layer, self.label_id = layer, label_id
        self._deeds = ObjectDeeds.of(desk.objects)
        self._add_title()
        self._add_edits()
        self.addSeparator()
        self._add_looks()
        self.addSeparator()
        self._add_review()

    def _add_title(self) -> None:
        index = self._desk.index
        name = self._layer.class_of(self.label_id)
        size = "" if index is None else volume_words(int(sizes_of(index, [self.label_id])[0]), self._layer.spacing)
        words = ", ".join(part for part in (f"{self.label_id} {name}".strip(), size) if part)
        title = QAction(_square(object_colour(self._layer, self.label_id)), words, self)
        title.setEnabled(False)
        self.addAction(title)
        self.addSeparator()

    def _add_edits(self) -> None:
        others = [label_id for label_id in self._desk.picks.ids if label_id != self.label_id]
        words = f"Merge with {objects_words(others)}" if others else "Merge with…"
        self._add(words, "git-merge", self._merge)
        self._add("Split…", "scissors", lambda: self._prepare(mode="split"))
        shapes = self.addMenu(icon("circle-dashed"), "Morph")
        for kind, title in MORPHS:
            deed = self._morpher(kind)
            action = QAction(f"{title}…", shapes)
            action.triggered.connect(lambda _checked=False, deed=deed: deed())
            shapes.addAction(action)
        self._add("Delete", "trash", lambda: self._delete(in_plane=False))
        self._add("Delete in this plane", "", lambda: self._delete(in_plane=True))

    def _add_looks(self) -> None:
        layer = self._layer
        isolated = layer.shows_selected_only
        self._add("Show all" if isolated else "Isolate", "funnel", lambda: self._isolate(not isolated))
        self._add("Hide", "eye-slash", lambda: self._deeds.hide([self.label_id]))
        if layer.hidden:
            self._add(f"Show {len(layer.hidden)} hidden", "eye", self._deeds.show_all)
        self._add("Jump", "target", lambda: self._deeds.jump(self.label_id))
        self._add("Copy id", "copy", lambda: QApplication.clipboard().setText(str(self.label_id)))
        picked = self._desk.picks.ids
        ids = picked if self.label_id in picked else (self.label_id,)
        words = "Save surface…" if len(ids) == 1 else f"Save {len(ids)} surfaces…"
        self._add(words, "cube", lambda: MeshExport.of(self._desk.objects).ask(ids))

    def _add_review(self) -> None:
        said = self._layer.review.get(self.label_id, "")
        for state, title, name in (("accepted", "Accept", "check-circle"), ("flagged", "Flag", "flag")):
            if said != state:
                self._add(title, name, self._marker(state))
        if said:
            self._add(f"Take “{said}” back", "", self._marker(""))

    def _add(self, title: str, name: str, deed: Callable[[], object]) -> None:
        action = QAction(title, self)
        if name:
            action.setIcon(icon(name))
        action.triggered.connect(lambda _checked=False: deed())
        self.addAction(action)

    def _marker(self, state: str) -> Callable[[], None]:
        return lambda: self._deeds.mark([self.label_id], state)

    def _morpher(self, kind: str) -> Callable[[], None]:
        return lambda: self._prepare(mode="morph", morph=kind, on_all=False)

    def _prepare(self, **values: Any) -> None:  # noqa: ANN401 - the fields of Values
        """Pick this object and set the form."""
        self._change(**values)
        self._desk.picks.choose(self.label_id)

    def _merge(self) -> None:
        others = [label_id for label_id in self._desk.picks.ids if label_id != self.label_id]
        self._change(mode="merge")
        self._desk.picks.add([self.label_id])
        if others:
            self._desk.apply()

    def _delete(self, in_plane: bool) -> None:
        self._desk.picks.choose(self.label_id)
        self._desk.delete(in_plane)

    def _isolate(self, is_on: bool) -> None:
        if is_on:
            self._desk.document.select(self._layer, {*self._desk.picks.ids, self.label_id})
        self._deeds.isolate(is_on)


def _square(colour: str) -> QIcon:
    """A square of an object's colour that is not greyed with the title that it stands beside."""
    picture = QPixmap(SQUARE, SQUARE)
    picture.fill(QColor(colour))
    made = QIcon(picture)
    made.addPixmap(picture, QIcon.Mode.Disabled)
    return made


def open_menu(
    parent: QWidget, desk: "ProofreadDesk", change: Change, label_id: int, place: QPoint
) -> "ObjectMenu | None":
    """Open the menu of an object; None where there is none."""
    if desk.layer is None or not label_id:
        return None
    menu = ObjectMenu(parent, desk, change, desk.layer, label_id)
    menu.aboutToHide.connect(menu.deleteLater)
    menu.popup(place)
    return menu
