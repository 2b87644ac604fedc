"""Whole jobs with back end "auto": measured at the first run, remembered, told in the recipe; torch where it fails."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from empanada_desktop.core.context import QuietContext
from empanada_desktop.engine.backends import choice, openvino_runtime
from empanada_desktop.engine.backends.choice import DEFAULT_VARIABLE
from empanada_desktop.engine.backends.exports import exports_folder
from empanada_desktop.errors import JobCancelled
from empanada_desktop.settings import HOME_VARIABLE
from empanada_desktop.tasks import segment_volume
from empanada_desktop.tasks.inference import SegmentationResult

Segment = Callable[..., SegmentationResult]


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Who was timed: OpenVINO is made out to be faster, so that the choice does not depend on the computer's load."""
    timed: list[str] = []

    def seconds(backend: Any, _image: object) -> float:
        timed.append(backend.title.split()[0])
        return 0.5 if backend.title.startswith("openvino") else 1.0

    monkeypatch.setattr(choice, "_seconds", seconds)
    return timed


@pytest.fixture
def segment(tiny_volume: str, tiny_weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Segment:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    monkeypatch.delenv(DEFAULT_VARIABLE)

    def run(name: str, context: object = None, **params: object) -> SegmentationResult:
        inputs = segment_volume.Inputs(volume=tiny_volume, out=str(tmp_path / name))
        values = {"weights": tiny_weights, "use_gpu": False, "threads": 1, "min_size": 0, "min_extent": 0}
        chosen = segment_volume.Params.checked({**values, **params})
        return segment_volume.run(inputs, chosen, context or QuietContext())  # type: ignore[arg-type]

    return run


def ran_with(result: SegmentationResult) -> str:
    return str(result.recipe["facts"]["ran_with"]).split()[0]


def test_the_first_run_measures_and_the_next_ones_remember(segment: Segment, measured: list[str]) -> None:
    first = segment("first.zarr")
    assert set(measured) == {"torch", "openvino"}
    assert ran_with(first) == "openvino"
    kept = json.loads((exports_folder() / "speeds.json").read_text())
    assert [sorted(seconds) for seconds in kept.values()] == [["openvino", "torch"]]
    measured.clear()
    second = segment("second.zarr")
    assert (measured, ran_with(second)) == ([], "openvino")
    assert second.objects == first.objects
    torch = segment("torch.zarr", backend="torch")
    assert (measured, ran_with(torch)) == ([], "torch")


def test_what_began_with_one_goes_on_with_it(
    segment: Segment, measured: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class AfterThree(QuietContext):
        done = 0

        def report(self, done: int, total: int, message: str = "") -> None:
            self.done = done

        def check_cancelled(self) -> None:
            if self.done >= 3:
                raise JobCancelled

    with pytest.raises(JobCancelled):
        segment("broken.zarr", AfterThree())
    (exports_folder() / "speeds.json").unlink()
    asked: list[str] = []

    def torch_wins(backend: Any, _image: object) -> float:
        asked.append(backend.title)
        return float(backend.title.startswith("openvino"))

    monkeypatch.setattr(choice, "_seconds", torch_wins)
    assert ran_with(segment("broken.zarr")) == "openvino"
    assert not asked, "what is said of the first planes would not be true of the others"
    assert ran_with(segment("other.zarr")) == "torch"


def test_torch_is_the_fallback(segment: Segment, measured: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("no such operation\nand more")

    monkeypatch.setattr(openvino_runtime, "to_graph", fails)
    result = segment("x.zarr")
    assert ran_with(result) == "torch"
    assert "torch ran the network: OpenVINO could not (no such operation)." in result.notes
    monkeypatch.setattr(openvino_runtime, "version", lambda: "")
    assert ran_with(segment("y.zarr")) == "torch"
    assert measured == []
