"""What is wrong with files, folders, weights and disks: said with a hint, and the window stays as it was."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from PySide6.QtCore import Qt

from empanada_desktop.core.geometry import Spacing
from empanada_desktop.gui.controls import MessageBar
from empanada_desktop.gui.start_page import _RecentLine
from empanada_desktop.io.ome_zarr import ResultStore

from .person import Person

SHAPE = (24, 64, 72)


def looks(person: Person) -> tuple[Any, ...]:
    """Everything of the window that a mishap must leave alone."""
    window = person.window
    page = "start" if window.stack.currentWidget() is window.start else "workspace"
    if window.workspace is None:
        return page, window.windowTitle()
    document = window.workspace.document
    layers = [(layer.id, layer.title, layer.visible, layer.opacity) for layer in document.layers]
    view = replace(document.view, zoom=0.0)  # a volume that is shown whole stays so when a message takes some room
    return page, window.windowTitle(), layers, view, document.active, document.history.position


def said(bar: MessageBar) -> str:
    """What a bar says: a sentence and a hint in plain words."""
    message, _, hint = bar.text().partition("\n")
    assert message.endswith("."), message
    assert hint.endswith("."), f"no hint: {bar.text()}"
    for jargon in ("Traceback", "Error", "Errno", "None", "<", "exception"):
        assert jargon not in bar.text()
    return bar.text()


# Files and folders


def text_file(folder: Path) -> Path:
    path = folder / "notes.tif"
    path.write_text("this is no picture")
    return path


def truncated(folder: Path) -> Path:
    import tifffile

    tifffile.imwrite(
        folder / "whole.tif", np.arange(4 * 90 * 100, dtype=np.uint16).reshape(4, 90, 100), photometric="minisblack"
    )
    path = folder / "half.tif"
    data = (folder / "whole.tif").read_bytes()
    path.write_bytes(data[: len(data) // 2])
    (folder / "whole.tif").unlink()
    return path


def empty_file(folder: Path) -> Path:
    path = folder / "nothing.tif"
    path.touch()
    return path


def missing(folder: Path) -> Path:
    return folder / "missing.tif"


def empty_folder(folder: Path) -> Path:
    path = folder / "empty"
    path.mkdir()
    return path


def zarr_without_arrays(folder: Path) -> Path:
    path = folder / "bare.zarr"
    zarr.open_group(str(path), mode="w")
    return path


def unfinished(folder: Path) -> Path:
    path = folder / "unfinished.zarr"
    ResultStore.create(path, (2, 8, 8), Spacing(), 8, {}).label_array("labels/mito", 1, "mito", 1000)
    return path


FILES = (text_file, truncated, empty_file)
FOLDERS = (empty_folder, zarr_without_arrays, unfinished)


def fails(person: Person, deed: Callable[[], object]) -> str:
    """Do what cannot work; returns what the window says, which is otherwise as it was."""
    person.until_rest()
    before = looks(person)
    deed()
    person.until(person.window.bar.isVisible)
    person.until_rest()
    assert looks(person) == before
    assert person.window.notifier.dialog is None
    return said(person.window.bar)


@pytest.mark.parametrize("make", [*FILES, *FOLDERS, missing])
def test_dropped_on_the_start_page(person: Person, tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path)
    assert path.name in fails(person, lambda: person.drop(path))


def test_chosen_while_something_is_open(person: Person, crop: Path, tmp_path: Path) -> None:
    person.drop(crop)
    person.until(lambda: person.layers == ["crop"])
    for make in (*FILES, *FOLDERS):
        path = make(tmp_path)

        def choose(path: Path = path) -> None:
            with person.choosing(path):
                person.menu("File", "Open folder" if path.is_dir() else "Open file")

        assert path.name in fails(person, choose)
        person.click(person.button("Close this message", within=person.window.bar))
        assert not person.window.bar.isVisible()


def test_a_recent_file_that_went_bad(person: Person, crop: Path) -> None:
    person.drop(crop)
    person.until(lambda: person.layers == ["crop"])
    person.key(Qt.Key.Key_W, Qt.KeyboardModifier.ControlModifier)
    person.until(person.window.start.isVisible)
    person.until_rest()
    crop.write_text("overwritten by something else")

    def click() -> None:  # the list is made anew when the facts for it arrive
        lines = person.window.start.recent.findChildren(_RecentLine)
        person.click(next(line for line in lines if line.isVisible()))

    assert "crop.tif" in fails(person, click)


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_folder_that_may_not_be_read(person: Person, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    path = empty_folder(tmp_path)
    path.chmod(0)
    try:
        fails(person, lambda: person.drop(path))
    finally:
        path.chmod(0o700)


# Weights


def test_weights_that_went_while_the_window_was_open(
    person: Person, crop: Path, weights_file: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(weights_file.parent, folder)
    person.drop(crop)
    person.until(lambda: person.layers == ["crop"])
    panel = person.workspace.form.plane
    with person.choosing(folder / weights_file.name):
        person.choose(panel.weights, "Other file …")
    shutil.rmtree(folder)
    before = looks(person)
    person.click(person.button("Run on this plane"))
    person.until(panel.bar.isVisible)
    assert weights_file.name in said(panel.bar)
    assert looks(person) == before
    assert panel.state == "none"
