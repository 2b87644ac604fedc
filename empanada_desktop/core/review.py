"""Which objects look wrong, why, and how much: what a review goes through first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.geometry import Spacing
from empanada_desktop.core.objects import LabelArray, ObjectIndex

Question = Literal["Join?", "Split?", "Real?", "Edge"]


@dataclass(frozen=True)
class Suspicion:
    """Why one object, or two that may be one, should be looked at.

    ids: one object, or two for "Join?". kind: which rule says so ("contact", "neck", "step" …). reason: in words.
    score: 0 to 1, the higher the more suspicious. place: z y x in voxels, where to look.
    """

    ids: tuple[int, ...]
    question: Question
    kind: str
    reason: str
    score: float
    place: tuple[float, float, float]


def suspicions(
    labels: LabelArray,
    grey: LabelArray | None,
    spacing: Spacing,
    *,
    objects: ObjectIndex | None = None,
    stacks: Mapping[str, LabelArray] | None = None,
    ids: Iterable[int] | None = None,
    context: JobContext | None = None,
) -> list[Suspicion]:
    """Return what is suspicious about objects (None: all), most suspicious first.

    stacks: labels of the single stacks ("xy", "xz", "yz") of the result, where it kept them.
    """
    objects = objects or ObjectIndex.of(labels, context)
    found = []
    for row, label_id in enumerate(objects.ids.tolist()):
        if objects.touches_border[row]:
            z, y, x = objects.centroids[row].tolist()
            reason = f"Touches the border, {objects.voxels[row]} voxels"
            found.append(Suspicion((label_id,), "Edge", "border", reason, 0.2, (z, y, x)))
    return sorted(found, key=lambda each: -each.score)
