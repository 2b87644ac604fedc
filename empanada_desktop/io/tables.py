"""Tables as CSV or XLSX, each column with its definition; a file is there whole or not at all."""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from empanada_desktop.errors import SettingsError
from empanada_desktop.io.volumes.faults import writing

SUFFIXES = (".csv", ".xlsx")
DEFINITIONS = "Definitions"
MOST_ROWS = 1_048_575  # of a sheet, below its heading
LONGEST_SHEET_TITLE = 31
WIDEST = 40


@dataclass(frozen=True)
class TableColumn:
    """A column: what stands above it, what it means, and a value for each row; NaN and None become empty cells."""

    heading: str
    definition: str
    values: Sequence[Any]


Table = Sequence[TableColumn]


def check_table_name(name: str, overwrite: bool) -> Path:
    """Return the path of a table that may be written; SettingsError when its name or place will not do."""
    path = Path(name)
    with writing(path):
        is_folder, exists, parent = path.is_dir(), path.exists(), path.absolute().parent
        has_parent = parent.is_dir()
    if path.suffix.lower() not in SUFFIXES or is_folder:
        raise SettingsError(f"“{name}” is no name of a table.", "Give a name that ends in .csv or .xlsx.")
    if exists and not overwrite:
        raise SettingsError(f"{name} exists already.", "Choose another name, or replace it with --overwrite.")
    if not has_parent:
        raise SettingsError(f"There is no folder {parent}.", "Make it first, or write elsewhere.")
    return path


def write_table(path: str | Path, table: Table, *, title: str = "Objects", notes: Iterable[str] = ()) -> list[Path]:
    """Write a table by the name's ending and return the files: CSV with its definitions in X.definitions.csv, or XLSX.

    Files in the way are replaced. notes: sentences for the definitions. VolumeError where that is not possible.
    """
    return write_tables(path, {title: table}, notes=notes)


def write_tables(path: str | Path, tables: Mapping[str, Table], *, notes: Iterable[str] = ()) -> list[Path]:
    """Write several tables: as sheets of one XLSX, or one CSV below the other with its title in a first column."""
    path = check_table_name(str(path), overwrite=True)
    notes = list(notes)
    if path.suffix.lower() == ".xlsx":
        with _whole(path) as unfinished:
            _save_book(unfinished, tables, notes)
        return [path]
    beside = path.with_name(f"{path.stem}.definitions.csv")
    with _whole(path) as unfinished:
        _write_csv(unfinished, _rows_of(tables))
    with _whole(beside) as unfinished:
        _write_csv(unfinished, _definitions(tables, notes))
    return [path, beside]


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Give a name to write to, which becomes the file when all went well."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    with writing(path):
        try:
            yield unfinished
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


def _rows_of(tables: Mapping[str, Table]) -> Iterator[list[Any]]:
    several = len(tables) > 1
    for place, (title, table) in enumerate(tables.items()):
        if place == 0:
            yield [*(["Table"] if several else []), *(column.heading for column in table)]
        for row in zip(*(column.values for column in table), strict=True):
            yield [*([title] if several else []), *map(_cell, row)]


def _definitions(tables: Mapping[str, Table], notes: Sequence[str]) -> Iterator[list[str]]:
    yield ["Column", "Definition"]
    yield from ([heading, definition] for heading, definition in _meanings(tables).items())
    yield from (["", note] for note in notes)


def _meanings(tables: Mapping[str, Table]) -> dict[str, str]:
    return {column.heading: column.definition for table in tables.values() for column in table}


def _write_csv(path: Path, rows: Iterable[Sequence[Any]]) -> None:
    # With the mark that makes spreadsheets read µ and ² as what they are.
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows(rows)


def _save_book(path: Path, tables: Mapping[str, Table], notes: Sequence[str]) -> None:
    from xlsxwriter.exceptions import FileCreateError

    try:
        _write_book(path, tables, notes)
    except FileCreateError as error:
        reason = error.args[0]
        raise reason if isinstance(reason, OSError) else OSError(str(reason)) from error


def _write_book(path: Path, tables: Mapping[str, Table], notes: Sequence[str]) -> None:
    import xlsxwriter

    longest = max((len(column.values) for table in tables.values() for column in table), default=0)
    if longest > MOST_ROWS:
        raise SettingsError(f"A sheet holds {MOST_ROWS:,} rows, and there are {longest:,}.", "Write a .csv instead.")
    # Texts stay texts: a class that is called "=1+1" is no formula.
    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    with xlsxwriter.Workbook(str(path), options) as book:
        bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        titles = _sheet_titles(tables)
        for title, table in zip(titles, tables.values(), strict=True):
            _fill_sheet(book.add_worksheet(title), table, bold)
        sheet = book.add_worksheet(DEFINITIONS)
        sheet.set_column(0, 0, 24)
        sheet.set_column(1, 1, 100)
        for row, line in enumerate(_definitions(tables, notes)):
            sheet.write_row(row, 0, line, bold if row == 0 else wrapped)


def _fill_sheet(sheet: Any, table: Table, heading: Any) -> None:  # noqa: ANN401 - the library has no types
    sheet.freeze_panes(1, 1)
    for place, column in enumerate(table):
        sheet.write_string(0, place, column.heading, heading)
        sheet.set_column(place, place, min(WIDEST, max(10, len(column.heading) + 2)))
        for row, value in enumerate(column.values, 1):
            cell = _cell(value)
            if isinstance(cell, bool | str):
                sheet.write_string(row, place, str(cell))
            elif cell is not None:
                sheet.write_number(row, place, cell)
    if table and len(table[0].values):
        sheet.autofilter(0, 0, len(table[0].values), len(table) - 1)


def _sheet_titles(tables: Iterable[str]) -> list[str]:
    """Return titles that a spreadsheet takes: no []:*?/\\, at most 31 letters, each its own."""
    found: list[str] = []
    for number, title in enumerate(tables, 1):
        plain = "".join(" " if letter in "[]:*?/\\" else letter for letter in title).strip("' ")
        plain = plain[:LONGEST_SHEET_TITLE] or f"Sheet {number}"
        taken = {DEFINITIONS.lower(), *(each.lower() for each in found)}
        found.append(f"{plain[: LONGEST_SHEET_TITLE - 7]} {number}" if plain.lower() in taken else plain)
    return found


def _cell(value: Any) -> Any:  # noqa: ANN401 - whatever a table holds
    """Return a plain value; None for what is no figure."""
    plain = value.item() if hasattr(value, "item") else value
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain
