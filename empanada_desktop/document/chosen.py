"""Some objects of another layer, as labels of their own: what a score has found missed or invented."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Axis
from empanada_desktop.document.sources import PlaneSource, Triple, box_of, cut

HATCH = 6


class ChosenObjects:
    """Reads another source and leaves out all but some ids; hatched: in stripes along x + y + z. Nothing is copied."""

    def __init__(self, base: PlaneSource, ids: Iterable[int], is_hatched: bool = False) -> None:
        self.base = base
        self._ids = np.array(sorted(ids), np.int64)
        self._is_hatched = is_hatched

    @property
    def shape(self) -> Triple:
        """Voxels along z, y and x."""
        return self.base.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a voxel."""
        return np.dtype(np.uint32)

    @property
    def levels(self) -> list[Triple]:
        """How many voxels one sample of each level spans."""
        return self.base.levels

    @property
    def grains(self) -> list[Triple]:
        """What is best read together."""
        return self.base.grains

    @property
    def version(self) -> int:
        """That of the other source."""
        return self.base.version

    def read(self, level: int, axis: Axis, index: int, rows: slice, columns: slice) -> NDArray[np.uint32]:
        """Return part of a plane of a level."""
        factor = self.levels[level]
        shape = [-(-length // step) for length, step in zip(self.shape, factor, strict=True)]
        box = box_of(cut(axis, slice(index, index + 1), rows, columns), (shape[0], shape[1], shape[2]))
        ids = np.expand_dims(self.base.read(level, axis, index, rows, columns), axis.normal)
        return self._chosen(ids, box.start, factor).squeeze(axis.normal)

    def __getitem__(self, index: Any) -> NDArray[np.uint32]:  # noqa: ANN401 - three slices
        return self._chosen(np.asarray(self.base[index]), box_of(index, self.shape).start, (1, 1, 1))

    def _chosen(self, ids: NDArray[Any], start: Triple, factor: Triple) -> NDArray[np.uint32]:
        kept = np.isin(ids, self._ids)
        if self._is_hatched and kept.any():
            along = np.ogrid[tuple(slice(0, length) for length in ids.shape)]
            place = sum((one + low) * step for one, low, step in zip(along, start, factor, strict=True))
            kept &= place % HATCH < HATCH // 2
        return np.where(kept, ids, 0).astype(np.uint32)
