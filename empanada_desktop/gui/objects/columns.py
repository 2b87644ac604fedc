"""What is known of every object, as columns; and how a column is said, sorted, filtered and explained."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.gui.objects.filtering import Field

NOTHING = "–"
STATUSES = ("", "queued", "accepted", "edited", "flagged", "reviewing")
MOST_DECIMALS = 6
WORDY, NUMBER, TRIPLE, BOX, MARK = "words", "number", "triple", "box", "mark"


@dataclass(frozen=True)
class Column:
    """A column: its key in ObjectColumns, title, what it means, and the name that the filter knows it by.

    figures: how many significant figures the middle value shows; every value of the column has the same decimals.
    where: the plane that it was measured in; "": in space.
    """

    key: str
    title: str
    meaning: str
    kind: str = NUMBER
    unit: str = ""
    figures: int = 3
    width: int = 80
    is_shown: bool = True
    where: str = ""

    @property
    def heading(self) -> str:
        """What stands over the column."""
        return f"{self.title} {self.unit}".strip()

    @property
    def is_right(self) -> bool:
        """Whether the column is set flush right: figures are."""
        return self.kind in (NUMBER, TRIPLE, BOX) and self.key != "id"


EYE = Column("visible", "", "Eye: whether the object is drawn. A click hides it or shows it again.", MARK, width=34)
ID = Column("id", "Id", "The number that the object's voxels hold: class × divisor + count.", NUMBER, width=88)
CLASS = Column("class", "Class", "What the object is, from its id.", WORDY, width=112, is_shown=False)
STATUS = Column("status", "Status", "Queued, accepted, edited or flagged in review.", WORDY, width=112)
REVIEW = Column(
    "review", "Review", "What the review queue asks of the object, and how suspicious it is, 0 to 1.", WORDY, width=92
)
VOXELS = Column("voxels", "Voxels", "How many voxels hold the id.", figures=9, width=96)
PLACED = (
    Column("box", "Box", "First voxel and the one after the last along z, y and x.", BOX, width=210, is_shown=False),
    Column("centre", "Centre z, y, x", "Mean place of the object's voxels, in voxels.", TRIPLE, width=112),
    Column("border", "Border", "Whether the object touches the edge of the volume.", WORDY, width=60),
)
CORE = (EYE, ID, CLASS, STATUS, REVIEW, VOXELS)


@dataclass(frozen=True)
class ObjectColumns:
    """Everything known of n objects. ids: (n,) uint32 ascending; the other arrays have one row for each.

    voxels: int64. starts, stops: (n, 3) boxes z y x, stop exclusive. centres: (n, 3) in voxels. status: place in
    STATUSES. questions, scores: what the review queue asks; place in `asked`, and 0 to 1 (NaN: nothing).
    measured: further figures by column key, NaN where an object was not measured. is_stale: measured before its voxels
    changed.
    """

    ids: NDArray[np.uint32]
    voxels: NDArray[np.int64]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    centres: NDArray[np.float64]
    border: NDArray[np.bool_]
    classes: NDArray[np.int64]
    class_names: tuple[str, ...]
    status: NDArray[np.int8]
    questions: NDArray[np.int8]
    asked: tuple[str, ...]
    scores: NDArray[np.float64]
    hidden: NDArray[np.bool_]
    measured: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    is_stale: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def none(cls) -> "ObjectColumns":
        """No objects at all."""
        whole, boxes, no = np.zeros(0, np.int64), np.zeros((0, 3), np.int64), np.zeros(0, np.bool_)
        return cls(
            np.zeros(0, np.uint32), whole, boxes, boxes, np.zeros((0, 3)), no, whole, ("",),
            np.zeros(0, np.int8), np.zeros(0, np.int8), ("",), np.zeros(0), no, {}, no,
        )  # fmt: skip

    def changed(self, **values: Any) -> "ObjectColumns":  # noqa: ANN401 - the fields
        """Return the same objects with other values."""
        return replace(self, **values)

    def rows_of(self, ids: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Return the rows of ids; those that are no object here are left out."""
        if not len(self.ids):
            return np.zeros(0, np.int64)
        places = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        return np.asarray(places[self.ids[places] == ids])

    def number(self, key: str) -> NDArray[Any]:
        """Return a column of figures by its key."""
        own: dict[str, NDArray[Any]] = {"id": self.ids, "voxels": self.voxels, "score": self.scores}
        if key in own:
            return own[key]
        return self.measured[key] if key in self.measured else np.full(len(self), np.nan)

    # Sorting

    def order(self, key: str, descending: bool = False) -> NDArray[np.int64]:
        """Return the rows sorted by a column; rows that are alike stay in their order, and nothing comes last."""
        keys = self._sort_keys(key)
        empty = np.isnan(keys[-1]) if keys[-1].dtype.kind == "f" else np.zeros(len(self), np.bool_)
        order = np.lexsort([-values if descending else values for values in keys])
        return np.concatenate([order[~empty[order]], order[empty[order]]])

    def _sort_keys(self, key: str) -> list[NDArray[Any]]:
        """Numbers to sort by, the most important last."""
        if key == "centre":
            return list(np.rint(self.centres).T[::-1])
        if key == "box":
            return list(self.starts.T[::-1])
        if key == "review":
            return [np.where(self.questions > 0, self.scores, np.nan)]
        worded = {"status": self.status, "visible": ~self.hidden, "border": self.border}
        if key == "class":
            ranks = np.argsort(np.argsort(np.array(self.class_names), kind="stable"), kind="stable")
            return [ranks[self.classes]]
        if key in worded:
            return [worded[key].astype(np.int64)]
        return [self._signed(key)]

    def _signed(self, key: str) -> NDArray[Any]:
        values = self.number(key)
        if values.dtype == object:  # words: their place in the order of words
            return np.unique(values.astype(str), return_inverse=True)[1].astype(np.int64)
        return values.astype(np.int64) if values.dtype.kind in "bu" else values

    # Filtering

    def fields(self, columns: "tuple[Column, ...]", selected: NDArray[np.bool_]) -> dict[str, Field]:
        """Return what the filter knows, by lower-case names."""
        found = {
            "id": Field(self.ids.astype(np.int64)),
            "class": Field(self.classes, self.class_names, is_found=True),
            "status": Field(self.status, STATUSES, is_found=True),
            "review": Field(self.questions, tuple(word.rstrip("?") for word in self.asked), is_found=True),
            "score": Field(self.scores),
            "voxels": Field(self.voxels),
            "border": Field(self.border),
            "visible": Field(~self.hidden),
            "selected": Field(selected),
        }
        for place, name in enumerate("zyx"):
            found[name] = Field(self.centres[:, place])
        for column in columns:
            if column.key in self.measured and column.kind == NUMBER:
                found[column.title.lower()] = Field(self.measured[column.key], unit=column.unit)
        return found

    # Words

    def teller(self, column: Column) -> Callable[[int], str]:
        """Return the function that says a row's value in a column."""
        if column.kind == NUMBER:
            return self._number_teller(column)
        if column.key in self.measured:
            words = self.measured[column.key]
            return lambda row: str(words[row]) or NOTHING
        return {
            "visible": lambda row: "hidden" if self.hidden[row] else "visible",
            "class": lambda row: self.class_names[self.classes[row]] or NOTHING,
            "status": lambda row: STATUSES[self.status[row]].capitalize() or NOTHING,
            "review": self._review_words,
            "box": self._box_words,
            "centre": lambda row: ", ".join(str(round(place)) for place in self.centres[row].tolist()),
            "border": lambda row: "yes" if self.border[row] else "no",
        }[column.key]

    def _number_teller(self, column: Column) -> Callable[[int], str]:
        values = self.number(column.key)
        if column.key == "id":
            return lambda row: str(int(values[row]))
        if values.dtype.kind in "iu":
            return lambda row: grouped(int(values[row]))
        decimals = decimals_for(values, column.figures)
        return lambda row: _figure(float(values[row]), decimals)

    def _review_words(self, row: int) -> str:
        question = self.questions[row]
        return f"{self.asked[question]} {self.scores[row]:.2f}" if question else NOTHING

    def longest(self, key: str) -> str:
        """Return words as long as the longest id, centre or box of all objects; "" for other columns."""
        if not len(self.ids):
            return ""
        ends = self.stops.max(axis=0).tolist()
        return {
            "id": str(int(self.ids[-1])),
            "centre": ", ".join(str(end) for end in ends),
            "box": ", ".join(f"{end}:{end}" for end in ends),
        }.get(key, "")

    def _box_words(self, row: int) -> str:
        spans = zip(self.starts[row].tolist(), self.stops[row].tolist(), strict=True)
        return ", ".join(f"{start}:{stop}" for start, stop in spans)


def grouped(number: int) -> str:
    """Set a whole number in groups of three digits, as in 3 500."""
    return f"{number:,}".replace(",", "\u202f")


def decimals_for(values: NDArray[Any], figures: int) -> int:
    """Return how many decimals show `figures` figures of the middle value."""
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    if not sizes.size or figures <= 0:
        return max(0, figures - 1)
    return int(np.clip(figures - 1 - np.floor(np.log10(np.median(sizes))), 0, MOST_DECIMALS))


def _figure(value: float, decimals: int) -> str:
    return f"{value:,.{decimals}f}".replace(",", "\u202f") if np.isfinite(value) else NOTHING


def rounded(value: float) -> str:
    """Say a value with three figures, large ones in groups of digits."""
    return f"{value:.3g}" if abs(value) < 1000 or not np.isfinite(value) else grouped(int(float(f"{value:.3g}")))
