import numpy as np
import pytest

from empanada_desktop.engine.augment import PLAIN, Augmentation, cut_patch, draw_centre, draw_matrix, vary_grey


def textured(side: int = 96) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (side, side), dtype=np.uint8)
    mask = np.zeros((side, side), np.uint32)
    mask[20:40, 30:70], mask[60:80, 10:30] = 1001, 1002
    return image, mask


def test_without_variation_a_patch_is_a_crop() -> None:
    image, mask = textured()
    matrix = draw_matrix(np.random.default_rng(0), PLAIN, (1.0, 1.0))
    patch, ids = cut_patch(image, mask, matrix, np.array([48.0, 40.0]), 32, 0)
    assert np.array_equal(patch, image[32:64, 24:56])
    assert np.array_equal(ids, mask[32:64, 24:56])


@pytest.mark.parametrize("quarter_turns", [1, 2, 3])
def test_quarter_turns_are_exact_and_move_image_and_mask_alike(quarter_turns: int) -> None:
    image, mask = textured()
    angle = quarter_turns * np.pi / 2
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    patch, ids = cut_patch(image, mask, matrix, np.array([48.0, 48.0]), 96, 0)
    assert np.allclose(patch, np.rot90(image, -quarter_turns), atol=1e-3)
    assert np.array_equal(ids, np.rot90(mask, -quarter_turns))


def test_no_id_is_invented_at_any_angle_and_scale() -> None:
    image, mask = textured()
    for seed in range(20):
        rng = np.random.default_rng(seed)
        matrix = draw_matrix(rng, Augmentation(), (0.3, 2.0))
        centre = draw_centre(rng, mask, matrix, 64, 0.5)
        patch, ids = cut_patch(image, mask, matrix, centre, 64, 7)
        assert set(np.unique(ids)) <= {0, 1001, 1002}
        assert 0 <= patch.min() <= patch.max() <= 255


def test_scale_makes_things_larger_by_that_factor() -> None:
    image, mask = textured()
    matrix = draw_matrix(np.random.default_rng(0), PLAIN, (2.0, 2.0))
    ids = cut_patch(image, mask, matrix, np.array([30.0, 50.0]), 96, 0)[1]
    assert np.count_nonzero(ids == 1001) == pytest.approx(4 * 20 * 40, rel=0.02)


def test_shrinking_averages_instead_of_skipping_pixels() -> None:
    image, mask = textured()
    matrix = draw_matrix(np.random.default_rng(0), PLAIN, (0.25, 0.25))
    patch, _ = cut_patch(image, mask, matrix, np.array([48.0, 48.0]), 24, 0)
    blocks = image.reshape(24, 4, 24, 4).mean(axis=(1, 3))
    assert np.abs(patch - blocks).max() < 6
    assert np.corrcoef(patch.ravel(), blocks.ravel())[0, 1] > 0.99


def test_outside_the_image_stands_the_fill() -> None:
    image, mask = textured(32)
    patch, ids = cut_patch(image, mask + 1001, np.eye(2), np.array([16.0, 16.0]), 64, 99)
    assert (patch[:16] == 99).all()
    assert not ids[:16].any()
    assert np.array_equal(patch[16:48, 16:48], image)


def test_patches_over_foreground_hold_some() -> None:
    mask = np.zeros((512, 512), np.uint32)
    mask[200:215, 300:320] = 1001
    image = np.zeros((512, 512), np.uint8)
    hits = {0.0: 0, 1.0: 0}
    for share in hits:
        for seed in range(40):
            centre = draw_centre(np.random.default_rng(seed), mask, np.eye(2), 64, share)
            hits[share] += bool(cut_patch(image, mask, np.eye(2), centre, 64, 0)[1].any())
    assert hits[0.0] < 10
    assert hits[1.0] == 40


def test_grey_varies_within_the_range_and_keeps_its_order() -> None:
    ramp = np.linspace(0, 1, 256, dtype=np.float32)[None]
    for seed in range(20):
        varied = vary_grey(np.random.default_rng(seed), ramp, Augmentation())
        assert varied.dtype == np.float32
        assert 0 <= varied.min() <= varied.max() <= 1
        assert (np.diff(varied) >= 0).all()
    assert np.allclose(vary_grey(np.random.default_rng(0), ramp, PLAIN), ramp, atol=1e-6)
