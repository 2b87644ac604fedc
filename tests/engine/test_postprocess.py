"""From the network's outputs to a panoptic plane: the reference's numbers, and none of its defects."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from empanada_desktop.core.nearest import build_nearest_table
from empanada_desktop.engine import postprocess
from empanada_desktop.engine.postprocess import find_centres, group_pixels, merge_panoptic, panoptic_plane
from empanada_desktop.errors import SettingsError

Stored = dict[str, Any]

GOLDENS = Path(__file__).parents[1] / "data" / "goldens"
COARSE_CASES = [
    ("pan_coarse", "prob", [1], False),
    ("pan_coarse_3class_tl1", "softmax", [1], False),
    ("pan_coarse_3class_tl12", "softmax", [1, 2], False),
    ("pan_coarse_3class_semonly", "softmax", [1, 2], True),
]


@pytest.fixture(scope="module")
def fullres() -> Stored:
    stored = dict(np.load(GOLDENS / "post_fullres.npz"))
    return stored | {name: stored[name].astype(np.float32) for name in ("hm", "off")}


@pytest.fixture(scope="module")
def coarse() -> Stored:
    stored = dict(np.load(GOLDENS / "post_coarse.npz"))
    powers = np.exp(stored["logits3_x16"].astype(np.float32) / 16)
    return stored | {
        "hmq": stored["hmq"].astype(np.float32),
        "offq": stored["offq"].astype(np.float32),
        "prob": (stored["prob"] / 64).astype(np.float32)[None],
        "softmax": powers / powers.sum(axis=0),
    }


@pytest.mark.parametrize("kernel", [3, 4, 7])
@pytest.mark.parametrize("confidence", [0.1, 0.3])
def test_centres_are_those_of_the_reference(fullres: Stored, kernel: int, confidence: float) -> None:
    found = find_centres(fullres["hm"], confidence, kernel)
    np.testing.assert_array_equal(found, fullres[f"ctr_k{kernel}_t{confidence}"])


def test_grouping_is_that_of_the_reference(fullres: Stored) -> None:
    centres = fullres["ctr_k7_t0.3"].astype(np.int32)
    np.testing.assert_array_equal(group_pixels(fullres["off"], centres), fullres["group_k7_t0.3"])
    np.testing.assert_array_equal(group_pixels(fullres["off"], centres[:15]), fullres["group_k7_t0.3_first15"])


@pytest.mark.parametrize(
    ("key", "classes", "things"),
    [("pan_sem1", "sem1", [1]), ("pan_sem3", "sem3", [1, 2]), ("pan_sem3_tl1", "sem3", [1])],
)
def test_merging_is_that_of_the_reference(fullres: Stored, key: str, classes: str, things: list[int]) -> None:
    instances = group_pixels(fullres["off"], find_centres(fullres["hm"], 0.1, 7))
    np.testing.assert_array_equal(merge_panoptic(fullres[classes], instances, things, 1000, 64), fullres[key])


def test_without_centres_things_are_background(fullres: Stored) -> None:
    nothing = group_pixels(fullres["off"], np.zeros((0, 2), np.int32))
    assert not nothing.any()
    np.testing.assert_array_equal(merge_panoptic(fullres["sem1"], nothing, [1], 1000), fullres["pan_nocenters"])


def test_coarse_cells_are_those_of_the_reference(coarse: Stored) -> None:
    cells = group_pixels(coarse["offq"], find_centres(coarse["hmq"], 0.1, 3), step=4)
    np.testing.assert_array_equal(np.kron(cells, np.ones((4, 4))), coarse["cells_coarse_up1"])
    np.testing.assert_array_equal(np.kron(cells, np.ones((8, 8)))[::2, ::2], coarse["cells_coarse_up2"])


@pytest.mark.parametrize(("key", "semantic", "things", "semantic_only"), COARSE_CASES)
def test_coarse_planes_are_those_of_the_reference(
    coarse: Stored, key: str, semantic: str, things: list[int], semantic_only: bool
) -> None:
    plane = panoptic_plane(
        coarse[semantic], coarse["hmq"], coarse["offq"], things=things, label_divisor=1000, semantic_only=semantic_only
    )
    assert plane.dtype == np.uint32
    np.testing.assert_array_equal(plane, coarse[key])


def test_a_twice_downsampled_plane_is_the_coarse_one_twice_as_large(coarse: Stored) -> None:
    semantic = np.repeat(np.repeat(coarse["prob"], 2, axis=1), 2, axis=2)
    plane = panoptic_plane(semantic, coarse["hmq"], coarse["offq"], things=[1], label_divisor=1000, downsampling=2)
    np.testing.assert_array_equal(plane, np.kron(coarse["pan_coarse"], np.ones((2, 2))))


def test_a_plane_cropped_out_of_its_padding_is_grouped_like_the_padded_one(coarse: Stored) -> None:
    cropped = panoptic_plane(coarse["prob"][:, :403, :351], coarse["hmq"], coarse["offq"], things=[1])
    whole = panoptic_plane(coarse["prob"], coarse["hmq"], coarse["offq"], things=[1])[:403, :351]
    pairs = np.unique(np.stack([cropped.ravel(), whole.ravel()]), axis=1)
    assert len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1] > 20


def test_maps_that_do_not_cover_the_plane_are_refused() -> None:
    semantic, heatmap, offsets = (
        np.ones((1, 9, 8), np.float32),
        np.ones((2, 2), np.float32),
        np.zeros((2, 2, 2), np.float32),
    )
    with pytest.raises(ValueError, match="do not cover"):
        panoptic_plane(semantic, heatmap, offsets, things=[1])


def test_an_even_square_reaches_one_cell_less_far_down_and_right() -> None:
    heatmap = np.zeros((1, 9), np.float32)
    heatmap[0, [2, 4]] = (
        0.5,
        0.9,
    )  # two apart: the left one is not seen from the right in a square of 4, but sees it not
    assert find_centres(heatmap, 0.1, 4)[:, 1].tolist() == [2, 4]
    assert find_centres(heatmap, 0.1, 5)[:, 1].tolist() == [4]
    assert find_centres(heatmap[:, ::-1], 0.1, 4)[:, 1].tolist() == [4]


def test_a_peak_must_exceed_the_confidence() -> None:
    heatmap = np.array([[0, 0.1, 0, 0.2, 0.2]], np.float32)
    assert find_centres(heatmap, 0.1, 3).tolist() == [[0, 3], [0, 4]]
    assert find_centres(heatmap, 0.5, 3).shape == (0, 2)
    with pytest.raises(SettingsError, match="at least 1"):
        find_centres(heatmap, 0.1, 0)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(1, 23), st.integers(1, 31), st.integers(0, 2**32 - 1))
def test_peaks_are_those_of_a_pooled_map(kernel: int, height: int, width: int, seed: int) -> None:
    heatmap = np.round(np.random.default_rng(seed).normal(0, 1, (height, width)), 1).astype(np.float32)
    pooled = torch.nn.functional.max_pool2d(torch.from_numpy(heatmap)[None, None], kernel, 1, kernel // 2)
    highest = pooled[0, 0, :height, :width].numpy()
    expected = np.argwhere((heatmap == highest) & (heatmap > np.float32(0.1)))
    np.testing.assert_array_equal(find_centres(heatmap, 0.1, kernel), expected)


def nearest_by_trying_all(offsets: NDArray[np.float32], centres: NDArray[np.int32], step: int) -> NDArray[np.int64]:
    grid = np.stack(np.mgrid[: offsets.shape[1], : offsets.shape[2]]).astype(np.float32) * step
    places = (grid + offsets).astype(np.float64)
    differences = places[:, None] - (centres * step).T.astype(np.float64)[:, :, None, None]
    return 1 + (differences**2).sum(axis=0).argmin(axis=0)


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 60),
    st.sampled_from([1, 4]),
    st.sampled_from([0.0, 3.0, 30.0, 3000.0]),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
def test_grouping_finds_the_nearest_of_all_centres(
    height: int, width: int, count: int, step: int, reach: float, clustered: bool, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    offsets = np.round(draw.normal(0, 1, (2, height, width)) * reach * 4).astype(np.float32) / 4  # ties do happen
    spread = 3 if clustered else 2 * max(height, width)  # centres outside the plane, and equal ones
    centres = draw.integers(-spread, spread + 1, (count, 2)).astype(np.int32)
    expected = nearest_by_trying_all(offsets, centres, step)
    found = group_pixels(offsets, centres, step)
    inside = np.abs(offsets).max(axis=0) < max(height, width) * step  # beyond, equal distances are broken freely
    np.testing.assert_array_equal(found[inside], expected[inside])
    foreground = draw.random((height, width)) < 0.5
    np.testing.assert_array_equal(group_pixels(offsets, centres, step, foreground), np.where(foreground, found, 0))


def test_offsets_far_out_of_the_plane_are_grouped_too() -> None:
    offsets = np.zeros((2, 6, 6), np.float32)
    offsets[:, 2, 3] = -5000, 9000
    offsets[:, 4, 4] = np.nan
    offsets[0, 5, 5] = np.inf
    centres = np.array([[0, 0], [-4000, 8000], [5, 5]], np.int32)
    found = group_pixels(offsets, centres)
    assert found[2, 3] == 2
    assert found[4, 4] == found[5, 5] == 3  # what is no number points nowhere else
    assert found[0, 0] == 1


def test_only_far_offsets() -> None:
    offsets = np.full((2, 3, 3), 1e6, np.float32)
    assert (group_pixels(offsets, np.array([[0, 0], [2, 2]], np.int32)) == 2).all()


def test_the_lists_of_candidates_stay_short_however_many_centres() -> None:
    draw = np.random.default_rng(0)
    for count in (10, 1000, 20_000):
        points = draw.uniform(0, 2048, (count, 2))
        leaf = max(np.sqrt(2048**2 / count) / 4, 2.0)
        table = build_nearest_table(points, (0.0, 0.0, 2048.0, 2048.0), leaf)
        assert 1 <= len(table.members) / np.count_nonzero(np.diff(table.starts)) < 3


def test_every_pixel_a_centre_takes_no_time() -> None:
    offsets = np.zeros((2, 400, 400), np.float32)
    centres = np.argwhere(np.ones((400, 400))).astype(np.int32)
    group_pixels(offsets[:, :3, :3], centres[:2])
    started = time.thread_time()
    found = group_pixels(offsets, centres)
    assert time.thread_time() - started < 5  # 160,000 centres x 160,000 pixels: minutes where all are tried
    np.testing.assert_array_equal(found.ravel(), np.arange(1, 400 * 400 + 1))


def test_a_large_plane_with_1000_objects_and_fine_boundaries_takes_less_than_half_a_second() -> None:
    side, pitch = 2048, 64
    rows, columns = np.mgrid[:side, :side].astype(np.float32)
    offsets = np.stack([pitch / 2 - rows % pitch, pitch / 2 - columns % pitch]).astype(np.float32)
    heatmap = np.exp(-(offsets**2).sum(axis=0) / 72)
    semantic = ((offsets**2).sum(axis=0) < 28**2).astype(np.float32)[None]
    seconds = []
    for _ in range(3):
        started = time.thread_time()
        plane = panoptic_plane(semantic, heatmap, offsets, things=[1], fine_boundaries=True, step=1)
        seconds.append(time.thread_time() - started)
    assert len(np.unique(plane)) == 1024 + 1
    assert min(seconds) < 0.5


def merged(
    classes: list[list[int]], instances: list[list[int]], things: list[int], stuff_area: int = 1
) -> list[list[int]]:
    plane = merge_panoptic(np.array(classes, np.uint8), np.array(instances, np.int32), things, 100, stuff_area)
    return plane.tolist()


def test_an_instance_takes_its_majority_class_the_lower_of_equals() -> None:
    assert merged([[1, 2, 2]], [[1, 1, 1]], [1, 2]) == [[201, 201, 201]]
    assert merged([[2, 1, 0]], [[1, 1, 1]], [1, 2]) == [[101, 101, 0]]


def test_instances_count_from_1_in_each_class_and_skip_those_without_pixels() -> None:
    assert merged([[1, 1, 2, 1]], [[2, 4, 5, 7]], [1, 2]) == [[101, 102, 201, 103]]


def test_stuff_needs_its_area_and_things_an_instance() -> None:
    assert merged([[3, 3, 0, 1]], [[1, 1, 1, 0]], [1], stuff_area=2) == [[300, 300, 0, 0]]
    assert merged([[3, 3, 0, 1]], [[1, 1, 1, 0]], [1], stuff_area=3) == [[0, 0, 0, 0]]


def test_1200_objects_never_reach_the_ids_of_the_next_class() -> None:
    instances = np.arange(1, 1201, dtype=np.int32).reshape(30, 40)
    classes = np.ones_like(instances, np.uint8)
    with pytest.raises(SettingsError, match="1200 objects of class 1") as caught:
        merge_panoptic(classes, instances, [1, 2], 1000)
    assert "1200" in caught.value.hint
    wide = merge_panoptic(classes, instances, [1, 2], 10_000)
    np.testing.assert_array_equal(wide.ravel(), 10_000 + np.arange(1, 1201))


def test_ids_beyond_32_bits_are_refused() -> None:
    one = np.ones((1, 1))
    with pytest.raises(SettingsError, match="32 bits"):
        merge_panoptic(one.astype(np.uint8) * 5, one.astype(np.int32), [5], 1_000_000_000)


def test_interpolated_maps_are_those_of_the_network() -> None:
    for shape in ((3, 37, 52), (1, 1, 5), (2, 3, 1)):
        maps = np.random.default_rng(0).normal(0, 10, shape).astype(np.float32)
        expected = torch.nn.functional.interpolate(
            torch.from_numpy(maps)[None], scale_factor=4, mode="bilinear", align_corners=True
        )
        height = shape[1]
        whole = postprocess.enlarge_rows(maps, 4, height, 0, 0, 4 * height)
        np.testing.assert_allclose(whole, expected[0].numpy(), atol=1e-5)
        for first in range(0, 4 * height, 7):
            end = min(first + 7, 4 * height)
            start, stop = postprocess.source_rows(4, height, first, end)
            rows = postprocess.enlarge_rows(maps[:, start:stop].copy(), 4, height, start, first, end)
            np.testing.assert_array_equal(rows, whole[:, first:end])


def test_fine_boundaries_from_quarter_maps_are_those_from_interpolated_ones(coarse: Stored) -> None:
    maps = np.concatenate([coarse["hmq"][None], coarse["offq"]])
    large = torch.nn.functional.interpolate(
        torch.from_numpy(maps)[None], scale_factor=4, mode="bilinear", align_corners=True
    )[0].numpy()
    options = {"things": [1], "fine_boundaries": True, "centre_min_distance": 9}
    direct = panoptic_plane(coarse["prob"], large[0], large[1:], step=1, **options)
    later = panoptic_plane(coarse["prob"], coarse["hmq"], coarse["offq"], step=4, **options)
    assert np.count_nonzero(direct != later) <= 5  # pixels half-way between two centres
    assert len(np.unique(direct)) > 40


@pytest.mark.parametrize("fine", [False, True])
@pytest.mark.parametrize("shape", [(1, 1), (7, 9), (33, 47)])
def test_odd_sizes_background_and_a_single_centre(shape: tuple[int, int], fine: bool) -> None:
    cells = (-(-shape[0] // 4), -(-shape[1] // 4))
    heatmap, offsets = np.zeros(cells, np.float32), np.zeros((2, *cells), np.float32)
    everywhere = np.ones((1, *shape), np.float32)
    options = {"things": [1], "fine_boundaries": fine, "label_divisor": 100, "stuff_area": 1}
    assert not panoptic_plane(np.zeros_like(everywhere), heatmap, offsets, **options).any()
    assert not panoptic_plane(everywhere, heatmap, offsets, **options).any()
    heatmap[0, 0] = 1
    assert (panoptic_plane(everywhere, heatmap, offsets, **options) == 101).all()
    assert (panoptic_plane(everywhere, heatmap, offsets, semantic_only=True, **options) == 100).all()


def test_filling_holes_leaves_the_neighbour_in_the_hole_alone() -> None:
    semantic = np.zeros((1, 16, 16), np.float32)
    semantic[0, 2:13, 2:13] = 1
    semantic[0, 4:11, 4:11] = 0
    semantic[0, 6:9, 6:9] = 1
    offsets = np.stack(np.mgrid[:16, :16]).astype(np.float32) * -1
    offsets[:, 6:9, 6:9] += 15
    heatmap = np.zeros((16, 16), np.float32)
    heatmap[0, 0] = heatmap[15, 15] = 1
    options = {"things": [1], "step": 1, "label_divisor": 100}
    plain = panoptic_plane(semantic, heatmap, offsets, **options)
    filled = panoptic_plane(semantic, heatmap, offsets, fill_holes=True, **options)
    assert (filled[2:13, 2:13] > 0).all()
    assert np.count_nonzero(filled == 102) == np.count_nonzero(plain == 102) == 9
    np.testing.assert_array_equal(filled[plain > 0], plain[plain > 0])
