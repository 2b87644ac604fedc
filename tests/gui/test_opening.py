"""What is shown of what was opened: results told apart, a single image in one view, the voxel size as far as known."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PySide6.QtCore import Qt

from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.document import ImageLayer, LabelsLayer
from empanada_desktop.document.titles import told_apart
from empanada_desktop.gui.objects.deeds import LARGEST_ZOOM, ObjectDeeds
from empanada_desktop.gui.objects.desk import ObjectsDesk
from empanada_desktop.gui.status_bar import world_text
from empanada_desktop.io.ome_zarr import ResultStore

from .person import CONTROL, Person


def result(path: Path, *classes: str) -> Path:
    """A finished result that fits the crop."""
    store = ResultStore.create(path, (24, 64, 72), Spacing(10, 10, 10), 64, {})
    for number, name in enumerate(classes, 1):
        store.label_array(f"labels/{name}", number, name, 1000)[12, 20:30, 20:30] = number * 1000 + 1
    return store.finish({})


def image_file(path: Path, pixel_nm: float | None, width: int = 60) -> Path:
    """A single image of 40 rows."""
    size = {} if pixel_nm is None else {"resolution": (1e7 / pixel_nm, 1e7 / pixel_nm), "resolutionunit": "CENTIMETER"}
    grey = np.random.default_rng(0).integers(0, 255, (40, width)).astype(np.uint8)
    tifffile.imwrite(path, grey, photometric="minisblack", **size)  # type: ignore[arg-type]
    return path


def shown(person: Person) -> list[str]:
    return [name for name, view in person.workspace.grid.views.items() if view.isVisible()]


def test_results_of_the_same_classes_are_told_apart(person: Person, crop: Path, tmp_path: Path) -> None:
    person.drop(crop)
    person.until(lambda: person.layers == ["crop"])
    for number, classes in enumerate([("mito", "nucleus"), ("mito",), ("mito", "nucleus")]):
        wanted = len(person.layers) + len(classes)
        person.drop(result(tmp_path / f"{number}.zarr", *classes))
        person.until(lambda wanted=wanted: len(person.layers) == wanted)
    # Those of one result go together.
    later = ["mito, volume 2", "mito, volume 3", "nucleus, volume 3"]
    assert sorted(person.layers) == sorted(["crop", "mito", "nucleus", *later])
    person.key(Qt.Key.Key_Z, CONTROL)  # one step, whatever it holds
    person.until(lambda: sorted(person.layers) == sorted(["crop", "mito", "nucleus", "mito, volume 2"]))
    person.workspace.document.redo()
    assert sorted(person.layers) == sorted(["crop", "mito", "nucleus", *later])


def test_a_file_of_ids_becomes_labels_and_an_image_again(person: Person, crop: Path, tmp_path: Path) -> None:
    ids = np.zeros((24, 64, 72), np.uint8)
    ids[:, 5:30, 5:30], ids[:, 35:60, 30:70] = 1, 2
    tifffile.imwrite(tmp_path / "truth.tif", ids)
    person.drop(tmp_path / "truth.tif")
    person.until(lambda: person.window.bar.text() == "truth looks like labels.")
    person.click(person.button("Use as labels"))
    person.until(lambda: isinstance(person.workspace.document.active, LabelsLayer))
    assert not person.window.bar.isVisible()
    person.drop(crop)
    person.until(lambda: person.layers == ["crop", "truth"])
    person.drop(tmp_path / "truth.tif")
    person.click(person.button("Open it again"))
    person.until(lambda: person.layers == ["crop", "truth", "truth, volume 2"])
    labels = person.labels("volume 2")
    assert labels.spacing.zyx == (10, 10, 10), "as the image says, since the file does not"
    person.click(person.button("Use as an image"))
    person.until(lambda: person.layers == ["truth, volume 2", "crop", "truth"])
    assert isinstance(person.workspace.document.layers[0], ImageLayer)
    person.key(Qt.Key.Key_Z, CONTROL)
    person.until(lambda: person.layers == ["crop", "truth", "truth, volume 2"])


def test_no_file_is_opened_twice_unasked_and_what_gives_way_is_a_click_away(
    person: Person, crop: Path, tmp_path: Path
) -> None:
    person.drop(crop)
    person.until(lambda: person.layers == ["crop"])
    person.drop(result(tmp_path / "found.zarr", "mito", "nucleus"))
    person.until(lambda: len(person.layers) == 3)
    document = person.workspace.document
    image, nucleus, mito = document.layers
    document.remove_layer(mito)
    document.active = nucleus
    person.drop(crop)
    person.until(lambda: document.active is image)
    assert person.window.toast.text() == "crop is open already."
    person.drop(tmp_path / "found.zarr")  # only what is not there is opened
    person.until(lambda: person.layers == ["crop", "nucleus", "mito"])
    person.until(lambda: person.workspace.session.folder is not None)
    person.drop(image_file(tmp_path / "other.tif", 5))
    person.until(lambda: person.layers == ["other"])
    assert person.window.toast.text() == "crop was closed: other has another size."
    person.click(person.button("Back to crop"))
    person.until(lambda: person.layers == ["crop", "nucleus", "mito"])
    assert document.history.next_undo is not None


def test_what_went_wrong_is_said_until_something_else_is_done(person: Person, crop: Path) -> None:
    person.drop(crop)
    person.until(lambda: person.layers == ["crop"])
    person.window.choose_tab("annotate")
    labels = person.workspace.document.new_labels("mine")
    bar = person.window.bar
    for go_on in (
        lambda: person.window.choose_tab("proofread"),
        lambda: person.workspace.document.rename_layer(labels, "ours"),
    ):
        person.workspace.do("interpolate")
        person.until(bar.isVisible)
        assert "There are no two" in bar.text()
        go_on()
        assert not bar.isVisible()


def test_an_object_of_a_single_image_is_looked_at_closely(person: Person, tmp_path: Path) -> None:
    """Views that are hidden behind the one that shows the image have no say in the zoom."""
    ids = np.zeros((40, 60), np.uint8)
    ids[5:15, 10:20] = 1
    tifffile.imwrite(tmp_path / "truth.tif", ids)
    person.drop(tmp_path / "truth.tif")
    person.until(lambda: person.layers == ["truth"])
    person.click(person.button("Use as labels"))
    desk = ObjectsDesk.of(person.workspace)
    person.until(lambda: desk.is_current and desk.index is not None and 1 in desk.index)
    ObjectDeeds.of(desk).look_closer((0, 10, 15), [1])
    assert person.workspace.document.view.zoom == LARGEST_ZOOM


def test_titles_that_are_free_stay() -> None:
    assert told_apart(["mito", "nucleus"], {"crop"}) == ["mito", "nucleus"]
    assert told_apart(["mito", "nucleus"], {"mito", "mito, volume 2"}) == ["mito, volume 3", "nucleus, volume 3"]
    assert told_apart([], {"mito"}) == []


def test_a_single_image_has_one_view_and_a_volume_four(person: Person, crop: Path, tmp_path: Path) -> None:
    person.drop(image_file(tmp_path / "image.tif", 5))
    person.until(lambda: person.layers == ["image"])
    person.until_rest()
    assert shown(person) == ["xy"]
    person.drop(crop)
    person.until(lambda: person.layers == ["crop"])
    assert shown(person) == ["xy", "yz", "xz", "3d"]


def test_what_is_known_of_the_voxel_size_is_said(person: Person, tmp_path: Path) -> None:
    person.drop(image_file(tmp_path / "image.tif", 5))
    person.until(lambda: person.layers == ["image"])
    person.until_rest()
    said = person.window.status.texts()
    assert "voxel 5 × 5 nm in y and x, z unknown, from the file" in said
    canvas = person.workspace.grid.canvas(Axis.XY)
    assert canvas._scale_bar()[1].endswith("nm")
    person.drop(image_file(tmp_path / "bare.tif", None, 50))
    person.until(lambda: person.layers == ["bare"])
    assert "voxel size unknown, sizes in voxels" in person.window.status.texts()


@pytest.mark.parametrize(
    ("spacing", "words", "place"),
    [
        (Spacing(40, 5, 4), "40 × 5 × 4 nm", "0.01, 0.01, 0.04 µm"),
        (Spacing(None, 5, 4), "5 × 4 nm in y and x, z unknown", "x 0.01, y 0.01 µm"),
        (Spacing(40, None, None), "40 nm in z, y unknown, x unknown", "z 0.04 µm"),
        (Spacing(), "unknown", ""),
    ],
)
def test_sizes_in_words(spacing: Spacing, words: str, place: str) -> None:
    assert spacing.words == words
    assert world_text((1, 2, 3), spacing) == place
