"""The whole story with mouse and keys alone, from the start page to what was saved; 3D in a process with a screen."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt

from empanada_desktop.document import LabelsLayer
from empanada_desktop.gui.controls import SliderField
from empanada_desktop.io.ome_zarr import is_complete
from empanada_desktop.jobs.job import JobState

from .leaks import torch_is_loaded
from .person import CONTROL, SHIFT, Person

ROOT = Path(__file__).resolve().parents[2]
CHECKS = Path(__file__).with_name("story_3d_checks.py")


def test_the_whole_story(person: Person, weights_file: Path, tmp_path: Path, home: Path) -> None:
    had_torch = torch_is_loaded()  # this process made the weights with it
    open_the_sample(person)
    segment_a_plane(person, weights_file)
    out = tmp_path / "out" / "volume.zarr"
    found = segment_the_volume(person, out)
    saved = save(person, found, tmp_path / "saved.zarr")
    titles = person.layers
    close_and_continue(person, titles)
    reopen(person, saved, found)
    assert torch_is_loaded() == had_torch
    person.menu("File", "Quit")
    person.until(lambda: not person.window.isVisible())
    look_at_it_in_3d(out, home)


def open_the_sample(person: Person) -> None:
    """Start page, and the button that opens the sample."""
    assert person.window.stack.currentWidget() is person.window.start
    person.click(person.button("Open the sample"))
    person.until(lambda: person.layers == ["medulla"])
    person.until_rest()
    assert person.workspace.document.shape == (200, 200, 200)


def segment_a_plane(person: Person, weights: Path) -> None:
    """Weights from a file, the network on a plane, a slider, keep, undo, redo."""
    panel, document = person.workspace.form.plane, person.workspace.document
    with person.choosing(weights):
        person.choose(panel.weights, "Other file …")
    assert panel.weights.value() == str(weights)
    person.click(person.button("Run on this plane"))
    person.until(lambda: panel.state == "live" or panel.bar.isVisible())
    assert panel.state == "live", panel.bar.text()
    preview = person.workspace.live.preview
    assert preview is not None
    shown, field = preview.source.version, panel.form.rows["segmentation_confidence"].control.widget
    assert isinstance(field, SliderField)
    person.slide(field.slider, 0.3)
    assert field.value() == pytest.approx(0.34, abs=0.02)
    person.until(lambda: preview.source.version > shown)
    person.click(person.button("Keep as labels"))
    kept = document.active
    assert isinstance(kept, LabelsLayer)
    assert not kept.is_preview
    assert np.asarray(kept.source[100:101, :, :]).any()
    person.click(person.tool("undo"))
    assert kept not in document.layers
    person.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    assert kept in document.layers


def segment_the_volume(person: Person, out: Path) -> LabelsLayer:
    """The volume: started, cancelled and gone on with from the strip."""
    person.menu("Segment", "Segment a volume")
    panel = person.workspace.form.volume
    with person.choosing(panel_weights(person)):
        person.choose(panel.weights, "Other file …")
    person.choose(panel.form.rows["image_downsampling"].control.widget, "8")
    person.type_into(panel.out, str(out))
    person.unfold(panel.form.sections["Clean up"])
    person.type_into(panel.form.rows["min_size"].control.widget, "0")
    person.type_into(panel.form.rows["min_extent"].control.widget, "0")
    person.click(person.button("Segment volume", within=panel))
    first = person.job()
    with person.holding(first, lambda job: job.done):
        person.click(person.button("Cancel this job"))
        person.until_ended(first)
    assert first.state is JobState.CANCELLED
    assert not is_complete(out)
    timed = panel.plan().seconds_per_pixel
    person.click(person.button("Resume", within=person.window.strip))
    second = person.job()
    assert second is not first
    person.until_ended(second)
    assert second.state is JobState.DONE, second.error
    person.until(lambda: out.name in _path(person.workspace.document.active))
    found = person.workspace.document.active
    assert isinstance(found, LabelsLayer)
    assert panel.plan().seconds_per_pixel == timed, "the rest of a volume does not tell how long a whole one takes"
    return found


def _path(layer: object) -> str:
    return str(getattr(getattr(getattr(layer, "source", None), "ref", None), "path", ""))


def panel_weights(person: Person) -> Path:
    return Path(str(person.workspace.form.plane.weights.value()))


def save(person: Person, layer: LabelsLayer, path: Path) -> Path:
    """The result to another file, with the toolbar's button and the file dialog."""
    assert person.workspace.document.active is layer
    with person.choosing(path):
        person.click(person.tool("save_labels"))
    person.until(lambda: path.name in person.window.toast.text())
    return path


def close_and_continue(person: Person, titles: list[str]) -> None:
    """Close the volume; the start page offers to continue, and all is back."""
    person.menu("File", "Close the volume")
    person.until(lambda: person.window.stack.currentWidget() is person.window.start)
    assert person.layers == []
    person.until(lambda: person.window.start.go_on_card.isVisible())
    person.click(person.button("Continue where you stopped"))
    person.until(lambda: person.layers == titles)
    assert person.workspace.form.volume.form.values()["min_size"] == 0


def reopen(person: Person, saved: Path, found: LabelsLayer) -> None:
    """What was saved is the same voxel for voxel, and opens over the image."""
    before = person.layers
    with person.choosing(saved):
        person.menu("File", "Open folder")
    person.until(lambda: len(person.layers) == len(before) + 1)
    again = person.workspace.document.of_kind(LabelsLayer)[-1]
    whole = slice(None)
    np.testing.assert_array_equal(again.source[whole, whole, whole], found.source[whole, whole, whole])
    assert np.asarray(found.source[whole, whole, whole]).any()
    assert again.spacing.zyx == (10, 10, 10)


def look_at_it_in_3d(out: Path, home: Path) -> None:
    """The same result in a window that has a screen."""
    screen: list[str] = []
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):
        if shutil.which("xvfb-run") is None or shutil.which("xauth") is None:
            pytest.skip("all but 3D was done: there is no display, and no Xvfb to make one (install xvfb and xauth)")
        screen = ["xvfb-run", "-a", "-s", "-screen 0 1680x1050x24"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "STORY_RESULT": str(out), "STORY_HOME": str(home)}
    environment.pop("QT_QPA_PLATFORM", None)
    command = [*screen, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(CHECKS)]
    outcome = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert outcome.returncode == 0, outcome.stdout[-4000:] + outcome.stderr[-2000:]
