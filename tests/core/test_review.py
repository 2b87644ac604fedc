"""Suspicions: faults planted into a real segmentation of the sample have to come before what nobody touched."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from empanada_desktop.core.context import QuietContext
from empanada_desktop.core.geometry import Spacing
from empanada_desktop.core.objects import ObjectIndex
from empanada_desktop.core.review import suspicions
from empanada_desktop.core.review_necks import find_neck
from empanada_desktop.core.review_odd import robust_deviations
from empanada_desktop.core.review_profiles import bluntness, largest_step
from empanada_desktop.core.suspicion import Suspicion
from empanada_desktop.errors import JobCancelled

Labels = NDArray[Any]
ROOT = Path(__file__).resolve().parents[2]
SPACING = Spacing(10.0, 10.0, 10.0, "the file")


@pytest.fixture(scope="module")
def sample() -> dict[str, Labels]:
    """The sample image with the program's own labels and stacks, ids from 10,001 on."""
    with np.load(ROOT / "tests/data/proofread/medulla_labels.npz") as file:
        found = {name: np.where(file[name] > 0, file[name].astype(np.uint32) + 10_000, 0) for name in file}
    return {**found, "grey": tifffile.imread(ROOT / "resources/sample/medulla.tif")}


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 6))])
def test_planted_faults_come_before_what_nobody_touched(
    sample: dict[str, Labels], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    review = importlib.import_module("bench.review")
    planter = review.Planter(sample["labels"].copy(), seed)
    planter.plant_all()
    planted, untouched = review.scores_of(planter, sample["grey"], SPACING)
    assert len(untouched) >= 10
    assert (planted > np.median(untouched)).all()
    assert review.area_under_curve(planted, untouched) > 0.8


def two_balls(neck: int, gap: int = 0) -> Labels:
    labels = np.zeros((34, 36, 70), np.uint32)
    grid = np.indices(labels.shape)
    for x in (19, 51):
        labels[sum((grid[axis] - (17, 18, x)[axis]) ** 2 for axis in range(3)) < 14**2] = 10_001
    labels[17 : 17 + neck, 18 : 18 + neck, 20 : 50 - gap] = 10_001
    return labels


def only(found: list[Suspicion], kind: str) -> Suspicion:
    (each,) = [each for each in found if each.kind == kind]
    return each


def test_a_neck_is_told_with_its_voxels_and_place() -> None:
    neck = only(suspicions(two_balls(3), None, SPACING), "neck")
    assert neck.question == "Split?"
    assert neck.reason == "Two bodies joined by a neck of 9 voxels"
    assert neck.place == pytest.approx((18, 19, 35), abs=4)
    wide = only(suspicions(two_balls(9), None, SPACING), "neck")
    assert 0 < wide.score < neck.score


def test_a_ball_and_a_rod_have_no_neck() -> None:
    ball = (np.indices((25, 25, 25)) - 12).astype(float)
    assert find_neck((ball**2).sum(axis=0) < 100, (1.0, 1.0, 1.0)) is None
    rod = np.zeros((14, 14, 60), np.bool_)
    rod[2:12, 2:12, 2:58] = True
    found = find_neck(rod, (1.0, 1.0, 1.0))
    assert found is None or found.tightness < 0.1


def cut_rod(line: int) -> tuple[Labels, NDArray[np.uint8]]:
    """Return a rod of two ids; in the image a darker line of `line` planes lies at the cut."""
    labels = np.zeros((24, 24, 60), np.uint32)
    labels[6:18, 6:18, 4:30], labels[6:18, 6:18, 30:56] = 10_001, 10_002
    grey = np.random.default_rng(0).normal(120, 10, labels.shape)
    grey[labels == 0] -= 60
    grey[:, :, 30 - line : 30 + line] -= 60 if line else 0
    return labels, grey.clip(0, 255).astype(np.uint8)


def test_a_flat_contact_of_one_grey_asks_to_join_and_a_membrane_does_not() -> None:
    labels, grey = cut_rod(0)
    joined = only(suspicions(labels, grey, SPACING), "contact")
    assert joined.ids == (10_001, 10_002)
    assert joined.reason == "Flat contact, 0.14 µm wide, same grey on both sides"
    assert joined.place == pytest.approx((11.5, 11.5, 29), abs=1)
    assert joined.score > 0.8
    with_membrane = [each.score for each in suspicions(*cut_rod(1), SPACING) if each.kind == "contact"]
    assert all(score < 0.3 for score in with_membrane)


def test_an_end_that_goes_on_behind_missing_planes_asks_to_join() -> None:
    labels = two_balls(0)
    labels[labels > 0] = 0
    grid = np.indices(labels.shape)
    disc = (grid[0] - 17) ** 2 + (grid[1] - 18) ** 2 < 100
    labels[disc & (grid[2] > 8) & (grid[2] < 34)], labels[disc & (grid[2] > 35) & (grid[2] < 60)] = 10_001, 10_002
    found = [each for each in suspicions(labels, None, SPACING) if each.kind == "end"]
    join = next(each for each in found if each.question == "Join?")
    assert join.ids == (10_001, 10_002)
    assert "same shape goes on at x 3" in join.reason
    assert [each.ids for each in found if each.question == "Real?"] == [(10_001,), (10_002,)]


def test_a_sudden_change_of_area_is_told_with_its_plane() -> None:
    labels = np.zeros((60, 50, 50), np.uint32)
    grid = np.indices(labels.shape)
    labels[((grid - 25) ** 2).sum(axis=0) < 15**2] = 10_001
    labels[25:30, 20:45, 20:45] = 10_001
    step = only(suspicions(labels, None, SPACING), "step")
    assert step.question == "Split?"
    assert "at z 2" in step.reason or "at z 3" in step.reason
    assert 24 <= step.place[0] <= 30


def test_an_object_with_a_gap_has_a_place_to_look_at() -> None:
    labels = np.zeros((60, 30, 30), np.uint32)
    labels[5:30, 8:20, 8:20], labels[31:55, 8:24, 8:24] = 10_001, 10_001
    for each in suspicions(labels, None, SPACING):
        assert np.isfinite(each.place).all()
        z, y, x = (round(at) for at in each.place)
        assert labels[max(0, z - 1) : z + 2, y, x].any()


def test_profiles_of_ellipsoids_are_not_suspicious() -> None:
    for planes in (8, 20, 61):
        z = np.linspace(-1, 1, planes + 2)[1:-1]
        areas = (1000 * (1 - z**2)).astype(np.int64)
        step = largest_step(areas)
        assert step is not None
        assert step.size < 1.2
        assert max(bluntness(areas)) < 0.15
    assert bluntness(np.full(20, 400)) == (1.0, 1.0)


def test_the_stacks_tell_what_only_one_of_them_saw(sample: dict[str, Labels]) -> None:
    labels = sample["labels"][60:160, 40:, 40:]
    stacks = {name: sample[name][60:160, 40:, 40:].copy() for name in ("xy", "xz", "yz")}
    index = ObjectIndex.of(labels)
    alone, divided = index.ids[np.argsort(-index.voxels)][:2].tolist()
    stacks["xy"][labels == alone], stacks["xz"][labels == alone] = 0, 0
    half = np.indices(labels.shape)[0] > index.centroids[index.find(divided)][0]
    stacks["yz"][(labels == divided) & half] = 99_999
    found = [each for each in suspicions(labels, None, SPACING, stacks=stacks, objects=index) if each.kind == "stacks"]
    first = next(each for each in found if each.ids == (alone,))
    assert (first.question, first.reason) == ("Real?", "Found in yz only")
    second = next(each for each in found if each.ids == (divided,) and each.question == "Split?")
    assert second.reason == "yz sees two objects here"
    assert first.score > np.median([each.score for each in found])


def test_odd_ones_are_those_far_from_the_others_of_their_class() -> None:
    labels, grey = np.zeros((20, 20, 210), np.uint32), np.full((20, 20, 210), 100, np.uint8)
    for place in range(10):
        labels[5 : 14 + place % 3, 5:14, 6 + 20 * place : 15 + 20 * place] = 10_001 + place
        grey[:, :, 20 * place :] = 100 + place % 4
    grey[labels == 10_004] = 180
    odd = [each for each in suspicions(labels, grey, SPACING) if each.kind == "odd" and each.score > 0.5]
    assert [(each.ids, each.question) for each in odd] == [((10_004,), "Real?")]
    assert odd[0].reason.startswith("Lighter than the rest, ")
    np.testing.assert_allclose(robust_deviations(np.array([1.0, 2, 3, 4, 5, 100]))[2:4], [-0.22, 0.22], atol=0.01)


def flat_picture() -> tuple[Labels, NDArray[np.uint8]]:
    """A plane: a dumbbell, a disc of two ids, a thread, a body with a step, a disc at the border, and plain discs."""
    rows, columns = np.indices((120, 160))
    labels = np.zeros((120, 160), np.uint32)
    for column in (16, 44):
        labels[(rows - 24) ** 2 + (columns - column) ** 2 < 12**2] = 10_001
    labels[23:26, 16:44] = 10_001
    labels[(rows - 24) ** 2 + (columns - 80) ** 2 < 14**2] = 10_002
    labels[:, 80:][labels[:, 80:] == 10_002] = 10_003
    labels[50:53, 10:70] = 10_004
    labels[70:78, 10:40], labels[62:86, 40:60] = 10_005, 10_005
    labels[(rows - 118) ** 2 + (columns - 30) ** 2 < 100] = 10_006
    for number, place in enumerate(np.ndindex(3, 2)):
        labels[(rows - 24 - 34 * place[0]) ** 2 + (columns - 116 - 26 * place[1]) ** 2 < 64] = 10_007 + number
    grey = np.random.default_rng(0).normal(120, 10, labels.shape)
    grey[labels == 0] -= 60
    return labels, grey.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("normal", [0, 2])
def test_of_a_single_plane_nothing_is_asked_that_takes_several(normal: int) -> None:
    labels, grey = (np.expand_dims(each, normal) for each in flat_picture())
    sizes = [None if at == normal else 5.0 for at in range(3)]
    found = suspicions(labels, grey, Spacing(sizes[0], sizes[1], sizes[2], "the file"))
    assert {each.kind for each in found} == {"neck", "contact", "odd", "border"}
    told = {(each.kind, each.ids): each.reason for each in found}
    assert told["neck", (10_001,)] == "Two bodies joined by a neck of 3 pixels"
    assert told["contact", (10_002, 10_003)] == "Flat contact, 0.14 µm wide, same grey on both sides"  # 27 pixels
    assert told["odd", (10_004,)] == "Long and thin or ragged: circularity 0.16"
    assert told["border", (10_006,)].endswith(" pixels")
    score = {(each.kind, each.ids): each.score for each in found}
    assert score["contact", (10_002, 10_003)] > 0.8
    assert score["neck", (10_001,)] > 0.5
    unknown = suspicions(labels, None, Spacing())
    assert any(each.reason == "Flat contact, 27 pixels wide" for each in unknown)


def test_scores_are_in_order_and_only_the_wanted_objects_are_looked_at(sample: dict[str, Labels]) -> None:
    some = ObjectIndex.of(sample["labels"][:60]).ids[:6].tolist()
    found = suspicions(sample["labels"][:60], sample["grey"][:60], SPACING, ids=some)
    scores = [each.score for each in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 and isinstance(score, float) for score in scores)
    assert {label_id for each in found for label_id in each.ids[:1]} <= set(some)
    assert suspicions(np.zeros((4, 4, 4), np.uint8), None, Spacing()) == []


def test_looking_can_be_cancelled() -> None:
    class Cancelled(QuietContext):
        def report(self, done: int, total: int, message: str = "") -> None:
            if message.startswith("Looking"):
                raise JobCancelled

    with pytest.raises(JobCancelled):
        suspicions(two_balls(3), None, SPACING, context=Cancelled())
