"""The benchmark frame: tables, and sections of docs/benchmarks.md that replace themselves."""

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("bench.report")


def test_a_section_replaces_itself_and_leaves_the_rest(report: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "docs" / "benchmarks.md"
    report.write_section("one", "First", "old figures", path)
    report.write_section("two", "Second", "other figures", path)
    path.write_text(path.read_text() + "\nWritten by hand.\n")
    report.write_section("one", "First", "new figures", path)
    text = path.read_text()
    assert "old figures" not in text
    assert [text.count(part) for part in ("new figures", "## First", "other figures", "Written by hand.")] == [1] * 4
    assert text.index("## First") < text.index("## Second")


def test_the_table_states_value_unit_and_note(report: ModuleType) -> None:
    row = importlib.import_module("bench").Row
    table = report.table([row("grouping", 0.123456, "s", "2048²"), row("objects", 1204.0, "", "")])
    assert "| grouping | 0.123 | s | 2048² |" in table
    assert "| objects | 1,204 |  |  |" in table


def test_long_tests_are_recorded_with_their_date(report: ModuleType, tmp_path: Path) -> None:
    junit = tmp_path / "report.xml"
    counts = 'errors="0" failures="1" skipped="2" tests="12" time="61.4"'
    junit.write_text(f'<testsuites><testsuite name="pytest" {counts}/></testsuites>')
    report.record_long_tests(junit, tmp_path / "benchmarks.md")
    text = (tmp_path / "benchmarks.md").read_text()
    assert "9 passed, 1 failed, 2 skipped in 61 s." in text
    assert "cores" in text


def test_folders_without_the_reference_are_named(report: ModuleType, tmp_path: Path) -> None:
    reference = importlib.import_module("bench.reference")
    (tmp_path / "empanada").mkdir()
    with pytest.raises(SystemExit, match="no folder empanada_napari in"):
        reference.Child([tmp_path])


def test_discs_are_found_as_the_objects_they_stand_for(report: ModuleType) -> None:
    discs = importlib.import_module("bench.stand_ins").StackOfDiscs(128, 25, 3)
    counts = [len(np.unique(plane)) - 1 for plane in discs.panoptic(10_000)]
    assert counts == [25, 25, 25]
    logits, heatmap, offsets = discs.quarter_maps(1)
    assert (logits.shape, heatmap.shape, offsets.shape) == ((1, 128, 128), (1, 32, 32), (2, 32, 32))
    assert discs.grey().shape == (3, 128, 128)
