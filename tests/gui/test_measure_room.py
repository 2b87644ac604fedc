"""The room Measure with real mouse and key events: figures, units, files, scores; on what was really found."""

import csv
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QDialog, QLineEdit

from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.core.measure import measure
from empanada_desktop.document import ArraySource, LabelsLayer
from empanada_desktop.document.chosen import ChosenObjects
from empanada_desktop.gui.form_rows import FormBody
from empanada_desktop.gui.objects.definitions import DefinitionsPage
from empanada_desktop.gui.objects.room import MeasureDock
from empanada_desktop.gui.objects.table import ObjectTable
from empanada_desktop.gui.objects.terms import Terms
from empanada_desktop.io.volumes import open_volume
from empanada_desktop.tasks.demo import sample_path

from .objects_at_hand import Opened, mitochondria
from .person import Person

IDS = [10003, 10005, 10008]
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


class Measuring(Opened):
    """The room's forms and its table."""

    def __init__(self, person: Person, folder: Path) -> None:
        super().__init__(person, folder)
        self.desk = self.enter("measure")
        room = person.workspace.rooms["measure"]
        assert isinstance(room.right, MeasureDock)
        assert isinstance(room.bottom, ObjectTable)
        self.form, self.score, self.dock, self.table = room.right.measure, room.right.score, room.right, room.bottom

    def cell(self, label_id: int, key: str) -> str:
        model = self.table.model
        row = model.row_of(label_id)
        assert row is not None
        return model.words(row, model.place_of(key))

    def measure_selected(self) -> None:
        self.document.select(self.layer, IDS)
        self.person.click(self.form.which.button("selected"))
        assert self.form.start_button.text() == " Measure 3 objects"
        self.person.click(self.form.start_button)
        self.person.until(lambda: not self.form.measurer.is_running)
        self.person.until(lambda: self.cell(IDS[0], "surface") != "–")


@pytest.fixture
def measuring(person: Person, tmp_path: Path) -> Measuring:
    return Measuring(person, tmp_path)


def read_xlsx(path: Path) -> list[list[str]]:
    """The cells of the first sheet of a book, read without the library that wrote it."""
    with zipfile.ZipFile(path) as book:
        shared = ElementTree.fromstring(book.read("xl/sharedStrings.xml"))
        strings = ["".join(part.text or "" for part in item.iter(f"{SHEET}t")) for item in shared]
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    rows = []
    for row in sheet.iter(f"{SHEET}row"):
        cells = [(cell.get("t"), cell.findtext(f"{SHEET}v") or "") for cell in row]
        rows.append([strings[int(value)] if kind == "s" else value for kind, value in cells])
    return rows


def figures_are_those_of_measuring(measuring: Measuring) -> None:
    measuring.measure_selected()
    labels = mitochondria()
    with open_volume(sample_path()) as image:
        found = measure(labels, image, Spacing(10, 10, 10), IDS)
    for key in ("surface", "length", "sphericity", "feret", "grey_sd"):
        for place, label_id in enumerate(IDS):
            said = measuring.cell(label_id, key)
            assert said == f"{found.values[key][place]:.{len(said.partition('.')[2])}f}"
    assert measuring.cell(10005, "neighbours") == (str(found.values["neighbours"][1]) or "–")
    assert measuring.cell(10004, "surface") == "–", "only the selected ones"
    meaning = measuring.form.column_boxes["surface"].toolTip()
    assert "Cauchy-Crofton" in meaning


def the_distribution_selects(measuring: Measuring) -> None:
    histogram = measuring.form.histogram
    voxels = np.array([(mitochondria() == label_id).sum() for label_id in range(10001, 10025)]) * 1e-6
    np.testing.assert_array_equal(histogram.counts, np.histogram(voxels, len(histogram.counts))[0])
    last = QPoint(histogram.width() - 6, 40)
    measuring.person.click(histogram, last)
    largest = {10001 + place for place in np.flatnonzero(voxels >= histogram.edges[-2])}
    assert measuring.layer.selected == largest
    assert 10008 in largest


def files_hold_every_column_that_is_shown(measuring: Measuring, folder: Path) -> None:
    box = measuring.form.column_boxes["feret"]
    measuring.person.click(box, QPoint(8, box.height() // 2))
    for name in ("out.csv", "out.xlsx"):
        with measuring.person.choosing(folder / name):
            measuring.person.click(measuring.form.export_button)
        measuring.person.until((folder / name).exists)
        measuring.person.until_rest()
    with (folder / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    book = read_xlsx(folder / "out.xlsx")
    assert rows[0] == book[0]
    assert {"Id", "Volume (µm³)", "Surface (µm²)", "Feret (µm)"} <= set(rows[0])
    objects = measuring.table.model.objects
    for heading, key in (("Surface (µm²)", "surface"), ("Feret (µm)", "feret")):
        written = [row[rows[0].index(heading)] for row in rows[1:]]
        values = objects.measured[key].tolist()
        assert [float(text) if text else None for text in written] == [
            None if value != value else value for value in values
        ]
    with (folder / "out.definitions.csv").open(encoding="utf-8-sig", newline="") as file:
        meanings = dict(csv.reader(file))
    assert "Cauchy-Crofton" in meanings["Surface (µm²)"]
    assert "10 × 10 × 10 nm" in " ".join(
        row for row in (folder / "out.definitions.csv").read_text("utf-8").splitlines()
    )


def units_are_chosen(measuring: Measuring) -> None:
    """nm and µm are the same figures; in px a voxel is a cube of side 1, whatever its size."""
    person, form, model = measuring.person, measuring.form, measuring.table.model
    told = {key: model.objects.number(key)[2] for key in ("volume", "surface", "feret")}
    person.click(form.units.unit.button("nm"))
    for power, key in ((3, "volume"), (2, "surface"), (1, "feret")):
        assert model.columns[model.place_of(key)].unit == "nm" + ("", "²", "³")[power - 1]
        assert model.objects.number(key)[2] == pytest.approx(told[key] * 1000**power)
    assert form.units.source.text() == "From the file: ImageJ spacing."
    person.click(form.units.unit.button("px"))
    assert model.place_of("volume") < 0
    measuring.document.select(measuring.layer, IDS)
    person.click(form.start_button)
    person.until(lambda: model.columns[model.place_of("surface")].unit == "px²")
    surface = measure(mitochondria(), None, Spacing(), IDS[:1]).values["surface"][0]
    assert model.objects.number("surface")[2] == pytest.approx(surface)
    person.click(form.units.unit.button("µm"))


def the_plane_that_is_looked_at_is_measured(measuring: Measuring, folder: Path) -> None:
    person, form, model = measuring.person, measuring.form, measuring.table.model
    person.click(form.which.button("all"))
    person.click(form.works_in.button(True))
    measuring.document.change_view(crosshair=(60, 90, 80), active="xz")
    assert form.start_button.text() == " Measure in xz plane 90"
    person.click(form.start_button)
    person.until(lambda: "measured in xz plane 90" in measuring.table.words.text())
    plane = mitochondria()[:, 90, :]
    expected = {label_id: int((plane == label_id).sum()) for label_id in np.unique(plane[plane > 0]).tolist()}
    pixels = model.objects.number("pixels")
    found = {int(each): int(n) for each, n in zip(model.objects.ids, pixels, strict=True) if n == n}
    assert found == expected, "the objects of the plane, and no others"
    area = model.objects.number("area")[model.objects.ids == min(expected)]
    assert area[0] == pytest.approx(expected[min(expected)] * 1e-4)
    with person.choosing(folder / "plane.csv"):
        person.click(form.export_button)
    person.until((folder / "plane.csv").exists)
    assert "Area, xz plane 90 (µm²)" in (folder / "plane.csv").read_text(encoding="utf-8-sig").splitlines()[0]
    person.click(form.works_in.button(False))


def a_narrow_window_cuts_nothing(measuring: Measuring) -> None:
    form, window = measuring.form, measuring.window
    window.resize(840, 700)
    body = next(iter(form.findChildren(FormBody)))
    measuring.person.until(lambda: body.width() < 345)
    measuring.person.let_it_settle()
    for control in (form.works_in, form.which, form.image, form.units.unit, form.units.size_button, form.histogram):
        assert control.mapTo(body, control.rect().bottomRight()).x() < body.width()
    window.resize(1500, 900)


def what_the_figures_mean_can_be_read(measuring: Measuring) -> None:
    person = measuring.person
    with person.answering(lambda page: _reads(person, page)):
        person.menu("Help", "What the figures mean")


def _reads(person: Person, page: QDialog) -> None:
    assert isinstance(page, DefinitionsPage)
    text = page.text.toPlainText()
    assert "Cauchy-Crofton" in text
    assert "Circularity" in text
    person.click(person.button("Close", within=page))


def changed_objects_are_marked_as_older(measuring: Measuring) -> None:
    model = measuring.table.model
    measuring.table.deeds.merge((10005, 10004), 10005)
    measuring.person.until(lambda: 10004 not in model.objects.ids)
    row, column = model.row_of(10005), model.place_of("surface")
    assert row is not None
    assert model.is_older(row, column)
    assert "changed since measuring" in measuring.form.message.text()
    measuring.document.undo()
    measuring.person.until(lambda: 10004 in model.objects.ids)
    assert not model.objects.is_stale.any()
    assert not measuring.form.message.isVisible()


def test_measuring(measuring: Measuring, tmp_path: Path) -> None:
    figures_are_those_of_measuring(measuring)
    the_distribution_selects(measuring)
    files_hold_every_column_that_is_shown(measuring, tmp_path)
    changed_objects_are_marked_as_older(measuring)
    units_are_chosen(measuring)
    the_plane_that_is_looked_at_is_measured(measuring, tmp_path)
    what_the_figures_mean_can_be_read(measuring)
    a_narrow_window_cuts_nothing(measuring)


def test_terms_of_partly_known_voxels() -> None:
    flat = Spacing(None, 4.0, 5.0, "a tag")
    assert Terms("nm").fitting(flat).unit == "px"
    in_plane = Terms("nm", Axis.XY, 0)
    assert in_plane.fitting(flat) is in_plane
    assert in_plane.voxel_size(flat) == (4.0, 4.0, 5.0)
    assert Terms("nm", Axis.XZ, 3).voxel_size(flat) is None


def test_a_voxel_size_that_is_not_known_is_set_and_undone(person: Person, tmp_path: Path) -> None:
    path = tmp_path / "bare.tif"
    with open_volume(sample_path()) as sample:
        tifffile.imwrite(path, np.asarray(sample[0:12, 0:60, 0:60]), metadata={"axes": "ZYX"})
    window = person.window
    window.open_path(str(path))
    person.until(lambda: window.workspace is not None and person.layers)
    document = person.workspace.document
    labels = LabelsLayer(title="mito", source=ArraySource(mitochondria()[0:12, 0:60, 0:60].astype(np.uint32)))
    document.add_layer(labels)
    person.click(window.top.tab_button("measure"))
    dock = person.workspace.rooms["measure"].right
    assert isinstance(dock, MeasureDock)
    form, model = dock.measure, dock.measure.table.model
    person.until(lambda: len(model.objects) > 0)
    assert form.units.voxel_size.text() == "unknown"
    assert "Sizes are shown in voxels." in form.units.source.text()
    assert model.place_of("volume") < 0
    person.click(form.units.size_button)
    person.click(form.units.size_field)
    person.qtbot.keyClicks(form.units.size_field, "huge")
    person.key(Qt.Key.Key_Return)
    assert form.message.isVisible()
    form.units.size_field.clear()
    person.qtbot.keyClicks(form.units.size_field, "40, 8, 8")
    person.key(Qt.Key.Key_Return)
    assert labels.spacing.zyx == (40.0, 8.0, 8.0)
    image = person.workspace.image()
    assert image is not None
    assert image.spacing.zyx == (40.0, 8.0, 8.0)
    assert image.ref is not None
    assert image.ref.voxel_size == (40.0, 8.0, 8.0), "jobs are told, too"
    assert "Typed here." in form.units.source.text()
    assert model.place_of("volume") > 0
    expected = model.objects.voxels * 40 * 8 * 8 * 1e-9
    np.testing.assert_allclose(model.objects.measured["volume"], expected)
    document.undo()
    assert not labels.spacing.is_known
    assert form.units.voxel_size.text() == "unknown"
    assert isinstance(form.units.size_field, QLineEdit)


def test_scoring_two_layers(measuring: Measuring, tmp_path: Path) -> None:
    person, score = measuring.person, measuring.score
    true = mitochondria().astype(np.uint32)
    true[true == 10008] = 0
    true[150:160, 20:40, 20:40] = np.where(true[150:160, 20:40, 20:40] == 0, 10040, true[150:160, 20:40, 20:40])
    truth = LabelsLayer(title="truth", source=ArraySource(true), class_names={1: "mito"})
    measuring.document.add_layer(truth, 1)
    person.click(measuring.dock.mode.button("score"))
    person.choose(score.truth, "truth")
    person.choose(score.result, "mito")
    person.click(score.start_button)
    person.until(lambda: score.outcome is not None)
    assert (score.outcome.missed, score.outcome.invented) == ((10040,), (10008,))
    cells = {
        score.table.verticalHeaderItem(row).text(): score.table.item(row, 0).text()
        for row in range(score.table.rowCount())
    }
    assert cells["true objects"] == cells["predicted objects"] == "24"
    assert cells["F1 at 0.5"] == f"{23 / 24:.3f}"
    assert cells["AP .5:.95"] == f"{23 / 25:.3f}"
    person.click(score.show_button)
    assert person.layers[-2:] == ["Invented in mito", "Missed in mito"]
    missed, invented = person.labels("Missed"), person.labels("Invented")
    assert (missed.style, invented.style) == ("outline", "fill")
    np.testing.assert_array_equal(np.asarray(missed.source[:, :, :]) > 0, true == 10040)
    hatched = np.asarray(invented.source[:, :, :]) == 10008
    whole = mitochondria() == 10008
    assert 0.4 < hatched.sum() / whole.sum() < 0.6
    assert not (hatched & ~whole).any()
    measuring.document.undo()
    assert len(person.layers) == 3
    with person.choosing(tmp_path / "scores.csv"):
        person.click(score.export_button)
    person.until((tmp_path / "scores.csv").exists)
    with (tmp_path / "scores.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = {row["what"]: row for row in csv.DictReader(file)}
    assert float(rows["3D"]["F1 at 0.5"]) == pytest.approx(23 / 24)
    assert "plane 100" in rows


@pytest.mark.parametrize("axis", list(Axis))
def test_chosen_objects_are_the_same_in_planes_and_boxes(axis: Axis) -> None:
    base = ArraySource(np.random.default_rng(1).integers(0, 4, (12, 14, 16)).astype(np.uint16))
    for is_hatched in (False, True):
        source = ChosenObjects(base, (1, 3), is_hatched)
        voxels = source[0:12, 0:14, 0:16]
        assert set(np.unique(voxels)) == {0, 1, 3}
        plane = source.read(0, axis, 5, slice(2, 9), slice(3, 10))
        taken = np.moveaxis(voxels, axis.normal, 0)[5][2:9, 3:10]
        np.testing.assert_array_equal(plane, taken)
