"""Labels over a file: written to at any place, read at every level, the file untouched."""

import pickle
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.document import Document, EditableSource, LabelsLayer, open_source, strokes
from empanada_desktop.document.placed import PlacedSource
from empanada_desktop.errors import VolumeError
from empanada_desktop.io.volumes import VolumeRef

ALL = slice(None)


def contents(folder: str) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def same_at_all_levels(source: EditableSource, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(source[:, :, :], expected)
    for level, (z, y, x) in enumerate(source.levels):
        coarse = expected[::z, ::y, ::x]
        for axis in Axis:
            planes = [source.read(level, axis, index, ALL, ALL) for index in range(coarse.shape[axis.normal])]
            np.testing.assert_array_equal(np.stack(planes, axis.normal), coarse)


def test_changes_lie_over_the_file_at_every_level(result_path: str) -> None:
    before = contents(result_path)
    source = EditableSource(open_source(VolumeRef(result_path, "labels/mito")))
    expected = np.array(source[:, :, :])
    rng = np.random.default_rng(0)
    for _ in range(30):
        start = [int(rng.integers(0, length)) for length in source.shape]
        stop = [min(low + int(rng.integers(1, 90)), end) for low, end in zip(start, source.shape, strict=True)]
        box = Box(tuple(start), tuple(stop))
        source[box.slices] = expected[box.slices] = rng.integers(0, 9, box.shape)
    same_at_all_levels(source, expected)
    source.close()
    assert contents(result_path) == before


def test_a_file_becomes_editable_without_a_deed(document: Document, result_path: str) -> None:
    layer = LabelsLayer(title="mito", source=open_source(VolumeRef(result_path, "labels/mito")))
    document.add_layer(layer)
    position = document.history.position
    document.make_editable(layer)
    assert document.history.position == position
    assert layer.is_editable
    stroke = document.begin_stroke(layer, "Brush")
    stroke.write(Box((2, 10, 10), (3, 14, 14)), np.full((1, 4, 4), 9))
    stroke.write(Box((2, 12, 12), (3, 99, 99)), np.full((1, 87, 87), 9))
    assert (layer.source[2, 12:99, 12:99] == 9).all()
    stroke.commit()
    assert document.history.next_undo is not None
    assert (document.history.next_undo.title, document.history.next_undo.where) == ("Brush", "z 2")
    document.undo()
    assert not (layer.source[:, :, :] == 9).any()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(0, 90) for _ in range(3)], st.integers(1, 80)), max_size=12), *[st.booleans()] * 2
)
def test_a_stroke_is_taken_back_exactly(dabs: list[tuple[int, int, int, int]], cancels: bool, is_long: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strokes, "MOST_KEPT", 2 if is_long else 1000)
        check_stroke(dabs, cancels)


def check_stroke(dabs: list[tuple[int, int, int, int]], cancels: bool) -> None:
    """Write, and take it back by cancelling or by undo."""
    document = Document()
    rng = np.random.default_rng(1)
    layer = document.new_labels("mine", LabelsLayer(title="like", source=EditableSource(shape=(90, 100, 110))))
    document.writable(layer.id)[:, :, :] = rng.integers(0, 5, layer.shape)
    before = np.array(layer.source[:, :, :])
    stroke = document.begin_stroke(layer, "Brush")
    for z, y, x, size in dabs:
        box = Box((z, y, x), (min(z + size // 8 + 1, 90), min(y + size, 100), min(x + size, 110)))
        if 0 not in box.shape and min(box.shape) > 0:
            stroke.write(box, rng.integers(0, 9, box.shape))
    after = np.array(layer.source[:, :, :])
    if cancels:
        stroke.cancel()
    else:
        stroke.commit()
        np.testing.assert_array_equal(layer.source[:, :, :], after)
        if document.history.position == 2:
            document.undo()
    np.testing.assert_array_equal(layer.source[:, :, :], before)


def test_nothing_becomes_no_deed_and_ended_strokes_write_no_more(document: Document) -> None:
    layer = document.new_labels("mine")
    position = document.history.position
    stroke = document.begin_stroke(layer, "Brush")
    stroke.write(Box((0, 0, 0), (1, 2, 2)), np.zeros((1, 2, 2)))
    stroke.commit()
    assert document.history.position == position
    with pytest.raises(ValueError, match="has ended"):
        stroke.write(Box((0, 0, 0), (1, 2, 2)), np.zeros((1, 2, 2)))


def test_empty_labels_of_any_size_take_no_memory(document: Document) -> None:
    like = LabelsLayer(title="like", source=EditableSource(shape=(4000, 8000, 8000)))
    layer = document.new_labels("huge", like)
    assert layer.n_bytes == 0
    assert layer.source.levels[-1][1] >= 32
    box = Box((3000, 7000, 70), (3001, 7010, 80))
    stroke = document.begin_stroke(layer, "Brush")
    stroke.write(box, np.full(box.shape, 3))
    stroke.commit()
    assert layer.source[3000, 7005, 75] == 3
    assert 0 < layer.n_bytes < 16 << 20


def scribble(source: EditableSource, expected: np.ndarray, rng: np.random.Generator, times: int) -> None:
    """Write random voxels into random boxes."""
    for _ in range(times):
        start = [int(rng.integers(0, length)) for length in source.shape]
        stop = [min(low + int(rng.integers(1, 70)), end) for low, end in zip(start, source.shape, strict=True)]
        box = Box(tuple(start), tuple(stop))
        source[box.slices] = expected[box.slices] = rng.integers(0, 9, (1, 1, box.shape[2]))


def test_memory_stays_within_its_budget_and_states_stay_what_they_were(tmp_path: Path) -> None:
    shape, rng = (70, 200, 270), np.random.default_rng(3)
    source = EditableSource(shape=shape, budget=3 << 20)
    source.use_folder(tmp_path / "mine")
    expected, states = np.zeros(shape, np.uint32), []
    for _ in range(3):
        scribble(source, expected, rng, 15)
        assert source.n_bytes <= 3 << 20
        states.append((source.ref(), expected.copy()))
    np.testing.assert_array_equal(source[:, :, :], expected)
    for ref, state in states:
        with ref.open() as volume:
            np.testing.assert_array_equal(volume[:, :, :], state)
            np.testing.assert_array_equal(volume[7, 3:90, 100:], state[7, 3:90, 100:])
    again = EditableSource.opened(Path(states[1][0].path), 3 << 20)
    scribble(again, states[1][1], rng, 5)
    same_at_all_levels(again, states[1][1])
    np.testing.assert_array_equal(source[:, :, :], expected)


def test_a_frozen_state_is_written_while_painting_goes_on(tmp_path: Path) -> None:
    shape, rng = (70, 130, 140), np.random.default_rng(5)
    source, expected = EditableSource(shape=shape, budget=4 << 20), np.zeros(shape, np.uint32)
    scribble(source, expected, rng, 20)
    frozen, before = source.freeze(), expected.copy()
    scribble(source, expected, rng, 20)
    path = frozen.write(tmp_path / "a")
    scribble(source, expected, rng, 20)
    np.testing.assert_array_equal(EditableSource.opened(path)[:, :, :], before)
    moved = source.freeze().write(tmp_path / "b")
    np.testing.assert_array_equal(source[:, :, :], expected)
    same_at_all_levels(EditableSource.opened(moved), expected)
    assert sorted(path.suffix for path in (tmp_path / "b").iterdir()) == [".overlay", ".pack"]


def test_a_state_over_a_file_opens_in_another_process(result_path: str, tmp_path: Path) -> None:
    source = EditableSource(open_source(VolumeRef(result_path, "labels/er")))
    expected = np.array(source[:, :, :])
    scribble(source, expected, np.random.default_rng(0), 12)
    ref = pickle.loads(pickle.dumps(source.ref()))
    code = (
        "import sys, pickle, zlib; ref = pickle.loads(bytes.fromhex(sys.argv[1]))\n"
        "print(zlib.crc32(ref.open()[:, :, :].tobytes()))"
    )
    command = [sys.executable, "-c", code, pickle.dumps(ref).hex()]
    other = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(other.stdout) == zlib.crc32(expected.tobytes())
    again = EditableSource.opened(Path(ref.path))
    same_at_all_levels(again, expected)
    assert again.spacing == source.spacing


def test_planes_that_were_segmented_alone_become_editable(tmp_path: Path, document: Document) -> None:
    plane = np.random.default_rng(0).integers(0, 9, (2, 8, 40)).astype(np.uint32)
    tifffile.imwrite(tmp_path / "p.tif", plane)
    placed = PlacedSource(open_source(VolumeRef(str(tmp_path / "p.tif"))), document.shape, Axis.YZ, 30)
    source = EditableSource(placed)
    expected = np.zeros(document.shape, np.uint32)
    expected[:, :, 30:32] = np.moveaxis(plane, 0, 2)
    np.testing.assert_array_equal(source[:, :, :], expected)
    source[1, 2:9, 31] = expected[1, 2:9, 31] = 77
    ref = source.ref()
    with ref.open() as volume:
        np.testing.assert_array_equal(volume[:, :, :], expected)
    same_at_all_levels(EditableSource.opened(Path(ref.path)), expected)


def test_what_is_gone_or_another_file_is_said(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "base.tif", np.zeros((5, 20, 20), np.uint16))
    source = EditableSource(open_source(VolumeRef(str(tmp_path / "base.tif"))))
    source[0, 0, 0] = 5
    path = source.freeze().write(tmp_path / "mine")
    tifffile.imwrite(tmp_path / "base.tif", np.zeros((5, 20, 21), np.uint16))
    with pytest.raises(VolumeError, match="another one"):
        EditableSource.opened(path)
    (tmp_path / "base.tif").unlink()
    with pytest.raises(VolumeError, match="does not exist"):
        EditableSource.opened(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(VolumeError, match="cannot be read"):
        EditableSource.opened(path)
