"""Thousands of random edits of all kinds, on numpy, zarr and labels over a file: undone and redone to the byte."""

from pathlib import Path

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

from empanada_desktop.core.edits import RegionEdit, relabel
from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.document import (
    ArraySource,
    Document,
    EditableSource,
    LabelsLayer,
    PointsLayer,
    Shape,
    ShapesLayer,
    open_source,
)
from empanada_desktop.document.edits import VoxelEdit
from empanada_desktop.document.session import Session
from empanada_desktop.document.sources import whole_box
from empanada_desktop.io.volumes import VolumeRef

from .conftest import keep_plane

SHAPE = (12, 40, 44)


class Hand:
    """Does one random deed after another."""

    def __init__(self, document: Document, seed: int) -> None:
        self.document, self.rng = document, np.random.default_rng(seed)
        self.deeds = (
            *[self.stroke] * 4, *[self.merge] * 2, self.rename, self.filter, self.fill, self.points, self.shapes,
            self.review, self.title, self.plane, self.duplicate, self.delete, self.move, self.cancelled, self.large,
        )  # fmt: skip

    def labels(self) -> LabelsLayer:
        layers = self.document.of_kind(LabelsLayer)
        return layers[int(self.rng.integers(0, len(layers)))]

    def box(self, most: int = 12) -> Box:
        lows = [int(self.rng.integers(0, length)) for length in SHAPE]
        spans = zip(lows, SHAPE, strict=True)
        return Box.of_spans([(low, min(end, low + int(self.rng.integers(1, most)))) for low, end in spans])

    def step(self) -> None:
        self.deeds[int(self.rng.integers(0, len(self.deeds)))]()

    def stroke(self) -> None:
        stroke = self.document.begin_stroke(self.labels(), "Brush")
        for _ in range(int(self.rng.integers(1, 4))):
            box = self.box()
            stroke.write(box, self.rng.integers(0, 7, box.shape))
            if self.rng.random() < 0.2:
                stroke.tell()
        stroke.commit()

    def cancelled(self) -> None:
        layer = self.labels()
        before = np.array(layer.source[:, :, :])
        stroke = self.document.begin_stroke(layer, "Brush")
        for _ in range(3):
            box = self.box()
            stroke.write(box, self.rng.integers(0, 7, box.shape))
            stroke.tell()
        stroke.cancel()
        np.testing.assert_array_equal(layer.source[:, :, :], before)

    def relabelled(self, title: str, mapping: dict[int, int], box: Box) -> None:
        layer = self.labels()
        self.document.edit_voxels(layer, title, *relabel(self.document.writable(layer.id), box, mapping))

    def merge(self) -> None:
        old = self.rng.permutation(9)
        self.relabelled("Merge", {int(old[0]): int(old[2]), int(old[1]): int(old[2])}, whole_box(SHAPE))

    def rename(self) -> None:
        old = self.rng.permutation(9)
        self.relabelled("Swap", {int(old[0]): int(old[1]), int(old[1]): int(old[0]), int(old[2]): 200}, self.box(40))

    def filter(self) -> None:
        layer, gone = self.labels(), int(self.rng.integers(1, 7))
        before = layer.source[:, :, :]
        part = RegionEdit.of_changes(whole_box(SHAPE), before, np.where(before == gone, 0, before))
        self.document.edit_voxels(layer, "Filter", *([part] if part is not None else []))

    def fill(self) -> None:
        layer, boxes = self.labels(), [self.box() for _ in range(3)]
        array = np.array(layer.source[:, :, :])
        parts = []
        for box in boxes:
            after = np.full(box.shape, self.rng.integers(0, 7), array.dtype)
            parts.append(RegionEdit.between(box, array[box.slices].copy(), after))
            array[box.slices] = after
        self.document.edit_voxels(layer, "Fill", *parts)

    def large(self) -> None:
        layer = self.labels()
        before = np.array(layer.source[:, :, :])
        part = RegionEdit.between(whole_box(SHAPE), before, self.rng.permutation(7)[before % 7])
        long = self.document.begin_long(VoxelEdit("Large", layer.id, (part,)))
        assert long is not None
        if self.rng.random() < 0.3:
            long.give_up()
        long.finish()

    def plane(self) -> None:
        axis = list(Axis)[int(self.rng.integers(0, 3))]
        index = int(self.rng.integers(0, SHAPE[axis.normal]))
        shape = [SHAPE[normal] for normal in axis.in_plane]
        keep_plane(self.document, self.rng.integers(0, 7, shape).astype(np.uint32), axis, index, into=self.labels())

    def points(self) -> None:
        layer = self.document.of_kind(PointsLayer)[0]
        self.document.edit_properties(layer, "Add points", points=self.rng.random((int(self.rng.integers(0, 5)), 3)))

    def shapes(self) -> None:
        layer = self.document.of_kind(ShapesLayer)[0]
        corners = tuple((float(y), float(x)) for y, x in self.rng.random((3, 2)))
        shapes = (*layer.shapes, Shape("polygon", Axis.YZ, 2, corners))[-5:]
        self.document.edit_properties(layer, "Draw", shapes=shapes)

    def review(self) -> None:
        layer = self.labels()
        states = {**layer.review, int(self.rng.integers(0, 50)): str(self.rng.choice(["accepted", "flagged"]))}
        states.pop(int(self.rng.integers(0, 50)), None)
        self.document.edit_properties(layer, "Review", review=states)

    def title(self) -> None:
        self.document.rename_layer(self.labels(), f"name {self.rng.integers(0, 99)}")

    def duplicate(self) -> None:
        if len(self.document.of_kind(LabelsLayer)) < 6:
            self.document.duplicate_layer(self.labels())

    def delete(self) -> None:
        if len(self.document.of_kind(LabelsLayer)) > 2:
            self.document.remove_layer(self.labels())

    def move(self) -> None:
        self.document.move_layer(self.labels(), int(self.rng.integers(0, len(self.document.layers))))


def state(document: Document) -> list[object]:
    """Everything that deeds change, to the byte."""
    found: list[object] = []
    for layer in document.layers:
        found += [layer.id, layer.title]
        if isinstance(layer, LabelsLayer):
            found += [voxels_of(layer).tobytes(), dict(layer.review)]
        if isinstance(layer, PointsLayer):
            found.append(layer.points.tobytes())
        if isinstance(layer, ShapesLayer):
            found.append(layer.shapes)
    return found


def voxels_of(layer: LabelsLayer) -> NDArray[np.generic]:
    return np.ascontiguousarray(layer.source[:, :, :])


@pytest.fixture
def several(result_path: str, tmp_path: Path) -> Document:
    """Labels in numpy, in zarr, over a file and over nothing, points and shapes; little memory for the history."""
    rng, document = np.random.default_rng(0), Document(budget=400_000)
    stored = zarr.create_array({}, shape=SHAPE, dtype="u2", chunks=(8, 16, 16))
    stored[:] = rng.integers(0, 5, SHAPE)
    path = tmp_path / "file.zarr"
    lying = zarr.create_array(str(path), shape=SHAPE, dtype="u4", chunks=(8, 16, 16))
    lying[:] = rng.integers(0, 5, SHAPE)
    sources = (
        ArraySource(rng.integers(0, 5, SHAPE).astype(np.uint8)),
        ArraySource(stored),
        open_source(VolumeRef(str(path))),
        EditableSource(shape=SHAPE, budget=100_000),
    )
    layers = (
        PointsLayer(title="points"),
        ShapesLayer(title="shapes"),
        *(LabelsLayer(title=f"labels {number}", source=source) for number, source in enumerate(sources)),
    )
    document.replace_layers(layers)
    return document


def there_and_back(document: Document, count: int, checked: int) -> None:
    hand, states = Hand(document, count), [state(document)]
    with Session.create() as session:
        session.begin_journal(document)
        for _ in range(count):
            position = document.history.position
            hand.step()
            if document.history.position > position:
                states.append(state(document) if document.history.position % checked == 0 else [])
        end = state(document)
        assert len(states) == document.history.position + 1
        for expected in states[-2::-1]:
            assert document.undo() is not None
            assert not expected or state(document) == expected
        assert state(document) == states[0]
        for expected in states[1:]:
            assert document.redo() is not None
            assert not expected or state(document) == expected
        assert state(document) == end


def test_some_edits(several: Document) -> None:
    there_and_back(several, 150, 2)


@pytest.mark.long
def test_ten_thousand_edits(several: Document) -> None:
    there_and_back(several, 10_000, 50)
