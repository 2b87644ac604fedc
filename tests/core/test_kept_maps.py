"""Rounded maps: how near they are to what the network said."""

import numpy as np

from empanada_desktop.core.kept_maps import HEATMAP_STEPS, OFFSET_STEPS, PROBABILITY_STEPS, KeptMaps


def test_maps_come_back_within_half_a_step() -> None:
    draw = np.random.default_rng(0)
    semantic, heatmap = draw.random((2, 40, 50), np.float32), draw.random((10, 13), np.float32)
    offsets = draw.normal(0, 60, (2, 10, 13)).astype(np.float32)
    back = KeptMaps.of(semantic, heatmap, offsets).unpacked()
    steps = (PROBABILITY_STEPS, HEATMAP_STEPS, OFFSET_STEPS)
    assert OFFSET_STEPS >= 16
    for found, wanted, step in zip(back, (semantic, heatmap, offsets), steps, strict=True):
        assert np.abs(found - wanted).max() <= 0.5001 / step


def test_what_lies_beyond_the_steps_becomes_their_end() -> None:
    far = np.array([[[1e9, -1e9]], [[0, 0]]], np.float32)
    _, _, offsets = KeptMaps.of(np.zeros((1, 1, 2), np.float32), np.zeros((1, 2), np.float32), far).unpacked()
    assert offsets[0, 0, 0] > 2000
    assert offsets[0, 0, 1] < -2000
