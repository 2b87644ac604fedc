import math

import numpy as np
import pytest

from empanada_desktop.engine.targets import class_map, connected_pieces, make_targets


def test_targets_of_two_squares_by_hand() -> None:
    mask = np.zeros((64, 96), np.int64)
    mask[10:15, 20:25] = 1001
    mask[40:43, 70:77] = 1002
    targets = make_targets(mask, (1,), (1,), 1000)
    assert np.array_equal(targets.classes, (mask > 0).astype(np.int64))
    heat = targets.heatmap[0]
    assert heat[12, 22] == heat[41, 73] == heat.max() == 1
    assert heat[12, 28] == pytest.approx(math.exp(-0.5))
    assert heat[12 + 6, 22 + 6] == pytest.approx(math.exp(-1))
    assert heat[63, 0] == 0
    assert targets.offsets[:, 10, 24].tolist() == [2, -2]
    assert targets.offsets[:, 42, 70].tolist() == [-1, 3]
    assert not targets.offsets[:, mask == 0].any()


def test_offsets_point_to_fractional_centroids() -> None:
    mask = np.zeros((16, 16), np.int64)
    mask[4:6, 4:8] = 1001
    targets = make_targets(mask, (1,), (1,), 1000)
    assert targets.offsets[:, 4, 4].tolist() == [0.5, 1.5]


def test_an_instance_cut_in_two_gets_two_centres() -> None:
    mask = np.zeros((40, 80), np.int64)
    mask[18:23, 3:8] = mask[18:23, 60:65] = 1007
    heat = make_targets(mask, (1,), (1,), 1000).heatmap[0]
    assert heat[20, 5] == heat[20, 62] == 1
    assert heat[20, 33] < 0.01


def test_a_speck_belongs_to_its_objects_largest_piece() -> None:
    mask = np.zeros((40, 80), np.int64)
    mask[10:30, 10:30] = 1007
    mask[20, 40] = 1007
    targets = make_targets(mask, (1,), (1,), 1000)
    assert targets.offsets[1, 20, 40] < -15
    assert np.count_nonzero(targets.heatmap[0] == 1) == 1


def test_touching_instances_stay_apart() -> None:
    instances = np.zeros((10, 10), np.int64)
    instances[:, 2:5], instances[:, 5:8] = 1001, 1002
    pieces = connected_pieces(instances)
    assert set(np.unique(pieces)) == {0, 1, 2}
    assert len(np.unique(pieces[instances == 1001])) == 1


def test_diagonal_pixels_are_connected() -> None:
    assert connected_pieces(1001 * np.eye(6, dtype=np.int64)).max() == 1


def test_stuff_has_a_class_but_no_centre() -> None:
    mask = np.zeros((32, 32), np.int64)
    mask[4:9, 4:9] = 1001
    mask[20:28, 4:28] = 2000
    targets = make_targets(mask, (1, 2), (1,), 1000)
    assert targets.classes[24, 10] == 2
    assert targets.classes[6, 6] == 1
    assert not targets.offsets[:, 20:28].any()
    assert targets.heatmap[0, 24, 16] < 0.1


def test_empty_mask_gives_empty_targets() -> None:
    targets = make_targets(np.zeros((16, 16), np.int64), (1,), (1,), 1000)
    assert not any(array.any() for array in targets)


def test_class_map_follows_the_divisor() -> None:
    mask = np.array([[0, 10, 19], [20, 25, 39]])
    assert class_map(mask, (1, 2, 3), 10).tolist() == [[0, 1, 1], [2, 2, 3]]
