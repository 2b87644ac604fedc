"""One task over several volumes: a job for each, one after another, each with its own result."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from empanada_desktop.errors import AppError, SettingsError
from empanada_desktop.jobs.leftovers import is_of
from empanada_desktop.jobs.spec import JobSpec
from empanada_desktop.tasks.params import TaskParams
from empanada_desktop.tasks.registry import load_task

RESULT_SUFFIXES = (".zarr", ".tif", ".tiff")


def jobs_of(task: str, params: TaskParams, inputs: Mapping[str, Any], volumes: Sequence[str]) -> list[JobSpec]:
    """Return the jobs for some volumes; `inputs` are what they share, `out` among them.

    A single volume is written to `out`; of several each to `<name>_labels.zarr` in the folder `out`, numbered where
    names are alike, in the order given: the same call gives the same names.
    """
    record = load_task(task).module.Inputs
    if len(volumes) == 1:
        return [JobSpec(task, params, record.checked({**inputs, "volume": volumes[0]}))]
    folder = Path(str(inputs.get("out", "")))
    if folder.suffix.lower() in RESULT_SUFFIXES:
        raise SettingsError(
            f"{folder} is one result, but there are {len(volumes)} volumes.",
            "Name a folder: each volume's result gets the volume's name there.",
        )
    outs = [str(folder / name) for name in result_names(volumes)]
    return [
        JobSpec(task, params, record.checked({**inputs, "volume": volume, "out": out}))
        for volume, out in zip(volumes, outs, strict=True)
    ]


def result_names(volumes: Sequence[str]) -> list[str]:
    """Return a file name for each volume's result, no two alike."""
    names: list[str] = []
    for volume in volumes:
        stem, number = f"{Path(volume).stem}_labels", 2
        name = f"{stem}.zarr"
        while name.lower() in {each.lower() for each in names}:  # some disks do not tell A from a
            name, number = f"{stem}_{number}.zarr", number + 1
        names.append(name)
    return names


@dataclass
class Batch:
    """The outcome of several jobs: one that fails does not keep the others from running."""

    jobs: Sequence[JobSpec]
    failed: list[tuple[JobSpec, AppError]] = field(default_factory=list)

    def carry_out(self, run: Callable[[JobSpec], Any]) -> Iterator[tuple[JobSpec, Any]]:
        """Run the jobs that are not done already, in their order; gives each with its result, None for those."""
        for job in self.jobs:
            if is_done(job):
                yield job, None
                continue
            try:
                result = run(job)
            except AppError as error:
                self.failed.append((job, error))
                continue
            yield job, result


def is_done(job: JobSpec) -> bool:
    """Whether a job's whole result is there, and may stay."""
    from empanada_desktop.io.ome_zarr import read_header

    out = Path(str(getattr(job.inputs, "out", "")))
    if getattr(job.inputs, "overwrite", False) or not out.is_dir():
        return False
    header = read_header(out)
    if header is None or not header.is_complete or not is_of(header.recipe, job):
        return False
    before, now = header.recipe.get("inputs", {}), job.inputs.model_dump(mode="json")
    same_volume = Path(str(before.get("volume"))).resolve() == Path(str(now["volume"])).resolve()
    return same_volume and all(before.get(name) == now[name] for name in ("dataset", "voxel_size", "region"))
