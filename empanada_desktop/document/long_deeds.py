"""A large edit while it is made, undone or redone: voxels are written in a thread, all is told on the document's."""

import threading
import uuid
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Literal

from empanada_desktop.core.edit_pieces import count_pieces, pieces
from empanada_desktop.core.edits import ArrayEdit
from empanada_desktop.core.geometry import Box
from empanada_desktop.document.at_hand import is_at_hand
from empanada_desktop.document.edit_parts import Ids, count_voxels, ids_of, voxel_edits
from empanada_desktop.document.edits import Edit
from empanada_desktop.document.history import Deed
from empanada_desktop.document.layers import EDITABLE, LabelsLayer
from empanada_desktop.errors import JobCancelled

if TYPE_CHECKING:
    from empanada_desktop.document.document import Document

What = Literal["do", "undo", "redo"]
LONG_VOXELS = 1 << 20


def is_long(document: "Document", edit: "Edit | Deed") -> bool:
    """Whether making or undoing an edit takes so long, or waits for files, that it is better done in a thread."""
    held = edit.held if isinstance(edit, Deed) else edit
    n_voxels = edit.n_voxels if isinstance(edit, Deed) else count_voxels(edit)
    if not n_voxels or held is None:
        return n_voxels > LONG_VOXELS
    sources = [(document.layer(part.layer_id), part) for part in voxel_edits(held)]
    return n_voxels > LONG_VOXELS or not all(
        is_at_hand(layer.source, box)
        for layer, part in sources
        for box in part.boxes
        if isinstance(layer, LabelsLayer) and isinstance(layer.source, EDITABLE)
    )


class LongDeed:
    """Made by Document.begin_long. `work` in any thread, `tell` now and then and `finish` at the end on the document's.

    Until it has ended nobody else changes the voxels of its layers. An edit that is given up, or fails, is taken back.
    done, total: how many pieces are written.
    """

    def __init__(
        self, document: "Document", what: What, title: str, layer_ids: Iterable[str], read: Callable[[], Edit]
    ) -> None:
        """layer_ids: of the layers that it concerns; read: gives the edit, perhaps from a file."""
        self._document, self.what, self.title, self._read = document, what, title, read
        self.id = uuid.uuid4().hex[:8]
        self.layer_ids = frozenset(layer_ids)
        layers = [layer for layer in document.of_kind(LabelsLayer) if layer.id in self.layer_ids]
        self._sources = {layer.id: document.writable(layer.id) for layer in layers}
        self.edit: Edit | None = None
        self.ids: Ids = {}
        self.done, self.total = 0, 0
        self._made: list[tuple[str, ArrayEdit, int]] = []
        self._boxes: list[tuple[str, Box]] = []
        self._lock, self._working = threading.Lock(), threading.Lock()
        self._has_worked = self._is_given_up = self.has_ended = False
        self._problem: BaseException | None = None

    @property
    def stands(self) -> bool:
        """Whether all of it was written."""
        return self._has_worked and self._problem is None

    def give_up(self) -> None:
        """Take back what was done so far; what is undone or redone is brought to its end."""
        self._is_given_up = self.what == "do"

    def work(self) -> None:
        """Write the voxels, or wait for whoever does; takes a while, so use a thread."""
        with self._working:
            if self._has_worked:
                return
            try:
                self._make()
            except BaseException as problem:  # noqa: BLE001 - whatever it is, it is raised by finish()
                self._problem = problem
                self._take_back()
            finally:
                self._has_worked = True

    def tell(self, most: int | None = None) -> None:
        """Tell which voxels were written since the last time, of at most so many pieces."""
        with self._lock:
            boxes = self._boxes[:most]
            del self._boxes[: len(boxes)]
        for layer_id, box in boxes:
            self._document.tell_voxels_changed(layer_id, box)

    def finish(self) -> Edit | None:
        """Put it in the history and return the edit; None where it was given up. Raises what went wrong."""
        self.end()
        if self._problem is not None and not isinstance(self._problem, JobCancelled):
            raise self._problem
        return self.edit if self.stands else None

    def end(self) -> None:
        """Put it in the history where all of it was written."""
        if not self.has_ended:
            self.work()
            self.has_ended = True
            self.tell()
            self._document.end_long(self)

    def _make(self) -> None:
        self.edit = edit = self._read()
        parts = [(voxels.layer_id, part) for voxels in voxel_edits(edit) for part in voxels.parts]
        self.total = sum(count_pieces(part) for _, part in parts)
        for layer_id, part in reversed(parts) if self.what == "undo" else parts:
            self._make_part(layer_id, part)
        if self.what == "do":
            self.ids = ids_of(edit)

    def _make_part(self, layer_id: str, part: ArrayEdit) -> None:
        self._made.append((layer_id, part, 0))
        for count, piece in enumerate(pieces(part, self.what != "undo"), 1):
            if self._is_given_up:
                raise JobCancelled
            piece.write(self._sources[layer_id])
            self._made[-1] = (layer_id, part, count)
            self._note(layer_id, piece.box, 1)

    def _take_back(self) -> None:
        for layer_id, part, count in reversed(self._made):
            for piece in islice(pieces(part, self.what == "undo"), count):
                piece.write(self._sources[layer_id])
                self._note(layer_id, piece.box, -1)

    def _note(self, layer_id: str, box: Box, count: int) -> None:
        with self._lock:
            self._boxes.append((layer_id, box))
            self.done += count
