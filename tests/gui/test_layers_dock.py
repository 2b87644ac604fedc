"""The dock of layers, the status bar, the palette, the keys and the colours, with real mouse and key events."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PySide6.QtCore import QMimeData, QModelIndex, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QContextMenuEvent, QDragEnterEvent, QDropEvent, QImage
from PySide6.QtWidgets import QApplication, QMenu, QSlider

from empanada_desktop.core.geometry import Axis
from empanada_desktop.document import ArraySource, Document, LabelsLayer, PointsLayer, Shape, ShapesLayer, open_source
from empanada_desktop.document.colours import LABEL_COLOURS
from empanada_desktop.document.results import open_labels
from empanada_desktop.errors import SettingsError
from empanada_desktop.gui.actions import PRESETS, ROWS
from empanada_desktop.gui.keys_page import KeysPage
from empanada_desktop.gui.main_window import MainWindow
from empanada_desktop.gui.saving import file_name, save_labels
from empanada_desktop.gui.theme import DARK, LIGHT, theme
from empanada_desktop.io.volumes import VolumeRef, open_volume
from empanada_desktop.settings import load_settings

from .person import CONTROL, Person

ROW = 42


class Dock:
    """A window with an image, labels, points and a region, and a person at it."""

    def __init__(self, person: Person, crop: Path) -> None:
        self.person, self.window = person, person.window
        self.window.open_path(str(crop))
        person.until(lambda: self.window.workspace is not None and person.layers)
        self.document: Document = person.workspace.document
        voxels = np.zeros(self.document.shape, np.uint32)
        voxels[:, 10:40, 10:40] = 10_007
        voxels[:, 45:60, 45:60] = 10_009
        self.labels = LabelsLayer(
            title="mito", source=ArraySource(voxels), spacing=self.document.spacing, class_names={1: "mito"}
        )
        region = Shape("rectangle", Axis.XY, 12, ((2.0, 2.0), (30.0, 30.0)))
        self.document.add_layer(PointsLayer(title="seeds", points=np.array([[12.5, 5.5, 5.5]])))
        self.document.add_layer(ShapesLayer(title="region", shapes=(region,)))
        self.document.add_layer(self.labels)
        self.settle()

    @property
    def rows(self):  # type: ignore[no-untyped-def] # noqa: ANN201
        return self.person.workspace.layers.list

    def settle(self) -> None:
        self.person.let_it_settle()
        self.person.until_rest()

    def click(self, title: str, x: int) -> None:
        """Click a row at a distance from the left (or, negative, from the right)."""
        place = self.place(title)
        self.person.qtbot.mouseClick(
            self.rows.viewport(),
            Qt.MouseButton.LeftButton,
            pos=QPoint(x if x > 0 else self.rows.viewport().width() + x, place.y()),
        )

    def place(self, title: str) -> QPoint:
        titles = [self.rows.item(row).text() for row in range(self.rows.count())]
        return self.rows.visualItemRect(self.rows.item(titles.index(title))).center()

    def titles(self) -> list[str]:
        return [layer.title for layer in self.document.layers]


@pytest.fixture
def dock(person: Person, crop: Path) -> Iterator[Dock]:
    yield Dock(person, crop)
    theme.use("dark")


def test_eye_lock_and_choice_of_all_four_kinds(dock: Dock) -> None:
    for layer in dock.document.layers:
        dock.click(layer.title, 80)
        assert dock.document.active is layer
        dock.click(layer.title, 18)
        assert not layer.visible
        dock.click(layer.title, 18)
        assert layer.visible
        dock.click(layer.title, -12)
        assert layer.locked
        dock.click(layer.title, -12)
        assert not layer.locked


def test_the_looks_of_labels(dock: Dock) -> None:
    look = dock.person.workspace.layers.look
    dock.click("mito", 80)
    slider = look.opacity.findChild(QSlider)
    dock.person.slide(slider, 0.9)
    assert dock.labels.opacity == pytest.approx(0.9, abs=0.02)
    for style in ("fill", "outline", "both"):
        dock.person.click(look.style_choice.button(style))
        assert dock.labels.style == style
    dock.person.click(look.shown.button(True))
    assert dock.labels.shows_selected_only
    dock.person.click(look.shown.button(False))
    assert not dock.labels.shows_selected_only
    seed = dock.labels.seed
    dock.person.click(dock.person.button("Shuffle colours", look))
    assert dock.labels.seed == seed + 1


def test_the_swatch_follows_the_colours(dock: Dock) -> None:
    dock.document.select(dock.labels, [10_007])
    shown = dock.person.workspace.layers.object
    table = np.zeros(10_010, np.uint8)
    for place in (3, 5):
        table = table.copy()
        table[10_007] = place
        dock.document.change_layer(dock.labels, colour_table=table)
        image = shown._swatch.grab().toImage()
        middle = image.pixelColor(image.width() // 2, image.height() // 2)
        assert middle.name().upper() == LABEL_COLOURS[place]


def test_a_long_name_leaves_the_controls_in_sight(dock: Dock) -> None:
    dock.document.rename_layer(dock.labels, "Training & Validation_Sections00_15_Mitochondria_Semantic")
    dock.settle()
    look = dock.person.workspace.layers.look
    for control in (look.opacity, look.style_choice, look.shown):
        right = control.mapTo(dock.window, control.rect().bottomRight()).x()
        edge = dock.rows.mapTo(dock.window, dock.rows.rect().bottomRight()).x()
        assert right <= edge


@pytest.mark.parametrize("title", ["crop", "mito", "seeds", "region"])
def test_rename_duplicate_delete_and_undo(dock: Dock, title: str) -> None:
    before = dock.titles()
    dock.click(title, 80)
    dock.person.qtbot.mouseDClick(dock.rows.viewport(), Qt.MouseButton.LeftButton, pos=dock.place(title))
    editor = QApplication.focusWidget()
    dock.person.key(Qt.Key.Key_A, CONTROL)
    dock.person.qtbot.keyClicks(editor, "other")
    dock.rows.refresh()  # as when a result advances meanwhile
    QApplication.processEvents()
    dock.person.qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert dock.titles() == ["other" if one == title else one for one in before]
    dock.person.menu("Layer", "Duplicate layer")
    assert "other copy" in dock.titles()
    dock.person.menu("Layer", "Delete layer")
    assert "other copy" not in dock.titles()
    for _ in range(3):
        dock.person.menu("Edit", "Undo")
    assert dock.titles() == before


def test_order_by_keys_and_by_dragging(dock: Dock) -> None:
    dock.click("mito", 80)
    assert dock.titles() == ["crop", "seeds", "region", "mito"]
    dock.person.key(Qt.Key.Key_PageDown, CONTROL)
    assert dock.titles() == ["crop", "seeds", "mito", "region"]
    dock.person.key(Qt.Key.Key_PageUp, CONTROL)
    assert dock.titles() == ["crop", "seeds", "region", "mito"]
    # A drag ends in the model moving the row: from the top of the list to below the third.
    assert dock.rows.model().moveRow(QModelIndex(), 0, QModelIndex(), 3)
    assert dock.titles() == ["crop", "mito", "seeds", "region"]
    dock.person.menu("Edit", "Undo")
    assert dock.titles() == ["crop", "seeds", "region", "mito"]


def test_results_in_files_say_that_the_file_stays_as_it_is(dock: Dock, tmp_path: Path) -> None:
    path = tmp_path / "result.tif"
    tifffile.imwrite(path, np.zeros((24, 64, 72), np.uint16), photometric="minisblack")
    layer = LabelsLayer(title="result", source=open_source(VolumeRef(str(path))))
    dock.document.add_layer(layer)
    assert layer.is_editable
    tips = {dock.rows.item(row).text(): dock.rows.item(row).toolTip() for row in range(dock.rows.count())}
    assert "the file stays as it is" in tips["result"]
    assert str(path) in tips["result"]
    assert "file" not in tips["mito"]


def test_labels_are_saved(dock: Dock, tmp_path: Path) -> None:
    dock.click("mito", 80)
    for name in ("out.zarr", "out.tif"):
        with dock.person.choosing(tmp_path / name):
            dock.person.key(Qt.Key.Key_S, CONTROL)
        dock.person.until(lambda name=name: f"Saved mito to {name}" in dock.window.toast.text())
        with open_volume(tmp_path / name, "labels/mito" if name.endswith("zarr") else None) as saved:
            np.testing.assert_array_equal(saved[12], np.asarray(dock.labels.source[12:13, :, :])[0])
            assert saved.spacing.zyx == (10, 10, 10)


def test_every_object_is_in_the_file_whatever_its_class_is_called(tmp_path: Path) -> None:
    voxels = np.zeros((2, 8, 8), np.uint32)
    voxels[0, 0], voxels[0, 2], voxels[1, 4], voxels[1, 6] = 7, 1001, 2001, 3005
    for names in ({1: "cell", 2: "cell"}, {1: "a/b", 2: ""}):
        layer = LabelsLayer(title="two", source=ArraySource(voxels), label_divisor=1000, class_names=names)
        again = open_labels(str(save_labels(layer, tmp_path / "two.zarr")))
        assert len(again) == 4
        np.testing.assert_array_equal(sum(one.source[0:2, 0:8, 0:8] for one in again), voxels)
    for _ in range(2):  # the second time over the first
        path = save_labels(layer, tmp_path / "two.tif")
    with open_volume(path) as saved:
        np.testing.assert_array_equal(saved[:], voxels)


def test_labels_take_no_image_s_place_and_get_an_ending(dock: Dock, tmp_path: Path) -> None:
    image = Path(dock.document.layers[0].source.ref.path)  # type: ignore[union-attr, attr-defined]
    with pytest.raises(SettingsError, match="is the image that is open"):
        dock.person.workspace.save_labels(dock.labels, image)
    assert file_name(str(tmp_path / "new"), "TIFF (*.tif)") == tmp_path / "new.tif"
    (tmp_path / "new.zarr").mkdir()
    with pytest.raises(SettingsError, match="exists already"):
        file_name(str(tmp_path / "new"), "OME-Zarr (*.zarr)")


def test_where_nothing_can_be_written_it_is_said_and_nothing_lost(dock: Dock, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    for name in ("out.zarr", "out.tif"):
        dock.window.bar.hide()
        dock.person.workspace.save_labels(dock.labels, blocked / name)
        dock.person.until(dock.window.bar.isVisible)
        assert "file" in dock.window.bar.text()
    assert blocked.read_text() == "in the way"
    assert dock.labels in dock.document.layers


def test_a_disk_that_fills_up_leaves_the_earlier_result(
    dock: Dock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.zarr"
    dock.person.workspace.save_labels(dock.labels, path)
    dock.person.until(lambda: "Saved mito" in dock.window.toast.text())
    reads: list[int] = []

    def full(*_: object) -> None:
        reads.append(1)
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("empanada_desktop.io.ome_zarr.ResultStore.finish", full)
        dock.person.workspace.save_labels(dock.labels, path)
        dock.person.until(dock.window.bar.isVisible)
    assert reads
    assert "No space left" in dock.window.bar.text()
    with open_volume(path, "labels/mito") as saved:
        np.testing.assert_array_equal(saved[12], np.asarray(dock.labels.source[12:13, :, :])[0])
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith("out")] == ["out.zarr"]


def test_the_status_bar_tells_what_is_under_the_pointer(dock: Dock) -> None:
    canvas = dock.person.workspace.grid.canvas(Axis.XY)
    place = QPointF(*canvas.camera().point_of(20.5, 30.5)).toPoint()
    dock.person.qtbot.mouseMove(canvas, place + QPoint(3, 0))
    dock.person.qtbot.mouseMove(canvas, place)
    said = " ".join(dock.window.status.texts())
    with open_volume(dock.document.layers[0].source.ref.path) as volume:  # type: ignore[union-attr, attr-defined]
        grey = int(volume[12][20, 30])
    assert "x <b>30</b>&nbsp; y <b>20</b>&nbsp; z <b>12</b>" in said
    assert "0.30, 0.20, 0.12 µm" in said
    assert f"grey <b>{grey}</b>" in said
    assert "mito <b>10007</b>" in said
    assert "voxel 10 × 10 × 10 nm, from the file" in said
    assert "zoom" in said


def test_the_palette_finds_every_action(window: MainWindow, person: Person) -> None:
    person.key(Qt.Key.Key_P, CONTROL | Qt.KeyboardModifier.ShiftModifier)
    palette = window.palette_popup
    person.until(palette.isVisible)
    for row in ROWS:
        if row.id != "palette" and window.actions_table[row.id].isVisible():
            palette.search.selectAll()
            person.qtbot.keyClicks(palette.search, row.title.rstrip("…"))
            found = [palette.list.item(place).data(Qt.ItemDataRole.UserRole) for place in range(palette.list.count())]
            assert row.id in found[:3], row.title
    person.qtbot.keyClick(palette.search, Qt.Key.Key_Escape)
    assert not palette.isVisible()


def test_a_key_of_ones_own_works_at_once_and_next_time(dock: Dock) -> None:
    dock.person.key(Qt.Key.Key_F1)
    page = dock.window.findChild(KeysPage)
    assert page is not None
    dock.person.until(page.isVisible)
    assert page.table.rowCount() > len(ROWS)
    dock.person.qtbot.keyClicks(page.search, "next plane")
    shown = [row for row in range(page.table.rowCount()) if not page.table.isRowHidden(row)]
    assert page.table.item(shown[0], 0).text() == "Next plane"  # type: ignore[union-attr]
    dock.person.qtbot.mouseClick(
        page.table.viewport(),
        Qt.MouseButton.LeftButton,
        pos=page.table.visualItemRect(page.table.item(shown[0], 0)).center(),
    )
    page.editor.setFocus()
    dock.person.qtbot.keyClick(page.editor, Qt.Key.Key_K, CONTROL)
    dock.person.click(page.change)
    assert dock.window.actions_table["plane_next"].shortcut().toString() == "Ctrl+K"
    page.close()
    dock.person.until(lambda: QApplication.activeModalWidget() is None)
    z = dock.document.view.crosshair[0]
    dock.window.activateWindow()
    dock.person.until(dock.window.isActiveWindow)
    dock.person.qtbot.keyClick(dock.window, Qt.Key.Key_K, CONTROL)
    assert dock.document.view.crosshair[0] == z + 1
    assert load_settings().changed_keys == {"plane_next": "Ctrl+K"}


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_change_keys_and_wheel(dock: Dock, preset: str) -> None:
    dock.person.key(Qt.Key.Key_F1)
    page = dock.window.findChild(KeysPage)
    assert page is not None
    page.preset.setCurrentIndex(page.preset.findData(preset))
    page.close()
    z, zoom = dock.document.view.crosshair[0], dock.document.view.zoom
    dock.person.wheel(dock.person.workspace.grid.canvas(Axis.XY), 1)
    assert (dock.document.view.zoom != zoom) is (preset == "napari")
    assert (dock.document.view.crosshair[0] != z) is (preset != "napari")
    keys = {row.id: row.keys_of(preset) for row in ROWS}
    assert [dock.window.actions_table["plane_next"].shortcuts()[0].toString()] == [keys["plane_next"][0]]


def test_files_dropped_on_any_part_of_the_window_are_opened(dock: Dock, tmp_path: Path) -> None:
    path = tmp_path / "other.tif"
    tifffile.imwrite(path, np.zeros((5, 30, 30), np.uint8), photometric="minisblack")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    left, none, copying = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, Qt.DropAction.CopyAction
    for part in (dock.rows.viewport(), dock.person.workspace.grid.canvas(Axis.XY), dock.person.workspace.form):
        entered = QDragEnterEvent(QPoint(5, 5), copying, data, left, none)
        QApplication.sendEvent(part, entered)
        assert entered.isAccepted(), part
    QApplication.sendEvent(dock.window, QDropEvent(QPointF(400, 300), copying, data, left, none))
    dock.person.until(lambda: dock.person.layers == ["other"])


def test_a_folder_of_planes_can_be_dropped(person: Person, tmp_path: Path) -> None:
    folder = tmp_path / "planes"
    folder.mkdir()
    for number in range(3):
        tifffile.imwrite(folder / f"{number}.tif", np.full((20, 30), number, np.uint8))
    person.drop(folder)
    person.until(lambda: person.layers == ["planes"])
    assert person.workspace.document.shape == (3, 20, 30)


def test_light_and_dark_change_live_without_a_trace(dock: Dock) -> None:
    def picture() -> QImage:
        """The window without its lowest line, which tells the memory."""
        dock.settle()
        image = dock.window.grab().toImage()
        return image.copy(image.rect().adjusted(0, 0, 0, -26))

    dock.person.menu("View", "Light")
    light = picture()
    dock.person.menu("View", "Dark")
    dark = picture()
    for tokens, image in ((LIGHT, light), (DARK, dark)):
        bar = dock.window.menuBar()
        spot = bar.mapTo(dock.window, QPoint(bar.width() - 4, 4))
        assert image.pixelColor(spot).name().upper() == tokens.window
    dock.person.menu("View", "Light")
    assert picture() == light
    dock.person.menu("View", "Dark")
    assert picture() == dark


def test_the_right_button_offers_what_can_be_done_with_that_layer(dock: Dock) -> None:
    place, port = dock.place("mito"), dock.rows.viewport()
    dock.click("seeds", 80)
    dock.person.qtbot.mouseClick(port, Qt.MouseButton.RightButton, pos=place)
    QApplication.sendEvent(port, QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, port.mapToGlobal(place)))
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    dock.person.menu_entry(menu, "Duplicate layer")
    assert dock.titles() == [*("crop", "seeds", "region", "mito"), "mito copy"]


def test_grey_values_between_0_and_1_are_shown_and_typed_with_decimals(person: Person, tmp_path: Path) -> None:
    voxels = np.linspace(-0.4, 0.6, 4 * 32 * 32, dtype=np.float32).reshape(4, 32, 32)
    tifffile.imwrite(tmp_path / "fractions.tif", voxels, photometric="minisblack")
    person.drop(tmp_path / "fractions.tif")
    person.until(lambda: person.layers == ["fractions"])
    contrast, image = person.workspace.layers.contrast, person.workspace.image()
    assert image is not None
    low, high = image.contrast
    assert (contrast.low.value(), contrast.high.value()) == pytest.approx((low, high), abs=0.005)
    person.click(contrast.low)
    person.key(Qt.Key.Key_Tab)
    assert image.contrast == (low, high), "a field that is only passed changes nothing"
    person.type_into(contrast.low, "-0.25")
    assert image.contrast[0] == -0.25
    person.type_into(contrast.low, "7")
    assert image.contrast[0] == -0.25, "a window that is none is not taken"
    assert contrast.low.value() == -0.25
