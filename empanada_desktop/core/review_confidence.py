"""Objects of which the network was hardly sure: their mean confidence is not far above the cut."""

from collections.abc import Mapping
from dataclasses import dataclass

# By which part of the way from the cut to certainty an object has to be above it.
SURE = 0.5
MOST = 0.8


@dataclass(frozen=True)
class Confidence:
    """Mean confidence of each object, 0 to 1, and the confidence from which on a pixel counted."""

    means: Mapping[int, float]
    cut: float

    def doubt(self, label_id: int) -> float:
        """Return how doubtful an object is: MOST at the cut and below, 0 where the network was sure, or unknown."""
        mean = self.means.get(label_id)
        if mean is None:
            return 0.0
        above = (mean - self.cut) / max(1e-9, 1 - self.cut)
        return MOST * min(1.0, max(0.0, 1 - above / SURE))
