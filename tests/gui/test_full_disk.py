"""A full disk: said with what to do, the window as it was, nothing half-written left, and no work lost unasked."""

import builtins
import errno
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog

from empanada_desktop.core.geometry import Spacing
from empanada_desktop.document import ArraySource, LabelsLayer
from empanada_desktop.gui import session_keeper
from empanada_desktop.io.ome_zarr import ResultStore, is_complete
from empanada_desktop.jobs.job import JobState
from empanada_desktop.settings import load_settings

from .person import Person
from .test_bad_input import fails, looks, said

SHAPE = (24, 64, 72)
CONTROL = Qt.KeyboardModifier.ControlModifier


class Disk:
    """A real file system with very little room."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def resize(self, kilobytes: int) -> None:
        """Make room, or take it away."""
        subprocess.run(["mount", "-o", f"remount,size={kilobytes}k", self.place], check=True)

    def fill(self) -> None:
        """Write until nothing more fits."""
        with (self.place / "filler").open("wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                return

    def free(self) -> None:
        """Take the filler away."""
        (self.place / "filler").unlink(missing_ok=True)


class PretendedDisk(Disk):
    """Where no file system can be made: a folder where this process can open no file for writing while it is full."""

    def __init__(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(place)
        self._full, really = True, io.open

        def opened(file: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
            if self._full and set(mode) & set("wax+") and str(file).startswith(str(place)):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))
            return really(file, mode, *rest, **options)

        monkeypatch.setattr(io, "open", opened)
        monkeypatch.setattr(builtins, "open", opened)

    def resize(self, kilobytes: int) -> None:
        """Make room, or take it away."""
        self._full = kilobytes < 1000

    def fill(self) -> None:
        """Let nothing more fit."""
        self._full = True

    def free(self) -> None:
        """Let something fit."""
        self._full = False


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """A file system of our own where that can be made (root on Linux), otherwise a pretended one."""
    place = tmp_path / "disk"
    place.mkdir()
    if not _mount(place):
        yield PretendedDisk(place, monkeypatch)
        return
    yield Disk(place)
    subprocess.run(["umount", "-l", place], check=True)


def _mount(place: Path) -> bool:
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    return not subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", place], check=False).returncode


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """Labels that do not compress, as a result of ours that fits the crop."""
    store = ResultStore.create(tmp_path / "result.zarr", SHAPE, Spacing(10, 10, 10), 64, {})
    labels = store.label_array("labels/mito", 1, "mito", 1_000_000)
    labels[:] = np.random.default_rng(0).integers(1, 900_000, SHAPE).astype(np.uint32)
    return store.finish({})


def open_both(person: Person, crop: Path, result: Path) -> None:
    for path, layers in ((crop, ["crop"]), (result, ["crop", "mito"])):
        person.drop(path)
        person.until(lambda layers=layers: person.layers == layers)
    person.until_rest()


# Results


@pytest.mark.parametrize("name", ["saved.zarr", "saved.tif"])
def test_while_a_layer_is_saved(person: Person, crop: Path, result: Path, disk: Disk, name: str) -> None:
    open_both(person, crop, result)

    def save() -> None:
        with person.choosing(disk.place / name):
            person.key(Qt.Key.Key_S, CONTROL)

    assert "No space left" in fails(person, save)
    assert list(disk.place.iterdir()) == []
    disk.resize(8000)
    save()
    person.until(lambda: name in person.window.toast.text())
    assert (disk.place / name).exists()
    assert not person.window.bar.isVisible(), "what it said has come right"


def test_while_a_layer_replaces_what_was_saved_before(person: Person, crop: Path, result: Path, disk: Disk) -> None:
    open_both(person, crop, result)
    disk.resize(1000)
    person.workspace.save_labels(person.labels("mito"), disk.place / "saved.zarr")
    person.until(lambda: "saved.zarr" in person.window.toast.text())
    disk.fill()
    assert "No space left" in fails(
        person, lambda: person.workspace.save_labels(person.labels("mito"), disk.place / "saved.zarr")
    )
    assert sorted(path.name for path in disk.place.iterdir() if path.name != "filler") == ["saved.zarr"]
    assert is_complete(disk.place / "saved.zarr")


def test_while_a_volume_is_segmented(person: Person, crop: Path, weights_file: Path, disk: Disk) -> None:
    if isinstance(disk, PretendedDisk):
        pytest.skip("the job runs in another process, which only a real file system can be full for")
    person.drop(crop)
    person.until(lambda: person.layers == ["crop"])
    person.menu("Segment", "Segment a volume")
    panel, out = person.workspace.form.volume, disk.place / "volume.zarr"
    with person.choosing(weights_file):
        person.choose(panel.weights, "Other file …")
    person.type_into(panel.out, str(out))
    disk.resize(8000)
    panel.check()
    person.until(panel.start_button.isEnabled)
    disk.resize(72)
    before = looks(person)
    person.click(panel.start_button)
    job = person.job()
    person.until_ended(job)
    assert job.state is JobState.FAILED
    person.until(person.window.bar.isVisible)
    words = said(person.window.bar)
    assert "disk is full" in words
    assert "Free" in words
    assert looks(person) == before
    assert not is_complete(out)
    assert "failed" in [line.state for line in person.window.strip._jobs]
    disk.resize(8000)
    person.click(person.button("Run again", "Resume", within=person.window.bar))
    again = person.job()
    person.until_ended(again)
    assert again.state is JobState.DONE, again.error
    assert not person.window.bar.isVisible()
    assert is_complete(out)
    assert [path.name for path in disk.place.iterdir()] == ["volume.zarr"]


# The user's folder


@pytest.fixture
def small_home(home: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder on the small disk; made before the window."""
    disk.resize(3000)
    monkeypatch.setenv("EMPANADA_DESKTOP_HOME", str(disk.place))
    return disk.place


@pytest.fixture
def at_home(
    small_home: Path, disk: Disk, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Person]:
    """A person at a window whose own folder is on the small disk, which has room when the window closes.

    Nothing is kept unasked after the first time, so that nothing is being written when somebody looks.
    """
    monkeypatch.setattr(session_keeper, "FIRST_KEPT_MS", 0)
    yield request.getfixturevalue("person")
    disk.free()


def until_kept(person: Person) -> None:
    """Wait until what was opened is kept for the first time."""
    person.until(lambda: person.workspace.session._session is not None)
    person.until(lambda: any("Session kept" in text for text in person.window.status.texts()))
    person.until(lambda: not half_written(person.workspace.session._session.folder))  # type: ignore[union-attr]


def paint(person: Person) -> LabelsLayer:
    """Labels that are in no file, and do not compress."""
    shape = person.workspace.document.shape
    voxels = np.random.default_rng(1).integers(1, 900_000, shape).astype(np.uint32)
    labels = LabelsLayer(title="mine", source=ArraySource(voxels))
    person.workspace.document.add_layer(labels)
    person.until_rest()
    return labels


@pytest.fixture
def with_work(at_home: Person, crop: Path, result: Path, disk: Disk) -> Person:
    """Labels that are in no file are open, and the disk is full."""
    person = at_home
    open_both(person, crop, result)
    until_kept(person)
    paint(person)
    disk.fill()
    return person


def close_it(person: Person) -> None:
    person.key(Qt.Key.Key_W, CONTROL)


def other_volume(person: Person) -> Path:
    path = Path(str(person.workspace.image().source.ref.path)).with_name("other.tif")  # type: ignore[union-attr]
    tifffile.imwrite(path, np.zeros((5, 30, 30), np.uint8))
    return path


def half_written(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.name.endswith((".part", ".partial"))]


def staying(person: Person, deed: Callable[[], object]) -> str:
    """Do what would lose work, and stay; returns what is said."""

    def stay() -> None:
        with person.pressing("Stay"):
            deed()

    return fails(person, stay)


def test_the_volume_is_not_closed_when_its_labels_could_not_be_kept(with_work: Person, disk: Disk) -> None:
    person, titles = with_work, with_work.layers
    own = person.workspace.document.layers[-1]
    assert isinstance(own, LabelsLayer)
    voxels = np.asarray(own.source[0:24, :, :]).copy()
    words = staying(person, lambda: close_it(person))
    assert "The session cannot be kept" in words
    assert "No space left" in words
    assert half_written(disk.place) == []

    def make_room_and_try_again(dialog: QDialog) -> None:
        disk.free()
        person.click(person.button("Try again", within=dialog))

    with person.answering(make_room_and_try_again):
        close_it(person)
    person.until(lambda: person.window.start.go_on_card.isVisible())
    assert person.layers == []
    person.click(person.button("Continue where you stopped"))
    person.until(lambda: person.layers == titles)
    again = person.workspace.document.layers[-1]
    assert isinstance(again, LabelsLayer)
    np.testing.assert_array_equal(np.asarray(again.source[0:24, :, :]), voxels)


def test_another_volume_does_not_take_the_place_of_what_could_not_be_kept(with_work: Person) -> None:
    person, path = with_work, other_volume(with_work)
    staying(person, lambda: person.drop(path))
    with person.pressing("Close anyway"):
        person.drop(path)
    person.until(lambda: person.layers == ["other"])
    assert person.window.workspace is not None


def test_continuing_does_not_take_the_place_of_what_could_not_be_kept(with_work: Person, disk: Disk) -> None:
    person, path = with_work, other_volume(with_work)
    disk.free()
    person.drop(path)
    person.until(lambda: person.layers == ["other"])
    until_kept(person)
    paint(person)
    disk.fill()
    person.until(person.window.actions_table["continue"].isEnabled)
    staying(person, lambda: person.menu("File", "Continue"))
    disk.free()
    person.menu("File", "Continue")
    person.until(lambda: person.layers[0] == "crop")


def test_the_window_stays_when_labels_could_not_be_kept(with_work: Person) -> None:
    person, window = with_work, with_work.window
    staying(person, window.close)
    assert window.isVisible()
    with person.pressing("Close anyway"):
        window.close()
    assert not window.isVisible()


def test_without_work_of_its_own_everything_closes(at_home: Person, crop: Path, disk: Disk) -> None:
    person = at_home
    person.drop(crop)
    person.until(lambda: person.layers == ["crop"])
    until_kept(person)
    disk.fill()
    close_it(person)
    person.until(lambda: person.layers == [])
    assert "No space left" in person.window.bar.text()
    assert person.window.start.isVisible()


def test_work_is_kept_though_the_disk_was_full_when_the_volume_was_opened(
    at_home: Person, crop: Path, disk: Disk
) -> None:
    person, window = at_home, at_home.window
    before = load_settings()
    disk.fill()
    person.drop(crop)
    person.until(lambda: "The session cannot be kept" in window.bar.text())
    assert "Everything is still open" in said(window.bar)
    assert person.layers == ["crop"]
    assert load_settings() == before
    assert half_written(disk.place) == []
    paint(person)
    staying(person, lambda: close_it(person))
    disk.free()
    close_it(person)
    person.until(lambda: person.window.start.go_on_card.isVisible())
    assert person.layers == []


def test_settings_that_find_no_room_are_said_and_hold(at_home: Person, disk: Disk) -> None:
    person, window = at_home, at_home.window
    window.keep_settings()
    before = (disk.place / "settings.json").read_bytes()
    disk.fill()
    person.menu("View", "Light")
    window.keep_settings()
    assert "Settings could not be kept" in said(window.bar)
    assert "No space left" in window.bar.text()
    assert window.settings.theme == "light"
    assert (disk.place / "settings.json").read_bytes() == before
    assert half_written(disk.place) == []
    person.menu("View", "Dark")


def test_a_session_that_finds_no_room_is_said_and_written_later(with_work: Person, disk: Disk) -> None:
    person = with_work
    assert "Everything is still open" in fails(person, person.workspace.session.keep)
    assert half_written(disk.place) == []
    disk.free()
    person.workspace.session.keep()
    person.until(lambda: not person.window.bar.isVisible())
    assert any("Session kept" in text for text in person.window.status.texts())
