"""What the verbs that change labels do alike: what they read, which part they change, and where the result goes.

A result is a new OME-Zarr or TIFF with the labels as they become, or a file of edits for a window that has them open.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BeforeValidator, Field

from empanada_desktop.core.blocks import blocks, count_blocks
from empanada_desktop.core.context import JobContext
from empanada_desktop.core.edits import ArrayEdit
from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.core.ids import UINT32_MAX
from empanada_desktop.core.objects import LabelArray, ObjectIndex
from empanada_desktop.core.proofread_change import as_uint32
from empanada_desktop.errors import SettingsError
from empanada_desktop.tasks.inference import TIFF_SUFFIXES, check_apart, check_tiff_output
from empanada_desktop.tasks.params import TaskInputs, TaskParams, VoxelSize, ui
from empanada_desktop.tasks.recipe import make_recipe

if TYPE_CHECKING:
    from empanada_desktop.io.volumes import Volume

EDIT_SUFFIX = ".edits"
COPIED = (64, 512, 512)
CHUNK = 128
WorksIn = Literal["volume", "xy", "xz", "yz"]
Deed = Callable[[LabelArray], tuple[ArrayEdit, ...]]


def _read_points(value: object) -> object:
    """Take "z,y,x; z,y,x" as it is typed, whole or cut at its commas."""
    text = ",".join(map(str, value)) if isinstance(value, list | tuple) and _are_words(value) else value
    if not isinstance(text, str):
        return value
    return [[part.strip() for part in point.split(",")] for point in text.split(";") if point.strip()]


def _are_words(values: "list[Any] | tuple[Any, ...]") -> bool:
    return all(isinstance(value, str) for value in values)


def _sorted_ids(ids: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(ids))


Ids = Annotated[
    tuple[Annotated[int, Field(ge=1, lt=UINT32_MAX)], ...],
    AfterValidator(_sorted_ids),
    Field(
        title="Objects",
        description="Ids of the objects, separated by commas. Without any: all objects.",
        json_schema_extra={**ui("Objects"), "metavar": "ID,ID,…", "option": True},
    ),
]
Points = Annotated[
    tuple[tuple[float, float, float], ...],
    BeforeValidator(_read_points),
    Field(
        title="Points",
        description="Places in voxels: z,y,x; z,y,x; …",
        json_schema_extra={**ui("Split"), "metavar": "Z,Y,X;Z,Y,X"},
    ),
]
Line = Annotated[
    tuple[tuple[float, float], ...],
    BeforeValidator(_read_points),
    Field(
        title="Line",
        description="Vertices in the plane, in voxels: row,column; row,column; …",
        json_schema_extra={**ui("Split"), "metavar": "ROW,COLUMN;ROW,COLUMN"},
    ),
]
Divisor = Annotated[
    int,
    Field(
        ge=1,
        title="Max objects per class",
        description="The label divisor: an id is class · divisor + number.",
        json_schema_extra=ui("Ids"),
    ),
]


class WhereParams(TaskParams):
    """Which objects, in the volume or in a plane."""

    ids: Ids = ()
    works_in: WorksIn = Field(
        "volume",
        title="Works in",
        description="The volume (3D), or one plane of this orientation.",
        json_schema_extra=ui("Objects"),
    )
    index: Annotated[int, Field(ge=0)] = Field(
        0, title="Plane", description="Which plane, from 0.", json_schema_extra=ui("Objects")
    )

    @property
    def chosen(self) -> tuple[int, ...] | None:
        """The objects, None for all."""
        return self.ids or None

    @property
    def axis(self) -> Axis | None:
        """The orientation of the plane, None for the volume."""
        return None if self.works_in == "volume" else Axis(self.works_in)


class LabelInputs(TaskInputs):
    """Which labels."""

    labels: str = Field(title="Labels", description="Labels of objects: X.zarr, X.tif or the like.")
    dataset: str | None = Field(None, title="Dataset", description="Array inside it, such as labels/mito.")
    voxel_size: VoxelSize = None


class EditInputs(LabelInputs):
    """Which labels to change, and where to write what they become."""

    out: str = Field(
        title="Output",
        description="Result to write: Y.zarr (OME-Zarr), Y.tif, or Y.edits (only what changes, for a window).",
        json_schema_extra={"option": True},
    )
    overwrite: bool = Field(False, title="Overwrite", description="Replace an existing result.")


@dataclass(frozen=True)
class EditResult:
    """Where changed labels are, how many parts of them changed, and what there is to say."""

    out: str
    changed: int
    recipe: dict[str, Any]
    notes: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """Say in plain sentences what was made and where it is."""
        places = f"{self.changed} places" if self.changed > 1 else "one place"
        what = f"Changed in {places}." if self.changed else "Nothing changes."
        return [*self.notes, what, f"Written to {self.out}"]


@contextmanager
def opened_labels(path: str, dataset: str | None, voxel_size: Any = None) -> "Iterator[Volume]":  # noqa: ANN401 - a triple
    """Open labels; SettingsError where the values are no ids. A result of one class needs no dataset."""
    from empanada_desktop.io.volumes import open_volume

    with open_volume(path, dataset or only_labels(path), voxel_size) as volume:
        if volume.dtype.kind not in "bui":
            raise SettingsError(f"{path} holds {volume.dtype} values, not labels.", "Give integer labels.")
        yield volume


def only_labels(path: str) -> str | None:
    """Return the one class of a result of ours, None where there are several or it is something else."""
    if Path(path).suffix.lower() != ".zarr":
        return None
    from empanada_desktop.io.volumes import list_datasets

    names = [info.name for info in list_datasets(path) if info.name.startswith("labels/")]
    return names[0] if len(names) == 1 else None


def class_titles(path: str, dataset: str | None) -> dict[int, str]:
    """Return the class that a label group of a result of ours holds; nothing where it says none."""
    import zarr

    name = dataset or only_labels(path)
    if name is None or Path(path).suffix.lower() != ".zarr":
        return {}
    own = zarr.open_group(path, mode="r", path=name).attrs.get("empanada_desktop")
    facts = own if isinstance(own, dict) else {}
    return {int(facts["class_id"]): str(facts["class_name"])} if {"class_id", "class_name"} <= facts.keys() else {}


def boxes_of(
    labels: LabelArray, ids: tuple[int, ...], axis: Axis | None, context: JobContext
) -> Mapping[int, Box] | None:
    """Return where the objects of a volume are, None where nothing asks for it: of a plane, or without ids.

    SettingsError where one of the ids is nowhere: it may be misspelt, and another one meant.
    """
    if axis is not None or not ids:
        return None
    objects = ObjectIndex.of(labels, context)
    missing = [str(each) for each in ids if each not in objects]
    if missing:
        raise SettingsError(f"There is no object {' or '.join(missing)}.", "count-labels lists the ids.")
    return objects.boxes


def carry_out(
    verb: str, inputs: EditInputs, params: TaskParams, deed: Deed, divisor: int, context: JobContext
) -> EditResult:
    """Open the labels, find out what `deed` changes of them and write the result."""
    from empanada_desktop.io.edit_files import write_edits

    out = _check_out(inputs)
    recipe = make_recipe(verb, params, inputs).to_dict()
    with opened_labels(inputs.labels, inputs.dataset, inputs.voxel_size) as volume:
        edits = deed(volume)
        if out.suffix == EDIT_SUFFIX:
            write_edits(out, edits)
        elif out.suffix.lower() in TIFF_SUFFIXES:
            _write_tiff(out, volume, edits, recipe, context)
        else:
            _write_zarr(out, inputs, volume, edits, recipe, divisor, context)
    return EditResult(inputs.out, len(edits), recipe)


def _check_out(inputs: EditInputs) -> Path:
    from empanada_desktop.io.volumes.faults import writing

    out = Path(inputs.out)
    check_apart(inputs.out, inputs.labels, "the labels to change")
    if out.suffix.lower() in TIFF_SUFFIXES:
        return check_tiff_output(inputs.out, inputs.overwrite)
    if out.suffix not in (".zarr", EDIT_SUFFIX):
        raise SettingsError(f"{out} is neither .zarr, .tif nor .edits.", "Name the result Y.zarr, Y.tif or Y.edits.")
    with writing(out):
        exists = out.suffix == EDIT_SUFFIX and out.exists()
    if exists and not inputs.overwrite:
        raise SettingsError(f"{out} exists already.", "Choose another name, or replace it with --overwrite.")
    return out


def _write_zarr(
    out: Path, inputs: EditInputs, volume: "Volume", edits: tuple[ArrayEdit, ...], recipe: dict[str, Any],
    divisor: int, context: JobContext,
) -> None:  # fmt: skip
    from empanada_desktop.io.ome_zarr import ResultStore
    from empanada_desktop.io.volumes.faults import writing

    class_id, title = next(iter(class_titles(inputs.labels, inputs.dataset).items()), (1, "objects"))
    store = ResultStore.create(out, volume.shape, volume.spacing, CHUNK, recipe, inputs.overwrite)
    try:
        with writing(out):
            array = store.label_array(f"labels/{title}", class_id, title, divisor)
            _copy(volume, array, context)
            for edit in edits:
                edit.apply(array)
        store.finish(recipe, context)
    except BaseException:  # a second Ctrl-C too
        store.discard()
        raise


def _copy(volume: "Volume", array: Any, context: JobContext) -> None:  # noqa: ANN401 - a zarr array
    total = count_blocks(volume.shape, COPIED)
    for done, box in enumerate(blocks(volume.shape, COPIED), 1):
        context.check_cancelled()
        array[box.slices] = as_uint32(volume[box.slices])
        context.report(done, total, "Copying labels")


def _write_tiff(
    out: Path, volume: "Volume", edits: tuple[ArrayEdit, ...], recipe: dict[str, Any], context: JobContext
) -> None:
    """Write the planes out of an array on the disk, in which the edits were made: any size fits."""
    from empanada_desktop.io.tiff import write_label_tiff
    from empanada_desktop.io.volumes.faults import writing

    with writing(out), tempfile.TemporaryDirectory(dir=out.absolute().parent, prefix=f".{out.name}.") as folder:
        import zarr

        array = zarr.create_array(
            Path(folder) / "labels", shape=volume.shape, chunks=_chunks(volume.shape), dtype=np.uint32, zarr_format=3
        )
        _copy(volume, array, context)
        for edit in edits:
            edit.apply(array)
        planes = _planes(array, volume.shape, context)
        write_label_tiff(out, planes, volume.shape, volume.spacing, recipe, np.uint32, overwrite=True)


def _chunks(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    return 1, min(1024, shape[1]), min(1024, shape[2])


def _planes(array: Any, shape: tuple[int, int, int], context: JobContext) -> Iterator[NDArray[np.uint32]]:  # noqa: ANN401
    for box in blocks(shape, (8, shape[1], shape[2])):
        context.check_cancelled()
        yield from np.asarray(array[box.slices], np.uint32)
        context.report(box.stop[0], shape[0], "Writing planes")
