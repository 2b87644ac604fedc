"""Export the surfaces of objects as meshes."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.geometry import Box
from empanada_desktop.core.objects import ObjectIndex
from empanada_desktop.core.plurals import counted
from empanada_desktop.errors import SettingsError
from empanada_desktop.tasks.label_edits import Ids, LabelInputs, opened_labels
from empanada_desktop.tasks.params import TaskParams

if TYPE_CHECKING:
    from empanada_desktop.core.meshes import Mesh
    from empanada_desktop.io.volumes import Volume

TITLE = "Export the surfaces of objects as meshes (STL, OBJ)."
# An object with a larger box is meshed from every second, third … voxel of it.
MOST_VOXELS = 1 << 25


class Params(TaskParams):
    """Whose surfaces."""

    ids: Ids = ()


class Inputs(LabelInputs):
    """The labels, and where the meshes go."""

    out: str = Field(
        title="Mesh",
        description="File to write: X.stl, or X.obj, which keeps the objects apart.",
        json_schema_extra={"option": True},
    )
    overwrite: bool = Field(False, title="Overwrite", description="Replace a file that is there.")


@dataclass(frozen=True)
class MeshResult:
    """How many objects were written, in which unit, and where."""

    objects: int
    unit: str
    out: str

    def lines(self) -> list[str]:
        """Say it."""
        return [f"Surfaces of {counted(self.objects, 'object')}, in {self.unit}.", f"Written to {self.out}"]


def run(inputs: Inputs, params: Params, context: JobContext) -> MeshResult:
    """Mesh one object after the other; SettingsError where none is there or the name will not do."""
    from empanada_desktop.io.mesh_files import write_meshes

    out = _checked(inputs)
    with opened_labels(inputs.labels, inputs.dataset, inputs.voxel_size) as labels:
        index = ObjectIndex.of(labels, context)
        missing = [label_id for label_id in params.ids if label_id not in index]
        if missing or not len(index):
            raise SettingsError(f"There is no object {missing[0]}." if missing else "There are no objects.")
        meshes = _meshes(labels, index, params.ids or tuple(index.ids.tolist()), context)
        count = write_meshes(out, meshes, labels.spacing)
        unit = "µm" if labels.spacing.is_known else "voxels"
    return MeshResult(count, unit, inputs.out)


def _checked(inputs: Inputs) -> Path:
    from empanada_desktop.io.mesh_files import FORMATS

    out = Path(inputs.out)
    if out.suffix.lower() not in FORMATS:
        raise SettingsError(f"“{inputs.out}” is no name of a mesh.", "Give a name that ends in .stl or .obj.")
    if out.exists() and not inputs.overwrite:
        raise SettingsError(f"{out} exists already.", "Choose another name, or replace it with --overwrite.")
    return out


def _meshes(labels: "Volume", index: ObjectIndex, ids: tuple[int, ...], context: JobContext) -> "Iterator[Mesh]":
    from empanada_desktop.core.meshes import object_mesh

    for done, label_id in enumerate(ids, 1):
        context.check_cancelled()
        box = index.box(label_id)
        step = 1
        while math.prod(box.shape) > MOST_VOXELS * step**3:
            step += 1
        voxels = _thinned(labels, box, step)
        mesh = object_mesh(voxels, label_id, np.zeros(3, np.int64), np.array(voxels.shape, np.int64))
        yield replace(mesh, vertices=mesh.vertices * np.float32(step) + np.array(box.start, np.float32))
        context.report(done, len(ids), "Meshing objects")


def _thinned(labels: "Volume", box: Box, step: int) -> NDArray[np.uint32]:
    """Read every `step`-th voxel of a box, plane by plane."""
    (first, last), rows, columns = box.spans[0], *box.slices[1:]
    planes = [np.asarray(labels[z, rows, columns])[::step, ::step] for z in range(first, last, step)]
    return np.stack(planes).astype(np.uint32)
