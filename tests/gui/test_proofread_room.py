"""Merging, splitting, shaping and filtering by mouse and keys, in all planes, undone to the byte."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QPushButton, QSpinBox, QWidget
from pytestqt.qtbot import QtBot
from scipy import ndimage

from empanada_desktop.core.edits import RegionEdit
from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.document import EditableSource, LabelsLayer
from empanada_desktop.document.reviewing import QueueItem
from empanada_desktop.gui.controls import Segmented, SliderField
from empanada_desktop.gui.proofread.banner import Banner, BannerState, NamedObject
from empanada_desktop.gui.proofread.layers_part import QueueAndLayers
from empanada_desktop.gui.proofread.working import Work
from empanada_desktop.jobs.job import JobState

from .person import CONTROL, Person
from .proofreader import Proofreader, mitochondria, open_room, write_result
from .test_measure_room import read_xlsx
from .viewer.test_volume_view import screen

Labels = NDArray[np.uint32]
PLANES = (Axis.XY, Axis.XZ, Axis.YZ)


CHECKS = Path(__file__).with_name("proofread_3d_checks.py")


@pytest.fixture(scope="session")
def true_labels() -> Labels:
    return mitochondria()


@pytest.fixture(scope="session")
def result(tmp_path_factory: pytest.TempPathFactory, true_labels: Labels) -> Path:
    return write_result(tmp_path_factory.mktemp("result") / "sample.zarr", true_labels)


@pytest.fixture
def proofreader(person: Person, result: Path) -> Proofreader:
    return open_room(person, result)


def button(hand: Proofreader, line: str, value: object) -> None:
    """Click a segment of the form."""
    control = hand.room.form.lines[line].control
    assert isinstance(control, Segmented)
    hand.person.click(control.button(value))
    hand.settle()


def test_two_clicks_and_enter_merge_in_every_plane(proofreader: Proofreader, true_labels: Labels) -> None:
    hand = proofreader
    assert hand.workspace.tool == "merge"
    for axis, (one, other) in zip(PLANES, ((10005, 10007), (10008, 10003), (10015, 10009)), strict=True):
        for label_id in (one, other):
            place = hand.inside(label_id, true_labels)
            hand.look_at(place)
            hand.click(axis, place)
        assert hand.desk.picks.ids == (one, other)
        larger = max((one, other), key=lambda label_id: int((true_labels == label_id).sum()))
        state = hand.room.banner.state
        assert (state.deed, state.objects[0].id, state.objects[0].words) == ("Merge 2 objects", larger, "keeps its id")
        assert state.words.endswith("µm³ together")
        hand.enter(axis)
        smaller = one + other - larger
        expected = np.where(true_labels == smaller, larger, true_labels)
        np.testing.assert_array_equal(hand.voxels(), expected)
        assert hand.person.window.toast.text() == f"Merged {smaller} into {larger}."
        assert isinstance(hand.layer.source, EditableSource)
        if axis is Axis.XY:
            hand.person.click(hand.person.button("Undo", within=hand.person.window.toast))
            hand.settle()
        else:
            hand.undo()
        np.testing.assert_array_equal(hand.voxels(), true_labels)
    toast = hand.person.window.toast
    assert toast.text().startswith("Undone: Merge")
    hand.person.key(Qt.Key.Key_Y, CONTROL)
    hand.settle()
    np.testing.assert_array_equal(hand.voxels(), expected)
    assert toast.text().startswith("Done again: ")
    words = toast.findChild(QLabel)
    assert words is not None
    assert words.width() >= words.sizeHint().width(), "the words of the second toast are cut"


def test_clicks_let_go_lines_cross_and_escape_clears(proofreader: Proofreader, true_labels: Labels) -> None:
    hand = proofreader
    place = hand.inside(10008, true_labels)
    hand.look_at(place)
    hand.click(Axis.XY, place)
    assert hand.desk.picks.ids == (10008,)
    assert hand.room.dock.selection.lines[0] == ("Volume", "0.111 µm³")
    hand.click(Axis.XY, place)
    assert hand.desk.picks.ids == ()
    hand.click(Axis.XY, place)
    hand.qtbot.keyClick(hand.canvas(Axis.XY), Qt.Key.Key_Escape)
    assert hand.desk.picks.ids == ()
    assert hand.room.banner.state.deed == ""
    centre = hand.workspace.grid.look.centre
    hand.draw(Axis.XY, place, (place[0], place[1] - 10, place[2] - 20))  # a drag moves the picture
    assert hand.desk.picks.ids == ()
    np.testing.assert_allclose(np.subtract(hand.workspace.grid.look.centre, centre), (0, 10, 20), atol=0.5)
    button(hand, "merge_by", "points")
    hand.click(Axis.XY, place)
    assert (hand.desk.picks.ids, hand.desk.picks.points) == ((10008,), (place,))
    button(hand, "merge_by", "line")
    assert hand.desk.picks.points == ()
    hand.desk.clear()
    plane, row = np.unravel_index(
        np.argmax(np.diff(true_labels.astype(int), axis=2).astype(bool).sum(axis=2)), (200, 200)
    )
    z, y = int(plane), int(row)
    hand.look_at((z, 100, 100), 1.5)
    hand.draw(Axis.XY, (z, y, 0), (z, y, 199))
    assert list(hand.desk.picks.ids) == [int(each) for each in dict.fromkeys(true_labels[z, y].tolist()) if each]
    what_picks_nothing_is_said(hand, true_labels)


def what_picks_nothing_is_said(hand: Proofreader, true_labels: Labels) -> None:
    """Beside the objects, Enter too early, in a hidden layer, in a second object."""
    hand.desk.clear()
    said, place = hand.person.window.toast.text, hand.inside(10005, true_labels)
    rows, columns = np.nonzero(ndimage.minimum_filter(true_labels[place[0]] == 0, 15))
    nearest = np.argmin((rows - place[1]) ** 2 + (columns - place[2]) ** 2)
    beside = (place[0], int(rows[nearest]), int(columns[nearest]))
    hand.look_at(place)
    hand.draw(Axis.XY, beside, (beside[0], beside[1] + 4, beside[2] + 4))
    assert said() == "No object of mito here."
    button(hand, "merge_by", "click")
    hand.qtbot.keyClick(hand.canvas(Axis.XY), Qt.Key.Key_Return)
    assert said() == "Click objects in any view"
    hand.click(Axis.XY, beside)
    assert said() == "No object of mito here."
    hand.person.click(hand.room.form.mode.button("split"))
    hand.click(Axis.XY, beside)
    assert said() == "No object of mito here. Click a point in each part of one object."
    hand.document.change_layer(hand.layer, visible=False)
    hand.click(Axis.XY, place)
    assert (hand.desk.picks.ids, said()) == ((), "mito is hidden. Show it in the list of layers first.")
    hand.document.change_layer(hand.layer, visible=True)
    hand.click(Axis.XY, place)
    other = hand.inside(10007, true_labels)
    hand.look_at(other)
    hand.click(Axis.XY, other)
    assert said() == "One object is split at a time: 10007 now, the other points are gone."
    assert (hand.desk.picks.ids, hand.desk.picks.points) == ((10007,), (other,))


def test_in_a_narrow_window_the_banner_is_not_cut(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    banner = Banner()
    banner.setParent(window)
    objects = (NamedObject(10008, "#23D8DD", "keeps its id"), NamedObject(10009, "#B3F1A6"))
    state = BannerState("git-merge", "Merge", "Click", objects, 0, "0.2 µm³ together", "Merge 2 objects", "Clear")
    banner.show_state(state)
    window.show()
    for width, key in ((476, ""), (760, "   Enter")):  # in windows of 840 and 1100 pixels
        banner.resize(width, 41)
        for _ in range(3):
            QApplication.processEvents()
        assert banner.apply_button.text() == f"Merge 2 objects{key}"
        shown = [each for each in (*banner.findChildren(QLabel), *banner.findChildren(QPushButton)) if each.isVisible()]
        cut = [each.text() for each in shown if each.width() < each.minimumSizeHint().width()]
        assert (cut, sum(each.text() in ("10008", "10009") for each in shown)) == ([], 2)


def test_points_split_in_every_plane(proofreader: Proofreader, true_labels: Labels) -> None:
    hand = proofreader
    hand.person.click(hand.room.form.mode.button("split"))
    assert hand.workspace.tool == "split"
    for axis in PLANES:
        hand.look_at(hand.inside(10008, true_labels))
        index = hand.document.view.crosshair[axis.normal]
        for end in np.argwhere(np.take(true_labels, [index], axis.normal) == 10008)[[0, -1]]:
            voxel = [int(place) for place in end]
            voxel[axis.normal] = index
            hand.click(axis, (voxel[0], voxel[1], voxel[2]))
        assert len(hand.desk.picks.points) == 2
        hand.person.until(lambda: hand.desk.outcome is not None)
        assert hand.room.banner.state.words.startswith("2 parts: ")
        np.testing.assert_array_equal(hand.voxels(), true_labels)  # shown, not done
        assert any(layer.is_preview for layer in hand.document.layers)
        hand.enter(axis)
        assert not any(layer.is_preview for layer in hand.document.layers)
        now = hand.voxels()
        assert set(np.unique(now)) - set(np.unique(true_labels)) == {10025}
        np.testing.assert_array_equal(np.isin(now, (10008, 10025)), true_labels == 10008)
        assert (now == 10008).sum() >= (now == 10025).sum() > 1000
        hand.undo()
        np.testing.assert_array_equal(hand.voxels(), true_labels)
    z, y, x = hand.inside(10008, true_labels)
    hand.look_at((z, y, x))
    for voxel in ((z, y, x), (z, y, x + 8), (z, y, x)):  # a second click takes the point away
        hand.click(Axis.XY, voxel)
    assert hand.desk.picks.points == ((z, y, x + 8),)
    hand.qtbot.keyClick(hand.canvas(Axis.XY), Qt.Key.Key_Backspace)
    assert hand.desk.picks.points == ()


def test_a_line_splits_the_plane_or_the_object(proofreader: Proofreader, true_labels: Labels) -> None:
    hand = proofreader
    hand.person.click(hand.room.form.mode.button("split"))
    button(hand, "split split_by", "line")
    button(hand, "split works_in", "plane")
    z, y, x = hand.inside(10008, true_labels)
    hand.look_at((z, y, x), 2.0)
    rows = np.flatnonzero((true_labels[z] == 10008).any(axis=1))
    top, bottom = max(0, int(rows[0]) - 5), min(199, int(rows[-1]) + 5)
    hand.draw(Axis.XY, (z, top, x), (z, bottom, x))
    assert hand.desk.picks.ids == (10008,)
    hand.enter()
    now = hand.voxels()
    changed = np.unique(np.nonzero(now != true_labels)[0])
    assert changed.tolist() == [z]
    hand.undo()
    button(hand, "split works_in", "3d")
    hand.draw(Axis.XY, (z, top, x), (z, bottom, x))
    hand.enter()
    now = hand.voxels()
    assert len(np.unique(np.nonzero(now != true_labels)[0])) > 20
    np.testing.assert_array_equal(now != 0, true_labels != 0)


def test_shaping_and_filtering_are_shown_first(proofreader: Proofreader, true_labels: Labels) -> None:
    hand = proofreader
    hand.person.click(hand.room.form.mode.button("morph"))
    place = hand.inside(10005, true_labels)
    hand.look_at(place)
    hand.click(Axis.XY, place)
    radius = hand.room.form.lines["radius"].control
    assert isinstance(radius, SliderField)
    hand.person.type_into(radius.number, "2")
    hand.person.until(lambda: hand.desk.outcome is not None)
    assert "voxels more" in hand.room.banner.state.words
    hand.enter()
    now = hand.voxels()
    assert (now == 10005).sum() > (true_labels == 10005).sum()
    others = (true_labels != 0) & (true_labels != 10005)
    np.testing.assert_array_equal(now[others], true_labels[others])
    assert hand.document.history.next_undo.title == "Dilate 10005, radius 2"
    hand.undo()
    combo = hand.room.form.lines["morph"].control
    assert isinstance(combo, QComboBox)
    hand.person.choose(combo, "Smooth")
    hand.person.until(lambda: hand.desk.outcome is not None)
    hand.enter()
    now = hand.voxels()
    np.testing.assert_array_equal(now[others], true_labels[others])
    assert abs(int((now == 10005).sum()) - int((true_labels == 10005).sum())) < 50

    hand.undo()
    hand.person.key(Qt.Key.Key_F, Qt.KeyboardModifier.ShiftModifier)
    assert hand.desk.values.mode == "filter"
    button(hand, "filter_by", "border")
    hand.person.until(lambda: hand.desk.outcome is not None)
    faces = [np.take(true_labels, [place], axis) for axis in range(3) for place in (0, -1)]
    border = set(np.unique(np.concatenate([face.ravel() for face in faces]))) - {0}
    assert hand.room.banner.state.words == f"{len(border)} of 24 objects go"
    hand.person.click(hand.room.banner.apply_button)
    hand.person.until(lambda: hand.document.history.next_undo.title == "Filter objects at the border")
    np.testing.assert_array_equal(hand.voxels(), np.where(np.isin(true_labels, list(border)), 0, true_labels))
    hand.settle()
    hand.undo()
    np.testing.assert_array_equal(hand.voxels(), true_labels)


def test_the_menu_and_the_keys_of_an_object(proofreader: Proofreader, true_labels: Labels) -> None:
    hand = proofreader
    place = hand.inside(10005, true_labels)
    hand.look_at(place)
    hand.right_click(Axis.XY, place)
    menu = hand.room.menu
    assert menu is not None
    hand.person.until(menu.isVisible)
    assert menu.actions()[0].text().startswith("10005 mito, ")
    hand.person.menu_entry(menu, "Copy id")
    assert QApplication.clipboard().text() == "10005"
    hand.right_click(Axis.XY, place)
    assert hand.room.menu is not None
    hand.person.until(hand.room.menu.isVisible)
    hand.person.menu_entry(hand.room.menu, "Accept")
    assert hand.layer.review[10005] == "accepted"
    hand.right_click(Axis.XY, place)
    assert hand.room.menu is not None
    hand.person.until(hand.room.menu.isVisible)
    hand.person.menu_entry(hand.room.menu, "Delete")
    hand.person.until(lambda: hand.document.history.next_undo.title == "Delete 10005")
    np.testing.assert_array_equal(hand.voxels(), np.where(true_labels == 10005, 0, true_labels))

    hand.settle()
    hand.undo()
    canvas = hand.canvas(Axis.XY)
    hand.person.key(Qt.Key.Key_M, Qt.KeyboardModifier.ShiftModifier)
    for label_id in (10005, 10007):
        hand.look_at(hand.inside(label_id, true_labels))
        canvas.setFocus()
        hand.qtbot.keyClick(canvas, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert hand.desk.picks.ids == (10005, 10007)
    hand.qtbot.keyClick(canvas, Qt.Key.Key_F10, Qt.KeyboardModifier.ShiftModifier)
    assert hand.room.menu is not None
    hand.person.until(hand.room.menu.isVisible)
    assert hand.room.menu.label_id == 10007
    hand.qtbot.keyClick(hand.room.menu, Qt.Key.Key_Escape)
    hand.enter()
    assert len(np.unique(hand.voxels())) == 24  # 23 objects and the background
    hand.look_at(hand.inside(10008, true_labels))
    hand.qtbot.keyClick(canvas, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    hand.person.key(Qt.Key.Key_Delete)
    hand.person.until(lambda: hand.document.history.next_undo.title == "Delete 10008")
    hand.settle()
    assert 10008 not in np.unique(hand.voxels())


def test_the_history_travels(proofreader: Proofreader, true_labels: Labels) -> None:
    hand = proofreader
    states = [hand.voxels()]
    for label_id in (10005, 10007, 10008):
        hand.document.select(hand.layer, [label_id])
        hand.settle()
        hand.desk.delete()
        title = f"Delete {label_id}"
        hand.person.until(lambda title=title: hand.document.history.next_undo.title == title)
        hand.settle()
        states.append(hand.voxels())
    view = hand.room.dock.history
    assert view.words.text().startswith("4 steps, ")
    rows = [view.list.rows.index(row, 0).data() for row in range(view.list.rows.rowCount())]
    expected = ["Delete 10008", "Delete 10007", "Delete 10005", "Segment volume", "As it was opened"]
    assert rows == expected
    for row, state in ((2, 1), (0, 3), (1, 2)):
        place = view.list.visualRect(view.list.rows.index(row, 0)).center()
        hand.person.click(view.list.viewport(), place)
        hand.person.until(lambda: not view.list.is_travelling)
        np.testing.assert_array_equal(hand.voxels(), states[state])
    assert view.list.rows.index(0, 0).data() == "Delete 10008, undone"
    hand.settle()


def test_labels_are_counted_and_leaving_leaves_nothing_shown(proofreader: Proofreader, tmp_path: Path) -> None:
    hand = proofreader
    part = hand.room.labels
    hand.person.unfold(hand.room.dock.labels_section)
    assert (part.counts[0].class_id, part.counts[0].title, len(part.counts[0])) == (1, "mito", 24)
    assert part.free_id() == 10025
    hand.person.click(part.take)
    assert hand.layer.active_id == 10025
    field = part.jump
    assert isinstance(field, QSpinBox)
    hand.person.type_into(field, "10008")
    hand.person.click(part.jump_button)
    hand.person.until(lambda: hand.desk.picking.id_at(hand.document.view.crosshair) == 10008)
    assert hand.desk.picks.ids == (10008,)
    for name in ("ids.csv", "ids.xlsx"):
        with hand.person.choosing(tmp_path / name):
            hand.person.click(part.export)
        hand.person.until(lambda name=name: hand.person.window.toast.text() == f"Wrote 24 ids to {name}.")
    lines = (tmp_path / "ids.csv").read_text("utf-8-sig").splitlines()
    assert (lines[0], len(lines)) == ("Class,Class name,Id,Voxels", 25)
    assert [",".join(map(str, row)) for row in read_xlsx(tmp_path / "ids.xlsx")] == lines
    hand.settle()

    left = hand.workspace.rooms["proofread"].left
    assert isinstance(left, QueueAndLayers)
    assert left.section.note == "2"
    hand.person.unfold(left.section)
    rows, eye = left.layers.list, QPoint(18, 20)
    for says in ("2, 1 hidden", "2"):
        hand.person.click(rows.viewport(), rows.visualItemRect(rows.item(0)).topLeft() + eye)
        assert (left.section.note, hand.layer.visible) == (says, says == "2")
    assert left.queue.isVisible()

    hand.person.click(hand.room.form.mode.button("filter"))
    hand.person.until(lambda: hand.desk.outcome is not None)
    hand.person.click(hand.person.button("Segment"))
    hand.person.until(lambda: not any(layer.is_preview for layer in hand.document.layers))
    assert hand.workspace.grid.canvas_tool is None
    hand.person.until_rest()


def test_the_queue_goes_on_after_a_merge(proofreader: Proofreader, true_labels: Labels) -> None:
    hand = proofreader
    items = tuple(
        QueueItem(ids, question, "contact", "Because.", score, tuple(map(float, hand.inside(ids[0], true_labels))))
        for ids, question, score in (
            ((10013, 10016), "Join?", 0.9),
            ((10013,), "Real?", 0.7),
            ((10008,), "Split?", 0.5),
            ((10005,), "Real?", 0.1),
        )
    )
    hand.document.edit_properties(hand.layer, "Find suspicious objects", queue=items)
    hand.settle()
    queue = hand.room.queue
    queue.choose(items[0].key)
    hand.settle()
    assert hand.desk.picks.ids == (10013, 10016)
    hand.person.until(lambda: hand.desk.looking.contact_words(Axis.XY) or hand.desk.looking.pair)
    assert hand.room.dock.selection.lines[0] == ("Contact area", "0.0077 µm²")
    hand.enter()
    assert queue.current is not None
    assert queue.current.item == items[2], "what was asked of an object that is merged needs no answer"
    assert hand.desk.picks.ids == (10008,)
    place = hand.inside(10005, true_labels)
    hand.look_at(place)
    hand.click(Axis.XY, place)
    assert hand.desk.picks.ids == (10005,), "nobody has clicked the object that the queue shows"
    queue.choose(items[2].key)
    hand.settle()
    hand.canvas(Axis.XY).setFocus()
    hand.person.key(Qt.Key.Key_E)
    assert hand.workspace.tool == "split"
    hand.person.key(Qt.Key.Key_A)
    assert hand.layer.review[10008] == "accepted"
    assert queue.current.item == items[3]
    hand.settle()


def test_what_takes_long_is_a_job(
    proofreader: Proofreader, true_labels: Labels, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("empanada_desktop.gui.proofread.doing.LONG_VOXELS", 1000)
    hand = proofreader
    hand.document.select(hand.layer, [10008])
    hand.settle()
    hand.person.key(Qt.Key.Key_Delete)
    hand.person.until(lambda: hand.workspace.jobs.queue.jobs)
    job = hand.person.job()
    assert (job.title, job.spec.task) == ("Delete 10008", "delete-labels")
    hand.person.until(lambda: job.state.has_ended)
    hand.person.until(lambda: hand.document.history.next_undo.title == "Delete 10008")
    np.testing.assert_array_equal(hand.voxels(), np.where(true_labels == 10008, 0, true_labels))
    hand.settle()
    hand.undo()
    np.testing.assert_array_equal(hand.voxels(), true_labels)
    a_surface_is_saved(hand, hand.inside(10005, true_labels), tmp_path / "mito.stl")
    job = hand.person.job()
    hand.document.select(hand.layer, [10005])
    hand.settle()
    hand.desk.delete()
    hand.person.until(lambda: hand.person.job() is not job)
    second = hand.person.job()
    hand.document.edit_voxels(hand.layer, "Paint", paint_over(hand.layer))  # meanwhile
    hand.person.until(lambda: second.state.has_ended)
    hand.person.until(lambda: "was changed while" in hand.person.window.bar.text())
    assert hand.document.history.next_undo.title == "Paint"
    hand.settle()

    painted, position = hand.voxels(), hand.document.history.position
    hand.document.select(hand.layer, [10005])
    hand.settle()
    with hand.person.holding_new(hand.desk.delete) as third:
        hand.person.click(hand.person.button("Cancel this job"))
    hand.person.until_ended(third)
    assert third.state is JobState.CANCELLED
    hand.settle()
    monkeypatch.setattr("empanada_desktop.gui.proofread.doing.LONG_VOXELS", 1 << 26)
    monkeypatch.setattr("empanada_desktop.gui.proofread.doing.carry_out", never_ending)
    hand.document.select(hand.layer, [10008])
    hand.settle()
    hand.person.key(Qt.Key.Key_Delete)
    banner = hand.room.banner
    hand.person.until(lambda: banner.state.hint == "Deleting, 1 of 3")
    assert banner.clear_button.text().startswith("Cancel")
    hand.person.click(banner.clear_button)
    assert not hand.desk.is_applying
    hand.settle()
    assert hand.document.history.position == position
    np.testing.assert_array_equal(hand.voxels(), painted)


def a_surface_is_saved(hand: Proofreader, place: tuple[int, int, int], path: Path) -> None:
    """From the menu of the right button, as a job."""
    hand.look_at(place)
    hand.right_click(Axis.XY, place)
    menu = hand.room.menu
    assert menu is not None
    hand.person.until(menu.isVisible)
    with hand.person.choosing(path):
        hand.person.menu_entry(menu, "Save surface")
    hand.person.until(lambda: hand.person.window.toast.text() == "Wrote 1 surface in µm to mito.stl.")
    assert path.stat().st_size > 10_000
    hand.settle()


def never_ending(_plan: object, _ground: object, work: Work) -> None:
    """What takes so long that somebody loses patience."""
    work.report(1, 3, "Deleting")
    while True:
        work.check_cancelled()
        time.sleep(0.005)


def paint_over(layer: LabelsLayer) -> RegionEdit:
    """One voxel that becomes another object."""
    box = Box((0, 0, 0), (1, 1, 1))
    return RegionEdit.between(box, np.asarray(layer.source[box.slices]), np.full((1, 1, 1), 10099, np.uint32))


def test_in_3d() -> None:
    """Picked and merged in the 3D view, in a process that has a screen."""
    settings = {**os.environ, "OMP_NUM_THREADS": "1"}
    settings.pop("QT_QPA_PLATFORM", None)
    command = [*screen(), sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(CHECKS)]
    outcome = subprocess.run(
        command, env=settings, cwd=CHECKS.parents[2], capture_output=True, text=True, timeout=300, check=False
    )
    assert outcome.returncode == 0, outcome.stdout[-4000:] + outcome.stderr[-2000:]
