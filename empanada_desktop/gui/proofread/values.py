"""What the form "Edit objects" holds, as plain values, and their limits."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from empanada_desktop.core.proofread_morph import MAX_RADIUS

RADIUS = (1, MAX_RADIUS)
MIN_DISTANCE = (1, 100)
BRIDGE = (0, 20)
LARGEST_SIZE = 1_000_000_000
# The largest number that a field of Qt can hold.
LARGEST_ID = 2**31 - 1

MorphKind = Literal["dilate", "erode", "close", "open", "fill", "smooth"]
WorksIn = Literal["plane", "planes", "3d"]


class Mode(StrEnum):
    """What the form is set to do."""

    MERGE = "merge"
    SPLIT = "split"
    MORPH = "morph"
    FILTER = "filter"


@dataclass(frozen=True)
class Values:
    """Every choice of the form.

    works_in: one plane, every plane of the active view's orientation on its own (filters only), or the volume.
    kept: which id a merged object has. new_ids_from: 0 takes the lowest free id of the class. hole_size: 0 fills holes
    of any size. on_all: morph and filter, every object of the layer instead of those that are picked.
    """

    mode: Mode = Mode.MERGE
    works_in: WorksIn = "3d"
    merge_by: Literal["click", "line", "points"] = "click"
    kept: Literal["larger", "first", "chosen"] = "larger"
    kept_id: int = 1
    bridge: int = 0
    goes_on: bool = True
    split_by: Literal["distance", "points", "line"] = "points"
    min_distance: int = 12
    new_ids_from: int = 0
    morph: MorphKind = "dilate"
    radius: int = 1
    hole_size: int = 0
    filter_by: Literal["small", "border"] = "small"
    min_size: int = 500
    on_all: bool = False
    filters_all: bool = True

    @property
    def means_all(self) -> bool:
        """Whether every object of the layer is meant."""
        return (self.mode is Mode.MORPH and self.on_all) or (self.mode is Mode.FILTER and self.filters_all)

    @property
    def pick_by(self) -> str:
        """How the mouse picks in the views: "click", "line" or "points"."""
        by = {Mode.MERGE: self.merge_by, Mode.SPLIT: self.split_by}.get(self.mode, "click")
        return "click" if by == "distance" else by
