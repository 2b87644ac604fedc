"""What runs a network on a graphics card, without one: half precision, several planes at once, too little memory."""

import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from empanada_desktop.core.context import QuietContext
from empanada_desktop.engine.backends import TorchBackend, card
from empanada_desktop.engine.backends.choice import agreement
from empanada_desktop.engine.backends.maps import Maps
from empanada_desktop.engine.device import GraphicsMemoryError, fetch, send
from empanada_desktop.engine.export import load_network
from empanada_desktop.engine.plane import PlaneSettings
from empanada_desktop.engine.predictor import PlaneOutputs, Predictor
from empanada_desktop.engine.stack import StackSettings, segment_stack, settings_beside
from empanada_desktop.engine.tiled import BATCH_PIXELS, TiledPredictor
from empanada_desktop.io.weights import find_weights
from empanada_desktop.tasks import inference
from empanada_desktop.tasks.inference_params import PlaneParams

CPU = torch.device("cpu")
SIDE = 32

Grey = NDArray[np.float32]


def planes(count: int = 7, side: int = SIDE) -> list[Grey]:
    return [np.random.default_rng(number).random((side, side)).astype(np.float32) for number in range(count)]


class Card:
    """Shows like a graphics card: takes several planes, answers later, and has room for so many pixels at once."""

    padding_factor = 16

    def __init__(self, room: int = 1 << 30) -> None:
        self.room = room
        self.log: list[str] = []

    def predict(self, plane: Grey, downsampling: int = 1, fine: bool = False) -> PlaneOutputs:
        return self.begin_many([plane], downsampling, fine)()[0]

    def begin_many(
        self, shown: Sequence[Grey], downsampling: int = 1, fine: bool = False
    ) -> Callable[[], list[PlaneOutputs]]:
        if sum(plane.size for plane in shown) > self.room:
            raise GraphicsMemoryError("not enough memory", "Use less.")
        self.log.append(f"begin {len(shown)}")
        cells = np.zeros((shown[0].shape[0] // 4, shown[0].shape[1] // 4), np.float32)

        def finish() -> list[PlaneOutputs]:
            self.log.append(f"finish {len(shown)}")
            return [PlaneOutputs(plane[None], cells, np.stack([cells, cells]), 4, 1) for plane in shown]

        return finish


def assert_in_order(outputs: Iterator[PlaneOutputs], expected: list[Grey]) -> None:
    for answer, plane in zip(outputs, expected, strict=True):
        np.testing.assert_array_equal(answer.semantic[0], plane)


def test_planes_go_together_and_the_next_begin_before_the_last_are_used() -> None:
    network = Card()
    predictor = TiledPredictor(network, 16, pixels_at_once=3 * SIDE * SIDE)
    assert_in_order(predictor.predict_stack(iter(planes())), planes())
    assert network.log == ["begin 3", "begin 3", "finish 3", "begin 1", "finish 3", "finish 1"]


def test_on_the_processor_planes_go_one_by_one() -> None:
    network = Card()
    assert_in_order(TiledPredictor(network, 16).predict_stack(planes(3)), planes(3))
    assert network.log == ["begin 1", "finish 1"] * 3


def test_too_little_memory_means_fewer_planes_then_tiles_and_says_so() -> None:
    network = Card(room=2 * SIDE * SIDE)
    predictor = TiledPredictor(network, 16, pixels_at_once=5 * SIDE * SIDE)
    assert_in_order(predictor.predict_stack(planes(9)), planes(9))
    assert network.log[0] == "begin 2"
    assert [note.split(": ")[1] for note in predictor.notes] == ["the network sees 2 planes at once from there on."]
    wide, small = planes(2, 512), Card(room=300 * 300)
    predictor = TiledPredictor(small, 16, pixels_at_once=2 * 512 * 512)
    assert_in_order(predictor.predict_stack(wide), wide)
    assert [note.split(": ")[1] for note in predictor.notes] == [
        "the network sees one plane at once from there on.",
        "the network sees tiles of 256 pixels from there on.",
    ]


def test_a_card_without_room_for_anything_is_told() -> None:
    predictor = TiledPredictor(Card(room=10), 16, pixels_at_once=BATCH_PIXELS)
    with pytest.raises(GraphicsMemoryError):
        list(predictor.predict_stack(planes(2)))


@pytest.mark.parametrize("pixels", [0, 2 * SIDE * SIDE, 4 * SIDE * SIDE])
def test_a_stack_is_the_same_however_many_planes_go_together(pixels: int) -> None:
    found: dict[int, Any] = {}
    predictor = TiledPredictor(Card(), 16, pixels_at_once=pixels)
    settings = StackSettings(PlaneSettings(things=frozenset()), 3)

    def take(index: int, components: NDArray[np.uint32], _table: object) -> None:
        found[index] = components.copy()

    segment_stack(lambda index: planes()[index], 7, predictor, settings, take, QuietContext())
    assert list(found) == list(range(7))
    smooth = np.median(planes()[2:5], axis=0) >= 0.5
    np.testing.assert_array_equal(found[3] > 0, smooth)


def test_a_search_for_fast_convolutions_only_where_many_passes_of_one_size_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("empanada_desktop.engine.device.SEARCH_PAYS_AFTER", 2)
    sizes: list[tuple[int, bool]] = []

    class Watched(Card):
        def begin_many(self, shown: Sequence[Grey], *options: Any) -> Callable[[], list[PlaneOutputs]]:
            sizes.append((len(shown), torch.backends.cudnn.benchmark))
            return super().begin_many(shown, *options)

    long = TiledPredictor(Watched(), 16, pixels_at_once=3 * SIDE * SIDE)
    assert_in_order(long.predict_stack(planes(7), n_planes=7), planes(7))
    assert sizes == [(3, True)] * 3, "the last plane comes in three copies: no size of its own"
    sizes.clear()
    assert_in_order(long.predict_stack(planes(4), n_planes=4), planes(4))
    assert sizes == [(3, False), (3, False)]
    assert_in_order(TiledPredictor(Watched(), 16).predict_stack(planes(4), n_planes=4), planes(4))
    assert not any(searched for _, searched in sizes)
    assert not torch.backends.cudnn.benchmark


@pytest.mark.parametrize(("stride", "downsampling"), [(16, 1), (128, 1), (16, 2)])
def test_tiles_of_planes_of_any_size_are_images_of_one_size(stride: int, downsampling: int) -> None:
    predictor, grain = TiledPredictor(Card(), stride, tile_size=512), stride * downsampling
    predictor.padding_factor = stride
    for shape in ((700, 905), (613, 905), (613, 700), (2001, 530)):
        spans = [span for tile in predictor.layout(shape, downsampling) for span in (tile.rows, tile.columns)]
        assert {-(-(stop - start) // grain) * grain for start, stop in spans} == {512}, shape


def test_16_bits_are_taken_when_they_say_nearly_the_same() -> None:
    weights = find_weights("MitoStarter_v1")
    full = TorchBackend(load_network(weights), CPU)
    images = torch.from_numpy(np.stack(planes(2, 128))[:, None])
    fast, notes = card.in_half(load_network(weights), CPU, card.HALVES[:1])
    with torch.inference_mode():
        ours, exact = fast.run(images), full.run(images)
    assert ("float16" in fast.title, notes) == (True, [])
    assert {each.dtype for each in ours} == {torch.float32}
    assert 0 < agreement(exact, ours) < card.HALVES[0].tolerance
    slow, notes = card.in_half(load_network(weights), CPU, [card.HALVES[0]._replace(tolerance=1e-6)])
    assert "float32" in slow.title
    assert "32 bits" in notes[0]
    with torch.inference_mode():
        assert agreement(exact, slow.run(images)) == 0


def test_16_bits_only_where_the_card_is_made_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = torch.device("cuda", 0)
    both = list(card.HALVES)
    for capability, expected in (((6, 1), []), ((7, 5), both[:1]), ((8, 0), both), ((9, 0), both)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device, found=capability: found)
        assert card.halves_of(cuda) == expected
    assert card.halves_of(CPU) == card.halves_of(torch.device("mps")) == []


def test_maps_lie_channels_last_all_the_way() -> None:
    """A single convolution whose output lay otherwise would have the next one turn it round."""
    network, others = load_network(find_weights("MitoStarter_v1")), list[str]()
    backend, seen = TorchBackend(network, CPU), 0

    def look(module: torch.nn.Module, _given: object, maps: torch.Tensor) -> None:
        nonlocal seen
        seen += 1
        if not maps.is_contiguous(memory_format=torch.channels_last):
            others.append(str(module))

    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.MaxPool2d):
            module.register_forward_hook(look)
    with torch.inference_mode():
        backend.run(torch.zeros(2, 1, 64, 96))
    assert others == []
    assert seen > 50


def test_a_network_that_overflows_in_float16_takes_bfloat16_or_32_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """An overflow in a single map, which the others do not show."""
    real = TorchBackend.run

    def overflowing(self: TorchBackend, images: torch.Tensor) -> Maps:
        maps = real(self, images)
        return maps._replace(heatmap=maps.heatmap * float("nan")) if self.half is torch.float16 else maps

    monkeypatch.setattr(TorchBackend, "run", overflowing)
    network = load_network(find_weights("MitoStarter_v1"))
    assert "bfloat16" in card.in_half(network, CPU, card.HALVES)[0].title
    assert "float32" in card.in_half(network, CPU, card.HALVES[:1])[0].title


def test_a_card_is_given_its_memory_back_before_less_is_tried() -> None:
    """An error holds on to what the failed try has put on the card for as long as it is dealt with."""
    on_card: list[weakref.ref[Grey]] = []

    class Holding(Card):
        def begin_many(self, shown: Sequence[Grey], *options: Any) -> Callable[[], list[PlaneOutputs]]:
            assert not any(held() is not None for held in on_card)
            tensor = np.stack(shown)
            on_card.append(weakref.ref(tensor))
            return super().begin_many(shown, *options)

    predictor = TiledPredictor(Holding(room=SIDE * SIDE), 16, pixels_at_once=4 * SIDE * SIDE)
    assert_in_order(predictor.predict_stack(planes(4)), planes(4))
    assert len(on_card) > 4


def test_all_groups_of_a_stack_have_one_size_and_are_read_ahead() -> None:
    """Whichever part of it is shown: a card may round otherwise with another number of images."""
    network = Card()
    predictor = TiledPredictor(network, 16, pixels_at_once=16 * SIDE * SIDE)
    for shown in (20, 7):
        network.log.clear()
        assert_in_order(predictor.predict_stack(planes(shown), n_planes=100), planes(shown))
        assert {line for line in network.log if "begin" in line} == {"begin 16"}
    network.log.clear()
    assert_in_order(predictor.predict_stack(planes(3), n_planes=5), planes(3))
    assert network.log[0] == "begin 5"
    plane = PlaneSettings(things=frozenset())
    assert settings_beside(predictor, plane, 3, (SIDE, SIDE)).read_ahead == 16
    assert settings_beside(TiledPredictor(network, 16), plane, 3, (SIDE, SIDE)).read_ahead == 2
    wide = TiledPredictor(network, 16, pixels_at_once=BATCH_PIXELS)
    assert settings_beside(wide, replace(plane, image_downsampling=8), 3, (4096, 4096)).read_ahead == 2


def test_planes_travel_to_a_device_and_back() -> None:
    tensor = torch.arange(6.0)
    there = send(tensor, CPU)
    copies = fetch(there, there * 2)()
    assert [copy.tolist() for copy in copies] == [tensor.tolist(), (2 * tensor).tolist()]


def test_a_network_on_a_card_is_shown_several_planes(monkeypatch: pytest.MonkeyPatch) -> None:
    """load_predictor with a device that is no processor; the network itself runs where it can here."""
    real = Predictor.from_weights

    def as_on_a_card(*arguments: Any, **options: Any) -> Predictor:
        predictor = real(*arguments, **options)
        predictor._refine, device = predictor._refine, predictor.device
        assert device.type == "cpu"
        predictor.__dict__["device"] = torch.device("meta")
        return predictor

    monkeypatch.setattr(Predictor, "from_weights", as_on_a_card)
    params = PlaneParams(use_gpu=False, threads=1, backend="torch", tile_size=512)
    predictor = inference.load_predictor(find_weights("MitoStarter_v1"), params)
    assert (predictor.batch, predictor._pixels_at_once) == (16, BATCH_PIXELS)
