"""From segmented stacks to a result's ids, on volumes drawn by hand."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from empanada_desktop.core.blocks import blocks
from empanada_desktop.core.components import split_components
from empanada_desktop.core.context import QuietContext
from empanada_desktop.core.geometry import Axis, Box, plane_index
from empanada_desktop.core.tracking import StackTracker
from empanada_desktop.tasks.inference_params import StackParams
from empanada_desktop.tasks.volume_result import Classes, SegmentedStack, fuse_stacks

SHAPE = (12, 12, 12)
MITO = Classes({1: "mito"}, frozenset({1}))


def stack_of(volume: NDArray[np.uint32], axis: Axis) -> SegmentedStack:
    """A stack whose network has found what is drawn."""
    tracker, planes = StackTracker(axis), []
    for index in range(volume.shape[axis.normal]):
        plane = np.ascontiguousarray(volume[plane_index(axis, index)]) + 1000 * (volume[plane_index(axis, index)] > 0)
        components, table = split_components(plane.astype(np.uint32), [1], 1000)
        tracker.add_plane(components, table)
        planes.append(components)
    return SegmentedStack(axis, np.stack(planes), tracker.finish())


def box(*spans: tuple[int, int]) -> NDArray[np.uint32]:
    volume = np.zeros(SHAPE, np.uint32)
    volume[tuple(slice(*span) for span in spans)] = 1
    return volume


def fused(volumes: list[NDArray[np.uint32]], **values: object) -> NDArray[np.uint32]:
    params = StackParams.checked({"ortho_plane": True, "min_extent": 1, **values})
    stacks = [stack_of(volume, axis) for volume, axis in zip(volumes, Axis, strict=True)]
    labels = fuse_stacks(stacks, MITO, params, SHAPE, QuietContext()).labels
    return labels.read(Box((0, 0, 0), SHAPE))


def test_what_is_too_small_in_each_stack_is_nothing_that_stacks_agree_on() -> None:
    """100 voxels in each of two stacks, which would make an object of 150 together."""
    volumes = [box((2, 7), (2, 7), (2, 6)), box((2, 7), (2, 7), (4, 8)), np.zeros(SHAPE, np.uint32)]
    found = fused(volumes, voxel_votes=1, min_size=100)
    np.testing.assert_array_equal(found, np.where(volumes[0] | volumes[1], 10_001, 0))
    assert not fused(volumes, voxel_votes=1, min_size=101).any()
    assert not fused(volumes, voxel_votes=1, min_size=100, min_extent=5).any()


def test_eroding_and_dilating_box_by_box_is_as_whole() -> None:
    """A voxel may come from what lies as far away as both together reach."""
    noise = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(SHAPE), 1)
    drawn = ndimage.label(noise > np.median(noise))[0].astype(np.uint32)
    params = StackParams(min_size=0, min_extent=0, erode_labels=1, dilate_labels=2)
    labels = fuse_stacks([stack_of(drawn, Axis.XY)], MITO, params, SHAPE, QuietContext()).labels
    whole = labels.read(Box((0, 0, 0), SHAPE))
    assert 0 < np.count_nonzero(whole) < whole.size
    for part in blocks(SHAPE, (3, 4, 3)):
        np.testing.assert_array_equal(labels.read(part), whole[part.slices])
