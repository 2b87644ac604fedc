"""Which label is painted with: its layer, class and id; ids are counted within the class and never leave it."""

import contextlib
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QObject, Signal

from empanada_desktop.core.geometry import Box
from empanada_desktop.core.ids import UINT32_MAX, next_free_id
from empanada_desktop.document import LabelsLayer, Layer
from empanada_desktop.errors import SettingsError
from empanada_desktop.gui.objects.desk import ObjectsDesk

if TYPE_CHECKING:
    from empanada_desktop.gui.workspace import Workspace

NEW_TITLE, NEW_DIVISOR, NEW_CLASSES = "labels", 1000, {1: "object"}
READ_AT_ONCE = 1 << 23
# The active id of a layer in which nobody has chosen one.
UNCHOSEN = 1
NAMES = frozenset(
    ("active_id", "class_names", "label_divisor", "id_range", "title", "seed", "colour_table", "source", "locked")
)


class LabelDesk(QObject):
    """Answers for one document what is painted with; `changed` tells when that is another layer, class or id."""

    changed = Signal()

    def __init__(self, workspace: "Workspace") -> None:
        super().__init__(workspace)
        self._workspace, self._document = workspace, workspace.document
        self._objects = ObjectsDesk.of(workspace)
        self._swapped: dict[str, int] = {}
        self._given: dict[str, int] = {}
        self._begun: set[str] = set()
        self._since: list[Box] = []
        document = self._document
        for signal in (document.layer_added, document.layer_removed, document.active_changed):
            signal.connect(self._layers_changed)
        document.layer_changed.connect(self._layer_changed)
        document.voxels_changed.connect(self._voxels_changed)
        self._objects.changed.connect(self._counted)
        self._begin()

    # What is painted with

    @property
    def layer(self) -> LabelsLayer | None:
        """The label layer to paint in; previews are none."""
        layer = self._workspace.labels()
        return None if layer is None or layer.is_preview else layer

    def layers(self) -> list[LabelsLayer]:
        """The layers that can be painted in, topmost first."""
        return [layer for layer in reversed(self._document.of_kind(LabelsLayer)) if not layer.is_preview]

    @property
    def class_id(self) -> int:
        """The class of the active id, or of the one that background was swapped for; 0 for ids below the divisor."""
        layer = self.layer
        if layer is None:
            return 0
        shown = layer.active_id or self._swapped.get(layer.id, 0)
        return class_of(layer, shown) if shown else first_class(layer)

    def span(self, class_id: int) -> tuple[int, int]:
        """The first and last id of a class in the layer, or of the part of it that is reserved for this user."""
        layer = self._wanted()
        low, high = class_id * layer.label_divisor + 1, (class_id + 1) * layer.label_divisor - 1
        if layer.id_range is not None and layer.id_range[0] // layer.label_divisor == class_id:
            low, high = max(low, layer.id_range[0]), min(high, layer.id_range[1])
        return low, min(high, UINT32_MAX)

    def classes(self) -> dict[int, str]:
        """Names by class, in order; a class that is only painted with has no name."""
        layer = self.layer
        if layer is None:
            return {}
        named = {int(number): name for number, name in layer.class_names.items()}
        return dict(sorted(({self.class_id: ""} | named).items()))

    # Deeds

    def choose_layer(self, layer: LabelsLayer) -> None:
        """Paint in another layer."""
        self._document.active = layer
        self._workspace.document.change_layer(layer, visible=True)

    def new_layer(self) -> LabelsLayer:
        """Make an empty label layer as large as the image; classes are those of the labels there are."""
        like = self.layer
        classes: Mapping[int, str] = like.class_names if like is not None and like.class_names else NEW_CLASSES
        divisor = like.label_divisor if like is not None else NEW_DIVISOR
        first = min(classes) * divisor + 1
        return self._document.new_labels(
            self._free_title(),
            self._workspace.image(),
            class_names=dict(classes),
            label_divisor=divisor,
            active_id=first,
        )

    def set_active(self, label_id: int) -> None:
        """Paint with an id; 0 is background."""
        layer = self._wanted()
        self._document.change_layer(layer, active_id=label_id)

    def choose_class(self, class_id: int) -> None:
        """Paint objects of a class, the next one being the first id that is free."""
        if class_id != self.class_id:
            self._say_if_counting()
            self._with_used(lambda used: self._take_new(class_id, used))

    def new_label(self) -> None:
        """Paint the next object: the first free id of the class; a new one that is not painted yet stays."""
        layer = self._wanted()

        def take(used: set[int]) -> None:
            if not layer.active_id or layer.active_id in used:
                self._take_new(self.class_id, used)

        self._say_if_counting()
        self._with_used(take)

    def step(self, by: int) -> None:
        """Go to the next or previous id; SettingsError at the end of the class."""
        layer = self._wanted()
        low, high = self.span(self.class_id)
        wanted = layer.active_id + by if layer.active_id else low
        if not low <= wanted <= high:
            raise SettingsError(
                f"{layer.active_id} is the {'first' if by < 0 else 'last'} id of {self.class_words(self.class_id)}.",
                "Choose another class, or give the layer a larger label divisor.",
            )
        self.set_active(wanted)

    def swap(self) -> None:
        """Paint with background, or with the label again that was painted with before."""
        layer = self._wanted()
        if layer.active_id:
            self._swapped[layer.id] = layer.active_id
            self.set_active(0)
        else:
            self.set_active(self._swapped.pop(layer.id, self.span(first_class(layer))[0]))

    def name_class(self, class_id: int, name: str) -> None:
        """Give a class, new or not, a name: a deed that undoes."""
        layer = self._wanted()
        names = {**layer.class_names, class_id: name}
        if names != layer.class_names:
            self._document.edit_properties(layer, f"Name class {class_id} {name}", class_names=names)

    def add_class(self, name: str) -> None:
        """Add a class with the next number and paint with it."""
        number = max(self.classes(), default=0) + 1
        low = number * self._wanted().label_divisor + 1
        if low > UINT32_MAX:
            raise SettingsError("There are no ids left for another class.", "Use a smaller label divisor.")
        self.name_class(number, name)
        self.choose_class(number)

    def set_divisor(self, divisor: int) -> None:
        """Give an empty layer room for so many objects per class; SettingsError when it has objects."""
        layer = self._wanted()
        if divisor == layer.label_divisor:
            return

        def change(used: set[int]) -> None:
            if used:
                raise SettingsError(
                    f"{layer.title} has objects already.", "The label divisor can be chosen while it is empty."
                )
            before = self.class_id
            self._document.edit_properties(layer, f"Label divisor {divisor}", label_divisor=divisor)
            self.set_active(before * divisor + 1)

        self._with_used(change)

    def reserve(self, ids: tuple[int, int] | None) -> None:
        """Give new objects ids from the first to the last of these only, where several people share a volume."""
        layer = self._wanted()
        if ids is not None and ids[0] > ids[1]:
            raise SettingsError(f"No id lies between {ids[0]} and {ids[1]}.", "Type the smaller one first.")
        if ids != layer.id_range:
            title = f"Reserve ids {ids[0]} to {ids[1]}" if ids else "Use all ids"
            self._document.edit_properties(layer, title, id_range=ids)

    def class_words(self, class_id: int) -> str:
        """A class in words: "class 2, mito"."""
        if not class_id:
            return "the objects without a class"
        name = self.classes().get(class_id, "")
        return f"class {class_id}, {name}" if name else f"class {class_id}"

    # What ids there are

    def _take_new(self, class_id: int, used: set[int]) -> None:
        layer = self._wanted()
        low, high = self.span(class_id)
        free = next_free_id(sorted(used), class_id, layer.label_divisor, low)
        if free > high:
            raise SettingsError(f"The ids {low} to {high} are used up.", "Reserve more of them.")
        self._given[layer.id] = free
        self.set_active(free)

    def _with_used(self, deed: Callable[[set[int]], object]) -> None:
        """Call with the ids that occur, at once where the objects are counted, otherwise as soon as they are."""
        layer = self._wanted()
        if self._objects.layer is not layer or self._objects.index is None or not self._is_little():
            self._objects.when_current(lambda: self._call(deed, layer))
        else:
            deed(self._used(layer))

    def _say_if_counting(self) -> None:
        """Say why nothing happens yet that was asked for."""
        if self._objects.layer is self.layer and self._objects.index is None:
            self._workspace.window.toast.say("Counting the objects; the next free label comes then.")

    def knows_label(self, layer: LabelsLayer) -> bool:
        """Whether the label of a layer was chosen, or found free: not before objects that have classes are counted."""
        objects = self._objects
        is_counting = objects.layer is layer and objects.index is None and not objects.is_refused
        return not is_counting or layer.active_id != UNCHOSEN or not first_class(layer)

    def _call(self, deed: Callable[[set[int]], object], layer: LabelsLayer) -> None:
        """What had to wait for the counting: nothing when another layer is painted in by now."""
        if layer is not self.layer or self._objects.index is None:
            return
        try:
            deed(self._used(layer))
        except SettingsError as problem:
            self._workspace.window.tell(problem)

    def _used(self, layer: LabelsLayer) -> set[int]:
        index = self._objects.index
        used = set() if index is None else set(index.ids.tolist())
        for box in self._since:
            used |= set(np.unique(np.asarray(layer.source[box.slices])).tolist())
        used.discard(0)
        return used

    def _is_little(self) -> bool:
        return sum(math.prod(box.shape) for box in self._since) <= READ_AT_ONCE

    def _wanted(self) -> LabelsLayer:
        layer = self.layer
        if layer is None:
            raise SettingsError("No labels yet.", "Make new labels first.")
        return layer

    def _free_title(self) -> str:
        titles = {layer.title for layer in self._document.layers}
        names = (NEW_TITLE, *(f"{NEW_TITLE} {number}" for number in range(2, len(titles) + 3)))
        return next(name for name in names if name not in titles)

    # News

    def _layers_changed(self, *_: object) -> None:
        kept = {layer.id for layer in self._document.layers}
        self._swapped = {layer_id: label_id for layer_id, label_id in self._swapped.items() if layer_id in kept}
        self._since.clear()
        self._begin()
        self.changed.emit()

    def _begin(self) -> None:
        """In labels with classes that nothing was painted in yet, begin with a new object of the first class."""
        layer = self.layer
        if layer is None or layer.active_id != UNCHOSEN or not layer.class_names or layer.id in self._begun:
            return
        first = first_class(layer)
        self._begun.add(layer.id)

        def take(used: set[int]) -> None:
            if layer.active_id == UNCHOSEN and (first or UNCHOSEN in used):
                self._take_new(first, used)

        self._with_used(take)

    def _layer_changed(self, layer: Layer, names: frozenset[str]) -> None:
        if isinstance(layer, LabelsLayer) and "painted_id" in names and layer.painted_id:
            self._given.pop(layer.id, None)
        if names & NAMES:
            self.changed.emit()

    def _voxels_changed(self, layer: Layer, box: Box) -> None:
        if layer is self.layer:
            self._since.append(box)

    def _counted(self) -> None:
        if self._objects.is_current:
            self._since.clear()
            self._give_another()

    def _give_another(self) -> None:
        """An id that was given as new and that a split, say, has taken before it was painted with is new no more."""
        layer = self.layer
        if layer is None or self._objects.layer is not layer or layer.active_id != self._given.get(layer.id):
            return
        used = self._used(layer)
        if layer.active_id in used:
            with contextlib.suppress(SettingsError):  # the class is full: that is said when a new label is asked for
                self._take_new(class_of(layer, layer.active_id), used)


def class_of(layer: LabelsLayer, label_id: int) -> int:
    """The number of the class that an id belongs to, 0 for background."""
    return label_id // layer.label_divisor


def first_class(layer: LabelsLayer) -> int:
    """The lowest class that is named in a layer; 0, ids without a class, where none is."""
    return min((int(number) for number in layer.class_names), default=0)
