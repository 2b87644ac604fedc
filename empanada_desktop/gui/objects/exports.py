"""Writing the table to a file: CSV, or XLSX with a sheet that says what each column means."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtWidgets import QFileDialog, QWidget

from empanada_desktop.errors import SettingsError
from empanada_desktop.gui.objects.columns import BOX, NUMBER, TRIPLE, Column, ObjectColumns

if TYPE_CHECKING:
    from empanada_desktop.gui.objects.desk import ObjectsDesk

FILTER = "CSV (*.csv);;XLSX (*.xlsx)"
Headed = tuple[str, str, NDArray[Any]]


def ask_export(parent: QWidget, desk: "ObjectsDesk", columns: Sequence[Column]) -> None:
    """Ask for a file and write the rows of the table, in its order, in a thread."""
    layer = desk.layer
    if layer is None:
        return
    path, chosen = QFileDialog.getSaveFileName(parent, "Export objects", f"{layer.title} objects.csv", FILTER)
    if not path:
        return
    target = Path(path) if Path(path).suffix else Path(path).with_suffix(".xlsx" if "XLSX" in chosen else ".csv")
    objects, rows = desk.model.objects, desk.model.rows
    table = headed_columns(objects, rows, columns)
    desk.run(
        lambda: write_table(target, table),
        lambda _: desk.workspace.window.toast.say(f"Wrote {len(rows)} objects to {target.name}."),
    )


def headed_columns(objects: ObjectColumns, rows: NDArray[np.int64], columns: Sequence[Column]) -> list[Headed]:
    """Return (heading, meaning, values of the rows) of columns; places and boxes take one for each axis."""
    found: list[Headed] = []
    for column in columns:
        if column.kind == NUMBER:
            found.append((column.heading, column.meaning, objects.number(column.key)[rows]))
        elif column.kind == TRIPLE:
            found += _by_axis("centre", column.meaning, objects.centres[rows])
        elif column.kind == BOX:
            found += _by_axis("box start", "First voxel of the box.", objects.starts[rows])
            found += _by_axis("box stop", "Voxel after the last of the box.", objects.stops[rows])
        else:
            teller = objects.teller(column)
            words = [teller(int(row)) for row in rows]
            found.append((column.heading, column.meaning, np.array(words, object)))
    return found


def _by_axis(title: str, meaning: str, places: NDArray[Any]) -> list[Headed]:
    return [(f"{title} {name}", meaning, places[:, number]) for number, name in enumerate("zyx")]


def write_table(path: Path, table: Sequence[Headed]) -> Path:
    """Write columns as CSV or XLSX, by the name's ending; SettingsError where it is another. OSError on a full disk."""
    suffix = path.suffix.lower()
    if suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.writer(file)
            writer.writerow([heading for heading, _meaning, _values in table])
            writer.writerows(zip(*[map(_cell, values.tolist()) for _h, _m, values in table], strict=True))
    else:
        raise SettingsError(f"{path.name} is neither .csv nor .xlsx.", "Name the file X.csv or X.xlsx.")
    return path


def _cell(value: object) -> object:
    """Nothing where a figure is missing."""
    return "" if value != value else value
