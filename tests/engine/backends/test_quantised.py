"""Weights in 8 bits: what is rounded, what is measured, what is kept, and when it is refused."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from empanada_desktop.core.context import QuietContext
from empanada_desktop.engine import quantised_weights
from empanada_desktop.engine.backends import TorchBackend
from empanada_desktop.engine.backends.choice import agreement
from empanada_desktop.engine.backends.maps import fuse_batch_norms
from empanada_desktop.engine.backends.openvino_runtime import OpenVinoBackend, to_graph
from empanada_desktop.engine.backends.quantised import LEAST_F1, QuantisedFacts, quantised_folder
from empanada_desktop.engine.backends.quantising import quantise
from empanada_desktop.engine.export import load_network
from empanada_desktop.engine.networks import PanopticNetwork
from empanada_desktop.engine.plane import PLANE_DIVISOR, PlaneSettings
from empanada_desktop.engine.predictor import Predictor
from empanada_desktop.engine.quantised_weights import Comparison, Material, quantise_weights
from empanada_desktop.errors import AppError, SettingsError
from empanada_desktop.io.weights import Weights, find_weights
from empanada_desktop.settings import HOME_VARIABLE, resources_folder
from empanada_desktop.tasks import quantise as task

Make = Callable[..., PanopticNetwork]
SAMPLE = resources_folder() / "sample" / "medulla.tif"


def roundings(graph: object) -> tuple[int, list[str]]:
    """Count the kernels stored in 8 bits, and name the convolutions whose kernel is not."""
    kinds = Counter(str(node.get_element_type()) for node in graph.get_ops() if node.get_type_name() == "Constant")  # type: ignore[attr-defined]
    full = [
        node.get_friendly_name()
        for node in graph.get_ordered_ops()  # type: ignore[attr-defined]
        if "Convolution" in node.get_type_name()
        and node.input(1).get_source_output().get_node().get_type_name() == "Constant"
    ]
    return sum(count for kind, count in kinds.items() if "int8" in kind), full


@pytest.mark.parametrize("architecture", ["PanopticDeepLab", "PanopticBiFPN"])
def test_all_but_the_first_convolution_and_the_heads_is_rounded(architecture: str, small_network: Make) -> None:
    network = small_network(architecture)
    fuse_batch_norms(network)
    images = torch.randn(2, 1, 1, 128, 128)
    with torch.inference_mode():
        wanted = TorchBackend(network, torch.device("cpu")).run(images[0])
        graphs = {decoders: quantise(network, images, decoders, 1) for decoders in (True, False)}
        counts = {decoders: roundings(graph) for decoders, graph in graphs.items()}
        assert all(
            "conv1" in name or any(head in name for head in ("semantic_head", "ins_center", "ins_xy"))
            for name in counts[True][1]
        )
        assert 0 < counts[False][0] < counts[True][0]
        errors = {
            decoders: agreement(wanted, OpenVinoBackend(graph, 1, "int8").run(images[0]))
            for decoders, graph in graphs.items()
        }
    assert 1e-3 < errors[True] < 0.5  # 8 bits can be seen in random networks, and are no noise
    assert 1e-3 < errors[False] < 0.5


@pytest.fixture(scope="module")
def quantised_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Quantise the bundled weights on two planes of the sample, into a user's folder of their own."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(HOME_VARIABLE, str(folder))
        found = task.run(task.Inputs(volume=str(SAMPLE)), task.Params(planes=2, threads=1), QuietContext())
        assert found.lines()[1] == "Use it with --use-quantised."
    return folder


@pytest.fixture
def quantised(quantised_home: Path, home: Path) -> QuantisedFacts:
    """A copy of that folder, for a test to spoil."""
    shutil.copytree(quantised_home, home)
    facts = QuantisedFacts.read(quantised_folder(find_weights("MitoStarter_v1")))
    assert facts is not None
    return facts


def test_the_bundled_weights_in_8_bits_find_what_they_find_in_32(quantised: QuantisedFacts) -> None:
    weights = find_weights("MitoStarter_v1")
    assert quantised.f1 >= LEAST_F1
    assert quantised.objects >= 5
    assert (quantised.weights_sha256, quantised.encoder_only) == (weights.descriptor.sha256, False)
    runs = Predictor.from_weights(weights, threads=1, use_quantised=True)
    assert "int8" in runs.ran_with
    plane = np.random.default_rng(0).random((150, 131), dtype=np.float32)
    assert runs.predict(plane, fine_boundaries=True).heatmap.shape == (160, 144)
    size = (quantised_folder(weights) / "graph.bin").stat().st_size
    assert size < 0.3 * 4 * sum(tensor.size for tensor in weights.read_tensors().values())


def test_what_is_not_there_or_not_good_or_damaged_is_refused(quantised: QuantisedFacts) -> None:
    weights = find_weights("MitoStarter_v1")
    folder = quantised_folder(weights)

    def refusal() -> str:
        with pytest.raises(SettingsError) as caught:
            Predictor.from_weights(weights, threads=1, use_quantised=True)
        return caught.value.message

    def write(**changes: object) -> None:
        (folder / "facts.json").write_text(json.dumps({**quantised.model_dump(), **changes}))

    write(f1=0.9)
    assert "finds other objects than the full one: F1 0.90" in refusal()
    write(weights_sha256="0" * 64)
    assert "made of another file" in refusal()
    write(volume="changed")
    assert "is damaged" in refusal()
    (folder / "facts.json").write_text("{}")
    assert "There is no quantised form of MitoStarter_v1 yet." in refusal()


def _from_weights_with_torch(weights: Weights, use_gpu: bool, threads: int) -> Predictor:
    norms = {"mean": weights.descriptor.mean, "std": weights.descriptor.std}
    return Predictor(load_network(weights), **norms, padding_factor=128, device=torch.device("cpu"))


def material(planes: list[int]) -> Material:
    draw = np.random.default_rng(0)
    return Material(
        "noise", lambda _: draw.random((128, 128), dtype=np.float32), planes, planes, PlaneSettings(frozenset({1}))
    )


def test_the_decoders_stay_in_32_bits_where_that_helps(small_network: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantised_weights, "_calibrated", lambda *_: to_graph(small_network("PanopticDeepLab")))
    monkeypatch.setattr(quantised_weights.Predictor, "from_weights", _from_weights_with_torch)
    answers = [Comparison(0.9, 10, 2.5), Comparison(0.98, 10, 2.0)]
    monkeypatch.setattr(quantised_weights, "compare", lambda *_: answers.pop(0))
    facts = quantise_weights(find_weights("MitoStarter_v1"), material([0]), 1, QuietContext())
    assert (facts.encoder_only, facts.f1, facts.speed) == (True, 0.98, 2.0)


def test_planes_without_objects_say_nothing_about_weights() -> None:
    with pytest.raises(AppError, match="hold no objects"):
        quantised_weights._judged({}, [(1.0, 0.5)])


def test_the_worst_class_counts_objects_or_pixels() -> None:
    wanted = np.zeros((40, 40), np.uint32)
    got = wanted.copy()
    wanted[:10, :10], wanted[20:30, :10], wanted[:, 30:] = PLANE_DIVISOR + 1, PLANE_DIVISOR + 2, 2 * PLANE_DIVISOR
    got[:10, :9], got[:, 30:] = PLANE_DIVISOR + 1, 2 * PLANE_DIVISOR
    tallies = dict(quantised_weights._tallies(wanted, got, frozenset({1})))
    assert {number: tally.tolist() for number, tally in tallies.items()} == {1: [1, 0, 1, 2], 2: [400, 0, 0, 400]}
    assert quantised_weights._judged(tallies, [(2.0, 1.0)]).f1 == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("n_planes", "wanted", "places"),
    [(1, 8, ([0], [0])), (2, 8, ([0], [1])), (9, 2, ([0, 5], [3, 8])), (100, 1, ([0], [99]))],
)
def test_planes_to_calibrate_and_to_compare_take_turns(
    n_planes: int, wanted: int, places: tuple[list[int], list[int]]
) -> None:
    assert task.sampled(n_planes, wanted) == places


def test_graphs_are_for_all_sizes(small_network: Make) -> None:
    network = small_network("PanopticDeepLab")
    runs = OpenVinoBackend(to_graph(network), 1)
    assert [tuple(runs.run(torch.zeros(1, 1, *size)).features.shape[2:]) for size in ((16, 48), (160, 32))] == [
        (4, 12),
        (40, 8),
    ]
