"""Files of a session that lie elsewhere now: nothing is lost while they are away, and all comes back with them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from empanada_desktop.core.geometry import Box
from empanada_desktop.document import Document, LabelsLayer
from empanada_desktop.document.kept import SESSION_FILE
from empanada_desktop.document.reopening import followed
from empanada_desktop.document.results import add_layers, open_labels
from empanada_desktop.document.session import Session

BOX = Box((1, 3, 4), (3, 9, 20))


def paint(document: Document, layer: LabelsLayer, label_id: int) -> None:
    stroke = document.begin_stroke(layer, f"Brush {label_id}")
    stroke.write(BOX, np.full(BOX.shape, label_id))
    stroke.commit()


@pytest.fixture
def kept(document: Document, result_path: str) -> tuple[Path, LabelsLayer]:
    """A session of an image and of labels in another file that were painted over, once after the state was kept."""
    with Session.create() as session:
        session.begin_journal(document)
        add_layers(document, open_labels(result_path), "result")
        er = next(layer for layer in document.of_kind(LabelsLayer) if layer.title == "er")
        paint(document, er, 7)
        session.save(document)
        paint(document, er, 8)
        return session.folder, er


def test_they_are_asked_for_and_all_comes_back(
    kept: tuple[Path, LabelsLayer], image_path: str, result_path: str, tmp_path: Path
) -> None:
    folder, er = kept
    before = [(path.name, path.read_bytes()) for path in sorted(folder.glob("*.j*"))]
    (tmp_path / "there").mkdir()
    moved = {path: str(shutil.move(path, tmp_path / "there" / Path(path).name)) for path in (image_path, result_path)}
    with Session(folder) as session:
        opened = session.read(goes_without=False)
        assert opened.is_waiting
        assert list(opened.missing) == [image_path, result_path]
        assert opened.missing[result_path].startswith("mito, xy stack, mito and er could not be opened")
    assert [(path.name, path.read_bytes()) for path in sorted(folder.glob("*.j*"))] == before
    tifffile.imwrite(tmp_path / "other.tif", np.zeros((2, 30, 30), np.uint8))
    with Session(folder) as session:
        opened = session.read(moved | {image_path: str(tmp_path / "other.tif")}, goes_without=False)
        assert "has 2 × 30 × 30 voxels, and the file that was open had 8 × 40 × 50" in "".join(opened.missing.values())
    for again in (moved, {}):  # once it is known, it stays known
        other = Document()
        with Session(folder) as session:
            opened = session.read(again, goes_without=False)
            assert (opened.is_waiting, opened.faults, len(opened.layers)) == (False, [], 4)
            session.show(opened, other)
            session.go_on(opened, other)
            layer = other.layer(er.id)
            assert isinstance(layer, LabelsLayer)
            assert (layer.source[BOX.slices] == 8).all()
            assert other.undo() is not None
            assert (layer.source[BOX.slices] == 7).all()
            other.redo()
            session.save(other)
    assert followed({"a": "b"}, {"b": "c"}) == {"a": "c", "b": "c"}


def test_going_on_without_them_leaves_the_session_as_it_was(kept: tuple[Path, LabelsLayer], result_path: str) -> None:
    """Painted over a file on a disk that is not plugged in: the next start must not drop what was painted."""
    folder, er = kept
    Path(result_path).rename(f"{result_path}.away")
    other = Document()
    with Session.copy_of(folder) as session:
        opened = session.load(other)
        session.go_on(opened, other)
        assert [layer.title for layer in other.layers] == ["image.tif"]
        assert [deed.title for deed in other.history.edits] == []
        session.save(other)
        assert session.folder != folder
        assert (session.folder / SESSION_FILE).exists()
    Path(f"{result_path}.away").rename(result_path)
    with Session(folder) as session:
        opened = session.load(other)
        assert (opened.faults, opened.n_recovered) == ([], 1)
        layer = other.layer(er.id)
        assert isinstance(layer, LabelsLayer)
        assert (layer.source[BOX.slices] == 8).all()
