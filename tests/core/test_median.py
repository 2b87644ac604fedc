"""The median over planes: plain, complete, bounded."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from empanada_desktop.core.median import MedianQueue
from empanada_desktop.errors import SettingsError

GOLDENS = Path(__file__).parents[1] / "data" / "goldens"


def filtered(planes: NDArray[np.float32], kernel: int) -> tuple[list[int], NDArray[np.float32]]:
    queue: MedianQueue[int] = MedianQueue(kernel)
    ready = [queue.push(plane, index) for index, plane in enumerate(planes)]
    done = [one for one in ready if one is not None] + list(queue.finish())
    return [index for _, index in done], np.stack([plane for plane, _ in done])


def window_medians(planes: NDArray[np.float32], kernel: int) -> NDArray[np.float32]:
    reach = kernel // 2
    return np.stack([np.median(planes[max(0, i - reach) : i + reach + 1], axis=0) for i in range(len(planes))])


def test_a_kernel_of_1_is_the_reference_and_changes_nothing() -> None:
    stored = np.load(GOLDENS / "median_queue.npz")
    order, planes = filtered(stored["slices_x64"][:, 0, 0].astype(np.float32) / 64, 1)
    assert order == stored["idx_k1"].tolist()
    np.testing.assert_array_equal(planes * 64, stored["out_k1_x64"])


def test_planes_are_filtered_from_raw_ones_not_from_filtered_ones() -> None:
    planes = np.array([0, 9, 1, 8, 2, 7], np.float32)[:, None, None]
    _, found = filtered(planes, 3)
    assert found.ravel().tolist() == [4.5, 1, 8, 2, 7, 4.5]  # filtering filtered planes gives 1, 1, 2, 2 inside


@settings(max_examples=50, deadline=None)
@given(st.sampled_from([1, 3, 5, 7, 9, 11]), st.integers(1, 14), st.integers(0, 2**32 - 1))
def test_every_plane_comes_out_in_order_with_the_median_of_its_window(kernel: int, depth: int, seed: int) -> None:
    planes = np.random.default_rng(seed).random((depth, 2, 5, 7)).astype(np.float32)
    order, found = filtered(planes, kernel)
    assert order == list(range(depth))
    np.testing.assert_allclose(found, window_medians(planes, kernel), rtol=1e-6)


def test_wide_planes_are_filtered_in_pieces() -> None:
    planes = np.random.default_rng(0).random((4, 1, 3, 700)).astype(np.float32)
    np.testing.assert_allclose(filtered(planes, 3)[1], window_medians(planes, 3), rtol=1e-6)


def test_the_queue_holds_no_more_than_the_kernel_and_leaves_the_planes_alone() -> None:
    queue: MedianQueue[int] = MedianQueue(3)
    plane = np.ones((1, 4, 4), np.float32)
    waiting = 0
    for index in range(20):
        waiting += 1
        if queue.push(plane * index, index) is not None:
            waiting -= 1
        assert waiting <= 2
    assert queue._ring.shape == (3, 16)
    np.testing.assert_array_equal(plane, 1)


def test_an_even_kernel_and_planes_of_other_shapes_are_refused() -> None:
    with pytest.raises(SettingsError, match="no middle"):
        MedianQueue(4)
    queue: MedianQueue[int] = MedianQueue(3)
    queue.push(np.zeros((1, 4, 4), np.float32), 0)
    with pytest.raises(ValueError, match="shapes"):
        queue.push(np.zeros((1, 4, 5), np.float32), 1)
