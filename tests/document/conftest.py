"""Documents with an image and labels, from real files."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.document import ArraySource, Document, ImageLayer, LabelsLayer, open_source
from empanada_desktop.document.results import plane_edit, plane_layer
from empanada_desktop.io.ome_zarr import ResultStore
from empanada_desktop.io.volumes import VolumeRef
from empanada_desktop.settings import HOME_VARIABLE

SHAPE = (8, 40, 50)


SIGNALS = (
    *("layer_added", "layer_removed", "layers_reordered", "layer_changed", "voxels_changed"),
    *("active_changed", "view_changed", "history_changed", "selection_changed"),
)


class Ear:
    """Hears everything that a document says, as (signal, arguments)."""

    def __init__(self, document: Document) -> None:
        self.heard: list[tuple[str, tuple[object, ...]]] = []
        for name in SIGNALS:
            getattr(document, name).connect(lambda *what, name=name: self.heard.append((name, what)))

    def names(self) -> list[str]:
        names = [name for name, _ in self.heard]
        self.heard.clear()
        return names


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def voxels() -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(10, 200, SHAPE).astype(np.uint8)


@pytest.fixture
def image_path(tmp_path: Path, voxels: NDArray[np.uint8]) -> str:
    path = tmp_path / "image.tif"
    metadata = {"axes": "ZYX", "spacing": 40.0, "unit": "nm"}
    tifffile.imwrite(path, voxels, imagej=True, resolution=(0.1, 0.1), metadata=metadata)
    return str(path)


@pytest.fixture
def image(image_path: str) -> ImageLayer:
    return ImageLayer.from_source(open_source(VolumeRef(image_path)))


@pytest.fixture
def document(image: ImageLayer) -> Document:
    document = Document()
    document.add_layer(image)
    return document


@pytest.fixture
def labels(document: Document) -> LabelsLayer:
    array = np.random.default_rng(2).integers(0, 5, SHAPE).astype(np.uint32)
    layer = LabelsLayer(title="mito", source=ArraySource(array), spacing=document.spacing, class_names={0: "mito"})
    document.add_layer(layer)
    return layer


@pytest.fixture
def result_path(tmp_path: Path) -> str:
    """A result of ours with two classes and one single stack, large enough for three levels."""
    shape = (6, 600, 520)
    store = ResultStore.create(tmp_path / "result.zarr", shape, Spacing(40, 10, 10, "test"), 64, {"task": "test"})
    ids = np.zeros(shape, np.uint32)
    ids[1:5, 100:300, 100:200] = 1
    for group, class_id, title in (("labels/er", 2, "er"), ("labels/mito", 1, "mito"), ("stacks/xy/mito", 1, "mito")):
        store.label_array(group, class_id, title, 1000)[:] = np.where(ids, ids + 1000 * class_id, 0)
    store.finish()
    return str(tmp_path / "result.zarr")


def keep_plane(
    document: Document,
    labels: NDArray[np.uint32],
    axis: Axis,
    index: int,
    origin: tuple[int, int] = (0, 0),
    into: LabelsLayer | None = None,
    title: str = "labels",
    class_names: dict[int, str] | None = None,
) -> LabelsLayer:
    """Write a plane's labels into a layer, or into a new one, as the window does."""
    if into is not None:
        part = plane_edit(document.writable(into.id), labels, axis, index, origin)
        document.edit_voxels(into, f"{axis} plane {index}", part)
        return into
    layer = plane_layer(document.shape, labels, axis, index, origin, document.spacing)
    layer.title, layer.class_names = title, class_names or {}
    document.add_layer(layer, title=f"Keep {axis} plane {index}")
    return layer
