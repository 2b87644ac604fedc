"""Which axes of a stored array are z, y and x, and what becomes of the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.errors import VolumeError

NAMES = {"t": "time points", "c": "channels", "channel": "channels", "time": "time points"}


class Sliceable(Protocol):
    """Anything that answers basic indexing with an array."""

    def __getitem__(self, key: Any, /) -> Any: ...  # noqa: ANN401 - each library has its own kinds of index


@dataclass(frozen=True)
class Picked:
    """Positions of z, y and x among a stored array's axes (None: there is no z), and what was left out."""

    n_axes: int
    zyx: tuple[int | None, int | None, int | None]
    notes: tuple[str, ...] = ()

    def order(self, sizes: Sequence[int]) -> tuple[int, int, int]:
        """The sizes of z, y and x out of those of all stored axes; 1 where there is no z."""
        z, y, x = (1 if position is None else int(sizes[position]) for position in self.zyx)
        return z, y, x

    def read(self, array: Sliceable, box: Sequence[slice]) -> NDArray[Any]:
        """Read a z y x box: the first element along every axis that was left out."""
        index: list[Any] = [0] * self.n_axes
        for position, steps in zip(self.zyx, box, strict=True):
            if position is not None:
                index[position] = steps
        values = np.asarray(array[tuple(index)])
        present = [position for position in self.zyx if position is not None]
        stored = sorted(present)
        values = values.transpose([stored.index(position) for position in present])
        return values.reshape([1 if p is None else s.stop - s.start for p, s in zip(self.zyx, box, strict=True)])


def pick_axes(shape: Sequence[int], names: Sequence[str], what: str) -> Picked:
    """Find z, y and x by their names, or by their order where there are none.

    Axes of length 1 are dropped; of named time points and channels the first is taken, with a note. Anything else
    beyond three axes is a VolumeError that names `what`.
    """
    if len(shape) < 2 or 0 in shape:
        raise VolumeError(f"{what} is no image: its shape is {tuple(shape)}.", "Choose a 2D or 3D array.")
    lowered = [name.lower() for name in names]
    if len(lowered) == len(shape) and {"y", "x"} <= set(lowered):
        return _by_name(shape, lowered, what)
    kept = [position for position, size in enumerate(shape) if size > 1]
    kept = list(range(len(shape) - 3, len(shape))) if len(kept) < 3 <= len(shape) else kept
    kept = list(range(len(shape))) if len(shape) <= 3 else kept
    if len(kept) > 3 or len(kept) < 2:
        raise VolumeError(
            f"{what} has {len(shape)} axes ({' × '.join(map(str, shape))}), and nothing says which are z, y and x.",
            "Save the one channel or time point that you need as a 3D array.",
        )
    y, x = kept[-2:]
    return Picked(len(shape), (kept[0] if len(kept) == 3 else None, y, x))


def _by_name(shape: Sequence[int], names: list[str], what: str) -> Picked:
    others = [position for position, name in enumerate(names) if name not in "zyx"]
    notes = []
    for position in others:
        if shape[position] > 1:
            called = NAMES.get(names[position])
            if called is None:
                raise VolumeError(
                    f"{what} has an axis {names[position]} of length {shape[position]} beside z, y and x.",
                    "Save the part that you need as a 3D array.",
                )
            notes.append(f"The file holds {shape[position]} {called}; the first is open.")
    z = names.index("z") if "z" in names else None
    return Picked(len(shape), (z, names.index("y"), names.index("x")), tuple(notes))
