"""From stacks of components to the result's ids, and on to OME-Zarr or TIFF; box by box, whatever the volume's size."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.blocks import (
    Sliceable,
    blocks,
    blocks_within,
    count_blocks,
    count_blocks_within,
    grown,
    stacked_block,
)
from empanada_desktop.core.consensus import StackOverlaps
from empanada_desktop.core.context import JobContext
from empanada_desktop.core.filters import keep_objects
from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.core.ids import number_objects
from empanada_desktop.core.morphology import dilate_labels, erode_labels
from empanada_desktop.core.plurals import counted
from empanada_desktop.core.tracking import ObjectTable, Tracks
from empanada_desktop.errors import SettingsError
from empanada_desktop.tasks.inference_params import StackParams

if TYPE_CHECKING:
    from empanada_desktop.core.geometry import Spacing
    from empanada_desktop.io.ome_zarr import ResultStore

PLANES_OF_A_BAND = 16
COUNTED_AT_ONCE = (256, 256, 256)

Triple = tuple[int, int, int]
ReadBox = Callable[[Box], NDArray[np.uint32]]


@dataclass(frozen=True)
class Classes:
    """What the network tells apart: the name of each class, and those that come as single objects."""

    names: dict[int, str]
    things: frozenset[int]

    def to_facts(self) -> dict[str, Any]:
        """Return what a recipe keeps of them."""
        return {
            "class_names": {str(number): name for number, name in self.names.items()},
            "things": sorted(self.things),
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Self:
        """Read what to_facts wrote."""
        names = {int(number): str(name) for number, name in facts["class_names"].items()}
        return cls(names, frozenset(int(number) for number in facts["things"]))

    def id_of(self, name: str | None) -> int:
        """Return the class that a TIFF is to hold; SettingsError where it is unknown, or left open among several."""
        titles = {title: class_id for class_id, title in self.names.items()}
        if name is None and len(titles) > 1:
            raise SettingsError(
                f"A TIFF holds one class, and these weights know {', '.join(titles)}.",
                "Choose one with --class-name, or write X.zarr, which holds them all.",
            )
        if name is not None and name not in titles:
            raise SettingsError(f"These weights know no class “{name}”.", f"Classes: {', '.join(titles)}.")
        return titles[name] if name is not None else next(iter(titles.values()))


@dataclass(frozen=True)
class SegmentedStack:
    """A stack that the network has passed: components (planes, rows, columns), and the objects that they make up."""

    axis: Axis
    components: Sliceable
    tracks: Tracks


class Objects(Protocol):
    """Objects 1..n of a volume, whose numbers are read box by box."""

    @property
    def table(self) -> ObjectTable:
        """What there is to know of them."""

    @property
    def found(self) -> tuple[int, ...]:
        """How many objects each stack had, before any was dropped."""

    def reader(self, ids: NDArray[np.uint32]) -> ReadBox:
        """Return what gives `ids[number]` for each voxel of a box, z y x; ids[0] is the background's."""


class StackObjects:
    """The objects of a single stack."""

    def __init__(self, stack: SegmentedStack) -> None:
        self.table = stack.tracks.objects
        self.found: tuple[int, ...] = (len(self.table),)
        self._stack = stack

    def reader(self, ids: NDArray[np.uint32]) -> ReadBox:
        """Return what gives `ids[number]` for each voxel of a box."""
        tables = [ids[lookup] for lookup in self._stack.tracks.lookups]
        return lambda box: stacked_block(self._stack.components, tables, self._stack.axis, box)


class ConsensusObjects:
    """The objects that three stacks agree on; each stack is filtered like a result before they are compared."""

    def __init__(
        self,
        stacks: Sequence[SegmentedStack],
        classes: Classes,
        params: StackParams,
        shape: Triple,
        context: JobContext,
    ) -> None:
        self.found = tuple(len(stack.tracks.objects) for stack in stacks)
        kept = [keep_objects(stack.tracks.objects, params.min_size, params.min_extent, shape) for stack in stacks]
        self._reads = [StackObjects(stack).reader(_numbers_of(keep)) for stack, keep in zip(stacks, kept, strict=True)]
        xy, xz, yz = (stack.tracks.objects.classes[keep] for stack, keep in zip(stacks, kept, strict=True))
        overlaps = StackOverlaps(xy, xz, yz, classes.things)
        total = count_blocks(shape, COUNTED_AT_ONCE)
        context.report(0, total, "Comparing the stacks")
        for done, box in enumerate(blocks(shape, COUNTED_AT_ONCE), 1):
            context.check_cancelled()
            overlaps.add_block(*self._numbers(box), box.start)
            context.report(done, total, "Comparing the stacks")
        consensus = overlaps.fuse(params.voxel_votes, params.permit_one_stack)
        keep = keep_objects(consensus.objects, params.min_size, params.min_extent, shape)
        self._consensus = consensus.keep(keep)
        self.table = self._consensus.objects

    def reader(self, ids: NDArray[np.uint32]) -> ReadBox:
        """Return what gives `ids[number]` for each voxel of a box."""
        return lambda box: ids[self._consensus.apply(*self._numbers(box))]

    def _numbers(self, box: Box) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]]:
        xy, xz, yz = (read(box) for read in self._reads)
        return xy, xz, yz


def _numbers_of(keep: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """Return the new number of each old one, from 1 on for those kept, 0 for the rest and for 0."""
    return np.concatenate([[0], np.where(keep, np.cumsum(keep), 0)]).astype(np.uint32)


class VolumeIds:
    """The final ids of a volume's objects, box by box: filtered, numbered, eroded and dilated."""

    def __init__(self, objects: Objects, classes: Classes, params: StackParams, shape: Triple) -> None:
        table = objects.table
        keep = keep_objects(table, params.min_size, params.min_extent, shape)
        ids, self.divisor = number_objects(table.classes, keep, classes.things, params.max_objects_per_class)
        self.ids = np.concatenate([np.zeros(1, np.uint32), ids])
        self.classes = classes
        self.shape = shape
        self._found, self._n_kept = objects.found, int(np.count_nonzero(keep))
        self._read = objects.reader(self.ids)
        self._erode, self._dilate = params.erode_labels, params.dilate_labels
        self._seen: set[int] = set()

    def read(self, box: Box) -> NDArray[np.uint32]:
        """Return the ids of a box, z y x, exactly as if the volume had been eroded and dilated whole."""
        wide, place = grown(box, self._erode + self._dilate, self.shape)
        ids = self._read(wide)
        if self._erode:
            ids = erode_labels(ids, self._erode)
        if self._dilate:
            ids = dilate_labels(ids, self._dilate)
        if self._erode:
            self._seen.update(np.unique(ids[place.slices]).tolist())
        return ids[place.slices]

    def of_class(self, ids: NDArray[np.uint32], class_id: int) -> NDArray[np.uint32]:
        """Return the ids of one class, 0 elsewhere."""
        if len(self.classes.names) == 1:
            return ids
        return np.where(ids // self.divisor == class_id, ids, 0).astype(np.uint32)

    def notes(self, params: StackParams) -> list[str]:
        """Say what the numbering had to decide."""
        if self.divisor == params.max_objects_per_class:
            return []
        return [f"There are more objects than the label divisor holds: it became {self.divisor}."]

    def why_empty(self, params: StackParams) -> list[str]:
        """Say why there is nothing in the result, once all boxes were read; nothing where there is something."""
        if any(self.counts().values()):
            return []
        if not any(self._found):
            return ["The network found nothing. Other weights, another image downsampling or a lower confidence may."]
        if self._n_kept:
            return [
                f"Erosion by {counted(params.erode_labels, 'voxel')} left nothing; objects before it: {self._n_kept}."
            ]
        sizes = f"min size ({counted(params.min_size, 'voxel')}) or min extent ({counted(params.min_extent, 'voxel')})"
        if len(self._found) == 1:
            return [f"All that was found is below {sizes}; objects found: {self._found[0]}."]
        found = ", ".join(f"{count} in {axis}" for axis, count in zip(Axis, self._found, strict=True))
        return [f"All that was found is below {sizes}, or no two stacks agree on it; objects found: {found}."]

    def counts(self) -> dict[str, int]:
        """Return how many objects of each class there are, once all boxes were read: erosion may remove some."""
        present = np.array(sorted(self._seen), np.uint32) if self._erode else self.ids
        found = np.unique(present[present > 0]) // self.divisor
        return {title: int(np.count_nonzero(found == number)) for number, title in self.classes.names.items()}


@dataclass(frozen=True)
class ResultLayers:
    """What a result holds: the labels, and the single stacks where they are wanted, under their groups' names."""

    labels: VolumeIds
    stacks: dict[str, VolumeIds]

    def by_source(self) -> Iterator[tuple[VolumeIds, list[str]]]:
        """Give each source of ids with the groups that it goes into."""
        yield self.labels, ["labels", *(group for group, ids in self.stacks.items() if ids is self.labels)]
        yield from ((ids, [group]) for group, ids in self.stacks.items() if ids is not self.labels)


def fuse_stacks(
    stacks: Sequence[SegmentedStack], classes: Classes, params: StackParams, shape: Triple, context: JobContext
) -> ResultLayers:
    """Turn segmented stacks (one; or xy, xz and yz for their consensus) into the result's ids."""
    if len(stacks) == 1:
        labels = VolumeIds(StackObjects(stacks[0]), classes, params, shape)
        return ResultLayers(labels, {f"stacks/{stacks[0].axis}": labels} if params.return_stacks else {})
    wanted = stacks if params.return_stacks else ()
    singles = {f"stacks/{stack.axis}": VolumeIds(StackObjects(stack), classes, params, shape) for stack in wanted}
    objects = ConsensusObjects(stacks, classes, params, shape, context)
    return ResultLayers(VolumeIds(objects, classes, params, shape), singles)


def write_zarr(store: "ResultStore", layers: ResultLayers, context: JobContext) -> None:
    """Write level 0 of all groups of a result, chunk by chunk."""
    from empanada_desktop.io.volumes.faults import writing

    part, side = store.header.part, store.header.chunk
    sources = list(layers.by_source())
    total, done = len(sources) * count_blocks_within(part, side), 0
    for source, groups in sources:
        with writing(store.path):
            arrays = [
                (class_id, store.label_array(f"{group}/{title}", class_id, title, source.divisor))
                for group in groups
                for class_id, title in source.classes.names.items()
            ]
        for box in blocks_within(part, side):
            context.check_cancelled()
            _write_box(store.path, arrays, source, box, part.start)
            done += 1
            context.report(done, total, "Writing blocks")


def _write_box(path: Path, arrays: list[tuple[int, Any]], source: VolumeIds, box: Box, start: Triple) -> None:
    """Write a box of the volume; `start`: where what the source has begins in it."""
    from empanada_desktop.io.volumes.faults import writing

    ids = source.read(box.moved(start, -1))
    with writing(path):
        for class_id, array in arrays:
            array[box.slices] = source.of_class(ids, class_id)


def write_tiff(
    out: Path,
    source: VolumeIds,
    class_id: int,
    spacing: "Spacing",
    recipe: dict[str, Any],
    context: JobContext,
    start: Triple = (0, 0, 0),
) -> None:
    """Write one class as TIFF, plane by plane; that an existing file may go was checked before.

    start: where the source begins in the volume, which the file says.
    """
    from empanada_desktop.io.tiff import write_label_tiff

    depth, rows, columns = source.shape

    def planes() -> Iterator[NDArray[np.uint32]]:
        for box in blocks(source.shape, (PLANES_OF_A_BAND, rows, columns)):
            context.check_cancelled()
            yield from source.of_class(source.read(box), class_id)
            context.report(box.stop[0], depth, "Writing planes")

    write_label_tiff(out, planes(), source.shape, spacing, recipe, np.uint32, overwrite=True, start=start)
