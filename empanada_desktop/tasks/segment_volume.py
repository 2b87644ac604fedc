"""Segment a volume: run the network on every plane of one orientation and join the planes' objects in 3D."""

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from empanada_desktop.core.components import ComponentTable
from empanada_desktop.core.context import JobContext, Partial, Spreads, offer_partial, tell_stage
from empanada_desktop.core.footprint import in_gigabytes, room_needed
from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.core.kept_maps import KeptMaps
from empanada_desktop.core.plurals import noun
from empanada_desktop.core.tracking import StackTracker
from empanada_desktop.errors import AppError, DiskFullError, SettingsError
from empanada_desktop.tasks.inference import (
    TIFF_SUFFIXES,
    SegmentationResult,
    check_apart,
    check_tiff_output,
    checksum_of_voxels,
    load_predictor,
    plane_settings,
    result_facts,
    volume_grey_range,
)
from empanada_desktop.tasks.inference_params import StackParams
from empanada_desktop.tasks.params import Region, TaskInputs, VoxelSize
from empanada_desktop.tasks.plane_runs import CountPlane, PlaneRun, ask_what_runs, segment_elsewhere
from empanada_desktop.tasks.recipe import differences, make_recipe
from empanada_desktop.tasks.volume_result import Classes, SegmentedStack, fuse_stacks, write_tiff, write_zarr

if TYPE_CHECKING:
    from empanada_desktop.engine.tiled import TiledPredictor
    from empanada_desktop.io.ome_zarr import ResultStore
    from empanada_desktop.io.predictions import StackPlanes
    from empanada_desktop.io.volumes import Volume
    from empanada_desktop.io.weights import Weights

TITLE = "Segment a volume in 3D."
Params = StackParams
SMALLEST_SEEN = 16  # pixels: the coarsest grid on which a network looks has one point in so many
ONE_DEVICE = "There are not several graphics cards here: one device did all the work."
STRETCHED = 2.0  # voxels this many times as long as wide


class Inputs(TaskInputs):
    """What to segment and where to write."""

    volume: str = Field(
        title="Volume",
        description="The volume to segment: a file or a folder; several are segmented one after another.",
        json_schema_extra={"several": True},
    )
    out: str = Field(
        title="Output",
        description="Result to write: X.zarr (OME-Zarr, every class) or X.tif (one class); a folder for several "
        "volumes.",
        json_schema_extra={"option": True},
    )
    dataset: str | None = Field(None, title="Dataset", description="Array inside an HDF5 or Zarr file.")
    voxel_size: VoxelSize = None
    region: Region = None
    class_name: str | None = Field(
        None, title="Class", description="Which class X.tif holds, when the weights know several."
    )
    overwrite: bool = Field(False, title="Overwrite", description="Replace an existing result.")


def run(inputs: Inputs, params: StackParams, context: JobContext) -> SegmentationResult:
    """Segment and write the volume; returns where it is and how many objects of each class it holds."""
    from empanada_desktop.io.volumes import open_volume
    from empanada_desktop.io.weights import find_weights

    started = time.perf_counter()
    check_apart(inputs.out, inputs.volume)
    weights = find_weights(params.weights)
    with open_volume(inputs.volume, inputs.dataset, inputs.voxel_size) as volume:
        work = _VolumeWork(inputs, params, volume, weights)
        objects = work.carry_out(context)
        notes = (*volume.notes, *work.notes)
    return SegmentationResult(inputs.out, objects, time.perf_counter() - started, work.recipe, notes)


class _VolumeWork:
    """One run: the network's pass over each stack, plane by plane, then the result block by block.

    `volume` is what the network sees: `whole`, or the region of it. Grey values are those of the whole.
    """

    def __init__(self, inputs: Inputs, params: StackParams, whole: "Volume", weights: "Weights") -> None:
        self.inputs = inputs
        self.params = params
        self.whole = whole
        self.weights = weights
        descriptor = weights.descriptor
        self.axes = list(Axis) if params.ortho_plane else [Axis(params.inference_plane)]
        self.region = region_of(inputs.region, whole.shape, params)
        self.volume = whole if self.region is None else whole.cropped(self.region)
        check_directions(self.volume.shape, params)
        self.grey = volume_grey_range(whole)
        things = frozenset(() if params.semantic_only else descriptor.thing_list)
        self.classes = Classes(descriptor.class_names, things)
        facts = result_facts(whole, weights, self.grey) | self.classes.to_facts()
        facts["voxels_checksum"] = checksum_of_voxels(self.volume)
        self.recipe = make_recipe("segment-volume", params, inputs, **facts).to_dict()
        self.notes = ortho_notes(whole.spacing) if params.ortho_plane else []
        self._planes: list[StackPlanes] = []
        self._predictor: TiledPredictor | None = None

    def carry_out(self, context: JobContext) -> dict[str, int]:
        """Segment and write; what was finished before an error or a cancel stays. Returns the objects of each class."""
        store = self._begin()
        try:
            counts = self._fill(store, context)
            if self._is_tiff:
                store.discard()
            else:
                store.finish(self.recipe, context, self.params.keep_predictions)
        except AppError as error:
            self._lay_down(store)
            raise self._with_what_is_kept(error) from error
        except BaseException:  # a second Ctrl-C too
            self._lay_down(store)
            raise
        return counts

    @property
    def _is_tiff(self) -> bool:
        return Path(self.inputs.out).suffix.lower() in TIFF_SUFFIXES

    def _begin(self) -> "ResultStore":
        """Begin the result, or go on with the same one where it was broken off."""
        from empanada_desktop.io.ome_zarr import ResultStore, find_unfinished, read_recipe

        path = self._store_path()
        unfinished = find_unfinished(path)
        if unfinished is not None and (unfinished == path or self.inputs.overwrite):
            recipe = read_recipe(unfinished)
            differing = differences(recipe, self.recipe, StackParams().model_dump(mode="json"))
            if not differing:
                self.recipe = recipe
                return ResultStore.resume(path)
            if not self.inputs.overwrite:
                raise _other_work(path, differing)
        whole, chunk = self.whole, self.params.chunk_zyx
        overwrite = self.inputs.overwrite or self._is_tiff  # the store beside a TIFF is nobody's but ours
        return ResultStore.create(path, whole.shape, whole.spacing, chunk, self.recipe, overwrite, self.region)

    def _lay_down(self, store: "ResultStore") -> None:
        """Leave the finished planes for another run; nothing where there are none."""
        store.lay_down() if self._n_done else store.discard()

    @property
    def _n_done(self) -> int:
        return sum(planes.n_kept for planes in self._planes)

    @property
    def _n_planes(self) -> int:
        return sum(self.volume.planes(axis) for axis in self.axes)

    def _with_what_is_kept(self, error: AppError) -> AppError:
        """Say in an error what stays of the work, and that it can be gone on with."""
        if not self._n_done:
            return error
        if isinstance(error, DiskFullError):
            message = f"The disk is full after plane {self._n_done} of {self._n_planes}."
            channels = self.weights.descriptor.network.n_classes if self.params.keep_confidence else 0
            room = room_needed(self.volume.shape, len(self.axes), 1 - self._n_done / self._n_planes, channels)
            return DiskFullError(message, f"Free {in_gigabytes(room)}, then resume: the same job goes on from there.")
        kept = f"{error.message} {self._n_done} of {self._n_planes} planes {noun(self._n_done, 'is', 'are')} kept."
        return type(error)(kept, f"{error.hint} Then resume: the same job goes on from there.".strip())

    def _store_path(self) -> Path:
        """Return where the result store goes; beside a TIFF there is one until the TIFF is written."""
        out = Path(self.inputs.out)
        if self._is_tiff:
            self.classes.id_of(self.inputs.class_name)
            return check_tiff_output(self.inputs.out, self.inputs.overwrite).with_suffix(".unfinished.zarr")
        if out.suffix.lower() != ".zarr":
            raise SettingsError(f"{out} is neither .zarr nor .tif.", "Name the result X.zarr or X.tif.")
        return out

    def _fill(self, store: "ResultStore", context: JobContext) -> dict[str, int]:
        stacks = [self._segment(store, axis, context) for axis in self.axes]
        tell_stage(context, 0, 1)
        self.notes += self._predictor.notes if self._predictor else []
        layers = fuse_stacks(stacks, self.classes, self.params, self.volume.shape, context)
        self.notes += layers.labels.notes(self.params)
        if self._is_tiff:
            class_id = self.classes.id_of(self.inputs.class_name)
            out, start = Path(self.inputs.out), store.header.part.start
            write_tiff(out, layers.labels, class_id, self.volume.spacing, self.recipe, context, start)
            self.notes += [f"It holds the region alone, from {_zyx(start)} on."] if self.region else []
        else:
            write_zarr(store, layers, context)
        self.notes += layers.labels.why_empty(self.params)
        return layers.labels.counts()

    def _segment(self, store: "ResultStore", axis: Axis, context: JobContext) -> SegmentedStack:
        """Run the network over what is left of a stack; returns its components and its objects."""
        from empanada_desktop.io.volumes.faults import writing

        with writing(store.path):
            planes = store.stack_planes(axis)
            self._planes.append(planes)
            tracker = StackTracker(axis)
            tracker.take_up(planes.records, planes.take_up(keep_ahead=isinstance(context, Spreads)))
            planes.records.clear()  # the tracker has them, and they are large
        if planes.n_done < len(planes):
            self._pass_network(store, axis, planes, tracker, context)
        return SegmentedStack(axis, planes.array, tracker.finish())

    def _pass_network(
        self, store: "ResultStore", axis: Axis, planes: "StackPlanes", tracker: StackTracker, context: JobContext
    ) -> None:
        from empanada_desktop.engine.stack import segment_stack, settings_beside
        from empanada_desktop.io.volumes.faults import writing

        n_stacks = len(self.axes)
        tell_stage(context, self.axes.index(axis), n_stacks)
        words = f"{axis} planes" if n_stacks == 1 else f"Stack {self.axes.index(axis) + 1} of {n_stacks}, {axis} planes"

        def read_plane(index: int) -> NDArray[np.float32]:
            return self.grey.scale(self.volume.read_plane(axis, index))

        def take_plane(index: int, components: NDArray[np.uint32], table: ComponentTable) -> None:
            record = tracker.add_plane(components, table)
            with writing(store.path):
                planes.count(record) if isinstance(context, Spreads) else planes.append(components, record)
            place, whole = self.region, self.whole.shape
            offer_partial(context, Partial(str(store.path), planes.array.path, axis, index + 1, place, whole))
            context.report(index + 1, len(planes), words)

        if isinstance(context, Spreads):
            self._spread(store, axis, planes, take_plane, context)
            return

        def take_maps(index: int, maps: KeptMaps) -> None:
            with writing(store.path):
                planes.maps.put(index, maps)

        plane = plane_settings(self.params, self.weights.descriptor)
        if self._predictor is None or self._predictor.is_on_card:
            context.report(planes.n_done, len(planes), "Preparing the network")
        predictor = self._network(store)
        shape = (planes.array.shape[1], planes.array.shape[2])
        settings = settings_beside(predictor, plane, self.params.median_filter_size, shape, self.params.threads)
        maps = take_maps if self.params.keep_confidence else None
        first = planes.n_done
        segment_stack(read_plane, len(planes), predictor, settings, take_plane, context, first, take_maps=maps)

    def _spread(
        self, store: "ResultStore", axis: Axis, planes: "StackPlanes", count_plane: CountPlane, context: JobContext
    ) -> None:
        """Have the planes that are left segmented in other processes."""
        created, sha256 = str(self.recipe["created"]), self.weights.descriptor.sha256
        ref = replace(self.volume.ref, path=str(Path(self.volume.ref.path).resolve()))
        place, turn, params = str(store.path.resolve()), uuid4().hex, self._params()
        whole = PlaneRun(ref, place, created, turn, axis, self.grey, params, sha256)
        if whole.params.backend == "auto":  # one answer for all places
            self._note_network(store, next(context.map(ask_what_runs, [whole])).ran_with)
            whole = replace(whole, params=self._params())
        outcome = segment_elsewhere(whole, planes, count_plane, context)
        self._note_network(store, outcome.ran_with)
        self.notes += [note for note in outcome.notes if note not in self.notes]

    def _network(self, store: "ResultStore") -> "TiledPredictor":
        """Load the network when the first stack needs it."""
        if self._predictor is None:
            self._predictor = load_predictor(self.weights, self._params())
            self._note_network(store, self._predictor.ran_with)
            self.notes += [ONE_DEVICE] if self.params.several_gpus else []
        return self._predictor

    def _params(self) -> StackParams:
        """Return the parameters with what ran the network before a break, which runs it again; weights by full path."""
        before, params = str(self.recipe["facts"].get("ran_with", "")), self.params
        place = Path(params.weights)
        changes = {"weights": str(place.resolve())} if place.exists() else {}
        if params.backend == "auto" and before:
            changes["backend"] = before.split()[0]
        return params.model_copy(update=changes)

    def _note_network(self, store: "ResultStore", ran_with: str) -> None:
        """Keep in the recipe what runs the network, when it is known for the first time."""
        if ran_with and not self.recipe["facts"].get("ran_with"):
            self.recipe["facts"]["ran_with"] = ran_with
            store.update_recipe(self.recipe)


def region_of(spans: Region, shape: tuple[int, int, int], params: StackParams) -> Box | None:
    """Return the region of a volume of `shape` to work on, None for all of it; SettingsError where there is none."""
    if spans is None:
        return None
    box = Box.of_spans(spans)
    if any(stop > length for stop, length in zip(box.stop, shape, strict=True)):
        span = ", ".join(f"{name} 0 to {length}" for name, length in zip("zyx", shape, strict=True))
        raise SettingsError(f"The region {_spelled(box)} reaches beyond the volume.", f"The volume has {span}.")
    least = smallest_side(params)
    for axis in list(Axis) if params.ortho_plane else [Axis(params.inference_plane)]:
        for place in axis.in_plane:
            if box.shape[place] < min(least, shape[place]):
                remedy = ", or downsample less." if params.image_downsampling > 1 else "."
                raise SettingsError(
                    f"The region {_spelled(box)} is too thin along {'zyx'[place]} for planes in {axis}.",
                    f"Make it {min(least, shape[place])} voxels or more{remedy}",
                )
    return None if box.shape == shape else box


def check_directions(shape: tuple[int, int, int], params: StackParams) -> None:
    """Raise SettingsError where ortho-plane is asked for of a single plane: no two directions could ever agree."""
    if params.ortho_plane and min(shape) == 1:
        raise SettingsError("A single plane can be seen from one direction only.", "Leave ortho-plane out.")


def smallest_side(params: StackParams) -> int:
    """Return how long the sides of planes have to be: a network's answer has a quarter of a plane's pixels."""
    return SMALLEST_SEEN * params.image_downsampling


def _spelled(box: Box) -> str:
    return ",".join(f"{first}:{stop}" for first, stop in box.spans)


def _zyx(place: tuple[int, int, int]) -> str:
    return ", ".join(f"{name} {value}" for name, value in zip("zyx", place, strict=True))


def ortho_notes(spacing: Spacing) -> list[str]:
    """Say what ortho-plane has to be doubted for: planes through voxels that are deeper than wide look stretched."""
    if not spacing.is_known:
        return []
    sizes = [size for size in spacing.zyx if size is not None]
    if max(sizes) < STRETCHED * min(sizes):
        return []
    size = " × ".join(f"{each:g}" for each in sizes)
    return [f"The voxels are {size} nm: some of the three stacks see stretched planes. Look whether one is better."]


def _other_work(path: Path, differing: list[str]) -> SettingsError:
    shown = "; ".join(differing[:3])
    return SettingsError(
        f"{path} is the unfinished result of another job: {shown}.",
        "Give the same values to go on with it, choose another name, or give --overwrite to begin anew.",
    )
