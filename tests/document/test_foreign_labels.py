"""Files of labels that this program did not write: told from images, read as ids, changed over the file."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from empanada_desktop.core.edits import RegionEdit
from empanada_desktop.core.geometry import Box
from empanada_desktop.document import Document, ImageLayer, LabelsLayer, open_source
from empanada_desktop.document.foreign_labels import image_of, labels_of, looks_like_labels, numbering, swap
from empanada_desktop.document.session import Session
from empanada_desktop.errors import SettingsError, VolumeError
from empanada_desktop.io.volumes import VolumeRef, open_volume
from empanada_desktop.tasks.demo import sample_path

ONE = Box((0, 0, 0), (1, 1, 1))


@pytest.fixture
def ids() -> np.ndarray:
    """Two objects and a background."""
    voxels = np.zeros((6, 40, 50), np.int16)
    voxels[:, 5:20, 5:25], voxels[:, 22:38, 30:48] = 3, 12
    return voxels


def image(path: Path) -> ImageLayer:
    return ImageLayer.from_source(open_source(VolumeRef(str(path))), path.stem)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.int32, np.int64, np.uint32])
def test_whole_numbers_of_any_type_are_ids(ids: np.ndarray, tmp_path: Path, dtype: type) -> None:
    path = tmp_path / "ids.tif"
    tifffile.imwrite(
        path, np.where(ids == 0, -1, ids).astype(dtype) if np.dtype(dtype).kind == "i" else ids.astype(dtype)
    )
    with open_volume(path) as volume:
        assert looks_like_labels(volume)
    layer = labels_of(image(path))
    assert layer.source.dtype == np.uint32
    np.testing.assert_array_equal(layer.source[0:6, 0:40, 0:50], ids)
    assert (layer.label_divisor, layer.class_names) == (10_000, {0: "object"})


def test_ids_tell_their_classes() -> None:
    two = {1: "class 1", 2: "class 2"}
    assert numbering(np.array([0, 1001, 1024, 2003])) == (1_000, two)
    assert numbering(np.array([10_001, 10_024])) == (10_000, {1: "class 1"})
    assert numbering(np.array([0, 1, 16_384])) == (1_000_000, {0: "object"})
    assert numbering(np.array([0, 8_817, 123_456, 4_000_000_000])) == (10**9, {0: "object"})
    assert numbering(np.zeros(3, np.uint8)) == (10_000, {0: "object"})


def test_micrographs_blank_images_and_fractions_are_none(ids: np.ndarray, tmp_path: Path) -> None:
    with open_volume(sample_path()) as sample:
        assert not looks_like_labels(sample)
        bordered = np.pad(sample[0:6, 0:100, 0:100], ((0, 0), (200, 0), (200, 0)))
    for name, voxels in {"bordered": bordered, "blank": ids * 0 + 7, "fractions": ids.astype(np.float32)}.items():
        tifffile.imwrite(tmp_path / f"{name}.tif", voxels)
        with open_volume(tmp_path / f"{name}.tif") as volume:
            assert not looks_like_labels(volume), name
    with pytest.raises(VolumeError, match="no label ids"):
        labels_of(image(tmp_path / "fractions.tif"))


def test_they_are_changed_over_the_file_with_any_id_kept_and_used_as_an_image_again(
    ids: np.ndarray, tmp_path: Path, home: Path
) -> None:
    path = tmp_path / "ids.tif"
    tifffile.imwrite(path, ids.astype(np.uint8))
    document = Document()
    document.add_layer(image(path))
    labels = labels_of(document.layers[0])  # type: ignore[arg-type]
    swap(document, document.layers[0], labels)  # type: ignore[arg-type]
    assert document.layers == (labels,)
    nothing = np.zeros((1, 1, 1), np.uint32)
    document.edit_voxels(labels, "Paint", RegionEdit.between(ONE, nothing, nothing + 70_001))
    with Session.create() as session:
        session.save(document)
        folder = session.folder
    with Session(folder) as session:
        other = Document()
        assert session.load(other).faults == []
        (again,) = other.layers
        assert isinstance(again, LabelsLayer)
        assert again.source[0:1, 0:1, 0:1].item() == 70_001
        np.testing.assert_array_equal(again.source[1:6, 0:40, 0:50], ids[1:6])
    tifffile.imwrite(path, (ids + (ids > 0)).astype(np.uint8))  # another program writes the file
    with Session(folder) as session:
        (fault,) = session.load(Document()).faults
        assert fault.startswith("The file below ids was changed since.")
    with pytest.raises(SettingsError, match="no file as it is"):
        image_of(labels)
    document.undo()
    document.undo()
    assert isinstance(document.layers[0], ImageLayer)
    assert image_of(labels_of(document.layers[0])).source.dtype == np.uint8
