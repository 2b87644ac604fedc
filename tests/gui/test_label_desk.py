"""What is painted with: new layers, ids counted within a class, never into the next one, swapped, named, undone."""

from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from empanada_desktop.core.edits import RegionEdit
from empanada_desktop.core.geometry import Box
from empanada_desktop.document import ArraySource, LabelsLayer
from empanada_desktop.document.painting import Painter
from empanada_desktop.errors import SettingsError
from empanada_desktop.gui.annotate.label_desk import LabelDesk
from empanada_desktop.gui.main_window import MainWindow
from empanada_desktop.gui.objects.desk import ObjectsDesk

from .person import Person


@pytest.fixture
def desk(window: MainWindow, person: Person, crop: Path) -> LabelDesk:
    window.open_path(str(crop))
    person.until(lambda: window.workspace is not None and bool(window.workspace.document.layers))
    person.until_rest()
    return LabelDesk(person.workspace)


def write(desk: LabelDesk, layer: LabelsLayer, label_id: int, row: int) -> None:
    """A bar of an id in plane 3."""
    box = Box((3, row, 5), (4, row + 2, 15))
    before = np.asarray(layer.source[box.slices])
    after = np.full(box.shape, label_id, np.uint32)
    desk._document.edit_voxels(layer, "Paint", RegionEdit.between(box, before, after))


def counted(desk: LabelDesk, person: Person) -> None:
    person.until(lambda: ObjectsDesk.of(person.workspace).is_current)


def test_without_labels_there_is_nothing_to_paint_in(desk: LabelDesk) -> None:
    assert desk.layer is None
    with pytest.raises(SettingsError, match="No labels yet"):
        desk.new_label()


def test_new_labels_count_within_their_class(desk: LabelDesk, person: Person) -> None:
    layer = desk.new_layer()
    assert (layer.title, layer.shape, layer.active_id) == ("labels", (24, 64, 72), 1001)
    counted(desk, person)
    desk.new_label()
    assert layer.active_id == 1001, "nothing has been painted with it"
    for number in range(3):
        write(desk, layer, layer.active_id, 5 * number)
        desk.new_label()  # at once, before the objects are counted again
        person.until(lambda number=number: layer.active_id == 1002 + number)
    assert desk.new_layer().title == "labels 2"


def test_nothing_is_painted_before_the_next_free_label_is_known(desk: LabelDesk, person: Person) -> None:
    document = person.workspace.document
    voxels = np.zeros(document.shape, np.uint32)
    voxels[3] = 1001
    painter = Painter(document)
    painter.knows_label = desk.knows_label
    layer = LabelsLayer(title="mito", source=ArraySource(voxels), label_divisor=1000, class_names={1: "mito"})
    document.add_layer(layer)  # counted in a thread; the window has not been told yet
    with pytest.raises(SettingsError, match="being counted"):
        painter.target()
    assert painter.target(erases=True) is layer
    desk.new_label()
    assert person.window.toast.text().startswith("Counting the objects")
    person.until(lambda: layer.active_id == 1002)
    assert painter.target() is layer


def test_a_new_id_that_a_split_has_taken_is_not_painted_with(desk: LabelDesk, person: Person) -> None:
    layer = desk.new_layer()
    counted(desk, person)
    write(desk, layer, 1001, 0)
    desk.new_label()
    person.until(lambda: layer.active_id == 1002)
    write(desk, layer, 1002, 10)  # as a deed of Proofread does
    person.until(lambda: layer.active_id == 1003)
    person.workspace.document.change_layer(layer, painted_id=1003)  # as a stroke does
    write(desk, layer, 1003, 20)
    counted(desk, person)
    assert layer.active_id == 1003, "painted with, it stays"


def test_the_first_stroke_in_labels_without_classes_of_ours_adds_to_no_object(desk: LabelDesk, person: Person) -> None:
    ids = np.zeros((24, 64, 72), np.uint32)
    ids[2:9, 5:20, 5:20], ids[2:9, 30:50, 5:20] = 1, 2
    layer = LabelsLayer(title="truth", source=ArraySource(ids), class_names={0: "object"})
    person.workspace.document.add_layer(layer)
    person.until(lambda: layer.active_id == 3)


def test_ids_never_leave_their_class(desk: LabelDesk, person: Person) -> None:
    layer = desk.new_layer()
    counted(desk, person)
    desk.set_divisor(10)
    assert (layer.active_id, desk.span(1)) == (11, (11, 19))
    desk.add_class("mito")
    assert (layer.active_id, desk.class_id, dict(layer.class_names)) == (21, 2, {1: "object", 2: "mito"})
    with pytest.raises(SettingsError, match="first id of class 2, mito"):
        desk.step(-1)
    desk.set_active(29)
    with pytest.raises(SettingsError, match="last id of class 2, mito"):
        desk.step(1)
    for number in range(9):
        write(desk, layer, 21 + number, 3 * number)
    counted(desk, person)
    with pytest.raises(SettingsError, match="Class 2 is full"):
        desk.new_label()
    assert layer.active_id == 29
    with pytest.raises(SettingsError, match="has objects already"):
        desk.set_divisor(100)
    assert layer.label_divisor == 10


def test_ids_that_others_may_give_are_left_to_them(desk: LabelDesk, person: Person) -> None:
    layer = desk.new_layer()
    layer.id_range = (1500, 1501)
    counted(desk, person)
    desk.choose_class(2)
    desk.choose_class(1)
    assert layer.active_id == 1500
    for _ in range(2):
        write(desk, layer, layer.active_id, layer.active_id % 10 * 4)
        counted(desk, person)
        if layer.active_id == 1500:
            desk.new_label()
    assert layer.active_id == 1501
    with pytest.raises(SettingsError, match="1500 to 1501 are used up"):
        desk.new_label()


def test_swap_and_steps(desk: LabelDesk, person: Person) -> None:
    layer = desk.new_layer()
    counted(desk, person)
    desk.step(1)
    assert layer.active_id == 1002
    desk.swap()
    assert (layer.active_id, desk.class_id) == (0, 1)
    desk.swap()
    assert layer.active_id == 1002


def test_labels_of_other_programs_have_ids_without_a_class(desk: LabelDesk, person: Person) -> None:
    layer = desk._document.new_labels("theirs")
    write(desk, layer, 1, 0)
    write(desk, layer, 2, 4)
    counted(desk, person)
    assert (desk.class_id, desk.classes()) == (0, {0: ""})
    desk.new_label()
    assert layer.active_id == 3
    desk.set_active(9999)
    with pytest.raises(SettingsError, match="last id of the objects without a class"):
        desk.step(1)


def test_naming_a_class_undoes(desk: LabelDesk, qtbot: QtBot) -> None:
    layer = desk.new_layer()
    desk.name_class(1, "mito")
    assert layer.class_of(1001) == "mito"
    assert desk._document.undo() is not None
    assert layer.class_of(1001) == "object"
    desk._document.redo()
    assert desk.classes() == {1: "mito"}
