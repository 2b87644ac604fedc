"""Find suspicious objects, the most suspicious first, with the reason in words."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.review import suspicions
from empanada_desktop.core.suspicion import Suspicion
from empanada_desktop.io.tables import TableColumn, check_table_name, write_table
from empanada_desktop.tasks.label_edits import Divisor, Ids, LabelInputs, only_labels, opened_labels
from empanada_desktop.tasks.measure import check_same_shape
from empanada_desktop.tasks.params import TaskParams

if TYPE_CHECKING:
    from empanada_desktop.io.volumes import Volume

TITLE = "Find suspicious objects, with the reason in words."
SHOWN = 12


class Params(TaskParams):
    """Which objects are looked at."""

    ids: Ids = ()
    max_objects_per_class: Divisor = 10_000


class Inputs(LabelInputs):
    """What to look at, and where the list goes."""

    image: str | None = Field(None, title="Image", description="The image of the same size, for grey values.")
    image_dataset: str | None = Field(None, title="Image's dataset", description="Array inside the image.")
    out: str | None = Field(None, title="Table", description="Also write the list to this .csv or .xlsx file.")
    overwrite: bool = Field(False, title="Overwrite", description="Replace an existing table.")


@dataclass(frozen=True)
class ReviewResult:
    """What is suspicious, most suspicious first."""

    found: tuple[Suspicion, ...]
    out: str | None = None

    def lines(self) -> list[str]:
        """Say the most suspicious ones."""
        shown = [f"{each.score:.2f}  {_ids(each)}  {each.question}  {each.reason}" for each in self.found[:SHOWN]]
        left = len(self.found) - len(shown)
        return [*shown, *([f"{left} more."] if left else []), *([f"Written to {self.out}"] if self.out else [])]


def run(inputs: Inputs, params: Params, context: JobContext) -> ReviewResult:
    """Look at all objects, or at those that are named; stacks and confidence that a result has kept count as well."""
    from empanada_desktop.io.volumes import open_volume
    from empanada_desktop.tasks.review_confidence import kept_confidence

    out = None if inputs.out is None else check_table_name(inputs.out, inputs.overwrite)
    with ExitStack() as stack:
        labels = stack.enter_context(opened_labels(inputs.labels, inputs.dataset, inputs.voxel_size))
        grey = None if inputs.image is None else stack.enter_context(open_volume(inputs.image, inputs.image_dataset))
        check_same_shape(labels.shape, grey)
        stacks = {name: stack.enter_context(volume) for name, volume in open_stacks(inputs.labels, inputs.dataset)}
        confidence = kept_confidence(
            _below(inputs.labels, inputs.dataset)[0], labels, params.max_objects_per_class, context
        )  # fmt: skip
        found = suspicions(
            labels, grey, labels.spacing, stacks=stacks, confidence=confidence, ids=params.ids or None,
            label_divisor=params.max_objects_per_class, context=context,
        )  # fmt: skip
    if out is not None:
        write_table(out, _columns(found), title="Review")
    return ReviewResult(tuple(found), inputs.out)


def open_stacks(path: str, dataset: str | None) -> "Iterator[tuple[str, Volume]]":
    """Yield the single stacks that a result of ours has kept of a class: name of the plane, volume.

    Of labels that were changed in a window they are those of the result below.
    """
    from empanada_desktop.io.volumes import list_datasets, open_volume

    path, dataset = _below(path, dataset)
    group = dataset or only_labels(path)
    if group is None or Path(path).suffix.lower() != ".zarr":
        return
    title = group.rpartition("/")[2]
    there = {info.name for info in list_datasets(path)}
    for plane in ("xy", "xz", "yz"):
        if f"stacks/{plane}/{title}" in there:
            yield plane, open_volume(path, f"stacks/{plane}/{title}")


def _below(path: str, dataset: str | None) -> tuple[str, str | None]:
    """Return the file that changed labels lie over; other labels as they are."""
    if Path(path).suffix != ".overlay":
        return path, dataset
    from empanada_desktop.io.overlay_files import read_overlay

    base = read_overlay(Path(path)).base
    return (path, dataset) if base is None or "placed" in base else (str(base["path"]), base.get("dataset"))


def _columns(found: list[Suspicion]) -> list[TableColumn]:
    return [
        TableColumn("Objects", "Id of the object, or of the two that may be one.", [_ids(each) for each in found]),
        TableColumn("Question", "What a person should decide.", [each.question for each in found]),
        TableColumn("Reason", "Why it is suspicious.", [each.reason for each in found]),
        TableColumn("Score", "How suspicious, 0 to 1.", [each.score for each in found]),
        *(
            TableColumn(name, f"Where to look, {name} in voxels.", [round(each.place[axis], 1) for each in found])
            for axis, name in enumerate("zyx")
        ),
    ]


def _ids(each: Suspicion) -> str:
    return " + ".join(map(str, each.ids))
