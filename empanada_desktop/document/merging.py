"""Two people's sessions of one volume become one: the edits of both, each with its author and time, and the conflicts.

Both begin with the same labels. What only one of them changed is taken from that one; where both changed a voxel
differently, the first one's stays and the place is listed.
"""

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from empanada_desktop.core.edits import RegionEdit, box_blocks
from empanada_desktop.core.geometry import Box
from empanada_desktop.document.document import Document
from empanada_desktop.document.editable import EditableSource
from empanada_desktop.document.edits import Edit, Edits, VoxelEdit
from empanada_desktop.document.layers import LabelsLayer
from empanada_desktop.document.session import SESSION_FILE, Session, sessions_folder
from empanada_desktop.document.sources import ArraySource, whole_box
from empanada_desktop.errors import SettingsError


@dataclass
class Merged:
    """What joining gave. voxels: boxes in which both changed voxels differently, with the layer's title and how many
    voxels; ids: by layer, ids that both gave to new objects."""

    n_edits: int = 0
    voxels: list[tuple[str, Box, int]] = field(default_factory=list)
    ids: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """What to tell the user."""
        lines = [f"{self.n_edits} edits of the second session joined."]
        for title, box, count in self.voxels:
            z, y, x = (f"{low} to {high - 1}" for low, high in box.spans)
            lines.append(f"Conflict in {title}: {count} voxels changed by both, z {z}, y {y}, x {x}; the first stays.")
        for title, ids in self.ids.items():
            lines.append(f"Conflict in {title}: ids used by both for new objects: {', '.join(map(str, ids))}.")
        return lines if len(lines) > 1 else [*lines, "No conflicts."]


def merge_sessions(first: str, second: str, out: str) -> Merged:
    """Write a session at `out` that holds the first one's edits and then the second one's.

    first, second: folders of sessions, or the names of kept ones. SettingsError where one is open, damaged, or none.
    """
    target = Path(out) if Path(out).name != out else sessions_folder() / out
    if target.exists():
        raise SettingsError(f"{target} exists.", "Choose another name.")
    with tempfile.TemporaryDirectory() as scratch:
        parts = {name: Path(scratch) / name for name in ("kept", "begin", "other")}
        for name, source in (("kept", first), ("begin", second), ("other", second)):
            _copy(source, parts[name])
        _copy(first, target)
        with (
            Session(target) as session,
            _Opened(parts["kept"]) as kept,
            _Opened(parts["begin"]) as begin,
            _Opened(parts["other"]) as other,
        ):
            document = Document()
            opened = session.load(document)
            session.go_on(opened, document)
            merged = _Join(document, kept.document, begin.document, other.document).run()
            session.save(document, opened.parameters, opened.title)
    return merged


class _Opened(Session):
    """A copy of a session, open for reading."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.document = Document()
        self.load(self.document)


class _Join:
    """Carries the second session's edits over, one by one."""

    def __init__(self, target: Document, kept: Document, begin: Document, other: Document) -> None:
        self._target, self._kept, self._begin, self._other = target, kept, begin, other
        self.merged = Merged()

    def run(self) -> Merged:
        """Join, and look for conflicts."""
        shared = _shared_steps(self._kept, self._other)
        position = self._other.history.position
        for document in (self._begin, self._other):
            while document.history.position > shared:
                document.undo()
        while self._other.history.position < position:
            before = _as_they_are(self._other)
            edit = self._other.redo()
            for voxels in _voxel_edits(edit):
                if voxels.layer_id in before:
                    self._carry(voxels, before[voxels.layer_id])
        self._find_ids()
        return self.merged

    def _carry(self, edit: VoxelEdit, before: Any) -> None:  # noqa: ANN401 - labels that are read by boxes
        if edit.layer_id not in {layer.id for layer in self._target.of_kind(LabelsLayer)}:
            return
        target, kept, begin, other = (
            document.layer(edit.layer_id) for document in (self._target, self._kept, self._begin, self._other)
        )
        parts = []
        for box in (part for whole in edit.boxes for part in box_blocks(whole, (64, 256, 256))):
            old, new = before[box.slices], other.source[box.slices]  # type: ignore[attr-defined]
            first, start = kept.source[box.slices], begin.source[box.slices]  # type: ignore[attr-defined]
            now = target.source[box.slices]  # type: ignore[attr-defined]
            is_ours = first != start
            conflict = (old != new) & is_ours & (first != new)
            if conflict.any():
                self.merged.voxels.append((target.title, box, int(conflict.sum())))
            part = RegionEdit.of_changes(box, now, np.where((old != new) & ~is_ours, new, now))
            parts += [] if part is None else [part]
        if parts:
            self._target.apply(VoxelEdit(edit.title, edit.layer_id, tuple(parts), when=edit.when, who=edit.who))
            self.merged.n_edits += 1

    def _find_ids(self) -> None:
        known = {layer.id for layer in self._other.of_kind(LabelsLayer)}
        for layer in self._kept.of_kind(LabelsLayer):
            if layer.id not in known or layer.id not in {each.id for each in self._begin.layers}:
                continue
            start, first, second = (
                _ids(document.layer(layer.id)) for document in (self._begin, self._kept, self._other)
            )
            both = sorted((first - start) & (second - start))
            if both:
                self.merged.ids[layer.title] = tuple(both)


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


def _voxel_edits(edit: Edit | None) -> list[VoxelEdit]:
    if isinstance(edit, Edits):
        return [voxels for part in edit.parts for voxels in _voxel_edits(part)]
    return [edit] if isinstance(edit, VoxelEdit) else []


def _shared_steps(one: Document, other: Document) -> int:
    """How many steps both sessions have in common: those before one was copied from the other."""
    pairs = zip(one.history.edits[: one.history.position], other.history.edits[: other.history.position], strict=False)
    count = 0
    for mine, theirs in pairs:
        if (mine.when, mine.who, mine.title) != (theirs.when, theirs.who, theirs.title):
            break
        count += 1
    return count


def _ids(layer: object) -> set[int]:
    source = layer.source  # type: ignore[attr-defined]
    found: set[int] = set()
    for box in box_blocks(whole_box(source.shape)):
        found |= set(np.unique(source[box.slices]).tolist())
    return found


def _copy(source: str, target: Path) -> None:
    folder = Path(source) if Path(source).is_dir() else sessions_folder() / source
    if not (folder / SESSION_FILE).is_file():
        raise SettingsError(f"{source} is no session.", "Give the folder of a session, or the name of a kept one.")
    with Session(folder):
        shutil.copytree(folder, target, ignore=shutil.ignore_patterns("lock"))
