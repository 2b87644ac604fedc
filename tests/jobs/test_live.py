"""Live planes: the newest wish wins, the network runs once per plane, and sliders are answered from kept outputs."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from empanada_desktop.core.context import QuietContext
from empanada_desktop.core.geometry import Axis
from empanada_desktop.errors import AppError
from empanada_desktop.io.volumes import VolumeRef, open_volume
from empanada_desktop.jobs.faults import JobDied
from empanada_desktop.jobs.live import LiveSession, Wish
from empanada_desktop.jobs.process import Child
from empanada_desktop.tasks import segment_plane
from empanada_desktop.tasks.inference_params import PlaneParams
from empanada_desktop.tasks.live_plane import Grouping, LivePlane

WAIT = 240.0


class Listener:
    """Keeps what a session says and waits for it."""

    def __init__(self, session: LiveSession) -> None:
        self.said: list[tuple[str, Any]] = []
        self._news = threading.Condition()
        session.predicted.connect(lambda wish, prediction: self._add("predicted", (wish, prediction)))
        session.grouped.connect(lambda wish, grouping: self._add("grouped", (wish, grouping)))
        session.failed.connect(lambda wish, error: self._add("failed", (wish, error)))
        session.busy_changed.connect(lambda busy: self._add("busy", busy))

    def _add(self, kind: str, what: Any) -> None:
        with self._news:
            self.said.append((kind, what))
            self._news.notify_all()

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.said]

    def answer(self, wish: Wish) -> Any:
        """Wait for the grouping or the error that a wish gets."""

        def found() -> list[Any]:
            return [what for kind, what in self.said if kind in ("grouped", "failed") and what[0] is wish]

        with self._news:
            assert self._news.wait_for(lambda: bool(found()), WAIT), self.said
        return found()[0][1]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory, children_are_warm: None) -> Iterator[LiveSession]:
    """One session, whose process is warm, for all tests that leave it alive."""
    session = LiveSession(Child("live", patience=5.0), tmp_path_factory.mktemp("live") / "live.log")
    session.warm_up(QuietContext())
    yield session
    session.close()


@pytest.fixture
def params(tiny_weights: str) -> PlaneParams:
    return PlaneParams(weights=tiny_weights, use_gpu=False, threads=1)


@pytest.fixture
def plane(tiny_volume: str) -> LivePlane:
    return LivePlane(VolumeRef(tiny_volume), Axis.XY, 4)


def test_a_slider_is_answered_without_running_the_network_again(
    session: LiveSession, plane: LivePlane, params: PlaneParams, tiny_volume: str, tmp_path: Path
) -> None:
    listener = Listener(session)
    first = listener.answer(session.wish(plane, params))
    assert listener.kinds() == ["busy", "busy", "predicted", "grouped"]
    prediction = listener.said[2][1][1]
    assert prediction.ran
    assert prediction.confidence.shape == (48, 56)
    assert isinstance(first, Grouping)
    np.testing.assert_array_equal(first.labels, as_a_task(tiny_volume, params, tmp_path))

    for value in (0.1, 0.3, 0.45, 0.6):
        changed = params.model_copy(update={"segmentation_confidence": value, "fill_holes": True})
        answer = listener.answer(session.wish(plane, changed))
        assert answer.params == changed
    assert listener.kinds().count("predicted") == 1

    fine = params.model_copy(update={"fine_boundaries": True, "max_objects_per_class": 77})
    answer = listener.answer(session.wish(plane, fine))
    np.testing.assert_array_equal(answer.labels, as_a_task(tiny_volume, fine, tmp_path))
    assert listener.kinds().count("predicted") == 1

    coarse = params.model_copy(update={"image_downsampling": 2})
    answer = listener.answer(session.wish(plane, coarse))
    assert answer.labels.shape == (48, 56)
    assert listener.kinds().count("predicted") == 2

    part = LivePlane(plane.ref, Axis.XZ, 7, (2, 8, 10, 40))
    answer = listener.answer(session.wish(part, params))
    assert answer.labels.shape == (8, 32)
    assert answer.origin == (2, 8)
    assert (answer.centres < (8, 32)).all()

    back = session.predict(plane, params, QuietContext())
    assert not back.ran


def as_a_task(volume: str, params: PlaneParams, folder: Path) -> np.ndarray:
    """What segment-plane writes with the same settings."""
    out = folder / "task.tif"
    inputs = segment_plane.Inputs(volume=volume, out=str(out), index=4, overwrite=True)
    segment_plane.run(inputs, params, QuietContext())
    with open_volume(out) as labels:
        return labels[0]


def test_wishes_that_were_overtaken_are_dropped(session: LiveSession, plane: LivePlane, params: PlaneParams) -> None:
    listener = Listener(session)
    listener.answer(session.wish(plane, params))
    wishes = [
        session.wish(plane, params.model_copy(update={"centre_min_distance": distance})) for distance in range(1, 36)
    ]
    last = listener.answer(wishes[-1])
    assert last.params.centre_min_distance == 35
    assert listener.kinds().count("grouped") < 30

    planes = [session.wish(LivePlane(plane.ref, Axis.XY, index), params) for index in range(10)]
    assert listener.answer(planes[-1]).plane.index == 9
    assert listener.kinds().count("failed") == 0


def test_names_do_not_overtake_each_other(session: LiveSession, plane: LivePlane, params: PlaneParams) -> None:
    listener = Listener(session)
    wishes = [
        session.wish(plane, params.model_copy(update={"image_downsampling": scale}), f"scale {scale}")
        for scale in (1, 2, 4)
    ]
    answers = [listener.answer(wish) for wish in wishes]
    assert [answer.params.image_downsampling for answer in answers] == [1, 2, 4]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX")
def test_errors_and_deaths_are_told_and_the_next_wish_works(
    tmp_path: Path, plane: LivePlane, params: PlaneParams
) -> None:
    child = Child("live", patience=5.0)
    session = LiveSession(child, tmp_path / "live.log")
    listener = Listener(session)
    missing = params.model_copy(update={"weights": "nobody"})
    error = listener.answer(session.wish(plane, missing))
    assert isinstance(error, AppError)
    outside = listener.answer(session.wish(LivePlane(plane.ref, Axis.XY, 99), params))
    assert isinstance(outside, AppError)
    session.busy_changed.connect(lambda busy: busy and threading.Timer(0.0, kill).start())

    def kill() -> None:
        if child.pid is not None and not killed:
            killed.append(child.pid)
            os.kill(child.pid, signal.SIGKILL)

    killed: list[int] = []
    died = listener.answer(session.wish(plane, params))
    assert isinstance(died, JobDied) or killed
    assert isinstance(listener.answer(session.wish(plane, params)), Grouping)
    session.close()


def test_closing_at_once_leaves_nothing(tmp_path: Path, plane: LivePlane, params: PlaneParams) -> None:
    session = LiveSession(Child("live"), tmp_path / "live.log")
    session.wish(plane, params)
    time.sleep(0.05)
    session.close()
    assert session.wish(plane, params).plane == plane
