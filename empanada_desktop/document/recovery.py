"""From a session's last complete state and its journal to what was open at the end, with every step undoable."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from empanada_desktop.document.document import Document
from empanada_desktop.document.edit_parts import Ids
from empanada_desktop.document.edit_records import count_voxels, edit_to_plain, layer_ids, new_layers
from empanada_desktop.document.edits import Edit, VoxelEdit
from empanada_desktop.document.history import Deed
from empanada_desktop.document.journal import read_edit
from empanada_desktop.document.journal_file import AT, DO, DROP, PART, REDO, JournalFile, Steps, Values, steps_of
from empanada_desktop.document.layer_book import LayerBook
from empanada_desktop.document.layers import Layer
from empanada_desktop.errors import AppError, VolumeError
from empanada_desktop.io.records import packed


@dataclass
class Recovered:
    """What a journal gave: the history, and the steps that were not in the last complete state."""

    layers: tuple[Layer, ...] = ()
    deeds: list[Deed] = field(default_factory=list)
    position: int = 0
    number: int = 0
    steps: Steps = field(default_factory=Steps)
    faults: list[str] = field(default_factory=list)


def recover(layers: Sequence[Layer], file: JournalFile, book: LayerBook, kept: int | None) -> Recovered:
    """Make again what was done after record `kept`, the last that the layers' state holds; takes a while.

    None: the state knows of no journal, and what is in the file is dropped.
    """
    numbers = [int(head["number"]) for _, head in file.heads]
    if numbers and (kept is None or numbers[-1] < kept):
        file.cut(file.heads[0][0])
        file.heads.clear()
    replay = _Replay(layers, file, book, kept or 0)
    for place, head in file.heads:
        try:
            replay.take(head)
        except VolumeError as problem:
            file.cut(place)
            replay.found.faults.append(f"What was done after {_time(head)} is lost. {problem.message}")
            break
    replay.end()
    file.heads.clear()
    return replay.found


class _Replay:
    """Goes through the records in order; only those after `kept` change anything."""

    def __init__(self, layers: Sequence[Layer], file: JournalFile, book: LayerBook, kept: int) -> None:
        self._document = Document()
        self._document.replace_layers(tuple(layers))
        self._file, self._book, self._kept = file, book, kept
        book.hold(layers)
        self._strokes: dict[str, list[Values]] = {}
        self._taken: list[Values] = []
        self.found = Recovered(number=kept)

    def take(self, head: Values) -> None:
        """Take the next record."""
        what, number = head["op"], int(head["number"])
        self.found.number = max(self.found.number, number)
        if what == PART:
            self._strokes.setdefault(head["stroke"], []).append(head)
        elif what == DROP:
            self._drop(self._strokes.pop(head["stroke"], []), number)
        elif what == DO:
            self._do(head, number)
        elif what == AT:
            self._stand_at(int(head["of"]))
        else:
            self._step(what, int(head["of"]), number)
        if number > self._kept:
            self._taken.append(head)

    def end(self) -> None:
        """Make a deed of what was drawn when the end came, and leave out what belongs to layers that are gone."""
        for stroke, parts in self._strokes.items():
            self._finish(stroke, parts)
        found = self.found
        kept = [all(self._book.knows(layer_id) for layer_id in deed.layer_ids) for deed in found.deeds]
        found.position = sum(kept[: found.position])
        found.deeds = [deed for deed, is_kept in zip(found.deeds, kept, strict=True) if is_kept]
        steps, standing = steps_of(self._taken), {deed.number for deed in found.deeds[: found.position]}
        found.steps = replace(steps, made=steps.made & standing)
        found.layers = self._document.layers

    def _do(self, head: Values, number: int) -> None:
        parts, found, said = self._strokes.pop(head.get("stroke", ""), []), self.found, head.get("ids")
        if head.get("same"):
            if not parts:
                raise VolumeError("A step begins before the journal does.")
            head = parts[0]
        plain = head["edit"]
        if number > self._kept:
            for layer in new_layers(plain):
                if not self._book.knows(layer["id"]):
                    self._book.add_closed(layer)
        deed = Deed(
            *(plain["title"], datetime.fromisoformat(plain["when"]), plain["who"], plain["where"]),
            number=number,
            layer_ids=frozenset(layer_ids(plain)),
            n_voxels=count_voxels(plain),
            ids=_ids(said, plain),
            reader=functools.partial(read_edit, self._file, int(head["number"]), self._book),
        )
        if number > self._kept:
            self._make(deed, forwards=True)
        del found.deeds[found.position :]
        found.deeds.append(deed)
        found.position += 1

    def _step(self, what: str, of: int, number: int) -> None:
        """Undo or redo the deed with a number."""
        deeds = self.found.deeds
        place = next((index for index in range(len(deeds) - 1, -1, -1) if deeds[index].number == of), None)
        if place is None:
            return
        if number > self._kept:
            self._make(deeds[place], forwards=what == REDO)
        self.found.position = place + (1 if what == REDO else 0)

    def _stand_at(self, of: int) -> None:
        """The deeds so far are all that there were, undone ones too; the last that stands is number `of`."""
        standing = [place for place, deed in enumerate(self.found.deeds, 1) if deed.number == of]
        self.found.position = standing[-1] if standing else 0

    def _make(self, deed: Deed, forwards: bool) -> None:
        if all(self._book.knows(layer_id) for layer_id in deed.layer_ids):
            edit = deed.edit
            if forwards:
                edit.apply(self._document)
            else:
                edit.revert(self._document)

    def _drop(self, parts: Sequence[Values], number: int) -> None:
        """Take back what a stroke had written that was cancelled later; a large edit is in no state before it ends."""
        if number > self._kept:
            for head in reversed(parts):
                if not head.get("whole"):
                    self._read(head).revert(self._document)

    def _finish(self, stroke: str, parts: Sequence[Values]) -> None:
        """Make a deed of a stroke that was still drawn, or of a large edit that was still made, when the end came.

        What cannot be read of it is left out.
        """
        found = self.found
        if not all(self._book.knows(layer_id) for layer_id in layer_ids(parts[0]["edit"])):
            return
        try:
            edit, number = self._whole(stroke, parts) if parts[0].get("whole") else self._joined(stroke, parts)
            edit.apply(self._document)
        except AppError as problem:
            found.faults.append(problem.message)
            return
        except OSError as error:
            found.faults.append(f"The stroke that was drawn last could not be kept: {error.strerror}.")
            return
        deed = Deed.of(edit)
        deed.number = found.number
        self._taken.append({"op": DO, "number": deed.number})
        deed.reader = functools.partial(read_edit, self._file, number, self._book)
        deed.held = None
        del found.deeds[found.position :]
        found.deeds.append(deed)
        found.position += 1

    def _whole(self, stroke: str, parts: Sequence[Values]) -> tuple[Edit, int]:
        edit = self._read(parts[0])
        self._append({"stroke": stroke, "same": True})
        return edit, int(parts[0]["number"])

    def _joined(self, stroke: str, parts: Sequence[Values]) -> tuple[Edit, int]:
        edits = [self._read(head) for head in parts]
        edit = _joined([part for part in edits if isinstance(part, VoxelEdit)])
        blobs: list[bytes] = []
        plain = edit_to_plain(edit, blobs, lambda _: {})
        return edit, self._append({"stroke": stroke, "edit": plain}, blobs)

    def _read(self, head: Values) -> Edit:
        return read_edit(self._file, int(head["number"]), self._book)

    def _append(self, values: Values, blobs: Sequence[bytes] = ()) -> int:
        """Write a stroke that was finished here into the journal, and return its number."""
        number = self.found.number + 1
        self._file.append(number, packed({"op": DO, "number": number, **values}, blobs))
        self.found.number = number
        return number


def _joined(parts: Sequence[VoxelEdit]) -> Edit:
    first = parts[0]
    voxels = tuple(change for part in parts for change in part.parts)
    return VoxelEdit(first.title, first.layer_id, voxels, when=first.when, who=first.who)


def _ids(said: Values | None, plain: Values) -> Ids | None:
    """The objects that an edit changed, as far as they are known without reading it."""
    if said is not None:
        return {layer_id: np.array(ids, np.int64) for layer_id, ids in said.items()}
    return None if count_voxels(plain) else {}


def _time(head: Values) -> str:
    when = head.get("edit", head).get("when", "")
    return str(when)[:16].replace("T", " ")
