"""Every deed on objects, in a plane and in 3D, on what is picked and on all, on numpy and on labels over a file."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

from empanada_desktop.core.context import QuietContext
from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.core.objects import ObjectIndex
from empanada_desktop.document import ArraySource, Document, EditableSource, LabelsLayer, open_source
from empanada_desktop.gui.proofread import foreseen
from empanada_desktop.gui.proofread.deeds import Ground, Outcome, carry_out
from empanada_desktop.gui.proofread.picks import Line
from empanada_desktop.gui.proofread.plans import Picked, Plan, plan_deletion, plan_of
from empanada_desktop.gui.proofread.values import Mode, Values, WorksIn
from empanada_desktop.io.volumes import VolumeRef

Labels = NDArray[np.uint32]
SHAPE, PLANE = (14, 40, 48), 7
PICKED = Picked("layer", (1001,), points=((7, 13, 12), (7, 13, 34)), place=(Axis.XY, PLANE))
LINE = Line(Axis.XY, PLANE, ((7.5, 2.0, 22.0), (7.5, 25.0, 22.0)))
WORKS_IN: tuple[WorksIn, ...] = ("plane", "3d")


def ball(centre: tuple[int, int, int], radius: float) -> NDArray[np.bool_]:
    z, y, x = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    inside: NDArray[np.bool_] = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 <= radius**2
    return inside


@pytest.fixture(scope="module")
def labels() -> Labels:
    """1001: two balls with a bridge and a hole; 1002 beside it; 1003 two voxels; 1004 and 2001 at the border."""
    labels = np.zeros(SHAPE, np.uint32)
    labels[ball((7, 13, 13), 5.5) | ball((7, 13, 31), 6.5)] = 1001
    labels[6:9, 12:15, 13:31] = 1001
    labels[7, 13, 31] = 0
    labels[5:10, 20:30, 26:38][labels[5:10, 20:30, 26:38] == 0] = 1002
    labels[7:9, 34, 8] = 1003
    labels[4:12, 30:40, 40:48] = 1004
    labels[0:9, 32:36, 14:18], labels[7, 31, 15] = 2001, 2001
    return labels


def matrix() -> dict[str, tuple[Values, Picked]]:
    """Each deed by its words."""
    two = Picked("layer", (1001, 1002), place=PICKED.place)
    on_line = Picked("layer", (1001,), line=LINE, place=PICKED.place)
    deeds: dict[str, tuple[Values, Picked]] = {}
    for where in WORKS_IN:
        for name, picked, values in (
            ("merge", two, {}),
            ("split at points", PICKED, {"mode": Mode.SPLIT}),
            ("split along a line", on_line, {"mode": Mode.SPLIT, "split_by": "line"}),
        ):
            deeds[f"{name}, {where}"] = (Values(works_in=where, **values), picked)
    for where, on_all in product(WORKS_IN, (False, True)):
        words = f"{where}, {'all' if on_all else 'picked'}"
        split: dict[str, Any] = {"split_by": "distance", "min_distance": 6, "splits_all": on_all}
        deeds[f"split by distance, {words}"] = (Values(mode=Mode.SPLIT, works_in=where, **split), PICKED)
        for kind in ("dilate", "erode", "close", "open", "fill", "smooth"):
            shape: dict[str, Any] = {"morph": kind, "radius": 2, "on_all": on_all}
            deeds[f"{kind}, {words}"] = (Values(mode=Mode.MORPH, works_in=where, **shape), PICKED)
    small_and_large = Picked("layer", (1003, 1004), place=PICKED.place)
    for where, on_all, by in product((*WORKS_IN, "planes"), (False, True), ("small", "border")):
        filtering: dict[str, Any] = {"filter_by": by, "min_size": 20, "filters_all": on_all}
        words = f"{by}, {where}, {'all' if on_all else 'picked'}"
        deeds[f"filter {words}"] = (Values(mode=Mode.FILTER, works_in=where, **filtering), small_and_large)
    return deeds


MATRIX = matrix()


def layers(labels: Labels, folder: Path) -> list[LabelsLayer]:
    """The labels in memory, and in a file that becomes editable."""
    array = zarr.create_array(folder / "labels.zarr", shape=SHAPE, chunks=(8, 16, 16), dtype=labels.dtype)
    array[:] = labels
    sources = ArraySource(labels.copy()), open_source(VolumeRef(str(folder / "labels.zarr")))
    return [LabelsLayer(title="mito", id="layer", source=source) for source in sources]


def ground(layer: LabelsLayer) -> Ground:
    return Ground(layer.source, ObjectIndex.of(layer.source), 1000)


def made(plan: Plan, layer: LabelsLayer) -> Labels:
    """Carry a plan out in a document, take it back, and return what it made."""
    document = Document()
    document.add_layer(layer)
    before = np.array(layer.source[:, :, :])
    outcome = carry_out(plan, ground(layer), QuietContext())
    document.edit_voxels(layer, plan.title, *outcome.parts)
    after: Labels = np.array(layer.source[:, :, :])
    document.undo()
    np.testing.assert_array_equal(layer.source[:, :, :], before)
    return after


def planned(values: Values, picked: Picked, labels: Labels) -> Plan:
    plan = plan_of(values, picked, ObjectIndex.of(labels))
    assert isinstance(plan, Plan)
    return plan


def check(name: str, plan: Plan, labels: Labels, folder: Path) -> None:
    """It changes something, where it may and of whom it may, the same on both kinds of labels."""
    in_memory, over_file = layers(labels, folder)
    after, again = made(plan, in_memory), made(plan, over_file)
    assert isinstance(over_file.source, EditableSource)
    np.testing.assert_array_equal(after, again, name)
    changed = np.argwhere(after != labels)
    assert len(changed), name
    if plan.values.works_in == "plane":
        assert set(changed[:, 0].tolist()) == {PLANE}, name
    if plan.ids is not None:
        untouched = ~np.isin(labels, (0, *plan.ids))
        np.testing.assert_array_equal(after[untouched], labels[untouched], name)


@pytest.mark.parametrize("mode", Mode)
def test_deeds(mode: Mode, labels: Labels, tmp_path: Path) -> None:
    deeds = [(name, *deed) for name, deed in MATRIX.items() if deed[0].mode is mode]
    assert len(deeds) > 1
    for name, values, picked in deeds:
        check(name, planned(values, picked, labels), labels, tmp_path / name.replace(" ", "-"))


def test_deleting(labels: Labels, tmp_path: Path) -> None:
    for where in WORKS_IN:
        plan = plan_deletion(Values(works_in=where), Picked("layer", (1001, 1004), place=PICKED.place))
        assert isinstance(plan, Plan)
        check(where, plan, labels, tmp_path / where)


def test_what_takes_long_is_foreseen_where_it_is_seen(labels: Labels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreseen, "SOON_VOXELS", 5000)  # 1001 has more
    deeds = [deed for name, deed in MATRIX.items() if "3d, all" in name]
    assert len(deeds) == 9
    for values, picked in deeds:
        check_foreseen(planned(values, picked, labels), labels)


def check_foreseen(plan: Plan, labels: Labels) -> None:
    """What is told before a long deed is true of what is seen."""
    view = Box((PLANE, 0, 0), (PLANE + 1, 40, 48))
    whole = carry_out(plan, Ground(labels, ObjectIndex.of(labels), 1000), QuietContext())
    found: Outcome = foreseen.foresee(plan, Ground(labels, ObjectIndex.of(labels), 1000), QuietContext(), view)
    assert (found.plan, found.parts, found.is_whole) == (plan, (), False)
    after = labels.copy()
    for part in whole.parts:
        part.apply(after)
    if plan.values.mode is Mode.FILTER:
        assert found.going is not None
        assert set(found.going.tolist()) == set(np.unique(labels).tolist()) - set(np.unique(after).tolist())
        goes = "goes" if len(found.going) == 1 else "go"
        assert found.words == whole.words == f"{len(found.going)} of 5 objects {goes}"
    elif found.shown is None:
        assert found.words in ("nothing in sight changes", "in sight: nothing changes")
        others = (labels != 1001) & (after != 1001)
        np.testing.assert_array_equal(after[others], labels[others])
    else:
        assert found.words.startswith("in sight: ")
        seen = found.shown.voxels != 0
        assert not (labels[found.shown.box.slices][seen] == 1001).any()  # too large to be worked out soon
        changes = after[found.shown.box.slices][seen]
        assert (changes == found.shown.voxels[seen]).mean() > 0.95  # beside 1001 they grow a little differently
