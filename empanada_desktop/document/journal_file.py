"""The file of a session's journal: records behind one another, read by number; what leads nowhere goes in time.

sessions/<id>/edits.journal holds records (io.records), numbered from 1 in the order in which they were made; journal.py
says what they mean. What no step of the history leads to any more (branches that were abandoned, parts of strokes that
became deeds) is left out when the file is written anew, beside the old one, which it replaces once it is on the disk.
"""

import contextlib
import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from empanada_desktop.core.plurals import counted
from empanada_desktop.errors import VolumeError
from empanada_desktop.io.journal import sync_folder
from empanada_desktop.io.records import Place, packed, read_heads, read_record

JOURNAL_FILE = "edits.journal"
DO, UNDO, REDO, PART, DROP, AT = "do", "undo", "redo", "part", "drop", "at"
LEAST_GARBAGE, COPIED_AT_ONCE = 256 << 10, 1 << 20
Values = dict[str, Any]
Head = tuple[Place, Values]


@dataclass(frozen=True)
class Reachable:
    """What a history leads to at one moment. position: the last record then; deeds: numbers of all deeds, undone ones
    too; standing: that of the last one that stands, 0 where none does."""

    position: int
    deeds: frozenset[int]
    standing: int


class JournalFile:
    """The file, its torn end cut off when it is opened; from any thread. OSError where it cannot be made."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL_FILE
        folder.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a+b", buffering=0)
        self._lock = threading.Lock()
        self.heads: list[Head] = list(self._scan())
        self._places = {int(head["number"]): place for place, head in self.heads if head["op"] != AT}
        self._end = self.heads[-1][0].stop if self.heads else 0
        self._file.truncate(self._end)
        with contextlib.suppress(OSError):
            sync_folder(folder)

    def _scan(self) -> Iterator[Head]:
        with self.path.open("rb") as file:
            yield from read_heads(file, self.path.stat().st_size)

    @property
    def n_bytes(self) -> int:
        """Size of the file."""
        return self._end

    def append(self, number: int, record: bytes) -> Place:
        """Put a record behind the others; OSError on a full disk, with nothing of it left behind."""
        with self._lock:
            try:
                if self._file.write(record) != len(record):
                    raise OSError(28, "No space left on device")
            except OSError:
                self._file.truncate(self._end)
                raise
            start, self._end = self._end, self._end + len(record)
            place = self._places[number] = Place(start, self._end)
            return place

    def read(self, number: int) -> tuple[Values, list[bytes]]:
        """Return a record; VolumeError where it is damaged or gone."""
        with self._lock, contextlib.suppress(KeyError, OSError, ValueError):
            self._file.seek(self._places[number].start)
            record = read_record(self._file)
            if record is not None:
                return record
        raise VolumeError(f"A step in {self.path} is damaged and cannot be read.", "The others are not affected.")

    def cut(self, place: Place) -> None:
        """Let the file end where a record begins."""
        with self._lock:
            self._end = place.start
            self._file.truncate(self._end)

    def sync(self) -> None:
        """Wait until all is on the disk."""
        with self._lock:
            descriptor = os.dup(self._file.fileno())
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    # Without the unreachable

    def tidy(self, reachable: Reachable) -> bool:
        """Write the file anew if much of it is reached by nothing any more; OSError where there is no room.

        The state that `reachable` tells of must be on the disk. Others may append and read meanwhile.
        """
        if not self._is_worth_it(reachable):
            return False
        heads = [(place, head) for place, head in self._scan() if head["number"] <= reachable.position]
        mark = packed({"op": AT, "number": reachable.position, "of": reachable.standing})
        new = self.path.with_name(f"{self.path.name}.part")
        try:
            with new.open("wb") as file:
                places = self._copy([(head["number"], place) for place, head in still_needed(heads, reachable)], file)
                file.write(mark)
                with self._lock:
                    places |= self._copy([item for item in self._places.items() if item[0] > reachable.position], file)
                    file.flush()
                    os.fsync(file.fileno())
                    self._replace(new, places, file.tell())
        finally:
            new.unlink(missing_ok=True)
        return True

    def _is_worth_it(self, reachable: Reachable) -> bool:
        with self._lock:
            places, end = dict(self._places), self._end
        needed = (number in reachable.deeds or number > reachable.position for number in places)
        known = sum(
            place.stop - place.start for place, is_needed in zip(places.values(), needed, strict=True) if is_needed
        )
        return end - known >= max(LEAST_GARBAGE, known // 4)

    def _copy(self, records: Iterable[tuple[int, Place]], file: BinaryIO) -> dict[int, Place]:
        """Copy records to the end of another file; returns where each lies there."""
        places = {}
        with self.path.open("rb") as own:
            for number, place in records:
                start = file.tell()
                own.seek(place.start)
                for first in range(place.start, place.stop, COPIED_AT_ONCE):
                    file.write(own.read(min(COPIED_AT_ONCE, place.stop - first)))
                places[number] = Place(start, file.tell())
        return places

    def _replace(self, new: Path, places: dict[int, Place], end: int) -> None:
        """Let the new file take the old one's place; where the system refuses, the old one goes on."""
        self._file.close()
        try:
            new.replace(self.path)
            self._places, self._end = places, end
        finally:
            self._file = self.path.open("a+b", buffering=0)
        with contextlib.suppress(OSError):
            sync_folder(self.path.parent)


def still_needed(heads: Iterable[Head], reachable: Reachable) -> list[Head]:
    """Return the records up to a state that the history, or what was begun before it, still leads to."""
    heads = list(heads)
    ended = {head["stroke"]: head for _, head in heads if head["op"] in (DO, DROP) and "stroke" in head}

    def is_needed(head: Values) -> bool:
        if head["op"] == DO:
            return head["number"] in reachable.deeds
        if head["op"] != PART:
            return False
        end = ended.get(head["stroke"])
        return end is None or (end.get("same", False) and end["number"] in reachable.deeds)

    return [(place, head) for place, head in heads if is_needed(head)]


@dataclass(frozen=True)
class Steps:
    """What was done after a state, as it stands at the end. made: deeds that stand now and did not then; undone: those
    that stood then and do not now, both by number. n_records: deeds, undos and redos on the way."""

    made: frozenset[int] = frozenset()
    undone: frozenset[int] = frozenset()
    n_records: int = 0

    @property
    def words(self) -> str:
        """What there is to tell: "214 edits", or "1 undo" where nothing new stands; "" where all is as it was."""
        count, word = (len(self.made), "edit") if self.made else (len(self.undone), "undo")
        return counted(count, word) if count else ""


def steps_of(heads: Iterable[Values]) -> Steps:
    """Return what records, in order, come to."""
    made, undone, count = set[int](), set[int](), 0
    for head in heads:
        what = head["op"]
        count += what in (DO, UNDO, REDO)
        if what == DO:
            made.add(int(head["number"]))
        elif what in (UNDO, REDO):
            come, gone = (undone, made) if what == UNDO else (made, undone)
            of = int(head["of"])
            if of in gone:
                gone.remove(of)
            else:
                come.add(of)
    return Steps(frozenset(made), frozenset(undone), count)


def steps_after(folder: Path, position: int, end: int = 0) -> Steps:
    """Return what a session's journal holds after a record, which ended at byte `end`."""
    try:
        with (folder / JOURNAL_FILE).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(end)
            heads = [head for _, head in read_heads(file, size)]
            if not heads and end != size:
                file.seek(0)
                heads = [head for _, head in read_heads(file, size)]
    except OSError:
        return Steps()
    return steps_of(head for head in heads if head["number"] > position)
