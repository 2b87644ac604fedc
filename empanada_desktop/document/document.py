"""The document: what is open, in which order, what is selected, where the user looks, and what can be undone."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from empanada_desktop.core.edits import ArrayEdit
from empanada_desktop.document.edit_parts import Ids, parts_of, voxel_layers
from empanada_desktop.document.editable import EditableSource
from empanada_desktop.document.edited import EditedIds
from empanada_desktop.document.edits import Edit, LayerEdit, Patch, PropertyEdit, VoxelEdit
from empanada_desktop.document.history import DEFAULT_BUDGET, History
from empanada_desktop.document.layers import ImageLayer, LabelsLayer, Layer
from empanada_desktop.document.long_deeds import LongDeed, What
from empanada_desktop.document.open_layers import OpenLayers
from empanada_desktop.document.strokes import Stroke
from empanada_desktop.document.view import ViewState
from empanada_desktop.errors import SettingsError


class Document(OpenLayers):
    """The one door for changes, over the layers that are open: `apply`, and what leads to it.

    Everything is changed on one thread, and signals are emitted on it, beside those of OpenLayers: history_changed(),
    applied(what, edit): "do", "undo" or "redo", after everything else was told; stroke_written(id, edit): what a stroke
    that is still drawn has changed since the last time; stroke_ended(id, whether it becomes a deed); long_begun(id,
    edit): a large edit is being made, stroke_ended tells its end; long_changed(the long deed under way, or None).
    """

    history_changed = Signal()
    applied = Signal(str, object)
    stroke_written = Signal(str, object)
    stroke_ended = Signal(str, bool)
    long_begun = Signal(str, object)
    long_changed = Signal(object)

    def __init__(self, budget: int = DEFAULT_BUDGET) -> None:
        super().__init__()
        self.history = History(budget, lambda: self._layers)
        self.open_strokes: set[Stroke] = set()
        self.long_deed: LongDeed | None = None
        self._edited = EditedIds(self.history)

    # Edits

    def apply(self, edit: Edit) -> None:
        """Make a change and put it in the history; what has been drawn of a stroke becomes a deed before it."""
        for stroke in tuple(self.open_strokes):
            stroke.commit()
        if self.long_deed is not None and not self._goes_beside(edit, self.long_deed):
            self.finish_long()
        edit.apply(self)
        self._note(edit)

    def _note(self, edit: Edit, ids: Ids | None = None) -> None:
        if self.long_deed is not None and self.long_deed.what != "do":
            self.finish_long()
        self.history.push(edit, ids)
        self.history_changed.emit()
        self.applied.emit("do", edit)

    def undo(self) -> Edit | None:
        """Take the last edit back and return it; None when there is none. AppError where it can no longer be read.

        A stroke that is being drawn, or a large edit that is being made, is given up instead.
        """
        if self.give_up():
            return None
        deed = self.history.next_undo
        if deed is None:
            return None
        edit = deed.edit
        edit.revert(self)
        self._stepped("undo", edit)
        return edit

    def give_up(self) -> bool:
        """Give up what is being drawn or made; False where that is nothing."""
        for stroke in (strokes := tuple(self.open_strokes)):
            stroke.cancel()
        if self.long_deed is None or strokes:
            return bool(strokes)
        is_done = self.long_deed.what == "do"
        self.long_deed.give_up()
        self.finish_long()
        return is_done

    def _stepped(self, what: What, edit: Edit) -> None:
        if what == "undo":
            self.history.step_back()
        else:
            self.history.step_forward()
        self.history_changed.emit()
        self.applied.emit(what, edit)

    def redo(self) -> Edit | None:
        """Make the edit that was undone last again and return it; None when there is none, or while a stroke is drawn.

        AppError as undo.
        """
        if self.open_strokes:
            return None
        self.finish_long()
        deed = self.history.next_redo
        if deed is None:
            return None
        edit = deed.edit
        edit.apply(self)
        self._stepped("redo", edit)
        return edit

    # Large edits, made bit by bit

    def begin_long(self, what: "Edit | Literal['undo', 'redo']") -> LongDeed | None:
        """Begin to make a large edit, or to undo or redo one; None where nothing can be undone or redone.

        The caller lets it `work` in a thread, `tell` now and then, and `finish`. SettingsError where it concerns a
        locked layer. One at a time: what is under way is brought to its end first.
        """
        for stroke in tuple(self.open_strokes):
            stroke.commit()
        self.finish_long()
        if isinstance(what, str):
            deed = self.history.next_undo if what == "undo" else self.history.next_redo
            if deed is None:
                return None
            long = LongDeed(self, what, deed.title, deed.layer_ids, lambda: deed.edit)
        else:
            edit = what
            for layer_id in voxel_layers(edit):
                self.check_unlocked(self.layer(layer_id))
            long = LongDeed(self, "do", edit.title, voxel_layers(edit), lambda: edit)
            self.long_begun.emit(long.id, edit)
        self.long_deed = long
        self.long_changed.emit(long)
        return long

    def end_long(self, long: LongDeed) -> None:
        """Put a large edit that was made in the history, or note that it was undone or redone; for LongDeed only."""
        self.long_deed = None
        if long.stands and long.edit is not None:
            parts = [part for part in parts_of(long.edit) if not isinstance(part, VoxelEdit)]
            for part in reversed(parts) if long.what == "undo" else parts:
                part.revert(self) if long.what == "undo" else part.apply(self)
        if long.what == "do":
            self.stroke_ended.emit(long.id, long.stands)
        if long.stands and long.edit is not None:
            if long.what == "do":
                self._note(long.edit, long.ids)
            else:
                self._stepped(long.what, long.edit)
        self.long_changed.emit(None)

    def finish_long(self) -> None:
        """Bring a large edit that is under way to its end, waiting for it; what goes wrong its maker hears."""
        if self.long_deed is not None:
            self.long_deed.end()

    def _goes_beside(self, edit: Edit, long: LongDeed) -> bool:
        """Whether an edit may be made while a large one is: it changes other voxels, and leaves its layers open."""
        kept = [{layer.id for layer in part.after} for part in parts_of(edit) if isinstance(part, LayerEdit)]
        keeps_all = all(long.layer_ids <= ids for ids in kept)
        return long.what == "do" and keeps_all and voxel_layers(edit).isdisjoint(long.layer_ids)

    def edited_ids(self, layer: LabelsLayer) -> NDArray[np.int64]:
        """Return the objects, ascending, that edits which stand have changed; known after a restart, too."""
        return self._edited.of(layer.id)

    def add_layer(self, layer: Layer, place: int | None = None, title: str = "") -> None:
        """Add a layer (on top unless `place` says how many lie below it) and make it the active one.

        A preview is shown on top of everything, and is no deed in the history.
        """
        before = self._layers
        if layer.is_preview:
            self.replace_layers((*before, layer))
            return
        at = len(before) if place is None else place
        after = (*before[:at], layer, *before[at:])
        self.apply(LayerEdit(title or f"Add {layer.title}", before, after))
        self.active = layer

    def remove_layer(self, layer: Layer) -> None:
        """Take a layer away; undo brings it back, unless it was a preview."""
        after = tuple(other for other in self._layers if other is not layer)
        if layer.is_preview:
            self.replace_layers(after)
            return
        self.apply(LayerEdit(f"Delete {layer.title}", self._layers, after))

    def move_layer(self, layer: Layer, place: int) -> None:
        """Move a layer so that `place` others lie below it."""
        others = [other for other in self._layers if other is not layer]
        after = (*others[:place], layer, *others[place:])
        if after != self._layers:
            self.apply(LayerEdit(f"Move {layer.title}", self._layers, after))

    def duplicate_layer(self, layer: Layer) -> Layer:
        """Put a copy of a layer right above it and return the copy."""
        twin = layer.duplicate()
        self.add_layer(twin, self._layers.index(layer) + 1, f"Duplicate {layer.title}")
        return twin

    def rename_layer(self, layer: Layer, title: str) -> None:
        """Give a layer another title."""
        self.edit_properties(layer, f"Rename {layer.title}", title=title)

    def edit_properties(self, layer: Layer, edit_title: str, **values: object) -> None:
        """Change properties of a layer as a deed that undoes: title, points, shapes, class names, review."""
        before: dict[str, Any] = {}
        after: dict[str, Any] = {}
        for name, value in values.items():
            present = getattr(layer, name)
            if isinstance(value, Mapping):
                before[name], after[name] = Patch.between(value, present), Patch.between(present, value)
            else:
                before[name], after[name] = present, value
        self.apply(PropertyEdit(edit_title, layer.id, before, after))

    def edit_voxels(self, layer: LabelsLayer, title: str, *parts: ArrayEdit) -> None:
        """Change voxels of a label layer; SettingsError when they may not be changed."""
        if not parts:
            return
        self.check_unlocked(layer)
        self.apply(VoxelEdit(title, layer.id, parts))

    def begin_stroke(self, layer: LabelsLayer, title: str) -> Stroke:
        """Begin to write into a label layer bit by bit, which becomes one deed; SettingsError where it is locked."""
        self.check_unlocked(layer)
        stroke = Stroke(self, layer, title)
        self.open_strokes.add(stroke)
        return stroke

    def end_stroke(self, stroke: Stroke, parts: tuple[ArrayEdit, ...]) -> None:
        """Put a stroke that was written already in the history; for Stroke only."""
        self.open_strokes.discard(stroke)
        self.stroke_ended.emit(stroke.id, bool(parts))
        if parts:
            self._note(VoxelEdit(stroke.title, stroke.layer.id, parts))

    def new_labels(self, title: str, like: ImageLayer | LabelsLayer | None = None, **fields: Any) -> LabelsLayer:  # noqa: ANN401
        """Add an empty label layer as large as `like`, otherwise as the document; fields: of LabelsLayer."""
        shape, spacing = (like.shape, like.spacing) if like is not None else (self.shape, self.spacing)
        source = EditableSource(shape=shape, spacing=spacing)
        layer = LabelsLayer(title=title, source=source, spacing=spacing, **fields)
        self.add_layer(layer)
        return layer

    def check_unlocked(self, layer: Layer) -> None:
        """Raise SettingsError where voxels of a layer may not be changed now."""
        if layer.locked:
            raise SettingsError(f"{layer.title} is locked.", "Unlock it first, or work on a copy.")
        if self.long_deed is not None and layer.id in self.long_deed.layer_ids:
            words = f"{layer.title} is still being changed: {self.long_deed.title}."
            raise SettingsError(words, "Wait until that is done, or cancel it.")

    def clear(self) -> None:
        """Close everything: no layers, no history, the default view."""
        self.give_up()
        self.history.clear()
        self.open_strokes.clear()
        self.replace_layers(())
        self._view = ViewState()
        self.view_changed.emit(self._view, frozenset(ViewState.__dataclass_fields__))
        self.history_changed.emit()
