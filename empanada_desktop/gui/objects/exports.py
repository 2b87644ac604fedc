"""Writing the table to a file: CSV or XLSX, with what each column means."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtWidgets import QFileDialog, QWidget

from empanada_desktop.core.plurals import noun
from empanada_desktop.gui.objects.columns import BOX, NUMBER, TRIPLE, Column, ObjectColumns, grouped
from empanada_desktop.io.tables import TableColumn, write_table

if TYPE_CHECKING:
    from empanada_desktop.gui.objects.desk import ObjectsDesk

FILTER = "CSV (*.csv);;XLSX (*.xlsx)"


def ask_table_path(parent: QWidget, title: str, proposed: str) -> Path | None:
    """Ask where a table is to be written; None when the user gives none."""
    path, chosen = QFileDialog.getSaveFileName(parent, title, f"{proposed}.csv", FILTER)
    if not path:
        return None
    return Path(path) if Path(path).suffix else Path(path).with_suffix(".xlsx" if "XLSX" in chosen else ".csv")


def ask_export(parent: QWidget, desk: "ObjectsDesk", columns: Sequence[Column]) -> None:
    """Ask for a file and write the rows of the table, in its order, in a thread."""
    layer = desk.layer
    target = None if layer is None else ask_table_path(parent, "Export objects", f"{layer.title} objects")
    if layer is None or target is None:
        return
    objects, rows = desk.model.objects, desk.model.rows
    notes = [f"Voxel size {layer.spacing}." if any(layer.spacing.zyx) else "Voxel size unknown; sizes are in voxels."]
    notes += ["Some objects were changed after they were measured."] * bool(objects.is_stale[rows].any())
    desk.run(
        lambda: write_table(target, table_columns(objects, rows, columns), notes=notes),
        lambda _: desk.workspace.window.toast.say(
            f"Wrote {grouped(len(rows))} {noun(len(rows), 'object')} to {target.name}."
        ),
    )


def table_columns(objects: ObjectColumns, rows: NDArray[np.int64], columns: Sequence[Column]) -> list[TableColumn]:
    """Return columns of the rows for writing; places and boxes take one for each axis."""
    found: list[TableColumn] = []
    for column in columns:
        if column.kind == NUMBER:
            values = objects.number(column.key)[rows].tolist()
            found.append(TableColumn(_heading(column), _first_line(column.meaning), values))
        elif column.kind == TRIPLE:
            found += _by_axis("Centre", column.meaning, objects.centres[rows])
        elif column.kind == BOX:
            found += _by_axis("Box start", "First voxel of the box.", objects.starts[rows])
            found += _by_axis("Box stop", "Voxel after the last one of the box.", objects.stops[rows])
        else:
            teller = objects.teller(column)
            words = [_word(teller(row)) for row in rows.tolist()]
            found.append(TableColumn(_heading(column), _first_line(column.meaning), words))
    return found


def _heading(column: Column) -> str:
    title = f"{column.title}, {column.where}" if column.where else column.title
    return f"{title} ({column.unit})" if column.unit else title


def _first_line(meaning: str) -> str:
    return meaning.partition("\n")[0]


def _word(text: str) -> str:
    return "" if text == "–" else text


def _by_axis(title: str, meaning: str, places: NDArray[Any]) -> Iterable[TableColumn]:
    return [TableColumn(f"{title} {name}", meaning, places[:, at].tolist()) for at, name in enumerate("zyx")]
