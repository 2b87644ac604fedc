"""The frame of what a segmentation is confined to, in the views, while its form is seen."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject

from empanada_desktop.core.geometry import Axis, Box

if TYPE_CHECKING:
    from empanada_desktop.gui.workspace import Workspace


class RegionFrame(QObject):
    """Shows the region of the form that is seen: the live plane's in its orientation, the volume's in all three."""

    def __init__(self, workspace: "Workspace") -> None:
        super().__init__(workspace)
        self._workspace = workspace
        workspace.form.mode_changed.connect(self.show)
        workspace.live.region_changed.connect(self.show)
        workspace.volume.panel.region_changed.connect(self.show)
        workspace.form.installEventFilter(self)

    def show(self) -> None:
        """Show it as it is now."""
        self._workspace.grid.set_frames(self._frames() if self._workspace.form.isVisible() else {})

    def _frames(self) -> dict[Axis, Box]:
        mode, live = self._workspace.form.mode.value(), self._workspace.live
        if mode == "volume":
            box = self._workspace.volume.panel.region
            return {} if box is None else dict.fromkeys(Axis, box)
        if mode != "plane" or live.panel.confine.value() != "region" or live.region is None:
            return {}
        axis, box = live.region
        return {axis: self._through(axis, box)}

    def _through(self, axis: Axis, box: Box) -> Box:
        """The same region on every plane of its orientation."""
        start, stop = list(box.start), list(box.stop)
        start[axis.normal], stop[axis.normal] = 0, self._workspace.document.shape[axis.normal]
        return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))

    def eventFilter(self, _form: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """The form came into sight, or left it."""
        if event.type() in (QEvent.Type.Show, QEvent.Type.Hide):
            self.show()
        return False
