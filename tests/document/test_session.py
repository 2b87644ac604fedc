"""Sessions: what was open comes back, whatever happened to the files in between."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from empanada_desktop.core.edits import RegionEdit
from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.document import (
    ArraySource,
    Document,
    ImageLayer,
    LabelsLayer,
    PointsLayer,
    Shape,
    ShapesLayer,
)
from empanada_desktop.document import session as sessions
from empanada_desktop.document.kept import KEPT_SESSIONS, SESSION_FILE, earlier_work, kept_sessions, latest, work_on
from empanada_desktop.document.results import add_layers, open_labels, plane_preview, result_layers
from empanada_desktop.document.session import Session
from empanada_desktop.document.snapshot import Snapshot
from empanada_desktop.errors import SettingsError
from empanada_desktop.settings import HOME_VARIABLE

from .conftest import keep_plane


def fill(document: Document, result_path: str) -> LabelsLayer:
    """Put one of everything into a document; returns its own label layer."""
    add_layers(document, open_labels(result_path), "result")
    kept = keep_plane(document, np.arange(12, dtype=np.uint32).reshape(3, 4), Axis.XY, 2, (5, 6), class_names={1: "m"})
    document.change_layer(kept, opacity=0.7, style="outline", colour_table=np.array([0, 3, 7], np.uint8), seed=3)
    document.select(kept, [5, 6])
    document.add_layer(PointsLayer(title="seeds", points=np.array([[1.5, 2, 3], [0, 0, 0]])))
    shape = Shape("rectangle", Axis.XZ, 4, ((0.0, 1.0), (5.0, 7.5)))
    document.add_layer(ShapesLayer(title="region", shapes=(shape,)))
    document.add_layer(plane_preview(document, Axis.XY, 0, "preview"))
    document.active = kept
    document.change_view(crosshair=(2, 7, 9), zoom=1.5, maximised="xz", workspace="annotate")
    return kept


def test_everything_comes_back(document: Document, result_path: str) -> None:
    kept = fill(document, result_path)
    session = Session.create()
    session.save(document, {"segment-volume": {"min_size": 7}}, "my brain")
    assert document.history.is_saved
    session.close()

    again, other = Session(latest().folder), Document()
    opened = again.load(other)
    assert opened.faults == []
    assert (opened.title, opened.parameters) == ("my brain", {"segment-volume": {"min_size": 7}})
    expected = [layer for layer in document.layers if not layer.is_preview]
    assert [layer.id for layer in other.layers] == [layer.id for layer in expected]
    assert [layer.title for layer in other.layers] == [layer.title for layer in expected]
    assert other.view == document.view
    assert other.active.id == kept.id
    for one, two in zip(expected, other.layers, strict=True):
        if isinstance(one, ImageLayer | LabelsLayer):
            np.testing.assert_array_equal(one.source[:, :, :], two.source[:, :, :])
            assert one.spacing == two.spacing
            assert one.source.levels == two.source.levels
    twin = other.layer(kept.id)
    assert (twin.opacity, twin.style, twin.seed, twin.selected) == (0.7, "outline", 3, {5, 6})
    assert twin.class_names == {1: "m"}
    np.testing.assert_array_equal(twin.colour_table, [0, 3, 7])
    np.testing.assert_array_equal(other.of_kind(PointsLayer)[0].points, document.of_kind(PointsLayer)[0].points)
    assert other.of_kind(ShapesLayer)[0].shapes == document.of_kind(ShapesLayer)[0].shapes
    assert other.image.contrast == document.image.contrast
    assert other.undo() is None
    again.close()


def test_labels_are_written_only_when_they_changed(document: Document, labels: LabelsLayer) -> None:
    session = Session.create()
    session.save(document)
    stores = session.folder / "labels"
    (first,) = stores.iterdir()
    written = first.stat().st_mtime_ns
    session.save(document)
    assert [(store, store.stat().st_mtime_ns) for store in stores.iterdir()] == [(first, written)]
    box = Box((0, 0, 0), (1, 1, 1))
    document.edit_voxels(labels, "paint", RegionEdit.between(box, labels.source[box.slices], np.full((1, 1, 1), 77)))
    session.save(document)
    (second,) = stores.iterdir()
    assert second != first
    session.close()
    with_paint = Document()
    again = Session(session.folder)
    again.load(with_paint)
    assert with_paint.layers[-1].source[box.slices] == 77
    again.save(with_paint)
    assert list(stores.iterdir()) == [second]
    with_paint.remove_layer(with_paint.layers[-1])
    again.save(with_paint)
    assert list(stores.iterdir()) == []
    again.close()


def test_voxels_are_written_once_and_the_newest_win(document: Document, labels: LabelsLayer) -> None:
    with Session.create() as session:
        snapshot = Snapshot.of(document)
        session.write(snapshot)
        (ahead,) = (session.folder / "labels").iterdir()
        session.save(document)
        assert list((session.folder / "labels").iterdir()) == [ahead]
        box = Box((0, 0, 0), (1, 1, 1))
        after = np.full((1, 1, 1), 99)
        document.edit_voxels(labels, "paint", RegionEdit.between(box, labels.source[box.slices], after))
        session.save(document)
        other = Document()
        opened = session.read()
        assert other.layers == ()
        session.show(opened, other)
        assert other.layers[-1].source[box.slices] == 99


def test_a_session_is_open_in_one_window_only(document: Document) -> None:
    session = Session.create()
    session.save(document)
    assert [kept.is_open for kept in kept_sessions()] == [True]
    assert latest() is None
    with pytest.raises(SettingsError, match="another window"):
        Session(session.folder)
    code = (
        "from pathlib import Path; from empanada_desktop.document.session import Session; "
        f"Session(Path({str(session.folder)!r}))"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "SettingsError: This session is open in another window." in other.stderr
    session.close()
    assert latest().folder == session.folder
    Session(session.folder).close()


def test_a_killed_window_leaves_its_session_free(home: Path) -> None:
    code = (
        "import os, signal\nfrom empanada_desktop.document import Document, PointsLayer\n"
        "from empanada_desktop.document.session import Session\n"
        "document = Document()\ndocument.add_layer(PointsLayer(title='p'))\n"
        "Session.create().save(document)\nos.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    kept = latest()
    assert kept is not None
    document = Document()
    session = Session(kept.folder)
    assert session.load(document).faults == []
    assert [layer.title for layer in document.layers] == ["p"]
    session.close()


def test_what_is_gone_is_named_and_the_rest_opens(document: Document, image_path: str, result_path: str) -> None:
    kept = fill(document, result_path)
    session = Session.create()
    session.save(document)
    Path(image_path).unlink()
    (store,) = (session.folder / "labels").iterdir()
    (store / "zarr.json").write_text("{")
    other = Document()
    opened = session.load(other)
    assert len(opened.faults) == 2
    assert kept.title in opened.faults[0]
    assert "image.tif could not be opened" in opened.faults[1]
    assert [layer.title for layer in other.layers] == ["mito, xy stack", "mito", "er", "seeds", "region"]
    session.close()


def test_planes_that_were_segmented_alone_come_back(document: Document, tmp_path: Path) -> None:
    from types import SimpleNamespace

    from empanada_desktop.core.geometry import Spacing
    from empanada_desktop.io.tiff import write_label_tiff

    recipe = {
        "task": "segment-plane",
        "params": {},
        "inputs": {"plane": "yz", "index": 30, "batch": False, "region": None},
        "facts": {"shape_zyx": list(document.shape)},
    }
    plane = np.random.default_rng(0).integers(0, 9, (1, 8, 40)).astype(np.uint32)
    write_label_tiff(tmp_path / "p.tif", iter(plane), plane.shape, Spacing(), recipe, np.uint32)
    add_layers(document, result_layers(SimpleNamespace(out=str(tmp_path / "p.tif"), recipe=recipe)), "plane")
    session, other = Session.create(), Document()
    session.save(document)
    session.load(other)
    np.testing.assert_array_equal(other.layers[-1].source[:, :, 30:31], plane[0][:, :, None])
    session.close()


@pytest.fixture
def kept_folder(tmp_path: Path) -> Path:
    """The folder of a session that was kept."""
    document = Document()
    document.add_layer(PointsLayer(title="p", points=np.ones((1, 3))))
    document.add_layer(LabelsLayer(title="l", source=ArraySource(np.ones((2, 3, 4), np.uint32))))
    with Session(tmp_path / "kept") as session:
        session.save(document)
    return tmp_path / "kept"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_mangled_session_never_stops_the_window(
    data: st.DataObject, kept_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("session") / "mangled"
    shutil.copytree(kept_folder, folder)
    with Session(folder) as session:
        values = json.loads((folder / SESSION_FILE).read_text())
        for _ in range(data.draw(st.integers(1, 3))):
            mangle(values, data)
        (folder / SESSION_FILE).write_text(json.dumps(values))
        opened = session.load(Document())
        assert all(isinstance(fault, str) for fault in opened.faults)
        (folder / SESSION_FILE).write_text(json.dumps(values)[: data.draw(st.integers(0, 400))])
        session.load(Document())


JUNK = st.one_of(st.none(), st.integers(-5, 5), st.text(max_size=3), st.lists(st.integers(), max_size=4), st.just({}))


def mangle(values: dict[str, object], data: st.DataObject) -> None:
    """Replace something, anywhere in the file, by junk."""
    target: object = values
    while isinstance(target, dict) and target:
        key = data.draw(st.sampled_from(sorted(target)))
        inner = target[key]
        if data.draw(st.booleans()) or not isinstance(inner, dict | list) or not inner:
            target[key] = data.draw(JUNK)
            return
        target = inner if isinstance(inner, dict) else inner[data.draw(st.integers(0, len(inner) - 1))]


def test_a_full_disk_is_told_and_nothing_is_lost(
    document: Document, labels: LabelsLayer, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session.create()
    session.save(document)
    before = (session.folder / SESSION_FILE).read_text()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    document.rename_layer(labels, "new name")
    monkeypatch.setattr(sessions, "write_json", full)
    with pytest.raises(SettingsError, match="No space left"):
        session.save(document)
    assert (session.folder / SESSION_FILE).read_text() == before
    assert not document.history.is_saved
    session.close()


def kept(document: Document) -> Path:
    with Session.create() as session:
        session.save(document)
        return session.folder


def test_old_sessions_go_and_empty_ones_leave_nothing_but_own_work_stays(result_path: str, home: Path) -> None:
    """Whoever opens a dozen files to look at them must still find what was painted last week."""
    looked, painted = Document(), Document()
    add_layers(looked, open_labels(result_path), "result")
    add_layers(painted, open_labels(result_path), "result")
    layer = painted.layers[0]
    assert isinstance(layer, LabelsLayer)
    nothing = np.zeros((1, 1, 1), np.uint32)
    painted.edit_voxels(layer, "Paint", RegionEdit.between(Box((0, 0, 0), (1, 1, 1)), nothing, nothing + 7))
    work = kept(painted)
    for _ in range(KEPT_SESSIONS + 3):
        kept(looked)
    Session.create().close()
    assert len(list((home / "sessions").iterdir())) == (KEPT_SESSIONS - 1) + 1
    assert [session.folder for session in earlier_work()] == [work]
    looked.edit_properties(looked.layers[0], "Accept 3", review={3: "accepted"})
    answered = kept(looked)
    assert {session.folder for session in earlier_work()} == {answered, work}
    assert work_on(result_path).folder in (answered, work)
    assert work_on("elsewhere.tif") is None
    next(session for session in earlier_work() if session.folder == answered).forget()
    assert [session.folder for session in earlier_work()] == [work]


def test_a_folder_that_may_not_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "file"))
    with pytest.raises(SettingsError):
        Session.create()
    assert kept_sessions() == []
