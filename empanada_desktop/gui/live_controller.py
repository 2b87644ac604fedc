"""Between the live session and the window: wishes go out, what comes back arrives in the window's thread."""

from PySide6.QtCore import QObject, Signal

from empanada_desktop.gui.qt_runner import Relay
from empanada_desktop.jobs.live import LiveSession
from empanada_desktop.tasks.inference_params import PlaneParams
from empanada_desktop.tasks.live_plane import LivePlane


class LiveController(QObject):
    """Asks for planes and tells what came of them."""

    busy_changed = Signal(bool)
    predicted = Signal(object, object)
    grouped = Signal(object, object)
    failed = Signal(object, object)

    def __init__(self, parent: QObject, session: LiveSession | None = None) -> None:
        super().__init__(parent)
        self.session = session or LiveSession()
        pairs = (
            (self.session.busy_changed, self.busy_changed),
            (self.session.predicted, self.predicted),
            (self.session.grouped, self.grouped),
            (self.session.failed, self.failed),
        )
        self._relays = []
        for source, signal in pairs:
            relay = Relay(self, signal.emit)
            source.connect(relay.send)
            self._relays.append(relay)

    def wish(self, plane: LivePlane, params: PlaneParams, name: str = "live") -> None:
        """Ask for a plane with these settings."""
        self.session.wish(plane, params, name)

    def forget(self, name: str = "live") -> None:
        """Drop a wish."""
        self.session.forget(name)

    def close(self) -> None:
        """End the session's process."""
        self.session.close()
