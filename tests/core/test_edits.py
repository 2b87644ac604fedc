"""Edits of voxels: applied and reverted they leave everything as it was, on numpy and on zarr alike."""

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from empanada_desktop.core.edits import MergeEdit, RegionEdit, RelabelEdit, relabel
from empanada_desktop.core.geometry import Box
from empanada_desktop.errors import SettingsError

SHAPE = (6, 9, 11)
WHOLE = Box((0, 0, 0), SHAPE)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    start = tuple(draw(st.integers(0, length - 1)) for length in SHAPE)
    stop = tuple(draw(st.integers(low + 1, length)) for low, length in zip(start, SHAPE, strict=True))
    return Box(start, stop)


def labels(seed: int, dtype: str = "u4") -> NDArray[np.generic]:
    return np.random.default_rng(seed).integers(0, 6, SHAPE).astype(dtype)


@given(st.integers(0, 999), boxes(), st.sampled_from(["u1", "u2", "u4", "i8"]))
def test_a_region_comes_back_exactly(seed: int, box: Box, dtype: str) -> None:
    array = labels(seed, dtype)
    before, after = array.copy(), labels(seed + 1, dtype)
    edit = RegionEdit.between(box, array[box.slices], after[box.slices])
    edit.apply(array)
    expected = before.copy()
    expected[box.slices] = after[box.slices]
    np.testing.assert_array_equal(array, expected)
    edit.revert(array)
    np.testing.assert_array_equal(array, before)
    assert edit.n_bytes == len(edit.before) + len(edit.after)


@given(st.integers(0, 999), boxes(), st.dictionaries(st.integers(1, 8), st.integers(0, 8), max_size=5))
def test_ids_that_change_come_back_exactly(seed: int, box: Box, mapping: dict[int, int]) -> None:
    array = labels(seed)
    before = array.copy()
    expected = before.copy()
    for old, new in mapping.items():
        part = expected[box.slices]
        part[before[box.slices] == old] = new
    edits = relabel(array, box, mapping)
    np.testing.assert_array_equal(array, before)
    for edit in edits:
        edit.apply(array)
    np.testing.assert_array_equal(array, expected)
    for edit in reversed(edits):
        edit.revert(array)
    np.testing.assert_array_equal(array, before)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 99), boxes())
def test_zarr_behaves_like_numpy(seed: int, box: Box) -> None:
    array = labels(seed)
    stored = zarr.create_array({}, shape=SHAPE, dtype="u4", chunks=(4, 4, 4))
    stored[:] = array
    for edit in (
        RegionEdit.between(box, array[box.slices], labels(seed + 1)[box.slices]),
        RelabelEdit(box, (3,), (9,)),
        *relabel(array, box, {1: 2, 3: 5, 4: 0}),
    ):
        edit.apply(array)
        edit.apply(stored)
        np.testing.assert_array_equal(stored[:], array)
        edit.revert(array)
        edit.revert(stored)
        np.testing.assert_array_equal(stored[:], array)


def test_renaming_ids_costs_next_to_nothing_and_merging_keeps_pixels_only_where_ids_run_together() -> None:
    array = np.random.default_rng(0).integers(0, 9, (65, 520, 40)).astype(np.uint32)
    array[:, 256:] //= 3  # 0, 1 and 2 only
    array[array == 3] = 9
    array[:, 200:210] = 3
    whole = Box((0, 0, 0), array.shape)
    renamed = relabel(array, whole, {9: 300})
    assert [type(edit) for edit in renamed] == [RelabelEdit]
    assert renamed[0].n_bytes < 100
    (merged,) = relabel(array, whole, {3: 4, 9: 4, 2: 77})
    assert isinstance(merged, MergeEdit)
    assert [bool(block.codes) for block in merged.blocks] == [True, False, False] * 2
    assert sum(len(block.codes) for block in merged.blocks) < 256 * 40 * 65  # under one byte a voxel
    assert relabel(array, whole, {3: 3, 555: 1}) == ()


def test_an_id_that_stands_elsewhere_in_the_box_is_not_mistaken_for_a_changed_one() -> None:
    array = np.zeros((4, 4, 700), np.uint32)
    array[0, 0, 0], array[1, 1, 400], array[2, 2, 699] = 3, 4, 3
    before = array.copy()
    for edit in relabel(array, Box((0, 0, 0), array.shape), {3: 4}):
        edit.apply(array)
        assert np.count_nonzero(array == 4) == 3
        edit.revert(array)
    np.testing.assert_array_equal(array, before)


def test_only_what_differs_is_kept() -> None:
    before, after = np.zeros((5, 6, 7), np.uint32), np.zeros((5, 6, 7), np.uint32)
    box = Box((10, 20, 30), (15, 26, 37))
    assert RegionEdit.of_changes(box, before, after) is None
    after[1, 2, 3] = after[3, 2, 4] = 1
    edit = RegionEdit.of_changes(box, before, after)
    assert edit is not None
    assert edit.box == Box((11, 22, 33), (14, 23, 35))


def test_voxels_must_fill_their_box() -> None:
    with pytest.raises(ValueError, match="do not fill"):
        RegionEdit.between(WHOLE, np.zeros((2, 2, 2)), np.zeros(SHAPE))


def test_an_id_that_does_not_fit_into_the_labels_is_refused() -> None:
    array = np.ones((2, 2, 2), np.uint8)
    with pytest.raises(SettingsError, match="up to 255"):
        relabel(array, Box((0, 0, 0), (2, 2, 2)), {1: 300})
