"""The voxels of an array as they were at one moment, while the array goes on changing."""

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Box
from empanada_desktop.io.overlay import Grid, inside, shared

if TYPE_CHECKING:
    from empanada_desktop.document.sources import ArraySource

Triple = tuple[int, int, int]


class FrozenArray:
    """Reads an array; what is about to be overwritten is copied first, block by block. The array's lock is held."""

    def __init__(self, source: "ArraySource") -> None:
        self._source, self.version = source, source.version
        self.shape, self.dtype = source.shape, source.dtype
        self._grid = Grid(source.shape)
        self._kept: dict[Triple, NDArray[Any]] = {}

    def keep(self, box: Box) -> None:
        """Copy the blocks that a box reaches into, unless they were copied before; for the source only."""
        for place in product(*self._grid.touched(box)):
            if place not in self._kept:
                self._kept[place] = np.array(self._source.array[self._grid.box(place).slices])

    def __getitem__(self, index: Any) -> NDArray[Any]:  # noqa: ANN401 - three slices
        from empanada_desktop.document.sources import box_of

        box = box_of(index, self.shape)
        with self._source.lock:
            voxels = np.array(self._source.array[box.slices])
            for place in product(*self._grid.touched(box)):
                if place in self._kept:
                    own = self._grid.box(place)
                    common = shared(box, own)
                    voxels[inside(common, box)] = self._kept[place][inside(common, own)]
        return voxels
