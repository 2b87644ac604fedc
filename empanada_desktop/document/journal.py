"""The journal of a session: every deed, undo and redo as it is made, on the disk within a second.

The file (journal_file.py) holds records, numbered from 1:

    do      an edit with its number, who made it and when; `stroke`: whose parts it takes the place of
    undo    of: the number of the deed that was taken back
    redo    of: the number of the deed that was made again
    part    what a stroke that is still drawn has changed since its last part; `whole`: a large edit that is being made
    drop    a stroke was cancelled, a large edit was given up
    at      what was before it and led nowhere was left out; of: the last deed that stands

Where a `do` says `same`, its edit is that of the whole part before it. `ids`: the objects that it changed, by layer.

A thread writes them at once, another waits for the disk (fsync), which may take long; a torn end, as after a crash, is
cut off. Where the disk is full the records wait in memory.
"""

import contextlib
import functools
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from empanada_desktop.document.document import Document
from empanada_desktop.document.edit_parts import voxel_edits
from empanada_desktop.document.edit_records import Blobs, edit_from_plain, edit_to_plain
from empanada_desktop.document.edits import Edit, PropertyEdit, user_name, utc_now
from empanada_desktop.document.history import Deed
from empanada_desktop.document.journal_file import DROP, PART, JournalFile, Reachable, Values
from empanada_desktop.document.layer_book import LayerBook
from empanada_desktop.document.lock import no_room
from empanada_desktop.errors import AppError, SettingsError
from empanada_desktop.io.records import packed

SYNC_SECONDS, RETRY_SECONDS, WAIT_SECONDS = 0.4, 1.0, 30.0
Problem = Callable[[SettingsError | None], object]


@dataclass
class _Waiting:
    """A record that is not in the file yet."""

    values: Values
    edit: Edit | None = None
    deed: Deed | None = None
    data: bytes = b""


class Journal:
    """Listens to a document from the moment it is made, and writes from the moment it has a file.

    on_problem: called in the writing thread with what went wrong, and with None when it is over.
    """

    def __init__(self, document: Document, book: LayerBook, on_problem: Problem = bool, position: int = 0) -> None:
        """position: number of the last record that the file holds already."""
        self._document, self.book, self.on_problem = document, book, on_problem
        self.position = self._done = position
        self._ends: dict[int, int] = {}
        self.error: OSError | None = None
        self._stroke, self._told, self._whole = "", set[str](), set[str]()
        self._numbers: dict[str, int] = {}
        self._records: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._is_closing = False
        self._file: JournalFile | None = None
        self._threads: list[threading.Thread] = []
        self._is_dirty = self._has_ended = False
        document.history.has_journal = True
        for signal, slot in self._slots():
            signal.connect(slot)

    def _slots(self) -> tuple[tuple[Any, Any], ...]:
        document = self._document
        return (
            (document.applied, self._applied),
            (document.stroke_written, self._stroke_written),
            (document.stroke_ended, self._stroke_ended),
            (document.long_begun, self._long_begun),
        )

    # What is heard, on the document's thread

    def _applied(self, what: str, edit: Edit) -> None:
        history = self._document.history
        deed = history.next_redo if what == "undo" else history.next_undo
        if deed is None:
            return
        if what != "do":
            stamp = {"of": deed.number, "when": utc_now().isoformat(), "who": user_name()}
            self._put(_Waiting({"op": what, **stamp}))
            return
        values: Values = {"op": what}
        stroke, self._stroke = self._stroke, ""
        if stroke:
            values["stroke"] = stroke
        is_there = stroke in self._whole
        if is_there:
            values["same"] = True
            self._whole.discard(stroke)
        self._put(_Waiting(values, None if is_there else edit, deed))

    def _stroke_written(self, stroke: str, edit: Edit) -> None:
        self._told.add(stroke)
        self._put(_Waiting({"op": "part", "stroke": stroke}, edit))

    def _long_begun(self, long: str, edit: Edit) -> None:
        self._whole.add(long)
        self._told.add(long)
        self._put(_Waiting({"op": PART, "stroke": long, "whole": True}, edit))

    def _stroke_ended(self, stroke: str, is_deed: bool) -> None:
        if stroke not in self._told:
            return
        self._told.discard(stroke)
        if is_deed:
            self._stroke = stroke
        else:
            self._whole.discard(stroke)
            self._put(_Waiting({"op": DROP, "stroke": stroke}))

    def _put(self, waiting: _Waiting) -> None:
        self.position += 1
        waiting.values["number"] = self.position
        if waiting.deed is not None:
            waiting.deed.number = self.position
        if waiting.edit is not None:
            self.book.note(waiting.edit)
            if isinstance(waiting.edit, PropertyEdit):  # what cannot be kept is a defect that shows where it was made
                waiting.data = self._packed(waiting)
        with self._changed:
            self._records.append(waiting)
            self._changed.notify_all()

    # The file

    @property
    def is_open(self) -> bool:
        """Whether there is a file."""
        return self._file is not None

    @property
    def has_all(self) -> bool:
        """Whether nothing waits to be written."""
        return not self._records

    def open(self, file: JournalFile) -> None:
        """Begin to write; once, from any thread."""
        self._file = file
        self.book.folder = file.path.parent
        for name, work in (("journal", self._write), ("journal's disk", self._sync)):
            self._threads.append(threading.Thread(target=work, args=(file,), name=name, daemon=True))
            self._threads[-1].start()

    def wait_for(self, position: int, seconds: float = WAIT_SECONDS) -> int:
        """Wait until the records up to a position are in the file, and return where the last of them ends.

        OSError where they find no room.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._done >= position or self.error is not None or self._has_ended, seconds)
            if self._done < position:
                raise self.error or TimeoutError("the disk takes too long")
            return self._ends.get(position, 0)

    def tidy(self, reachable: Reachable) -> None:
        """Leave out of the file what nothing leads to any more; where there is no room all stays. From any thread."""
        if self._file is not None and self.error is None:
            with contextlib.suppress(OSError):
                self._file.tidy(reachable)

    def detach(self) -> None:
        """Listen no longer."""
        for signal, slot in self._slots():
            signal.disconnect(slot, missing_ok=True)
        self._document.history.has_journal = False

    def close(self, reachable: Reachable | None = None) -> None:
        """Write what waits, as far as there is room, and let go of the file; from any thread.

        reachable: of the state that was kept last; where nothing came after it the file is tidied.
        """
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        if reachable is not None and reachable.position == self.position and self.has_all:
            self.tidy(reachable)
        if self._file is not None:
            self._file.close()

    # In the threads

    def _write(self, file: JournalFile) -> None:
        try:
            while (waiting := self._next()) is not None:
                if not self._try(functools.partial(self._append, file, waiting)):
                    if self._is_closing:
                        break
                    self._pause()
        finally:  # whoever waits is told, whatever went wrong
            with self._changed:
                self._has_ended = True
                self._changed.notify_all()

    def _sync(self, file: JournalFile) -> None:
        """Wait for the disk every now and then, and at the end."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_dirty or self._has_ended)
                is_last, self._is_dirty = self._has_ended, False
            self._try(self.book.sync)
            self._try(file.sync)
            if is_last:
                return
            with self._changed:
                self._changed.wait_for(lambda: self._has_ended, SYNC_SECONDS)

    def _next(self) -> _Waiting | None:
        """The record to write next; None when there will be none."""
        with self._changed:
            self._changed.wait_for(lambda: self._records or self._is_closing)
            return self._records[0] if self._records else None

    def _pause(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._is_closing, RETRY_SECONDS)

    def _try(self, deed: Callable[[], object]) -> bool:
        """Do it, and tell when it begins to fail and when it works again."""
        try:
            deed()
        except (
            OSError,
            AppError,
            ValueError,
        ) as error:  # a disk that is full, or labels in the folder that are damaged
            if self.error is None:
                self._tell(error if isinstance(error, OSError) else OSError(str(error)))
            return False
        if self.error is not None and not self._records:
            self._tell(None)
        return True

    def _tell(self, error: OSError | None) -> None:
        with self._changed:
            self.error = error
            self._changed.notify_all()
        folder = self._file.path.parent if self._file is not None else Path()
        self.on_problem(None if error is None else no_room(folder, error))

    def _append(self, file: JournalFile, waiting: _Waiting) -> None:
        waiting.data = waiting.data or self._packed(waiting)
        number, stroke = int(waiting.values["number"]), waiting.values.get("stroke", "")
        place = file.append(number, waiting.data)
        if waiting.values.get("whole"):
            self._numbers[stroke] = number
        if waiting.deed is not None:
            waiting.deed.reader = functools.partial(read_edit, file, self._numbers.pop(stroke, number), self.book)
        with self._changed:
            self._records.popleft()
            self._done = number
            self._ends[self._done] = place.stop
            self._is_dirty = True
            self._changed.notify_all()

    def _packed(self, waiting: _Waiting) -> bytes:
        blobs: Blobs = []
        values = waiting.values
        if waiting.edit is not None:
            values = values | {"edit": edit_to_plain(waiting.edit, blobs, self.book.to_plain)}
            self.book.told()
        deed = waiting.deed
        if deed is not None and (deed.ids is not None or (waiting.edit is not None and voxel_edits(waiting.edit))):
            values = values | {"ids": {layer_id: ids.tolist() for layer_id, ids in deed.changed_ids().items()}}
        return packed(values, blobs)


def read_edit(file: JournalFile, number: int, book: LayerBook) -> Edit:
    """Read the edit of a record; VolumeError where it is damaged."""
    values, blobs = file.read(number)
    return edit_from_plain(values["edit"], blobs, book.find)
