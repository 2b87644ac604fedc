"""Segment a volume: run the network on every plane of one orientation and join the planes' objects in 3D."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from empanada_desktop.core.blocks import blocks, count_blocks, grown, stacked_block
from empanada_desktop.core.context import JobContext, Partial, offer_partial
from empanada_desktop.core.filters import keep_objects
from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.core.ids import number_objects
from empanada_desktop.core.morphology import dilate_labels, erode_labels
from empanada_desktop.errors import SettingsError
from empanada_desktop.tasks.inference import (
    TIFF_SUFFIXES,
    SegmentationResult,
    check_apart,
    check_tiff_output,
    plane_settings,
    result_facts,
    volume_grey_range,
)
from empanada_desktop.tasks.inference_params import StackParams
from empanada_desktop.tasks.params import TaskInputs, VoxelSize
from empanada_desktop.tasks.recipe import make_recipe

if TYPE_CHECKING:
    from empanada_desktop.core.tracking import Tracks
    from empanada_desktop.io.ome_zarr import ResultStore
    from empanada_desktop.io.volumes import Volume
    from empanada_desktop.io.weights import Weights

TITLE = "Segment a volume in 3D."
Params = StackParams
SCRATCH_CHUNK = 256


class Inputs(TaskInputs):
    """What to segment and where to write."""

    volume: str = Field(title="Volume", description="The volume to segment: a file or a folder.")
    out: str = Field(
        title="Output",
        description="Result to write: X.zarr (OME-Zarr, every class) or X.tif (one class).",
        json_schema_extra={"option": True},
    )
    dataset: str | None = Field(None, title="Dataset", description="Array inside an HDF5 or Zarr file.")
    voxel_size: VoxelSize = None
    class_name: str | None = Field(
        None, title="Class", description="Which class X.tif holds, when the weights know several."
    )
    overwrite: bool = Field(False, title="Overwrite", description="Replace an existing result.")


def run(inputs: Inputs, params: StackParams, context: JobContext) -> SegmentationResult:
    """Segment and write the volume; returns where it is and how many objects of each class it holds."""
    from empanada_desktop.io.volumes import open_volume
    from empanada_desktop.io.weights import find_weights

    started = time.perf_counter()
    if params.ortho_plane:
        raise SettingsError("Ortho-plane is not there yet.", "Segment along one plane for now.")
    check_apart(inputs.out, inputs.volume)
    weights = find_weights(params.weights)
    with open_volume(inputs.volume, inputs.dataset, inputs.voxel_size) as volume:
        work = _VolumeWork(inputs, params, volume, weights)
        objects = work.carry_out(context)
        notes = (*volume.notes, *work.notes)
    return SegmentationResult(inputs.out, objects, time.perf_counter() - started, work.recipe, notes)


class _VolumeWork:
    """One run: the network pass into a scratch array, then the result block by block."""

    def __init__(self, inputs: Inputs, params: StackParams, volume: "Volume", weights: "Weights") -> None:
        self.inputs = inputs
        self.params = params
        self.volume = volume
        self.descriptor = weights.descriptor
        self.weights = weights
        self.axis = Axis(params.inference_plane)
        self.grey = volume_grey_range(volume)
        self.things = frozenset(() if params.semantic_only else weights.descriptor.thing_list)
        self.recipe = make_recipe(
            "segment-volume", params, inputs, **result_facts(volume, weights, self.grey)
        ).to_dict()
        self.notes: list[str] = []

    def carry_out(self, context: JobContext) -> dict[str, int]:
        """Segment and write; an error or a cancel leaves nothing behind. Returns the objects of each class."""
        from empanada_desktop.io.ome_zarr import ResultStore

        store_path = self._store_path()
        store = ResultStore.create(
            store_path,
            self.volume.shape,
            self.volume.spacing,
            self.params.chunk_zyx,
            self.recipe,
            self.inputs.overwrite,
        )
        try:
            counts = self._fill(store, context)
            if self._is_tiff:
                store.discard()
            else:
                store.finish(self.recipe, context)
        except BaseException:  # a second Ctrl-C too
            store.discard()
            raise
        return counts

    @property
    def _is_tiff(self) -> bool:
        return Path(self.inputs.out).suffix.lower() in TIFF_SUFFIXES

    def _store_path(self) -> Path:
        """Return where the result store goes; beside a TIFF there is one for as long as the job runs."""
        out = Path(self.inputs.out)
        if self._is_tiff:
            self._class_of_tiff()
            return check_tiff_output(self.inputs.out, self.inputs.overwrite).with_suffix(".unfinished.zarr")
        if out.suffix.lower() != ".zarr":
            raise SettingsError(f"{out} is neither .zarr nor .tif.", "Name the result X.zarr or X.tif.")
        return out

    def _class_of_tiff(self) -> int:
        titles = {title: class_id for class_id, title in self.descriptor.class_names.items()}
        wanted = self.inputs.class_name
        if wanted is None and len(titles) > 1:
            raise SettingsError(
                f"A TIFF holds one class, and these weights know {', '.join(titles)}.",
                "Choose one with --class-name, or write X.zarr, which holds them all.",
            )
        if wanted is not None and wanted not in titles:
            raise SettingsError(f"These weights know no class “{wanted}”.", f"Classes: {', '.join(titles)}.")
        return titles[wanted] if wanted is not None else next(iter(titles.values()))

    def _fill(self, store: "ResultStore", context: JobContext) -> dict[str, int]:
        components, tracks = self._segment(store, context)
        keep = keep_objects(tracks.objects, self.params.min_size, self.params.min_extent, self.volume.shape)
        ids, divisor = number_objects(tracks.objects.classes, keep, self.things, self.params.max_objects_per_class)
        if divisor != self.params.max_objects_per_class:
            self.notes.append(f"There are more objects than the label divisor holds: it became {divisor}.")
        ids = np.concatenate([np.zeros(1, np.uint32), ids])
        result = _ResultBlocks(components, [ids[lookup] for lookup in tracks.lookups], divisor, self)
        self._write(store, result, context)
        return self._counts(result.present if self.params.erode_labels else ids, divisor)

    def _segment(self, store: "ResultStore", context: JobContext) -> "tuple[Any, Tracks]":
        """Run the network over the stack; returns the scratch array of components and the tables of objects."""
        from empanada_desktop.engine.predictor import Predictor
        from empanada_desktop.engine.stack import StackSettings, segment_stack
        from empanada_desktop.io.volumes.faults import writing

        predictor = Predictor.from_weights(self.weights, use_gpu=self.params.use_gpu, threads=self.params.threads)
        order = (self.axis.normal, *self.axis.in_plane)
        n_planes, rows, columns = (self.volume.shape[axis] for axis in order)
        chunk = (1, min(rows, SCRATCH_CHUNK), min(columns, SCRATCH_CHUNK))
        scratch = store.scratch_array(f"components_{self.axis}", (n_planes, rows, columns), chunk, np.uint32)

        def read_plane(index: int) -> NDArray[np.float32]:
            return self.grey.scale(self.volume.read_plane(self.axis, index))

        def write_components(index: int, components: NDArray[np.uint32]) -> None:
            with writing(store.path):
                scratch[index] = components
            offer_partial(context, Partial(str(store.path), scratch.path, self.axis, index + 1))

        settings = StackSettings(plane_settings(self.params, self.descriptor), self.params.median_filter_size)
        tracks = segment_stack(read_plane, n_planes, self.axis, predictor, settings, write_components, context)
        return scratch, tracks

    def _write(self, store: "ResultStore", result: "_ResultBlocks", context: JobContext) -> None:
        from empanada_desktop.io.volumes.faults import writing

        if self._is_tiff:
            self._write_tiff(result, context)
            return
        groups = ["labels", *([f"stacks/{self.axis}"] if self.params.return_stacks else [])]
        arrays = [
            (class_id, store.label_array(f"{group}/{title}", class_id, title, result.divisor))
            for group in groups
            for class_id, title in self.descriptor.class_names.items()
        ]
        side = self.params.chunk_zyx
        total = count_blocks(self.volume.shape, side)
        for done, box in enumerate(blocks(self.volume.shape, side), 1):
            context.check_cancelled()
            ids = result.read(box)
            with writing(store.path):
                for class_id, array in arrays:
                    array[box.slices] = result.of_class(ids, class_id)
            context.report(done, total, "Writing blocks")

    def _write_tiff(self, result: "_ResultBlocks", context: JobContext) -> None:
        from empanada_desktop.io.tiff import write_label_tiff

        class_id = self._class_of_tiff()
        depth, *in_plane = self.volume.shape

        def planes() -> Any:  # noqa: ANN401 - an iterator of planes
            for box in blocks(self.volume.shape, (16, in_plane[0], in_plane[1])):
                context.check_cancelled()
                yield from result.of_class(result.read(box), class_id)
                context.report(box.stop[0], depth, "Writing planes")

        out = Path(self.inputs.out)
        spacing = self.volume.spacing
        # That an existing file may go was checked before the network ran.
        write_label_tiff(out, planes(), self.volume.shape, spacing, self.recipe, np.uint32, overwrite=True)

    def _counts(self, ids: NDArray[np.uint32], divisor: int) -> dict[str, int]:
        """Return how many objects of each class there are; erosion may have left less than the tables know."""
        classes = np.unique(ids[ids > 0]) // divisor
        return {
            title: int(np.count_nonzero(classes == number)) for number, title in self.descriptor.class_names.items()
        }


class _ResultBlocks:
    """The result's ids, box by box: components looked up in their tables, then eroded and dilated."""

    def __init__(
        self,
        components: Any,  # noqa: ANN401 - zarr or numpy
        tables: list[NDArray[np.uint32]],
        divisor: int,
        work: _VolumeWork,
    ) -> None:
        self.components = components
        self.tables = tables
        self.divisor = divisor
        self.axis = work.axis
        self.shape = work.volume.shape
        self.erode, self.dilate = work.params.erode_labels, work.params.dilate_labels
        self.one_class = len(work.descriptor.class_names) == 1
        self._seen: set[int] = set()

    @property
    def present(self) -> NDArray[np.uint32]:
        """The ids that the boxes read so far hold, where there is erosion."""
        return np.array(sorted(self._seen), np.uint32)

    def read(self, box: Box) -> NDArray[np.uint32]:
        """Return the ids of a box, z y x, exactly as if the volume had been eroded and dilated whole."""
        wide, place = grown(box, self.erode + self.dilate, self.shape)
        ids = stacked_block(self.components, self.tables, self.axis, wide)
        if self.erode:
            ids = erode_labels(ids, self.erode)
        if self.dilate:
            ids = dilate_labels(ids, self.dilate)
        if self.erode:
            self._seen.update(np.unique(ids[place.slices]).tolist())
        return ids[place.slices]

    def of_class(self, ids: NDArray[np.uint32], class_id: int) -> NDArray[np.uint32]:
        """Return the ids of one class, 0 elsewhere."""
        return ids if self.one_class else np.where(ids // self.divisor == class_id, ids, 0).astype(np.uint32)
