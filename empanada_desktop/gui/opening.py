"""What opening a file takes: find out what it holds, its contrast and voxel size; ask where a file holds several."""

import datetime
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QListWidget, QListWidgetItem, QWidget

from empanada_desktop.core.plurals import counted
from empanada_desktop.errors import AppError
from empanada_desktop.gui.controls import Column, Row, push_button, text_label
from empanada_desktop.gui.start_page import RecentFile
from empanada_desktop.settings import load_settings, resources_folder

if TYPE_CHECKING:
    from empanada_desktop.document import ImageLayer, LabelsLayer, VolumeSource
    from empanada_desktop.io.volumes import DatasetInfo, Volume

SEVERAL = {".h5", ".hdf5", ".hdf", ".zarr"}
SHOWN_RECENT = 6


@dataclass(frozen=True)
class Opened:
    """An opened file as layers; or, with `choices`, a file of which one array has to be chosen.

    labels: the same file as labels, where its values look like ids.
    """

    path: str
    layers: "list[ImageLayer | LabelsLayer]" = field(default_factory=list)
    choices: "list[DatasetInfo]" = field(default_factory=list)
    labels: "LabelsLayer | None" = None


def sample_path() -> Path:
    """The sample volume; AppError when this copy of the program has none."""
    found = sorted((resources_folder() / "sample").glob("*.tif"))
    if not found:
        raise AppError("This copy of the program has no sample volume.", "Install it again, or open a volume of yours.")
    return found[0]


def prepare(path: str, dataset: str | None = None) -> Opened:
    """Open a file or folder and look at some planes of it, in a thread; AppError for whatever is wrong."""
    from empanada_desktop.document.foreign_labels import labels_of, looks_like_labels
    from empanada_desktop.document.results import open_labels
    from empanada_desktop.io.ome_zarr import is_complete
    from empanada_desktop.io.volumes import list_datasets

    if dataset is None and Path(path).is_dir() and is_complete(path):
        return Opened(path, [*reversed(open_labels(path))])
    if dataset is None and Path(path).suffix.lower() in SEVERAL:
        found = list_datasets(path)
        if len(found) > 1:
            return Opened(path, choices=found)
    source = _source(path, dataset)
    image = _image(path, source)
    return Opened(path, [image], labels=labels_of(image) if looks_like_labels(source.volume) else None)


def _source(path: str, dataset: str | None) -> "VolumeSource":
    from empanada_desktop.document import open_source
    from empanada_desktop.io.volumes import VolumeRef

    return open_source(VolumeRef(str(Path(path).absolute()), dataset))


def _image(path: str, source: "VolumeSource") -> "ImageLayer":
    from empanada_desktop.document import ImageLayer

    title = Path(path).stem + (f": {source.ref.dataset}" if source.ref.dataset else "")
    layer = ImageLayer.from_source(source, title)
    layer.contrast = find_contrast(source.volume)
    return layer


LOOKED_AT, BANDS = 64 << 20, 16  # pixels of a plane that are looked at; a larger one in so many bands of rows


def find_contrast(volume: "Volume", low: float = 0.5, high: float = 99.5) -> tuple[float, float]:
    """Grey values that become black and white: percentiles of the finite values of three xy planes, or of bands."""
    import numpy as np

    from empanada_desktop.core.grey import sampled_rows

    depth, height, width = volume.shape
    bands = sampled_rows(height, width, LOOKED_AT, LOOKED_AT if height * width <= LOOKED_AT else LOOKED_AT // BANDS)
    indices = sorted({depth // 4, depth // 2, (3 * depth) // 4})
    planes = [volume[index, rows, :] for index in indices for rows in bands]
    step = max(1, round((sum(plane.size for plane in planes) / 500_000) ** 0.5))
    values = np.concatenate([plane[::step, ::step].astype(np.float64).ravel() for plane in planes])
    values = values[np.isfinite(values)]
    if values.size == 0:
        return 0.0, 1.0
    bottom, top = (float(value) for value in np.percentile(values, (low, high)))
    return (bottom, top) if top > bottom else (bottom, bottom + 1)


class DatasetDialog(QDialog):
    """Asks which of the arrays in a file to open."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget, opened: Opened) -> None:
        super().__init__(parent)
        self.setWindowTitle("Choose what to open")
        self.resize(460, 320)
        self.list = QListWidget()
        for choice in opened.choices:
            item = QListWidgetItem(str(choice))
            item.setData(Qt.ItemDataRole.UserRole, choice.name)
            self.list.addItem(item)
        self.list.setCurrentRow(0)
        self.list.itemActivated.connect(self._choose)
        title = text_label(f"{Path(opened.path).name} holds {len(opened.choices)} arrays.", "strong")
        open_button = push_button("Open", self._choose, role="primary")
        layout = Column(title, self.list, Row(1, push_button("Cancel", self.reject), open_button), spacing=10)
        layout.setContentsMargins(16, 16, 16, 16)
        self.setLayout(layout)

    def _choose(self) -> None:
        item = self.list.currentItem()
        if item is not None:
            self.chosen.emit(item.data(Qt.ItemDataRole.UserRole))
            self.accept()


def recent_files() -> list[RecentFile]:
    """The files that were open lately and are still there, newest first; reads their headers."""
    settings = load_settings()
    there = [path for path in settings.recent if Path(path).exists()]
    return [_recent(path, settings.opened.get(path, "")) for path in there[:SHOWN_RECENT]]


def _recent(path: str, when: str) -> RecentFile:
    from empanada_desktop.io.volumes import open_volume

    try:
        opened = in_words(datetime.datetime.fromisoformat(when))
    except (ValueError, TypeError):  # not known, or mangled
        opened = ""
    try:
        with open_volume(path) as volume:
            size = " × ".join(map(str, volume.shape))
            known = ", ".join(f"{length:g}" for length in volume.spacing.zyx if length)
            voxel = f"{known} nm" if volume.spacing.is_known else f"voxel size {volume.spacing.words}"
    except AppError:
        return RecentFile(path, Path(path).stem, opened=opened)
    return RecentFile(path, Path(path).stem, size, voxel, opened)


def last_session() -> tuple[str, str, str]:
    """What Continue would bring back, when it was kept, and the edits of a program that ended at once since then.

    Empty when there is nothing.
    """
    from empanada_desktop.document.kept import latest

    kept = latest()
    if kept is None:
        return "", "", ""
    layers = counted(kept.n_layers, "layer")
    return f"{kept.title}, {layers}", f"Kept {in_words(kept.saved)}.", kept.steps.words


def last_picture() -> str:
    """The picture of what Continue would bring back; empty when there is none."""
    from empanada_desktop.document.kept import PICTURE_FILE, latest

    kept = latest()
    path = kept.folder / PICTURE_FILE if kept is not None else None
    return str(path) if path is not None and path.is_file() else ""


def in_words(when: datetime.datetime) -> str:
    """How long ago something was."""
    seconds = (datetime.datetime.now(datetime.UTC) - when).total_seconds()
    if seconds < 90:
        return "just now"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min ago"
    if seconds < 86_400:
        return f"{seconds / 3600:.0f} h ago"
    return f"{when:%d %b}"
