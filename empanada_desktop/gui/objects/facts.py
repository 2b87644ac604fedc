"""From what was counted, measured and reviewed to the columns of the table."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core import measure_columns
from empanada_desktop.core.geometry import Spacing
from empanada_desktop.core.objects import ObjectIndex
from empanada_desktop.document import LabelsLayer
from empanada_desktop.document.reviewing import OPEN, state_of
from empanada_desktop.gui.objects.columns import CORE, NUMBER, PLACED, STATUSES, WORDY, Column, ObjectColumns
from empanada_desktop.gui.objects.terms import NM_IN, Terms, Unit, converted

if TYPE_CHECKING:
    from empanada_desktop.core.measure import Measurements

GREY = Column("grey", "Grey", "Mean grey value of the object's voxels.", figures=2, width=60)
SAID = {word: STATUSES.index(word) for word in ("accepted", "edited", "flagged")}
OWN = (*CORE, replace(CORE[-1], is_shown=False), *PLACED)
NOT_YET = "Measure fills this column."
# What is counted already, and so always of now.
COUNTED = ("id", "class", "voxels", "volume", "grey_mean", "z", "y", "x", "border")
SHOWN_FIRST = ("surface", "area", "perimeter", "length", "sphericity", "circularity")
FIGURES = {"sphericity": 2, "circularity": 2, "pixels": 9, "grey_sd": 2, "grey_min": 2, "grey_max": 2, "grey_median": 2}


@dataclass
class Measured:
    """Figures and words by column key for ids (ascending); sizes of a voxel, and what the objects were like then."""

    columns: tuple[Column, ...]
    sizes: tuple[float | None, float | None, float | None]
    ids: NDArray[np.int64]
    values: Mapping[str, NDArray[Any]]
    prints: NDArray[np.float64]
    is_stale: NDArray[np.bool_]
    where: str = ""

    @classmethod
    def joined(
        cls, before: "Measured | None", new: "Measurements", index: ObjectIndex, spacing: Spacing, where: str = ""
    ) -> "Measured":
        """Put new measurements beside those of objects that were not measured again, if they are in the same terms.

        spacing: the layer's when measuring began. where: the plane that was measured.
        """
        columns = tuple(_column(column, where) for column in new.columns if column.key not in counted_in(where))
        values = {column.key: new.values[column.key] for column in columns}
        prints = fingerprints(index, new.ids)
        made = cls(columns, spacing.zyx, new.ids, values, prints, np.zeros(len(new.ids), np.bool_), where)
        if before is None or (before.columns, before.sizes) != (columns, spacing.zyx):
            return made
        kept = ~np.isin(before.ids, new.ids)
        ids = np.concatenate([before.ids[kept], new.ids])
        order = np.argsort(ids, kind="stable")
        both = {key: np.concatenate([before.values[key][kept], values[key]])[order] for key in values}
        prints = np.concatenate([before.prints[kept], made.prints])[order]
        stale = np.concatenate([before.is_stale[kept], made.is_stale])[order]
        return cls(columns, spacing.zyx, ids[order], both, prints, stale, where)

    def told_in(self, unit: Unit) -> "Measured":
        """Return the same figures in nm or µm; those in voxels stay so."""
        told = {column.key: converted(column.unit, unit) for column in self.columns}
        columns = tuple(replace(column, unit=told[column.key][0]) for column in self.columns)
        factors = {key: factor for key, (_, factor) in told.items() if factor != 1}
        values = {key: each * factors[key] if key in factors else each for key, each in self.values.items()}
        return replace(self, columns=columns, values=values)

    def note_changes(self, index: ObjectIndex) -> None:
        """Mark the objects whose voxels are not those that were measured."""
        now = fingerprints(index, self.ids)
        self.is_stale = ~((now == self.prints) | (np.isnan(now) & np.isnan(self.prints))).all(axis=1)


def fingerprints(index: ObjectIndex, ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (n, 10) figures of objects that differ when voxels do; NaN for ids that are gone."""
    prints = np.full((len(ids), 10), np.nan)
    if len(index):
        places = np.minimum(np.searchsorted(index.ids, ids), len(index.ids) - 1)
        there = index.ids[places] == ids
        rows = places[there]
        prints[there] = np.hstack(
            [index.voxels[rows, None], index.starts[rows], index.stops[rows], index.centroids[rows]]
        )
    return prints


def columns_for(layer: LabelsLayer | None, measured: Measured | None, terms: Terms | None = None) -> tuple[Column, ...]:
    """The columns that a layer's objects can have: what is counted, and what was or can be measured."""
    spacing = Spacing() if layer is None else layer.spacing
    terms = (terms or Terms()).fitting(spacing)
    volume = (_volume(terms.unit),) if terms.unit != "px" and spacing.is_known else ()
    core = tuple(replace(column, is_shown=False) if volume and column.key == "voxels" else column for column in CORE)
    measurable = offered(terms) if measured is None else measured.columns
    first = tuple(column for column in measurable if column.is_shown)
    further = tuple(column for column in measurable if not column.is_shown)
    return (*core, *volume, *first, GREY, *further, *PLACED)


def offered(terms: Terms) -> tuple[Column, ...]:
    """The columns that measuring will fill."""
    found = measure_columns.columns(terms.unit, in_plane=terms.axis is not None, with_grey=True)
    columns = (_column(column) for column in found if column.key not in counted_in(terms.where))
    return tuple(replace(column, meaning=f"{column.meaning}\n{NOT_YET}") for column in columns)


def object_columns(
    layer: LabelsLayer,
    index: ObjectIndex,
    measured: Measured | None,
    edited: NDArray[np.int64],
    looked_at: frozenset[int],
    terms: Terms | None = None,
) -> ObjectColumns:
    """Put together everything known of a layer's objects."""
    ids = index.ids.astype(np.uint32)
    classes, names = _classes(layer, index.ids)
    questions, scores, asked = _questions(layer, index)
    hidden = layer.hidden
    figures, stale = _figures(layer, index, measured, terms)
    return ObjectColumns(
        ids, index.voxels, index.starts, index.stops, index.centroids, index.touches_border,
        classes, names, _status(layer, index.ids, questions, edited, looked_at), questions, asked, scores,
        np.isin(index.ids, np.fromiter(hidden, np.int64, len(hidden))), figures, stale,
    )  # fmt: skip


def _figures(
    layer: LabelsLayer, index: ObjectIndex, measured: Measured | None, terms: Terms | None
) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_]]:
    stale = np.zeros(len(index), np.bool_)
    figures: dict[str, NDArray[Any]] = {"grey": index.mean_grey}
    columns = columns_for(layer, measured, terms)
    size = voxel_volume(layer.spacing, (terms or Terms()).unit)
    if size is not None and any(column.key == "volume" for column in columns):
        figures["volume"] = index.voxels.astype(np.float64) * size
    for column in columns:
        if column.key not in figures and column not in OWN:
            figures[column.key] = _blank(column, len(index))
    if measured is None or not len(index):
        return figures, stale
    places = np.minimum(np.searchsorted(index.ids, measured.ids), len(index) - 1)
    there = index.ids[places] == measured.ids
    for key, values in measured.values.items():
        figures[key][places[there]] = values[there]
    stale[places[there]] = measured.is_stale[there]
    return figures, stale


def _blank(column: Column, count: int) -> NDArray[Any]:
    return np.full(count, "", object) if column.kind == WORDY else np.full(count, np.nan)


def sizes_of(index: ObjectIndex) -> dict[int, int]:
    """Return how many voxels each object has, by id."""
    return dict(zip(index.ids.tolist(), index.voxels.tolist(), strict=True))


def voxel_volume(spacing: Spacing, unit: Unit = "µm") -> float | None:
    """Return a voxel's volume in nm³ or µm³; None where its size is not known."""
    if spacing.z is None or spacing.y is None or spacing.x is None:
        return None
    return spacing.z * spacing.y * spacing.x / NM_IN.get(unit, 1.0) ** 3


def counted_in(where: str) -> tuple[str, ...]:
    """Keys of what is counted already: in a plane the mean grey value is another one."""
    return tuple(key for key in COUNTED if key != "grey_mean") if where else COUNTED


def _volume(unit: Unit) -> Column:
    return Column("volume", "Volume", "Voxels times the volume of one.", unit=f"{unit}³", width=88)


def _column(column: "measure_columns.Column", where: str = "") -> Column:
    is_text = column.key == "neighbours"
    meaning = f"In {where}. {column.definition}" if where else column.definition
    return Column(
        column.key, column.title, meaning, WORDY if is_text else NUMBER, column.unit,
        FIGURES.get(column.key, 3), 80, column.key in SHOWN_FIRST, where,
    )  # fmt: skip


def _classes(layer: LabelsLayer, ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    numbers, places = np.unique(ids // layer.label_divisor, return_inverse=True)
    names = tuple(layer.class_names.get(int(number), f"class {number}") for number in numbers)
    return places.astype(np.int64), names


def _questions(layer: LabelsLayer, index: ObjectIndex) -> tuple[NDArray[np.int8], NDArray[np.float64], tuple[str, ...]]:
    """The most suspicious open question of each object."""
    ids = index.ids
    questions, scores = np.zeros(len(ids), np.int8), np.full(len(ids), np.nan)
    asked: list[str] = [""]
    sizes = sizes_of(index) if layer.queue else {}
    for item in sorted(layer.queue, key=lambda each: each.score):
        if state_of(item, layer.decisions, sizes) not in OPEN:
            continue
        if item.question not in asked:
            asked.append(item.question)
        rows = [row for row in np.searchsorted(ids, item.ids) if row < len(ids)]
        questions[rows], scores[rows] = asked.index(item.question), item.score
    return questions, scores, tuple(asked)


def _status(
    layer: LabelsLayer,
    ids: NDArray[np.int64],
    questions: NDArray[np.int8],
    edited: NDArray[np.int64],
    looked_at: frozenset[int],
) -> NDArray[np.int8]:
    """What stands of each object: an open question makes it queued, an edit edited, a word of the user what it says."""
    status = np.where(questions > 0, STATUSES.index("queued"), 0).astype(np.int8)
    status[np.isin(ids, edited)] = STATUSES.index("edited")
    said = np.fromiter(layer.review, np.int64, len(layer.review))
    words = np.fromiter((SAID.get(word, 0) for word in layer.review.values()), np.int8, len(said))
    rows = np.searchsorted(ids, said)
    there = (rows < len(ids)) & (words > 0)
    there[there] = ids[rows[there]] == said[there]
    status[rows[there]] = words[there]
    status[np.isin(ids, np.array(sorted(looked_at), np.int64))] = STATUSES.index("reviewing")
    return status
