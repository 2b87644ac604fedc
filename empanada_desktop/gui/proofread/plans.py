"""From what is picked and what the form says to a plan of a deed: one value that says everything, or why not yet."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.objects import ObjectIndex
from empanada_desktop.gui.proofread.picks import Line, Triple
from empanada_desktop.gui.proofread.values import Mode, Values

VERBS = {
    "dilate": "Dilate",
    "erode": "Erode",
    "close": "Close",
    "open": "Open",
    "fill": "Fill holes in",
    "smooth": "Smooth",
}


@dataclass(frozen=True)
class Picked:
    """What is picked in a layer. place: the plane that "plane" means."""

    layer_id: str
    ids: tuple[int, ...]
    points: tuple[Triple, ...] = ()
    line: Line | None = None
    place: tuple[Axis, int] = (Axis.XY, 0)


@dataclass(frozen=True)
class Plan:
    """A deed that could be done now. into: the id that a merged object has."""

    values: Values
    picked: Picked
    into: int = 0
    deletes: bool = False
    title: str = field(default="", compare=False)

    @property
    def ids(self) -> tuple[int, ...] | None:
        """The objects that are meant; None for all."""
        return None if self.values.means_all and not self.deletes else self.picked.ids

    @property
    def axis(self) -> Axis | None:
        """The orientation of the plane that is changed; None where the volume is."""
        return None if self.values.works_in == "3d" else self.picked.place[0]

    @property
    def index(self) -> int:
        """The index of that plane."""
        return self.picked.place[1]


@dataclass(frozen=True)
class NotYet:
    """Why there is no plan: what to do first."""

    hint: str


def plan_of(values: Values, picked: Picked, objects: ObjectIndex) -> Plan | NotYet:
    """Say what would be done now, or what is missing."""
    maker = {Mode.MERGE: _merge, Mode.SPLIT: _split, Mode.MORPH: _morph, Mode.FILTER: _filter}[values.mode]
    return maker(values, picked, objects)


def plan_deletion(values: Values, picked: Picked) -> Plan | NotYet:
    """Say which objects would be deleted."""
    if not picked.ids:
        return NotYet("No objects picked. Click one in a view.")
    what = objects_words(picked.ids)
    title = f"Delete {what}" if values.works_in == "3d" else f"Delete voxels of {what}"
    return Plan(values, picked, deletes=True, title=title)


def kept_id(values: Values, picked: Picked, objects: ObjectIndex) -> int:
    """The id that the objects have together when they are merged; 0 when nothing is picked."""
    if values.kept == "chosen":
        return values.kept_id
    if not picked.ids:
        return 0
    if values.kept == "first":
        return picked.ids[0]
    return picked.ids[int(np.argmax(sizes_of(objects, picked.ids)))]


def sizes_of(objects: ObjectIndex, ids: Sequence[int]) -> NDArray[np.int64]:
    """How many voxels objects have; 0 for one that is not known."""
    wanted = np.array(ids, np.int64)
    if not len(objects):
        return np.zeros(len(wanted), np.int64)
    rows = np.minimum(np.searchsorted(objects.ids, wanted), len(objects) - 1)
    return np.where(objects.ids[rows] == wanted, objects.voxels[rows], 0)


def objects_words(ids: Sequence[int] | None) -> str:
    """Name an object, or say how many they are."""
    if ids is None:
        return "all objects"
    return str(ids[0]) if len(ids) == 1 else f"{len(ids)} objects"


def _merge(values: Values, picked: Picked, objects: ObjectIndex) -> Plan | NotYet:
    into = kept_id(values, picked, objects)
    if len(picked.ids) < 2 and not (values.kept == "chosen" and picked.ids and into not in picked.ids):
        hints = {"click": "Click objects in any view", "line": "Draw a line across objects"}
        return NotYet(hints.get(values.merge_by, "Click points on objects"))
    if into not in picked.ids and objects.find(into) is not None:
        return NotYet(f"{into} is another object: pick it too, or choose another id")
    others = [label_id for label_id in picked.ids if label_id != into]
    return Plan(values, picked, into, title=f"Merge {objects_words(others)} into {into}")


def _split(values: Values, picked: Picked, _objects: ObjectIndex) -> Plan | NotYet:
    by = values.split_by
    if by == "line":
        if picked.line is None:
            return NotYet("Draw a line across an object")
        if not picked.ids:
            return NotYet("The line crosses no object")
        on_line = replace(picked, place=(picked.line.axis, picked.line.index))
        return Plan(values, on_line, title=f"Split {objects_words(picked.ids)} along a line")
    if not picked.ids and not values.means_all:
        return NotYet("Click an object" if by == "distance" else "Click points in an object")
    if by == "distance":
        what = objects_words(None if values.means_all else picked.ids)
        return Plan(values, picked, title=f"Split {what} by distance {values.min_distance}")
    if len(picked.points) < 2:
        return NotYet("Click two points or more in it")
    return Plan(values, picked, title=f"Split {objects_words(picked.ids)} at {len(picked.points)} points")


def _morph(values: Values, picked: Picked, _objects: ObjectIndex) -> Plan | NotYet:
    if not picked.ids and not values.on_all:
        return NotYet("Click an object")
    what = objects_words(None if values.on_all else picked.ids)
    with_radius = values.morph != "fill"
    return Plan(values, picked, title=f"{VERBS[values.morph]} {what}" + with_radius * f", radius {values.radius}")


def _filter(values: Values, picked: Picked, _objects: ObjectIndex) -> Plan | NotYet:
    if not picked.ids and not values.filters_all:
        return NotYet("Click objects")
    if values.filter_by == "border":
        return Plan(values, picked, title="Filter objects at the border")
    unit = "voxels" if values.works_in == "3d" else "pixels"
    return Plan(values, picked, title=f"Filter objects below {values.min_size} {unit}")
