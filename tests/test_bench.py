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


def test_parts_against_the_reference_own_their_sections_and_stand_together(report: ModuleType, tmp_path: Path) -> None:
    path, row = tmp_path / "benchmarks.md", importlib.import_module("bench").Row
    parts = ["grouping", "whole-small", "network"]

    def write(name: str, value: float) -> None:
        planes = 64 if name == "whole-small" else None
        report.write_reference_part(name, f"About {name}", [row("speed", value, "ms")], parts, path, planes)

    write("network", 1)
    report.write_section("bench other", "Another", "figures", path)
    path.write_text(path.read_text() + "\nBy hand.\n")
    write("grouping", 2)
    write("whole-small", 3)
    write("network", 4)
    text = path.read_text()
    places = [text.index(f"## About {name}") for name in parts]
    assert places == sorted(places)
    assert max(places) < text.index("## Another") < text.index("By hand.")
    assert [text.count(f"| speed | {value} | ms |") for value in (1, 2, 3, 4)] == [0, 1, 1, 1]
    assert text.count("made-up weights") == 1
    assert text.count("--part network`") == 1
    assert text.count("--part whole-small --planes 64`") == 1
    before = text
    report.gather_sections(report.REFERENCE, parts, path)
    assert path.read_text() == before


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


def test_recorded_outputs_are_repeated_like_the_planes_they_were_recorded_on(report: ModuleType) -> None:
    any_size = importlib.import_module("bench.any_size")
    assert any_size.mirrored(8, 3).tolist() == [0, 1, 2, 2, 1, 0, 0, 1]
    grey = np.arange(64, dtype=np.uint8).reshape(1, 8, 8)
    box = importlib.import_module("empanada_desktop.core.geometry").Box((0, 0, 0), (1, 16, 8))
    plane = any_size.RepeatedSource(grey, (1, 16, 8)).read(box)[0]
    assert (plane[8:] == plane[7::-1]).all()
    known = {any_size.corner_of(plane / np.float32(255)): 0}
    rows = np.array([[4, 4], [0, 0]], np.float16)  # both rows of cells point at the second one
    maps = {"semantic": grey / np.float16(64), "heatmaps": rows[None], "offsets": np.stack([rows, rows * 0])[None]}
    outputs = any_size.RecordedPredictor(known, maps).predict(plane / np.float32(255))
    assert outputs.semantic.shape == (1, 16, 8)
    assert (np.arange(4) + outputs.offsets[0, :, 0] / 4).tolist() == [1, 1, 2, 2]
