"""Stages beside each other: order, bounds, errors and cancelling; the network is played by arithmetic."""

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from empanada_desktop.core.components import ComponentTable
from empanada_desktop.core.context import QuietContext
from empanada_desktop.engine import stack
from empanada_desktop.engine.line import Belt, Line
from empanada_desktop.engine.plane import PlaneSettings
from empanada_desktop.engine.predictor import PlaneOutputs
from empanada_desktop.engine.stack import StackSettings, places_beside, segment_stack
from empanada_desktop.errors import JobCancelled

SIDE = 16
N_PLANES = 24
WAIT = 20.0
# Planes that may be between the network and take_plane: waiting, in work, in the median, waiting to be written.
MOST_UNDER_WAY = 12


class Player:
    """Says of each plane what its grey values say."""

    def __init__(self) -> None:
        self.predicted = 0

    def predict(self, plane: NDArray[np.float32], downsampling: int = 1, fine: bool = False) -> PlaneOutputs:
        self.predicted += 1
        cells = np.zeros((SIDE // 4, SIDE // 4), np.float32)
        return PlaneOutputs(plane[None], cells, np.zeros((2, *cells.shape), np.float32), 4, 1)


def read_plane(index: int) -> NDArray[np.float32]:
    return np.random.default_rng(index).random((SIDE, SIDE)).astype(np.float32)


def settings(median: int = 5, places: int = 1) -> StackSettings:
    return StackSettings(PlaneSettings(things=frozenset()), median, places)


def segmented(
    take: Callable[..., None], first: int = 0, context: object = None, median: int = 5, **parts: object
) -> Player:
    player = Player()
    read = parts.get("read", read_plane)
    context = context or QuietContext()
    segment_stack(read, N_PLANES, player, settings(median), take, context, first)  # type: ignore[arg-type]
    return player


@pytest.fixture(autouse=True)
def no_thread_survives() -> None:
    yield  # type: ignore[misc]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("line")]


@pytest.mark.parametrize("median", [1, 5, 11])
@pytest.mark.parametrize("first", [1, 3, 13, N_PLANES - 1])
def test_beginning_anywhere_gives_the_same_planes(first: int, median: int) -> None:
    whole: dict[int, NDArray[np.uint32]] = {}
    part: dict[int, NDArray[np.uint32]] = {}
    segmented(lambda index, components, _: whole.update({index: components}), median=median)
    player = segmented(lambda index, components, _: part.update({index: components}), first, median=median)
    assert list(whole) == list(range(N_PLANES))
    assert list(part) == list(range(first, N_PLANES))
    assert player.predicted <= N_PLANES - first + median // 2
    for index, components in part.items():
        np.testing.assert_array_equal(components, whole[index])
    assert any(components.any() for components in whole.values())


@pytest.mark.parametrize("places", [2, 4])
def test_planes_become_the_same_objects_in_the_same_order_in_several_places(
    places: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone: dict[int, NDArray[np.uint32]] = {}
    shared: dict[int, NDArray[np.uint32]] = {}
    split, meeting, lock = stack.split_components, threading.Barrier(places, timeout=WAIT), threading.Lock()
    begun, working, most = 0, 0, 0

    def slower_at_first(*arguments: object) -> object:
        nonlocal begun, working, most
        with lock:
            begun, working = begun + 1, working + 1
            most = max(most, working)
        if begun <= places:
            meeting.wait()  # nobody ends before all have begun
        with lock:
            working -= 1
        return split(*arguments)  # type: ignore[arg-type]

    segmented(lambda index, components, _: alone.update({index: components}))
    monkeypatch.setattr(stack, "split_components", slower_at_first)
    segment_stack(
        read_plane,
        N_PLANES,
        Player(),
        settings(places=places),
        lambda index, components, _: shared.update({index: components}),
        QuietContext(),
    )
    assert list(shared) == list(range(N_PLANES))
    assert most == places
    for index, components in shared.items():
        np.testing.assert_array_equal(components, alone[index])


def test_an_error_in_one_of_several_places_stops_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise BrokenError

    monkeypatch.setattr(stack, "split_components", broken)
    player, taken = Player(), list[int]()
    with pytest.raises(BrokenError):
        segment_stack(
            read_plane, N_PLANES, player, settings(places=3), lambda index, *_: taken.append(index), QuietContext()
        )
    assert not taken
    assert player.predicted <= 3 + MOST_UNDER_WAY


def test_places_are_for_cards_and_leave_room_for_the_rest() -> None:
    assert places_beside(on_card=False, pixels=512**2) == 1
    assert places_beside(on_card=True, pixels=512**2, threads=1) == 1
    assert places_beside(on_card=True, pixels=512**2, threads=16) == 4
    assert places_beside(on_card=True, pixels=4096**2, threads=16) == 1
    assert 1 <= places_beside(on_card=True, pixels=512**2) <= 4


def test_the_network_waits_for_a_slow_writer() -> None:
    player, may_write, taken = Player(), threading.Event(), list[int]()

    def slow(index: int, *_: object) -> None:
        assert may_write.wait(WAIT)
        taken.append(index)

    work = threading.Thread(
        target=segment_stack,
        args=(read_plane, N_PLANES, player, settings(), slow, QuietContext()),  # type: ignore[arg-type]
    )
    work.start()
    before = -1
    while player.predicted > before:  # until it stands still
        before = player.predicted
        time.sleep(0.3)
    assert 0 < player.predicted <= MOST_UNDER_WAY
    may_write.set()
    work.join(WAIT)
    assert taken == list(range(N_PLANES))


class BrokenError(Exception):
    """What a stage fails with."""


def test_an_error_of_the_writer_stops_the_network_at_once() -> None:
    taken: list[int] = []
    player = Player()

    def full(index: int, components: NDArray[np.uint32], table: ComponentTable) -> None:
        if index == 2:
            raise BrokenError
        taken.append(index)

    with pytest.raises(BrokenError):
        segment_stack(read_plane, N_PLANES, player, settings(), full, QuietContext())  # type: ignore[arg-type]
    assert taken == [0, 1]
    assert player.predicted <= 2 + MOST_UNDER_WAY


def test_an_error_of_the_reader_keeps_what_was_done_before() -> None:
    taken: list[int] = []

    def damaged(index: int) -> NDArray[np.float32]:
        if index == 15:
            raise BrokenError
        return read_plane(index)

    with pytest.raises(BrokenError):
        segmented(lambda index, *_: taken.append(index), read=damaged)
    assert taken == list(range(len(taken)))


def test_a_cancel_ends_it_while_everybody_waits() -> None:
    never = threading.Event()

    class Cancelled(QuietContext):
        asked = 0

        def check_cancelled(self) -> None:
            self.asked += 1
            if self.asked > 30:
                never.set()
                raise JobCancelled

    with pytest.raises(JobCancelled):
        segmented(lambda *_: never.wait(WAIT) and None, context=Cancelled())


def test_a_line_ends_when_its_last_stage_fails_after_the_body_is_through() -> None:
    def fail(belt: "Belt[int]") -> None:
        for item in belt:
            time.sleep(0.05)
            if item == 2:
                raise BrokenError

    with pytest.raises(BrokenError), Line(lambda: None) as line:  # noqa: PT012 - the body of the line
        belt: Belt[int] = line.belt(9)
        line.run(lambda: fail(belt))
        belt.fill(range(3))


@pytest.mark.parametrize("fills", [False, True])
def test_holes_are_filled_plane_by_plane_where_that_is_asked_for(fills: bool) -> None:
    ring = np.zeros((SIDE, SIDE), np.float32)
    ring[2:14, 2:14] = 1
    ring[6:10, 6:10] = 0
    found: list[int] = []
    asked = StackSettings(PlaneSettings(things=frozenset(), fill_holes=fills), 1)

    def take(_index: int, components: NDArray[np.uint32], _table: ComponentTable) -> None:
        found.append(np.count_nonzero(components))

    segment_stack(lambda _: ring, 2, Player(), asked, take, QuietContext())
    assert found == [144 if fills else 128] * 2


def test_maps_are_kept_before_their_plane_counts() -> None:
    order: list[tuple[str, int]] = []
    take_plane, take_maps = (lambda index, *_, kind=kind: order.append((kind, index)) for kind in ("plane", "maps"))
    segment_stack(read_plane, 3, Player(), settings(1), take_plane, QuietContext(), take_maps=take_maps)
    assert order == [(kind, index) for index in range(3) for kind in ("maps", "plane")]
