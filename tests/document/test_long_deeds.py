"""Large edits: made piece by piece, one deed, taken back when given up or failed, in the journal from the start."""

import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from empanada_desktop.core.edit_pieces import PIECE, changed_ids, count_pieces, pieces
from empanada_desktop.core.edits import ArrayEdit, MergeEdit, RegionEdit, relabel
from empanada_desktop.core.geometry import Box
from empanada_desktop.document import ArraySource, Document, EditableSource, LabelsLayer, long_deeds, open_source
from empanada_desktop.document.edits import Edit, Edits, PropertyEdit, VoxelEdit
from empanada_desktop.document.long_deeds import LongDeed, is_long
from empanada_desktop.document.session import Session
from empanada_desktop.document.sources import whole_box
from empanada_desktop.errors import SettingsError, VolumeError
from empanada_desktop.io.volumes import VolumeRef

SHAPE = (70, 140, 150)


@pytest.fixture
def layer() -> LabelsLayer:
    ids = np.zeros(SHAPE, np.uint16)
    ids[:30, 10:90, 20:140], ids[30:66, 40:130, 5:80], ids[::9, ::7, ::5] = 3, 4, 5
    source = EditableSource(shape=SHAPE, dtype=np.uint16)
    source[:, :, :] = ids
    return LabelsLayer(title="mito", source=source)


@pytest.fixture
def opened(layer: LabelsLayer) -> Document:
    document = Document()
    document.add_layer(layer)
    document.history.clear()
    return document


def voxels(layer: LabelsLayer) -> NDArray[Any]:
    return np.array(layer.source[:, :, :])


def every_kind(layer: LabelsLayer) -> list[tuple[ArrayEdit, ...]]:
    """A filter's region, a swap and a merge, each over the whole volume."""
    before = voxels(layer)
    region = RegionEdit.between(whole_box(SHAPE), before, np.where(before == 4, 0, before + 7))
    whole = whole_box(SHAPE)
    return [(region,), relabel(layer.source, whole, {3: 4, 4: 3}), relabel(layer.source, whole, {3: 5, 4: 5})]


def begun(document: Document, what: Any) -> LongDeed:
    long = document.begin_long(what)
    assert long is not None
    return long


def test_pieces_make_and_take_back_what_the_whole_does(layer: LabelsLayer) -> None:
    before = voxels(layer)
    for (part,) in every_kind(layer):
        whole = before.copy()
        part.apply(whole)
        array = ArraySource(before.copy())
        made = list(pieces(part))
        assert len(made) == count_pieces(part) > 1
        for piece in made[:2]:
            is_small = all(length <= most for length, most in zip(piece.box.shape, PIECE, strict=True))
            assert is_small or isinstance(part, MergeEdit)
            piece.write(array)
        assert not (array.array == whole).all()
        for piece in list(pieces(part, forwards=False))[:2]:
            piece.write(array)
        np.testing.assert_array_equal(array.array, before)
        for piece in made:
            piece.write(array)
        np.testing.assert_array_equal(array.array, whole)
        differing = before != whole
        ids = np.union1d(before[differing], whole[differing])
        assert changed_ids(part).tolist() == ids[ids > 0].tolist()


def test_a_large_edit_is_one_deed_and_tells_every_voxel(opened: Document, layer: LabelsLayer) -> None:
    for parts in every_kind(layer):
        before, told = voxels(layer), np.zeros(SHAPE, np.bool_)

        def note(_layer: object, box: Any, told: NDArray[np.bool_] = told) -> None:
            told[box.slices] = True

        opened.voxels_changed.connect(note)
        long = begun(opened, VoxelEdit("Filter", layer.id, parts))
        thread = threading.Thread(target=long.work)
        thread.start()
        thread.join()
        assert opened.history.position == 0
        assert long.finish() is not None
        after = voxels(layer)
        assert told[before != after].all()
        assert (before != after).any()
        assert (opened.history.position, opened.long_deed, long.done) == (1, None, long.total)
        changed = np.union1d(before[before != after], after[before != after])
        assert opened.edited_ids(layer).tolist() == changed[changed > 0].tolist()
        assert begun(opened, "undo").finish() is not None
        np.testing.assert_array_equal(voxels(layer), before)
        assert opened.edited_ids(layer).tolist() == []
        begun(opened, "redo").finish()
        np.testing.assert_array_equal(voxels(layer), after)
        opened.undo()
        assert opened.begin_long("undo") is None
        opened.voxels_changed.disconnect(note)


class Halting(EditableSource):
    """Labels that wait, or break, at the third piece that is written."""

    problem: VolumeError | None = None
    count = 0

    def __init__(self) -> None:
        super().__init__(shape=SHAPE, dtype=np.uint16)
        self.there, self.go_on = threading.Event(), threading.Event()

    def __setitem__(self, index: Any, values: Any) -> None:
        self.count += 1
        if self.count == 3:
            if self.problem is not None:
                raise self.problem
            self.there.set()
            assert self.go_on.wait(20)
        super().__setitem__(index, values)


@pytest.fixture
def halting() -> tuple[Document, LabelsLayer, Halting, Edit]:
    document, source = Document(), Halting()
    layer = LabelsLayer(title="mito", source=source)
    document.add_layer(layer)
    edit = VoxelEdit("Fill", layer.id, (RegionEdit.between(whole_box(SHAPE), voxels(layer), np.full(SHAPE, 2)),))
    assert is_long(document, edit)
    return document, layer, source, edit


def test_what_is_large_or_waits_for_a_file_is_long(result_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    document, box = Document(), Box((0, 0, 0), (1, 32, 32))
    file = EditableSource(open_source(VolumeRef(result_path, "labels/mito")))
    layers = [LabelsLayer(title="memory", source=EditableSource(shape=SHAPE)), LabelsLayer(title="file", source=file)]
    for each in layers:
        document.add_layer(each)
    part = RegionEdit.between(box, np.zeros(box.shape, np.uint32), np.ones(box.shape, np.uint32))
    at_once, waits = edits = [VoxelEdit("Paint", each.id, (part,)) for each in layers]
    assert [is_long(document, edit) for edit in edits] == [False, True]
    file.read_ahead(box)
    assert not is_long(document, waits)
    document.apply(at_once)
    deed = document.history.next_undo
    assert deed is not None
    monkeypatch.setattr(long_deeds, "LONG_VOXELS", 1024)  # as many as the box has
    assert [is_long(document, edit) for edit in (at_once, deed, Edits("Both", (at_once, waits)))] == [
        False,
        False,
        True,
    ]
    monkeypatch.setattr(long_deeds, "LONG_VOXELS", 1023)
    assert is_long(document, at_once)
    deed.held = None  # it is in the journal only: its size is known all the same
    assert is_long(document, deed)
    assert not is_long(document, PropertyEdit("Rename", layers[0].id, {"title": "memory"}, {"title": "other"}))
    file.close()


def test_while_it_is_made_its_layer_waits_and_others_go_on(
    halting: tuple[Document, LabelsLayer, Halting, Edit],
) -> None:
    document, layer, source, edit = halting
    long = begun(document, edit)
    thread = threading.Thread(target=long.work)
    thread.start()
    assert source.there.wait(20)
    for deed in (lambda: document.begin_stroke(layer, "Brush"), lambda: document.edit_voxels(layer, "x", *edit.parts)):  # type: ignore[attr-defined]
        with pytest.raises(SettingsError, match="still being changed: Fill"):
            deed()
    document.rename_layer(layer, "other")
    mine = document.new_labels("mine")
    source.go_on.set()
    document.remove_layer(layer)  # waits for the end
    assert [deed.title for deed in document.history.edits[1:]] == ["Rename mito", "Add mine", "Fill", "Delete other"]
    assert long.finish() is edit
    thread.join()
    for _ in range(3):
        document.undo()
    assert not voxels(layer).any()
    assert document.layers == (layer,)
    assert mine not in document.layers


def test_what_is_given_up_or_fails_is_taken_back(halting: tuple[Document, LabelsLayer, Halting, Edit]) -> None:
    document, layer, source, edit = halting
    long = begun(document, edit)
    thread = threading.Thread(target=long.work)
    thread.start()
    assert source.there.wait(20)
    long.give_up()
    source.go_on.set()
    assert document.undo() is None  # gives it up, too
    assert (long.finish(), document.history.position, document.long_deed) == (None, 1, None)
    assert not voxels(layer).any()
    source.count, source.problem = 0, VolumeError("The disk is gone.")
    with pytest.raises(VolumeError, match="gone"):
        begun(document, edit).finish()
    assert not voxels(layer).any()
    assert document.history.position == 1
    source.count = 0
    with pytest.raises(VolumeError, match="gone"):
        document.apply(edit)  # at once, too, it is all or nothing
    assert not voxels(layer).any()
    source.problem = None
    source.go_on.set()
    document.apply(edit)
    source.count, source.problem = 0, VolumeError("The disk is gone.")
    with pytest.raises(VolumeError, match="gone"):
        document.undo()
    assert (voxels(layer) == 2).all()
    assert document.history.position == 2


def test_layers_that_come_and_go_are_undone_all_the_same(opened: Document, layer: LabelsLayer) -> None:
    opened.remove_layer(layer)
    begun(opened, "undo").finish()
    assert (opened.layers, opened.history.position) == ((layer,), 0)
    begun(opened, "redo").finish()
    assert (opened.layers, opened.history.position) == ((), 1)


def test_killed_while_it_is_made_it_stands_given_up_it_does_not(
    opened: Document, layer: LabelsLayer, tmp_path: Path
) -> None:
    before = voxels(layer)
    (region,), _, (merge,) = every_kind(layer)
    review = PropertyEdit("Accept", layer.id, {"note": ""}, {"note": "seen"})
    edit = Edits("Filter all", (VoxelEdit("Filter", layer.id, (region,)), review))
    with Session(tmp_path / "session") as session:
        journal = session.begin_journal(opened)

        def killed(name: str) -> Document:
            journal.wait_for(journal.position)
            with Session(Path(shutil.copytree(session.folder, tmp_path / name))) as other:
                again = Document()
                found = other.load(again)
                assert found.faults == []
                other.go_on(found, again)
                assert [deed.ids for deed in again.history.edits if deed.ids is None] == [] or name == "half"
                while again.undo() is not None:
                    pass
                np.testing.assert_array_equal(voxels(again.of_kind(LabelsLayer)[0]), before)
                while again.redo() is not None:
                    pass
            return again

        long = begun(opened, edit)
        half = killed("half").of_kind(LabelsLayer)[0]
        long.finish()
        whole = killed("whole")
        for kept in (half, whole.of_kind(LabelsLayer)[0]):
            np.testing.assert_array_equal(voxels(kept), voxels(layer))
            assert kept.note == "seen"
        assert whole.edited_ids(whole.of_kind(LabelsLayer)[0]).tolist() == opened.edited_ids(layer).tolist()
        long = begun(opened, VoxelEdit("Merge", layer.id, (merge,)))
        long.give_up()
        assert long.finish() is None
        assert [deed.title for deed in killed("given up").history.edits] == ["Filter all"]
        opened.undo()
        np.testing.assert_array_equal(voxels(layer), before)
        sizes = [path.stat().st_size for path in tmp_path.glob("*/edits.journal")]
        assert max(sizes) < 2.5 * (region.n_bytes + merge.n_bytes)  # no edit is written twice
