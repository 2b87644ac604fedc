"""Which back end runs: wishes, the measurement, what is remembered, and folders that fail."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from empanada_desktop.engine.backends import Backend, choice, choose_backend, openvino_runtime
from empanada_desktop.engine.backends.exports import GRAPH, Speeds, exports_folder
from empanada_desktop.engine.networks import PanopticNetwork
from empanada_desktop.errors import SettingsError

Make = Callable[..., PanopticNetwork]
SHA = "a" * 64


@pytest.fixture(scope="module")
def graphs() -> dict[str, object]:
    """Networks of the same values as graphs: turning one into it takes a second."""
    return {}


@pytest.fixture
def conversions(graphs: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count how often a network is to be turned into a graph; each is really turned once."""
    made: list[str] = []
    real = openvino_runtime.to_graph

    def counted(network: PanopticNetwork) -> object:
        made.append(network.config.architecture)
        values = hashlib.sha256(b"".join(one.numpy().tobytes() for one in network.state_dict().values())).hexdigest()
        if values not in graphs:
            graphs[values] = real(network)
        return graphs[values]

    monkeypatch.setattr(openvino_runtime, "to_graph", counted)
    return made


def seconds_of(monkeypatch: pytest.MonkeyPatch, openvino: float) -> None:
    def seconds(backend: Backend, image: torch.Tensor) -> float:
        return openvino if backend.title.startswith("openvino") else 1.0

    monkeypatch.setattr(choice, "_seconds", seconds)


@pytest.mark.parametrize(("openvino", "winner"), [(0.5, "openvino"), (2.0, "torch")])
def test_the_faster_one_is_chosen_and_remembered(
    openvino: float, winner: str, small_network: Make, conversions: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds_of(monkeypatch, openvino)
    assert choose_backend(small_network("PanopticDeepLab"), SHA, "auto", 1)[0].title.startswith(winner)
    seconds_of(monkeypatch, 1 / openvino)  # would decide the other way if it were asked again
    assert choose_backend(small_network("PanopticDeepLab"), SHA, "auto", 1)[0].title.startswith(winner)
    assert len(conversions) == 1
    # Another number of threads is another question.
    assert not choose_backend(small_network("PanopticDeepLab"), SHA, "auto", 2)[0].title.startswith(winner)


def test_other_results_than_torch_never_win(
    small_network: Make, conversions: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds_of(monkeypatch, 0.1)
    monkeypatch.setattr(choice, "agreement", lambda one, other: 2e-4)
    for _ in range(2):
        assert choose_backend(small_network("PanopticDeepLab"), SHA, "auto", 1)[0].title.startswith("torch")
    assert len(conversions) == 1


def test_nothing_is_prepared_for_work_of_a_few_planes(
    small_network: Make, conversions: list[str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose_backend(small_network("PanopticDeepLab"), SHA, "auto", 1, may_prepare=False)[0].title.startswith(
        "torch"
    )
    assert conversions == []
    assert not home.exists()
    seconds_of(monkeypatch, 0.5)
    choose_backend(small_network("PanopticDeepLab"), SHA, "auto", 1)
    assert choose_backend(small_network("PanopticDeepLab"), SHA, "auto", 1, may_prepare=False)[0].title.startswith(
        "openvino"
    )


@pytest.mark.parametrize(
    ("victim", "harm"),
    [(GRAPH, "cut"), ("graph.bin", "changed"), ("graph.bin", "gone"), ("sums.json", "cut"), ("sums.json", "gone")],
)
def test_a_damaged_graph_is_made_anew(victim: str, harm: str, small_network: Make, conversions: list[str]) -> None:
    choose_backend(small_network("PanopticDeepLab"), SHA, "openvino", 1)
    (file,) = exports_folder().rglob(victim)
    content = file.read_bytes()
    changes = {"cut": content[: len(content) // 2], "changed": b"\x00" + content[1:]}
    if harm == "gone":
        file.unlink()
    else:
        file.write_bytes(changes[harm])
    assert choose_backend(small_network("PanopticDeepLab"), SHA, "openvino", 1)[0].title.startswith("openvino")
    assert len(conversions) == 2
    choose_backend(small_network("PanopticDeepLab"), SHA, "openvino", 1)
    assert len(conversions) == 2


def test_other_versions_of_a_graph_go_when_a_new_one_comes(small_network: Make) -> None:
    other = exports_folder() / f"{SHA[:32]}-openvino-2020.1.0-1"
    elsewhere = exports_folder() / f"{'b' * 32}-openvino-2020.1.0-1"
    for folder in (other, elsewhere):
        folder.mkdir(parents=True)
    choose_backend(small_network("PanopticDeepLab"), SHA, "openvino", 1)
    assert not other.exists()
    assert elsewhere.exists()
    assert not list(exports_folder().glob("*.part"))


def test_where_nothing_can_be_kept_torch_runs_and_says_so_once(small_network: Make, home: Path) -> None:
    home.parent.mkdir(exist_ok=True)
    home.write_text("a file where the folder should be")
    backend, notes = choose_backend(small_network("PanopticDeepLab"), SHA, "auto", 1)
    assert backend.title.startswith("torch")
    assert len(notes) == 1
    assert "no faster form of it could be kept" in notes[0]
    backend, notes = choose_backend(small_network("PanopticDeepLab"), SHA, "openvino", 1)
    assert backend.title.startswith("openvino")
    assert "made anew each time" in notes[0]


def test_openvino_that_fails_is_replaced_unless_it_was_wished_for(
    small_network: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(network: PanopticNetwork) -> object:
        raise RuntimeError("Unsupported processor\nat line 53")

    monkeypatch.setattr(openvino_runtime, "to_graph", fail)
    backend, notes = choose_backend(small_network("PanopticDeepLab"), SHA, "auto", 1)
    assert backend.title.startswith("torch")
    assert notes == ["torch ran the network: OpenVINO could not (Unsupported processor)."]
    with pytest.raises(SettingsError, match="Unsupported processor"):
        choose_backend(small_network("PanopticDeepLab"), SHA, "openvino", 1)


@pytest.mark.parametrize("content", ["", "[]", '{"k": 3}', '{"k": {"torch": "fast"}}'])
def test_mangled_measurements_are_measured_anew(content: str, home: Path) -> None:
    speeds = Speeds()
    speeds.write("other", {"torch": 1.0})
    (exports_folder() / "speeds.json").write_text(content)
    assert speeds.read("k") == {}
    speeds.write("k", {"torch": 1.0, "openvino": 0.5})
    assert speeds.read("k") == {"torch": 1.0, "openvino": 0.5}
    assert json.loads((exports_folder() / "speeds.json").read_text())["k"]["openvino"] == 0.5


def test_auto_can_be_decided_for_a_machine(
    small_network: Make, conversions: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(choice.DEFAULT_VARIABLE, "torch")
    assert choose_backend(small_network(), SHA, "auto", 1)[0].title.startswith("torch")
    assert conversions == []
    monkeypatch.setenv(choice.DEFAULT_VARIABLE, "openvino")
    assert choose_backend(small_network("PanopticDeepLab"), SHA, "auto", 1)[0].title.startswith("openvino")
    assert choose_backend(small_network(), SHA, "torch", 1)[0].title.startswith("torch")
