"""Pictures of planes with the outlines of their objects, as RGB arrays."""

import numpy as np
from numpy.typing import NDArray

# Chosen for distance under normal vision and three colour deficiencies.
LABEL_COLOURS = np.array(
    [
        (0xF7, 0xCF, 0x1D),
        (0x8A, 0x5C, 0xFA),
        (0x23, 0xD8, 0xDD),
        (0xE8, 0x73, 0x3F),
        (0x79, 0xB0, 0xF8),
        (0xDE, 0x2E, 0x9F),
        (0xB3, 0xF1, 0xA6),
        (0xFF, 0x9E, 0x9A),
    ],
    dtype=np.uint8,
)
FILL = 0.3
CANVAS = (0x10, 0x11, 0x14)


def outlined_plane(grey: NDArray[np.floating], labels: NDArray[np.unsignedinteger], zoom: int = 1) -> NDArray[np.uint8]:
    """Return an RGB picture (H * zoom, W * zoom, 3) of a plane in 0..1 with its objects tinted and outlined."""
    grey, labels = (np.kron(plane, np.ones((zoom, zoom), plane.dtype)) for plane in (grey, labels))
    picture = np.repeat((np.clip(grey, 0, 1) * 255).astype(np.uint8)[..., None], 3, axis=2)
    colours = LABEL_COLOURS[labels % len(LABEL_COLOURS)]
    inside = labels > 0
    picture[inside] = (picture[inside] * (1 - FILL) + colours[inside] * FILL).astype(np.uint8)
    border = inside & _touches_another(labels)
    picture[border] = colours[border]
    return picture


def side_by_side(pictures: list[NDArray[np.uint8]], gap: int = 8) -> NDArray[np.uint8]:
    """Put RGB pictures next to each other on the canvas colour, top edges level."""
    height = max(picture.shape[0] for picture in pictures) + 2 * gap
    width = sum(picture.shape[1] + gap for picture in pictures) + gap
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[:] = CANVAS
    left = gap
    for picture in pictures:
        canvas[gap : gap + picture.shape[0], left : left + picture.shape[1]] = picture
        left += picture.shape[1] + gap
    return canvas


def _touches_another(labels: NDArray[np.unsignedinteger]) -> NDArray[np.bool_]:
    border = np.zeros(labels.shape, np.bool_)
    for axis in (0, 1):
        differs = np.diff(labels, axis=axis) != 0
        low, high = [slice(None)] * 2, [slice(None)] * 2
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        border[tuple(low)] |= differs
        border[tuple(high)] |= differs
    return border
