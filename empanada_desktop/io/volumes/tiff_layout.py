"""Which axes of a TIFF series are z, y, x and samples."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.plurals import counted
from empanada_desktop.errors import VolumeError

# A "channel" axis longer than this holds planes: ImageJ imports stacks so when it is not told otherwise.
MOST_CHANNELS = 4
AXIS_NAMES = {"C": "channels", "T": "time points"}


@dataclass(frozen=True)
class Layout:
    """How a TIFF series becomes z y x: which of its axes are z, y, x and samples, and what was left out."""

    axes: str
    shape: tuple[int, ...]
    z: int | None
    notes: tuple[str, ...]

    @property
    def has_samples(self) -> bool:
        """True when pixels have several samples (colour, alpha)."""
        return "S" in self.axes

    @property
    def depth(self) -> int:
        """Number of planes."""
        return 1 if self.z is None else self.shape[self.z]

    def size(self, axis: str) -> int:
        """Length of a named axis."""
        return self.shape[self.axes.index(axis)]

    def to_zyx(self, array: NDArray[Any]) -> NDArray[Any]:
        """A view of the whole series as z y x, or z y x sample."""
        index = tuple(
            slice(None) if position == self.z or axis in "YXS" else 0 for position, axis in enumerate(self.axes)
        )
        kept = [
            ("Z" if position == self.z else axis) for position, axis in enumerate(self.axes) if index[position] != 0
        ]
        view = array[index]
        if "Z" not in kept:
            view, kept = view[np.newaxis], ["Z", *kept]
        return view.transpose([kept.index(axis) for axis in "ZYXS" if axis in kept])


def tiff_layout(axes: str, shape: tuple[int, ...], path: Path) -> Layout:
    """Name the z axis, and say which others were cut down to their first element."""
    if "Y" not in axes or "X" not in axes or 0 in shape:
        raise VolumeError(f"{path} holds no image: its axes are {axes} {shape}.", "Choose another file.")
    others = [position for position, axis in enumerate(axes) if axis not in "YXS" and shape[position] > 1]
    notes = []
    z = next((position for position in others if axes[position] in "ZR"), None)
    if z is None:
        # Unnamed axes, time points and long rows of channels hold the planes of a stack that nobody described.
        stacks = [p for p in others if axes[p] != "C" or (len(others) == 1 and shape[p] > MOST_CHANNELS)]
        z = max(stacks, key=lambda position: shape[position], default=None)
        if z is not None and axes[z] in "TC":
            notes.append(f"The file calls its {counted(shape[z], 'plane')} {AXIS_NAMES[axes[z]]}; they are taken as z.")
    for position in others:
        if position != z:
            name = AXIS_NAMES.get(axes[position], "images")
            notes.append(f"The file holds {shape[position]} {name}; the first is open.")
    return Layout(axes, shape, z, tuple(notes))
