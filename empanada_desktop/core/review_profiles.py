"""Areas of an object from plane to plane: sudden changes, and ends that are no ends."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Objects of fewer planes along an axis have no profile worth looking at.
LEAST_PLANES = 6


@dataclass(frozen=True)
class Step:
    """A sudden change of area between planes `index` and `index` + 1 of the profile.

    size: the change by what a smooth body would change by at most.
    """

    index: int
    before: int
    after: int
    size: float


def usual_change(areas: NDArray[np.int64], step: float, pixel: float) -> float:
    """Return by which part of its largest area a smooth body changes from plane to plane at most.

    step: distance of the planes, pixel: area of a pixel, in the same unit. The sections of an ellipsoid of n planes
    change by 4 / n, the round end of a tube within a step by 1 - (1 - step / radius)²: all of it in thick sections.
    """
    radius = math.sqrt(max(1, int(areas.max())) * pixel / math.pi)
    return min(1.0, max(4 / len(areas), 1 - (1 - min(1.0, step / radius)) ** 2))


def largest_step(areas: NDArray[np.int64], step: float = 1.0, pixel: float = 1.0) -> Step | None:
    """Return the largest change of area between neighbouring planes; None for too few planes."""
    if len(areas) < LEAST_PLANES:
        return None
    changes = np.abs(np.diff(areas))
    index = int(np.argmax(changes))
    size = float(changes[index] / max(1, areas.max()) / usual_change(areas, step, pixel))
    return Step(index, int(areas[index]), int(areas[index + 1]), size)


def bluntness(areas: NDArray[np.int64], step: float = 1.0, pixel: float = 1.0) -> tuple[float, float]:
    """Return how blunt the first and the last end are: area of the end plane by the largest; 0 for too few planes.

    Ends that a smooth body would have as well count as sharp.
    """
    if len(areas) < LEAST_PLANES // 2:
        return 0.0, 0.0
    usual = usual_change(areas, step, pixel)
    first, last = (max(0.0, areas[end] / areas.max() - usual) / max(1e-9, 1 - usual) for end in (0, -1))
    return float(first), float(last)
