"""Pictures of planes with outlined objects."""

import numpy as np

from empanada_desktop.core.picture import CANVAS, LABEL_COLOURS, outlined_plane, side_by_side


def test_objects_are_outlined_in_their_colour_and_the_rest_stays_grey() -> None:
    grey = np.full((12, 12), 0.5, np.float32)
    labels = np.zeros((12, 12), np.uint32)
    labels[3:9, 3:9] = 10_001
    picture = outlined_plane(grey, labels)
    colour = LABEL_COLOURS[10_001 % 8]
    np.testing.assert_array_equal(picture[3, 5], colour)
    np.testing.assert_array_equal(picture[0, 0], [127, 127, 127])
    assert not np.array_equal(picture[5, 5], colour)
    assert not np.array_equal(picture[5, 5], [127, 127, 127])


def test_pictures_stand_side_by_side() -> None:
    canvas = side_by_side([np.full((4, 5, 3), 255, np.uint8), np.full((6, 3, 3), 9, np.uint8)], gap=2)
    assert canvas.shape == (10, 14, 3)
    np.testing.assert_array_equal(canvas[0, 0], CANVAS)
    np.testing.assert_array_equal(canvas[2, 2], [255, 255, 255])
    np.testing.assert_array_equal(canvas[7, 9], [9, 9, 9])
