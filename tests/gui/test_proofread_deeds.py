"""Plans and what they come to: on numpy, Zarr and files alike, in a plane and in 3D, undone to the byte."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

from empanada_desktop.core.context import QuietContext
from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.core.objects import ObjectIndex
from empanada_desktop.document import ArraySource, Document, LabelsLayer, open_source
from empanada_desktop.errors import AppError
from empanada_desktop.gui.proofread import values as limits
from empanada_desktop.gui.proofread.deed_jobs import task_of
from empanada_desktop.gui.proofread.deeds import Ground, Outcome, carry_out, work_voxels
from empanada_desktop.gui.proofread.facts import pair_facts, plane_facts
from empanada_desktop.gui.proofread.history import icon_of, size_words
from empanada_desktop.gui.proofread.picks import Line
from empanada_desktop.gui.proofread.plans import NotYet, Picked, Plan, plan_deletion, plan_of
from empanada_desktop.gui.proofread.selection import selection_lines
from empanada_desktop.gui.proofread.values import Mode, Values
from empanada_desktop.io.volumes import VolumeRef
from empanada_desktop.tasks.registry import load_task

from .proofreader import mitochondria

Labels = NDArray[np.uint32]
PICKED = Picked("layer", (10008,), points=((32, 45, 32), (32, 45, 67)), place=(Axis.XY, 32))
LINE = Line(Axis.XY, 32, ((32.5, -1.0, 41.0), (32.5, 60.0, 41.0)))
DEEDS = {
    "merge": (Values(bridge=3), replace(PICKED, ids=(10008, 10010))),
    "merge in a plane": (Values(works_in="plane"), replace(PICKED, ids=(10008, 10010))),
    "split at points": (Values(mode=Mode.SPLIT), PICKED),
    "split in a plane": (Values(mode=Mode.SPLIT, works_in="plane"), PICKED),
    "split along a line": (Values(mode=Mode.SPLIT, split_by="line"), replace(PICKED, line=LINE)),
    "dilate": (Values(mode=Mode.MORPH, radius=2), PICKED),
    "erode in a plane": (Values(mode=Mode.MORPH, morph="erode", works_in="plane"), PICKED),
    "close all": (Values(mode=Mode.MORPH, morph="close", radius=2, on_all=True), PICKED),
    "smooth": (Values(mode=Mode.MORPH, morph="smooth", radius=2), PICKED),
    "filter small": (Values(mode=Mode.FILTER, min_size=20_000), PICKED),
    "filter every plane": (Values(mode=Mode.FILTER, works_in="planes", min_size=60), PICKED),
    "filter border": (Values(mode=Mode.FILTER, filter_by="border", filters_all=False), PICKED),
}


@pytest.fixture(scope="module")
def crop() -> Labels:
    """What was found in a corner of the sample: 10008 lies in it whole."""
    return np.ascontiguousarray(mitochondria()[54:119, 140:200, 120:200])


def make_layer(kind: str, labels: Labels, folder: Path) -> LabelsLayer:
    if kind == "numpy":
        return LabelsLayer(title="mito", id="layer", source=ArraySource(labels.copy()))
    array = zarr.create_array(folder / "labels.zarr", shape=labels.shape, chunks=(32, 32, 32), dtype=labels.dtype)
    array[:] = labels
    if kind == "zarr":
        return LabelsLayer(title="mito", id="layer", source=ArraySource(array))
    return LabelsLayer(title="mito", id="layer", source=open_source(VolumeRef(str(folder / "labels.zarr"))))


def found(values: Values, picked: Picked, layer: LabelsLayer) -> Outcome:
    objects = ObjectIndex.of(layer.source)
    plan = plan_of(values, picked, objects)
    assert isinstance(plan, Plan)
    return carry_out(plan, Ground(layer.source, objects, 10_000), QuietContext())


@pytest.mark.parametrize("name", DEEDS)
def test_the_same_on_numpy_zarr_and_files(name: str, crop: Labels, tmp_path: Path) -> None:
    results = []
    for kind in ("numpy", "zarr", "file"):
        document = Document()
        layer = make_layer(kind, crop, tmp_path / kind)
        document.add_layer(layer)
        outcome = found(*DEEDS[name], layer)
        np.testing.assert_array_equal(layer.source[:, :, :], crop)  # found, not made
        document.edit_voxels(layer, outcome.plan.title, *outcome.parts)
        results.append((np.array(layer.source[:, :, :]), outcome.words))
        document.undo()
        np.testing.assert_array_equal(layer.source[:, :, :], crop)
    assert (results[0][0] != crop).any()
    for voxels, words in results[1:]:
        np.testing.assert_array_equal(voxels, results[0][0])
        assert words == results[0][1]
    if DEEDS[name][0].works_in == "plane":
        assert np.unique(np.nonzero(results[0][0] != crop)[0]).tolist() == [32]


def test_parts_are_counted_whole(crop: Labels, tmp_path: Path) -> None:
    outcome = found(*DEEDS["split at points"], make_layer("numpy", crop, tmp_path))
    sizes = [int(size) for size in outcome.words.removesuffix(" voxels").partition(": ")[2].split(", ")]
    assert outcome.words.startswith("2 parts: ")
    assert sum(sizes) == (crop == 10008).sum()
    assert outcome.shown is not None
    assert set(np.unique(outcome.shown.voxels)) == {0, *outcome.new_ids}


def test_what_is_missing_is_said(crop: Labels) -> None:
    objects = ObjectIndex.of(crop)
    none, one = Picked("layer", ()), Picked("layer", (10008,))
    hints = {
        "Click objects in any view": plan_of(Values(), one, objects),
        "10010 is another object: pick it too, or choose another id": plan_of(
            Values(kept="chosen", kept_id=10010), one, objects
        ),
        "Click points in an object": plan_of(Values(mode=Mode.SPLIT), none, objects),
        "Click two points or more in it": plan_of(Values(mode=Mode.SPLIT), one, objects),
        "Draw a line across an object": plan_of(Values(mode=Mode.SPLIT, split_by="line"), one, objects),
        "Click an object": plan_of(Values(mode=Mode.MORPH), none, objects),
    }
    assert {plan.hint for plan in hints.values() if isinstance(plan, NotYet)} == set(hints)
    renamed = plan_of(Values(kept="chosen", kept_id=10077), one, objects)
    assert isinstance(renamed, Plan)
    assert renamed.title == "Merge 10008 into 10077"
    first = plan_of(Values(kept="first"), Picked("layer", (10010, 10008)), objects)
    assert isinstance(first, Plan)
    assert first.into == 10010


def test_every_plan_is_a_task(crop: Labels) -> None:
    objects = ObjectIndex.of(crop)
    for values, picked in DEEDS.values():
        plan = plan_of(values, picked, objects)
        assert isinstance(plan, Plan)
        assert work_voxels(plan, Ground(crop, objects, 10_000)) > 0
        verb, params = task_of(plan, 10_000)
        assert load_task(verb).module.Params is type(params)
    deletion = plan_deletion(Values(works_in="plane"), PICKED)
    assert isinstance(deletion, Plan)
    assert deletion.title == "Delete voxels of 10008"
    assert task_of(deletion, 10_000)[0] == "delete-labels"


def test_ranges_and_defaults_are_those_of_published_advice() -> None:
    """As in empanada-napari 1.2.2."""
    values = Values()
    assert (limits.MIN_DISTANCE, values.min_distance) == ((1, 100), 10)
    assert (limits.RADIUS, values.radius, values.hole_size) == ((1, 7), 1, 64)
    assert (limits.MIN_SIZE[0], values.min_size) == (1, 100)


def test_the_dearest_word_is_an_error_in_plain_words(crop: Labels) -> None:
    values = Values(mode=Mode.SPLIT, split_by="distance", min_distance=100)
    with pytest.raises(AppError, match="Nothing was split"):
        found(values, PICKED, LabelsLayer(title="mito", id="layer", source=ArraySource(crop)))


def test_two_objects_and_the_stacks_that_saw_them() -> None:
    labels = np.zeros((4, 20, 20), np.uint32)
    labels[:, 2:18, 2:10], labels[:, 4:12, 10:18] = 5, 6
    objects = ObjectIndex.of(labels)
    stacks = {"xy": labels == 5, "xz": labels > 0, "yz": np.zeros_like(labels)}
    pair = pair_facts(labels, objects, (5, 6), stacks)
    assert pair.contact.faces == (0, 0, 4 * 8)
    assert pair.stacks == (("xy", "xz"), ("xz",))
    plane = plane_facts(labels, objects, (5, 6), Axis.XY, 2)
    assert plane.contact is not None
    assert plane.contact.faces == (0, 0, 8)
    assert all(labels[tuple(int(at) for at in place)] == label_id for label_id, place in plane.places.items())
    layer = LabelsLayer(title="mito", source=ArraySource(labels), spacing=Spacing(10, 10, 10, "test"))
    lines = dict(selection_lines(layer, objects, (5, 6), pair))
    assert lines["Contact area"] == "0.0032 µm²"
    assert lines["Seen in stacks"] == "xy, xz and xz"


def test_words_of_the_history() -> None:
    assert (icon_of("Open crop"), icon_of("Open 10008, radius 2")) == ("folder-open", "circle-dashed")
    assert (icon_of("Merge 1 into 2"), icon_of("Something else")) == ("git-merge", "pencil-simple")
    assert [size_words(size) for size in (12, 1400, 1_400_000)] == ["12 bytes", "1.4 kB", "1.4 MB"]
