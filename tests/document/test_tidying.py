"""A session's folder does not grow without end: what nothing leads to goes, once the rest is safe."""

import os
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from empanada_desktop.core.geometry import Box
from empanada_desktop.document import (
    ArraySource,
    Document,
    EditableSource,
    LabelsLayer,
    frozen_labels,
    journal_file,
    leftovers,
    plain,
)
from empanada_desktop.document.at_hand import is_at_hand
from empanada_desktop.document.session import Session
from empanada_desktop.document.sources import whole_box
from empanada_desktop.errors import SettingsError
from empanada_desktop.io.volumes import open_volume

SHAPE = (16, 64, 64)


@pytest.fixture(autouse=True)
def _little_is_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_file, "LEAST_GARBAGE", 4_000)
    monkeypatch.setattr(frozen_labels, "MOST_GARBAGE", 50_000)


class Work:
    """Somebody who paints noise, takes it back and paints something else, and remembers what should stand."""

    def __init__(self, folder: Path) -> None:
        self.session, self.document = Session(folder), Document()
        self.rng = np.random.default_rng(0)
        like = LabelsLayer(title="like", source=EditableSource(shape=SHAPE))
        self.layer = self.document.new_labels("mine", like)
        self.document.history.clear()
        self.session.begin_journal(self.document)

    def paint(self, depth: int = 8) -> None:
        stroke = self.document.begin_stroke(self.layer, "Brush")
        box = Box((0, 0, 0), (depth, 32, 32))
        stroke.write(box, self.rng.integers(0, 200, box.shape))
        stroke.tell()
        stroke.write(box, self.rng.integers(0, 200, box.shape))
        stroke.commit()

    def round(self) -> None:
        """A branch that is abandoned, a layer that comes and goes with it, and something small that stays."""
        for _ in range(3):
            self.paint()
        self.document.new_labels("passing")
        for _ in range(4):
            self.document.undo()
        self.paint(depth=1)
        self.session.save(self.document)


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def states(document: Document) -> list[bytes]:
    """What stood after each step, the first state first; comes back to where it was."""
    position, found = document.history.position, list[bytes]()
    while document.redo() is not None:
        pass
    while True:
        layers = [layer for layer in document.of_kind(LabelsLayer) if layer.title == "mine"]
        found.append(b"".join(np.ascontiguousarray(layer.source[:, :, :]).tobytes() for layer in layers))
        if document.undo() is None:
            break
    while document.history.position < position:
        document.redo()
    return found[::-1]


def opened(folder: Path) -> tuple[list[bytes], int]:
    """All states of a session on the disk, and at which one it stands."""
    document = Document()
    with Session(folder) as session:
        found = session.load(document)
        assert found.faults == []
        session.go_on(found, document)
        return states(document), document.history.position


def test_the_folder_stays_small_however_much_was_taken_back(tmp_path: Path) -> None:
    work, sizes = Work(tmp_path / "session"), list[int]()
    for number in range(1, 13):
        work.round()
        if number % 4 == 0:
            sizes.append(size(work.session.folder))
    work.document.undo()
    expected, at = states(work.document)[:], work.document.history.position
    work.session.save(work.document)
    work.session.close()
    own = sum(deed.n_bytes for deed in work.document.history.edits)
    assert sizes[2] - sizes[0] < 2 * own  # it grows with what can be undone, not with what was abandoned
    assert size(work.session.folder) < 1.5 * own + 60_000
    assert len(list((work.session.folder / "labels").iterdir())) == 1
    assert opened(work.session.folder) == (expected, at)
    assert opened(work.session.folder) == (expected, at)


def test_killed_anywhere_while_it_tidies_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work, copies, done = Work(tmp_path / "session"), list[Path](), list[tuple[str, str]]()
    work.session.save(work.document)
    for _ in range(3):
        work.paint()
    work.document.new_labels("passing")
    for _ in range(3):
        work.document.undo()
    work.paint(depth=1)
    work.paint(depth=2)
    work.document.undo()
    expected = states(work.document), work.document.history.position

    def watch(place: Any, name: str) -> None:
        real: Callable[..., Any] = getattr(place, name)

        def watched(*arguments: Any, **named: Any) -> Any:
            copies.append(tmp_path / f"copy {len(copies)}")
            done.append((name, Path(arguments[0]).name if isinstance(arguments[0], str | Path) else ""))
            shutil.copytree(work.session.folder, copies[-1], ignore_dangling_symlinks=True)
            return real(*arguments, **named)

        monkeypatch.setattr(place, name, watched)

    work.session.journal.wait_for(work.session.journal.position)  # type: ignore[union-attr]
    for place, name in ((Path, "replace"), (Path, "unlink"), (os, "fsync"), (shutil, "rmtree")):
        watch(place, name)
    work.session.save(work.document)
    work.session.close()
    monkeypatch.undo()
    kept = next(place for place, what in enumerate(done) if what[0] == "replace" and what[1].startswith("session.json"))
    gone = [place for place, what in enumerate(done) if what[0] == "unlink" and what[1].endswith((".overlay", ".pack"))]
    assert done[kept - 1][0] == done[kept + 2][0] == "fsync"
    assert kept < gone[0]  # the new state is on the disk before anything goes
    assert ("replace", "edits.journal.part") in done[kept:]
    for copy in copies:
        assert opened(copy) == expected, copy
    assert size(tmp_path / "session") < size(copies[0])


def test_what_is_read_and_written_meanwhile_is_whole(tmp_path: Path) -> None:
    """The file is written anew while strokes go on and old steps are undone."""
    work, is_over = Work(tmp_path / "session"), threading.Event()
    journal = work.session.journal
    assert journal is not None

    def tidy() -> None:
        while not is_over.is_set():
            journal.tidy(reachable[0])

    reachable = [work.document.history.reachable(1)]
    pool = ThreadPoolExecutor(1)
    tidying = pool.submit(tidy)
    for _ in range(12):
        work.paint(2)
        work.paint(2)
        work.document.undo()
        work.document.undo()
        work.paint(1)
        work.document.history._budget = 0
        journal.wait_for(journal.position)
        reachable[0] = work.document.history.reachable(journal.position)
    expected = states(work.document)
    is_over.set()
    pool.shutdown()
    assert tidying.exception() is None
    work.session.save(work.document)
    work.session.close()
    assert opened(work.session.folder)[0] == expected


def test_what_was_lent_to_a_job_stays_for_a_day(tmp_path: Path) -> None:
    work = Work(tmp_path / "session")
    work.paint()
    ref = work.layer.source.ref()  # type: ignore[attr-defined]
    lent = np.array(work.layer.source[:, :, :])
    for _ in range(4):
        work.round()
    work.session.close()
    with open_volume(ref.path) as volume:
        np.testing.assert_array_equal(volume[:, :, :], lent)
    old = time.time() - leftovers.LENT_SECONDS - 60
    os.utime(ref.path, (old, old))
    document = Document()
    with Session(tmp_path / "session") as session:
        session.go_on(session.load(document), document)
        session.save(document)
    assert not Path(ref.path).exists()


def test_a_deleted_layer_leaves_the_memory_and_comes_back(tmp_path: Path) -> None:
    work = Work(tmp_path / "session")
    work.paint()
    source, voxels = work.layer.source, np.array(work.layer.source[:, :, :])
    assert isinstance(source, EditableSource)
    work.session.save(work.document)
    size, history, without = source.n_bytes, work.document.history, work.document.history.n_bytes
    assert size > 0
    work.document.remove_layer(work.layer)
    assert history.n_bytes > without + size
    work.session.save(work.document)
    assert source.n_bytes == 0
    assert history.n_bytes < without + 3_000, "nor does it take the history's budget any more"
    work.document.undo()
    np.testing.assert_array_equal(source[:, :, :], voxels)
    work.paint()
    work.document.undo()
    np.testing.assert_array_equal(source[:, :, :], voxels)
    work.document.redo()
    work.session.save(work.document)
    work.session.close()
    assert len(opened(work.session.folder)[0]) == 3


def test_large_labels_of_a_session_are_never_written_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document, voxels = Document(), np.random.default_rng(0).integers(0, 9, SHAPE).astype(np.uint32)
    document.add_layer(LabelsLayer(title="large", source=ArraySource(voxels.copy())))
    with Session(tmp_path / "session") as session:
        session.save(document)
    monkeypatch.setattr(plain, "IN_MEMORY_BYTES", 1000)
    with Session(tmp_path / "session") as session:
        again = Document()
        session.load(again)
        assert is_at_hand(again.of_kind(LabelsLayer)[0].source, whole_box(SHAPE))  # painting waits for no file
        session.save(again)
        session.go_on(session.load(again), again)
        layer = again.of_kind(LabelsLayer)[0]
        stroke = again.begin_stroke(layer, "Brush")
        stroke.write(Box((0, 0, 0), (2, 9, 9)), np.full((2, 9, 9), 5))
        stroke.commit()
        painted = np.array(layer.source[:, :, :])
        copy = shutil.copytree(session.folder, tmp_path / "copy", ignore=shutil.ignore_patterns("*.journal"))
        session.save(again)
    with Session(copy) as session:
        session.load(again)
        np.testing.assert_array_equal(again.of_kind(LabelsLayer)[0].source[:, :, :], voxels)
    with Session(tmp_path / "session") as session:
        session.load(again)
        np.testing.assert_array_equal(again.of_kind(LabelsLayer)[0].source[:, :, :], painted)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_defect_while_writing_makes_nobody_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(tmp_path / "session")

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(journal_file.JournalFile, "append", broken)
    work.paint()
    with pytest.raises(SettingsError):
        work.session.save(work.document)
    work.session.close()
