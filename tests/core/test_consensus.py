"""The consensus of three stacks, drawn by hand: one line of voxels per stack, a digit for each object."""

import pickle

import numpy as np
import pytest
from numpy.typing import NDArray

from empanada_desktop.core.consensus import Consensus, StackOverlaps
from empanada_desktop.core.filters import keep_objects

Labels = NDArray[np.uint32]


def line(drawing: str) -> Labels:
    return np.array([[[0 if mark == "." else int(mark) for mark in drawing]]], np.uint32)


def drawn(labels: Labels) -> str:
    return "".join("." if value == 0 else str(value) for value in labels.ravel())


def overlaps_of(stacks: list[Labels], things: tuple[int, ...] = (1,)) -> StackOverlaps:
    """Count three stacks whose objects are all of class 1."""
    overlaps = StackOverlaps(*(np.ones(int(stack.max(initial=0)), np.int64) for stack in stacks), things=things)
    overlaps.add_block(*stacks)
    return overlaps


def fused(xy: str, xz: str, yz: str, votes: int = 2, permit_one_stack: bool = False, **more: float) -> str:
    stacks = [line(drawing) for drawing in (xy, xz, yz)]
    return drawn(overlaps_of(stacks).fuse(votes, permit_one_stack, **more).apply(*stacks))


def test_second_neighbours_are_not_lost() -> None:
    """The four detections hang together in a row, so they are one object, whoever is looked at first.

    xy 2 and xz 1 touch two others each. Whichever takes in its two neighbours has the fourth for a neighbour then. The
    reference joins that edge to the wrong one, loses the fourth, and drops it as found in one stack only: it answers
    ......11..11.... although xy and xz agree on the first pair of voxels just as much.
    """
    xy = "1111..222222...."
    xz = "..111111..2222.."
    yz = "................"
    want = "..11..11..11...."
    assert fused(xy, xz, yz) == want


def test_a_detection_across_two_objects_does_not_join_them() -> None:
    """yz 1 touches two clusters of two detections each: it gives its vote to both and is no object of its own."""
    xy = "1111.2222.."
    xz = "1111.222..."
    yz = "11111111111"
    want = "1111.2222.."
    assert fused(xy, xz, yz) == want


def test_clusters_of_close_detections_are_one_object() -> None:
    xy = ".11111111.."
    xz = "..11111111."
    yz = "..1111111.."
    assert fused(xy, xz, yz, votes=1) == ".111111111."
    assert fused(xy, xz, yz, votes=2) == "..1111111.."
    assert fused(xy, xz, yz, votes=3) == "..1111111.."


def test_what_one_stack_alone_saw_needs_permission() -> None:
    xy = "111...222"
    xz = "111......"
    yz = "111......"
    for votes in (1, 2, 3):
        assert fused(xy, xz, yz, votes) == "111......"
    assert fused(xy, xz, yz, 1, permit_one_stack=True) == "111...222"
    assert fused(xy, xz, yz, 2, permit_one_stack=True) == "111......"


def test_fewer_votes_than_a_majority_join_whatever_touches() -> None:
    xy = "1111122222...."
    xz = "....11111....."
    yz = ".............."
    assert fused(xy, xz, yz, votes=1) == "1111111111...."
    assert fused(xy, xz, yz, votes=2) == "....11111....."


def long_overlap() -> list[Labels]:
    """Two objects of 300 voxels that a third stack's detection reaches into; 2 voxels get two votes in both."""
    stacks = [np.zeros((1, 1, 600), np.uint32) for _ in range(3)]
    stacks[0][..., :302], stacks[0][..., 302:] = 1, 2
    stacks[1][..., :300], stacks[1][..., 300:] = 1, 2
    stacks[2][..., 250:350] = 1
    return stacks


@pytest.mark.parametrize(
    ("lengths", "shared", "count"),
    [((10_100, 10_100), 100, 2), ((10_100, 10_100), 101, 1), ((50, 51), 1, 2), ((50, 50), 1, 1)],
)
def test_what_overlaps_joins_beyond_the_limits_and_not_at_them(
    lengths: tuple[int, int], shared: int, count: int
) -> None:
    """More than 100 voxels; an IoU of more than .01, which 1 of 100 is not."""
    xy, xz = (np.zeros((1, 1, sum(lengths) - shared), np.uint32) for _ in lengths)
    xy[..., : lengths[0]] = 1
    xz[..., -lengths[1] :] = 1
    assert len(overlaps_of([xy, xz, np.zeros_like(xy)]).fuse(1, permit_one_stack=True).objects) == count


def test_the_later_has_voxels_that_two_claim() -> None:
    stacks = long_overlap()
    labels = overlaps_of(stacks).fuse().apply(*stacks)
    assert drawn(labels) == "1" * 300 + "2" * 300
    turned = [stack[..., ::-1].copy() for stack in stacks]
    assert drawn(overlaps_of(turned).fuse().apply(*turned)) == "1" * 298 + "2" * 302


def test_an_object_left_out_gives_back_what_it_covered() -> None:
    stacks = long_overlap()
    consensus = overlaps_of(stacks).fuse()
    assert consensus.objects.voxels.tolist() == [300, 300]
    kept = consensus.keep(np.array([True, False]))
    assert drawn(kept.apply(*stacks)) == "1" * 302 + "." * 298
    assert kept.objects.boxes.tolist() == [[0, 0, 0, 1, 1, 302]]
    assert drawn(consensus.keep(np.array([False, True])).apply(*stacks)) == "." * 300 + "1" * 300
    assert len(consensus.keep(np.zeros(2, np.bool_)).objects) == 0


def test_filters_apply_to_the_tables() -> None:
    stacks = [line("1111..22..3"), line("1111..22..3"), line("...........")]
    consensus = overlaps_of(stacks).fuse()
    objects = consensus.objects
    assert objects.voxels.tolist() == [4, 2, 1]
    assert objects.boxes[:, [2, 5]].tolist() == [[0, 4], [6, 8], [10, 11]]
    kept = consensus.keep(keep_objects(objects, min_size=2, min_extent=2, shape=(1, 1, 11)))
    assert drawn(kept.apply(*stacks)) == "1111..22..."


def fuse_classes(votes: int, drawings: tuple[str, str, str], *classes: list[int], things: tuple[int, ...]) -> Consensus:
    overlaps = StackOverlaps(*(np.array(each, np.int64) for each in classes), things=things)
    overlaps.add_block(*(line(drawing) for drawing in drawings))
    return overlaps.fuse(votes)


def test_objects_of_different_classes_never_join() -> None:
    drawings = ("1111.22", "1111.22", "1111...")
    consensus = fuse_classes(2, drawings, [1, 2], [2, 2], [1], things=(1, 2))
    assert consensus.objects.classes.tolist() == [1, 2]
    assert drawn(consensus.apply(*(line(drawing) for drawing in drawings))) == "1111.22"


def test_a_voxel_goes_to_the_class_that_more_stacks_see() -> None:
    drawings = ("1111....", "..1111..", "..1111..")
    stacks = [line(drawing) for drawing in drawings]
    later = fuse_classes(1, drawings, [1], [2], [2], things=(3,))
    assert later.objects.classes.tolist() == [1, 2]
    assert drawn(later.apply(*stacks)) == "112222.."
    earlier = fuse_classes(1, drawings, [2], [1], [1], things=(3,))
    assert drawn(earlier.apply(*stacks)) == "221111.."


def test_a_semantic_class_is_one_object_wherever_it_is() -> None:
    drawings = ("11...1", "11...1", "1...11")
    consensus = fuse_classes(2, drawings, [4], [4], [4], things=(1,))
    assert drawn(consensus.apply(*(line(drawing) for drawing in drawings))) == "11...1"
    assert consensus.objects.is_thing.tolist() == [False]
    assert consensus.objects.classes.tolist() == [4]


@pytest.mark.parametrize("votes", [1, 2, 3])
@pytest.mark.parametrize("things", [(), (1,)])
def test_empty_stacks(votes: int, things: tuple[int, ...]) -> None:
    empty = np.zeros((2, 3, 4), np.uint32)
    consensus = overlaps_of([empty, empty, empty], things).fuse(votes, permit_one_stack=True)
    assert len(consensus.objects) == 0
    assert not consensus.apply(empty, empty, empty).any()
    never = StackOverlaps(*(np.ones(3, np.int64) for _ in range(3))).fuse(votes)
    assert len(never.objects) == 0


def test_objects_without_voxels_are_left_out() -> None:
    overlaps = StackOverlaps(np.ones(5, np.int64), np.ones(2, np.int64), np.ones(0, np.int64))
    overlaps.add_block(line("..4444"), line("..22.."), line("......"))
    assert drawn(overlaps.fuse(iou_threshold=0.1).apply(line("..4444"), line("..22.."), line("......"))) == "..11.."
    assert len(overlaps.fuse(1, permit_one_stack=True).objects) == 1


def test_boxes_are_placed_where_the_block_lies() -> None:
    overlaps = StackOverlaps(*(np.ones(1, np.int64) for _ in range(3)))
    overlaps.add_block(line(".11"), line(".11"), line(".1."), (7, 5, 3))
    overlaps.add_block(line("1.."), line("1.."), line("1.."), (9, 5, 6))
    assert overlaps.fuse().objects.boxes.tolist() == [[7, 5, 4, 10, 6, 7]]


def test_the_table_does_not_grow_with_the_voxels() -> None:
    corner = np.zeros((64, 64, 64), np.uint32)
    corner[:20, :20, :20] = 1
    overlaps = overlaps_of([corner, corner, corner])
    before = overlaps.table.n_bytes
    for start in range(64, 1024, 64):
        overlaps.add_block(corner, corner, corner, (start, 0, 0))
    assert overlaps.table.n_bytes == before
    assert overlaps.fuse().objects.voxels.tolist() == [16 * 20**3]


@pytest.mark.parametrize("count", [20_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_very_many_objects(count: int) -> None:
    """They are found in two stacks, and by fifties as one in the third."""
    numbers = np.arange(1, count + 1, dtype=np.uint32)
    stack = np.stack([numbers, numbers, np.zeros_like(numbers)], axis=1).reshape(100, 100, -1)
    blurred = (stack + 49) // 50
    overlaps = overlaps_of([stack, stack, blurred])
    for votes, found in ((1, count // 50), (2, count), (3, count)):
        labels = overlaps.fuse(votes).apply(stack, stack, blurred)
        np.testing.assert_array_equal(labels > 0, stack > 0)
        assert labels.max() == found


def test_one_detection_across_very_many_objects() -> None:
    """It is given to all of them; with one vote they are then all the same."""
    numbers = (np.arange(2000 * 120, dtype=np.uint32) // 120 + 1).reshape(20, 100, -1)
    everything = np.ones_like(numbers)
    overlaps = overlaps_of([numbers, numbers, everything])
    for votes in (2, 3):
        consensus = overlaps.fuse(votes)
        assert consensus.objects.voxels.tolist() == [120] * 2000
        labels = consensus.apply(numbers, numbers, everything)
        assert len(np.unique(np.stack([labels.ravel(), numbers.ravel()]), axis=1).T) == 2000
    assert overlaps.fuse(1, permit_one_stack=True).objects.voxels.tolist() == [numbers.size]


def test_a_consensus_travels() -> None:
    stacks = long_overlap()
    consensus = pickle.loads(pickle.dumps(overlaps_of(stacks).fuse()))
    assert drawn(consensus.apply(*stacks)) == "1" * 300 + "2" * 300


def test_misuse_is_told() -> None:
    overlaps = overlaps_of([line("11.."), line("11.."), line("....")])
    consensus = overlaps.fuse()
    with pytest.raises(ValueError, match="not counted"):
        consensus.apply(line("11.."), line("..11"), line("...."))
    with pytest.raises(ValueError, match="shapes"):
        overlaps.add_block(line("11"), line("1"), line("1"))
    with pytest.raises(ValueError, match="votes"):
        overlaps.fuse(4)
    overlaps.add_block(line("2"), line("."), line("."), (0, 0, 4))
    with pytest.raises(ValueError, match="not counted"):
        consensus.apply(line("2"), line("."), line("."))
    with pytest.raises(ValueError, match="object numbers"):
        overlaps.fuse()
