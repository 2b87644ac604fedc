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
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Self

from empanada_desktop.document.document import Document
from empanada_desktop.document.editable import EditableSource, FrozenLabels
from empanada_desktop.document.journal import Journal, Problem
from empanada_desktop.document.journal_file import JOURNAL_FILE, JournalFile, Reachable
from empanada_desktop.document.kept import SESSION_FILE as SESSION_FILE
from empanada_desktop.document.kept import as_list, forget_oldest
from empanada_desktop.document.kept import sessions_folder as sessions_folder
from empanada_desktop.document.layer_book import LayerBook
from empanada_desktop.document.layers import Layer
from empanada_desktop.document.leftovers import sweep
from empanada_desktop.document.lock import SessionLock, no_room
from empanada_desktop.document.plain import LABELS, frozen, is_own, layer_from_plain, layer_to_plain
from empanada_desktop.document.recovery import Recovered, recover
from empanada_desktop.document.stamps import warnings_of
from empanada_desktop.document.view import ViewState
from empanada_desktop.errors import AppError
from empanada_desktop.io.journal import sync_folder
from empanada_desktop.settings import read_json, write_json

VERSION = 1
Parameters = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Snapshot:
    """What is open at one moment. parameters: values of the forms, by task.

    closed: layers that are not open, but that undoing can bring back; closed_plain: those not in memory. position: the
    last record of the journal that this state holds; None without one. reachable: what of the journal the history leads
    to.
    """

    layers: tuple[Layer, ...]
    active: str | None
    view: ViewState
    parameters: Parameters
    title: str = ""
    closed: tuple[Layer, ...] = ()
    closed_plain: tuple[dict[str, Any], ...] = ()
    position: int | None = None
    reachable: Reachable | None = None

    @classmethod
    def of(
        cls,
        document: Document,
        parameters: Parameters | None = None,
        title: str = "",
        journal: Journal | None = None,
    ) -> Self:
        """What is open in a document now, frozen; previews are not kept. A large edit is brought to its end first."""
        document.finish_long()
        for stroke in tuple(document.open_strokes):
            stroke.tell()
        layers = [layer for layer in document.layers if not layer.is_preview]
        active = document.active.id if document.active is not None else None
        closed: tuple[list[Layer], list[dict[str, Any]]] = [], []
        if journal is not None:
            open_ids = {layer.id for layer in layers}
            ids = {layer_id for deed in document.history.edits for layer_id in deed.layer_ids}
            closed = journal.book.closed(ids - open_ids)
        position = journal.position if journal is not None else None
        return cls(
            tuple(frozen(layer) for layer in layers),
            active,
            document.view,
            parameters or {},
            title,
            tuple(frozen(layer) for layer in closed[0]),
            tuple(closed[1]),
            position,
            document.history.reachable(position) if position is not None else None,
        )


def own_work(layers: Iterable[Layer]) -> list[Layer]:
    """The layers that are in no file of the user's: what is lost when a session cannot be kept."""
    return [layer for layer in layers if is_own(layer) and not layer.is_preview]


@dataclass
class Opened:
    """What a session gave back, and what it could not (in plain sentences)."""

    title: str = ""
    parameters: Parameters = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    active: str | None = None
    view: ViewState = field(default_factory=ViewState)
    recovered: Recovered = field(default_factory=Recovered)
    book: LayerBook = field(default_factory=LayerBook)
    file: JournalFile | None = None

    @property
    def n_recovered(self) -> int:
        """Steps that were in the journal only: the program had not ended as it should."""
        return self.recovered.count


class Session:
    """The folder of one session, locked for as long as it is open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = SessionLock(folder)
        self._written: dict[str, tuple[int, str]] = {}
        self._used: set[str] = set()
        self._file: JournalFile | None = None
        self._kept: Reachable | None = None
        self.journal: Journal | None = None

    @classmethod
    def create(cls) -> Self:
        """Begin a session in a folder of its own; the oldest that hold no work go. SettingsError on a full disk."""
        forget_oldest()
        return cls(sessions_folder() / f"{datetime.datetime.now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}")

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

    def load(self, document: Document) -> Opened:
        """Open everything that was open; read() and show() in one."""
        opened = self.read()
        self.show(opened, document)
        return opened

    def read(self) -> Opened:
        """Open the files of everything that was open; takes a moment, so use a thread.

        What is gone or damaged is left out and named in the faults.
        """
        values = read_json(self.folder / SESSION_FILE)
        opened = Opened(str(values.get("title", "")), _parameters(values.get("parameters")))
        if not values:
            opened.faults.append(f"The session in {self.folder} is damaged; nothing of it could be read.")
        version = values.get("version")
        if isinstance(version, int) and version > VERSION:
            opened.faults.append("The session was kept by a newer version of this program; some of it may be missing.")
        found = [self._layer(plain, opened) for plain in as_list(values.get("layers"))]
        opened.layers = [layer for layer in found if layer is not None]
        self._used = _stores([*as_list(values.get("layers")), *as_list(values.get("closed"))])
        self._replay(opened, values)
        opened.active = str(values.get("active"))
        view = values.get("view")
        opened.view = ViewState.from_plain(view if isinstance(view, dict) else {})
        return opened

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

    def _layer(self, plain: Any, opened: Opened) -> Layer | None:  # noqa: ANN401 - whatever the file holds
        try:
            layer = layer_from_plain(plain, self.folder, self._written)
            if isinstance(source := getattr(layer, "source", None), EditableSource):
                opened.faults += warnings_of(layer.title, plain["source"].get("below"), source)
            return layer
        except AppError as error:
            title = plain.get("title", "a layer") if isinstance(plain, dict) else "a layer"
            opened.faults.append(f"{title} could not be opened: {error.message}")
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
            opened.faults.append("One layer of the session is damaged and was left out.")
        return None

    def _replay(self, opened: Opened, values: dict[str, Any]) -> None:
        """Make again what the journal tells beyond the layers' state."""
        if not (self.folder / JOURNAL_FILE).exists():
            opened.recovered = Recovered(tuple(opened.layers))
            return
        kept = values.get("journal")
        position = kept.get("position") if isinstance(kept, dict) else None
        closed = [plain for plain in as_list(values.get("closed")) if isinstance(plain, dict) and "id" in plain]
        opened.book = LayerBook(opened.layers, closed, self.folder)
        self._file = opened.file = JournalFile(self.folder)
        position = position if isinstance(position, int) else None
        opened.recovered = recover(opened.layers, opened.file, opened.book, position)
        opened.layers = list(opened.recovered.layers)
        opened.faults += opened.recovered.faults

    def _drop_unused(self, layers: list[dict[str, Any]]) -> None:
        """Remove what was used by the state before and is not by this one: others may still read what is newer."""
        used = _stores(layers)
        for store in self._used - used:
            path = self.folder / store
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        self._used = used


def _stores(layers: Iterable[Any]) -> set[str]:
    """Where in the folder the voxels of layers lie that are given as plain values."""
    sources = [layer.get("source") for layer in layers if isinstance(layer, dict)]
    stores = {str(source["store"]) for source in sources if isinstance(source, dict) and "store" in source}
    return {store for store in stores if _is_inside(store)}


def _is_inside(store: str) -> bool:
    """Whether a path lies among the session's labels, whatever a mangled file says."""
    parts = PurePosixPath(store).parts
    return len(parts) > 1 and parts[0] == LABELS and ".." not in parts


def _parameters(value: object) -> Parameters:
    items = value.items() if isinstance(value, dict) else ()
    return {str(task): values for task, values in items if isinstance(values, dict)}
