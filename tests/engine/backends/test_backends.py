"""What OpenVINO says against what torch says, through the door that everything else uses."""

import copy
import gc
import subprocess
import sys
import weakref
from collections.abc import Callable

import numpy as np
import pytest
import torch

from empanada_desktop.engine.backends import TorchBackend, choose_backend
from empanada_desktop.engine.backends.choice import TOLERANCE, agreement
from empanada_desktop.engine.backends.maps import fuse_batch_norms
from empanada_desktop.engine.networks import PanopticNetwork
from empanada_desktop.engine.predictor import PlaneOutputs, Predictor

Make = Callable[..., PanopticNetwork]
NETWORKS = [
    ("PanopticDeepLab", {}),
    ("PanopticDeepLab", {"n_classes": 3, "stage4_stride": 32, "instance_decoder": False}),
    ("PanopticDeepLab", {"encoder": "regnety_200mf", "encoder_channels": 64}),
    ("PanopticBiFPN", {}),
    ("PanopticBiFPN", {"n_classes": 4, "encoder": "resnet50", "fpn_layers": 2, "fpn_depthwise": False}),
]
CPU = torch.device("cpu")


def predictor(network: PanopticNetwork, backend: str, sha256: str = "0" * 64) -> Predictor:
    network = copy.deepcopy(network)
    runs = choose_backend(network, sha256, backend, threads=1)[0]
    return Predictor(network, mean=0.5, std=0.2, padding_factor=128, device=CPU, backend=runs)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    assert one.shape == other.shape
    return float(np.abs(one - other).max() / np.abs(one).max())


@pytest.mark.parametrize(("architecture", "changes"), NETWORKS, ids=lambda value: str(value))
def test_openvino_says_the_same_as_torch(architecture: str, changes: dict[str, object], small_network: Make) -> None:
    network = small_network(architecture, **changes)
    ours, theirs = predictor(network, "openvino"), predictor(network, "torch")
    assert ours.ran_with.startswith("openvino")
    assert theirs.ran_with.startswith("torch")
    draw = np.random.default_rng(1)
    for shape, downsampling, fine in (((128, 128), 1, False), ((131, 250), 1, True), ((400, 301), 2, False)):
        plane = draw.random(shape, dtype=np.float32)
        one, other = (run.predict(plane, downsampling, fine) for run in (theirs, ours))
        assert difference(one.heatmap, other.heatmap) <= TOLERANCE
        assert difference(one.offsets, other.offsets) <= TOLERANCE
        # Where PointRend's order of doubt is a tie, single pixels may be refined in another step.
        assert one.semantic.shape == other.semantic.shape == (max(1, network.config.n_classes), *shape)
        assert np.count_nonzero(np.abs(one.semantic - other.semantic) > 1e-3) <= 8


@pytest.mark.parametrize("architecture", ["PanopticDeepLab", "PanopticBiFPN"])
def test_logits_agree_before_probabilities_hide_them(architecture: str, small_network: Make) -> None:
    network = small_network(architecture, n_classes=3)
    theirs = TorchBackend(copy.deepcopy(network), CPU)
    ours = choose_backend(network, "1" * 64, "openvino", threads=1)[0]
    images = torch.randn(1, 1, 256, 384)
    with torch.inference_mode():
        assert agreement(theirs.run(images), ours.run(images)) <= TOLERANCE


def test_outputs_stay_what_they_were_when_the_next_plane_comes(small_network: Make) -> None:
    runs = predictor(small_network(), "openvino")
    planes = np.random.default_rng(0).random((2, 128, 128), dtype=np.float32)
    first = runs.predict(planes[0])
    copies = PlaneOutputs(first.semantic.copy(), first.heatmap.copy(), first.offsets.copy(), 4, 1)
    runs.predict(planes[1])
    for name in ("semantic", "heatmap", "offsets"):
        assert np.array_equal(getattr(first, name), getattr(copies, name)), name


@pytest.mark.parametrize("encoder", ["resnet18", "resnet50", "regnety_200mf"])
@pytest.mark.parametrize("architecture", ["PanopticDeepLab", "PanopticBiFPN"])
def test_folding_in_place_leaves_no_batch_norm_and_the_same_maps(
    architecture: str, encoder: str, small_network: Make
) -> None:
    channels = 64 if encoder.startswith("reg") else 8
    network = small_network(architecture, encoder=encoder, encoder_channels=channels).double()
    images = torch.randn(1, 1, 128, 128, dtype=torch.float64)
    with torch.inference_mode():
        wanted = TorchBackend(copy.deepcopy(network), CPU).run(images)
        fuse_batch_norms(network)
        assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
        assert agreement(wanted, TorchBackend(network, CPU).run(images)) <= 1e-9


def test_a_predictor_on_openvino_holds_neither_the_network_nor_its_graph_longer_than_needed(
    small_network: Make,
) -> None:
    network = small_network()
    runs = choose_backend(network, "2" * 64, "openvino", threads=1)[0]
    made = Predictor(network, mean=0.5, std=0.2, padding_factor=128, device=CPU, backend=runs)
    encoder, backend = weakref.ref(network.encoder), weakref.ref(runs)
    del network, runs
    gc.collect()
    assert encoder() is None
    assert backend() is not None
    del made
    gc.collect()
    assert backend() is None


def test_openvino_loads_without_the_package_that_reports_to_its_maker() -> None:
    code = (
        "import socket, sys\n"
        "def refuse(*_, **__): raise AssertionError('somebody is called')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from empanada_desktop.engine.backends.openvino_runtime import load_openvino\n"
        "load_openvino()\n"
        "print(sorted(n for n, m in sys.modules.items() if n.startswith('openvino_telemetry') and m is not None))"
    )
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.strip() == "[]"
