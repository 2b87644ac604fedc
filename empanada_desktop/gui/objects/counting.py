"""Counting the objects of a label layer: how far it is, how it is given up, and what is known of them afterwards."""

from dataclasses import dataclass, field

from empanada_desktop.core.context import QuietContext
from empanada_desktop.core.geometry import Box
from empanada_desktop.core.objects import ObjectIndex
from empanada_desktop.document.sources import PlaneSource
from empanada_desktop.errors import JobCancelled
from empanada_desktop.gui.objects.facts import Measured


class Counting(QuietContext):
    """Tells how far counting is, and gives up when the window closes or other labels are to be counted."""

    def __init__(self) -> None:
        self.progress = (0, 0)
        self.is_given_up = False

    def report(self, done: int, total: int, message: str = "") -> None:
        """Keep it for whoever looks."""
        self.progress = (done, total)

    def check_cancelled(self) -> None:
        """Stop where it is wanted."""
        if self.is_given_up:
            raise JobCancelled


@dataclass
class Counted:
    """What is known of a layer. `source` and `pending`: what the index was made of, and where voxels changed since.

    is_refused: the user has cancelled counting.
    """

    source: PlaneSource
    index: ObjectIndex | None = None
    pending: list[Box] = field(default_factory=list)
    measured: Measured | None = None
    is_refused: bool = False


def lies_over(source: PlaneSource, before: PlaneSource) -> bool:
    """Whether a source holds the voxels of another one until they are changed."""
    return getattr(source, "base", None) is before
