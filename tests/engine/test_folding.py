"""Batch norms folded and taken apart: the rule, and that outputs stay the same."""

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
import torch

from empanada_desktop.engine.folding import fold, published_keys, unfold
from empanada_desktop.engine.networks import PanopticNetwork, build_network
from empanada_desktop.io.weights import NetworkConfig
from empanada_desktop.io.weights.published import infer_network

GOLDENS = Path(__file__).parents[1] / "data" / "goldens"
Make = Callable[..., PanopticNetwork]
CONFIGS = [
    {},
    {"architecture": "PanopticBiFPN"},
    {"encoder": "resnet101", "n_classes": 4, "low_level_stages": (3, 2, 1), "low_level_channels": (128, 64, 32)},
    {"encoder": "resnet18", "encoder_channels": 16, "decoder_channels": 64, "aspp_channels": 96},
    {"encoder": "regnetx_6p4gf", "stage4_stride": 32, "instance_decoder": False, "point_layers": 2},
    {"encoder": "regnety_6p4gf", "architecture": "PanopticBiFPN", "fpn_depthwise": False, "n_classes": 3},
    {"encoder": "resnet34", "architecture": "PanopticBiFPN", "fpn_channels": 64, "fpn_layers": 2},
]


@pytest.mark.parametrize(("short", "architecture"), [("pdl", "PanopticDeepLab"), ("bifpn", "PanopticBiFPN")])
def test_the_rule_reproduces_the_published_key_maps(short: str, architecture: str) -> None:
    with torch.device("meta"):
        network = build_network(NetworkConfig(architecture=architecture))
    listed = json.loads((GOLDENS / f"keymap_fused_to_plain_{short}.json").read_text())
    keys = published_keys(network)
    assert {key: list(value) for key, value in keys.items()} == listed
    assert list(keys) == list(listed)


@pytest.mark.parametrize(
    ("architecture", "encoder"),
    [
        *product(["PanopticDeepLab", "PanopticBiFPN"], ["resnet18", "resnet50", "regnety_200mf"]),
        ("PanopticDeepLab", "regnety_8gf"),
    ],
)
def test_unfolding_what_was_folded_predicts_the_same(architecture: str, encoder: str, small_network: Make) -> None:
    channels = 64 if encoder.startswith("reg") else 8
    network = small_network(architecture, encoder=encoder, encoder_channels=channels).double()
    image = torch.randn(1, 1, 128, 128, dtype=torch.float64)
    wanted = network.predict(image)
    folded = fold(network)
    assert not any("encoder" in key and "running" in key for key in folded)
    network.load_state_dict(unfold(network, folded))
    for name, value in network.predict(image).items():
        assert torch.allclose(value, wanted[name], rtol=0, atol=1e-7 * float(wanted[name].abs().max()))


@pytest.mark.parametrize("values", CONFIGS, ids=str)
def test_the_network_is_told_from_its_tensors(values: dict[str, object]) -> None:
    config = NetworkConfig.model_validate(values)
    with torch.device("meta"):
        network = build_network(config)
    for state in (network.state_dict(), fold(network)):
        assert infer_network({name: tuple(tensor.shape) for name, tensor in state.items()}) == config
