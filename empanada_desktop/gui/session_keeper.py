"""Keeps what is open in the session's folder, now and then and at the end, and brings it back."""

import datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from empanada_desktop.document.session import Session, latest
from empanada_desktop.errors import AppError, SettingsError

if TYPE_CHECKING:
    from empanada_desktop.gui.workspace import Workspace

KEEP_EVERY_MS = 120_000


class SessionKeeper(QObject):
    """The session of what is open."""

    def __init__(self, workspace: "Workspace") -> None:
        super().__init__(workspace)
        self._workspace = workspace
        self._session: Session | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(KEEP_EVERY_MS)
        self._timer.timeout.connect(self.save)

    def opened(self, path: str) -> None:
        """Another volume was opened: a session of its own begins."""
        window = self._workspace.window
        window.settings = window.settings.with_recent(path)
        window.keep_settings()
        self._end()
        try:
            self._session = Session.create()
        except AppError as problem:
            window.tell(problem)
            return
        self._timer.start()

    def save(self) -> None:
        """Write the session; a full disk is said and nothing else happens."""
        workspace = self._workspace
        if self._session is None or not workspace.document.layers:
            return
        parameters = {
            "segment-plane": workspace.form.plane.form.values(),
            "segment-volume": workspace.form.volume.form.values(),
        }
        try:
            self._session.save(workspace.document, parameters)
        except AppError as problem:
            workspace.window.tell(problem)
            return
        workspace.window.status.show_saved(f"Session kept, {datetime.datetime.now():%H:%M}")

    def restore(self) -> None:
        """Bring back what was kept last; SettingsError when there is nothing."""
        kept = latest()
        if kept is None:
            raise SettingsError("There is nothing to continue.", "Open a volume.")
        workspace = self._workspace
        self.save()
        self._end()
        workspace.live.stop()
        self._session = Session(kept.folder)
        opened = self._session.load(workspace.document)
        workspace.form.plane.form.set_values(opened.parameters.get("segment-plane", {}))
        workspace.form.volume.form.set_values(opened.parameters.get("segment-volume", {}))
        self._timer.start()
        if opened.faults:
            workspace.window.bar.say(" ".join(opened.faults), "warning")

    def close(self) -> None:
        """Let go of the session."""
        self._timer.stop()
        self._end()

    def _end(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None
