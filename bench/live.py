"""The live plane: from the event that moves a slider to the picture on the screen."""

import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench import Row
from bench.event_loop import rest, until

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from empanada_desktop.gui.workspace import Workspace

TITLE = "Moving a slider of the live plane"
SIDE, DRAGS, FIRST = 1024, 24, 8
SETTINGS: dict[str, dict[str, object]] = {
    "plain": {},
    "fine boundaries": {"fine_boundaries": True},
    "fill holes": {"fill_holes": True},
    "plain, confidence map beside it": {},
}


def run() -> list[Row]:
    """Drag the segmentation confidence with keys on a 1024² plane made of the sample, offscreen, network kept."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory() as home:
        os.environ["EMPANADA_DESKTOP_HOME"] = home
        drive = _Drive(plane_of_sample(Path(home) / "plane.tif"))
        try:
            return [row for name, values in SETTINGS.items() for row in drive.measure(name, values)]
        finally:
            drive.close()


def plane_of_sample(path: Path) -> Path:
    """One plane of the sample, mirrored at its edges until it is 1024² pixels large."""
    import tifffile

    from empanada_desktop.io.volumes import open_volume
    from empanada_desktop.tasks.demo import sample_path

    with open_volume(sample_path()) as volume:
        plane = np.asarray(volume[volume.shape[0] // 2])
    missing = [(0, SIDE - length) for length in plane.shape]
    tifffile.imwrite(path, np.pad(plane, missing, mode="symmetric"), photometric="minisblack")
    return path


class _Drive:
    """A window with the plane open and live."""

    def __init__(self, path: Path) -> None:
        from empanada_desktop.gui.app import make_application
        from empanada_desktop.gui.main_window import MainWindow

        self.application: QApplication = make_application()
        self.window: MainWindow = MainWindow()
        self.window.resize(1680, 1050)
        self.window.show()
        self.window.open_path(str(path))
        until(lambda: self.window.workspace is not None and self.workspace.document.layers)
        self.workspace.grid.maximise("xy")
        self.panel = self.workspace.form.plane
        self.panel.run_asked.emit()
        until(lambda: self.panel.state == "live")
        self._refreshed = False
        self.workspace.grid.loader.refreshed.connect(self._note_refresh)

    @property
    def workspace(self) -> "Workspace":
        if self.window.workspace is None:
            raise RuntimeError("nothing is open")
        return self.window.workspace

    def measure(self, name: str, values: dict[str, object]) -> list[Row]:
        """Milliseconds from key to picture with these settings."""
        defaults = {field: self.panel.form.rows[field].facts.default for field in ("fine_boundaries", "fill_holes")}
        self.panel.form.set_values(defaults | values)
        self.panel.map.setChecked("map" in name)
        rest(0.15)
        taken = [self._drag(place) for place in range(DRAGS + FIRST)][FIRST:]
        objects = 0 if self.workspace.live.grouping is None else sum(self.workspace.live.grouping.objects.values())
        note = (
            f"segmentation confidence moved by a key, {SIDE}² plane of the sample mirrored at its edges, "
            f"{objects} objects, {DRAGS} moves"
        )
        return [
            Row(f"{name}: event to picture, median", statistics.median(taken) * 1000, "ms", note),
            Row(f"{name}: event to picture, worst", max(taken) * 1000, "ms", note),
        ]

    def close(self) -> None:
        """Close the window."""
        self.window.close()
        self.application.processEvents()

    def _drag(self, place: int) -> float:
        """Seconds from a key on the slider until the canvas has painted what came of it."""
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        from empanada_desktop.gui.controls import SliderField

        field = self.panel.form.rows["segmentation_confidence"].control.widget
        if not isinstance(field, SliderField):
            raise TypeError("the confidence has no slider")
        self._refreshed = False
        started = time.perf_counter()
        # There and back again, five steps each: every move changes the objects a little.
        QTest.keyClick(field.slider, Qt.Key.Key_Left if place % 10 < 5 else Qt.Key.Key_Right)
        until(lambda: self._refreshed and self.workspace.grid.loader.is_idle() and self._is_painted(), 0.0005)
        taken = time.perf_counter() - started
        rest(0.15)
        return taken

    def _is_painted(self) -> bool:
        """Whether nothing that was composed waits to be painted."""
        from empanada_desktop.core.geometry import Axis

        return self.workspace.grid.canvas(Axis.XY)._stale.isEmpty()

    def _note_refresh(self, *_: object) -> None:
        self._refreshed = True
