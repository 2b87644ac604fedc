"""A network's answer for one plane in few bytes, good enough to find its objects again with other confidences."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

PROBABILITY_STEPS = 255
HEATMAP_STEPS = 1 << 14  # a centre is the highest cell around: steps so small that neighbours are hardly ever equal
OFFSET_STEPS = 16  # of a pixel


@dataclass(frozen=True)
class KeptMaps:
    """Rounded maps of a plane.

    semantic: uint8 (C, H, W), probabilities in steps of 1/255. heatmap: int16 (h, w), in steps of 1/16384. offsets:
    int16 (2, h, w), in sixteenths of a pixel of the image that the network saw.
    """

    semantic: NDArray[np.uint8]
    heatmap: NDArray[np.int16]
    offsets: NDArray[np.int16]

    @classmethod
    def of(cls, semantic: Floats, heatmap: Floats, offsets: Floats) -> Self:
        """Round maps as a network gives them; what lies beyond the steps' range becomes its end."""
        return cls(
            np.rint(semantic * np.float32(PROBABILITY_STEPS)).astype(np.uint8),
            _stepped(heatmap, HEATMAP_STEPS),
            _stepped(offsets, OFFSET_STEPS),
        )

    def unpacked(self) -> tuple[Floats, Floats, Floats]:
        """Return semantic, heatmap and offsets as float32."""
        return (
            self.semantic.astype(np.float32) / np.float32(PROBABILITY_STEPS),
            self.heatmap.astype(np.float32) / np.float32(HEATMAP_STEPS),
            self.offsets.astype(np.float32) / np.float32(OFFSET_STEPS),
        )


def _stepped(values: Floats, steps: int) -> NDArray[np.int16]:
    whole = np.rint(values * np.float32(steps))
    limits = np.iinfo(np.int16)
    stepped: NDArray[np.int16] = np.clip(whole, limits.min, limits.max).astype(np.int16)
    return stepped
