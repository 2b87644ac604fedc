"""What tests of the object table, the review queue and the forms open: the sample with what was really found in it."""

from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Spacing
from empanada_desktop.document import Document, LabelsLayer, open_source
from empanada_desktop.gui.objects.desk import ObjectsDesk
from empanada_desktop.io.volumes import VolumeRef
from empanada_desktop.tasks.demo import sample_path

from .person import Person

DATA = Path(__file__).resolve().parents[1] / "data"
NM = (10.0, 10.0, 10.0)


def mitochondria() -> NDArray[np.uint16]:
    """The mitochondria of the sample: (200, 200, 200), ids 10001 to 10024."""
    labels: NDArray[np.uint16] = np.load(DATA / "medulla_mito.npz")["labels"]
    return labels


class Opened:
    """The window with the sample and labels that lie in a file, and a person at it."""

    def __init__(self, person: Person, folder: Path, labels: NDArray[np.generic] | None = None) -> None:
        self.person, self.window = person, person.window
        path = folder / "mito.tif"
        tifffile.imwrite(path, mitochondria() if labels is None else labels, metadata={"axes": "ZYX"})
        self.window.open_path(str(sample_path()))
        person.until(lambda: self.window.workspace is not None and person.layers)
        self.document: Document = person.workspace.document
        self.layer = LabelsLayer(
            title="mito", source=open_source(VolumeRef(str(path))), spacing=Spacing(*NM, "ImageJ spacing"),
            class_names={1: "mito"},
        )  # fmt: skip
        self.document.add_layer(self.layer)

    def enter(self, room: str) -> ObjectsDesk:
        """Choose a room's tab, and wait until its objects are counted."""
        self.person.click(self.window.top.tab_button(room))
        desk = ObjectsDesk.of(self.person.workspace)
        self.person.until(lambda: desk.is_current)
        self.person.until_rest()
        return desk

    def voxels(self) -> NDArray[np.generic]:
        """The labels as they are now."""
        return np.asarray(self.layer.source[:, :, :])
