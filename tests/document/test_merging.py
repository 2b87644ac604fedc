"""Two people's sessions: the edits of both, and what they both touched."""

import getpass
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from empanada_desktop.cli import main
from empanada_desktop.core.edits import RegionEdit
from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.document import Document, EditableSource, LabelsLayer, PointsLayer, Shape, ShapesLayer
from empanada_desktop.document import edits as document_edits
from empanada_desktop.document.edits import Edits, Patch, PropertyEdit, VoxelEdit
from empanada_desktop.document.merging import merge_sessions
from empanada_desktop.document.results import open_labels
from empanada_desktop.document.session import Session
from empanada_desktop.errors import SettingsError


def paint(document: Document, label_id: int, box: Box) -> None:
    layer = document.of_kind(LabelsLayer)[0]
    stroke = document.begin_stroke(layer, f"Brush {label_id}")
    stroke.write(box, np.full(box.shape, label_id))
    stroke.commit()


def work(folder: Path, who: str, deeds: list[tuple[int, Box]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: who)
    document_edits.user_name.cache_clear()
    with Session(folder) as session:
        document = Document()
        session.go_on(session.load(document), document)
        for label_id, box in deeds:
            paint(document, label_id, box)
        session.save(document)


def test_the_edits_of_two_people_become_one_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document = Document()
    document.new_labels("mito", LabelsLayer(title="like", source=EditableSource(shape=(10, 50, 60))))
    with Session(tmp_path / "a") as session:
        session.begin_journal(document)
        paint(document, 1, Box((0, 0, 0), (2, 5, 5)))
        session.save(document)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    far, both = Box((4, 20, 20), (6, 30, 30)), Box((8, 0, 0), (9, 10, 10))
    work(tmp_path / "a", "ann", [(1001, Box((2, 0, 0), (4, 9, 9))), (1002, both)], monkeypatch)
    work(
        tmp_path / "b", "ben", [(2001, far), (2002, both.moved((0, 5, 5))), (1002, far.moved((0, 0, 20)))], monkeypatch
    )
    assert main(["merge-sessions", str(tmp_path / "a"), str(tmp_path / "b"), "--out", str(tmp_path / "d")]) == 0
    assert "ids used by both for new objects: 1002" in capsys.readouterr().out
    merged = merge_sessions(str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path / "c"))
    assert (merged.n_edits, [count for *_, count in merged.voxels], merged.ids) == (3, [25], {"mito": (1002,)})
    assert any("25 voxels" in line for line in merged.lines())
    with Session(tmp_path / "c") as session:
        joined = Document()
        assert session.load(joined).faults == []
        voxels = joined.of_kind(LabelsLayer)[0].source[:, :, :]
        assert (voxels[far.slices] == 2001).all()
        assert (voxels[both.slices] == 1002).all()
        assert np.count_nonzero(voxels == 2002) == 75
        assert [deed.who for deed in joined.history.edits[-5:]] == ["ann", "ann", "ben", "ben", "ben"]
        for _ in range(3):
            joined.undo()
        assert not (joined.of_kind(LabelsLayer)[0].source[:, :, :] > 2000).any()
    document_edits.user_name.cache_clear()


def hands(folder: Path, who: str, monkeypatch: pytest.MonkeyPatch, deeds: Callable[[Document], object]) -> None:
    """Let somebody go on with a session."""
    monkeypatch.setattr(getpass, "getuser", lambda: who)
    document_edits.user_name.cache_clear()
    with Session(folder) as session:
        document = Document()
        session.go_on(session.load(document), document)
        deeds(document)
        session.save(document)
    document_edits.user_name.cache_clear()


def named(document: Document, title: str) -> Any:
    return next(layer for layer in document.layers if layer.title == title)


def begin(folder: Path) -> None:
    document = Document()
    document.new_labels("mito", LabelsLayer(title="like", source=EditableSource(shape=(4, 20, 20))))
    document.new_labels("er")
    document.new_labels("gone")
    document.add_layer(PointsLayer(title="seeds", points=np.array([[1, 1, 1], [2, 2, 2], [3, 3, 3], [0, 4, 4.0]])))
    document.add_layer(ShapesLayer(title="marks", shapes=(LINE, replace(LINE, index=3))))
    with Session(folder) as session:
        session.begin_journal(document)
        session.save(document)


LINE = Shape("line", Axis.XY, 2, ((0.0, 0.0), (4.0, 4.0)))


def move(document: Document, number: int, where: tuple[float, float, float]) -> None:
    seeds = named(document, "seeds")
    points = seeds.points.copy()
    points[number] = where
    document.edit_properties(seeds, "Move a point", points=points)


def ann(document: Document) -> None:
    mito, er, marks = (named(document, title) for title in ("mito", "er", "marks"))
    document.edit_properties(mito, "Review", review={5: "accepted", 6: "accepted"}, decisions={"Join? 5+6": "accepted"})
    document.edit_properties(mito, "Name", class_names={1: "mitochondria"}, id_range=(1, 99))
    document.rename_layer(er, "reticulum")
    move(document, 0, (1, 9, 9))
    move(document, 1, (2, 9, 9))
    document.edit_properties(named(document, "seeds"), "Delete", points=named(document, "seeds").points[[0, 1, 3]])
    document.edit_properties(marks, "Move", shapes=(replace(LINE, index=1), marks.shapes[1]))
    document.remove_layer(named(document, "gone"))


def ben(document: Document) -> None:
    mito, er, marks, seeds = (named(document, title) for title in ("mito", "er", "marks", "seeds"))
    document.edit_properties(mito, "Review", review={5: "flagged", 6: "accepted", 7: "flagged"})
    document.edit_properties(mito, "Answer", decisions={"Join? 5+6": "skipped", "Join? 7+8": "accepted"})
    document.edit_properties(mito, "Name", class_names={1: "mito", 2: "vesicle"}, id_range=(100, 199))
    document.edit_properties(mito, "Voxel size", spacing=Spacing(40, 8, 8, "typed"))
    document.rename_layer(er, "ER")
    move(document, 0, (1, 7, 7))
    move(document, 3, (0, 5, 5))
    document.edit_properties(seeds, "Add a point", points=np.vstack([seeds.points, [[3, 8, 8]]]))
    document.edit_properties(seeds, "Delete a point", points=np.delete(seeds.points, 1, axis=0))
    document.edit_properties(marks, "Move", shapes=(replace(LINE, index=0), replace(LINE, index=2)))
    paint_on(document, named(document, "gone"), 3)
    new = document.new_labels("vesicles", er)
    paint_on(document, new, 9)
    part = RegionEdit.between(BOX, np.asarray(mito.source[BOX.slices]), np.full(BOX.shape, 55, np.uint32))
    review = PropertyEdit("Edited", mito.id, {"review": Patch({55: None})}, {"review": Patch({55: "edited"})})
    document.apply(Edits("Fill and mark", (VoxelEdit("Fill", mito.id, (part,)), review)))
    document.remove_layer(er)
    document.undo()
    document.remove_layer(er)
    document.rename_layer(mito, "never")
    document.undo()


BOX = Box((1, 2, 3), (3, 9, 9))


def paint_on(document: Document, layer: LabelsLayer, label_id: int) -> None:
    stroke = document.begin_stroke(layer, "Brush")
    stroke.write(BOX, np.full(BOX.shape, label_id))
    stroke.commit()


def test_everything_that_two_people_did_is_joined_and_what_clashes_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    hands(tmp_path / "a", "ann", monkeypatch, ann)
    hands(tmp_path / "b", "ben", monkeypatch, ben)
    merged = merge_sessions(str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path / "c"))
    assert sorted(merged.others) == [
        "gone: it was deleted in the first session and changed in the second; it stays deleted.",
        "marks: the shape at xy plane 2 was moved by both; the first stays.",
        "mito: class 1 was named differently: “mitochondria” and “mito”; the first stays.",
        "mito: object 5 was reviewed differently: “accepted” and “flagged”; the first stays.",
        "mito: the question “Join? 5+6” was answered differently: “accepted” and “skipped”; the first stays.",
        "reticulum: it was changed in the first session and deleted in the second; it stays.",
        "reticulum: its name was changed by both, to “reticulum” and to “ER”; the first stays.",
        "seeds: the point at z 1, y 1, x 1 was moved by both; the first stays.",
        "seeds: the point at z 2, y 2, x 2 was changed by the first and deleted by the second; it stays.",
    ]
    assert merged.voxels == []
    document = Document()
    with Session(tmp_path / "c") as session:
        assert session.load(document).faults == []
        mito, vesicles = named(document, "mito"), named(document, "vesicles")
        assert dict(mito.review) == {5: "accepted", 6: "accepted", 7: "flagged", 55: "edited"}
        assert dict(mito.decisions) == {"Join? 5+6": "accepted", "Join? 7+8": "accepted"}
        assert (dict(mito.class_names), mito.id_range) == ({1: "mitochondria", 2: "vesicle"}, (1, 99))
        assert mito.spacing == Spacing(40, 8, 8, "typed")
        assert {tuple(row) for row in named(document, "seeds").points} == {(1, 9, 9), (2, 9, 9), (0, 5, 5), (3, 8, 8)}
        assert [shape.index for shape in named(document, "marks").shapes] == [1, 2]
        assert [layer.title for layer in document.layers] == ["mito", "reticulum", "seeds", "marks", "vesicles"]
        assert (vesicles.source[BOX.slices] == 9).all()
        assert (mito.source[BOX.slices] == 55).all()
        theirs = [deed for deed in document.history.edits if deed.who == "ben"]
        assert [deed.title for deed in theirs][-3:] == ["Add vesicles", "Brush", "Fill and mark"]
        with Session(tmp_path / "b") as other:
            whole = Document()
            other.load(whole)
            times = {(deed.title, deed.when) for deed in whole.history.edits}
        assert {(deed.title, deed.when) for deed in theirs} <= times
        for _ in theirs:
            document.undo()
        assert (dict(mito.review), mito.spacing.is_known) == ({5: "accepted", 6: "accepted"}, False)
        assert [layer.title for layer in document.layers] == ["mito", "reticulum", "seeds", "marks"]


def test_two_who_opened_the_same_file_by_themselves(
    result_path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, label_id in (("ann", 7), ("ben", 8)):
        path = tmp_path / "a disk" / name / "result.zarr"
        shutil.copytree(result_path, path)
        document = Document()
        document.replace_layers(tuple(open_labels(str(path))))
        with Session(tmp_path / name) as session:
            session.begin_journal(document)
        shift = (0, 10 * label_id, 0)

        def paint_there(document: Document, label_id: int = label_id, shift: tuple[int, int, int] = shift) -> None:
            stroke = document.begin_stroke(document.of_kind(LabelsLayer)[0], "Brush")
            stroke.write(BOX.moved(shift), np.full(BOX.shape, label_id))
            stroke.commit()

        hands(tmp_path / name, name, monkeypatch, paint_there)
    shutil.rmtree(tmp_path / "a disk" / "ben")  # theirs is another computer
    merged = merge_sessions(str(tmp_path / "ann"), str(tmp_path / "ben"), str(tmp_path / "both"))
    assert merged.lines() == ["1 edit of the second session joined.", "No conflicts."]
    (tmp_path / "a disk").rename(tmp_path / "away")
    with pytest.raises(SettingsError, match=r"could not be opened: .*result\.zarr does not exist"):
        merge_sessions(str(tmp_path / "ann"), str(tmp_path / "ben"), str(tmp_path / "nothing"))
    assert not (tmp_path / "nothing").exists()
    (tmp_path / "away").rename(tmp_path / "a disk")
    with Session(tmp_path / "both") as session:
        joined = Document()
        session.load(joined)
        assert len(joined.layers) == 3
        source = joined.of_kind(LabelsLayer)[0].source
        assert all((source[BOX.moved((0, 10 * label_id, 0)).slices] == label_id).all() for label_id in (7, 8))


def test_what_is_no_session_or_open_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no session"):
        merge_sessions(str(tmp_path), str(tmp_path), str(tmp_path / "c"))
    with Session(tmp_path / "a") as session:
        session.save(Document())
        with pytest.raises(SettingsError, match="another window"):
            merge_sessions(str(tmp_path / "a"), str(tmp_path / "a"), str(tmp_path / "c"))
