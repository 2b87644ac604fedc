"""Where voxels come from: files with and without levels, arrays, single planes, planes of a job that still runs."""

import threading

import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray

from empanada_desktop.core.context import Partial
from empanada_desktop.core.geometry import Axis, Box, plane_index
from empanada_desktop.document import ArraySource, PlaneLabels, PlaneSource, open_source
from empanada_desktop.document.partial import PartialSource
from empanada_desktop.document.placed import PlacedSource
from empanada_desktop.io.volumes import VolumeRef

from .conftest import SHAPE

ALL = slice(None)


def whole(source: PlaneSource, axis: Axis) -> NDArray[np.generic]:
    """A volume put together from all its planes of one orientation."""
    planes = [source.read(0, axis, index, ALL, ALL) for index in range(source.shape[axis.normal])]
    return np.stack(planes, axis=axis.normal)


@pytest.mark.parametrize("axis", Axis)
def test_files_and_arrays_give_the_same_planes(axis: Axis, image_path: str, voxels: NDArray[np.uint8]) -> None:
    stored = zarr.create_array({}, shape=SHAPE, dtype="u1", chunks=(4, 16, 16))
    stored[:] = voxels
    for source in (open_source(VolumeRef(image_path)), ArraySource(voxels), ArraySource(stored)):
        assert isinstance(source, PlaneSource)
        np.testing.assert_array_equal(whole(source, axis), voxels)
        part = source.read(0, axis, 3, slice(1, 5), slice(2, 30))
        np.testing.assert_array_equal(part, voxels[plane_index(axis, 3)][1:5, 2:30])
        assert source.levels[0] == (1, 1, 1)
        assert len(source.grains) == len(source.levels)


def test_results_come_with_their_smaller_copies(result_path: str) -> None:
    source = open_source(VolumeRef(result_path, "labels/mito"))
    assert source.levels == [(1, 1, 1), (1, 2, 2), (1, 4, 4)] or source.levels[-1][1] == 4
    assert source.spacing.zyx == (40.0, 10.0, 10.0)
    coarse = source.read(2, Axis.XY, 2, ALL, ALL)
    fine = source.read(0, Axis.XY, 2 * source.levels[2][0], ALL, ALL)
    np.testing.assert_array_equal(coarse, fine[::4, ::4])
    source.close()


@pytest.mark.parametrize("axis", Axis)
def test_a_preview_shows_one_plane_from_all_sides(axis: Axis) -> None:
    labels = np.arange(1, 13, dtype=np.uint32).reshape(3, 4)
    source = PlaneLabels(SHAPE, axis, 5, labels, (2, 3))
    expected = np.zeros(SHAPE, np.uint32)
    expected[plane_index(axis, 5)][2:5, 3:7] = labels
    for other in Axis:
        np.testing.assert_array_equal(whole(source, other), expected)
    np.testing.assert_array_equal(source[:, 1:9, 2:], expected[:, 1:9, 2:])
    assert source.box.shape == tuple(np.ptp(np.argwhere(expected), axis=0) + 1)
    version = source.version
    source.put(labels + 1, index=6)
    assert source.version > version
    assert (source.read(0, axis, 5, ALL, ALL) == 0).all()
    assert source.read(0, axis, 6, ALL, ALL).max() == 13


@pytest.mark.parametrize("axis", Axis)
def test_planes_lie_where_they_were_cut_out(axis: Axis, tmp_path: object) -> None:
    planes = np.random.default_rng(0).integers(1, 9, (2, 5, 6)).astype(np.uint16)
    path = f"{tmp_path}/planes.tif"
    tifffile.imwrite(path, planes, imagej=True, metadata={"axes": "ZYX"})
    source = PlacedSource(open_source(VolumeRef(path)), SHAPE, axis, 3, (1, 2))
    expected = np.zeros(SHAPE, np.uint16)
    for number in range(2):
        expected[plane_index(axis, 3 + number)][1:6, 2:8] = planes[number]
    for other in Axis:
        np.testing.assert_array_equal(whole(source, other), expected)
    source.close()


@pytest.mark.parametrize("axis", Axis)
def test_a_running_job_shows_what_it_has_with_ids_that_stay(axis: Axis) -> None:
    # Two objects go through all planes and swap their numbers in every one; a third begins later.
    truth = np.zeros(SHAPE, np.uint32)
    order = (axis.normal, *axis.in_plane)
    planes = np.moveaxis(truth, order, (0, 1, 2))
    planes[:, 1:4, 1:4] = 1
    planes[:, 5:8, 5:8] = 2
    planes[4:, 1:3, 6:8] = 3
    components = planes.copy()
    components[1::2][planes[1::2] == 1] = 2
    components[1::2][planes[1::2] == 2] = 1
    source = PartialSource(Partial("", "", axis, 0), components)
    assert source.shape == SHAPE
    assert (source[:, :, :] == 0).all()
    box = source.advance(5)
    assert box == Box((0, 0, 0), tuple(5 if n == axis.normal else SHAPE[n] for n in range(3)))
    assert source.advance(5) is None
    expected = truth.copy()
    np.moveaxis(expected, order, (0, 1, 2))[5:] = 0
    for other in Axis:
        np.testing.assert_array_equal(whole(source, other), expected)
    assert source.advance(len(planes)).start[axis.normal] == 5
    np.testing.assert_array_equal(source[:, 2:, :], truth[:, 2:, :])


def test_sources_are_read_from_many_threads(result_path: str) -> None:
    source = open_source(VolumeRef(result_path, "labels/er"))
    expected = source[:, :, :]
    faults: list[str] = []

    def read(seed: int) -> None:
        for index in np.random.default_rng(seed).integers(0, 500, 15):
            if not np.array_equal(source.read(0, Axis.XZ, int(index), ALL, ALL), expected[:, index]):
                faults.append(f"plane {index}")

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    source.close()
