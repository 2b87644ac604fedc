from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from empanada_desktop.core import objects as module
from empanada_desktop.core.context import QuietContext
from empanada_desktop.core.geometry import Box
from empanada_desktop.core.objects import ObjectIndex
from empanada_desktop.errors import JobCancelled

Labels = NDArray[Any]
Grey = NDArray[Any] | None


@pytest.fixture
def small_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells of a few voxels, so that small volumes have many."""
    monkeypatch.setattr(module, "CELL", (3, 4, 5))
    monkeypatch.setattr(module, "READ", (6, 8, 10))


def scattered(seed: int, shape: tuple[int, ...] = (9, 17, 22), most: int = 12) -> Labels:
    draw = np.random.default_rng(seed)
    return np.where(draw.random(shape) < 0.4, draw.integers(1, most, shape) * 7001, 0).astype(np.uint32)


def hold_against_numpy(index: ObjectIndex, labels: Labels, grey: Grey = None) -> None:
    ids = np.unique(labels[labels > 0])
    assert index.ids.tolist() == ids.tolist()
    for row, label_id in enumerate(ids.tolist()):
        voxels = np.argwhere(labels == label_id)
        assert index.voxels[row] == len(voxels)
        assert index.starts[row].tolist() == voxels.min(axis=0).tolist()
        assert index.stops[row].tolist() == (voxels.max(axis=0) + 1).tolist()
        np.testing.assert_allclose(index.centroids[row], voxels.mean(axis=0))
        if grey is not None:
            np.testing.assert_allclose(index.mean_grey[row], grey[labels == label_id].mean(), rtol=1e-6)


@pytest.mark.usefixtures("small_cells")
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.uint32, np.int64])
def test_one_pass_finds_what_numpy_finds(dtype: type[np.generic]) -> None:
    labels = (scattered(0) // 7001).astype(dtype)
    grey = np.random.default_rng(1).integers(0, 255, labels.shape).astype(np.uint8)
    hold_against_numpy(ObjectIndex.of(labels, grey=grey), labels, grey)


def test_zarr_and_numpy_give_the_same(tmp_path: Path) -> None:
    labels = scattered(2)
    stored = zarr.create_array(tmp_path / "ids.zarr", shape=labels.shape, chunks=(4, 8, 8), dtype=labels.dtype)
    stored[:] = labels
    hold_against_numpy(ObjectIndex.of(stored), labels)


@pytest.mark.usefixtures("small_cells")
@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 4))
def test_an_updated_index_equals_a_new_one(seed: int, n_edits: int) -> None:
    draw = np.random.default_rng(seed)
    labels = scattered(seed)
    grey = draw.integers(0, 255, labels.shape).astype(np.uint8)
    index = ObjectIndex.of(labels, grey=grey)
    boxes = []
    for _ in range(n_edits):
        start = [int(draw.integers(0, side)) for side in labels.shape]
        spans = [(low, int(draw.integers(low + 1, side + 1))) for low, side in zip(start, labels.shape, strict=True)]
        boxes.append(Box.of_spans(spans))
        labels[boxes[-1].slices] = draw.choice([0, 7001, 14002, 999])
    index = index.updated(labels, boxes, grey)
    hold_against_numpy(index, labels, grey)


@pytest.mark.usefixtures("small_cells")
def test_an_update_reads_only_the_cells_around_the_edit() -> None:
    labels = scattered(3)
    index = ObjectIndex.of(labels)
    read = []

    class Watched:
        shape = labels.shape

        def __getitem__(self, key: Any) -> Labels:
            read.append(np.prod([part.stop - part.start for part in key]))
            return labels[key]

    index.updated(Watched(), [Box((4, 5, 6), (5, 6, 7))])
    assert sum(read) <= 3 * 4 * 5


def test_empty_volumes_and_unknown_ids() -> None:
    index = ObjectIndex.of(np.zeros((3, 4, 5), np.uint32))
    assert len(index) == 0
    assert list(index.boxes) == []
    assert 5 not in index
    with pytest.raises(KeyError):
        index.box(5)
    assert index.rows_of([5]).tolist() == []
    some = ObjectIndex.of(np.array([[[3, 7, 9]]], np.uint32))
    assert some.rows_of([9, 4, 3, 12]).tolist() == [2, 0]


def test_ids_without_background_are_all_counted() -> None:
    # The reference drops the smallest id where no background is in the image.
    labels = np.repeat(np.array([3, 5], np.uint32), 4).reshape(1, 2, 4)
    assert ObjectIndex.of(labels).ids.tolist() == [3, 5]


def test_touching_the_border_is_told_by_faces_and_not_in_a_single_plane() -> None:
    labels = np.zeros((1, 8, 8), np.uint16)
    labels[0, 3:5, 3:5], labels[0, 0, 6] = 1, 2
    assert ObjectIndex.of(labels).touches_border.tolist() == [False, True]
    deep = np.zeros((5, 5, 5), np.uint16)
    deep[1:4, 1:4, 1:4], deep[4, 0, 2] = 1, 2
    assert ObjectIndex.of(deep).touches_border.tolist() == [False, True]


def test_a_hundred_thousand_objects_are_indexed_and_updated() -> None:
    labels = np.arange(1, 100_001, dtype=np.uint32).reshape(20, 50, 100).repeat(2, 0).repeat(2, 1).repeat(2, 2)
    index = ObjectIndex.of(labels)
    assert len(index) == 100_000
    assert (index.voxels == 8).all()
    labels[0:2, 0:2, 0:4] = 7
    index = index.updated(labels, [Box((0, 0, 0), (2, 2, 4))])
    assert len(index) == 99_998
    assert index.voxels[index.find(7)] == 8 + 16


def test_counting_can_be_cancelled() -> None:
    class Cancelled(QuietContext):
        def check_cancelled(self) -> None:
            raise JobCancelled

    with pytest.raises(JobCancelled):
        ObjectIndex.of(scattered(4), Cancelled())
