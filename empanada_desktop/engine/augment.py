"""Random variations of a training patch: one affine resampling pass, then brightness and contrast."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numba
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Augmentation:
    """How far patches are varied; the defaults are those published weights were trained with."""

    scale: tuple[float, float] = (0.1, 2.0)
    """Factor on the size of things, drawn evenly over its logarithm."""
    subset_scales: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Another scale range for the sub-data-sets named."""
    rotation: float = 180.0
    """Largest turn in degrees, either way."""
    flips: bool = True
    brightness: float = 0.3
    """Largest shift of the grey values, as a fraction of the range."""
    contrast: float = 0.3
    """Largest change of contrast around mid-grey."""
    noise: float = 0.0
    """Largest standard deviation of added Gaussian noise, as a fraction of the range."""
    foreground: float = 0.0
    """Share of patches that are laid over a labelled pixel instead of anywhere."""

    def scale_of(self, subset: str) -> tuple[float, float]:
        """Scale range for one sub-data-set."""
        return self.subset_scales.get(subset, self.scale)


PLAIN = Augmentation(scale=(1.0, 1.0), rotation=0.0, flips=False, brightness=0.0, contrast=0.0)


def draw_matrix(
    rng: np.random.Generator, augmentation: Augmentation, scale_range: tuple[float, float]
) -> NDArray[np.float64]:
    """Draw the 2x2 matrix that takes a step in the patch (y, x) to a step in the image, in pixels."""
    low, high = scale_range
    scale = math.exp(rng.uniform(math.log(low), math.log(high)))
    angle = math.radians(rng.uniform(-augmentation.rotation, augmentation.rotation))
    flip = rng.integers(0, 2, 2) * 2 - 1 if augmentation.flips else np.ones(2)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    matrix: NDArray[np.float64] = turn * flip[None, :] / scale
    return matrix


def draw_centre(
    rng: np.random.Generator, mask: NDArray[np.integer], matrix: NDArray[np.float64], patch: int, foreground: float
) -> NDArray[np.float64]:
    """Draw the image position (y, x) of the patch's middle so that the patch stays inside the image where it can.

    With chance `foreground` the patch covers a random labelled pixel, somewhere within its middle half.
    """
    reach = np.abs(matrix).sum(axis=1) * patch / 2
    size = np.array(mask.shape, float)
    low, high = np.minimum(reach, size / 2), np.maximum(size - reach, size / 2)
    centre = rng.uniform(low, high)
    if rng.uniform() < foreground:
        target = _labelled_pixel(rng, mask)
        if target is not None:
            centre = target + matrix @ rng.uniform(-patch / 4, patch / 4, 2)
            centre = np.clip(centre, low, high)
    return np.asarray(centre, np.float64)


def _labelled_pixel(rng: np.random.Generator, mask: NDArray[np.integer]) -> NDArray[np.float64] | None:
    # Guessing is faster than a search through the whole mask, unless labels are rare.
    for _ in range(100):
        y, x = int(rng.integers(mask.shape[0])), int(rng.integers(mask.shape[1]))
        if mask[y, x]:
            return np.array([y, x], float)
    labelled = np.flatnonzero(mask)
    if labelled.size == 0:
        return None
    return np.array(np.unravel_index(labelled[rng.integers(labelled.size)], mask.shape), float)


def cut_patch(
    image: NDArray[np.integer],
    mask: NDArray[np.integer],
    matrix: NDArray[np.float64],
    centre: NDArray[np.float64],
    patch: int,
    fill: float,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Resample a square of `patch` pixels around `centre`: image linearly (averaging when shrinking), mask by nearest.

    Outside the image stands `fill`, and 0 in the mask.
    """
    picture = np.empty((patch, patch), np.float32)
    ids = np.empty((patch, patch), np.int64)
    samples = min(8, max(1, math.ceil(math.sqrt(abs(np.linalg.det(matrix))) - 0.25)))
    _resample(image, mask, matrix, centre, fill, samples, picture, ids)
    return picture, ids


@numba.njit(cache=True, nogil=True)
def _resample(
    image: NDArray[np.integer],
    mask: NDArray[np.integer],
    matrix: NDArray[np.float64],
    centre: NDArray[np.float64],
    fill: float,
    samples: int,
    picture: NDArray[np.float32],
    ids: NDArray[np.int64],
) -> None:
    height, width = image.shape
    side = picture.shape[0]
    middle = (side - 1) / 2
    for row in range(side):
        for column in range(side):
            dy, dx = row - middle, column - middle
            y = centre[0] - 0.5 + matrix[0, 0] * dy + matrix[0, 1] * dx
            x = centre[1] - 0.5 + matrix[1, 0] * dy + matrix[1, 1] * dx
            near_y, near_x = math.floor(y + 0.5), math.floor(x + 0.5)
            inside = 0 <= near_y < height and 0 <= near_x < width
            ids[row, column] = mask[near_y, near_x] if inside else 0
            if not inside:
                picture[row, column] = fill
                continue
            total = 0.0
            for a in range(samples):
                for b in range(samples):
                    sy, sx = (a + 0.5) / samples - 0.5, (b + 0.5) / samples - 0.5
                    yy = min(max(y + matrix[0, 0] * sy + matrix[0, 1] * sx, 0.0), height - 1.0)
                    xx = min(max(x + matrix[1, 0] * sy + matrix[1, 1] * sx, 0.0), width - 1.0)
                    y0, x0 = int(yy), int(xx)
                    y1, x1 = min(y0 + 1, height - 1), min(x0 + 1, width - 1)
                    fy, fx = yy - y0, xx - x0
                    top = image[y0, x0] * (1 - fx) + image[y0, x1] * fx
                    bottom = image[y1, x0] * (1 - fx) + image[y1, x1] * fx
                    total += top * (1 - fy) + bottom * fy
            picture[row, column] = total / (samples * samples)


def vary_grey(
    rng: np.random.Generator, picture: NDArray[np.float32], augmentation: Augmentation
) -> NDArray[np.float32]:
    """Shift brightness, stretch contrast around mid-grey and add noise; `picture` holds fractions of the grey range."""
    gain = 1 + rng.uniform(-augmentation.contrast, augmentation.contrast)
    shift = rng.uniform(-augmentation.brightness, augmentation.brightness)
    varied: NDArray[np.float32] = (picture - np.float32(0.5)) * np.float32(gain) + np.float32(0.5 + shift)
    if augmentation.noise > 0:
        sigma = np.float32(rng.uniform(0, augmentation.noise))
        varied += sigma * rng.standard_normal(picture.shape, dtype=np.float32)
    return np.clip(varied, 0, 1, out=varied)
