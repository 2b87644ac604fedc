"""Measure objects in 3D or in a plane: size, surface, lengths, shape, grey values, neighbours; as CSV or XLSX."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.measure import Measurements, measure
from empanada_desktop.core.plurals import counted
from empanada_desktop.errors import SettingsError
from empanada_desktop.io.tables import TableColumn, check_table_name, write_table
from empanada_desktop.tasks.label_edits import Divisor, LabelInputs, WhereParams, class_titles, opened_labels
from empanada_desktop.tasks.params import ui

TITLE = "Measure objects: size, surface, lengths, grey values, neighbours."
UNITS = {"um": "µm", "µm": "µm", "nm": "nm", "px": "px"}


class Params(WhereParams):
    """What is measured, and in which unit."""

    unit: Annotated[Literal["µm", "nm", "px"], BeforeValidator(lambda value: UNITS.get(str(value), value))] = Field(
        "µm",
        title="Unit",
        description="Unit of lengths; um will do for µm. px where the voxel size is not known.",
        json_schema_extra=ui("Measure"),
    )
    max_objects_per_class: Divisor = 10_000


class Inputs(LabelInputs):
    """What to measure, and where the table goes."""

    image: str | None = Field(None, title="Image", description="The image of the same size, for grey values.")
    image_dataset: str | None = Field(None, title="Image's dataset", description="Array inside the image.")
    out: str = Field(title="Table", description="Table to write: X.csv or X.xlsx.", json_schema_extra={"option": True})
    overwrite: bool = Field(False, title="Overwrite", description="Replace an existing table.")


@dataclass(frozen=True)
class MeasureResult:
    """The table, and where it is."""

    table: Measurements
    out: str
    files: tuple[str, ...]

    def lines(self) -> list[str]:
        """Say how many objects were measured, from which voxel size, and where the table is."""
        return [
            *self.table.notes,
            f"{counted(len(self.table), 'object')} measured.",
            *(f"Written to {each}" for each in self.files),
        ]


def run(inputs: Inputs, params: Params, context: JobContext) -> MeasureResult:
    """Measure and write the table."""
    from empanada_desktop.io.volumes import open_volume

    out = check_table_name(inputs.out, inputs.overwrite)
    names = class_titles(inputs.labels, inputs.dataset)
    with ExitStack() as stack:
        labels = stack.enter_context(opened_labels(inputs.labels, inputs.dataset, inputs.voxel_size))
        grey = None if inputs.image is None else stack.enter_context(open_volume(inputs.image, inputs.image_dataset))
        spacing = labels.spacing if labels.spacing.is_known or grey is None else grey.spacing
        check_same_shape(labels.shape, grey)
        table = measure(
            labels, grey, spacing, params.chosen, axis=params.axis, index=params.index, unit=params.unit,
            label_divisor=params.max_objects_per_class, class_names=names, context=context,
        )  # fmt: skip
    files = write_table(out, table_columns(table), notes=table.notes)
    return MeasureResult(table, inputs.out, tuple(map(str, files)))


def table_columns(table: Measurements) -> list[TableColumn]:
    """Return measurements as the columns of a file."""
    return [
        TableColumn(each.heading, each.definition, [_rounded(value) for value in table.values[each.key].tolist()])
        for each in table.columns
    ]


def _rounded(value: Any) -> Any:  # noqa: ANN401 - a figure or a text
    """Return figures with eight significant digits, more than any of them is worth."""
    return float(f"{value:.8g}") if isinstance(value, float) else value


def check_same_shape(shape: tuple[int, ...], grey: Any) -> None:  # noqa: ANN401 - a volume, or None
    """Raise SettingsError unless the image is as large as the labels."""
    if grey is not None and tuple(grey.shape) != tuple(shape):
        sizes = [" × ".join(map(str, each)) for each in (shape, grey.shape)]
        raise SettingsError(f"The labels have {sizes[0]} voxels (z, y, x), the image {sizes[1]}.", "Give its image.")
