"""The network in tiles: stitched exactly, aligned, and stepping down when a graphics card has too little memory."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from empanada_desktop.core.geometry import Axis
from empanada_desktop.core.metrics import match_objects_at
from empanada_desktop.core.overlap import contingency
from empanada_desktop.engine.device import GraphicsMemoryError, memory_guard
from empanada_desktop.engine.plane import PlaneSettings, labels_from
from empanada_desktop.engine.predictor import PlaneOutputs, Predictor
from empanada_desktop.engine.tiled import TiledPredictor, batch_of_tiles
from empanada_desktop.io.volumes import open_volume
from empanada_desktop.io.weights import find_weights
from empanada_desktop.tasks.demo import sample_path

Grey = NDArray[np.float32]
REACH = 8


class LocalNetwork:
    """Looks no further than a few pixels, in cells that are fixed to the plane: tiles must give the very same."""

    def __init__(self, padding_factor: int = 16, room: int | None = None) -> None:
        self.padding_factor = padding_factor
        self.room = room
        self.seen: list[tuple[int, ...]] = []

    def predict(self, plane: Grey, image_downsampling: int = 1, fine_boundaries: bool = False) -> PlaneOutputs:
        return self.predict_many([plane], image_downsampling)[0]

    def predict_many(self, planes: Sequence[Grey], image_downsampling: int = 1) -> list[PlaneOutputs]:
        with memory_guard("Buy another one."):
            pixels = sum(plane.size for plane in planes)
            if self.room is not None and pixels > self.room:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        self.seen.append((len(planes), *planes[0].shape))
        return [self._outputs(plane, image_downsampling) for plane in planes]

    def _outputs(self, plane: Grey, d: int) -> PlaneOutputs:
        unit = d * self.padding_factor
        padded = np.pad(plane, [(0, -side % unit) for side in plane.shape])
        near = ndimage.uniform_filter(padded, REACH + 1, mode="constant")[: plane.shape[0], : plane.shape[1]]
        cells = padded.reshape(padded.shape[0] // (4 * d), 4 * d, -1, 4 * d).sum(axis=(1, 3))
        steps = np.stack([np.diff(cells, axis=0, prepend=0), np.diff(cells, axis=1, prepend=0)])
        return PlaneOutputs(near[None].astype(np.float32), cells, steps, 4, d)


def whole_numbers(shape: tuple[int, int], seed: int) -> Grey:
    """Grey values whose sums are exact."""
    return np.random.default_rng(seed).integers(0, 4, shape).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 700), st.integers(1, 700)),
    st.integers(1, 400),
    st.sampled_from([1, 2, 4]),
    st.sampled_from([(16, 16), (32, 64)]),
    st.integers(1, 3),
    st.integers(0, 99),
)
def test_tiles_put_together_are_the_whole_plane(
    shape: tuple[int, int], tile_size: int, d: int, strides: tuple[int, int], batch: int, seed: int
) -> None:
    stride, padding = strides
    plane = whole_numbers(shape, seed)
    whole = LocalNetwork(padding).predict(plane, d)
    tiled = TiledPredictor(LocalNetwork(padding), stride, tile_size, batch).predict(plane, d)
    np.testing.assert_allclose(tiled.semantic, whole.semantic, atol=1e-6)
    cells = tuple(math.ceil(side / (4 * d)) for side in shape)
    inside = np.s_[..., : cells[0], : cells[1]]
    np.testing.assert_array_equal(tiled.heatmap[inside], whole.heatmap[inside])
    # Steps from the cell before are wrong at the first row and column of a tile, where no pixel is taken from.
    np.testing.assert_array_equal(tiled.offsets[inside], whole.offsets[inside])
    assert (tiled.cell, tiled.downsampling) == (4, d)


def test_tiles_are_no_larger_than_asked_for_and_all_alike() -> None:
    network = LocalNetwork()
    TiledPredictor(network, 16, 300, batch=4).predict(whole_numbers((1000, 900), 0))
    assert max(max(shape[1:]) for shape in network.seen) == 288
    assert max(shape[0] for shape in network.seen) > 1


@pytest.mark.parametrize("tile_size", [0, 600, 5000])
def test_a_plane_that_fits_is_shown_whole(tile_size: int) -> None:
    network = LocalNetwork()
    TiledPredictor(network, 16, tile_size).predict(whole_numbers((500, 600), 0))
    assert network.seen == [(1, 500, 600)]


def test_a_graphics_card_with_too_little_memory_gets_fewer_then_smaller_tiles() -> None:
    plane = whole_numbers((900, 900), 1)
    network = LocalNetwork(room=300 * 300)
    predictor = TiledPredictor(network, 16, 512, batch=4)
    outputs = predictor.predict(plane)
    np.testing.assert_allclose(outputs.semantic, LocalNetwork().predict(plane).semantic, atol=1e-6)
    assert (predictor.batch, predictor.tile_size) == (1, 256)
    assert [note.split(": ")[1] for note in predictor.notes] == [
        "the network sees 2 tiles at once from there on.",
        "the network sees one tile at once from there on.",
        "the network sees tiles of 256 pixels from there on.",
    ]
    assert all("graphics card" in note for note in predictor.notes)
    predictor.predict(plane)
    assert len(predictor.notes) == 3


def test_a_whole_plane_that_does_not_fit_is_shown_in_tiles() -> None:
    predictor = TiledPredictor(LocalNetwork(room=512 * 512), 16)
    predictor.predict(whole_numbers((1000, 1000), 1))
    assert predictor.tile_size == 496
    assert len(predictor.notes) == 1


def test_a_graphics_card_without_room_for_the_smallest_tile_is_told() -> None:
    predictor = TiledPredictor(LocalNetwork(room=1000), 16, 1024, batch=2)
    with pytest.raises(GraphicsMemoryError, match="not enough memory") as problem:
        predictor.predict(whole_numbers((1100, 1100), 1))
    assert problem.value.hint == "Buy another one."
    assert predictor.tile_size == 256


@pytest.fixture(scope="module")
def starter() -> Predictor:
    return Predictor.from_weights(find_weights("MitoStarter_v1"), use_gpu=False, threads=1, backend="torch")


def test_objects_of_a_real_plane_are_those_of_the_whole(starter: Predictor) -> None:
    with open_volume(sample_path()) as volume:
        plane = volume.read_plane(Axis.XY, 60).astype(np.float32) / 255
    wide = np.concatenate([plane, plane[:, ::-1]], axis=1)
    chosen = PlaneSettings(things=frozenset({1}), centre_min_distance=5)
    whole, _ = labels_from(starter.predict(wide), chosen, 1000)
    tiled = TiledPredictor(starter, 16, 256).predict(wide)
    labels, _ = labels_from(tiled, chosen, 1000)
    assert tiled.semantic.shape == (1, *wide.shape)
    matches = match_objects_at(contingency(whole, labels), 0.5)
    agreement = np.mean((labels > 0) == (whole > 0))
    assert agreement > 0.98
    assert matches.f1 > 0.9


def test_planes_shown_together_are_as_each_alone(starter: Predictor) -> None:
    planes = [np.random.default_rng(seed).random((70, 90), np.float32) for seed in range(3)]
    for together, plane in zip(starter.predict_many(planes, 2), planes, strict=True):
        alone = starter.predict(plane, 2)
        np.testing.assert_allclose(together.semantic, alone.semantic, atol=1e-4)
        np.testing.assert_allclose(together.offsets, alone.offsets, atol=1e-2)
        assert together.heatmap.shape == alone.heatmap.shape


def test_a_batch_of_tiles_is_about_a_large_plane() -> None:
    assert [batch_of_tiles(side) for side in (0, 512, 1024, 4096)] == [1, 16, 4, 1]
