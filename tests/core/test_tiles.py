"""Layout of tiles, cutting and stitching, and labels joined over their overlaps."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from empanada_desktop.core.components import connected_parts
from empanada_desktop.core.tile_joining import join_label_tiles
from empanada_desktop.core.tiles import TileLayout, cut, lay_tiles, stitch, tile_overlap

GOLDENS = Path(__file__).parents[1] / "data" / "goldens"
Labels = NDArray[np.uint32]

SHAPES = st.tuples(st.integers(1, 90), st.integers(1, 90))
LAYOUTS = st.builds(
    lambda shape, side, overlap, cell, grain, side_grain: lay_tiles(
        shape, side, overlap, cell * grain, cell * grain * side_grain, cell
    ),
    SHAPES,
    st.integers(1, 60),
    st.integers(0, 20),
    st.sampled_from([1, 4]),
    st.integers(1, 3),
    st.integers(1, 2),
)


def same_partition(first: NDArray[np.integer], second: NDArray[np.integer]) -> bool:
    """True when both divide the pixels into the same objects, whatever their ids."""
    pairs = np.unique(np.stack([first.ravel(), second.ravel()]), axis=1)
    background_agrees = bool(((pairs[0] == 0) == (pairs[1] == 0)).all())
    return background_agrees and all(len(np.unique(ids)) == pairs.shape[1] for ids in pairs)


def blobs(shape: tuple[int, int], seed: int, fineness: float = 0.08) -> Labels:
    """Connected objects that touch one another, of all sizes."""
    draw = np.random.default_rng(seed)
    seeds = draw.random(shape) < fineness
    _, nearest = ndimage.distance_transform_edt(~seeds, return_indices=True) if seeds.any() else (None, None)
    owner = np.arange(seeds.size).reshape(shape)
    if nearest is not None:
        owner = owner[tuple(nearest)]
    merged = owner % draw.integers(2, 40) + 1
    return connected_parts(np.where(draw.random(shape) < 0.85, merged, 0).astype(np.uint32))


@settings(max_examples=150, deadline=None)
@given(LAYOUTS, st.integers(0, 1000))
def test_cutting_and_stitching_gives_the_plane_back(layout: TileLayout, seed: int) -> None:
    plane = np.random.default_rng(seed).integers(0, 2**32, (2, *layout.shape), np.uint32)
    np.testing.assert_array_equal(stitch(cut(plane, layout), layout), plane)


@settings(max_examples=150, deadline=None)
@given(
    SHAPES,
    st.integers(1, 60),
    st.integers(0, 40),
    st.sampled_from([1, 2, 4]),
    st.integers(1, 4),
    st.integers(1, 3),
)
def test_every_pixel_has_one_tile_and_tiles_keep_their_rules(
    shape: tuple[int, int], side: int, overlap: int, cell: int, grains: int, side_grains: int
) -> None:
    grain, side_grain = cell * grains, cell * grains * side_grains
    layout = lay_tiles(shape, side, overlap, grain, side_grain, cell)
    owners = np.zeros(shape, int)
    for tile in layout:
        owners[tile.own] += 1
        assert np.zeros(shape)[tile.slices][tile.inside].shape == owners[tile.own].shape
    assert (owners == 1).all()
    assert len(layout) == len(list(layout))
    for length, spans, owned in zip(
        shape,
        (layout.row_spans, layout.column_spans),
        (layout.own_row_spans, layout.own_column_spans),
        strict=True,
    ):
        widest = max(stop - start for start, stop in spans)
        assert spans[0][0] == 0
        assert spans[-1][1] == length
        assert widest <= max(side, side_grain, -(-2 * grain // side_grain) * side_grain)
        for before, after in pairwise(spans):
            assert before[0] < after[0]
            assert before[1] - after[0] >= min(overlap, widest // 2 // grain * grain)
            assert before[1] - before[0] == widest
            assert widest % side_grain == 0
        assert all(start % grain == 0 for start, _ in spans)
        assert all(stop - start > widest - grain for start, stop in spans)
        assert all(start % cell == 0 for start, _ in owned)


def test_pixels_belong_to_the_tile_in_which_they_lie_deepest() -> None:
    layout = lay_tiles((40, 300), 100, 20)
    assert layout.column_spans == ((0, 100), (66, 166), (133, 233), (200, 300))
    assert layout.own_column_spans == ((0, 83), (83, 149), (149, 216), (216, 300))
    assert layout.row_spans == ((0, 40),)


def test_overlaps_follow_the_rule() -> None:
    assert [tile_overlap(side) for side in (256, 1280, 2048)] == [128, 128, 204]
    assert tile_overlap(2048, downsampling=4) == 512


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), SHAPES, st.integers(12, 50), st.integers(1, 12), st.booleans())
def test_joined_tiles_are_the_plane_whatever_the_tile_size(
    seed: int, shape: tuple[int, int], side: int, overlap: int, connected: bool
) -> None:
    plane = blobs(shape, seed)
    layout = lay_tiles(shape, side, overlap)
    draw = np.random.default_rng(seed)
    tiles = []
    for tile in cut(plane, layout):
        labels = connected_parts(np.ascontiguousarray(tile)) if connected else tile
        ids = np.concatenate([[0], 1 + draw.permutation(int(labels.max(initial=0)))])
        tiles.append(ids[labels])
    corners = [(tile.rows[0], tile.columns[0]) for tile in layout]
    joined = join_label_tiles(tiles, corners, shape)
    assert same_partition(joined, plane)
    np.testing.assert_array_equal(joined, connected_parts(plane))


def test_neighbours_whose_borders_differ_between_tiles_stay_apart() -> None:
    left, right = np.zeros((40, 60), np.uint32), np.zeros((40, 60), np.uint32)
    left[5:20, 5:55], left[20:35, 5:55] = 1, 2
    right[5:22, :50], right[22:35, :50] = 9, 4  # two rows of one object counted to the other
    joined = join_label_tiles([left, right], [(0, 0), (0, 30)], (40, 90))
    assert len(np.unique(joined)) == 3
    assert (joined[5:20, 5:80] == 1).all()
    assert (joined[22:35, 5:80] == 2).all()


def test_a_piece_that_the_other_tile_saw_as_two_joins_them() -> None:
    fork = np.zeros((30, 90), np.uint32)
    fork[5:10, 5:80] = fork[20:25, 5:80] = fork[5:25, 75:80] = 1
    left, right = connected_parts(np.ascontiguousarray(fork[:, :50])), np.ascontiguousarray(fork[:, 30:])
    assert left.max() == 2
    np.testing.assert_array_equal(join_label_tiles([left, right], [(0, 0), (0, 30)], (30, 90)), fork)


def test_golden_tiles_join_to_the_truth() -> None:
    golden = np.load(GOLDENS / "tiler.npz")
    corners = [(int(y), int(x)) for y, x in zip(golden["yr"][:, 0], golden["xr"][:, 0], strict=True)]
    joined = join_label_tiles(list(golden["tile_pans"]), corners, golden["lab"].shape)
    np.testing.assert_array_equal(joined > 0, golden["merged_noov"] > 0)
    held = joined > 0
    # Six objects are in no tile at all; each of the others is one object, whichever tiles hold it.
    assert same_partition(joined[held], golden["lab"][held])
    assert (len(np.unique(golden["lab"])) - 1, int(joined.max())) == (178, 172)
    # The reference's own way loses pixels and whole objects.
    lost = held & (golden["merged_ov"] == 0)
    assert np.count_nonzero(lost) == 4918
    ids_kept = np.unique(joined[held & (golden["merged_ov"] > 0)])
    assert int(joined.max()) - len(ids_kept) == 10


def test_impossible_layouts_are_refused() -> None:
    with pytest.raises(ValueError, match="grains"):
        lay_tiles((10, 10), 8, 2, grain=4, side_grain=6)
