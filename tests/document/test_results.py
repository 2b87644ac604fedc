"""From results on the disk, and from planes that are being tuned, to layers."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import zarr

from empanada_desktop.core.context import Partial
from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.document import Document, LabelsLayer, PlaneLabels, ViewState
from empanada_desktop.document.results import (
    add_layers,
    advance_partial,
    drop_previews,
    open_labels,
    partial_layer,
    plane_preview,
    result_layers,
)
from empanada_desktop.errors import AppError, SettingsError
from empanada_desktop.io.ome_zarr import ResultStore
from empanada_desktop.io.tiff import write_label_tiff

from .conftest import SHAPE, Ear, keep_plane


def test_a_result_becomes_one_layer_per_class_in_one_deed(document: Document, result_path: str) -> None:
    layers = result_layers(SimpleNamespace(out=result_path, recipe={}))
    assert [(layer.title, layer.visible) for layer in layers] == [
        ("er", True),
        ("mito", True),
        ("mito, xy stack", False),
    ]
    assert [layer.label_divisor for layer in layers] == [1000] * 3
    assert layers[0].class_of(2001) == "er"
    assert layers[0].spacing.zyx == (40.0, 10.0, 10.0)
    add_layers(document, layers, "Segment volume")
    assert document.active is layers[0]
    assert [layer.title for layer in document.layers] == ["image.tif", "mito, xy stack", "mito", "er"]
    assert document.undo().title == "Segment volume"
    assert len(document.layers) == 1


def test_a_second_run_takes_the_looks_of_the_first(document: Document, result_path: str) -> None:
    first = open_labels(result_path)
    add_layers(document, first, "run")
    document.change_layer(first[1], opacity=0.9, seed=4, visible=False)
    second = open_labels(result_path)
    add_layers(document, second, "run again", replacing=list(first))
    assert len(document.layers) == 4
    assert (second[1].opacity, second[1].seed, second[1].visible) == (0.9, 4, False)
    document.undo()
    assert first[1] in document.layers


def test_a_result_that_is_gone_says_so(tmp_path: Path, image_path: str) -> None:
    with pytest.raises(AppError):
        result_layers(SimpleNamespace(out=str(tmp_path / "gone.zarr"), recipe={}))
    with pytest.raises(AppError):
        result_layers(SimpleNamespace(out=str(tmp_path / "gone.tif"), recipe={}))


@pytest.mark.parametrize(("batch", "first"), [(False, 7), (True, 0)])
def test_planes_segmented_alone_lie_where_they_came_from(tmp_path: Path, batch: bool, first: int) -> None:
    planes = np.arange(1, 1 + 2 * 4 * 5, dtype=np.uint32).reshape(2, 4, 5)
    recipe = {
        "task": "segment-plane",
        "params": {"max_objects_per_class": 10_000},
        "inputs": {"plane": "xz", "index": 7, "batch": batch, "region": [1, 2, 5, 7]},
        "facts": {"shape_zyx": list(SHAPE)},
    }
    out = tmp_path / "planes.tif"
    write_label_tiff(out, iter(planes), planes.shape, Spacing(10, 40, 10, "test"), recipe, np.uint32)
    (layer,) = result_layers(SimpleNamespace(out=str(out), recipe=recipe))
    assert layer.shape == SHAPE
    assert layer.spacing.zyx == (40.0, 10.0, 10.0)
    expected = np.zeros(SHAPE, np.uint32)
    expected[1:5, first : first + 2, 2:7] = planes.transpose(1, 0, 2)
    np.testing.assert_array_equal(layer.source[:, :, :], expected)


def test_a_preview_is_shown_kept_and_undone(document: Document) -> None:
    position = document.history.position
    preview = plane_preview(document, Axis.XZ, 4, "preview, xz 4")
    document.add_layer(preview)
    assert document.layers[-1] is preview
    ear = Ear(document)
    labels = np.arange(8 * 50, dtype=np.uint32).reshape(8, 50)
    document.show_plane(preview, labels, Axis.XZ, 6)
    assert ear.names() == ["voxels_changed", "voxels_changed"]
    document.show_plane(preview, labels + 1)
    assert ear.names() == ["voxels_changed"]
    assert isinstance(preview.source, PlaneLabels)
    assert preview.source.index == 6
    assert document.history.position == position

    kept = keep_plane(document, labels, Axis.XZ, 6, title="mito", class_names={1: "mito"})
    assert document.layers[-1] is preview
    np.testing.assert_array_equal(kept.source[:, 6, :], labels)
    again = keep_plane(document, labels[2:5, 10:20] + 7, Axis.XZ, 9, (2, 10), into=kept)
    assert again is kept
    np.testing.assert_array_equal(kept.source[2:5, 9, 10:20], labels[2:5, 10:20] + 7)
    document.undo()
    assert (kept.source[:, 9, :] == 0).all()
    drop_previews(document)
    document.undo()
    assert [layer.title for layer in document.layers] == ["image.tif"]


def test_a_layer_in_a_file_takes_planes_over_the_file_and_a_locked_one_none(
    document: Document, result_path: str
) -> None:
    (layer, *_) = open_labels(result_path)
    add_layers(document, [layer], "open")
    keep_plane(document, np.ones((2, 2), np.uint32), Axis.XY, 0, into=layer)
    assert layer.source[0, 0, 0] == 1
    assert open_labels(result_path)[0].source[0, 0, 0] == 0
    document.change_layer(layer, locked=True)
    with pytest.raises(SettingsError, match="locked"):
        keep_plane(document, np.ones((2, 2), np.uint32), Axis.XY, 0, into=layer)


def test_a_running_job_is_watched(document: Document, tmp_path: Path) -> None:
    store = ResultStore.create(tmp_path / "run.zarr", SHAPE, Spacing(), 32, {})
    scratch = store.scratch_array("components_xy", SHAPE, (1, 32, 32), np.uint32)
    partial = Partial(str(store.path), scratch.path, Axis.XY, 0)
    layer = partial_layer(partial, "mito, running")
    document.add_layer(layer)
    ear = Ear(document)
    for done in range(1, 4):
        scratch[done - 1] = np.full(SHAPE[1:], 1, np.uint32)
        advance_partial(document, layer, Partial(partial.path, partial.array, Axis.XY, done))
    assert ear.names() == ["voxels_changed"] * 3
    assert layer.source.read(0, Axis.YZ, 5, slice(None), slice(None)).sum() == 3 * SHAPE[1]
    drop_previews(document)
    advance_partial(document, layer, Partial(partial.path, partial.array, Axis.XY, 6))
    assert ear.names() == ["layer_removed"]
    store.discard()


def test_views_survive_being_written_and_mangled() -> None:
    view = ViewState(crosshair=(1, 2, 3), maximised="3d", zoom=2.5, centre=(0.5, 1.5, 2.5))
    assert ViewState.from_plain(view.to_plain()) == view
    mangled = {"crosshair": "x", "zoom": None, "maximised": 7, "active": "up", "camera": [1], "centre": [1, 2]}
    assert ViewState.from_plain(mangled) == ViewState()


def test_foreign_labels_open_too(tmp_path: Path) -> None:
    array = zarr.create_array(str(tmp_path / "plain.zarr"), shape=(2, 3, 4), dtype="u4")
    array[:] = 5
    with pytest.raises(AppError, match="no labels"):
        open_labels(str(tmp_path / "plain.zarr"))


def test_labels_layers_of_strange_kinds_are_refused() -> None:
    class Complex(PlaneLabels):
        dtype = np.dtype(np.complex64)

    with pytest.raises(AppError):
        LabelsLayer(title="c", source=Complex((1, 1, 1), Axis.XY, 0, np.zeros((1, 1), np.uint32)))
