"""The room Proofread with the sample and its real result open, and a hand that clicks voxels."""

from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QMouseEvent
from PySide6.QtWidgets import QApplication

from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.document import LabelsLayer
from empanada_desktop.document.results import add_layers, open_labels
from empanada_desktop.gui.proofread.controller import ProofreadRoom
from empanada_desktop.gui.proofread.desk import ProofreadDesk
from empanada_desktop.gui.viewer.camera import DISPLAYED
from empanada_desktop.gui.viewer.canvas import PlaneCanvas
from empanada_desktop.io.ome_zarr import ResultStore
from empanada_desktop.tasks.demo import sample_path

from .person import NO_KEY, Person

Triple = tuple[int, int, int]
RESULT = Path(__file__).resolve().parents[1] / "data" / "medulla_mito.npz"
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton


def mitochondria() -> NDArray[np.uint32]:
    """The labels of the sample's result."""
    labels: NDArray[np.uint32] = np.load(RESULT)["labels"].astype(np.uint32)
    return labels


def write_result(path: Path, labels: NDArray[np.uint32]) -> Path:
    """Write a result as segment-volume does, with its pyramid."""
    store = ResultStore.create(path, (200, 200, 200), Spacing(10, 10, 10, "test"), 256, {})
    store.label_array("labels/mito", 1, "mito", 10_000)[:] = labels
    return store.finish()


class Proofreader:
    """A person in the room: clicks voxels in planes, presses keys, reads what is said."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.workspace = person.workspace
        self.document = person.workspace.document
        self.qtbot = person.qtbot
        found = self.workspace.findChild(ProofreadRoom)
        assert found is not None
        self.room: ProofreadRoom = found

    @property
    def desk(self) -> ProofreadDesk:
        return self.room.desk

    @property
    def layer(self) -> LabelsLayer:
        assert self.desk.layer is not None
        return self.desk.layer

    def voxels(self) -> NDArray[np.uint32]:
        return np.asarray(self.layer.source[0:200, 0:200, 0:200])

    def settle(self) -> None:
        """Everything is read, counted and planned."""
        desk = self.desk
        self.person.until(lambda: not (self.workspace.edits.is_busy or desk.is_applying))
        self.person.until_rest()
        self.person.until(lambda: desk.objects.is_current and desk.index is not None)
        self.person.until(lambda: not desk._timers["plan"].isActive())

    def look_at(self, voxel: Triple, zoom: float = 3.0) -> None:
        z, y, x = (place + 0.5 for place in voxel)
        self.document.change_view(crosshair=voxel, centre=(z, y, x), zoom=zoom)
        self.settle()

    def canvas(self, axis: Axis) -> PlaneCanvas:
        canvas: PlaneCanvas = self.workspace.grid.canvas(axis)
        return canvas

    def spot(self, axis: Axis, voxel: Triple) -> QPoint:
        rows, columns = DISPLAYED[axis]
        x, y = self.canvas(axis).camera().point_of(voxel[rows] + 0.5, voxel[columns] + 0.5)
        return QPoint(round(x), round(y))

    def click(self, axis: Axis, voxel: Triple, modifier: Qt.KeyboardModifier = NO_KEY) -> None:
        """Click a voxel of the plane that is shown."""
        self.person.click(self.canvas(axis), self.spot(axis, voxel), modifier)
        self.person.until(lambda: not self.desk._timers["plan"].isActive())

    def draw(self, axis: Axis, *way: Triple) -> None:
        """Press at the first voxel, move over the others, let go at the last."""
        canvas, spots = self.canvas(axis), [self.spot(axis, voxel) for voxel in way]
        self.qtbot.mousePress(canvas, LEFT, NO_KEY, spots[0])
        for one, other in pairwise(spots):
            for step in range(1, 6):
                place = QPointF(one + (other - one) * (step / 5))
                moved = QMouseEvent(QEvent.Type.MouseMove, place, canvas.mapToGlobal(place), NONE, LEFT, NO_KEY)
                QApplication.sendEvent(canvas, moved)
        self.qtbot.mouseRelease(canvas, LEFT, NO_KEY, spots[-1])
        self.person.until(lambda: not self.desk._timers["plan"].isActive())

    def right_click(self, axis: Axis, voxel: Triple) -> None:
        canvas, spot = self.canvas(axis), self.spot(axis, voxel)
        reason = QContextMenuEvent.Reason.Mouse
        QApplication.sendEvent(canvas, QContextMenuEvent(reason, spot, canvas.mapToGlobal(spot), NO_KEY))

    def enter(self, axis: Axis = Axis.XY) -> None:
        """Press Enter over a view and wait for the deed."""
        before = self.document.history.position
        self.canvas(axis).setFocus()
        self.qtbot.keyClick(self.canvas(axis), Qt.Key.Key_Return)
        self.person.until(lambda: self.document.history.position == before + 1)
        self.settle()

    def undo(self) -> None:
        self.person.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        self.settle()

    def inside(self, label_id: int, voxels: NDArray[np.uint32], share: float = 0.5) -> Triple:
        """A voxel well inside an object, in its middle plane or, with another share, in another one."""
        box = self.desk.index.box(label_id)
        z = box.start[0] + int(share * (box.stop[0] - 1 - box.start[0]))
        rows, columns = np.nonzero(voxels[z] == label_id)
        middle = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
        return z, int(rows[middle]), int(columns[middle])


def open_room(person: Person, result: Path) -> Proofreader:
    """Open the sample and its result, a file, and choose the room."""
    person.window.open_path(str(sample_path()))
    person.until(lambda: person.window.workspace is not None and person.workspace.document.layers)
    add_layers(person.workspace.document, open_labels(str(result)), "Segment volume")
    person.click(person.button("Proofread"))
    hand = Proofreader(person)
    hand.settle()
    return hand
