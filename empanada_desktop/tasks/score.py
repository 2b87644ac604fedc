"""Score a segmentation against a truth in 2D and 3D: IoU, precision, recall, F1, panoptic quality, AP."""

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from empanada_desktop.core.components import connected_parts
from empanada_desktop.core.context import JobContext
from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.metrics import Scores, by_class, score_table, unmatched
from empanada_desktop.core.overlap import Contingency, add_contingencies, contingency, relabel
from empanada_desktop.core.stack_components import StackComponents
from empanada_desktop.errors import SettingsError, VolumeError
from empanada_desktop.tasks.params import TaskInputs, TaskParams, ui
from empanada_desktop.tasks.recipe import make_recipe
from empanada_desktop.tasks.score_layers import check_layer_name, write_layers

if TYPE_CHECKING:
    from empanada_desktop.io.volumes import Volume

TITLE = "Score a segmentation against a truth."
TABLES_BETWEEN_SUMS = 64
Threshold = Annotated[float, Field(gt=0, le=1)]
Objects = Literal["auto", "ids", "components"]
OBJECTS_HELP = (
    "ids: each id is an object. components: each connected part of what is not 0 is one. "
    "auto: components when there is one id only (a mask), ids otherwise."
)


class Params(TaskParams):
    """What counts as an object and as a match."""

    thresholds: Annotated[tuple[Threshold, ...], Field(min_length=1)] = Field(
        (0.5, 0.75),
        title="IoU thresholds",
        description="Overlaps (intersection over union) from which a predicted object counts as found.",
        json_schema_extra=ui("Score"),
    )
    plane: Literal["xy", "xz", "yz"] = Field(
        "xy", title="Plane", description="Which planes the 2D scores look at.", json_schema_extra=ui("Score")
    )
    truth_objects: Objects = Field(
        "auto", title="Objects of the truth", description=OBJECTS_HELP, json_schema_extra=ui("Objects")
    )
    prediction_objects: Objects = Field(
        "auto", title="Objects of the prediction", description=OBJECTS_HELP, json_schema_extra=ui("Objects")
    )
    max_objects_per_class: Annotated[int, Field(ge=1)] = Field(
        10_000,
        title="Max objects per class",
        description="The label divisor: an id is class · divisor + number. Classes are scored apart from each other.",
        json_schema_extra=ui("Objects"),
    )


class Inputs(TaskInputs):
    """What to compare."""

    prediction: str = Field(title="Prediction", description="The segmentation to score: X.zarr, X.tif or the like.")
    truth: str = Field(title="Truth", description="Instance ids, or a mask of 0 and one other value.")
    prediction_dataset: str | None = Field(
        None, title="Prediction's dataset", description="Array inside the prediction, such as labels/mito."
    )
    truth_dataset: str | None = Field(None, title="Truth's dataset", description="Array inside the truth.")
    out: str | None = Field(None, title="Table", description="Also write the scores of every plane to this .csv file.")
    faults: str | None = Field(
        None,
        title="Missed and invented",
        description="Also write where they are: X.zarr (labels missed and invented, ids kept) or X.tif (1 missed, "
        "2 invented, 3 both); 3D objects at the first IoU threshold.",
    )
    overwrite: bool = Field(False, title="Overwrite", description="Replace an existing table.")


Row = dict[str, str | int | float]


@dataclass(frozen=True)
class ScoreResult:
    """Scores of each plane, of all planes' objects together, and of the volume's objects (None for a single plane).

    classes: the volume's scores by class. missed, invented: ids that have no counterpart at the first threshold. All
    three are empty where objects are connected parts, not ids.
    """

    planes: tuple[Scores, ...]
    pooled: Scores
    volume: Scores | None
    thresholds: tuple[float, ...]
    notes: tuple[str, ...]
    out: str | None = None
    classes: tuple[tuple[int, Scores], ...] = ()
    missed: tuple[int, ...] = ()
    invented: tuple[int, ...] = ()

    def rows(self) -> list[Row]:
        """Return the table: the volume, all planes together, the mean over planes that hold anything, each plane."""
        planes = [self._row(f"plane {index}", scores) for index, scores in enumerate(self.planes)]
        whole = [] if self.volume is None else [self._row("3D", self.volume)]
        if len(self.classes) > 1:
            whole += [self._row(f"3D, class {class_id}", scores) for class_id, scores in self.classes]
        return [*whole, self._row("2D, all planes", self.pooled), _mean_row("2D, mean of planes", planes), *planes]

    def lines(self) -> list[str]:
        """Say the scores in a small table, and what was compared."""
        shown = [row for row in self.rows() if not str(row["what"]).startswith("plane ")]
        names = [name for name in shown[0] if name != "what"]
        table = [[" ", *(str(row["what"]) for row in shown)]]
        table += [[name, *(_figure(row[name]) for row in shown)] for name in names]
        widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
        set_lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in table]
        written = [f"Every plane's scores: {self.out}"] if self.out else []
        return [*self.notes, *(line.rstrip() for line in set_lines), *written]

    def _row(self, what: str, scores: Scores) -> Row:
        first = scores.by_threshold[self.thresholds[0]]
        row: Row = {
            "what": what,
            "true objects": first.true_positives + first.false_negatives,
            "predicted objects": first.true_positives + first.false_positives,
            "IoU": scores.iou,
        }
        for threshold in self.thresholds:
            matches = scores.by_threshold[threshold]
            row |= {f"F1 at {threshold:g}": matches.f1}
            row |= {f"precision at {threshold:g}": matches.precision, f"recall at {threshold:g}": matches.recall}
        strict = scores.strict
        row |= {"PQ": strict.panoptic_quality, "SQ": strict.segmentation_quality, "RQ": strict.f1}
        return row | {"AP .5:.95": scores.average_precision}


def _mean_row(what: str, rows: list[Row]) -> Row:
    """Return the mean of each column over the rows that have a figure there."""
    mean: Row = {"what": what}
    for name in rows[0]:
        if name != "what":
            figures = [float(row[name]) for row in rows if not math.isnan(float(row[name]))]
            mean[name] = float(np.mean(figures)) if figures else math.nan
    return mean


def _figure(value: str | float) -> str:
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:.3f}"
    return str(value)


def run(inputs: Inputs, params: Params, context: JobContext) -> ScoreResult:
    """Compare two label volumes of one shape plane by plane; memory does not grow with the number of planes.

    In 2D an object is a connected part of an id in a plane, on both sides; in 3D as the parameters say. Raises
    SettingsError when the volumes do not fit each other or hold no labels.
    """
    out = _check_out(inputs)
    both = (inputs.prediction, inputs.truth)
    faults = None if inputs.faults is None else check_layer_name(inputs.faults, both, inputs.overwrite)
    with (
        _open(inputs.prediction, inputs.prediction_dataset, "--prediction-dataset") as prediction,
        _open(inputs.truth, inputs.truth_dataset, "--truth-dataset") as truth,
    ):
        _check_shapes(prediction, truth)
        axis = Axis(params.plane)
        sides = [
            _Side("truth", truth, axis, params.truth_objects, context),
            _Side("prediction", prediction, axis, params.prediction_objects, context),
        ]
        if faults is not None and any(side.is_mask for side in sides):
            raise SettingsError(
                "Missed and invented objects have to be ids.", "Give --truth-objects ids --prediction-objects ids."
            )
        result = _compare(sides[0], sides[1], axis, params, context)
        if faults is not None:
            recipe = make_recipe("score", params, inputs).to_dict()
            write_layers(faults, truth, prediction, result.missed, result.invented, recipe, inputs.overwrite, context)
    if out is None:
        return result
    _write_csv(out, result.rows())
    return replace(result, out=str(out))


def _open(path: str, dataset: str | None, option: str) -> "Volume":
    """Open one of the two volumes; a hint to choose a dataset names the option that does."""
    from empanada_desktop.io.volumes import open_volume

    try:
        return open_volume(path, dataset)
    except VolumeError as error:
        raise VolumeError(error.message, error.hint.replace("--dataset", option)) from error


def _compare(truth: "_Side", prediction: "_Side", axis: Axis, params: Params, context: JobContext) -> ScoreResult:
    """Score every plane and gather the table of the volume."""
    thresholds, planes, tables = params.thresholds, [], []
    total = truth.volume.planes(axis)
    for index, (true_plane, found_plane) in enumerate(zip(truth.planes(), prediction.planes(), strict=True)):
        context.check_cancelled()
        table = contingency(connected_parts(true_plane), connected_parts(found_plane))
        planes.append(score_table(table, thresholds))
        tables.append(contingency(truth.objects(true_plane), prediction.objects(found_plane)))
        if len(tables) == TABLES_BETWEEN_SUMS:
            tables = [add_contingencies(tables)]
        context.report(index + 1, total, "Comparing planes")
    pooled = planes[0]
    for scores in planes[1:]:
        pooled = pooled + scores
    table = _joined(tables, truth, prediction)
    whole = score_table(table, thresholds) if total > 1 else None
    result = ScoreResult(tuple(planes), pooled, whole, thresholds, (truth.note, prediction.note))
    return result if truth.is_mask or prediction.is_mask else _with_ids(result, table, params)


def _with_ids(result: ScoreResult, table: Contingency, params: Params) -> ScoreResult:
    """Add what is known where ids are objects: scores by class, and which objects have no counterpart."""
    classes = by_class(table, params.max_objects_per_class)
    scores = tuple((class_id, score_table(part, params.thresholds)) for class_id, part in classes.items())
    pairs = [unmatched(part, params.thresholds[0]) for part in classes.values() or [table]]
    missed = tuple(int(label_id) for one, _ in pairs for label_id in one)
    invented = tuple(int(label_id) for _, one in pairs for label_id in one)
    return replace(result, classes=scores, missed=missed, invented=invented)


def _joined(tables: list[Contingency], truth: "_Side", prediction: "_Side") -> Contingency:
    """Return the volume's table, with the parts of planes joined to components where these are the objects."""
    return add_contingencies([relabel(add_contingencies(tables), truth.lookup(), prediction.lookup())])


class _Side:
    """One of the two volumes: its planes as uint32, and what its objects are."""

    def __init__(self, title: str, volume: "Volume", axis: Axis, objects: Objects, context: JobContext) -> None:
        self.title = title
        self.volume = volume
        self._axis = axis
        if volume.dtype.kind not in "bui":
            raise SettingsError(f"The {title} holds {volume.dtype} values, not labels.", "Give integer labels.")
        mask = self._is_mask(context) if objects == "auto" else objects == "components"
        self._components = StackComponents() if mask else None
        self.note = (
            f"{title.capitalize()}: {volume.title}; in 3D each {'connected part' if mask else 'id'} is an object."
        )

    @property
    def is_mask(self) -> bool:
        """Whether objects are connected parts, not ids."""
        return self._components is not None

    def planes(self) -> Iterator[NDArray[np.uint32]]:
        """Yield the planes; of a mask only where it is not 0."""
        for index in range(self.volume.planes(self._axis)):
            plane = self._read(index)
            yield (plane > 0).astype(np.uint32) if self._components else plane

    def objects(self, plane: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Return the ids to count in 3D, for planes in order."""
        return self._components.add_plane(plane > 0) if self._components else plane

    def lookup(self) -> NDArray[np.uint32] | None:
        """Return what the ids of `objects` become at the end; None when they stay."""
        return self._components.finish() if self._components else None

    def _is_mask(self, context: JobContext) -> bool:
        """Tell whether the volume knows one id only; reads until a second one shows."""
        ids: set[int] = set()
        for index in range(self.volume.planes(self._axis)):
            context.check_cancelled()
            ids |= set(np.unique(self._read(index)).tolist()) - {0}
            if len(ids) > 1:
                return False
        return True

    def _read(self, index: int) -> NDArray[np.uint32]:
        plane: NDArray[Any] = self.volume.read_plane(self._axis, index)
        if plane.size and (plane.min() < 0 or int(plane.max()) >= 2**32 - 1):
            raise SettingsError(
                f"The {self.title} has ids from {plane.min()} to {plane.max()} in plane {index}.",
                "Give ids from 0 to 4,294,967,294.",
            )
        return plane.astype(np.uint32)


def _check_shapes(prediction: "Volume", truth: "Volume") -> None:
    if prediction.shape != truth.shape:
        sizes = [" × ".join(map(str, volume.shape)) for volume in (prediction, truth)]
        raise SettingsError(
            f"The prediction has {sizes[0]} voxels (z, y, x) and the truth {sizes[1]}.",
            "Compare volumes of the same size.",
        )


def _check_out(inputs: Inputs) -> Path | None:
    """Return where the table goes; SettingsError when it may not."""
    if inputs.out is None:
        return None
    from empanada_desktop.io.volumes.faults import writing

    path = Path(inputs.out)
    with writing(path):
        is_folder, exists, parent = path.is_dir(), path.exists(), path.absolute().parent
        has_parent = parent.is_dir()
    if path.suffix.lower() != ".csv" or is_folder:
        raise SettingsError(f"“{inputs.out}” is no name of a table.", "Give a name that ends in .csv.")
    if exists and not inputs.overwrite:
        raise SettingsError(f"{inputs.out} exists already.", "Choose another name, or replace it with --overwrite.")
    if not has_parent:
        raise SettingsError(f"There is no folder {parent}.", "Make it first, or write elsewhere.")
    return path


def _write_csv(path: Path, rows: list[Row]) -> None:
    """Write the table, whole or not at all; VolumeError where that is not possible."""
    from empanada_desktop.io.volumes.faults import writing

    unfinished = path.with_name(f".{path.name}.unfinished")
    with writing(path):
        try:
            with unfinished.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
