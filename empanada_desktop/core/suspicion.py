"""What a review asks about an object, and why."""

from dataclasses import dataclass
from typing import Literal

Question = Literal["Join?", "Split?", "Real?", "Edge"]
Place = tuple[float, float, float]

AXES = "zyx"


@dataclass(frozen=True)
class Suspicion:
    """Why one object, or two that may be one, should be looked at.

    ids: one object, or two for "Join?". kind: which rule says so (contact, neck, step, end, stacks, odd, border,
    confidence, thread). reason: in words. score: 0 to 1, the higher the more suspicious. place: z y x in voxels, where
    to look.
    """

    ids: tuple[int, ...]
    question: Question
    kind: str
    reason: str
    score: float
    place: Place
