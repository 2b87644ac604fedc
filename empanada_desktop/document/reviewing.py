"""The review queue of a label layer: what was found suspicious, and what the user said to each of it."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from empanada_desktop.core.suspicion import Suspicion

ACCEPTED, SKIPPED, EDITED, FLAGGED, DELETED = "accepted", "skipped", "edited", "flagged", "deleted"
OPEN = ("", SKIPPED)


@dataclass(frozen=True)
class QueueItem:
    """A question about one object or two. place: z y x. voxels: how many each object had when it was asked."""

    ids: tuple[int, ...]
    question: str
    kind: str
    reason: str
    score: float
    place: tuple[float, float, float]
    voxels: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        """What an answer is kept under, so that it holds when the same question is found again."""
        return f"{self.question} {self.kind} {'+'.join(map(str, sorted(self.ids)))}"

    @property
    def title(self) -> str:
        """The ids, as in "10012 + 10019"."""
        return " + ".join(map(str, self.ids))

    def to_plain(self) -> list[Any]:
        """Return what JSON holds."""
        return [
            list(self.ids), self.question, self.kind, self.reason, self.score, list(self.place), list(self.voxels)
        ]  # fmt: skip

    @classmethod
    def from_plain(cls, plain: Sequence[Any]) -> "QueueItem":
        """Return the item of plain values; ValueError or TypeError where they are mangled."""
        ids, question, kind, reason, score, place, voxels = plain
        z, y, x = (float(each) for each in place)
        return cls(
            tuple(int(each) for each in ids), str(question), str(kind), str(reason), float(score), (z, y, x),
            tuple(int(each) for each in voxels),
        )  # fmt: skip


def queue_of(found: "Iterable[Suspicion]", sizes: Mapping[int, int]) -> tuple[QueueItem, ...]:
    """Return the queue of what was found, most suspicious first; sizes: voxels by id."""
    items = [
        QueueItem(
            each.ids, each.question, each.kind, each.reason, float(each.score), each.place,
            tuple(sizes.get(label_id, 0) for label_id in each.ids),
        )
        for each in found
    ]  # fmt: skip
    return tuple(sorted(items, key=lambda item: -item.score))


def items_from_plain(plain: object) -> tuple[QueueItem, ...]:
    """Return the items that JSON holds; what is mangled is left out."""
    items = []
    for each in plain if isinstance(plain, list) else []:
        with contextlib.suppress(TypeError, ValueError):
            items.append(QueueItem.from_plain(each))
    return tuple(items)


def state_of(item: QueueItem, decisions: Mapping[str, str], sizes: Mapping[int, int]) -> str:
    """Return what became of an item: what the user said, "edited" where its objects have changed since, "" if open.

    sizes: voxels by id, of the objects that there are now.
    """
    said = decisions.get(item.key, "")
    if said not in OPEN:
        return said
    changed = any(sizes.get(label_id) != before for label_id, before in zip(item.ids, item.voxels, strict=False))
    return EDITED if changed else said
