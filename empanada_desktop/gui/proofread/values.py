"""What the form "Edit objects" holds, as plain values, and their limits."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from empanada_desktop.tasks import filter_labels, merge_labels, morph_labels, split_labels
from empanada_desktop.tasks.params import TaskParams


def limits_of(record: type[TaskParams], name: str) -> tuple[int, int]:
    """Return the least and the largest value of a whole number of a task."""
    limits = {type(limit).__name__: limit for limit in record.model_fields[name].metadata}
    return int(limits["Ge"].ge), int(limits["Le"].le)


RADIUS = limits_of(morph_labels.Params, "radius")
MIN_DISTANCE = limits_of(split_labels.Params, "min_distance")
BRIDGE = limits_of(merge_labels.Params, "bridge")
MIN_SIZE = limits_of(filter_labels.Params, "min_size")
LARGEST_HOLE = MIN_SIZE[1]
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
    of any size. splits_all (by distance), on_all (morph), filters_all: every object of the layer instead of those that
    are picked.
    """

    mode: Mode = Mode.MERGE
    works_in: WorksIn = "3d"
    merge_by: Literal["click", "line", "points"] = "click"
    kept: Literal["larger", "first", "chosen"] = "larger"
    kept_id: int = 1
    bridge: int = 0
    goes_on: bool = True
    split_by: Literal["distance", "points", "line"] = "points"
    min_distance: int = split_labels.Params().min_distance
    new_ids_from: int = 0
    morph: MorphKind = "dilate"
    radius: int = morph_labels.Params().radius
    hole_size: int = morph_labels.Params().hole_size
    filter_by: Literal["small", "border"] = "small"
    min_size: int = filter_labels.Params().min_size
    splits_all: bool = False
    on_all: bool = False
    filters_all: bool = True

    @property
    def means_all(self) -> bool:
        """Whether every object of the layer is meant."""
        if self.mode is Mode.SPLIT:
            return self.splits_all and self.split_by == "distance"
        return (self.mode is Mode.MORPH and self.on_all) or (self.mode is Mode.FILTER and self.filters_all)

    @property
    def pick_by(self) -> str:
        """How the mouse picks in the views: "click", "line" or "points"."""
        by = {Mode.MERGE: self.merge_by, Mode.SPLIT: self.split_by}.get(self.mode, "click")
        return "click" if by == "distance" else by
