"""Labels over a file: written to at any place, read at every level, the file untouched."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from empanada_desktop.core.geometry import Axis, Box
from empanada_desktop.document import Document, EditableSource, LabelsLayer, open_source
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
@given(st.lists(st.tuples(*[st.integers(0, 90) for _ in range(3)], st.integers(1, 80)), max_size=12), st.booleans())
def test_a_stroke_is_taken_back_exactly(dabs: list[tuple[int, int, int, int]], cancels: bool) -> None:
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
