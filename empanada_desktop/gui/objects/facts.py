"""From what was counted, measured and reviewed to the columns of the table."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Spacing
from empanada_desktop.core.objects import ObjectIndex
from empanada_desktop.document import LabelsLayer
from empanada_desktop.document.reviewing import OPEN, state_of
from empanada_desktop.gui.objects.columns import CORE, PLACED, STATUSES, Column, ObjectColumns

if TYPE_CHECKING:
    from empanada_desktop.core.measure import Measurements

NM3_IN_UM3 = 1e9
GREY = Column("grey", "Grey", "Mean grey value of the object's voxels.", figures=2, width=72)
NOT_YET = "Measure fills this column."
# What the table offers before anything was measured, and shows first after it.
OFFERED = (("surface", "Surface", 3), ("length", "Length", 3), ("sphericity", "Sphericity", 2))
OFFERED_KEYS = tuple(key for key, _title, _figures in OFFERED)


@dataclass
class Measured:
    """Figures by column key for ids (ascending), and the voxels that the objects had then."""

    columns: tuple[Column, ...]
    ids: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float64]]
    prints: NDArray[np.float64]
    is_stale: NDArray[np.bool_]

    @classmethod
    def joined(cls, before: "Measured | None", new: "Measurements", index: ObjectIndex) -> "Measured":
        """Put new measurements beside those of objects that were not measured again, if they are in the same units."""
        columns = tuple(_column(column) for column in new.columns if _is_figure(new.values[column.key], column.key))
        values = {column.key: np.asarray(new.values[column.key], np.float64) for column in columns}
        made = cls(columns, new.ids, values, fingerprints(index, new.ids), np.zeros(len(new.ids), np.bool_))
        if before is None or before.columns != columns:
            return made
        kept = ~np.isin(before.ids, new.ids)
        ids = np.concatenate([before.ids[kept], new.ids])
        order = np.argsort(ids, kind="stable")
        both = {key: np.concatenate([before.values[key][kept], values[key]])[order] for key in values}
        prints = np.concatenate([before.prints[kept], made.prints])[order]
        stale = np.concatenate([before.is_stale[kept], made.is_stale])[order]
        return cls(columns, ids[order], both, prints, stale)

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


def columns_for(layer: LabelsLayer | None, measured: Measured | None) -> tuple[Column, ...]:
    """The columns that a layer's objects can have: the volume where the voxel size is known, what can be measured."""
    volume = (_volume(),) if layer is not None and layer.spacing.is_known else ()
    found = () if measured is None else measured.columns
    core = tuple(replace(column, is_shown=False) if volume and column.key == "voxels" else column for column in CORE)
    return (*core, *volume, *_offered(found), GREY, *_further(found), *PLACED)


def object_columns(
    layer: LabelsLayer,
    index: ObjectIndex,
    measured: Measured | None,
    edited: NDArray[np.int64],
    looked_at: frozenset[int],
) -> ObjectColumns:
    """Put together everything known of a layer's objects."""
    ids = index.ids.astype(np.uint32)
    classes, names = _classes(layer, index.ids)
    questions, scores, asked = _questions(layer, index)
    hidden = layer.hidden
    figures, stale = _figures(layer, index, measured)
    return ObjectColumns(
        ids, index.voxels, index.starts, index.stops, index.centroids, index.touches_border,
        classes, names, _status(layer, index.ids, questions, edited, looked_at), questions, asked, scores,
        np.isin(index.ids, np.fromiter(hidden, np.int64, len(hidden))), figures, stale,
    )  # fmt: skip


def _figures(
    layer: LabelsLayer, index: ObjectIndex, measured: Measured | None
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.bool_]]:
    stale = np.zeros(len(index), np.bool_)
    figures: dict[str, NDArray[np.float64]] = {"grey": index.mean_grey}
    size = voxel_volume(layer.spacing)
    if size is not None:
        figures["volume"] = index.voxels.astype(np.float64) * size
    for key in OFFERED_KEYS:
        figures[key] = np.full(len(index), np.nan)
    if measured is None or not len(index):
        return figures, stale
    places = np.minimum(np.searchsorted(index.ids, measured.ids), len(index) - 1)
    there = index.ids[places] == measured.ids
    for key, values in measured.values.items():
        if key not in ("grey", "volume"):
            figures[key] = np.full(len(index), np.nan)
            figures[key][places[there]] = values[there]
    stale[places[there]] = measured.is_stale[there]
    return figures, stale


def sizes_of(index: ObjectIndex) -> dict[int, int]:
    """Return how many voxels each object has, by id."""
    return dict(zip(index.ids.tolist(), index.voxels.tolist(), strict=True))


def voxel_volume(spacing: Spacing) -> float | None:
    """Return a voxel's volume in µm³; None where its size is not known."""
    if spacing.z is None or spacing.y is None or spacing.x is None:
        return None
    return spacing.z * spacing.y * spacing.x / NM3_IN_UM3


def _volume() -> Column:
    return Column("volume", "Volume", "Voxels times the volume of one.", unit="µm³", width=104)


def _offered(found: tuple[Column, ...]) -> tuple[Column, ...]:
    by_key = {column.key: column for column in found}
    return tuple(by_key.get(key, Column(key, title, NOT_YET, figures=digits)) for key, title, digits in OFFERED)


def _further(found: tuple[Column, ...]) -> tuple[Column, ...]:
    known = {"grey", "volume", *OFFERED_KEYS}
    return tuple(column for column in found if column.key not in known)


def _column(column: object) -> Column:
    key, title = str(getattr(column, "key", "")), str(getattr(column, "title", ""))
    digits = {key: digits for key, _title, digits in OFFERED}
    return Column(
        key, title, str(getattr(column, "definition", "")), unit=str(getattr(column, "unit", "")),
        figures=digits.get(key, 3), width=110, is_shown=key in digits,
    )  # fmt: skip


def _is_figure(values: NDArray[np.generic], key: str) -> bool:
    return values.dtype.kind in "iuf" and key not in ("id", "voxels")


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
    for place, state in enumerate(STATUSES):
        if state and state != "queued":
            of_state = [label_id for label_id, said in layer.review.items() if said == state]
            status[np.isin(ids, np.array(of_state, np.int64))] = place
    status[np.isin(ids, np.array(sorted(looked_at), np.int64))] = STATUSES.index("reviewing")
    return status
