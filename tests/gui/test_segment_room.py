"""The forms of segmenting, by mouse: advice, the live plane and its map, confining, batches, and the list of jobs."""

import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QPointF
from PySide6.QtWidgets import QCheckBox, QDialog, QLabel, QLineEdit

from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.document import ArraySource, LabelsLayer, PlaneLabels
from empanada_desktop.errors import SettingsError
from empanada_desktop.gui.controls import Segmented, SliderField
from empanada_desktop.gui.jobs_strip import LEAVES_AFTER, JobCard
from empanada_desktop.gui.params_form import FieldRow
from empanada_desktop.gui.viewer.canvas import PlaneCanvas
from empanada_desktop.gui.volume_desk import tell_numbers
from empanada_desktop.gui.voxel_size import typed_size
from empanada_desktop.io.ome_zarr import ResultStore
from empanada_desktop.jobs.job import JobState
from empanada_desktop.tasks.inference_params import StackParams

from .person import Person


def open_file(person: Person, path: Path) -> None:
    person.drop(path)
    person.until(lambda: person.layers == [path.stem])
    person.until_rest()


def retype_voxel_size(path: Path, zyx: tuple[float, float, float]) -> Path:
    """The same volume with another voxel size, in nm."""
    about = {"axes": "ZYX", "spacing": zyx[0] / 1000, "unit": "um"}
    tifffile.imwrite(path, tifffile.imread(path), imagej=True, metadata=about, resolution=(1e3 / zyx[2], 1e3 / zyx[1]))
    return path


def volume_form(person: Person) -> dict[str, FieldRow]:
    person.click(person.button("Volume", within=person.workspace.form))
    return person.workspace.form.volume.form.rows


def plane_form(person: Person, weights: Path) -> dict[str, FieldRow]:
    panel = person.workspace.form.plane
    panel.weights.set_value(str(weights))
    panel.weights.currentIndexChanged.emit(0)
    person.click(panel.run_button)
    person.until(lambda: panel.state == "live" or panel.bar.isVisible())
    assert panel.state == "live", panel.bar.text()
    return panel.form.rows


def place_of(canvas: PlaneCanvas, row: float, column: float) -> QPoint:
    """Where the middle of a pixel of the plane is seen."""
    return QPointF(*canvas.camera().point_of(row + 0.5, column + 0.5)).toPoint()


def show_whole(person: Person) -> PlaneCanvas:
    person.workspace.grid.fit()
    person.until_rest()
    return person.workspace.grid.canvas(Axis.XY)


def test_advice_stands_beside_its_field_and_is_taken_by_a_click_only(person: Person, crop: Path) -> None:
    open_file(person, retype_voxel_size(crop, (2, 2, 2)))
    rows = volume_form(person)
    form = person.workspace.form.volume.form
    person.until(lambda: rows["image_downsampling"].apply.isVisible())
    assert rows["image_downsampling"].hint.text() == "These weights see 4 to 12 nm; your image is 2 nm."
    assert rows["median_filter_size"].hint.text() == "Planes 2 nm apart change little: 7 or 9."
    assert form.changed_names() == []
    for name, words in (("image_downsampling", "Downsample by 2"), ("median_filter_size", "Take 7")):
        assert rows[name].apply.text() == words
        person.click(rows[name].apply)
        assert not rows[name].apply.isVisible()
    assert form.values()["image_downsampling"] == 2
    assert form.values()["median_filter_size"] == 7
    assert rows["image_downsampling"].control.widget.currentText() == "2, sees 4 nm"  # type: ignore[attr-defined]
    assert sorted(form.changed_names()) == ["image_downsampling", "median_filter_size"]


def test_what_belongs_to_ortho_plane_waits_for_it(person: Person, crop: Path) -> None:
    open_file(person, crop)
    rows = volume_form(person)
    form = person.workspace.form.volume.form
    votes, tick = rows["voxel_votes"].control.widget, rows["ortho_plane"].control.widget
    assert isinstance(votes, Segmented)
    assert isinstance(tick, QCheckBox)
    assert not votes.isEnabled()
    assert not rows["permit_one_stack"].control.widget.isEnabled()
    assert rows["voxel_votes"].reason.text() == "Available with ortho-plane."
    assert not rows["segmentation_confidence"].apply.isVisible()
    person.click(tick, QPoint(8, tick.height() // 2))
    assert not rows["voxel_votes"].reason.isVisible()
    person.click(votes.button(1))
    assert form.values()["voxel_votes"] == 1
    assert not rows["inference_plane"].control.widget.isEnabled()
    assert rows["inference_plane"].reason.isVisible()
    person.click(rows["segmentation_confidence"].apply)
    assert form.values()["segmentation_confidence"] == 0.3
    person.unfold(form.sections["Output"])
    person.click(rows["return_stacks"].apply)
    assert form.values()["return_stacks"] is True
    assert not rows["ortho_plane"].apply.isVisible()


def test_stretched_voxels_speak_for_one_plane(person: Person, crop: Path) -> None:
    open_file(person, retype_voxel_size(crop, (40, 6, 6)))
    rows = volume_form(person)
    person.click(rows["inference_plane"].control.widget.button("yz"))  # type: ignore[attr-defined]
    assert rows["inference_plane"].hint.text() == "Not isotropic (40, 6, 6 nm): xz and yz will be poor."
    assert rows["inference_plane"].apply.text() == "xy only"
    person.click(rows["inference_plane"].apply)
    assert person.workspace.form.volume.form.values()["inference_plane"] == "xy"
    assert rows["median_filter_size"].hint.text() == ""


def test_a_typed_voxel_size_is_told_everywhere_and_undone(person: Person, crop: Path) -> None:
    """One number was taken for all three axes, those that the file knows, too; advice and places kept the old size."""
    about = {"axes": "ZYX", "unit": "um"}
    tifffile.imwrite(crop, tifffile.imread(crop), imagej=True, metadata=about, resolution=(1e3 / 6, 1e3 / 6))
    open_file(person, crop)
    rows, panel, document = volume_form(person), person.workspace.form.volume, person.workspace.document
    person.workspace.document.change_view(crosshair=(10, 20, 30))
    person.click(rows["inference_plane"].control.widget.button("yz"))  # type: ignore[attr-defined]
    assert not rows["inference_plane"].hint.text()

    def answer(dialog: QDialog) -> None:
        words = [label.text() for label in dialog.findChildren(QLabel)]
        assert "Voxel size in nanometres: z, y, x; or z alone" in words
        person.qtbot.keyClicks(dialog.findChild(QLineEdit), "40")
        dialog.accept()

    with person.answering(answer):
        person.click(person.button("Set it", within=panel))
    assert document.spacing == Spacing(40, 6, 6, "typed")
    assert panel.preflight.checks[0].words == "40 × 6 × 6 nm, typed"
    assert rows["inference_plane"].hint.text() == "Not isotropic (40, 6, 6 nm): xz and yz will be poor."
    assert {"voxel 40 × 6 × 6 nm, typed", "0.18, 0.12, 0.40 µm"} <= set(person.window.status.texts())
    image = person.workspace.image()
    assert image is not None
    assert image.ref is not None
    assert image.ref.voxel_size == (40, 6, 6), "jobs are told, too"
    document.undo()
    assert document.spacing.zyx == (None, 6, 6)
    assert person.button("Set it", within=panel).isVisible()
    assert not rows["inference_plane"].hint.text()


@pytest.mark.parametrize(("text", "zyx"), [("40, 6, 5", (40, 6, 5)), ("8 nm", (8, 8, 8)), ("4 × 5×6", (4, 5, 6))])
def test_voxel_sizes_are_read(text: str, zyx: tuple[float, float, float]) -> None:
    assert typed_size(text).zyx == zyx
    for no_size in ("", "1, 2", "0", "-4", "nan", "1, 2, inf", "huge"):
        with pytest.raises(SettingsError, match="no voxel size"):
            typed_size(no_size)


def test_a_long_name_is_shortened_where_it_stands_not_cut(person: Person, crop: Path) -> None:
    long = crop.rename(crop.with_name("a_volume_that_was_named_in_a_hurry_and_then_copied_2_final.tif"))
    open_file(person, long)
    for label in (person.workspace.form.plane.image, person.workspace.form.volume.image):
        person.click(person.button("Volume" if label is person.workspace.form.volume.image else "Plane"))
        person.until(lambda label=label: "…" in label.text() and len(label.text()) > 10)
        assert label.toolTip() == long.stem
        assert label.fontMetrics().horizontalAdvance(label.text()) <= label.width()


def test_boxes_drawn_in_two_views_propose_the_smallest_object(person: Person, crop: Path) -> None:
    open_file(person, crop)
    rows = volume_form(person)
    form = person.workspace.form.volume.form
    person.click(person.button("Draw a box", within=form))
    grid = person.workspace.grid
    boxes = {Axis.XY: ((10, 8), (29, 31)), Axis.XZ: ((4, 8), (17, 31))}
    for axis, (first, last) in boxes.items():
        canvas = grid.canvas(axis)
        person.drag(canvas, place_of(canvas, *first), place_of(canvas, *last))
    # 24 × 20 × 14: half is 3360, less 300, two digits; three less than the shortest side.
    assert rows["min_size"].hint.text() == "Box of 24 × 20 × 14: half of it, and some less, is 3000."
    assert form.changed_names() == []
    for name in ("min_size", "min_extent"):
        apply = rows[name].apply
        person.until(lambda apply=apply: apply.visibleRegion().boundingRect().size() == apply.size())
    person.click(rows["min_size"].apply)
    person.click(rows["min_extent"].apply)
    assert (form.values()["min_size"], form.values()["min_extent"]) == (3000, 11)
    assert not person.workspace.form.volume.bar.isVisible()


def test_what_stands_in_the_way_carries_its_remedy(
    person: Person, crop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 64.0
    monkeypatch.setattr("empanada_desktop.gui.panels.volume_panel.memory_gigabytes", lambda: (64.0, free))
    open_file(person, crop)
    volume_form(person)
    panel = person.workspace.form.volume
    names = [check.name for check in panel.preflight.checks]
    assert names[:5] == ["Voxel size", "Memory", "Disk", "Time", "Result"]
    assert panel.start_button.isEnabled()

    free = 0.5
    person.type_into(panel.out, str(crop))
    assert [check.name for check in panel.preflight.checks if check.state == "error"] == ["Memory", "Result"]
    person.type_into(panel.out, str(crop.with_name("new.png")))
    assert panel.preflight.checks[-1].words == "A name ends in .zarr or .tif."
    assert not panel.start_button.isEnabled()
    assert panel.reason.text() == "Available when this is mended: memory."
    if sys.platform == "linux":
        person.type_into(panel.out, "/proc/new.zarr")
        assert next(check.words for check in panel.preflight.checks if check.name == "Disk") == (
            "Nothing can be written to /proc."
        )
        assert not panel.start_button.isEnabled()
    person.type_into(panel.out, str(crop))
    with person.choosing(tmp_path / "elsewhere.zarr"):
        person.click(person.button("Choose another", within=panel))
    free = 64.0
    person.click(person.button("Look again", within=panel))
    assert panel.start_button.isEnabled()

    # A plane too large for the memory that is left is offered in tiles.
    free = 1.5
    panel.show_volume("large", (4, 4096, 4096), person.workspace.document.spacing, tmp_path / "large.zarr")
    assert not panel.start_button.isEnabled()
    person.click(person.button("Use tiles of 1024", within=panel))
    assert panel.form.values()["tile_size"] == 1024
    assert panel.start_button.isEnabled()

    panel.form.set_value("ortho_plane", True)
    assert panel.start_button.isEnabled()
    panel.show_volume("single", (1, 64, 64), person.workspace.document.spacing, tmp_path / "single.zarr")
    assert panel.reason.text() == "Available when this is mended: directions."
    person.click(person.button("One only", within=panel))
    assert panel.start_button.isEnabled()


def test_the_confidence_map_goes_along_with_the_plane(person: Person, crop: Path, weights_file: Path) -> None:
    open_file(person, crop)
    rows = plane_form(person, weights_file)
    panel, map_desk = person.workspace.form.plane, person.workspace.live.confidence
    person.click(panel.map, QPoint(8, panel.map.height() // 2))
    person.until(lambda: map_desk.is_shown)
    assert map_desk.view is not None
    person.until(lambda: map_desk.view.canvas.is_complete)
    person.until(lambda: abs(map_desk.view.width() - person.workspace.grid.width()) < 30)
    person.let_it_settle()  # the picture is fitted anew into its half
    person.until(lambda: map_desk.view.canvas.is_complete and (pixels_of(map_desk.view.canvas) == 0xFFFFFFFF).any())
    before, pixels = line_of(person), pixels_of(map_desk.view.canvas)
    slider = rows["segmentation_confidence"].control.widget
    assert isinstance(slider, SliderField)
    person.slide(slider.slider, 0.05)
    after = line_of(person)
    assert (after[before > 0] == 1).all()
    assert after.sum() > before.sum()
    person.until(lambda: not np.array_equal(pixels_of(map_desk.view.canvas), pixels))
    # The map's mouse is that of the view beside it.
    person.until_rest()
    person.let_it_settle()
    person.click(map_desk.view.canvas, place_of(map_desk.view.canvas, 20, 30))
    person.until(lambda: person.workspace.document.view.crosshair == (12, 20, 30))
    person.click(person.button("Close the confidence map"))
    assert not map_desk.is_shown
    assert not panel.map.isChecked()
    assert person.workspace.document.view.maximised is None

    # The planes through the crosshair side by side; a click takes one, and what follows is offered.
    person.menu("Segment", "Plane finder")
    finder = person.workspace.live.planes
    assert finder is not None
    person.until(lambda: finder.is_complete)
    person.click(finder.strip.cards[1].button)
    rows = volume_form(person)
    assert person.workspace.form.volume.form.values()["inference_plane"] == "xz"
    offered = [name for name in ("ortho_plane", "inference_plane") if rows[name].apply.isVisible()]
    assert offered or "xz does better" in finder.strip.words.text()


def line_of(person: Person) -> NDArray[np.uint32]:
    """What lies inside the white line."""
    line = person.workspace.live.confidence._line
    assert line is not None
    assert isinstance(line.source, PlaneLabels)
    return line.source.labels.copy()


def pixels_of(canvas: PlaneCanvas) -> NDArray[np.uint32]:
    image = canvas.grab().toImage()
    return np.frombuffer(image.constBits(), np.uint32).reshape(image.height(), image.width()).copy()


def test_a_plane_confined_to_a_label_then_the_whole_stack(person: Person, crop: Path, weights_file: Path) -> None:
    open_file(person, crop)
    document, panel = person.workspace.document, person.workspace.form.plane
    square = np.zeros((24, 64, 72), np.uint32)
    square[:, 10:30, 12:40] = 5
    document.add_layer(LabelsLayer(title="place", source=ArraySource(square), spacing=document.spacing))
    person.until_rest()

    # Without a label there is nothing to confine to.
    person.choose(panel.confine, "Selected label")
    person.click(panel.run_button)
    person.until(panel.bar.isVisible)
    assert panel.bar.text() == "No label is selected.\nClick an object of a label layer in a view first."
    canvas = show_whole(person)
    person.click(canvas, place_of(canvas, 20, 20))
    assert panel.confine_words() == "5 of place."
    plane_form(person, weights_file)
    grouping = person.workspace.live.grouping
    assert grouping is not None
    assert grouping.labels.any()
    found = np.zeros((64, 72), np.uint32)
    (top, left), (rows, columns) = grouping.origin, grouping.labels.shape
    found[top : top + rows, left : left + columns] = grouping.labels
    assert not found[square[12] == 0].any()

    # Every plane of the stack, as a job; its result is one deed.
    person.click(person.button("Segment every plane", within=panel))
    person.until(lambda: person.workspace.jobs.queue.jobs)  # the labels are in no file: they are written first
    job = person.job()
    person.until_ended(job)
    assert job.state is JobState.DONE, job.error
    person.until(lambda: "crop_xy_labels" in person.layers)
    result = person.labels("crop_xy_labels")
    voxels = np.asarray(result.source[0:24, :, :])
    np.testing.assert_array_equal(voxels[12], found)
    assert not voxels[square == 0].any()
    person.menu("Edit", "Undo")
    assert "crop_xy_labels" not in person.layers

    # The list of jobs keeps it, with recipe, log and result.
    person.click(person.button("Show the list of jobs"))
    card = person.window.jobs_list.card(job.id)
    person.click(card.recipe)
    assert "confine_to:" in card.text()
    person.click(card.log)
    assert card.text() != ""
    person.click(card.log)
    person.click(card.show_result)
    person.until(lambda: "crop_xy_labels" in person.layers)


def test_kept_in_the_active_labels_and_undone_in_one_step(person: Person, crop: Path, weights_file: Path) -> None:
    open_file(person, crop)
    panel, document = person.workspace.form.plane, person.workspace.document
    plane_form(person, weights_file)
    person.click(panel.run_button)
    kept = document.active
    assert isinstance(kept, LabelsLayer)
    first = np.asarray(kept.source[0:24, :, :]).copy()
    person.choose(panel.target, "The active labels")
    person.menu("View", "Next plane")
    plane_form(person, weights_file)
    document.active = kept
    person.click(panel.run_button)
    both = np.asarray(kept.source[0:24, :, :])
    assert person.layers == ["crop", kept.title]
    assert both[13].any()
    np.testing.assert_array_equal(both[12], first[12])
    person.menu("Edit", "Undo")
    np.testing.assert_array_equal(np.asarray(kept.source[0:24, :, :]), first)


def test_jobs_that_failed_stay_and_can_be_run_again(
    person: Person, crop: Path, weights_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_file(person, crop)
    panel = person.workspace.form.plane
    panel.weights.set_value(str(weights_file))
    away = crop.rename(crop.with_name("away.tif"))
    person.click(person.button("Segment every plane", within=panel))
    job = person.job()
    person.until_ended(job)
    assert job.state is JobState.FAILED
    person.click(person.button("Show the list of jobs"))
    card = person.window.jobs_list.card(job.id)
    person.until(lambda: "crop.tif" in card.words())
    assert not card.show_result.isVisible()
    away.rename(crop)
    bar = person.window.bar
    assert bar.isVisible()
    person.click(card.run_again)
    again = person.job()
    assert again is not job
    assert not bar.isVisible(), "what it says is being mended"
    person.until(lambda: card.words().endswith("It was run again."))
    assert not card.run_again.isVisible(), "its successor is what can be run again"
    person.until_ended(again)
    assert again.state is JobState.DONE, again.error
    done = person.window.jobs_list.card(again.id)
    person.until(lambda: done.show_result.isVisible())
    assert isinstance(done, JobCard)
    # After a while the done one leaves the strip; the failed one does not, and both stay in the list.
    assert strip_titles(person) == 2
    later = time.time() + LEAVES_AFTER + 1
    monkeypatch.setattr("empanada_desktop.gui.jobs_strip.time.time", lambda: later)
    person.until(lambda: strip_titles(person) == 1)
    assert card.isVisible()
    assert done.isVisible()
    person.until_rest()


def strip_titles(person: Person) -> int:
    """How many jobs the strip shows."""
    return sum(item.isVisible() for item in person.window.strip._items)


def test_what_the_end_of_the_program_broke_off_is_offered(person: Person, crop: Path, home: Path) -> None:
    out = home / "results" / "crop_labels.zarr"
    out.parent.mkdir()
    params = StackParams(min_size=77, inference_plane="xz").model_dump(mode="json")
    recipe = {"task": "segment-volume", "params": params, "inputs": {"volume": str(crop)}}
    ResultStore.create(out, (24, 64, 72), Spacing(10, 10, 10, "test"), 64, recipe).lay_down()
    open_file(person, crop)
    volume_form(person)
    panel = person.workspace.form.volume
    assert panel.bar.text().startswith("crop_labels.zarr was broken off.")
    assert Path(panel.out.text()).name == "crop_labels_2.zarr"
    person.click(person.button("Go on with it", within=panel.bar))
    assert panel.out.text() == str(out)
    values = panel.form.values()
    assert (values["min_size"], values["inference_plane"]) == (77, "xz"), "it goes on with what it was begun with"

    def result() -> tuple[str, str]:
        check = next(check for check in panel.preflight.checks if check.name == "Result")
        return check.state, check.words

    going_on = ("good", "crop_labels.zarr, goes on where it was broken off")
    assert result() == going_on
    # With other values it cannot: said before the start, with the way back.
    panel.form.set_value("min_size", 500)
    panel.form.set_value("inference_plane", "xy")
    words = "crop_labels.zarr was begun with other values: inference plane was xz, not xy, and 1 more."
    assert result() == ("error", words)
    assert not panel.start_button.isEnabled()
    person.click(person.button("Take those", within=panel))
    assert result() == going_on
    assert panel.start_button.isEnabled()
    # What only says how to compute may change.
    panel.form.set_value("use_gpu", not panel.form.values()["use_gpu"])
    assert result() == going_on
    panel.show_region(Box((0, 0, 0), (24, 32, 32)))
    assert result()[1].endswith("another part of the volume.")


def test_each_layer_says_how_many_objects_its_class_has() -> None:
    source = ArraySource(np.zeros((2, 3, 4), np.uint32))
    titles = ("mito", "nucleus", "mito, xy stack")
    layers = [LabelsLayer(title=title, source=source) for title in titles]
    tell_numbers(layers, {"mito": 23, "nucleus": 1})
    assert [layer.note for layer in layers] == ["23 objects", "1 object", ""]
    alone = LabelsLayer(title="found.tif", source=source)
    tell_numbers([alone], {"mito": 23})
    assert alone.note == "23 objects"
