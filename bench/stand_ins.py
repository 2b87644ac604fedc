"""What networks would say of discs, to measure what comes after a network with a known number of objects."""

import numpy as np
from numpy.typing import NDArray

from bench.postprocess import round_objects

Maps = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


class StackOfDiscs:
    """About `count` discs on planes of `side` pixels that drift by a pixel from plane to plane."""

    def __init__(self, side: int, count: int, n_planes: int) -> None:
        self.side, self.n_planes = side, n_planes
        self._semantic, self._heatmap, self._offsets = round_objects(side, count)

    def full_maps(self, index: int) -> Maps:
        """Logits (1, H, W), heatmap (1, H, W) and offsets (2, H, W)."""
        logits = (self._semantic * 8 - 4).astype(np.float32)
        maps = (logits, self._heatmap[None], self._offsets)
        logits, heatmap, offsets = (np.ascontiguousarray(np.roll(each, index, axis=1)) for each in maps)
        return logits, heatmap, offsets

    def quarter_maps(self, index: int) -> Maps:
        """The same with heatmap and offsets at a quarter of the side."""
        logits, heatmap, offsets = self.full_maps(index)
        return logits, heatmap[:, ::4, ::4].copy(), offsets[:, ::4, ::4].copy()

    def panoptic(self, divisor: int) -> list[NDArray[np.uint32]]:
        """The planes as panoptic ids, made once and shifted."""
        from empanada_desktop.engine.postprocess import panoptic_plane

        semantic, heatmap, offsets = self._semantic, self._heatmap[::4, ::4].copy(), self._offsets[:, ::4, ::4].copy()
        plane = panoptic_plane(semantic, heatmap, offsets, things=[1], label_divisor=divisor)
        return [np.roll(plane, index, axis=0) for index in range(self.n_planes)]

    def grey(self) -> NDArray[np.uint8]:
        """A volume of noise of that size, for the network to run on."""
        shape = (self.n_planes, self.side, self.side)
        return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
