"""The whole story with real events: open, tune a plane, segment a volume, cancel, run, save, close, continue."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from empanada_desktop.core.geometry import Axis
from empanada_desktop.document import LabelsLayer
from empanada_desktop.gui.controls import SliderField
from empanada_desktop.gui.main_window import MainWindow
from empanada_desktop.gui.workspace import Workspace
from empanada_desktop.io.volumes import open_volume
from empanada_desktop.jobs.job import Job, JobState

LONG = 120_000


class Story:
    """The window with a crop of the sample open."""

    def __init__(self, window: MainWindow, qtbot: QtBot) -> None:
        self.window, self.qtbot = window, qtbot

    @property
    def workspace(self) -> Workspace:
        assert self.window.workspace is not None
        return self.window.workspace

    def until(self, condition: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=LONG)

    def open(self, path: Path) -> None:
        self.window.open_path(str(path))
        self.until(lambda: self.window.workspace is not None and self.workspace.document.layers)

    def click(self, widget: object) -> None:
        self.qtbot.mouseClick(widget, Qt.MouseButton.LeftButton)

    def segment_plane(self, weights: Path) -> None:
        panel = self.workspace.form.plane
        panel.weights.set_value(str(weights))
        self.click(panel.run_button)
        self.until(lambda: panel.state == "live" or panel.bar.isVisible())
        assert panel.state == "live", panel.bar.text()

    def newest(self) -> Job:
        return self.workspace.jobs.queue.jobs[-1]


@pytest.fixture
def story(window: MainWindow, qtbot: QtBot, crop: Path) -> Story:
    story = Story(window, qtbot)
    story.open(crop)
    return story


def test_from_the_first_plane_to_continue(story: Story, weights_file: Path, tmp_path: Path, home: Path) -> None:
    window, workspace, document = story.window, story.workspace, story.workspace.document
    assert "crop" in window.windowTitle()
    assert document.view.crosshair == (12, 32, 36)

    # Live: the sliders show without the network running again.
    story.segment_plane(weights_file)
    preview = workspace.live.preview
    assert preview is not None
    # One plane tells how long a volume takes with the same weights.
    workspace.form.volume.weights.set_value(str(weights_file))
    checks = {check.name: check.words for check in workspace.form.volume.preflight.checks}
    assert checks["Time"].startswith("about ")
    shown = preview.source.version
    slider = workspace.form.plane.form.rows["segmentation_confidence"].control.widget
    assert isinstance(slider, SliderField)
    slider.slider.setFocus()
    story.qtbot.keyClick(slider.slider, Qt.Key.Key_Left)
    story.until(lambda: preview.source.version > shown)

    # Kept, undone, kept again.
    story.click(workspace.form.plane.run_button)
    kept = document.active
    assert isinstance(kept, LabelsLayer)
    assert not kept.is_preview
    assert np.asarray(kept.source[12:13, :, :]).shape == (1, 64, 72)
    window.actions_table["undo"].trigger()
    assert kept not in document.layers
    window.actions_table["redo"].trigger()
    assert kept in document.layers

    # The volume: started, cancelled, run again.
    workspace.form.take_over()
    panel = workspace.form.volume
    panel.form.set_values({"min_size": 0, "min_extent": 0, "use_gpu": False, "threads": 1})
    out = tmp_path / "out" / "result.zarr"
    panel.out.setText(str(out))
    story.click(panel.start_button)
    first = story.newest()
    workspace.jobs.do("cancel", first.id)
    story.until(lambda: first.state.has_ended)
    assert first.state is JobState.CANCELLED
    assert not out.exists()
    workspace.jobs.do("run_again", first.id)
    second = story.newest()
    assert second is not first
    story.until(lambda: second.state.has_ended)
    assert second.state is JobState.DONE, second.error
    story.until(lambda: any("result.zarr" in _path(layer) for layer in document.layers))
    result = document.active
    assert isinstance(result, LabelsLayer)
    assert result.shape == (24, 64, 72)
    assert window.strip.text() == "nothing running"

    # Saved, closed, continued.
    workspace.save_labels(kept, tmp_path / "kept.tif")
    story.until((tmp_path / "kept.tif").exists)
    story.until(lambda: window.background.running == 0)
    with open_volume(tmp_path / "kept.tif") as saved:
        np.testing.assert_array_equal(saved[12], np.asarray(kept.source[12:13, :, :])[0])
        assert saved.spacing.zyx == (10, 10, 10)
    titles = [layer.title for layer in document.layers]
    window.close_volume()
    story.until(lambda: document.layers == ())
    window.go_on()
    story.until(lambda: document.layers)
    assert [layer.title for layer in document.layers] == titles
    assert panel.form.values()["min_size"] == 0


def _path(layer: object) -> str:
    ref = getattr(getattr(layer, "source", None), "ref", None)
    return "" if ref is None else str(ref.path)


def test_keys_and_views_go_together(story: Story) -> None:
    window, document = story.window, story.workspace.document
    window.activateWindow()
    z = document.view.crosshair[0]
    window.actions_table["plane_next"].trigger()
    assert document.view.crosshair[0] == z + 1
    window.actions_table["view_xz"].trigger()
    assert document.view.maximised == "xz"
    assert story.workspace.live.place() == (Axis.XZ, 32)
    window.actions_table["view_all"].trigger()
    assert document.view.maximised is None
    window.choose_tab("view")
    assert not story.workspace.right_dock.isVisible()
    window.choose_tab("segment")
    assert story.workspace.right_dock.isVisible()


def test_the_scale_finder_leaves_the_live_plane_alone(story: Story, weights_file: Path) -> None:
    workspace = story.workspace
    story.segment_plane(weights_file)
    story.window.actions_table["scale_finder"].trigger()
    finder = workspace.live.scales
    assert finder is not None
    story.until(lambda: finder.is_complete)
    assert workspace.form.plane.state == "live"
    story.click(finder.strip.cards[1].button)
    story.until(lambda: workspace.form.plane.form.values()["image_downsampling"] == 2)
    assert workspace.form.volume.form.values()["image_downsampling"] == 2
    story.until(lambda: workspace.form.plane.state == "live")


def test_bad_weights_are_said_in_the_panel(story: Story, tmp_path: Path) -> None:
    panel = story.workspace.form.plane
    panel.weights.set_value(str(tmp_path / "gone.yaml"))
    story.click(panel.run_button)
    story.until(panel.bar.isVisible)
    assert "gone.yaml" in panel.bar.text()
    assert panel.state == "none"
    assert len(story.workspace.document.layers) == 1


def test_a_result_in_the_way_is_said_before_anything_runs(story: Story, weights_file: Path, tmp_path: Path) -> None:
    workspace = story.workspace
    workspace.form.show_mode("volume")
    workspace.form.volume.weights.set_value(str(weights_file))
    workspace.form.volume.out.setText(str(tmp_path))
    assert [check.words for check in workspace.form.volume.preflight.checks if check.state == "error"] == [
        f"{tmp_path.name} exists already."
    ]
    story.click(workspace.form.volume.start_button)
    assert workspace.jobs.queue.jobs == ()


def test_a_box_proposes_the_smallest_object(story: Story) -> None:
    from empanada_desktop.core.geometry import Box

    workspace = story.workspace
    story.window.actions_table["box_hint"].trigger()
    workspace.grid.box_drawn.emit(Axis.XY, Box((12, 10, 10), (13, 30, 34)))
    rows = workspace.form.volume.form.rows
    assert "half of it" in rows["min_size"].hint.text()
    rows["min_size"].apply.click()
    rows["min_extent"].apply.click()
    # 24 × 20 × (20 deep as wide): half is 4800, less 300, two digits.
    assert workspace.form.volume.form.values()["min_size"] == 4500
    assert workspace.form.volume.form.values()["min_extent"] == 17


def test_a_killed_child_is_said_and_can_be_run_again(story: Story, weights_file: Path, tmp_path: Path) -> None:
    workspace = story.workspace
    story.window.open_sample()
    story.until(lambda: workspace.document.shape == (200, 200, 200))
    workspace.form.show_mode("volume")
    workspace.form.volume.form.set_values({"weights": str(weights_file), "use_gpu": False, "threads": 1})
    workspace.form.volume.out.setText(str(tmp_path / "result.zarr"))
    story.click(workspace.form.volume.start_button)
    job = story.newest()
    child = workspace.jobs.queue._runner.child  # type: ignore[attr-defined]
    story.until(lambda: job.done or job.state.has_ended)
    child.kill()
    story.until(lambda: job.state.has_ended)
    assert job.state is JobState.FAILED
    story.until(story.window.bar.isVisible)
    assert "computation" in story.window.bar.text()
    buttons = [button.text() for button in story.window.bar.findChildren(QPushButton)]
    assert "Run again" in buttons
    story.until(lambda: len(workspace.document.layers) == 1)
    assert (tmp_path / "result.zarr").exists() == bool(job.kept)


def test_closing_with_a_job_asks(
    story: Story, weights_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = story.workspace
    monkeypatch.setattr(workspace.jobs, "unfinished", lambda: 1)
    asked: list[str] = []

    def keep_running(box: QMessageBox) -> int:
        asked.append(box.text())
        box.defaultButton().click()
        return 0

    monkeypatch.setattr(QMessageBox, "exec", keep_running)
    assert not story.window.close()
    assert asked == ["1 job running."]
    assert story.window.isVisible()
    monkeypatch.undo()


def test_another_volume_takes_the_place_and_its_labels_join(story: Story, tmp_path: Path) -> None:
    document = story.workspace.document
    labels = np.zeros((5, 40, 30), np.uint16)
    tifffile.imwrite(tmp_path / "other.tif", labels)
    story.window.open_path(str(tmp_path / "other.tif"))
    story.until(lambda: document.shape == (5, 40, 30))
    assert [layer.title for layer in document.layers] == ["other"]
    assert "unknown" in " ".join(story.window.status.texts())
