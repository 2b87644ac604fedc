"""The document: deeds are made and undone, everybody hears of them, and looks are no deeds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from empanada_desktop.core.edits import RegionEdit, relabel
from empanada_desktop.core.geometry import Box
from empanada_desktop.document import ArraySource, Document, ImageLayer, LabelsLayer, PointsLayer, ShapesLayer
from empanada_desktop.document.edits import Edits, VoxelEdit
from empanada_desktop.errors import SettingsError, VolumeError

from .conftest import SHAPE, Ear

CORNER = Box((0, 0, 0), (2, 3, 4))


def named(title: str) -> PointsLayer:
    return PointsLayer(title=title)


def titles(document: Document) -> list[str]:
    return [layer.title for layer in document.layers]


def test_adding_removing_moving_and_renaming_undo(document: Document) -> None:
    ear = Ear(document)
    first, second = named("a"), named("b")
    document.add_layer(first)
    assert ear.names() == ["layer_added", "history_changed", "active_changed"]
    document.add_layer(second, 1)
    assert titles(document) == ["image.tif", "b", "a"]
    ear.names()
    document.move_layer(second, 2)
    assert ear.names() == ["layers_reordered", "history_changed"]
    document.rename_layer(second, "c")
    assert ear.names() == ["layer_changed", "history_changed"]
    document.remove_layer(second)
    assert ear.names() == ["active_changed", "layer_removed", "history_changed"]
    assert titles(document) == ["image.tif", "a"]
    deeds = []
    while (edit := document.undo()) is not None:
        deeds.append(edit.title)
    assert deeds == ["Delete c", "Rename b", "Move b", "Add b", "Add a", "Add image.tif"]
    assert document.layers == ()
    while document.redo() is not None:
        pass
    assert titles(document) == ["image.tif", "a"]
    document.undo()
    assert document.layers[-1] is second


def test_a_layer_that_comes_back_is_the_active_one_again(document: Document, image: ImageLayer) -> None:
    active, n_layers = document.active, len(document.layers)
    document.add_layer(LabelsLayer(title="mito", source=ArraySource(np.zeros(document.shape, np.uint32))))
    mito = document.active
    document.undo()
    assert mito is not active
    assert len(document.layers) == n_layers
    document.active = image
    document.redo()
    assert document.active is mito
    document.active = image
    document.undo()
    document.redo()
    assert document.active is image


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("armdu+-"), st.integers(0, 9)), max_size=25))
def test_whatever_was_done_undoes_and_redoes(deeds: list[tuple[str, int]]) -> None:
    document = Document()
    array = np.zeros((3, 4, 5), np.uint32)
    labels = LabelsLayer(title="labels", source=ArraySource(array))
    states: list[tuple[list[str], np.ndarray]] = [([], array.copy())]
    document.add_layer(labels)
    states.append((titles(document), array.copy()))

    def check(position: int) -> None:
        assert titles(document) == states[position][0]
        np.testing.assert_array_equal(array, states[position][1])

    for deed, number in deeds:
        before = document.history.position
        layer = document.layers[number % len(document.layers)] if document.layers else None
        if deed == "a":
            document.add_layer(named(f"layer {number}"), min(number, len(document.layers)))
        elif deed == "r" and layer is not None:
            document.remove_layer(layer)
        elif deed == "m" and layer is not None:
            document.move_layer(layer, number % len(document.layers))
        elif deed == "d" and layer is not None:
            document.rename_layer(layer, f"name {number}")
        elif deed == "u" and labels in document.layers:
            box = Box((0, 0, 0), (1 + number % 3, 2, 2))
            after = np.full(box.shape, number, np.uint32)
            document.edit_voxels(labels, "paint", RegionEdit.between(box, array[box.slices], after))
        elif deed == "-":
            document.undo()
        elif deed == "+":
            document.redo()
        position = document.history.position
        if deed not in "+-" and position > before:
            states[position:] = [(titles(document), array.copy())]
        check(position)
    while document.undo() is not None:
        check(document.history.position)
    while document.redo() is not None:
        check(document.history.position)
    assert document.history.position == len(states) - 1


def test_voxels_change_undo_and_are_told(document: Document, labels: LabelsLayer) -> None:
    ear = Ear(document)
    source = labels.source
    assert isinstance(source, ArraySource)
    before, version = source.array.copy(), source.version
    edit = RegionEdit.between(CORNER, source[CORNER.slices], np.full(CORNER.shape, 7))
    document.edit_voxels(labels, "paint", edit)
    assert ear.heard[0] == ("voxels_changed", (labels, CORNER))
    assert source.version > version
    assert (source.array[CORNER.slices] == 7).all()
    document.undo()
    np.testing.assert_array_equal(source.array, before)
    merge = relabel(source, Box((0, 0, 0), SHAPE), {2: 1, 3: 1})
    document.apply(Edits("merge all", (VoxelEdit("merge", labels.id, merge),)))
    assert set(np.unique(source.array)) == {0, 1, 4}
    document.undo()
    np.testing.assert_array_equal(source.array, before)


def test_what_may_not_be_changed_says_so(document: Document, labels: LabelsLayer, image: ImageLayer) -> None:
    edit = RegionEdit.between(CORNER, np.zeros(CORNER.shape, np.uint8), np.ones(CORNER.shape, np.uint8))
    document.change_layer(labels, locked=True)
    with pytest.raises(SettingsError, match="locked"):
        document.edit_voxels(labels, "paint", edit)
    position = document.history.position
    with pytest.raises(SettingsError, match="cannot be changed"):
        document.apply(VoxelEdit("paint", image.id, (edit,)))
    assert document.history.position == position
    with pytest.raises(AttributeError):
        document.change_layer(labels, colour="red")
    with pytest.raises(VolumeError, match="no label ids"):
        LabelsLayer(title="grey", source=ArraySource(np.zeros((1, 2, 2), np.float32)))


def test_the_history_keeps_to_its_budget_and_knows_what_is_saved() -> None:
    document = Document(budget=60_000)
    array = np.zeros((10, 32, 32), np.uint32)
    layer = LabelsLayer(title="labels", source=ArraySource(array))
    document.add_layer(layer)
    document.history.mark_saved()
    rng = np.random.default_rng(0)
    for _ in range(20):
        box = Box((0, 0, 0), array.shape)
        noise = rng.integers(0, 2**16, array.shape).astype(np.uint32)
        document.edit_voxels(layer, "noise", RegionEdit.between(box, array[box.slices], noise))
        assert document.history.n_bytes <= 60_000 or len(document.history.edits) == 1
    assert not document.history.is_saved
    assert document.undo() is not None
    assert not document.history.is_saved
    document.history.mark_saved()
    document.undo()
    document.edit_voxels(layer, "x", RegionEdit.between(CORNER, array[CORNER.slices], np.ones(CORNER.shape)))
    assert not document.history.is_saved


def test_looks_selection_and_view_are_told_but_are_no_deeds(document: Document, labels: LabelsLayer) -> None:
    ear = Ear(document)
    position = document.history.position
    document.change_layer(labels, visible=False, opacity=labels.opacity)
    assert ear.heard == [("layer_changed", (labels, frozenset({"visible"})))]
    document.select(labels, [3, 0, 3, 4])
    assert labels.selected == {3, 4}
    document.select(labels, [4, 3])
    document.change_view(crosshair=(99, -3, 20.7), zoom=2.0)
    assert document.view.crosshair == (7, 0, 20)
    document.change_view(crosshair=(7, 0, 20))
    document.shuffle_colours(labels)
    assert ear.names() == ["layer_changed", "selection_changed", "view_changed", "layer_changed"]
    assert document.history.position == position


def test_copies_share_nothing_that_is_written(document: Document, labels: LabelsLayer) -> None:
    twin = document.duplicate_layer(labels)
    assert isinstance(twin, LabelsLayer)
    assert (twin.title, twin.id != labels.id) == ("mito copy", True)
    assert document.layers.index(twin) == document.layers.index(labels) + 1
    document.writable(twin.id)[CORNER.slices] = 9
    assert not (document.writable(labels.id)[CORNER.slices] == 9).any()
    document.undo()
    assert twin not in document.layers


def test_shape_spacing_and_image(document: Document, labels: LabelsLayer, image: ImageLayer) -> None:
    assert document.shape == SHAPE
    assert document.spacing.zyx == (40.0, 10.0, 10.0)
    assert document.active is labels
    assert document.image is image
    assert document.of_kind(ShapesLayer) == []
    assert labels.class_of(3) == "mito"
    assert labels.class_of(0) == ""
    with pytest.raises(KeyError):
        document.active = named("elsewhere")
    document.clear()
    assert (document.shape, document.active, document.layers) == ((1, 1, 1), None, ())
    assert document.undo() is None
