"""A small document with two objects, and the views of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QPointF
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.document.document import Document
from empanada_desktop.document.layers import ImageLayer, LabelsLayer
from empanada_desktop.document.sources import ArraySource, open_source
from empanada_desktop.gui.viewer.canvas import PlaneCanvas
from empanada_desktop.gui.viewer.toolbox import Toolbox
from empanada_desktop.gui.viewer.view_grid import ViewGrid
from empanada_desktop.io.ome_zarr import ResultStore
from empanada_desktop.io.volumes import VolumeRef
from empanada_desktop.tasks.demo import sample_path

from .hand import HERE, Hand, Studio

SHAPE = (30, 40, 50)


@dataclass
class Story:
    """A document with an image and two objects (7 and 9), and its views."""

    document: Document
    grid: ViewGrid
    image: ImageLayer
    labels: LabelsLayer
    qtbot: QtBot

    def settle(self) -> None:
        """Wait until everything is read and painted."""
        for _ in range(8):  # what waits for the next turns of the loop
            QApplication.processEvents()
        self.qtbot.waitUntil(lambda: self.grid.is_complete)
        for _ in range(8):
            QApplication.processEvents()

    def canvas(self, axis: Axis = Axis.XY) -> PlaneCanvas:
        """The picture of an orientation."""
        return self.grid.canvas(axis)

    def point(self, axis: Axis, row: float, column: float) -> QPoint:
        """Where the middle of a voxel is on a canvas."""
        x, y = self.canvas(axis).camera().point_of(row + 0.5, column + 0.5)
        return QPointF(x, y).toPoint()

    def pixel(self, axis: Axis, row: float, column: float) -> tuple[int, int, int]:
        """The colour there, lines and scale bar included."""
        image = self.canvas(axis).grab().toImage()
        colour = image.pixelColor((QPointF(self.point(axis, row, column)) * image.devicePixelRatio()).toPoint())
        return colour.red(), colour.green(), colour.blue()


def two_objects() -> NDArray[np.uint32]:
    """Object 7 near the first voxel, object 9 near the last."""
    labels = np.zeros(SHAPE, np.uint32)
    labels[2:12, 5:15, 5:20] = 7
    labels[18:28, 25:38, 30:45] = 9
    return labels


@pytest.fixture
def make_story(qtbot: QtBot) -> Iterator[Callable[..., Story]]:
    grids: list[ViewGrid] = []

    def make(spacing: Spacing | None = None, image: ImageLayer | None = None, with_3d: bool = False) -> Story:
        spacing = spacing or Spacing(10, 10, 10)
        document = Document()
        grey = (np.arange(np.prod(SHAPE)) % 251).astype(np.uint8).reshape(SHAPE)
        image = image or ImageLayer(title="image", source=ArraySource(grey), spacing=spacing)
        labels = LabelsLayer(title="mito", source=ArraySource(two_objects()), spacing=spacing)
        grid = ViewGrid(document, with_3d=with_3d)
        grids.append(grid)
        grid.resize(808, 700)
        qtbot.addWidget(grid)
        grid.show()
        document.add_layer(image)
        document.add_layer(labels)
        document.change_view(crosshair=(6, 10, 12))
        story = Story(document, grid, image, labels, qtbot)
        story.settle()
        return story

    yield make
    for grid in grids:
        grid.close()


@pytest.fixture
def story(make_story: Callable[..., Story]) -> Story:
    return make_story()


@pytest.fixture
def studio(qtbot: QtBot, tmp_path: Path) -> Iterator[Studio]:
    """Makes views of the sample with empty labels, or labels that lie in a file, and a hand on them."""
    made: list[Any] = []

    def make(voxels: NDArray[np.uint32] | None = None, in_file: bool = False, spacing: Spacing | None = None) -> Hand:
        document = Document()
        image = open_source(VolumeRef(str(sample_path())))
        grid = ViewGrid(document, with_3d=False)
        made.extend((grid, image))
        grid.resize(1000, 900)
        qtbot.addWidget(grid)
        grid.show()
        spacing = spacing or image.spacing
        document.add_layer(ImageLayer(title="sample", source=image, spacing=spacing))
        if in_file:
            path = tmp_path / "labels.zarr"
            store = ResultStore.create(path, image.shape, spacing, 64, {})
            array = store.label_array("labels/mito", 1, "mito", 1000)
            if voxels is not None:
                array[:] = voxels
            store.finish()
            source = open_source(VolumeRef(str(path), "labels/mito"))
            made.append(source)
            document.add_layer(LabelsLayer(title="mito", source=source, spacing=spacing, label_divisor=1000))
        else:
            layer = document.new_labels("mito", label_divisor=1000)
            if voxels is not None:
                layer.source[:, :, :] = voxels  # type: ignore[index]
        document.change_layer(document.of_kind(LabelsLayer)[-1], active_id=1001)
        document.change_view(crosshair=HERE)
        document.history.clear()
        toolbox = Toolbox(grid)
        made.append(toolbox)
        hand = Hand(document, grid, toolbox, qtbot)
        qtbot.waitUntil(lambda: 0 < grid.look.zoom != 1, timeout=10_000)
        return hand

    yield make
    for one in reversed(made):
        one.close()
