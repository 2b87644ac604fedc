"""Areas of an object from plane to plane: sudden changes, and ends that are no ends."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Objects of fewer planes along an axis have no profile worth looking at.
LEAST_PLANES = 6


@dataclass(frozen=True)
class Step:
    """A sudden change of area between planes `index` and `index` + 1 of the profile.

    size: the change by what an ellipsoid of that many planes would change by at most.
    """

    index: int
    before: int
    after: int
    size: float


def largest_step(areas: NDArray[np.int64]) -> Step | None:
    """Return the largest change of area between neighbouring planes; None for too few planes."""
    if len(areas) < LEAST_PLANES:
        return None
    changes = np.abs(np.diff(areas))
    index = int(np.argmax(changes))
    # The sections of an ellipsoid of n planes grow by 4 / n of the largest at most, from plane to plane.
    size = float(changes[index] / max(1, areas.max()) * len(areas) / 4)
    return Step(index, int(areas[index]), int(areas[index + 1]), size)


def bluntness(areas: NDArray[np.int64]) -> tuple[float, float]:
    """Return how blunt the first and the last end are: area of the end plane by the largest; 0 for too few planes.

    Ends that an ellipsoid of that many planes would have as well count as sharp.
    """
    if len(areas) < LEAST_PLANES // 2:
        return 0.0, 0.0
    usual = min(1.0, 4 / len(areas))
    first, last = (max(0.0, areas[end] / areas.max() - usual) / max(1e-9, 1 - usual) for end in (0, -1))
    return float(first), float(last)
