"""Several volumes from the form: chosen in a dialog, segmented one after another, a result for each."""

from pathlib import Path

import numpy as np
import tifffile

from empanada_desktop.gui.controls import IconButton
from empanada_desktop.io.ome_zarr import is_complete, read_recipe
from empanada_desktop.jobs.job import JobState

from .person import Person


def test_further_volumes_are_segmented_with_the_same_values(person: Person, crop: Path, weights_file: Path) -> None:
    small = tifffile.imread(crop)[:6, :32, :32]
    others = [crop.with_name("one.tif"), crop.with_name("two.tif")]
    for path in (crop, *others):
        tifffile.imwrite(path, np.ascontiguousarray(small), imagej=True, metadata={"axes": "ZYX"})
        small = small[:, ::-1]
    person.drop(crop)
    person.until(lambda: person.layers == ["crop"])
    person.until_rest()
    person.click(person.button("Volume", within=person.workspace.form))
    panel = person.workspace.form.volume
    panel.weights.set_value(str(weights_file))
    panel.form.set_values({"min_size": 0, "min_extent": 0})
    choose = next(button for button in panel.findChildren(IconButton) if "further" in button.toolTip())
    with person.choosing(Path(" ".join(f'"{path}"' for path in others))):
        person.click(choose)
    assert panel.more_files == [str(path) for path in others]
    assert panel.start_button.text() == "Segment 3 volumes"
    person.click(panel.start_button)
    assert (panel.more_files, panel.start_button.text()) == ([], "Segment volume")

    jobs = person.workspace.jobs.queue.jobs
    assert [job.title for job in jobs] == ["Segment volume", "Segment one.tif", "Segment two.tif"]
    person.until(lambda: all(job.state.has_ended for job in jobs))
    assert [job.state for job in jobs] == [JobState.DONE] * 3
    outs = [Path(str(job.spec.inputs.model_dump()["out"])) for job in jobs]
    assert [path.name for path in outs] == ["crop_labels.zarr", "one_labels.zarr", "two_labels.zarr"]
    assert all(is_complete(path) for path in outs)
    params = [read_recipe(path)["params"] for path in outs]
    assert params[0] == params[1] == params[2]
    person.until_rest()
