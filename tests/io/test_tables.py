"""Tables as CSV and XLSX, read back by other means than they were written by."""

import csv
import math
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from empanada_desktop.errors import DiskFullError, SettingsError, VolumeError
from empanada_desktop.io.tables import TableColumn, check_table_name, write_table, write_tables

SPACE = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
TABLE = [
    TableColumn("Id", "The object's label id.", np.array([10_001, 10_002], np.int64)),
    TableColumn("Volume (µm³)", "Voxels times a voxel's volume.", np.array([0.25, math.nan])),
    TableColumn("Class", "What it is.", ["=1+1", "mito, µ"]),
]


def read_book(path: Path) -> dict[str, list[list[str]]]:
    """Read the cells of a workbook's sheets as the standard has them."""
    with zipfile.ZipFile(path) as file:
        strings = ElementTree.fromstring(file.read("xl/sharedStrings.xml"))
        texts = ["".join(part.text or "" for part in item.iter(f"{{{SPACE['m']}}}t")) for item in strings]
        titles = [
            sheet.attrib["name"]
            for sheet in ElementTree.fromstring(file.read("xl/workbook.xml")).iterfind(".//m:sheet", SPACE)
        ]
        sheets = {}
        for number, title in enumerate(titles, 1):
            rows = ElementTree.fromstring(file.read(f"xl/worksheets/sheet{number}.xml")).iterfind(".//m:row", SPACE)
            sheets[title] = [[_text(cell, texts) for cell in row] for row in rows]
    return sheets


def _text(cell: ElementTree.Element, texts: list[str]) -> str:
    value = cell.findtext("m:v", namespaces=SPACE) or ""
    return texts[int(value)] if cell.attrib.get("t") == "s" else value


def test_a_book_has_figures_texts_and_a_sheet_of_definitions(tmp_path: Path) -> None:
    (path,) = write_table(tmp_path / "objects.xlsx", TABLE, notes=["Voxel size 8 × 8 × 8 nm."])
    book = read_book(path)
    assert list(book) == ["Objects", "Definitions"]
    assert book["Objects"][0] == ["Id", "Volume (µm³)", "Class"]
    assert book["Objects"][1] == ["10001", "0.25", "=1+1"]
    assert book["Objects"][2] == ["10002", "mito, µ"], "what is no figure is an empty cell"
    assert ["Class", "What it is."] in book["Definitions"]
    assert book["Definitions"][-1][-1] == "Voxel size 8 × 8 × 8 nm."


def test_csv_is_a_plain_table_with_definitions_beside_it(tmp_path: Path) -> None:
    path, beside = write_table(tmp_path / "objects.csv", TABLE, notes=["Voxel size unknown."])
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file)) == [
            ["Id", "Volume (µm³)", "Class"],
            ["10001", "0.25", "=1+1"],
            ["10002", "", "mito, µ"],
        ]
    assert beside.name == "objects.definitions.csv"
    assert "Voxels times a voxel's volume." in beside.read_text(encoding="utf-8-sig")
    assert "Voxel size unknown." in beside.read_text(encoding="utf-8-sig")


def test_several_tables_are_sheets_with_titles_that_spreadsheets_take(tmp_path: Path) -> None:
    tables = {"mito/1": TABLE[:1], "mito:1": TABLE[:1], "a" * 40: TABLE[:1], "Definitions": TABLE[:1]}
    (path,) = write_tables(tmp_path / "ids.xlsx", tables)
    titles = list(read_book(path))
    assert len({title.lower() for title in titles}) == 5
    assert titles[0] == "mito 1"
    assert all(len(title) <= 31 for title in titles)
    path, _ = write_tables(tmp_path / "ids.csv", {"mito": TABLE[:1], "er": TABLE[:1]})
    assert path.read_text(encoding="utf-8-sig").splitlines()[3] == "er,10001"


@pytest.mark.parametrize("name", ["objects.xlsx", "objects.csv"])
def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("old")
    broken = [TableColumn("Id", "", [1, 2]), TableColumn("Size", "", [1])]
    if name.endswith(".csv"):
        with pytest.raises((ValueError, VolumeError)):
            write_table(path, broken)
        assert path.read_text() == "old"
    with pytest.raises(SettingsError, match="exists already"):
        check_table_name(str(path), overwrite=False)
    with pytest.raises(SettingsError, match="no folder"):
        check_table_name(str(tmp_path / "no" / name), overwrite=False)
    with pytest.raises(SettingsError, match="no name of a table"):
        check_table_name(str(tmp_path / "objects.txt"), overwrite=False)
    assert sorted(each.name for each in tmp_path.iterdir()) == [name]


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(DiskFullError, match=r"objects\.xlsx"):
        write_table(tmp_path / "objects.xlsx", TABLE)
    assert list(tmp_path.iterdir()) == []
