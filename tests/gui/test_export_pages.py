"""Planes, volumes and tiles as files, from the menus, with real events; ids and grey values hold."""

from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QComboBox, QDialog, QWidget

from empanada_desktop.core.geometry import Spacing
from empanada_desktop.document import LabelsLayer, open_source
from empanada_desktop.gui.objects.export_pages import file_name
from empanada_desktop.gui.objects.task_page import PathField, TaskPage
from empanada_desktop.io.volumes import VolumeRef, open_volume

from .person import Person


class Exporting:
    """A person with a small volume and labels that lie in a file."""

    def __init__(self, person: Person, volume: Path, folder: Path) -> None:
        self.person, self.window, self.volume = person, person.window, volume
        path = folder / "mito.tif"
        voxels = np.zeros((24, 64, 72), np.uint16)
        voxels[4:20, 5:40, 20:60], voxels[10:, 50:, 60:] = 10003, 10005
        tifffile.imwrite(path, voxels, metadata={"axes": "ZYX"})
        self.window.open_path(str(volume))
        person.until(lambda: self.window.workspace is not None and person.layers)
        self.document = person.workspace.document
        self.layer = LabelsLayer(
            title="mito", source=open_source(VolumeRef(str(path))), spacing=Spacing(10, 10, 10, "ImageJ spacing")
        )
        self.document.add_layer(self.layer)

    def voxels(self) -> NDArray[np.generic]:
        return np.asarray(self.layer.source[:, :, :])

    def greys(self) -> NDArray[np.generic]:
        with open_volume(self.volume) as grey:
            return np.asarray(grey[:, :, :])

    def page(self, title: str) -> TaskPage:
        """Click an entry of the File menu and wait for its page."""
        self.person.menu("File", title)
        self.person.until(lambda: isinstance(QApplication.activeModalWidget(), TaskPage))
        page = QApplication.activeModalWidget()
        assert isinstance(page, TaskPage)
        self.person.until(lambda: QApplication.activeWindow() is page)
        return page

    def write_path(self, page: QDialog, place: int, path: Path) -> None:
        self.person.type_into(page.findChildren(PathField)[place].line, str(path))

    def start(self, page: TaskPage) -> None:
        """Click the button, and wait until the job has ended."""
        before = len(self.person.workspace.jobs.queue.jobs)
        self.person.click(page.start_button)
        self.person.until(lambda: len(self.person.workspace.jobs.queue.jobs) > before)
        job = self.person.job()
        self.person.until(lambda: job.state.has_ended)
        assert job.error is None


def labelled(page: QWidget, words: str) -> QWidget:
    return next(each for each in page.findChildren(QWidget) if getattr(each, "text", str)() == words)


def planes_with_grey_images(at: Exporting, folder: Path) -> None:
    page = at.page("Export planes or a volume")
    assert page.form is not None
    at.person.click(page.start_button)
    assert "Choose a folder first." in page.message.text(), "what is missing is said in the page"
    at.person.click(page.form.rows["plane"].control.widget.button("xz"))  # type: ignore[attr-defined]
    at.person.click(labelled(page, "Grey images too, into images/"))
    at.write_path(page, 0, folder)
    at.start(page)
    at.person.until(lambda: "Wrote 64 files of masks and images" in at.window.toast.text())
    voxels = at.voxels()
    np.testing.assert_array_equal(tifffile.imread(folder / "images/mito_21.tif"), at.greys()[:, 21, :])
    np.testing.assert_array_equal(tifffile.imread(folder / "masks/mito_21.tif"), voxels[:, 21, :])


def a_volume_of_labels_that_were_changed(at: Exporting, folder: Path) -> None:
    at.document.select(at.layer, [10003])
    at.person.click(at.window.top.tab_button("proofread"))
    at.person.palette("delete objects")
    at.person.until(lambda: at.document.history.next_undo is not None and not (at.voxels() == 10003).any())
    page = at.page("Export planes or a volume")
    assert page.form is not None
    at.person.click(page.form.rows["export_as"].control.widget.button("volume"))  # type: ignore[attr-defined]
    at.write_path(page, 0, folder)
    at.start(page)
    with open_volume(folder / "masks/mito.tif") as written:
        np.testing.assert_array_equal(written[:, :, :], at.voxels())
        assert written.spacing.zyx == (10.0, 10.0, 10.0)
    assert not (folder / "images").exists(), "grey images on request only"


def tiles_are_cut_annotated_and_merged(at: Exporting, folder: Path) -> None:
    page = at.page("Cut into tiles")
    assert page.form is not None
    at.person.type_into(page.form.rows["tile_size"].control.widget, "40")
    masks = next(box for box in page.findChildren(QComboBox) if box.findText("No mask") == 0)
    at.person.choose(masks, "mito")
    at.write_path(page, 0, folder / "tiles")
    at.start(page)
    names = sorted(path.name for path in (folder / "tiles/masks").iterdir())
    assert len(names) == 24 * 4
    annotated = tifffile.imread(folder / "tiles/masks" / names[1])
    annotated[5:9, 6:11] = 10099
    tifffile.imwrite(folder / "tiles/masks" / names[1], annotated)
    page = at.page("Merge tiles")
    at.write_path(page, 0, folder / "tiles")
    assert [field.line.text() for field in page.findChildren(PathField)[1:]] == [
        str(folder / "tiles_mask.tif"), str(folder / "tiles_image.tif"),
    ]  # fmt: skip
    at.start(page)
    expected = at.voxels().copy()
    expected[0, 5:9, 40 + 6 : 40 + 11] = 10099
    np.testing.assert_array_equal(tifffile.imread(folder / "tiles_mask.tif"), expected)
    np.testing.assert_array_equal(tifffile.imread(folder / "tiles_image.tif"), at.greys())


def a_page_is_left_by_escape(at: Exporting) -> None:
    at.page("Merge tiles")
    at.person.key(Qt.Key.Key_Escape)
    at.person.until(lambda: QApplication.activeModalWidget() is None)


def test_files_from_the_menus(person: Person, crop: Path, tmp_path: Path) -> None:
    at = Exporting(person, crop, tmp_path)
    a_page_is_left_by_escape(at)
    planes_with_grey_images(at, tmp_path / "planes")
    a_volume_of_labels_that_were_changed(at, tmp_path / "volume")
    at.person.click(at.window.top.tab_button("measure"))
    tiles_are_cut_annotated_and_merged(at, tmp_path)


def test_titles_become_file_names() -> None:
    assert file_name("mito 2/a: b") == "mito_2_a__b"
    assert file_name("..") == "labels"
