"""Keeps what is open in the session's folder, now and then and at the end, and brings it back; files in a thread."""

import contextlib
import datetime
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QBuffer, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QImage

from empanada_desktop.document.journal import Journal
from empanada_desktop.document.kept import PICTURE_FILE, latest
from empanada_desktop.document.layer_book import LayerBook
from empanada_desktop.document.layers import Layer
from empanada_desktop.document.reopening import Opened
from empanada_desktop.document.session import Session
from empanada_desktop.document.snapshot import Snapshot, own_work
from empanada_desktop.errors import AppError, SettingsError
from empanada_desktop.gui.moved_files import Wanted, ask_where

if TYPE_CHECKING:
    from empanada_desktop.gui.workspace import Workspace

JOURNAL = "journal"
KEEP_EVERY_MS, FIRST_KEPT_MS = 120_000, 2_000
Then = Callable[[Any], object]


class SessionKeeper(QObject):
    """The session of what is open. What reads or writes files is done by one thread, in the order it was asked for.

    The journal hears every deed from the moment a volume is opened, and writes in a thread of its own.
    """

    _done = Signal(object)
    _journal_said = Signal(object)

    def __init__(self, workspace: "Workspace") -> None:
        super().__init__(workspace)
        self._workspace = workspace
        self._session: Session | None = None
        self._found: Session | None = None
        self._journal: Journal | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="session")
        self._done.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._journal_said.connect(self._tell_of_journal, Qt.ConnectionType.QueuedConnection)
        workspace.document.layer_added.connect(self._give_room)
        workspace.document.layer_changed.connect(self._give_room)
        workspace.document.layer_removed.connect(self._keep_soon)
        self._is_open, self._is_leaving = True, False
        self._waiting: list[Callable[[], object]] = []
        self._timer = QTimer(self)
        self._timer.setInterval(KEEP_EVERY_MS)
        self._timer.timeout.connect(self.keep)
        self._first = QTimer(self)
        self._first.setSingleShot(True)
        self._first.setInterval(FIRST_KEPT_MS)
        self._first.timeout.connect(self.keep)

    @property
    def folder(self) -> Path | None:
        """Where what is open is kept, once it is."""
        return None if self._session is None else self._session.folder

    def opened(self, path: str) -> None:
        """Another volume was opened: a session of its own begins."""
        window = self._workspace.window
        window.settings = window.settings.with_recent(path)
        window.keep_settings()
        self._detach()
        document = self._workspace.document
        journal = self._journal = Journal(document, LayerBook(document.layers), self._journal_said.emit)
        snapshot = self._snapshot()
        self._timer.start()
        self._run(lambda: self._begin(snapshot, journal), lambda _: self._first.start())

    def _begin(self, snapshot: Snapshot, journal: Journal) -> None:
        self._close()  # another volume was opened in the same moment
        self._session = _begun(snapshot, journal)

    def _give_room(self, *_: object) -> None:
        if self._session is not None:
            self._session.give_room(self._workspace.document)

    def _keep_soon(self, layer: Layer) -> None:
        """A deleted layer leaves the memory once it is on the disk."""
        if not layer.is_preview and self._session is not None and self._timer.isActive():
            self._first.start()

    def note_room(self, name: str) -> None:
        """Another room is shown: it comes back with the session, after a crash, too."""
        document = self._workspace.document
        if name != document.view.workspace:
            document.change_view(workspace=name)
            if self._timer.isActive():
                self._first.start()

    def _tell_of_journal(self, problem: AppError | None) -> None:
        """The journal finds no room on the disk, or does again."""
        if not self._is_open or self._journal is None:
            return
        if problem is not None:
            self._workspace.window.tell(problem, about=JOURNAL)
        else:
            self._workspace.window.bar.settle(JOURNAL)

    def _detach(self) -> None:
        """Let the journal hear nothing more; what it heard it still writes."""
        journal, self._journal = self._journal, None
        if journal is not None:
            journal.detach()

    # Keeping

    def keep(self) -> None:
        """Write the session in the thread; a full disk is said and nothing else happens.

        While a large edit is being made it waits.
        """
        if self._workspace.document.long_deed is not None:
            self._first.start()
            return
        snapshot = self._snapshot()
        if snapshot.layers:
            self._run(lambda: self._write(snapshot), self._told)

    def _told(self, problem: AppError | None) -> None:
        if problem is None:
            self._kept()
        else:
            self._workspace.window.tell(problem, about="session")

    def save(self) -> AppError | None:
        """Write the session and wait for it, for the end or before something worse happens; returns what failed."""
        snapshot = self._snapshot()
        if not snapshot.layers:
            return None
        picture = self._picture()
        problem: AppError | None = self._pool.submit(lambda: self._write(snapshot, picture)).result()
        if problem is None:
            self._kept()
        return problem

    def _write(self, snapshot: Snapshot, picture: QImage | None = None) -> AppError | None:
        """In the thread: write what is open. A session that found no room when the volume was opened begins now."""
        try:
            if self._session is None:
                self._session = _begun(snapshot, self._journal)
            else:
                self._session.write(snapshot)
        except AppError as problem:
            return problem
        if picture is not None:
            _write_picture(picture, self._session.folder / PICTURE_FILE)
        return None

    # Leaving

    def leave(self, then: Callable[[], object], stay: Callable[[], object] = bool) -> None:
        """Keep the session for Continue, let go of it, then call `then`; `stay` where the user keeps what is open.

        All stays open while it is written, in the thread; where own work cannot be kept, the user is asked.
        """
        snapshot, state = self._snapshot(), self._state()
        if not snapshot.layers:
            self._let_go(then)
            return
        self._is_leaving, picture = True, self._picture()
        self._run(
            lambda: self._write(snapshot, picture), lambda problem: self._left(problem, snapshot, state, then, stay)
        )

    def when_settled(self, deed: Callable[[], object]) -> None:
        """Do this at once, or when what is open was left; where the user stays it is not done."""
        if self._is_leaving:
            self._waiting.append(deed)
        else:
            deed()

    def _left(
        self,
        problem: AppError | None,
        snapshot: Snapshot,
        state: object,
        then: Callable[[], object],
        stay: Callable[[], object],
    ) -> None:
        own, window = own_work(snapshot.layers), self._workspace.window
        answer = "leave" if problem is None or not own else window.ask_about_lost(problem, own)
        if answer == "stay":
            self._is_leaving = False
            self._waiting.clear()
            stay()
        elif answer == "again" or (problem is None and state != self._state()):  # something was done meanwhile
            self.leave(then, stay)
        else:
            self._let_go(then)
            if problem is not None and not own:
                window.bar.say(problem.message, "warning", "Nothing is lost, but Continue does not know of it.")

    def _let_go(self, then: Callable[[], object]) -> None:
        """Let go of the session, call `then`, and do what has waited for that."""
        self._timer.stop()
        self._first.stop()
        self._detach()
        self._pool.submit(self._close).result()
        self._is_leaving = False
        then()
        waiting, self._waiting = self._waiting, []
        for deed in waiting:
            self.when_settled(deed)

    def _state(self) -> object:
        """What differs when something was done to the document."""
        document = self._workspace.document
        return document.layers, document.history.position, document.history.next_undo

    def close(self) -> None:
        """Let go of the session and end the thread; what it has to write it writes first."""
        self._is_open = False
        self._timer.stop()
        self._first.stop()
        self._detach()
        self._pool.submit(self._close)
        self._pool.shutdown(wait=True)
        self._put_back()

    def _close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _kept(self) -> None:
        self._workspace.document.history.mark_saved()
        self._workspace.window.bar.settle("session")
        self._workspace.window.status.show_saved(f"Session kept, {datetime.datetime.now():%H:%M}")

    def _snapshot(self) -> Snapshot:
        form = self._workspace.form
        parameters = {"segment-plane": form.plane.form.values(), "segment-volume": form.volume.form.values()}
        return Snapshot.of(self._workspace.document, parameters, journal=self._journal)

    def _picture(self) -> QImage:
        """The plane in view, for the start page."""
        grid = self._workspace.grid
        return grid.canvas(grid.active_axis).grab().toImage()

    # Bringing back

    def restore(self, wanted: Wanted, then: Callable[[], object]) -> None:
        """Read a session in the thread, show it and call `then`; until then all stays.

        Where files are not where they were, the user is asked instead.
        """
        self._put_back()
        self._run(lambda: self._read(wanted), lambda found: self._show(found, then))

    def _read(self, wanted: Wanted) -> tuple[Session, Opened]:
        found = _read(wanted)
        self._found = found[0]
        return found

    def _show(self, found: tuple[Session, Opened], then: Callable[[], object]) -> None:
        session, opened = found
        if opened.is_waiting:
            self._put_back()
            ask_where(self._workspace.window, session.folder, opened)
        else:
            self.leave(lambda: self._bring(session, opened, then), stay=self._put_back)

    def _put_back(self) -> None:
        session, self._found = self._found, None
        if session is not None:
            session.close()

    def _bring(self, session: Session, opened: Opened, then: Callable[[], object]) -> None:
        workspace = self._workspace
        workspace.live.stop()
        self._session, self._found = session, None
        session.show(opened, workspace.document)
        self._journal = session.go_on(opened, workspace.document, self._journal_said.emit)
        workspace.form.plane.form.set_values(opened.parameters.get("segment-plane", {}))
        workspace.form.volume.form.set_values(opened.parameters.get("segment-volume", {}))
        self._timer.start()
        workspace.opener.restored(opened.title)
        then()
        steps = opened.recovered.steps
        words = [f"Recovered {steps.words}."] if steps.words else []
        if words or opened.faults:
            workspace.window.bar.say(" ".join([*words, *opened.faults]), "warning")
        if steps.n_records or opened.moved:
            self.keep()

    # The thread

    def _run(self, work: Callable[[], object], then: Then) -> None:
        future = self._pool.submit(work)
        future.add_done_callback(lambda done: self._done.emit((done, then)))

    def _deliver(self, ended: tuple["Future[Any]", Then]) -> None:
        future, then = ended
        if not self._is_open:
            return
        problem = future.exception()
        if problem is None:
            then(future.result())
        else:
            self._workspace.window.failed(problem)


def _begun(snapshot: Snapshot, journal: Journal | None) -> Session:
    """Begin a session with what is open, and let the journal write into it. SettingsError on a full disk."""
    session = Session.create()
    try:
        session.write(snapshot)
        if journal is not None:
            session.keep_journal(journal)
    except BaseException:
        session.close()
        raise
    return session


def _write_picture(picture: QImage, path: Path) -> None:
    """Write the picture for the start page, whole or not at all; without room there is none."""
    data = QBuffer()
    picture.save(data, "PNG")  # type: ignore[call-overload] # the stubs do not know of devices
    part = path.with_name(f"{path.name}.part")
    with contextlib.suppress(OSError):
        try:
            part.write_bytes(data.data().data())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def _read(wanted: Wanted) -> tuple[Session, Opened]:
    """Open a session, or what was kept last. SettingsError where there is none, or where it is open elsewhere."""
    folder = wanted.folder
    if folder is None:
        kept = latest()
        folder = kept.folder if kept is not None else None
    if folder is None:
        raise SettingsError("There is nothing to continue.", "Open a volume.")
    session = Session.copy_of(folder) if wanted.goes_without else Session(folder)
    try:
        opened = session.read(wanted.moved, wanted.goes_without)
    except BaseException:
        session.close()
        raise
    if not opened.layers and not opened.is_waiting:
        session.close()
        raise SettingsError(
            " ".join(opened.faults) or "The session holds nothing.", "Put the files back, or open others."
        )
    return session, opened
