"""Fusing a finished volume anew, by mouse: values of the result, a job without the network, and undoing."""

from pathlib import Path

import numpy as np
import tifffile
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QCheckBox

from empanada_desktop.core.geometry import Axis
from empanada_desktop.document import LabelsLayer
from empanada_desktop.jobs.job import JobState

from .person import Person


def voxels_of(layer: LabelsLayer) -> int:
    return int(np.count_nonzero(layer.source[0:16, :, :]))


def run(person: Person, wanted: int) -> None:
    job = person.job()
    person.until_ended(job)
    assert job.state is JobState.DONE, job.error
    person.until(lambda: len(person.layers) == wanted)
    person.until_rest()


def test_a_result_is_fused_anew_and_that_is_undone(person: Person, crop: Path, weights_file: Path) -> None:
    tifffile.imwrite(crop, tifffile.imread(crop)[:16, :24, :32], imagej=True, metadata={"axes": "ZYX"})
    person.drop(crop)
    person.until(lambda: person.layers == ["crop"])
    person.until_rest()
    form = person.workspace.form
    person.click(person.button("Volume", within=form))
    form.volume.weights.set_value(str(weights_file))
    form.volume.form.set_values({"ortho_plane": True, "voxel_votes": 3, "min_size": 20, "min_extent": 1})
    person.click(form.volume.start_button)
    # What is shown meanwhile says which of the three stacks it is of, and follows.
    with person.holding(person.job(), lambda job: job.partial is not None and job.partial.axis is Axis.YZ):
        person.until(lambda: "so far, yz stack" in person.layers)
        assert not {"so far, xy stack", "so far, xz stack"} & set(person.layers)
    run(person, 2)
    first = person.labels("mito")

    person.menu("Segment", "Fuse anew")
    panel = form.fuse
    person.until(panel.start_button.isEnabled)
    assert panel.result.text() == "crop_labels.zarr"
    # The fields begin with what the result was made with, and nothing counts as changed.
    values = panel.form.values()
    assert (values["voxel_votes"], values["min_size"], values["min_extent"]) == (3, 20, 1)
    assert panel.form.changed_names() == []
    person.click(panel.form.rows["voxel_votes"].control.widget.button(1))  # type: ignore[attr-defined]
    tick = panel.form.rows["permit_one_stack"].control.widget
    assert isinstance(tick, QCheckBox)
    person.click(tick, QPoint(8, tick.height() // 2))
    assert panel.form.changed_names() == ["voxel_votes", "permit_one_stack"]
    person.click(panel.start_button)
    run(person, 3)
    loose = person.workspace.document.active
    assert isinstance(loose, LabelsLayer)
    assert voxels_of(loose) > voxels_of(first)
    assert (first.visible, loose.visible) == (False, True), "both at once are a blur"

    # The new layer can be fused anew itself: it leads to what was kept. Its layer takes the place of the one before.
    person.until(lambda: panel.form.values()["voxel_votes"] == 1)
    assert panel.result.text() == "crop_labels.zarr"
    person.click(panel.form.rows["voxel_votes"].control.widget.button(3))  # type: ignore[attr-defined]
    person.type_into(panel.form.rows["min_size"].control.widget, "100000")
    person.click(panel.start_button)
    run(person, 3)
    person.until(lambda: "All that was found is below min size (100000 voxels)" in person.window.bar.text())
    assert loose not in person.workspace.document.layers
    thinner = person.workspace.document.active
    assert isinstance(thinner, LabelsLayer)
    person.until(lambda: person.job().state is JobState.DONE)
    assert voxels_of(thinner) == 0
    person.menu("Edit", "Undo")
    assert person.workspace.document.layers[1:] == (first, loose)
    assert not first.visible
    person.menu("Edit", "Undo")
    assert person.workspace.document.layers[1:] == (first,)
    assert first.visible
    person.menu("Edit", "Redo")
    assert (first.visible, loose.visible) == (False, True)

    # Labels without a result have nothing to fuse, and it is said.
    person.menu("Layer", "Duplicate layer")
    person.click(person.button("Volume", within=form))
    assert form.current is form.volume
    person.until_rest()
