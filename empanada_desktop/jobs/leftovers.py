"""What a job that was ended by force leaves on the disk, and running a job a second time."""

import dataclasses
from pathlib import Path

from empanada_desktop.errors import VolumeError
from empanada_desktop.jobs.spec import JobSpec

TIFF_SUFFIXES = (".tif", ".tiff")


def clear_leftovers(spec: JobSpec) -> None:
    """Remove the unfinished result of a job that ended by force; a result that it was to replace comes back.

    Does nothing where there is no unfinished result of ours.
    """
    out = getattr(spec.inputs, "out", None)
    if not isinstance(out, str):
        return
    path = Path(out)
    store = path.with_suffix(".unfinished.zarr") if path.suffix.lower() in TIFF_SUFFIXES else path
    if not store.is_dir():
        return
    from empanada_desktop.io.ome_zarr import ResultStore

    try:
        ResultStore.resume(store).discard()
    except VolumeError:
        return


def for_another_run(spec: JobSpec, has_result: bool) -> JobSpec:
    """Return the job as it has to be to run again: allowed to replace the result that it wrote itself."""
    if has_result and "overwrite" in type(spec.inputs).model_fields:
        return dataclasses.replace(spec, inputs=spec.inputs.model_copy(update={"overwrite": True}))
    return spec
