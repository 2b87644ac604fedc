"""Planes that were segmented on their own, at their place in the volume that they came from."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.document.sources import Triple, VolumeSource, box_of, cut, intersection, within


class PlacedSource:
    """A file of planes (planes, rows, columns) of some orientation inside a volume that is empty elsewhere."""

    def __init__(
        self, planes: VolumeSource, shape: Triple, axis: Axis, first: int = 0, origin: tuple[int, int] = (0, 0)
    ) -> None:
        """Place the planes in a volume of `shape`: the first one's index, and the row and column of its corner."""
        self.planes = planes
        self.axis = axis
        self._shape = shape
        self._order = (axis.normal, *axis.in_plane)
        start, stop = [0, 0, 0], [0, 0, 0]
        for place, low, length in zip(self._order, (first, *origin), planes.shape, strict=True):
            start[place], stop[place] = low, low + length
        self.box = Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))

    @property
    def shape(self) -> Triple:
        """Voxels of the volume along z, y and x."""
        return self._shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a voxel."""
        return self.planes.dtype

    @property
    def levels(self) -> list[Triple]:
        """Level 0 only."""
        return [(1, 1, 1)]

    @property
    def grains(self) -> list[Triple]:
        """Single planes."""
        return [(1, 1, 1)]

    @property
    def version(self) -> int:
        """Files do not change while they are open."""
        return 0

    @property
    def spacing(self) -> Spacing:
        """Voxel size along z, y and x of the volume."""
        own = self.planes.spacing
        z, y, x = (own.zyx[self._order.index(axis)] for axis in range(3))
        return Spacing(z, y, x, own.source)

    def read(self, level: int, axis: Axis, index: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Return part of a plane."""
        return self[cut(axis, slice(index, index + 1), rows, columns)].squeeze(axis.normal)

    def __getitem__(self, index: Any, /) -> NDArray[Any]:  # noqa: ANN401 - three slices
        wanted = box_of(index, self._shape)
        result = np.zeros(wanted.shape, self.dtype)
        common = intersection(wanted, self.box)
        if common is not None:
            held = within(common, self.box)
            planes = self.planes[tuple(held[place] for place in self._order)]
            result[within(common, wanted)] = np.moveaxis(planes, (0, 1, 2), self._order)
        return result

    def close(self) -> None:
        """Let go of the file."""
        self.planes.close()
