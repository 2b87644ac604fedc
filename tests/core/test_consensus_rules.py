"""The consensus from tables against a slow one on sets of voxels, and what it may not depend on."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from empanada_desktop.core.consensus import Consensus, StackOverlaps

GOLDENS = Path(__file__).parents[1] / "data" / "goldens"
Labels = NDArray[np.uint32]
Stacks = tuple[Labels, Labels, Labels]


@dataclass(frozen=True)
class Rules:
    """What fuse() is asked for.

    `wrong_edge` repeats the reference's mistake, second neighbours are lost, and its choice between clusters that tie:
    the first in the order in which Python happens to walk through a set of numbers.
    """

    votes: int = 2
    permit_one_stack: bool = False
    iou_threshold: float = 0.75
    things: tuple[int, ...] = (1,)
    wrong_edge: bool = False

    @property
    def min_detections(self) -> int:
        return 1 if self.permit_one_stack else 2


@dataclass
class Case:
    """Three stacks, and the class of each object in them."""

    stacks: Stacks
    classes: tuple[list[int], list[int], list[int]] = field(default_factory=lambda: ([], [], []))

    def __post_init__(self) -> None:
        for stack, classes in zip(self.stacks, self.classes, strict=True):
            classes.extend([1] * (int(stack.max(initial=0)) - len(classes)))

    def fused(self, rules: Rules) -> tuple[Labels, Consensus]:
        overlaps = StackOverlaps(*(np.array(classes, np.int64) for classes in self.classes), things=rules.things)
        overlaps.add_block(*self.stacks)
        consensus = overlaps.fuse(rules.votes, rules.permit_one_stack, rules.iou_threshold)
        return consensus.apply(*self.stacks), consensus


@dataclass(frozen=True)
class Found:
    """An object: its class and its voxels by their place in the flat volume."""

    class_id: int
    voxels: frozenset[int]

    def key(self, shape: tuple[int, ...]) -> tuple[Any, ...]:
        """What its number goes by; the same in any order of the axes."""
        start, stop = box_around(self.voxels, shape)
        return self.class_id, sum(start), tuple(sorted(zip(start, stop, strict=True))), len(self.voxels)


def box_around(voxels: Iterable[int], shape: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    places = np.stack(np.unravel_index(list(voxels), shape))
    return tuple(places.min(axis=1).tolist()), tuple((places.max(axis=1) + 1).tolist())


def joined(groups: Iterable[Iterable[int]]) -> list[set[int]]:
    """Unite the groups that share something; those with the lowest numbers come first."""
    parts: list[set[int]] = []
    for group in groups:
        meeting = [part for part in parts if not part.isdisjoint(group)]
        parts = [part for part in parts if part.isdisjoint(group)]
        parts.append(set(group).union(*meeting))
    return sorted(parts, key=min)


def fuse_voxel_sets(case: Case, rules: Rules) -> list[Found]:
    """Do as the description says, with sets of voxels and no thought of speed."""
    results: list[Found] = []
    for class_id in sorted({class_id for classes in case.classes for class_id in classes}):
        detections: list[tuple[int, frozenset[int]]] = []
        for stack, (volume, classes) in enumerate(zip(case.stacks, case.classes, strict=True)):
            flat = volume.ravel()
            numbers = [number for number, each in enumerate(classes, 1) if each == class_id]
            detections += [(stack, frozenset(np.flatnonzero(flat == number).tolist())) for number in numbers]
        if class_id in rules.things:
            found = _fuse_things(detections, rules, case.stacks[0].shape)
        else:
            found = [_voted([voxels for _, voxels in detections], rules.votes)]
        results += [Found(class_id, voxels) for voxels in found if voxels]
    return results


def _voted(sets: Iterable[frozenset[int]], votes: int) -> frozenset[int]:
    counts = Counter(voxel for voxels in sets for voxel in voxels)
    return frozenset(voxel for voxel, count in counts.items() if count >= votes)


def _fuse_things(
    detections: list[tuple[int, frozenset[int]]], rules: Rules, shape: tuple[int, ...]
) -> list[frozenset[int]]:
    sets = [voxels for _, voxels in detections]
    owners = defaultdict(list)
    for number, voxels in enumerate(sets):
        for voxel in voxels:
            owners[voxel].append(number)
    shared = Counter(pair for numbers in owners.values() for pair in combinations(numbers, 2))
    iou = {(a, b): count / (len(sets[a]) + len(sets[b]) - count) for (a, b), count in shared.items()}
    threshold = rules.iou_threshold if rules.votes >= rules.min_detections else 0.0
    single = [{number} for number in range(len(sets))]
    clusters = joined([*single, *({*pair} for pair, value in iou.items() if value > threshold)])
    if rules.wrong_edge:
        walk = [number for part in joined([*single, *({*pair} for pair in shared)]) for number in set(sorted(part))]  # noqa: C414
        clusters.sort(key=lambda cluster: min(walk.index(number) for number in cluster))
    clusters = _merged(clusters, shared, iou, sets, rules, shape)
    voted = [_voted([sets[number] for number in c], rules.votes) for c in clusters if len(c) >= rules.min_detections]
    voted = [voxels for voxels in voted if voxels]
    close = [{a, b} for a, b in combinations(range(len(voted)), 2) if _belong_together(voted[a], voted[b])]
    parts = joined([*({number} for number in range(len(voted))), *close])
    return [frozenset().union(*(voted[number] for number in part)) for part in parts]


def _belong_together(a: frozenset[int], b: frozenset[int]) -> bool:
    both = len(a & b)
    return both > 100 or both / len(a | b) > 0.01


def _merged(
    clusters: list[set[int]],
    shared: Counter[tuple[int, int]],
    iou: dict[tuple[int, int], float],
    sets: list[frozenset[int]],
    rules: Rules,
    shape: tuple[int, ...],
) -> list[set[int]]:
    """Merge greedily; all clusters that come first by equal right act at once."""
    alive = dict(enumerate(clusters))
    links: dict[int, set[int]] = {number: set() for number in alive}
    for a, b in combinations(alive, 2):
        pairs = [(min(p, q), max(p, q)) for p in alive[a] for q in alive[b]]
        total = 0.0
        for value in sorted(iou[pair] for pair in pairs if pair in iou):
            total += value
        if total / len(pairs) > 0.01 or sum(shared.get(pair, 0) for pair in pairs) / len(pairs) > 100:
            links[a].add(b)
            links[b].add(a)

    boxes = [box_around(voxels, shape) if voxels else ((), ()) for voxels in sets]

    def key(number: int) -> tuple[Any, ...]:
        if rules.wrong_edge:
            return -len(links[number]), number
        starts, stops = zip(*(boxes[detection] for detection in alive[number]), strict=True)
        start, stop = np.min(starts, axis=0).tolist(), np.max(stops, axis=0).tolist()
        corner = sum(start), tuple(sorted(zip(start, stop, strict=True)))
        return -len(links[number]), -len(alive[number]), sum(len(sets[each]) for each in alive[number]), corner

    while any(links.values()):
        keys = {number: key(number) for number in alive if links[number]}
        tied = {number for number, each in keys.items() if each == min(keys.values())}
        pulling = {n for n in tied if all(len(alive[other]) <= len(alive[n]) for other in links[n])}
        if pulling:
            groups = joined({n, *links[n]} for n in pulling)
        else:
            groups = joined([*({n} for n in tied), *({n, m} for n in tied for m in links[n] & tied)])
        for group in groups:
            content = set().union(*(alive.pop(n) for n in group))
            around = set().union(*(links.pop(n) for n in group)) - group
            for n in around:
                links[n] -= group
            if not pulling:
                for n in around:
                    alive[n] = alive[n] | content
                continue
            kept = min(group & pulling)
            alive[kept], links[kept] = content, set() if rules.wrong_edge else around
            for n in links[kept]:
                links[n].add(kept)
    return list(alive.values())


def paint(found: list[Found], case: Case) -> tuple[Labels, NDArray[np.bool_]]:
    """Return the numbered objects, later ones over earlier ones, and where the order of two is a matter of taste.

    The latter are voxels of two results of one class whose key is the same, mirror images for instance.
    """
    shape = case.stacks[0].shape
    ordered = sorted(found, key=lambda each: (each.key(shape), min(each.voxels)))
    best = np.zeros(case.stacks[0].size, np.int64)
    painted = np.zeros(case.stacks[0].size, np.uint32)
    by_taste = np.zeros(case.stacks[0].size, np.bool_)
    for number, each in enumerate(ordered, 1):
        places = np.array(sorted(each.voxels))
        looks = zip(case.stacks, case.classes, strict=True)
        votes = sum(np.array([0, *c])[s.ravel()[places]] == each.class_id for s, c in looks)
        better = votes >= best[places]
        painted[places[better]] = number
        best[places[better]] = votes[better]
    for one, two in combinations(ordered, 2):
        if one.key(shape) == two.key(shape):
            by_taste[list(one.voxels & two.voxels)] = True
    return dense(painted).reshape(shape), by_taste.reshape(shape)


def dense(labels: NDArray[np.integer]) -> Labels:
    """Number the objects without gaps, in the same order."""
    _, numbers = np.unique(np.append(labels, 0), return_inverse=True)
    return numbers[:-1].reshape(labels.shape).astype(np.uint32)


def same_objects(one: NDArray[np.integer], two: NDArray[np.integer]) -> bool:
    """Tell whether two label images are the same but for the numbers; the background has to be the same."""
    pairs = np.unique(np.stack([one.ravel().astype(np.int64), two.ravel().astype(np.int64)]), axis=1)
    background = (pairs == 0).any(axis=0) & (pairs != 0).any(axis=0)
    return not background.any() and pairs.shape[1] == len(np.unique(pairs[0])) == len(np.unique(pairs[1]))


def check_table(labels: Labels, consensus: Consensus, case: Case) -> None:
    """Measure every object where it was painted."""
    objects = consensus.objects
    counts = np.bincount(labels.ravel(), minlength=len(objects) + 1)
    assert counts[1:].tolist() == objects.voxels.tolist()
    for number in range(1, len(objects) + 1):
        places = np.argwhere(labels == number)
        assert objects.boxes[number - 1].tolist() == [*places.min(axis=0), *places.max(axis=0) + 1]
    assert np.all(np.diff(objects.classes) >= 0)


def random_box(draw: np.random.Generator, shape: Sequence[int]) -> tuple[slice, ...]:
    start = [draw.integers(0, side) for side in shape]
    return tuple(slice(a, a + draw.integers(1, max(side // 2, 2))) for a, side in zip(start, shape, strict=True))


def random_stack(
    draw: np.random.Generator, boxes: list[tuple[slice, ...]], shape: Sequence[int], kind: tuple[float, float, int]
) -> tuple[Labels, list[int]]:
    """Paint most of the boxes, a little displaced; some share the number of one of those before."""
    missing, merging, shake = kind
    stack = np.zeros(shape, np.uint32)
    classes: list[int] = []
    for box in boxes:
        if draw.random() < missing:
            continue
        if classes and draw.random() < merging:
            number = int(draw.integers(max(len(classes) - 1, 1), len(classes) + 1))
        else:
            classes.append(int(draw.integers(1, 3)) if draw.random() < 0.1 else 1)
            number = len(classes)
        low, high = draw.integers(-shake, shake + 1, (2, 3))
        places = zip(box, low, high, strict=True)
        stack[tuple(slice(max(side.start + a, 0), max(side.stop + b, 0)) for side, a, b in places)] = number
    return stack, classes or [1]


def mirrored(stack: Labels, classes: list[int]) -> tuple[Labels, list[int]]:
    """Copy what lies on one side of the plane z = y to the other side, as other objects."""
    z, y = np.indices(stack.shape[:2])
    below = np.where((z < y)[:, :, None], stack, 0)
    above = np.where(below > 0, below + len(classes), 0).transpose(1, 0, 2)
    return (below + above).astype(np.uint32), classes + classes


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Return boxes seen in three stacks, in one of them often as one; sometimes the volume is its own mirror image."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = draw(st.one_of(st.tuples(*[st.integers(1, 9)] * 3), st.tuples(*[st.integers(8, 20)] * 3)))
    is_mirrored = draw(st.sampled_from([False, False, True]))
    if is_mirrored:
        shape = (shape[0], shape[0], shape[2])
    boxes = [random_box(random, shape) for _ in range(draw(st.integers(0, 20)))]
    kinds = draw(
        st.sampled_from([((0.1, 0.1, 1),) * 3, ((0.1, 0, 0), (0.1, 0, 1), (0.1, 0.8, 1)), ((0.3, 0.5, 2),) * 3])
    )
    xy, xz, yz = (random_stack(random, boxes, shape, kinds[index]) for index in random.permutation(3))
    if is_mirrored:
        xz = (np.ascontiguousarray(xy[0].transpose(1, 0, 2)), xy[1])
        yz = mirrored(*yz)
    return Case((xy[0], xz[0], yz[0]), (list(xy[1]), list(xz[1]), list(yz[1])))


@st.composite
def rules(draw: st.DrawFn) -> Rules:
    things = draw(st.sampled_from([(1,), (1,), (1, 2), (2,)]))
    return Rules(draw(st.integers(1, 3)), draw(st.booleans()), draw(st.sampled_from([0.75, 0.5, 0.25])), things)


@settings(max_examples=120, deadline=None)
@given(cases(), rules())
def test_equals_the_slow_way(case: Case, asked: Rules) -> None:
    ours, consensus = case.fused(asked)
    found = fuse_voxel_sets(case, asked)
    theirs, by_taste = paint(found, case)
    keys = [each.key(case.stacks[0].shape) for each in found]
    if len(set(keys)) == len(keys):
        np.testing.assert_array_equal(ours, theirs)
    assert same_objects(ours[~by_taste], theirs[~by_taste])
    np.testing.assert_array_equal(ours > 0, theirs > 0)
    check_table(ours, consensus, case)


@settings(max_examples=60, deadline=None)
@given(cases(), rules(), st.sampled_from(list(permutations(range(3)))))
def test_the_order_of_the_axes_does_not_matter(case: Case, asked: Rules, order: tuple[int, int, int]) -> None:
    """Where two mirror images overlap, the axes may decide; nowhere else."""
    ours, _ = case.fused(asked)
    turned = Case(
        tuple(np.ascontiguousarray(case.stacks[axis].transpose(order)) for axis in order),  # type: ignore[arg-type]
        tuple(list(case.classes[axis]) for axis in order),  # type: ignore[arg-type]
    )
    theirs = turned.fused(asked)[0].transpose(np.argsort(order))
    _, by_taste = paint(fuse_voxel_sets(case, asked), case)
    np.testing.assert_array_equal(ours > 0, theirs > 0)
    assert same_objects(ours[~by_taste], theirs[~by_taste])


@settings(max_examples=60, deadline=None)
@given(cases(), rules(), st.integers(0, 2**32))
def test_the_numbers_of_the_objects_do_not_matter(case: Case, asked: Rules, seed: int) -> None:
    draw = np.random.default_rng(seed)
    stacks, classes = [], []
    for stack, of_class in zip(case.stacks, case.classes, strict=True):
        numbers = draw.permutation(len(of_class))
        stacks.append(np.concatenate([[0], numbers + 1]).astype(np.uint32)[stack])
        classes.append([of_class[old] for old in np.argsort(numbers)])
    renumbered = Case((stacks[0], stacks[1], stacks[2]), (classes[0], classes[1], classes[2]))
    np.testing.assert_array_equal(renumbered.fused(asked)[0], case.fused(asked)[0])


@settings(max_examples=40, deadline=None)
@given(cases(), rules(), st.tuples(*[st.integers(1, 7)] * 3), st.integers(0, 2**32))
def test_the_cut_into_blocks_does_not_matter(case: Case, asked: Rules, sides: tuple[int, ...], seed: int) -> None:
    whole, consensus = case.fused(asked)
    shape = whole.shape
    starts = [
        (z, y, x)
        for z in range(0, shape[0], sides[0])
        for y in range(0, shape[1], sides[1])
        for x in range(0, shape[2], sides[2])
    ]
    overlaps = StackOverlaps(*(np.array(classes, np.int64) for classes in case.classes), things=asked.things)
    places = [tuple(slice(a, a + side) for a, side in zip(start, sides, strict=True)) for start in starts]
    for index in np.random.default_rng(seed).permutation(len(starts)):
        overlaps.add_block(*(stack[places[index]] for stack in case.stacks), starts[index])
    cut = overlaps.fuse(asked.votes, asked.permit_one_stack, asked.iou_threshold)
    for place in places:
        np.testing.assert_array_equal(cut.apply(*(stack[place] for stack in case.stacks)), whole[place])
    np.testing.assert_array_equal(cut.objects.boxes, consensus.objects.boxes)
    np.testing.assert_array_equal(cut.objects.voxels, consensus.objects.voxels)


@pytest.fixture(scope="module")
def stored() -> dict[str, NDArray[Any]]:
    return dict(np.load(GOLDENS / "consensus96.npz"))


INTENDED = ("inst_v1_iou0.75_bypass0", "inst_v1_iou0.75_bypass1", "inst_v2_iou0.5_bypass0")
WRONG_EDGE = ("inst_v2_iou0.75_bypass0", "inst_v2_iou0.75_bypass1", "inst_v3_iou0.75_bypass0")


def stored_case(stored: dict[str, NDArray[Any]], name: str, wrong_edge: bool) -> tuple[Case, Rules]:
    _, votes, iou, bypass = name.split("_")
    asked = Rules(int(votes[1:]), bypass == "bypass1", float(iou[3:]), wrong_edge=wrong_edge)
    xy, xz, yz = (dense(stored[f"in_{plane}"]) for plane in ("xy", "xz", "yz"))
    return Case((xy, xz, yz)), asked


def agree(found: list[Found], labels: NDArray[np.integer]) -> bool:
    """Tell whether the labels show these objects, whichever has the voxels that two of them claim."""
    counts = Counter(voxel for each in found for voxel in each.voxels)
    claimed_once = np.zeros(labels.size, np.bool_)
    claimed_once[[voxel for voxel, count in counts.items() if count == 1]] = True
    expected = np.zeros(labels.size, np.int64)
    for number, each in enumerate(found, 1):
        expected[list(each.voxels)] = number
    np.testing.assert_array_equal(labels.ravel() > 0, expected > 0)
    return same_objects(labels.ravel()[claimed_once], expected[claimed_once])


@pytest.mark.parametrize("name", INTENDED)
def test_reference_numbers(name: str, stored: dict[str, NDArray[Any]]) -> None:
    case, asked = stored_case(stored, name, wrong_edge=False)
    ours, consensus = case.fused(asked)
    found = fuse_voxel_sets(case, asked)
    assert len(consensus.objects) == stored[name].max() == len(found)
    assert agree(found, stored[name])
    assert agree(found, ours)
    check_table(ours, consensus, case)


@pytest.mark.parametrize("name", WRONG_EDGE)
def test_reference_numbers_with_its_wrong_edge(name: str, stored: dict[str, NDArray[Any]]) -> None:
    """These stored cases lost second neighbours: the slow way that loses them too finds them, the intended does not."""
    case, asked = stored_case(stored, name, wrong_edge=True)
    assert agree(fuse_voxel_sets(case, asked), stored[name])
    case, asked = stored_case(stored, name, wrong_edge=False)
    ours, consensus = case.fused(asked)
    found = fuse_voxel_sets(case, asked)
    assert agree(found, ours)
    assert not same_objects(ours, stored[name])
    assert np.count_nonzero(ours) > np.count_nonzero(stored[name])  # what was lost is back
    check_table(ours, consensus, case)


@pytest.mark.parametrize("votes", [1, 2, 3])
def test_reference_votes_of_a_semantic_class(votes: int, stored: dict[str, NDArray[Any]]) -> None:
    stacks = tuple((stored[f"in_{plane}"] > 0).astype(np.uint32) for plane in ("xy", "xz", "yz"))
    ours, consensus = Case(stacks).fused(Rules(votes, things=()))  # type: ignore[arg-type]
    np.testing.assert_array_equal(np.packbits(ours > 0), stored[f"sem_v{votes}"])
    assert ours.max() == len(consensus.objects) == 1
    assert not consensus.objects.is_thing[0]
