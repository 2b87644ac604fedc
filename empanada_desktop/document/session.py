"""A session on the disk: open files, layers, view, parameters, and the labels that are in no file of the user's yet.

sessions/<id>/session.json      what is open and how it looks; written whole or not at all
sessions/<id>/labels/<layer>.zarr   voxels of the session's own label layers, a new folder per version
sessions/<id>/picture.png       what was in view, for the start page; the window draws it
sessions/<id>/lock              the process that has the session open
"""

import contextlib
import datetime
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from empanada_desktop.document.document import Document
from empanada_desktop.document.editable import EditableSource
from empanada_desktop.document.frozen_labels import FrozenLabels
from empanada_desktop.document.journal import Journal, Problem
from empanada_desktop.document.journal_file import JournalFile, Reachable
from empanada_desktop.document.kept import SESSION_FILE, forget_oldest, sessions_folder
from empanada_desktop.document.layer_book import LayerBook
from empanada_desktop.document.leftovers import sweep
from empanada_desktop.document.lock import LOCK_FILE, SessionLock, no_room
from empanada_desktop.document.plain import LABELS, Moved, layer_to_plain
from empanada_desktop.document.reopening import VERSION, Opened, Reader, stores_of
from empanada_desktop.document.snapshot import Parameters, Snapshot
from empanada_desktop.document.view import ViewState
from empanada_desktop.io.journal import sync_folder
from empanada_desktop.settings import write_json


class Session:
    """The folder of one session, locked for as long as it is open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = SessionLock(folder)
        self._written: dict[str, tuple[int, str]] = {}
        self._used: set[str] = set()
        self._file: JournalFile | None = None
        self._kept: Reachable | None = None
        self.moved: Moved = {}
        self.journal: Journal | None = None

    @classmethod
    def create(cls) -> Self:
        """Begin a session in a folder of its own; the oldest that hold no work go. SettingsError on a full disk."""
        forget_oldest()
        return cls(sessions_folder() / f"{datetime.datetime.now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}")

    @classmethod
    def copy_of(cls, folder: Path) -> Self:
        """Begin a session with a copy of another one, which nobody has open and which stays as it is.

        SettingsError on a full disk, or where it is open.
        """
        with SessionLock(folder):
            session = cls.create()
            try:
                with session._writing():
                    ignored = shutil.ignore_patterns(LOCK_FILE, "*.part")
                    shutil.copytree(folder, session.folder, ignore=ignored, dirs_exist_ok=True)
            except BaseException:
                session.discard()
                raise
            return session

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.folder.name

    def keep_journal(self, journal: Journal) -> None:
        """Let a journal write into this session's folder from now on. SettingsError on a full disk."""
        with self._writing():
            journal.open(JournalFile(self.folder))
        self.journal = journal

    def begin_journal(self, document: Document, on_problem: Problem = bool) -> Journal:
        """Write every deed of a document down from now on; what is open now is kept first."""
        journal = Journal(document, LayerBook(document.layers), on_problem)
        self.write(Snapshot.of(document, journal=journal))
        self.keep_journal(journal)
        self.give_room(document)
        return journal

    def go_on(self, opened: Opened, document: Document, on_problem: Problem = bool) -> Journal:
        """Go on with the journal of a session that was read and shown."""
        journal = Journal(document, opened.book, on_problem, opened.recovered.number)
        journal.open(opened.file or JournalFile(self.folder))
        self.journal, opened.file = journal, None
        self.give_room(document)
        return journal

    def give_room(self, document: Document) -> None:
        """Let changed labels lie in the session's folder as far as the memory is too small for them."""
        for layer in document.layers:
            source = getattr(layer, "source", None)
            if isinstance(source, EditableSource):
                with contextlib.suppress(OSError):
                    source.use_folder(self.folder / LABELS / layer.id)

    def save(self, document: Document, parameters: Parameters | None = None, title: str = "") -> None:
        """Write everything that is open; labels only where they changed since. SettingsError where the disk is full."""
        self.write(Snapshot.of(document, parameters, title, self.journal))
        document.history.mark_saved()

    def write(self, snapshot: Snapshot) -> None:
        """Write what was open; may run in a thread while the window lives on.

        What is changed meanwhile is written the next time. SettingsError where the disk is full.
        """
        with self._writing():
            end = 0
            if self.journal is not None and snapshot.position is not None:
                end = self.journal.wait_for(snapshot.position)
            layers = [layer_to_plain(layer, self.folder, self._written) for layer in snapshot.layers]
            closed = [layer_to_plain(layer, self.folder, self._written) for layer in snapshot.closed]
            closed += snapshot.closed_plain
            values = {
                "version": VERSION,
                "saved": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
                "title": snapshot.title or next((str(layer["title"]) for layer in layers), ""),
                "layers": layers,
                "closed": closed,
                "moved": self.moved,
                "journal": None if snapshot.position is None else {"position": snapshot.position, "end": end},
                "active": snapshot.active,
                "view": snapshot.view.to_plain(),
                "parameters": snapshot.parameters,
            }
            write_json(self.folder / SESSION_FILE, values, is_waited_for=True)
            sync_folder(self.folder)
            self._drop_unused([*layers, *closed])
        self._kept = snapshot.reachable
        self._tidy(snapshot)

    def _tidy(self, snapshot: Snapshot) -> None:
        """Let go of what a state that is on the disk made needless: steps that lead nowhere, blocks, memory."""
        if self.journal is not None and snapshot.reachable is not None:
            self.journal.tidy(snapshot.reachable)
        for layer in (*snapshot.layers, *snapshot.closed):
            source: object = getattr(layer, "source", None)
            if isinstance(source, FrozenLabels):
                source.drop_old_packs(self.folder / LABELS / layer.id)
                if layer in snapshot.closed:
                    source.leave_memory()

    def load(self, document: Document, moved: Mapping[str, str] | None = None) -> Opened:
        """Open everything that was open; read() and show() in one."""
        opened = self.read(moved)
        self.show(opened, document)
        return opened

    def read(self, moved: Mapping[str, str] | None = None, goes_without: bool = True) -> Opened:
        """Open the files of everything that was open; takes a moment, so use a thread.

        moved: where files of the user's are now, by where they were. What is gone or damaged is left out and named in
        the faults; or, unless the caller goes without it, nothing more is done once `missing` says what is not there.
        """
        reader = Reader(self.folder, self._written, moved or {})
        reader.layers()
        if reader.opened.missing and not goes_without:
            reader.opened.is_waiting = True
            return reader.opened
        self._used, self.moved = reader.stores, reader.opened.moved
        try:
            reader.replay()
        finally:
            self._file = reader.opened.file
        return reader.opened

    def show(self, opened: Opened, document: Document) -> None:
        """Put what was read into a document, in place of what is there."""
        document.clear()
        document.replace_layers(tuple(opened.layers))
        document.active = next((layer for layer in opened.layers if layer.id == opened.active), None)
        document.change_view(**{name: getattr(opened.view, name) for name in ViewState.__dataclass_fields__})
        document.history.put(opened.recovered.deeds, opened.recovered.position)
        document.history.mark_saved()
        document.history_changed.emit()

    def close(self) -> None:
        """Let go of the session; it stays on the disk to be continued."""
        self._let_go()
        if not (self.folder / SESSION_FILE).exists():
            shutil.rmtree(self.folder, ignore_errors=True)

    def _let_go(self) -> None:
        is_clean = False
        if self.journal is not None:
            self.journal.detach()
            self.journal.close(self._kept)
            is_clean = self._kept is not None and self._kept.position == self.journal.position
        if is_clean:
            sweep(self.folder / LABELS, self._used)
        if self._file is not None:
            self._file.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def discard(self) -> None:
        """Remove the session from the disk."""
        self._let_go()
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise no_room(self.folder, error) from error

    def _drop_unused(self, layers: list[dict[str, Any]]) -> None:
        """Remove what was used by the state before and is not by this one: others may still read what is newer."""
        used = stores_of(layers)
        for store in self._used - used:
            path = self.folder / store
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        self._used = used
