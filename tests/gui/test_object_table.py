"""The object table with real mouse and key events, on what was really found in the sample, and with 100,000 objects."""

import csv
import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QMenu

from empanada_desktop.core.geometry import Box
from empanada_desktop.core.objects import ObjectIndex
from empanada_desktop.document import ArraySource, EditableSource, LabelsLayer
from empanada_desktop.gui.docks.layers_list import describe
from empanada_desktop.gui.objects.desk import ObjectsDesk
from empanada_desktop.gui.objects.facts import columns_for, object_columns
from empanada_desktop.gui.objects.table import ObjectTable
from empanada_desktop.gui.objects.table_model import ObjectsModel
from empanada_desktop.gui.objects.table_view import PADDING, ROW_HEIGHT, SWATCH

from .objects_at_hand import Opened, mitochondria
from .person import CONTROL, NO_KEY, SHIFT, Person

ALL = list(range(10001, 10025))


class Table(Opened):
    """The table of the room Measure."""

    def __init__(self, person: Person, folder: Path, labels: NDArray[np.generic] | None = None) -> None:
        super().__init__(person, folder, labels)
        self.desk = self.enter("measure")
        found = person.workspace.rooms["measure"].bottom
        assert isinstance(found, ObjectTable)
        self.table, self.view, self.model = found, found.view, found.model

    def place(self, label_id: int, key: str = "id") -> QPoint:
        """The middle of a cell in the viewport."""
        row, column = self.model.row_of(label_id), self.model.place_of(key)
        assert row is not None, f"{label_id} is not in the table"
        self.view.scrollTo(self.model.index(row, column))
        x = self.view.columnViewportPosition(column) + 12
        return QPoint(x, self.view.rowViewportPosition(row) + ROW_HEIGHT // 2)

    def click(self, label_id: int, key: str = "id", modifier: Qt.KeyboardModifier = NO_KEY) -> None:
        self.person.qtbot.mouseClick(
            self.view.viewport(), Qt.MouseButton.LeftButton, modifier, self.place(label_id, key)
        )

    def sort_by(self, key: str) -> None:
        """Click the title of a column."""
        header, column = self.view.horizontalHeader(), self.model.place_of(key)
        self.view.scrollTo(self.model.index(0, column))
        place = QPoint(header.sectionViewportPosition(column) + 20, header.height() // 2)
        self.person.qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, NO_KEY, place)

    def ids(self) -> list[int]:
        """The ids of the rows, from the top."""
        return self.model.objects.ids[self.model.rows].tolist()

    def cell(self, label_id: int, key: str) -> str:
        row = self.model.row_of(label_id)
        assert row is not None
        return str(self.model.index(row, self.model.place_of(key)).data())

    def type_filter(self, text: str) -> None:
        self.person.click(self.table.filter)
        self.person.key(Qt.Key.Key_A, CONTROL)
        self.person.key(Qt.Key.Key_Delete)
        self.person.qtbot.keyClicks(self.table.filter, text)
        self.person.until(lambda: self.model.filter_text == text)

    @property
    def selected(self) -> set[int]:
        return set(self.layer.selected)

    def menu_entry(self, title: str) -> None:
        """Right-click the last selected row and click an entry."""
        menu = self.table.menu()
        menu.popup(self.view.mapToGlobal(QPoint(40, 40)))
        self.person.until(menu.isVisible)
        self.person.menu_entry(menu, title)


@pytest.fixture
def table(person: Person, tmp_path: Path) -> Table:
    return Table(person, tmp_path)


def it_lists_what_is_there(table: Table) -> None:
    labels = mitochondria()
    assert table.ids() == ALL
    assert table.table.words.text() == "24"
    places = np.argwhere(labels == 10005)
    assert table.cell(10005, "voxels").replace("\u202f", "") == str(len(places))
    assert table.cell(10005, "volume") == f"{len(places) * 1e-6:.4f}"
    assert table.cell(10005, "centre") == ", ".join(str(round(at)) for at in places.mean(axis=0))
    assert table.cell(10005, "box") == ", ".join(
        f"{low}:{high + 1}" for low, high in zip(places.min(axis=0), places.max(axis=0), strict=True)
    )
    assert table.cell(10005, "border") == "no"
    assert table.cell(10001, "border") == "yes"
    assert table.cell(10005, "class") == "mito"
    grey = np.asarray(table.desk.grey()[:, :, :])[labels == 10005].mean()  # type: ignore[index]
    assert table.cell(10005, "grey") == f"{grey:.0f}"
    assert table.cell(10005, "surface") == "–", "not measured yet"


def sorting_by_a_click_on_a_title(table: Table) -> None:
    sizes = {label_id: int((mitochondria() == label_id).sum()) for label_id in ALL}
    table.sort_by("volume")
    assert table.ids() == sorted(ALL, key=lambda label_id: sizes[label_id])
    table.sort_by("volume")
    assert table.ids() == sorted(ALL, key=lambda label_id: -sizes[label_id])
    table.sort_by("border")
    borders = [table.cell(label_id, "border") for label_id in table.ids()]
    assert borders == sorted(borders)
    no = [label_id for label_id in table.ids() if table.cell(label_id, "border") == "no"]
    assert no == sorted(no), "alike rows stay in order"
    table.sort_by("id")


def the_filter_as_it_is_typed(table: Table) -> None:
    table.type_filter("volume > 0.05")
    expected = [label_id for label_id in ALL if (mitochondria() == label_id).sum() > 50_000]
    assert 0 < len(expected) < 24
    assert table.ids() == expected
    assert table.table.words.text() == f"{len(expected)} of 24"
    table.type_filter("volum > 0.05")
    assert "There is no column “volum”." in table.table.words.text()
    assert table.ids() == expected, "what cannot be read changes nothing"
    table.type_filter("10003")
    assert table.ids() == [10003]
    table.type_filter("")
    assert table.ids() == ALL


def selecting_goes_both_ways(table: Table) -> None:
    table.click(10003)
    assert table.selected == {10003}
    table.click(10005, modifier=CONTROL)
    assert table.selected == {10003, 10005}
    table.click(10005, modifier=CONTROL)
    assert table.selected == {10003}
    table.click(10006, modifier=SHIFT)
    assert table.selected == {10003, 10004, 10005, 10006}
    assert table.table.words.text() == "24, 4 selected"
    table.document.select(table.layer, [10020])
    assert table.model.selected_ids.tolist() == [10020]
    table.person.key(Qt.Key.Key_A, CONTROL)
    assert table.selected == set(ALL)
    table.person.key(Qt.Key.Key_Escape)
    assert table.selected == set()


def what_is_picked_in_a_view_comes_into_sight(table: Table) -> None:
    table.person.click(table.table.filter)  # the table has no focus
    z, y, x = (int(at) for at in np.argwhere(mitochondria() == 10024)[0])
    table.document.change_view(crosshair=(z, y, x))
    table.document.select(table.layer, [10024])
    row = table.model.row_of(10024)
    assert row is not None
    assert table.view.viewport().rect().contains(table.view.visualRect(table.model.index(row, 1)).center())


def keys_walk_through_the_rows(table: Table) -> None:
    table.click(10003)
    table.person.key(Qt.Key.Key_Down)
    table.person.until(lambda: table.selected == {10004})
    table.person.key(Qt.Key.Key_Down, SHIFT)
    table.person.until(lambda: table.selected == {10004, 10005})
    table.person.key(Qt.Key.Key_End)
    table.person.until(lambda: table.selected == {10024})
    table.person.key(Qt.Key.Key_Home)
    table.person.until(lambda: table.selected == {10001})


def dragging_selects_a_range(table: Table) -> None:
    start, stop = table.place(10002), table.place(10005)
    table.person.drag(table.view.viewport(), start, stop)
    table.person.until(lambda: table.selected == {10002, 10003, 10004, 10005})


def a_double_click_jumps_into_the_object(table: Table) -> None:
    table.person.double_click(table.view.viewport(), table.place(10016))
    table.person.until(lambda: mitochondria()[table.document.view.crosshair] == 10016)
    table.click(10008)
    table.person.click(table.table.jump_button)
    table.person.until(lambda: mitochondria()[table.document.view.crosshair] == 10008)


def eyes_hide_and_show(table: Table) -> None:
    table.click(10003, "visible")
    assert table.layer.hidden == {10003}
    assert table.cell(10003, "visible") == "hidden"
    assert table.table.words.text() == "24, 1 selected, 1 hidden"
    table.click(10003, "visible")
    assert table.layer.hidden == frozenset()
    table.click(10004)
    table.click(10005, modifier=CONTROL)
    table.person.click(table.table.hide_button)
    assert table.layer.hidden == {10004, 10005}
    table.type_filter("visible = no")
    assert table.ids() == [10004, 10005]
    table.menu_entry("Show all")
    assert table.layer.hidden == frozenset()
    table.type_filter("")


def isolating_shows_the_selected_and_others_faintly(table: Table) -> None:
    table.click(10003)
    table.person.click(table.table.isolate_button)
    assert table.layer.shows_selected_only
    table.person.click(table.table.isolate_button)
    assert not table.layer.shows_selected_only


def merging_from_the_table_is_one_deed_that_undoes(table: Table) -> None:
    before = table.voxels()
    table.click(10003)
    table.click(10005, modifier=CONTROL)
    table.menu_entry("Merge 2 objects")
    table.person.until(lambda: 10005 not in table.model.objects.ids)
    assert isinstance(table.layer.source, EditableSource), "the file itself is not written"
    expected = np.where(before == 10005, 10003, before)
    np.testing.assert_array_equal(table.voxels(), expected)
    assert table.selected == {10003}
    assert table.cell(10003, "status") == "Edited"
    assert table.cell(10003, "voxels").replace("\u202f", "") == str((expected == 10003).sum())
    table.person.key(Qt.Key.Key_Z, CONTROL)
    table.person.until(lambda: 10005 in table.model.objects.ids)
    np.testing.assert_array_equal(table.voxels(), before)
    assert table.cell(10003, "status") == "–", "it is what it was"


def deleting_by_the_key_undoes_and_redoes(table: Table) -> None:
    before = table.voxels()
    table.click(10007)
    table.person.key(Qt.Key.Key_Delete)
    table.person.until(lambda: 10007 not in table.model.objects.ids)
    assert not (table.voxels() == 10007).any()
    assert table.selected == set()
    assert describe(table.layer) == f"{len(table.model.objects.ids)} objects"
    table.document.undo()
    table.person.until(lambda: 10007 in table.model.objects.ids)
    assert describe(table.layer) == f"{len(np.unique(before)) - 1} objects"
    np.testing.assert_array_equal(table.voxels(), before)
    table.document.redo()
    table.person.until(lambda: 10007 not in table.model.objects.ids)


def a_locked_layer_says_so(table: Table) -> None:
    table.document.change_layer(table.layer, locked=True)
    table.click(10008)
    table.person.key(Qt.Key.Key_Delete)
    assert "mito is locked." in table.window.bar.text()
    assert 10008 in table.model.objects.ids
    table.document.change_layer(table.layer, locked=False)
    table.document.undo()
    table.person.until(lambda: len(table.ids()) == 24)


def painted_voxels_are_counted_at_once(table: Table) -> None:
    table.document.make_editable(table.layer)
    stroke = table.document.begin_stroke(table.layer, "Paint")
    stroke.write(Box((100, 10, 10), (102, 14, 15)), np.full((2, 4, 5), 10030, np.uint16))
    stroke.commit()
    table.person.until(lambda: 10030 in table.model.objects.ids)
    assert table.cell(10030, "voxels") == "40"
    assert table.cell(10030, "status") == "Edited"
    table.document.undo()
    table.person.until(lambda: 10030 not in table.model.objects.ids)


def statuses_are_deeds(table: Table) -> None:
    table.click(10003)
    table.click(10004, modifier=CONTROL)
    table.menu_entry("Accept")
    assert table.layer.review == {10003: "accepted", 10004: "accepted"}
    assert table.cell(10003, "status") == "Accepted"
    table.click(10004)
    table.menu_entry("Flag")
    assert table.cell(10004, "status") == "Flagged"
    table.document.undo()
    assert table.cell(10004, "status") == "Accepted"
    table.document.undo()
    assert table.layer.review == {}


def columns_are_chosen_and_remembered(table: Table) -> None:
    place = table.model.place_of("box")
    assert table.view.isColumnHidden(place)
    table.person.click(table.table.columns_button)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    table.person.menu_entry(menu, "Box")
    assert not table.view.isColumnHidden(place)
    again = ObjectTable(table.person.workspace)
    assert not again.view.isColumnHidden(place)
    again.deleteLater()
    table.person.click(table.table.columns_button)
    table.person.until(lambda: isinstance(QApplication.activePopupWidget(), QMenu))
    table.person.menu_entry(QApplication.activePopupWidget(), "Box")
    assert table.view.isColumnHidden(place)


def an_export_holds_what_the_table_shows(table: Table, tmp_path: Path) -> None:
    table.type_filter("volume > 0.05")
    table.sort_by("volume")
    target = tmp_path / "objects.csv"
    with table.person.choosing(target):
        table.person.click(table.table.export_button)
    table.person.until(target.exists)
    with target.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["Id"]) for row in rows] == table.ids()
    labels = mitochondria()
    for row in rows:
        count = int((labels == int(row["Id"])).sum())
        assert float(row["Volume (µm³)"]) == pytest.approx(count * 1e-6)
        assert row["Border"] == table.cell(int(row["Id"]), "border")
        z = np.argwhere(labels == int(row["Id"])).mean(axis=0)[0]
        assert float(row["Centre z"]) == pytest.approx(z)


def many_ids() -> NDArray[np.uint32]:
    """A hundred thousand objects: the sample cut into cubes of 4³ voxels, each with an id of its own."""
    place = np.arange(200) // 4
    ids = (place[:, None, None] * 50 + place[:, None]) * 50 + place + 1
    return np.where(ids <= 100_000, ids, 0).astype(np.uint32)


@pytest.fixture(scope="module")
def many() -> ObjectIndex:
    return ObjectIndex.of(many_ids())


def test_a_hundred_thousand_objects(many: ObjectIndex) -> None:
    layer = LabelsLayer(title="many", source=ArraySource(np.zeros((1, 1, 1), np.uint32)))
    model = ObjectsModel()
    objects = object_columns(layer, many, None, np.zeros(0, np.int64), frozenset())
    model.show_objects(objects, columns_for(layer, None))
    assert model.rowCount() == 100_000
    assert objects.longest("id") == "100000"
    assert objects.longest("centre") == "160, 200, 200"
    model.sort(model.place_of("centre"), Qt.SortOrder.DescendingOrder)
    last = np.lexsort([-many.centroids[:, axis].round() for axis in (2, 1, 0)])
    np.testing.assert_array_equal(model.rows, last)
    model.set_filter("z > 100 and voxels = 64")
    assert model.rowCount() == int((many.centroids[:, 0] > 100).sum())
    model.set_filter("")
    model.select_mask(np.ones(100_000, np.bool_))
    assert len(model.selected_ids) == 100_000
    model.select_ids(np.array([5, 99_999, 100_001], np.uint32))
    assert model.selected_ids.tolist() == [5, 99_999]


def test_only_rows_in_sight_are_worded(person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(person, tmp_path, many_ids())
    room = table.view.columnWidth(table.model.place_of("id")) - SWATCH - 3 * PADDING
    assert room >= table.view.fontMetrics().horizontalAdvance("100000")
    asked: set[int] = set()
    words = ObjectsModel.words

    def counted(model: ObjectsModel, row: int, column: int) -> str:
        asked.add(row)
        return words(model, row, column)

    monkeypatch.setattr(ObjectsModel, "words", counted)
    for place in (50_000, 99_000, 10):
        asked.clear()
        table.view.verticalScrollBar().setValue(place * ROW_HEIGHT)
        table.view.viewport().repaint()
        assert place in asked
        assert len(asked) <= table.view.rows_in_sight() + 2
    everything_is_selected_and_deleted_by_keys(table, monkeypatch)


def everything_is_selected_and_deleted_by_keys(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[int] = []
    find = ObjectIndex.find

    def counted(index: ObjectIndex, label_id: int) -> int | None:
        looked_up.append(label_id)
        return find(index, label_id)

    monkeypatch.setattr(ObjectIndex, "find", counted)
    table.click(int(table.model.objects.ids[table.model.rows[10]]))
    table.person.key(Qt.Key.Key_A, CONTROL)
    assert len(table.layer.selected) == 100_000
    assert len(looked_up) < 100, "objects are looked up together, not one by one"
    table.person.key(Qt.Key.Key_Delete)
    table.person.until(lambda: table.desk.is_current and len(table.model.objects) == 0)
    assert not table.voxels().any()
    table.document.undo()
    table.person.until(lambda: len(table.model.objects) == 100_000)


def another_layer_has_other_objects(table: Table) -> None:
    voxels = np.zeros(table.document.shape, np.uint32)
    voxels[5:9, 5:9, 5:9] = 20_001
    other = LabelsLayer(title="other", source=ArraySource(voxels), class_names={2: "wall"})
    table.document.add_layer(other)
    table.person.until(lambda: table.ids() == [20_001])
    assert table.cell(20_001, "class") == "wall"
    assert table.model.place_of("volume") < 0, "the size of a voxel is not known"
    assert table.cell(20_001, "voxels") == "64"
    table.document.remove_layer(other)
    table.person.until(lambda: table.ids() == ALL)
    table.document.remove_layer(table.layer)
    assert table.table.pages.currentIndex() == 0
    assert ObjectsDesk.of(table.person.workspace).layer is None


def test_reading_the_table(table: Table, tmp_path: Path) -> None:
    it_lists_what_is_there(table)
    sorting_by_a_click_on_a_title(table)
    the_filter_as_it_is_typed(table)
    columns_are_chosen_and_remembered(table)
    an_export_holds_what_the_table_shows(table, tmp_path)


def test_picking_in_the_table(table: Table) -> None:
    selecting_goes_both_ways(table)
    what_is_picked_in_a_view_comes_into_sight(table)
    keys_walk_through_the_rows(table)
    dragging_selects_a_range(table)
    a_double_click_jumps_into_the_object(table)
    eyes_hide_and_show(table)
    isolating_shows_the_selected_and_others_faintly(table)


def test_changing_from_the_table(table: Table) -> None:
    merging_from_the_table_is_one_deed_that_undoes(table)
    deleting_by_the_key_undoes_and_redoes(table)
    a_locked_layer_says_so(table)
    painted_voxels_are_counted_at_once(table)
    statuses_are_deeds(table)
    another_layer_has_other_objects(table)


class _Slow:
    """A source that takes its time, until it is let go."""

    def __init__(self, voxels: NDArray[np.uint32]) -> None:
        self._own, self.gate = ArraySource(voxels), threading.Event()

    def __getattr__(self, name: str) -> object:
        return getattr(self._own, name)

    def __getitem__(self, index: object) -> object:
        self.gate.wait(30)
        return self._own[index]

    def read(self, *place: object) -> object:
        return self._own.read(*place)  # type: ignore[arg-type]


def test_long_counting_is_among_the_jobs_and_can_be_cancelled(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table(person, tmp_path)
    monkeypatch.setattr("empanada_desktop.gui.objects.desk.LONG_SECONDS", 0.0)
    slow = _Slow(mitochondria().astype(np.uint32))
    layer = LabelsLayer(title="slow", source=slow)  # type: ignore[arg-type]
    table.document.add_layer(layer)
    desk = table.desk
    assert desk.layer is layer
    assert table.table.pages.currentIndex() == 0
    context = desk._counting
    assert context is not None
    context.report(1, 4)
    lines: list[str] = []
    person.workspace.jobs.lines_changed.connect(lambda found: lines.extend(line.id for line in found))
    person.until(lambda: "counting objects" in lines)
    person.workspace.jobs.do("cancel", "counting objects")
    slow.gate.set()
    person.until(lambda: desk._counting is None)
    assert table.table.empty_button.isVisible()
    assert table.ids() == []
    person.click(table.table.empty_button)
    person.until(lambda: table.ids() == ALL)
