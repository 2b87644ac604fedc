"""What a job that was broken off leaves on the disk, going on with it, and running a job a second time."""

import dataclasses
from pathlib import Path
from typing import Any

from empanada_desktop.errors import VolumeError
from empanada_desktop.jobs.spec import JobSpec
from empanada_desktop.tasks.recipe import MAY_DIFFER

TIFF_SUFFIXES = (".tif", ".tiff")


def kept_planes(spec: JobSpec) -> int:
    """Return how many finished planes a job that was broken off has left: with any, the same job goes on from there."""
    path = _unfinished(spec)
    if path is None:
        return 0
    from empanada_desktop.io.ome_zarr import finished_planes

    return finished_planes(path)


def clear_leftovers(spec: JobSpec) -> None:
    """Remove the unfinished result of a job; a result that it was to replace comes back.

    Does nothing where there is no unfinished result of this job.
    """
    path = _unfinished(spec)
    if path is None:
        return
    from empanada_desktop.io.ome_zarr import ResultStore

    try:
        ResultStore.resume(path).discard()
    except VolumeError:
        return


def for_another_run(spec: JobSpec, has_result: bool) -> JobSpec:
    """Return the job as it has to be to run again: allowed to replace the result that it wrote itself."""
    if has_result and "overwrite" in type(spec.inputs).model_fields:
        return dataclasses.replace(spec, inputs=spec.inputs.model_copy(update={"overwrite": True}))
    return spec


def _unfinished(spec: JobSpec) -> Path | None:
    """Return where the result of a job is, if it is there and not finished."""
    out = getattr(spec.inputs, "out", None)
    if not isinstance(out, str):
        return None
    path = Path(out)
    path = path.with_suffix(".unfinished.zarr") if path.suffix.lower() in TIFF_SUFFIXES else path
    from empanada_desktop.io.ome_zarr import find_unfinished, read_recipe

    try:
        place = find_unfinished(path)
        return path if place is not None and is_of(read_recipe(place), spec) else None
    except VolumeError:
        return None


def is_of(recipe: dict[str, Any], spec: JobSpec) -> bool:
    """Whether a result was made, or begun, by a job with the same values."""
    mine = spec.params.model_dump(mode="json")
    theirs = recipe.get("params", {})
    return recipe.get("task") == spec.task and all(
        theirs.get(name) == value for name, value in mine.items() if name not in MAY_DIFFER
    )
