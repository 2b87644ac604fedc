"""Blocks of a volume, and a stack's components turned into objects block by block."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from empanada_desktop.core.blocks import blocks, count_blocks, grown, stacked_block
from empanada_desktop.core.geometry import Axis, Box

sides = st.tuples(*[st.integers(1, 9)] * 3)


@given(shape=sides, side=sides)
def test_blocks_cover_every_voxel_once(shape: tuple[int, int, int], side: tuple[int, int, int]) -> None:
    seen = np.zeros(shape, int)
    boxes = list(blocks(shape, side))
    for box in boxes:
        seen[box.slices] += 1
    assert (seen == 1).all()
    assert len(boxes) == count_blocks(shape, side)


def test_a_grown_box_stays_inside_and_knows_its_middle() -> None:
    wide, place = grown(Box((0, 4, 8), (4, 8, 10)), 3, (10, 10, 10))
    assert (wide.start, wide.stop) == ((0, 1, 5), (7, 10, 10))
    volume = np.arange(1000).reshape(10, 10, 10)
    np.testing.assert_array_equal(volume[wide.slices][place.slices], volume[0:4, 4:8, 8:10])


@pytest.mark.parametrize("axis", list(Axis))
def test_components_become_objects_in_any_orientation(axis: Axis) -> None:
    random = np.random.default_rng(0)
    components = random.integers(0, 4, (6, 7, 5)).astype(np.uint32)
    tables = [np.concatenate([[0], random.permutation(100)[:3] + 1]).astype(np.uint32) for _ in range(6)]
    whole = np.stack([table[plane] for table, plane in zip(tables, components, strict=True)])
    # the volume has the stack's planes along the axis's normal, its rows and columns along the other two
    expected = np.moveaxis(whole, 0, axis.normal)
    shape = (expected.shape[0], expected.shape[1], expected.shape[2])
    for box in blocks(shape, (3, 2, 4)):
        np.testing.assert_array_equal(stacked_block(components, tables, axis, box), expected[box.slices])


def test_a_component_that_its_plane_does_not_have_is_no_object_of_another() -> None:
    components = np.array([[[0, 1]], [[2, 0]]], np.uint32)
    tables = [np.array([0, 7, 8], np.uint32), np.array([0, 9], np.uint32)]
    with pytest.raises(IndexError, match="1 voxels of xy planes 0 to 1"):
        stacked_block(components, tables, Axis.XY, Box((0, 0, 0), (2, 1, 2)))
