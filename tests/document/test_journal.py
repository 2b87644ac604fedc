"""The journal: what was done is on the disk at once, and comes back with its history, whatever broke off."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from empanada_desktop.core.edits import RegionEdit, relabel
from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.document import Document, EditableSource, LabelsLayer, PointsLayer, Shape, ShapesLayer
from empanada_desktop.document.edits import Edits, VoxelEdit
from empanada_desktop.document.journal import SYNC_SECONDS
from empanada_desktop.document.journal_file import JOURNAL_FILE, JournalFile
from empanada_desktop.document.reopening import Opened
from empanada_desktop.document.reviewing import QueueItem
from empanada_desktop.document.session import Session
from empanada_desktop.document.sources import whole_box
from empanada_desktop.errors import VolumeError

from .conftest import SHAPE

BOX = Box((1, 3, 4), (3, 9, 20))


@pytest.fixture
def session(document: Document) -> Iterator[Session]:
    with Session.create() as session:
        session.begin_journal(document)
        yield session


def paint(document: Document, layer: LabelsLayer, label_id: int, box: Box = BOX) -> None:
    """Paint a box by a stroke."""
    stroke = document.begin_stroke(layer, f"Brush {label_id}")
    stroke.write(box, np.full(box.shape, label_id))
    stroke.commit()


def merge(document: Document, layer: LabelsLayer, mapping: dict[int, int]) -> None:
    document.edit_voxels(layer, "Merge", *relabel(document.writable(layer.id), whole_box(layer.shape), mapping))


def killed(session: Session, tmp_path: Path) -> tuple[Document, Opened, Session]:
    """What a session gives that goes no further than its files do now, as after a kill."""
    assert session.journal is not None
    session.journal.wait_for(session.journal.position)
    copy = Path(shutil.copytree(session.folder, tmp_path / f"copy{len(list(tmp_path.iterdir()))}"))
    again, document = Session(copy), Document()
    opened = again.load(document)
    again.go_on(opened, document)
    return document, opened, again


def voxels(document: Document) -> list[tuple[str, str, NDArray[np.generic]]]:
    return [
        (layer.id, layer.title, np.array(layer.source[:, :, :]))
        for layer in document.layers
        if isinstance(layer, LabelsLayer) and layer.shape == SHAPE and not layer.is_preview
    ]


def everything(document: Document, labels: LabelsLayer, result_path: str) -> None:
    """One deed of every kind, while a preview is shown, which is in no session."""
    from empanada_desktop.document.results import add_layers, open_labels, plane_preview

    document.add_layer(plane_preview(document, Axis.XY, 2, "live"))
    paint(document, labels, 9)
    mine = document.new_labels("mine")
    paint(document, mine, 5)
    merge(document, labels, {1: 2, 9: 2, 3: 77})
    merge(document, labels, {4: 400})
    add_layers(document, open_labels(result_path), "result")
    paint(document, next(layer for layer in document.of_kind(LabelsLayer) if layer.title == "er"), 4)
    document.add_layer(PointsLayer(title="seeds"))
    points = document.of_kind(PointsLayer)[0]
    document.edit_properties(points, "Add points", points=np.array([[1.5, 2, 3]]))
    document.add_layer(ShapesLayer(title="region"))
    shape = Shape("rectangle", Axis.XZ, 4, ((0.0, 1.0), (5.0, 7.5)))
    document.edit_properties(document.of_kind(ShapesLayer)[0], "Draw", shapes=(shape,))
    document.edit_properties(labels, "Accept", review={3: "accepted", 4: "flagged"}, class_names={1: "mito"})
    document.edit_properties(labels, "Edit", review={3: "edited"}, id_range=(10, 20))
    item = QueueItem((3, 4), "Join?", "touch", "they touch", 0.5, (1.0, 2.0, 3.0), (7, 8))
    document.edit_properties(labels, "Find suspects", queue=(item,), decisions={"Join? 3+4": "accepted"})
    document.rename_layer(labels, "nuclei")
    document.duplicate_layer(mine)
    document.move_layer(mine, 0)
    document.remove_layer(labels)
    part = RegionEdit.between(BOX, mine.source[BOX.slices], np.full(BOX.shape, 8, np.uint32))
    document.apply(Edits("both", (VoxelEdit("a", mine.id, (part,)), VoxelEdit("b", mine.id, ()))))


def test_all_that_was_done_comes_back_with_its_history(
    document: Document, labels: LabelsLayer, result_path: str, tmp_path: Path
) -> None:
    with Session.create() as session:
        session.begin_journal(document)
        before = document.history.position
        everything(document, labels, result_path)
        for _ in range(4):
            document.undo()
        document.redo()
        other, opened, again = killed(session, tmp_path)
        assert opened.faults == []
        assert opened.recovered.steps.words == f"{document.history.position - before} edits"
        other_deeds = other.history.edits
        assert [deed.title for deed in other_deeds] == [deed.title for deed in document.history.edits[before:]]
        while document.history.position > before:
            assert document.undo() is not None
            assert other.undo() is not None
            for one, two in zip(voxels(document), voxels(other), strict=True):
                assert one[:2] == two[:2]
                np.testing.assert_array_equal(one[2], two[2])
        assert other.undo() is None
        while document.redo() is not None:
            assert other.redo() is not None
        for one, two in zip(voxels(document), voxels(other), strict=True):
            np.testing.assert_array_equal(one[2], two[2])
        again.close()


def test_a_state_kept_in_between_changes_nothing_of_that(
    document: Document, labels: LabelsLayer, session: Session, result_path: str, tmp_path: Path
) -> None:
    start = document.history.position
    for round_ in range(2):
        everything(document, labels, result_path)
        for _ in range(2 + round_):
            document.undo()
        session.save(document)
        assert document.history.is_saved
        document.redo()
        other, opened, again = killed(session, tmp_path)
        assert (opened.faults, opened.n_recovered) == ([], 1)
        while document.history.position > start:
            document.undo()
            assert other.undo() is not None, document.history.position
            for one, two in zip(voxels(document), voxels(other), strict=True):
                np.testing.assert_array_equal(one[2], two[2])
        again.close()
        labels = document.of_kind(LabelsLayer)[0]
        session.save(document)


def test_closing_as_one_should_leaves_nothing_to_recover(
    document: Document, labels: LabelsLayer, session: Session
) -> None:
    paint(document, labels, 9)
    session.save(document)
    session.close()
    again, other = Session(session.folder), Document()
    opened = again.load(other)
    assert opened.n_recovered == 0
    assert other.undo() is not None
    assert not (other.of_kind(LabelsLayer)[0].source[BOX.slices] == 9).all()
    again.close()


def test_a_long_stroke_is_in_the_journal_before_it_ends(
    document: Document, labels: LabelsLayer, session: Session, tmp_path: Path
) -> None:
    before = np.array(labels.source[:, :, :])
    stroke = document.begin_stroke(labels, "Brush")
    stroke.write(BOX, np.full(BOX.shape, 7))
    stroke.tell()
    session.save(document)  # a state in the middle of a stroke
    stroke.write(BOX.moved((1, 0, 3)), np.full(BOX.shape, 8))
    stroke.tell()
    stroke.write(BOX.moved((2, 0, 5)), np.full(BOX.shape, 9))  # is lost: it was not told
    after = np.array(before)
    after[BOX.slices] = 7
    after[BOX.moved((1, 0, 3)).slices] = 8
    other, opened, again = killed(session, tmp_path)
    np.testing.assert_array_equal(voxels(other)[0][2], after)
    assert opened.n_recovered == 1
    assert other.undo() is not None
    np.testing.assert_array_equal(voxels(other)[0][2], before)
    other.redo()
    third, opened, last = killed(again, tmp_path)
    np.testing.assert_array_equal(voxels(third)[0][2], after)
    again.close()
    last.close()
    stroke.cancel()
    np.testing.assert_array_equal(labels.source[:, :, :], before)
    other, opened, again = killed(session, tmp_path)
    np.testing.assert_array_equal(voxels(other)[0][2], before)
    assert (opened.faults, other.undo()) == ([], None)
    again.close()


def test_what_is_done_is_on_the_disk_without_waiting_for_an_end(
    document: Document, labels: LabelsLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut takes what no fsync was waited for: each deed is followed by one, while the session goes on."""
    synced, fsync = dict[int, int](), os.fsync

    def watched(descriptor: int) -> None:
        about = os.fstat(descriptor)
        fsync(descriptor)
        synced[about.st_ino] = max(synced.get(about.st_ino, 0), about.st_size)

    monkeypatch.setattr(os, "fsync", watched)
    assert SYNC_SECONDS <= 0.5
    with Session.create() as session:
        journal = session.begin_journal(document)
        file = (session.folder / JOURNAL_FILE).stat().st_ino
        for label_id in (5, 6):
            paint(document, labels, label_id)
            end, deadline = journal.wait_for(journal.position), time.monotonic() + 60
            while synced.get(file, 0) < end and time.monotonic() < deadline:
                time.sleep(0.01)
            assert synced[file] >= end


def test_wherever_the_journal_is_torn_what_was_whole_before_comes_back(
    document: Document, labels: LabelsLayer, session: Session, tmp_path: Path
) -> None:
    states = [np.array(labels.source[:, :, :])]
    for label_id in range(5, 11):
        paint(document, labels, label_id, Box((0, 0, 0), (2, label_id, 8)))
        states.append(np.array(labels.source[:, :, :]))
    session.close()
    path = session.folder / JOURNAL_FILE
    whole = path.read_bytes()
    with_ends = JournalFile(session.folder)
    ends = [place.stop for place, _ in with_ends.heads]
    with_ends.close()
    for length in [*range(0, len(whole), 37), *ends, *(end - 1 for end in ends), len(whole)]:
        path.write_bytes(whole[:length])
        again, other = Session(session.folder), Document()
        opened = again.load(other)
        n_whole = sum(end <= length for end in ends)
        assert (opened.n_recovered, opened.faults) == (n_whole, [])
        np.testing.assert_array_equal(voxels(other)[0][2], states[n_whole])
        again.close()
    path.write_bytes(whole[: ends[2] - 1] + b"!" + whole[ends[2] :])
    again, other = Session(session.folder), Document()
    opened = again.load(other)
    np.testing.assert_array_equal(voxels(other)[0][2], states[2])
    assert "is lost" in opened.faults[0]
    again.go_on(opened, other)
    paint(other, other.of_kind(LabelsLayer)[0], 99)
    third, opened, last = killed(again, tmp_path)
    assert opened.faults == []
    np.testing.assert_array_equal(voxels(third)[0][2], voxels(other)[0][2])
    again.close()
    last.close()


def test_steps_of_layers_whose_files_are_gone_are_left_out(
    document: Document, session: Session, result_path: str, tmp_path: Path
) -> None:
    from empanada_desktop.document.results import add_layers, open_labels

    layers = open_labels(result_path)
    add_layers(document, layers, "result")
    mine = document.new_labels("mine")
    session.save(document)
    paint(document, layers[0], 3)
    paint(document, mine, 4)
    document.rename_layer(layers[1], "x")
    session.journal.wait_for(session.journal.position)  # type: ignore[union-attr]
    shutil.rmtree(result_path)
    other, opened, again = killed(session, tmp_path)
    assert len(opened.faults) == 1
    assert "mito, xy stack, mito and er could not be opened" in opened.faults[0]
    assert [deed.title for deed in other.history.edits] == ["Add mine", "Brush 4"] or [
        deed.title for deed in other.history.edits
    ] == ["Brush 4"]
    assert other.undo() is not None
    assert not other.of_kind(LabelsLayer)[0].source[:, :, :].any()
    again.close()


def test_old_steps_leave_the_memory_and_are_undone_all_the_same(image_path: str, tmp_path: Path) -> None:
    document = Document(budget=60_000)
    layer = document.new_labels("mine", LabelsLayer(title="like", source=EditableSource(shape=(10, 64, 64))))
    with Session.create() as session:
        journal = session.begin_journal(document)
        rng, states = np.random.default_rng(0), [np.array(layer.source[:, :, :])]
        for _ in range(20):
            noise = rng.integers(0, 2**16, (10, 32, 32)).astype(np.uint32)
            box = Box((0, 0, 0), noise.shape)
            document.edit_voxels(layer, "noise", RegionEdit.between(box, layer.source[box.slices], noise))
            journal.wait_for(journal.position)
            states.append(np.array(layer.source[:, :, :]))
        assert document.history.n_bytes < 2 * 60_000
        assert len(document.history.edits) == 21
        for state in states[-2::-1]:
            document.undo()
            np.testing.assert_array_equal(layer.source[:, :, :], state)
        for state in states[1:]:
            document.redo()
            np.testing.assert_array_equal(layer.source[:, :, :], state)


def test_a_damaged_step_is_said_when_it_is_undone_and_nothing_changes(
    document: Document, labels: LabelsLayer, session: Session
) -> None:
    paint(document, labels, 9)
    session.save(document)
    session.close()
    path = session.folder / JOURNAL_FILE
    path.write_bytes(path.read_bytes()[:-3] + b"???")
    again, other = Session(session.folder), Document()
    again.load(other)
    before = voxels(other)[0][2]
    with pytest.raises(VolumeError, match="damaged"):
        other.undo()
    np.testing.assert_array_equal(voxels(other)[0][2], before)
    assert other.history.position == 1
    again.close()
