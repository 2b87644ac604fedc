"""Two people's sessions: the edits of both, and what they both touched."""

import getpass
import shutil
from pathlib import Path

import numpy as np
import pytest

from empanada_desktop.cli import main
from empanada_desktop.core.geometry import Box
from empanada_desktop.document import Document, EditableSource, LabelsLayer
from empanada_desktop.document import edits as document_edits
from empanada_desktop.document.merging import merge_sessions
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


def test_what_is_no_session_or_open_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no session"):
        merge_sessions(str(tmp_path), str(tmp_path), str(tmp_path / "c"))
    with Session(tmp_path / "a") as session:
        session.save(Document())
        with pytest.raises(SettingsError, match="another window"):
            merge_sessions(str(tmp_path / "a"), str(tmp_path / "a"), str(tmp_path / "c"))
