"""Segment one plane of a volume, or every plane of one orientation on its own."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from empanada_desktop.core.confine import inside_of, window_of
from empanada_desktop.core.context import JobContext
from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.core.grey import GreyRange
from empanada_desktop.errors import SettingsError
from empanada_desktop.tasks.inference import (
    SegmentationResult,
    check_apart,
    check_tiff_output,
    load_predictor,
    plane_settings,
    result_facts,
    volume_grey_range,
)
from empanada_desktop.tasks.inference_params import PlaneParams
from empanada_desktop.tasks.params import TaskInputs, VoxelSize
from empanada_desktop.tasks.recipe import make_recipe

if TYPE_CHECKING:
    from empanada_desktop.engine.plane import PlaneSettings
    from empanada_desktop.engine.tiled import TiledPredictor
    from empanada_desktop.io.volumes import Volume

TITLE = "Segment one plane in 2D, or every plane on its own."
Params = PlaneParams


class Inputs(TaskInputs):
    """Which plane to segment and where to write."""

    volume: str = Field(title="Volume", description="The volume or image to segment: a file or a folder.")
    out: str = Field(title="Output", description="TIFF to write.", json_schema_extra={"option": True})
    plane: Literal["xy", "xz", "yz"] = Field("xy", title="Plane", description="Orientation of the plane.")
    index: Annotated[int, Field(ge=0)] = Field(0, title="Index", description="Which plane, counted from 0.")
    batch: bool = Field(
        False,
        title="Batch mode",
        description="Segment every plane of the orientation on its own; ids begin anew in each.",
    )
    region: tuple[int, int, int, int] | None = Field(
        None,
        title="Region",
        description="Confine to a rectangle of the plane: first row, first column, last row, last column "
        "(the last ones not included).",
    )
    confine_to: str | None = Field(
        None,
        title="Confine to",
        description="A volume of labels, as large as the volume: objects are only found inside its labels.",
    )
    confine_dataset: str | None = Field(
        None, title="Dataset of labels", description="Array inside --confine-to, when that is an HDF5 or Zarr file."
    )
    confine_ids: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (),
        title="Labels",
        description="Which labels of --confine-to, as one or more ids with commas between. Left out: all of them.",
    )
    dataset: str | None = Field(None, title="Dataset", description="Array inside an HDF5 or Zarr file.")
    voxel_size: VoxelSize = None
    overwrite: bool = Field(False, title="Overwrite", description="Replace an existing result.")


def run(inputs: Inputs, params: PlaneParams, context: JobContext) -> SegmentationResult:
    """Segment and write the plane (or planes); returns where it is and how many objects of each class it holds."""
    from empanada_desktop.io.volumes import open_volume
    from empanada_desktop.io.weights import find_weights

    started = time.perf_counter()
    out = check_tiff_output(inputs.out, inputs.overwrite)
    check_apart(inputs.out, inputs.volume)
    weights = find_weights(params.weights)
    with ExitStack() as opened:
        volume = opened.enter_context(open_volume(inputs.volume, inputs.dataset, inputs.voxel_size))
        labels = None
        if inputs.confine_to is not None:
            labels = opened.enter_context(open_volume(inputs.confine_to, inputs.confine_dataset))
        planes = PlaneReader(volume, labels, inputs, volume_grey_range(volume))
        recipe = make_recipe("segment-plane", params, inputs, **result_facts(volume, weights, planes.grey)).to_dict()
        predictor = load_predictor(weights, params, may_prepare=inputs.batch)
        recipe["facts"]["ran_with"] = predictor.ran_with
        work = Segmentation(predictor, plane_settings(params, weights.descriptor), params.max_objects_per_class)
        work.write(out, planes, recipe, context)
        notes = (*volume.notes, *predictor.notes, *work.notes, *planes.notes())
    counts = {title: work.objects[class_id] for class_id, title in weights.descriptor.class_names.items()}
    return SegmentationResult(str(out), counts, time.perf_counter() - started, recipe, notes)


class PlaneReader:
    """The planes to segment, as grey values in 0..1, confined to the region and to labels."""

    def __init__(self, volume: "Volume", labels: "Volume | None", inputs: Inputs, grey: GreyRange) -> None:
        if labels is not None and labels.shape != volume.shape:
            raise SettingsError(
                f"The labels to confine to are {_by(labels.shape)} voxels, the volume is {_by(volume.shape)}.",
                "Choose labels of this volume.",
            )
        if labels is None and inputs.confine_ids:
            raise SettingsError("“confine-ids” says which labels, but not whose.", "Name their file: --confine-to.")
        self.volume = volume
        self.labels, self.ids = labels, inputs.confine_ids
        self._missing, self._has_labels = set(inputs.confine_ids), False
        self.grey = grey
        self.axis = Axis(inputs.plane)
        self.indices = _indices(volume.planes(self.axis), inputs)
        self.rows, self.columns = _region(inputs.region, [volume.shape[axis] for axis in self.axis.in_plane])

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of planes, their rows and columns."""
        return len(self.indices), self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    @property
    def spacing(self) -> Spacing:
        """Voxel size, the planes' own axes last."""
        sizes = self.volume.spacing.zyx
        order = (self.axis.normal, *self.axis.in_plane)
        z, y, x = (sizes[axis] for axis in order)
        return Spacing(z, y, x, self.volume.spacing.source)

    def read(self, index: int) -> NDArray[np.float32]:
        """Return a plane as grey values in 0..1."""
        return self.grey.scale(self.volume.read_plane(self.axis, index)[self.rows, self.columns])

    def read_part(self, index: int, rows: slice, columns: slice) -> NDArray[np.float32]:
        """As read, for some rows and columns only; nothing else of the plane is read."""
        return self.grey.scale(self._part(self.volume, index, rows, columns))

    def inside_part(self, index: int, rows: slice, columns: slice) -> NDArray[np.bool_]:
        """As inside, for some rows and columns; only where there are labels to confine to."""
        if self.labels is None:
            raise ValueError("there are no labels to confine to")
        return self._inside(self._part(self.labels, index, rows, columns))

    def _inside(self, labels: NDArray[Any]) -> NDArray[np.bool_]:
        inside = inside_of(labels, self.ids)
        self._has_labels |= bool(inside.any())
        self._missing -= {each for each in self._missing if (labels == each).any()}
        return inside

    def notes(self) -> list[str]:
        """Say which labels to confine to were nowhere, once all planes were read."""
        where = "that plane" if len(self.indices) == 1 else "any of the planes"
        if self._missing:
            return [f"There is no label {' or '.join(map(str, sorted(self._missing)))} in {where}."]
        if self.labels is not None and not self._has_labels:
            return [f"There are no labels to confine to in {where}."]
        return []

    def _part(self, volume: "Volume", index: int, rows: slice, columns: slice) -> NDArray[Any]:
        box: list[int | slice] = [index, index, index]
        for axis, span, start in zip(
            self.axis.in_plane, (rows, columns), (self.rows.start, self.columns.start), strict=True
        ):
            box[axis] = slice(span.start + start, span.stop + start)
        return volume[tuple(box)]

    def inside(self, index: int) -> NDArray[np.bool_] | None:
        """The pixels that count; None for all of them."""
        if self.labels is None:
            return None
        return self._inside(self.labels.read_plane(self.axis, index)[self.rows, self.columns])


class Segmentation:
    """Segments planes and counts what was found."""

    def __init__(self, predictor: "TiledPredictor", settings: "PlaneSettings", divisor: int) -> None:
        self.predictor = predictor
        self.settings = settings
        self.divisor = divisor
        self.objects: Counter[int] = Counter()
        self.notes: list[str] = []

    def write(self, out: Path, planes: PlaneReader, recipe: dict[str, Any], context: JobContext) -> None:
        """Segment the planes, and write their labels to a TIFF."""
        from empanada_desktop.io.tiff import write_label_tiff
        from empanada_desktop.tasks.large_planes import write_large_planes

        if self.predictor.is_tiled(planes.shape[1:]):
            write_large_planes(out, planes, self, recipe, context)
            return
        labels = self._labels(planes, context)
        write_label_tiff(out, labels, planes.shape, planes.spacing, recipe, np.uint32, overwrite=True)

    def _labels(self, planes: PlaneReader, context: JobContext) -> Iterator[NDArray[np.uint32]]:
        for done, index in enumerate(planes.indices, 1):
            context.check_cancelled()
            labels, divisor = self._plane(planes, index)
            self.count(Counter((np.unique(labels[labels > 0]) // divisor).tolist()), divisor, index)
            yield labels
            context.report(done, len(planes.indices), f"{planes.axis} planes")

    def _plane(self, planes: PlaneReader, index: int) -> tuple[NDArray[np.uint32], int]:
        from empanada_desktop.engine.plane import labels_from, predict_plane, segment_plane

        inside = planes.inside(index)
        if inside is None:
            return segment_plane(self.predictor, planes.read(index), self.settings, self.divisor)
        labels, window = np.zeros(inside.shape, np.uint32), window_of(inside)
        if window is None:
            return labels, self.divisor
        top, left, bottom, right = window
        seen = np.s_[top:bottom, left:right]
        outputs = predict_plane(self.predictor, planes.read(index)[seen], self.settings)
        labels[seen], divisor = labels_from(outputs, self.settings, self.divisor, inside[seen])
        return labels, divisor

    def count(self, objects: Counter[int], divisor: int, index: int) -> None:
        """Add the objects of a plane, by their class."""
        if divisor != self.divisor:
            self.notes.append(f"Plane {index} holds more objects than {self.divisor}: its label divisor is {divisor}.")
        self.objects.update(objects)


def _by(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))


def _indices(n_planes: int, inputs: Inputs) -> Sequence[int]:
    if inputs.batch:
        return range(n_planes)
    if inputs.index >= n_planes:
        raise SettingsError(
            f"There is no {inputs.plane} plane {inputs.index}.", f"The volume has planes 0 to {n_planes - 1}."
        )
    return [inputs.index]


def _region(region: tuple[int, int, int, int] | None, shape: Sequence[int]) -> tuple[slice, slice]:
    top, left, bottom, right = region or (0, 0, shape[0], shape[1])
    if not (0 <= top < bottom <= shape[0] and 0 <= left < right <= shape[1]):
        raise SettingsError(
            f"The region {region} is not inside the plane.", f"The plane has {shape[0]} rows and {shape[1]} columns."
        )
    return slice(top, bottom), slice(left, right)
