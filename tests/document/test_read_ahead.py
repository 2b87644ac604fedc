"""What a brush needs of a file is read before it: writing and reading then never wait for it."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.document.editable import EditableSource
from empanada_desktop.document.read_ahead import ReadAhead

SHAPE = (70, 150, 200)


class SlowFile:
    """Voxels with two levels that count how often they are read."""

    def __init__(self) -> None:
        self.voxels = np.random.default_rng(5).integers(0, 9, SHAPE).astype(np.uint32)
        self.reads = 0
        self.shape, self.dtype, self.version = SHAPE, np.dtype(np.uint32), 0
        self.levels, self.grains = [(1, 1, 1), (2, 2, 2)], [(1, 1, 1), (1, 1, 1)]

    def read(self, level: int, axis: Axis, index: int, rows: slice, columns: slice) -> NDArray[Any]:
        self.reads += 1
        step = 2**level
        plane: NDArray[Any] = np.take(self.voxels[::step, ::step, ::step], index, axis.normal)[rows, columns]
        return plane

    def __getitem__(self, index: Any) -> NDArray[Any]:
        self.reads += 1
        voxels: NDArray[Any] = self.voxels[index]
        return voxels


@pytest.mark.parametrize("box", [Box((0, 0, 0), (1, 41, 41)), Box((50, 60, 120), (70, 70, 135))])
def test_after_reading_ahead_the_file_is_left_alone(box: Box) -> None:
    file = SlowFile()
    source = EditableSource(file)
    assert not source.is_at_hand(box)
    source.read_ahead(box)
    assert source.is_at_hand(box)
    assert source.n_bytes == 0  # nothing was changed
    file.reads = 0
    expected = file.voxels.copy()
    np.testing.assert_array_equal(source[box.slices], expected[box.slices])
    source[box.slices] = 11
    expected[box.slices] = 11
    np.testing.assert_array_equal(source[box.slices], 11)
    assert file.reads == 0
    for level, step in enumerate((1, 2)):
        for index in (0, box.start[0] // step, -(-SHAPE[0] // step) - 1):
            plane = source.read(level, Axis.XY, index, slice(None), slice(None))
            np.testing.assert_array_equal(plane, expected[::step, ::step, ::step][index])


def test_without_a_file_everything_is_at_hand() -> None:
    source = EditableSource(shape=SHAPE)
    box = Box((0, 0, 0), (1, 9, 9))
    source.read_ahead(box)
    assert source.is_at_hand(box)


def test_blocks_used_longest_ago_are_dropped() -> None:
    ahead = ReadAhead(budget=3 * 64)
    blocks = {place: np.zeros(16, np.uint32) for place in ((0, 0, 0), (0, 0, 1), (0, 0, 2), (0, 0, 3))}
    for place, block in blocks.items():
        ahead.put(0, place, block)
        ahead.get(0, (0, 0, 0))
    assert [place for place in blocks if ahead.holds(0, place)] == [(0, 0, 0), (0, 0, 2), (0, 0, 3)]
    ahead.put(0, (0, 0, 3), np.zeros(16, np.uint32))
    assert ahead.holds(0, (0, 0, 2))
