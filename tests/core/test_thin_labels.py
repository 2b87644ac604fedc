"""What lies between the samples of a coarser level is put back, and nothing else."""

import numpy as np

from empanada_desktop.core.geometry import Box
from empanada_desktop.core.thin_labels import put_back_thin


def test_thin_things_come_back_and_thick_ones_stay_as_they_are() -> None:
    fine = np.zeros((24, 31, 40), np.uint32)
    fine[3, 4:27, 2:38] = 7  # one plane, between those of the coarser level, over the borders of all boxes
    fine[8:19, 9:22, 5:30] = 9
    fine[20:22, 1, 1:40] = 8  # a line that begins on a sample along z, and lies between two along y
    factor = (2, 4, 2)
    coarse = fine[::2, ::4, ::2].copy()
    assert set(np.unique(coarse)) == {0, 9}
    before = coarse.copy()
    cuts = ((0, 10, 24), (0, 15, 31), (0, 17, 40))  # within samples, too
    boxes = [
        Box.of_spans([(cut[at], cut[at + 1]) for cut, at in zip(cuts, place, strict=True)])
        for place in np.ndindex(2, 2, 2)
    ]
    put_back_thin(coarse, factor, [(box, fine[box.slices]) for box in boxes])
    np.testing.assert_array_equal(coarse == 9, before == 9)
    np.testing.assert_array_equal(np.argwhere(coarse == 7).min(axis=0), (1, 1, 1))
    np.testing.assert_array_equal(np.argwhere(coarse == 7).max(axis=0), (1, 6, 18))
    assert np.count_nonzero(coarse == 7) == 6 * 18  # without a gap
    assert (coarse[10, 0, :] == 8).all()
    assert np.count_nonzero(coarse == 8) == 20
