"""Fuse a result anew from what it has kept of its planes: other votes, sizes, erosion, without the network.

Where the confidence was kept, too, it can be changed: then the planes' objects are found anew first.
"""

import copy
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, create_model

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.tracking import StackTracker
from empanada_desktop.errors import SettingsError
from empanada_desktop.tasks.inference import TIFF_SUFFIXES, SegmentationResult, check_apart, check_tiff_output
from empanada_desktop.tasks.inference_params import StackParams
from empanada_desktop.tasks.params import TaskInputs, TaskParams
from empanada_desktop.tasks.recipe import Recipe, now, versions
from empanada_desktop.tasks.regroup import REGROUPING, must_regroup, regroup
from empanada_desktop.tasks.volume_result import Classes, SegmentedStack, fuse_stacks, write_tiff, write_zarr

if TYPE_CHECKING:
    from empanada_desktop.io.ome_zarr import FinishedResult, ResultStore
    from empanada_desktop.io.predictions import StackPlanes

TITLE = "Fuse a 3D result anew with other values, without the network."
CHANGEABLE = (
    "voxel_votes",
    "permit_one_stack",
    "min_size",
    "min_extent",
    "erode_labels",
    "dilate_labels",
    "max_objects_per_class",
    "return_stacks",
    *REGROUPING,
)
FUSED_FROM = "fused_from"


def _field(name: str) -> tuple[Any, Any]:
    """Return a field of segment-volume as this task has it: what is not given stays as it is in the result."""
    field = copy.copy(StackParams.model_fields[name])
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    field.json_schema_extra = {**extra, "default": "as in the result"}
    return field.annotation, field


class _Changes(TaskParams):
    """Parameters of which only those that were given say anything."""

    def to_plain(self) -> dict[str, Any]:
        """Return the values that were given."""
        return self.model_dump(mode="json", exclude_unset=True)


Params: type[TaskParams] = create_model(
    "Params",
    __base__=_Changes,
    __module__=__name__,
    __doc__="What can be changed of a result afterwards; what is not given stays as it is.",
    **{name: _field(name) for name in CHANGEABLE},  # type: ignore[call-overload]
)


def params_of(values: Mapping[str, Any]) -> type[TaskParams]:
    """Return Params whose defaults are the values of a result, by its recipe."""
    fields = {}
    for name, field in Params.model_fields.items():
        own = copy.copy(field)
        own.default = values.get(name, field.default)
        fields[name] = (field.annotation, own)
    return create_model("ParamsOfResult", __base__=Params, **fields)  # type: ignore[call-overload,no-any-return]


def kept_result(path: str | Path) -> tuple[Path, dict[str, Any]]:
    """Return the result to fuse anew for the one at `path`, and its parameters; SettingsError where nothing was kept.

    For a result that was fused already it is the one that it was made from, with the values of this one.
    """
    from empanada_desktop.io.ome_zarr import FinishedResult

    result = FinishedResult.open(path)
    values = StackParams.checked(result.header.recipe["params"])
    origin = result.header.recipe["facts"].get(FUSED_FROM)
    kept = FinishedResult.open(origin) if origin else result
    for axis in _axes(values):
        _kept_planes(kept, axis)
    return kept.path, values.model_dump(mode="json")


class Inputs(TaskInputs):
    """What to fuse and where to write."""

    result: str = Field(title="Result", description="The X.zarr to fuse anew; it must have kept its predictions.")
    out: str = Field(
        title="Output",
        description="Result to write: Y.zarr (OME-Zarr, every class) or Y.tif (one class).",
        json_schema_extra={"option": True},
    )
    class_name: str | None = Field(None, title="Class", description="Which class Y.tif holds, when there are several.")
    overwrite: bool = Field(False, title="Overwrite", description="Replace an existing result.")


def run(inputs: Inputs, params: TaskParams, context: JobContext) -> SegmentationResult:
    """Fuse and write the volume; returns where it is and how many objects of each class it holds."""
    from empanada_desktop.io.ome_zarr import FinishedResult

    started = time.perf_counter()
    check_apart(inputs.out, inputs.result, "the result to fuse anew")
    before = FinishedResult.open(inputs.result)
    values = StackParams.checked({**before.header.recipe["params"], **params.to_plain()})
    recipe = _recipe(before, values, inputs)
    classes = Classes.from_facts(before.header.recipe["facts"])
    kept = {axis: _kept_planes(before, axis) for axis in _axes(values)}
    part, out = before.header.part, Path(inputs.out)
    is_tiff = out.suffix.lower() in TIFF_SUFFIXES
    if is_tiff:
        check_tiff_output(inputs.out, inputs.overwrite)
        classes.id_of(inputs.class_name)
    with _begun(before, recipe, inputs) as store:
        stacks = _stacks(before, kept, store, values, classes, context)
        layers = fuse_stacks(stacks, classes, values, part.shape, context)
        if is_tiff:
            class_id = classes.id_of(inputs.class_name)
            write_tiff(out, layers.labels, class_id, before.header.spacing, recipe, context, part.start)
            store.discard()
        else:
            write_zarr(store, layers, context)
            store.finish(recipe, context)
    counts = layers.labels.counts()
    notes = (*layers.labels.notes(values), *layers.labels.why_empty(values))
    return SegmentationResult(inputs.out, counts, time.perf_counter() - started, recipe, notes)


def _recipe(before: "FinishedResult", values: StackParams, inputs: Inputs) -> dict[str, Any]:
    """Return the recipe that gives the same from the volume itself, and says what it was fused from."""
    recipe = Recipe.model_validate(before.header.recipe)
    facts = recipe.facts | {FUSED_FROM: str(before.path)}
    changes = {
        "params": values.model_dump(mode="json"),
        "inputs": recipe.inputs | {"out": inputs.out, "class_name": inputs.class_name},
        "facts": facts,
        "versions": versions(),
        "created": now(),
    }
    return recipe.model_copy(update=changes).to_dict()


def _axes(params: StackParams) -> list[Axis]:
    return list(Axis) if params.ortho_plane else [Axis(params.inference_plane)]


def _kept_planes(result: "FinishedResult", axis: Axis) -> "StackPlanes":
    """Return what a result has kept of a stack; SettingsError where that is not all of it."""
    planes = result.stack_planes(axis)
    if planes is None or planes.n_done < len(planes):
        origin = result.header.recipe["facts"].get(FUSED_FROM)
        instead = f"Fuse {origin}, which it was made from." if origin else "Segment it again and keep them."
        raise SettingsError(f"{result.path} has not kept its per-plane predictions.", instead)
    return planes


def _stacks(
    before: "FinishedResult",
    kept: Mapping[Axis, "StackPlanes"],
    store: "ResultStore",
    params: StackParams,
    classes: Classes,
    context: JobContext,
) -> list[SegmentedStack]:
    """Return the stacks as they were kept, or with other objects of their planes; SettingsError where it cannot be."""
    if not must_regroup(before.header.recipe["params"], params):
        return [_as_kept(axis, planes) for axis, planes in kept.items()]
    if not all(planes.maps.has_all(len(planes)) for planes in kept.values()):
        names = ", ".join(name.replace("_", " ") for name in REGROUPING)
        raise SettingsError(
            f"{before.path} has not kept the network's confidence, which {names} need.",
            "Segment it again with --keep-confidence.",
        )
    return [regroup(planes, axis, store, params, classes.things, context) for axis, planes in kept.items()]


def _as_kept(axis: Axis, planes: "StackPlanes") -> SegmentedStack:
    tracker = StackTracker(axis)
    tracker.take_up(planes.records)
    return SegmentedStack(axis, planes.array, tracker.finish())


@contextmanager
def _begun(before: "FinishedResult", recipe: dict[str, Any], inputs: Inputs) -> Iterator["ResultStore"]:
    """Begin the new result, which goes again when an error or a cancel ends the work."""
    store = _begin(before, recipe, inputs)
    try:
        yield store
    except BaseException:  # a second Ctrl-C too
        store.discard()
        raise


def _begin(before: "FinishedResult", recipe: dict[str, Any], inputs: Inputs) -> "ResultStore":
    """Begin the new result, over what an earlier run that was ended by force has left of the same.

    Beside a TIFF it is only a place to work in.
    """
    from empanada_desktop.io.ome_zarr import ResultStore, find_unfinished, read_recipe

    out, header = Path(inputs.out), before.header
    if out.suffix.lower() in TIFF_SUFFIXES:
        place = out.with_suffix(".fusing.zarr")
        return ResultStore.create(place, header.shape, header.spacing, header.chunk, recipe, True, header.region)
    if out.suffix.lower() != ".zarr":
        raise SettingsError(f"{out} is neither .zarr nor .tif.", "Name the result Y.zarr or Y.tif.")
    unfinished = find_unfinished(out)
    is_ours = unfinished == out and read_recipe(out)["facts"].get(FUSED_FROM) == str(before.path)
    overwrite = inputs.overwrite or is_ours
    return ResultStore.create(out, header.shape, header.spacing, header.chunk, recipe, overwrite, header.region)
