"""Make the pictures of docs/images from the running program, on the sample with the bundled weights.

Needs a display with OpenGL; without one:
xvfb-run -a -s "-screen 0 1720x1100x24" .venv/bin/python docs/make_pictures.py
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QEventLoop, QPoint, Qt, QTimer
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from empanada_desktop.core.edits import RegionEdit
from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.gui.app import make_application
from empanada_desktop.gui.keys_page import KeysPage
from empanada_desktop.gui.main_window import MainWindow
from empanada_desktop.gui.theme import theme
from empanada_desktop.gui.workspace import Workspace
from empanada_desktop.io.ome_zarr import ResultStore
from empanada_desktop.settings import resources_folder

FOLDER = Path(__file__).resolve().parent / "images"
CARD = resources_folder() / "sample" / "preview.png"
SIZE = (1680, 1050)
RESULT = Path(__file__).resolve().parents[1] / "tests" / "data" / "medulla_mito.npz"
ROOMS = {"annotate", "proofread", "split", "measure", "score"}
WHOLE = Box((0, 0, 0), (200, 200, 200))
NARROW = ((1366, 768), (1060, 768))
PATIENCE = 900.0


class Photographer:
    """Drives the window as a person would and takes pictures on the way."""

    def __init__(self, wanted: set[str]) -> None:
        self.wanted = wanted
        self.application = make_application()
        self.window = MainWindow()
        theme.use("dark")
        self.window.resize(*SIZE)
        self.window.show()
        self.wait(1)

    @property
    def workspace(self) -> Workspace:
        """What is open."""
        if self.window.workspace is None:
            raise RuntimeError("nothing is open")
        return self.window.workspace

    def wait(self, seconds: float) -> None:
        """Let the program run; not with QTest.qWait, which does not let other threads have their turn."""
        loop = QEventLoop()
        QTimer.singleShot(round(seconds * 1000), loop.quit)
        loop.exec()

    def until(self, condition: Callable[[], object]) -> None:
        """Let the program run until something has happened."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError(condition)
            self.wait(0.05)

    def take(self, name: str, widget: QWidget | None = None, popup: QWidget | None = None) -> None:
        """Write a picture of the window, or of one widget."""
        if self.wanted and name not in self.wanted:
            return
        self.window.toast.hide()
        QApplication.processEvents()
        picture = (widget or self.window).grab()
        if popup is not None:
            _paste(picture, popup, self.window)
        picture.save(str(FOLDER / f"{name}.png"), "PNG", 0)

    def start_page(self) -> None:
        """The start page after some work, checked."""
        self.window.close_volume()
        self.until(lambda: self.window.computer is not None and self.window.start.go_on_card.isVisible())
        self.wait(1)
        self.take("start")

    def open_sample(self, home: Path) -> None:
        """A copy of the sample in the user's folder, everything in sight read."""
        place = home / "data" / "flyem"
        place.mkdir(parents=True)
        self.window.open_path(shutil.copy(resources_folder() / "sample" / "medulla.tif", place))
        self.until(lambda: self.window.workspace is not None and self.workspace.document.layers)
        self.settle()

    def settle(self) -> None:
        """Wait for the views."""
        self.wait(0.5)
        self.until(lambda: self.workspace.grid.is_complete)
        self.wait(0.5)

    def tune(self) -> None:
        """A plane, live, with its confidence beside it, and the scale finder below."""
        workspace = self.workspace
        panel = workspace.form.plane
        QTest.mouseClick(panel.run_button, Qt.MouseButton.LeftButton)
        self.until(lambda: panel.state == "live")
        panel.form.set_value("segmentation_confidence", 0.4)
        self.wait(1)
        workspace.grid.maximise("xy")
        panel.map.click()
        self.settle()
        self.take("live")
        workspace.live.find_scale()
        self.until(lambda: workspace.live.scales is not None and workspace.live.scales.is_complete)
        self.settle()
        self.take("scales")
        panel.map.click()
        workspace.live.scales.strip.hide()  # type: ignore[union-attr]
        workspace.grid.maximise(None)
        workspace.live.stop()
        self.settle()

    def volume(self, out: Path) -> None:
        """The volume: before it starts, while it runs, and done."""
        workspace = self.workspace
        workspace.form.show_mode("volume")
        workspace.volume.time_one_plane()
        panel = workspace.form.volume
        self.until(lambda: any(check.words.startswith("about") for check in panel.preflight.checks))
        panel.out.setText(str(out))
        QTest.mouseClick(panel.start_button, Qt.MouseButton.LeftButton)
        job = workspace.jobs.queue.jobs[-1]
        self.until(lambda: job.state.has_ended or (job.total and job.done > job.total // 2 and job.seconds_left))
        self.wait(1)
        self.take("running")
        self.until(lambda: job.state.has_ended)
        self.until(lambda: workspace.labels() is not None and not workspace.labels().is_preview)  # type: ignore[union-attr]
        self.settle()

    def consensus(self, out: Path) -> None:
        """What three stacks agree on, in 3D and alone."""
        workspace = self.workspace
        before = len(workspace.document.layers)
        workspace.form.show_mode("volume")
        panel = workspace.form.volume
        panel.form.set_values({"ortho_plane": True})
        panel.out.setText(str(out))
        QTest.mouseClick(panel.start_button, Qt.MouseButton.LeftButton)
        job = workspace.jobs.queue.jobs[-1]
        self.until(lambda: job.state.has_ended)
        self.until(lambda: len(workspace.document.layers) > before)
        workspace.grid.maximise("3d")
        self.settle()
        self.take("consensus")
        workspace.grid.maximise(None)
        panel.form.set_values({"ortho_plane": False})
        labels = workspace.labels()
        if labels is not None:
            workspace.document.remove_layer(labels)
        workspace.form.show_mode("plane")
        self.settle()

    def result(self) -> None:
        """The result in both themes, an object selected."""
        labels = self.workspace.labels()
        if labels is None:
            return
        ids, counts = _largest(labels.source)
        self.workspace.document.select(labels, [ids[counts.argmax()]] if len(ids) else [])
        for name in ("dark", "light"):
            self.window.use_theme(name)
            self.settle()
            self.take(f"main-{name}")
        self.window.use_theme("dark")
        self.narrow()
        self.card()

    def annotate(self) -> None:
        """An object that is being painted, the brush over a view."""
        workspace = self.workspace
        self.window.choose_tab("annotate")
        workspace.choose_tool("brush")
        label_id, voxel = self.pick(1)
        self.look_at(voxel, 3.0)
        labels = workspace.labels()
        if labels is not None:
            workspace.document.change_layer(labels, active_id=label_id)
            workspace.document.select(labels, [label_id])
        canvas = workspace.grid.canvas(Axis.XY)
        middle = canvas.rect().center()
        for step in range(12):
            QTest.mouseMove(canvas, middle + QPoint(90 - step, 50 + step))
            self.wait(0.05)
        self.settle()
        self.take("annotate")
        workspace.choose_tool("cursor")

    def proofread(self) -> None:
        """The queue of suspicious objects, and two objects that are about to be merged."""
        self.window.choose_tab("proofread")
        room = self.workspace.rooms["proofread"]
        self.settle()
        queue: Any = room.left.queue  # type: ignore[union-attr]
        queue.find_button.click()
        self.until(lambda: queue.model.every and queue.current is not None)
        self.pick_neighbours()
        self.wait(2)
        self.take("proofread")
        QTest.keyClick(self.workspace.grid.canvas(Axis.XY), Qt.Key.Key_Escape)
        self.split()

    def pick_neighbours(self) -> None:
        """Click the two largest objects of the middle plane to merge them."""
        workspace, labels = self.workspace, self.workspace.labels()
        if labels is None:
            return
        plane = np.asarray(labels.source[100, :, :])
        ids, counts = np.unique(plane[plane > 0], return_counts=True)
        self.look_at((100, 120, 120), 1.9)
        workspace.choose_tool("merge")
        canvas = workspace.grid.canvas(Axis.XY)
        for chosen in ids[np.argsort(counts)[-2:]]:
            places = np.argwhere(plane == chosen)
            row, column = places[np.argmin(((places - places.mean(axis=0)) ** 2).sum(axis=1))]
            spot = canvas.camera().point_of(row + 0.5, column + 0.5)
            QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(round(spot[0]), round(spot[1])))
            self.settle()

    def split(self) -> None:
        """An object with a neck, the parts that two points in it would make, and two deeds in the history."""
        workspace = self.workspace
        room: Any = workspace.rooms["proofread"]
        labels = workspace.labels()
        if labels is None:
            return
        voxels = np.asarray(labels.source[:, :, :])
        for label_id in np.unique(voxels)[1:3]:
            workspace.document.select(labels, [int(label_id)])
            before = workspace.document.history.position
            self.wait(1)
            workspace.do("objects_delete")
            self.until(lambda before=before: workspace.document.history.position > before)
            self.settle()
        workspace.document.undo()
        workspace.document.select(labels, [])
        ids, counts = np.unique(voxels[voxels > 0], return_counts=True)
        chosen = int(ids[counts.argmax()])
        z = int(np.argmax((voxels == chosen).sum(axis=(1, 2))))
        places = np.argwhere(voxels[z] == chosen)
        self.look_at((z, *(int(place) for place in places.mean(axis=0))), 3.0)
        workspace.choose_tool("split")
        canvas = workspace.grid.canvas(Axis.XY)
        for row, column in (places[places[:, 1].argmin()], places[places[:, 1].argmax()]):
            spot = canvas.camera().point_of(row + 0.5, column + 0.5)
            QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(round(spot[0]), round(spot[1])))
            self.settle()
        words = room.banner.words
        self.until(lambda: "parts" in words.whole)
        self.settle()
        self.take("split")
        QTest.keyClick(canvas, Qt.Key.Key_Escape)
        workspace.choose_tool("cursor")

    def measure(self) -> None:
        """Measured objects."""
        self.window.choose_tab("measure")
        room = self.workspace.rooms["measure"]
        self.settle()
        dock: Any = room.right
        form = dock.measure
        form.start_button.click()
        self.wait(1)
        self.until(lambda: form.desk.counted.measured is not None)
        self.workspace.grid.fit()
        self.settle()
        self.take("measure")
        self.score(dock)
        self.window.choose_tab("segment")

    def score(self, dock: Any) -> None:  # noqa: ANN401 - the dock of the room Measure
        """The result against itself with two objects gone and one more: one missed, two invented."""
        document, result = self.workspace.document, self.workspace.labels()
        if result is None:
            return
        voxels = np.asarray(result.source[:, :, :])
        places = np.indices(voxels.shape)
        ball = sum((at - middle) ** 2 for at, middle in zip(places, (110, 60, 140), strict=True)) < 24**2
        true = np.where(np.isin(voxels, [10008, 10016]), 0, voxels)
        true[ball & (true == 0)] = 10030
        truth = document.new_labels("truth", like=result, class_names=result.class_names)
        document.edit_voxels(truth, "Truth", RegionEdit.between(WHOLE, np.zeros_like(true), true))
        document.active = result
        dock.show_mode("score")
        form = dock.score
        form.truth.setCurrentIndex(form.truth.findData(truth.id))
        form.result.setCurrentIndex(form.result.findData(result.id))
        form.start_button.click()
        self.until(lambda: form.outcome is not None)
        form.show_button.click()
        document.change_layer(truth, visible=False)
        document.change_layer(result, visible=False)
        document.change_view(crosshair=(110, 70, 130))
        self.settle()
        self.wait(2)
        self.take("score")
        for _ in range(3):
            document.undo()
        document.change_layer(result, visible=True)
        dock.show_mode("measure")

    def pick(self, place: int) -> tuple[int, tuple[int, int, int]]:
        """One of the larger objects that touch no border, and a voxel in the middle of its largest plane."""
        labels = self.workspace.labels()
        if labels is None:
            raise RuntimeError("nothing was found")
        voxels = np.asarray(labels.source[:, :, :])
        faces = [np.take(voxels, [end], axis).ravel() for axis in range(3) for end in (0, -1)]
        whole = ~np.isin(voxels, np.unique(np.concatenate(faces)))
        ids, counts = np.unique(voxels[whole], return_counts=True)
        chosen = int(ids[np.argsort(counts)[-1 - place]])
        z = int(np.argmax((voxels == chosen).sum(axis=(1, 2))))
        rows, columns = np.nonzero(voxels[z] == chosen)
        middle = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
        return chosen, (z, int(rows[middle]), int(columns[middle]))

    def look_at(self, voxel: tuple[int, int, int], zoom: float) -> None:
        """Put a voxel in the middle of the views."""
        z, y, x = (place + 0.5 for place in voxel)
        self.workspace.document.change_view(crosshair=voxel, centre=(z, y, x), zoom=zoom)
        self.settle()

    def open_result(self, folder: Path) -> None:
        """What segment-volume finds in the sample, kept for the tests: for pictures of what comes after it."""
        found = np.load(RESULT)["labels"].astype(np.uint32)
        store = ResultStore.create(
            folder / "medulla_labels.zarr", found.shape, Spacing(10, 10, 10, "the file"), 256, {}
        )
        store.label_array("labels/mito", 1, "mito", 10_000)[:] = found
        self.window.open_path(str(store.finish()))
        self.until(lambda: self.workspace.labels() is not None)
        self.settle()

    def rooms(self) -> None:
        """Annotate, Proofread and Measure."""
        self.annotate()
        self.proofread()
        self.measure()

    def narrow(self) -> None:
        """The window in less room than it was drawn for."""
        for width, height in NARROW:
            self.window.resize(width, height)
            self.settle()
            self.take(f"narrow-{width}")
        self.window.resize(*SIZE)
        self.settle()

    def card(self) -> None:
        """The picture on the start page's card of the sample."""
        view = self.workspace.grid.volume_view
        if view is not None and view.gl is not None and not self.wanted:
            view.gl.grabFramebuffer().scaledToWidth(560, Qt.TransformationMode.SmoothTransformation).save(str(CARD))

    def parts(self) -> None:
        """Palette, keys, jobs."""
        self.window.show_palette()
        self.wait(0.5)
        self.take("palette", popup=self.window.palette_popup)
        self.window.palette_popup.close()
        page = KeysPage(self.window, self.window.actions_table, lambda *_: None)
        page.show()
        self.wait(0.3)
        self.take("keys", page)
        page.close()
        self.window.toggle_jobs()
        self.wait(0.5)
        self.take("jobs")
        self.window.toggle_jobs()


def _largest(source: object) -> tuple[object, object]:
    plane = source.read(0, Axis.XY, source.shape[0] // 2, slice(None), slice(None))  # type: ignore[attr-defined]
    return np.unique(plane[plane > 0], return_counts=True)


def _paste(picture: QPixmap, popup: QWidget, window: QWidget) -> None:
    painter = QPainter(picture)
    painter.drawPixmap(popup.pos() - window.mapToGlobal(QPoint(0, 0)), popup.grab())
    painter.end()


def main() -> int:
    """Take the pictures named on the command line, or all."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = os.environ["EMPANADA_DESKTOP_HOME"] = home
        photographer = Photographer(set(sys.argv[1:]))
        photographer.open_sample(Path(home))
        if not photographer.wanted or "consensus" in photographer.wanted:
            photographer.consensus(Path(home) / "results" / "consensus.zarr")
        if photographer.wanted == {"consensus"}:
            photographer.window.close()
            return 0
        wanted = photographer.wanted
        if wanted and wanted <= ROOMS:
            photographer.open_result(Path(home))
            photographer.rooms()
            photographer.window.close()
            return 0
        photographer.tune()
        if not wanted <= {"start", "live", "scales"} or not wanted:
            photographer.volume(Path(home) / "results" / "medulla_labels.zarr")
            photographer.result()
            photographer.parts()
            photographer.rooms()
        photographer.start_page()
        photographer.window.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
