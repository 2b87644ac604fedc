"""Two people's sessions of one volume become one: the edits of both, each with its author and time, and the conflicts.

Both begin with the same layers: one session was copied from the other, or both opened the same files. What only one
of them changed is taken from that one; where both changed a thing differently, the first one's stays and it is listed.
"""

import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from empanada_desktop.core.edits import ArrayEdit, RegionEdit, box_blocks
from empanada_desktop.core.geometry import Box
from empanada_desktop.core.plurals import counted
from empanada_desktop.document.document import Document
from empanada_desktop.document.edit_parts import parts_of, touched_layers
from empanada_desktop.document.editable import EditableSource
from empanada_desktop.document.edits import Edit, Edits, LayerEdit, PropertyEdit, VoxelEdit
from empanada_desktop.document.kept import SESSION_FILE, sessions_folder
from empanada_desktop.document.layers import ImageLayer, LabelsLayer, Layer
from empanada_desktop.document.merging_layers import copied, files_by_name, pair_layers, put_in
from empanada_desktop.document.merging_values import Course, join_value
from empanada_desktop.document.plain import Moved
from empanada_desktop.document.session import Session
from empanada_desktop.document.sources import ArraySource, whole_box
from empanada_desktop.errors import SettingsError


@dataclass
class Merged:
    """What joining gave. voxels: boxes in which both changed voxels differently, with the layer's title and how many
    voxels; ids: by layer, ids that both gave to new objects; others: sentences on everything else."""

    n_edits: int = 0
    voxels: list[tuple[str, Box, int]] = field(default_factory=list)
    ids: dict[str, tuple[int, ...]] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """What to tell the user."""
        lines = [f"{counted(self.n_edits, 'edit')} of the second session joined."]
        for title, box, count in self.voxels:
            z, y, x = (f"{low} to {high - 1}" for low, high in box.spans)
            lines.append(
                f"Conflict in {title}: {counted(count, 'voxel')} changed by both, z {z}, y {y}, x {x}; the first stays."
            )
        for title, ids in self.ids.items():
            lines.append(f"Conflict in {title}: ids used by both for new objects: {', '.join(map(str, ids))}.")
        lines += [f"Conflict in {words}" for words in self.others]
        return lines if len(lines) > 1 else [*lines, "No conflicts."]


def merge_sessions(first: str, second: str, out: str) -> Merged:
    """Write a session at `out` that holds the first one's edits and then the second one's.

    first, second: folders of sessions, or the names of kept ones. Files that lie elsewhere here are found by their
    names among the other's. SettingsError where a session is open, damaged, or none, or where a file is nowhere.
    """
    target = Path(out) if Path(out).name != out else sessions_folder() / out
    if target.exists():
        raise SettingsError(f"{target} exists.", "Choose another name.")
    with tempfile.TemporaryDirectory() as scratch:
        parts = {name: Path(scratch) / name for name in ("kept", "begin", "other")}
        for name, source in (("kept", first), ("begin", second), ("other", second)):
            _copy(source, parts[name])
        moved = files_by_name(parts.values())
        _copy(first, target)
        with (
            Session(target) as session,
            _Opened(parts["kept"], moved) as kept,
            _Opened(parts["begin"], moved) as begin,
            _Opened(parts["other"], moved) as other,
        ):
            document = Document()
            opened = session.load(document, moved)
            session.go_on(opened, document)
            merged = _Join(document, kept.document, begin.document, other.document).run()
            session.save(document, opened.parameters, opened.title)
    return merged


class _Opened(Session):
    """A copy of a session, open for reading."""

    def __init__(self, folder: Path, moved: Moved) -> None:
        super().__init__(folder)
        self.document = Document()
        self.load(self.document, moved)


class _Join:
    """Carries the second session's edits over, one by one."""

    def __init__(self, target: Document, kept: Document, begin: Document, other: Document) -> None:
        self._target, self._kept, self._begin, self._other = target, kept, begin, other
        self._shared = _shared_steps(kept, other)
        self._same: dict[str, str] = {}
        self._conflicts: dict[object, str] = {}
        self.merged = Merged()

    def run(self) -> Merged:
        """Join, and look for conflicts."""
        position = self._other.history.position
        for document in (self._begin, self._other):
            while document.history.position > self._shared:
                document.undo()
        self._same = pair_layers(self._begin.layers, _layers_then(self._kept, self._shared))
        self._bring_unknown()
        while self._other.history.position < position:
            before = _as_they_are(self._other)
            edit = self._other.redo()
            if edit is not None:
                self._carry(edit, before)
        self._find_ids()
        self.merged.others = [words for words in self._conflicts.values() if words]
        return self.merged

    def _bring_unknown(self) -> None:
        """Layers that the second began with and the first never had."""
        unknown = [layer for layer in self._begin.layers if layer.id not in self._same]
        if unknown:
            after = (*self._target.layers, *map(copied, unknown))
            self._target.apply(
                LayerEdit(f"Add {', '.join(layer.title for layer in unknown)}", self._target.layers, after)
            )

    # One deed

    def _carry(self, edit: Edit, before: dict[str, Any]) -> None:
        """Make what joins of an edit as one deed; each part is tried on what the ones before it gave."""
        made: list[Edit] = []
        for part in parts_of(edit):
            carried = self._carried(part, before)
            if carried is not None:
                carried.apply(self._target)
                made.append(carried)
        for part in reversed(made):
            part.revert(self._target)
        if made:
            whole = made[0] if len(made) == 1 else Edits(edit.title, tuple(made), when=edit.when, who=edit.who)
            self._target.apply(whole)
            self.merged.n_edits += 1

    def _carried(self, edit: Edit, before: dict[str, Any]) -> Edit | None:
        if isinstance(edit, LayerEdit):
            return self._layers(edit)
        if not isinstance(edit, VoxelEdit | PropertyEdit):
            return None
        layer_id = self._same.get(edit.layer_id, edit.layer_id)
        if layer_id not in {layer.id for layer in self._target.layers}:
            title = self._other.layer(edit.layer_id).title
            words = f"{title}: it was deleted in the first session and changed in the second; it stays deleted."
            self._conflicts["deleted", layer_id] = words
            return None
        if self._of(self._kept, layer_id) is None or self._of(self._begin, edit.layer_id) is None:
            return replace(edit, layer_id=layer_id)  # nobody else has this layer
        return self._voxels(edit, layer_id, before) if isinstance(edit, VoxelEdit) else self._properties(edit, layer_id)

    # Voxels

    def _voxels(self, edit: VoxelEdit, layer_id: str, before: dict[str, Any]) -> Edit | None:
        target, kept = self._target.layer(layer_id), self._kept.layer(layer_id)
        begin, other = self._begin.layer(edit.layer_id), self._other.layer(edit.layer_id)
        parts: list[ArrayEdit] = []
        for box in (part for whole in edit.boxes for part in box_blocks(whole, (64, 256, 256))):
            old, new = before[edit.layer_id][box.slices], _voxels(other, box)
            first, start, now = _voxels(kept, box), _voxels(begin, box), _voxels(target, box)
            is_ours = first != start
            conflict = (old != new) & is_ours & (first != new)
            if conflict.any():
                self.merged.voxels.append((target.title, box, int(conflict.sum())))
            part = RegionEdit.of_changes(box, now, np.where((old != new) & ~is_ours, new, now))
            parts += [] if part is None else [part]
        return VoxelEdit(edit.title, layer_id, tuple(parts), when=edit.when, who=edit.who) if parts else None

    # Properties

    def _properties(self, edit: PropertyEdit, layer_id: str) -> Edit | None:
        target, kept, begin = self._target.layer(layer_id), self._kept.layer(layer_id), self._begin.layer(edit.layer_id)
        before, after = dict[str, Any](), dict[str, Any]()
        for name, value in edit.after.items():
            now = getattr(target, name)
            course = Course(getattr(begin, name), getattr(kept, name), self._steps(layer_id, name))
            joined = join_value(name, course, now, edit.before[name], value)
            for about, words in joined.conflicts.items():
                self._conflicts[layer_id, about] = words and f"{kept.title}: {words}"
            if not np.array_equal(joined.value, now) if name == "points" else joined.value != now:
                before[name], after[name] = now, joined.value
        return PropertyEdit(edit.title, layer_id, before, after, when=edit.when, who=edit.who) if after else None

    def _steps(self, layer_id: str, name: str) -> list[tuple[Any, Any]]:
        """How the first came to what a property is: before and after of each step; of points and shapes only."""
        history, found = self._kept.history, list[tuple[Any, Any]]()
        for deed in history.edits[self._shared : history.position] if name in ("points", "shapes") else ():
            if layer_id in deed.layer_ids and not deed.n_voxels:
                parts = (part for part in parts_of(deed.edit) if isinstance(part, PropertyEdit) and name in part.after)
                found += [(part.before[name], part.after[name]) for part in parts if part.layer_id == layer_id]
        return found

    # Layers

    def _layers(self, edit: LayerEdit) -> Edit | None:
        """Layers that came and went; the order is the first one's."""
        known = {layer.id for layer in edit.before}
        layers = list(self._target.layers)
        for layer in edit.after:
            if layer.id not in known and layer.id not in {each.id for each in layers}:
                put_in(layers, copied(layer), [self._same.get(each.id, each.id) for each in edit.after])
        kept = {layer.id for layer in edit.after}
        for layer in edit.before:
            if layer.id not in kept and self._may_go(layer):
                layers = [each for each in layers if each.id != self._same.get(layer.id, layer.id)]
        if layers == list(self._target.layers):
            return None
        return LayerEdit(edit.title, self._target.layers, tuple(layers), when=edit.when, who=edit.who)

    def _may_go(self, layer: Layer) -> bool:
        """Whether a layer that the second deleted may go: the first did nothing to it."""
        layer_id = self._same.get(layer.id, layer.id)
        history = self._kept.history
        for deed in history.edits[self._shared : history.position]:
            if layer_id in deed.layer_ids and (deed.n_voxels or layer_id in _properties_of(deed.edit)):
                title = self._target.layer(layer_id).title
                words = f"{title}: it was changed in the first session and deleted in the second; it stays."
                self._conflicts["deleted", layer_id] = words
                return False
        return True

    def _of(self, document: Document, layer_id: str) -> Layer | None:
        return next((layer for layer in document.layers if layer.id == layer_id), None)

    def _find_ids(self) -> None:
        for layer in self._begin.of_kind(LabelsLayer):
            kept = self._of(self._kept, self._same.get(layer.id, layer.id))
            other = self._of(self._other, layer.id)
            if kept is None or other is None:
                continue
            start, first, second = (_ids(each) for each in (layer, kept, other))
            both = sorted((first - start) & (second - start))
            if both:
                self.merged.ids[kept.title] = tuple(both)


def _layers_then(document: Document, position: int) -> tuple[Layer, ...]:
    """The layers that were open when so many steps stood."""
    now = document.history.position
    while document.history.position > position:
        document.undo()
    layers = document.layers
    while document.history.position < now:
        document.redo()
    return layers


def _properties_of(edit: Edit) -> set[str]:
    return touched_layers(edit) if not any(isinstance(part, LayerEdit) for part in parts_of(edit)) else set()


def _as_they_are(document: Document) -> dict[str, Any]:
    """The labels of a document as they are now, by layer."""
    found: dict[str, Any] = {}
    for layer in document.of_kind(LabelsLayer):
        document.make_editable(layer)
        if isinstance(layer.source, EditableSource):
            found[layer.id] = layer.source.copy()
        elif isinstance(layer.source, ArraySource):
            found[layer.id] = layer.source.freeze()
    return found


def _voxels(layer: Layer, box: Box) -> Any:  # noqa: ANN401 - whatever ids are
    if not isinstance(layer, ImageLayer | LabelsLayer):
        raise TypeError(f"{layer.title} has no voxels")
    return layer.source[box.slices]


def _shared_steps(one: Document, other: Document) -> int:
    """How many steps both sessions have in common: those before one was copied from the other."""
    pairs = zip(one.history.edits[: one.history.position], other.history.edits[: other.history.position], strict=False)
    count = 0
    for mine, theirs in pairs:
        if (mine.when, mine.who, mine.title) != (theirs.when, theirs.who, theirs.title):
            break
        count += 1
    return count


def _ids(layer: Layer) -> set[int]:
    found: set[int] = set()
    for box in box_blocks(whole_box(layer.shape)) if isinstance(layer, LabelsLayer) else ():
        found |= set(np.unique(_voxels(layer, box)).tolist())
    return found


def _copy(source: str, target: Path) -> None:
    folder = Path(source) if Path(source).is_dir() else sessions_folder() / source
    if not (folder / SESSION_FILE).is_file():
        raise SettingsError(f"{source} is no session.", "Give the folder of a session, or the name of a kept one.")
    with Session(folder):
        shutil.copytree(folder, target, ignore=shutil.ignore_patterns("lock"))
