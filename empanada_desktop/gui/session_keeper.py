"""Keeps what is open in the session's folder, now and then and at the end, and brings it back; files in a thread."""

import datetime
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QImage

from empanada_desktop.document.session import PICTURE_FILE, Opened, Session, Snapshot, latest
from empanada_desktop.errors import AppError, SettingsError

if TYPE_CHECKING:
    from empanada_desktop.gui.workspace import Workspace

KEEP_EVERY_MS, FIRST_KEPT_MS = 120_000, 2_000
Then = Callable[[Any], object]


class SessionKeeper(QObject):
    """The session of what is open. What reads or writes files is done by one thread, in the order it was asked for."""

    _done = Signal(object)

    def __init__(self, workspace: "Workspace") -> None:
        super().__init__(workspace)
        self._workspace = workspace
        self._session: Session | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="session")
        self._done.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._timer = QTimer(self)
        self._timer.setInterval(KEEP_EVERY_MS)
        self._timer.timeout.connect(self.keep)
        self._first = QTimer(self)
        self._first.setSingleShot(True)
        self._first.setInterval(FIRST_KEPT_MS)
        self._first.timeout.connect(self.keep)

    def opened(self, path: str) -> None:
        """Another volume was opened: a session of its own begins."""
        window = self._workspace.window
        window.settings = window.settings.with_recent(path)
        window.keep_settings()
        self.leave()
        self._run(self._begin, lambda _: self._begun())

    def _begun(self) -> None:
        self._timer.start()
        self._first.start()

    def _begin(self) -> None:
        if self._session is not None:  # another volume was opened in the same moment
            self._session.close()
        self._session = Session.create()

    # Keeping

    def keep(self) -> None:
        """Write the session in the thread; a full disk is said and nothing else happens."""
        session, snapshot = self._session, self._snapshot()
        if session is not None and snapshot.layers:
            self._run(lambda: session.write(snapshot), lambda _: self._kept())

    def save(self) -> None:
        """Write the session and wait for it; for the end, or before something worse happens."""
        self._pool.submit(bool).result()  # the session may be about to begin
        session, snapshot = self._session, self._snapshot()
        if session is None or not snapshot.layers:
            return
        picture = self._picture()
        try:
            self._pool.submit(_write, session, snapshot, picture).result()
        except AppError as problem:
            self._workspace.window.tell(problem)
            return
        self._kept()

    def leave(self, then: Callable[[], object] | None = None) -> None:
        """Keep the session for Continue and let go of it, in the thread; the document may be cleared at once."""
        session, snapshot = self._session, self._snapshot()
        self._session = None
        self._timer.stop()
        self._first.stop()
        if session is not None:
            picture = self._picture()
            self._run(lambda: _write_last(session, snapshot, picture), lambda _: then and then())
        elif then is not None:
            then()

    def close(self) -> None:
        """Let go of the session and end the thread; what it has to write it writes first."""
        self._timer.stop()
        self._first.stop()
        session, self._session = self._session, None
        if session is not None:
            self._pool.submit(session.close)
        self._pool.shutdown(wait=True)

    def _kept(self) -> None:
        self._workspace.document.history.mark_saved()
        self._workspace.window.status.show_saved(f"Session kept, {datetime.datetime.now():%H:%M}")

    def _snapshot(self) -> Snapshot:
        form = self._workspace.form
        parameters = {"segment-plane": form.plane.form.values(), "segment-volume": form.volume.form.values()}
        return Snapshot.of(self._workspace.document, parameters)

    def _picture(self) -> QImage:
        """The plane in view, for the start page."""
        grid = self._workspace.grid
        return grid.canvas(grid.active_axis).grab().toImage()

    # Bringing back

    def restore(self, then: Callable[[], object]) -> None:
        """Read what was kept last, in the thread, show it and call `then`; until then all stays as it is."""
        self._run(_read_latest, lambda found: self._show(found, then))

    def _show(self, found: tuple[Session, Opened], then: Callable[[], object]) -> None:
        workspace, (session, opened) = self._workspace, found
        workspace.live.stop()
        self.leave()
        self._session = session
        session.show(opened, workspace.document)
        workspace.form.plane.form.set_values(opened.parameters.get("segment-plane", {}))
        workspace.form.volume.form.set_values(opened.parameters.get("segment-volume", {}))
        self._timer.start()
        workspace.restored(opened.title)
        then()
        if opened.faults:
            workspace.window.bar.say(" ".join(opened.faults), "warning")

    # The thread

    def _run(self, work: Callable[[], object], then: Then) -> None:
        future = self._pool.submit(work)
        future.add_done_callback(lambda done: self._done.emit((done, then)))

    def _deliver(self, ended: tuple["Future[Any]", Then]) -> None:
        future, then = ended
        problem = future.exception()
        if problem is None:
            then(future.result())
        else:
            self._workspace.window.failed(problem)


def _write(session: Session, snapshot: Snapshot, picture: QImage) -> None:
    session.write(snapshot)
    picture.save(str(session.folder / PICTURE_FILE))


def _write_last(session: Session, snapshot: Snapshot, picture: QImage) -> None:
    try:
        if snapshot.layers:
            _write(session, snapshot, picture)
    finally:
        session.close()


def _read_latest() -> tuple[Session, Opened]:
    kept = latest()
    if kept is None:
        raise SettingsError("There is nothing to continue.", "Open a volume.")
    session = Session(kept.folder)
    try:
        opened = session.read()
    except BaseException:
        session.close()
        raise
    if not opened.layers:
        session.close()
        raise SettingsError(
            " ".join(opened.faults) or "The session holds nothing.", "Put the files back, or open others."
        )
    return session, opened
