"""Finished planes on the disk: what counts after a break, and that what was written comes back."""

from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from empanada_desktop.core.components import split_components
from empanada_desktop.core.geometry import Axis, Spacing
from empanada_desktop.core.tracking import PlaneRecord, StackTracker
from empanada_desktop.io import predictions
from empanada_desktop.io.journal import append_record, cut_journal, read_journal
from empanada_desktop.io.ome_zarr import ResultStore, finished_planes
from empanada_desktop.io.predictions import PlanesAhead, file_of, pack_record, unpack_record, write_plane

RECORDS = [b"", b"one", bytes(1000), b"REC1" * 9]


def records_of(
    random: np.random.Generator, tracker: StackTracker, n_planes: int
) -> list[tuple[np.ndarray, PlaneRecord]]:
    planes = []
    for _ in range(n_planes):
        panoptic = np.repeat(np.repeat(random.integers(0, 4, (5, 6)), 4, axis=0), 5, axis=1).astype(np.uint32)
        components, table = split_components(np.where(panoptic > 0, panoptic + 1000, 0).astype(np.uint32), (1,), 1000)
        planes.append((components, tracker.add_plane(components, table)))
    return planes


def write_journal(path: Path) -> None:
    for number, record in enumerate(RECORDS):
        append_record(path, number, record)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_journal_cut_or_damaged_anywhere_keeps_the_records_before(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("journal") / "planes.journal"
    write_journal(path)
    whole = path.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    path.write_bytes(whole[:place])
    kept = read_journal(path)
    assert kept == RECORDS[: len(kept)]
    assert place < len(whole) - sum(len(record) for record in RECORDS[len(kept) + 1 :])
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
    assert read_journal(path) == kept


def test_a_journal_goes_on_after_a_torn_record(tmp_path: Path) -> None:
    path = tmp_path / "planes.journal"
    assert read_journal(path) == []
    write_journal(path)
    path.write_bytes(path.read_bytes()[:-3])
    kept = read_journal(path)
    cut_journal(path, [len(record) for record in kept])
    append_record(path, len(kept), b"again")
    assert read_journal(path) == [*RECORDS[:3], b"again"]


def test_records_come_back_as_they_were() -> None:
    for _, record in records_of(np.random.default_rng(0), StackTracker(), 5):
        back = unpack_record(pack_record(record))
        for name in ("classes", "areas", "boxes", "is_thing"):
            expected, found = getattr(record.table, name), getattr(back.table, name)
            np.testing.assert_array_equal(found, expected)
            assert found.dtype == expected.dtype
        for name in ("before", "here", "shared"):
            np.testing.assert_array_equal(getattr(back, name), getattr(record, name))
            assert getattr(back, name).dtype == np.int64


@pytest.mark.parametrize("axis", list(Axis))
@pytest.mark.parametrize("n_before", [0, 1, 4])
def test_tracking_goes_on_as_if_there_had_been_no_break(axis: Axis, n_before: int, tmp_path: Path) -> None:
    shape = {Axis.XY: (6, 20, 30), Axis.XZ: (20, 6, 30), Axis.YZ: (20, 30, 6)}[axis]
    store = ResultStore.create(tmp_path / "X.zarr", shape, Spacing(), 16, {})
    whole = StackTracker(axis)
    planes = records_of(np.random.default_rng(1), whole, 6)
    for components, record in planes[:n_before]:
        written = store.stack_planes(axis)
        written.take_up()
        written.append(components, record)
    store.lay_down()
    assert finished_planes(tmp_path / "X.zarr") == n_before

    again = ResultStore.resume(tmp_path / "X.zarr").stack_planes(axis)
    tracker = StackTracker(axis)
    tracker.take_up(again.records, again.take_up())
    assert again.n_done == n_before
    for components, _ in planes[n_before:]:
        table = planes[again.n_done][1].table
        again.append(components, tracker.add_plane(components, table))
    expected, found = whole.finish(), tracker.finish()
    np.testing.assert_array_equal(found.objects.boxes, expected.objects.boxes)
    for mine, theirs in zip(found.lookups, expected.lookups, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(again.array[:], [components for components, _ in planes])


def test_a_plane_counts_only_when_its_pixels_are_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planes = ResultStore.create(tmp_path / "X.zarr", (3, 20, 30), Spacing(), 16, {}).stack_planes(Axis.XY)
    components, record = records_of(np.random.default_rng(1), StackTracker(Axis.XY), 1)[0]

    def no_room(*_: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(predictions, "write_plane_file", no_room)
    with pytest.raises(OSError, match="no room"):
        planes.append(components, record)
    assert (planes.n_done, finished_planes(tmp_path / "X.zarr")) == (0, 0)


@pytest.mark.parametrize("moment", ["before its pixels go", "before its table is there"])
def test_a_plane_that_a_stopped_process_ends_while_the_job_begins_anew(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ResultStore.create(tmp_path / "X.zarr", (3, 20, 30), Spacing(), 16, {})
    components, record = records_of(np.random.default_rng(1), StackTracker(Axis.XY), 1)[0]
    planes, late = store.stack_planes(Axis.XY), PlanesAhead.open(tmp_path / "X.zarr", Axis.XY)
    has, sync_file = PlanesAhead.has, predictions.sync_file

    def has_not_yet(self: PlanesAhead, index: int) -> bool:
        found = has(self, index)
        if index == 1 and not found and self is planes.ahead:
            monkeypatch.setattr(PlanesAhead, "has", has)
            late.put(1, components, record.table)
        return found

    def take_up_meanwhile(path: Path) -> None:
        if path.name.startswith("table."):
            monkeypatch.setattr(predictions, "sync_file", sync_file)
            planes.take_up(keep_ahead=True)
        sync_file(path)

    if moment == "before its pixels go":
        monkeypatch.setattr(PlanesAhead, "has", has_not_yet)
        planes.take_up()
        assert not planes.ahead.has(1)
    else:
        monkeypatch.setattr(predictions, "sync_file", take_up_meanwhile)
        late.put(1, components, record.table)
        np.testing.assert_array_equal(planes.ahead.get(1)[0], components)


@pytest.mark.parametrize("shape", [(512, 512), (400, 300), (30, 700), (5, 7)])
def test_the_file_of_a_plane_is_what_zarr_reads_and_writes(shape: tuple[int, int], tmp_path: Path) -> None:
    """As long as Zarr's own, chunks that are empty left out; planes without components have no file."""
    store = ResultStore.create(tmp_path / "X.zarr", (2, *shape), Spacing(), 64, {})
    array, folder = store.stack_planes(Axis.XY).array, tmp_path / "X.zarr" / "predictions" / "xy" / "components"
    random = np.random.default_rng(0)
    plane = np.where(random.random(shape) < 0.01, random.integers(1, 1 << 32, shape), 0).astype(np.uint32)
    plane[: shape[0] // 2, : shape[1] // 2] = 0
    plane[-1, -1] = 7
    write_plane(array, folder, 0, plane)
    array[1] = plane
    np.testing.assert_array_equal(zarr.open_array(str(folder), mode="r")[0], plane)
    assert file_of(folder, 0).stat().st_size == file_of(folder, 1).stat().st_size
    write_plane(array, folder, 1, np.zeros(shape, np.uint32), lasting=False)
    assert sorted(path.name for path in folder.iterdir()) == ["c.0.0.0", "zarr.json"]
    with pytest.raises(ValueError, match="a plane of"):
        write_plane(array, folder, 0, plane[1:])
