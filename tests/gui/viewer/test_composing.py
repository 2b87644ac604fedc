"""Pixels of images and labels: what colour they have, and that the compiled functions draw what numpy's draw."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Axis
from empanada_desktop.document.colours import colours_of, palette
from empanada_desktop.document.sources import ArraySource
from empanada_desktop.gui.viewer import composing, drawing, kernels
from empanada_desktop.gui.viewer.camera import PlaneCamera
from empanada_desktop.gui.viewer.composing import Composer, DrawnImage, DrawnLabels, backend
from empanada_desktop.gui.viewer.drawn_layers import inferno_colours, packed
from empanada_desktop.gui.viewer.prefetch import wishes
from empanada_desktop.gui.viewer.tiles import TileCache, read_displayed, tile_box

CAMERA = PlaneCamera(Axis.XY, 60, 50, (20.0, 30.0), (2.0, 2.0))
NO_TABLE = np.zeros(0, np.uint8)


@pytest.fixture(params=[drawing, kernels], ids=["numpy", "compiled"])
def _functions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "functions", request.param)


def labels_layer(labels: NDArray[np.uint32], **options: Any) -> DrawnLabels:
    return DrawnLabels(2, ArraySource(labels), NO_TABLE, 0, packed(palette()), **options)


def composed(layers: list[Any], camera: PlaneCamera = CAMERA, plane: int = 0) -> NDArray[np.uint32]:
    cache = TileCache()
    for request in wishes(layers, camera, plane, 1)[0]:
        tile = read_displayed(request.source, request.grid, tile_box(request.grid, request.key))
        cache.put(request.key, tile.astype(np.uint32) if request.is_labels else tile)
    out = np.zeros((camera.height, camera.width), np.uint32)
    composer = Composer(cache)
    assert composer.is_complete(camera, plane, layers)
    composer.compose(out, (0, camera.height, 0, camera.width), camera, plane, layers, plane)
    return out


def rgb(pixel: np.uint32) -> tuple[int, int, int]:
    return int(pixel) >> 16 & 255, int(pixel) >> 8 & 255, int(pixel) & 255


@pytest.mark.usefixtures("_functions")
def test_greys_lie_between_black_and_white() -> None:
    image = np.full((1, 40, 60), 50, np.uint8)
    image[0, :, 30:] = 205
    out = composed([DrawnImage(1, ArraySource(image), (50.0, 205.0))])
    assert rgb(out[25, 5]) == (0, 0, 0)
    assert rgb(out[25, 55]) == (255, 255, 255)
    assert rgb(out[25, 29])[0] == pytest.approx(255 / 4, abs=3), "between two voxels the greys are mixed"


@pytest.mark.usefixtures("_functions")
def test_outside_the_volume_is_canvas() -> None:
    camera = PlaneCamera(Axis.XY, 60, 50, (0.0, 0.0), (2.0, 2.0))
    out = composed([DrawnImage(1, ArraySource(np.full((1, 40, 60), 255, np.uint8)), (0.0, 255.0))], camera)
    assert rgb(out[0, 0]) == (0x10, 0x11, 0x14)
    assert rgb(out[24, 29]) == (0x10, 0x11, 0x14)
    assert rgb(out[25, 30]) == (255, 255, 255)


@pytest.mark.usefixtures("_functions")
def test_objects_are_filled_with_42_percent_and_outlined_in_full() -> None:
    labels = np.zeros((1, 40, 60), np.uint32)
    labels[0, 15:25, 25:35] = 10015
    image = np.full((1, 40, 60), 100, np.uint8)
    out = composed([DrawnImage(1, ArraySource(image), (0.0, 255.0)), labels_layer(labels)])
    colour = colours_of(np.array([10015], np.uint32), NO_TABLE, 0)[0].astype(float)
    assert rgb(out[25, 30]) == pytest.approx(tuple(100 * 0.58 + colour * 0.42), abs=2)
    assert rgb(out[15, 30]) == pytest.approx(tuple(colour), abs=1), "the outline is one pixel inside the object"
    assert rgb(out[14, 30]) == (100, 100, 100)
    assert rgb(out[16, 30]) == rgb(out[25, 30])


@pytest.mark.usefixtures("_functions")
def test_selected_objects_have_a_white_outline_of_two_pixels() -> None:
    labels = np.zeros((1, 40, 60), np.uint32)
    labels[0, 15:25, 25:35] = 7
    out = composed([labels_layer(labels, selected=np.array([3, 7, 9], np.uint32))])
    column = [rgb(pixel) == (255, 255, 255) for pixel in out[:, 30]]
    assert column[15:17] == [True, True]
    assert not any(column[17:33])
    assert column[33:35] == [True, True]
    assert sum(column) == 4


@pytest.mark.usefixtures("_functions")
def test_hidden_objects_are_not_drawn() -> None:
    labels = np.zeros((1, 40, 60), np.uint32)
    labels[0, 15:25, 25:30], labels[0, 15:25, 30:35] = 7, 8
    without = composed([labels_layer(np.where(labels == 7, np.uint32(0), labels))])
    out = composed([labels_layer(labels, hidden=np.array([3, 7, 9], np.uint32), selected=np.array([7], np.uint32))])
    np.testing.assert_array_equal(out, without)
    assert rgb(out[25, 31]) != (0x10, 0x11, 0x14), "the other one is drawn"


@pytest.mark.usefixtures("_functions")
def test_touching_objects_have_a_line_between_them() -> None:
    labels = np.ones((1, 40, 60), np.uint32)
    labels[0, :, 30:] = 2
    out = composed([labels_layer(labels, outline=(1.0, 1.0, 1.0))])
    one, two = colours_of(np.array([1, 2], np.uint32), NO_TABLE, 0).astype(int)
    assert rgb(out[25, 29]) == pytest.approx(tuple(one), abs=1)
    assert rgb(out[25, 30]) == pytest.approx(tuple(two), abs=1)
    assert rgb(out[25, 20]) != pytest.approx(tuple(one), abs=1)


@pytest.mark.usefixtures("_functions")
def test_a_colour_table_goes_before_the_hash() -> None:
    labels = np.full((1, 40, 60), 5, np.uint32)
    table = np.array([0, 0, 0, 0, 0, 3], np.uint8)
    layer = DrawnLabels(2, ArraySource(labels), table, 0, packed(palette()), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    assert rgb(composed([layer])[25, 30]) == pytest.approx(tuple(palette()[3].tolist()), abs=1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("scale", [0.3, 0.45, 1.0, 2.3, 9.0])
def test_compiled_and_numpy_agree(dtype: type, scale: float, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    image = (random.random((1, 600, 700)) * 200).astype(dtype)
    labels = np.kron(random.integers(0, 90_000, (60, 70)), np.ones((10, 10), int)).astype(np.uint32)[None]
    labels[0, 200:300] = 0
    selected = np.unique(labels)[1:200:7].copy()
    camera = PlaneCamera(Axis.XY, 301, 203, (260.2, 340.7), (scale, scale * 1.3))
    layers = [
        DrawnImage(1, ArraySource(image), (20.0, 180.0), 0.7, inferno_colours()),
        labels_layer(
            labels, fill=(0.42, 0.05, 0.42), outline=(1.0, 0.12, 1.0), selected=selected, painted=int(labels[0, 9, 9])
        ),
    ]
    pictures = []
    for functions in (drawing, kernels):
        monkeypatch.setattr(backend, "functions", functions)
        pictures.append(composed(layers, camera))
    one, two = (picture.view(np.uint8).astype(int) for picture in pictures)
    assert (one != two).mean() < 0.001, "rounding may differ where a value lies just between two colours"


def test_parts_of_a_picture_are_composed_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "functions", kernels)
    labels = np.kron(np.arange(48).reshape(6, 8), np.ones((7, 8), int)).astype(np.uint32)[None]
    layers: list[Any] = [labels_layer(labels, selected=np.array([20], np.uint32))]
    whole = composed(layers)
    cache = TileCache()
    for request in wishes(layers, CAMERA, 0, 1)[0]:
        cache.put(request.key, read_displayed(request.source, request.grid, tile_box(request.grid, request.key)))
    parts = np.zeros_like(whole)
    for top in range(0, 50, 10):
        for left in range(0, 60, 20):
            Composer(cache).compose(parts, (top, top + 10, left, left + 20), CAMERA, 0, layers, 0)
    assert np.array_equal(parts, whole)


def test_not_a_number_is_black(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.full((1, 40, 60), np.nan, np.float32)
    for functions in (drawing, kernels):
        monkeypatch.setattr(composing.backend, "functions", functions)
        assert rgb(composed([DrawnImage(1, ArraySource(image), (0.0, 1.0))])[25, 30]) == (0, 0, 0)


def test_a_voxel_beside_not_a_number_keeps_its_grey_close_up(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.full((1, 40, 60), 0.5, np.float32)
    image[0, :, 30] = np.nan
    camera = PlaneCamera(Axis.XY, 60, 50, (20.0, 30.0), (8.0, 8.0))
    for functions in (drawing, kernels):
        monkeypatch.setattr(composing.backend, "functions", functions)
        out = composed([DrawnImage(1, ArraySource(image), (0.0, 1.0))], camera)
        assert [rgb(out[25, x])[0] for x in (29, 30, 37, 38)] == [128, 0, 0, 128]


def test_a_coarser_level_stands_in_and_lies_where_the_fine_one_will(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "functions", kernels)
    fine = np.zeros((1, 40, 60), np.uint8)
    fine[0, 20:, 30:] = 200

    class Two(ArraySource):
        @property
        def levels(self) -> list[tuple[int, int, int]]:
            return [(1, 1, 1), (1, 2, 2)]

        @property
        def grains(self) -> list[tuple[int, int, int]]:
            return [(1, 1, 1)] * 2

        def read(self, level: int, *place: Any) -> NDArray[Any]:
            return ArraySource(self.array[:, :: 2**level, :: 2**level]).read(0, *place)

    layers: list[Any] = [DrawnImage(1, Two(fine), (0.0, 255.0))]
    coarse, best = wishes(layers, CAMERA, 0, 1)[0]
    assert (coarse.key.level, best.key.level) == (1, 0)
    cache = TileCache()
    cache.put(coarse.key, read_displayed(coarse.source, coarse.grid, tile_box(coarse.grid, coarse.key)))
    out = np.zeros((50, 60), np.uint32)
    assert not Composer(cache).is_complete(CAMERA, 0, layers)
    Composer(cache).compose(out, (0, 50, 0, 60), CAMERA, 0, layers, 0)
    whole = composed(layers)
    assert [rgb(out[y, x])[0] for y, x in ((10, 10), (40, 50))] == [
        rgb(whole[y, x])[0] for y, x in ((10, 10), (40, 50))
    ]
    assert np.abs((out & 255).astype(int) - (whole & 255).astype(int)).mean() < 10
