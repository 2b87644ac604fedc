"""What a brush needs of a file is read before it: writing and reading then never wait for it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Box
from empanada_desktop.document.at_hand import BlocksAhead, is_at_hand
from empanada_desktop.document.editable import EditableSource
from empanada_desktop.document.sources import ArraySource, VolumeSource, open_source
from empanada_desktop.io.volumes import VolumeRef


class Watched(VolumeSource):
    """A file that counts how often it is read."""

    reads = 0

    def read(self, *place: Any) -> NDArray[Any]:
        self.reads += 1
        return super().read(*place)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        self.reads += 1
        return super().__getitem__(index)


@pytest.mark.parametrize("box", [Box((0, 0, 0), (1, 41, 41)), Box((2, 110, 120), (6, 170, 135))])
def test_after_reading_ahead_the_file_is_left_alone(result_path: str, box: Box) -> None:
    file = Watched(open_source(VolumeRef(result_path, "labels/mito"))._volumes)
    expected = file[:, :, :]
    source = EditableSource(file)
    assert not is_at_hand(source, box)
    source.read_ahead(box)
    assert is_at_hand(source, box)
    assert source.n_bytes == 0  # nothing was changed
    file.reads = 0
    np.testing.assert_array_equal(source[box.slices], expected[box.slices])
    source[box.slices] = 11
    np.testing.assert_array_equal(source[box.slices], 11)
    assert file.reads == 0
    expected[box.slices] = 11
    np.testing.assert_array_equal(source[:, :, :], expected)
    source.close()


def test_blocks_that_moved_to_the_disk_are_read_ahead_too(tmp_path: Path) -> None:
    source = EditableSource(shape=(64, 64, 640), budget=2 << 20)
    source.use_folder(tmp_path)
    source[:, :, :] = 3
    first = Box((0, 0, 0), (1, 9, 9))
    assert not source.is_at_hand(first)
    source.read_ahead(first)
    assert source.is_at_hand(first)
    assert (source[first.slices] == 3).all()


def test_what_lies_in_memory_is_at_hand() -> None:
    box = Box((0, 0, 0), (1, 9, 9))
    assert is_at_hand(EditableSource(shape=(70, 150, 200)), box)
    assert is_at_hand(ArraySource(np.zeros((2, 9, 9), np.uint32)), box)


def test_blocks_used_longest_ago_are_dropped() -> None:
    voxels = np.random.default_rng(0).integers(0, 9, (64, 64, 256)).astype(np.uint8)
    ahead = BlocksAhead(voxels, (64, 64, 256), budget=3 * 64**3)
    boxes = [Box((1, 2, 64 * place + 3), (5, 6, 64 * place + 9)) for place in range(4)]
    for box in boxes:
        ahead.read(box)
        ahead.voxels(boxes[0])
    assert [ahead.holds(box) for box in boxes] == [True, False, True, True]
    both = Box((1, 2, 180), (5, 6, 210))
    np.testing.assert_array_equal(ahead.voxels(both), voxels[both.slices])
    assert ahead.voxels(Box((1, 2, 60), (5, 6, 70))) is None
