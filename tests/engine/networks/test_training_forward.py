"""What the losses are given, and that each step runs every head once."""

import sys
from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import nn

from empanada_desktop.engine.networks import PanopticNetwork, build_network
from empanada_desktop.engine.networks.encoders import build_encoder
from empanada_desktop.errors import SettingsError
from empanada_desktop.io.weights import ENCODER_NAMES, NetworkConfig
from empanada_desktop.io.weights.encoders import encoder_widths

Make = Callable[..., PanopticNetwork]
ARCHITECTURES = ("PanopticDeepLab", "PanopticBiFPN")


@pytest.mark.parametrize(("architecture", "n_classes"), list(product(ARCHITECTURES, [1, 3])))
def test_training_gives_full_size_maps_and_points(architecture: str, n_classes: int, small_network: Make) -> None:
    network = small_network(architecture, n_classes=n_classes, training_points=64).train()
    outputs = network(torch.randn(2, 1, 256, 128))
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        "semantic_logits": (2, n_classes, 256, 128),
        "centre_heatmap": (2, 1, 256, 128),
        "offsets": (2, 2, 256, 128),
        "point_logits": (2, n_classes, 64),
        "point_coordinates": (2, 64, 2),
    }
    points = outputs["point_coordinates"]
    assert not points.requires_grad
    assert 0 <= float(points.min()) <= float(points.max()) <= 1
    sum(value.square().mean() for value in outputs.values()).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_validation_forward_has_no_points(small_network: Make) -> None:
    assert set(small_network()(torch.randn(1, 1, 128, 128))) == {"semantic_logits", "centre_heatmap", "offsets"}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_each_step_runs_every_head_and_updates_every_statistic_once(architecture: str, small_network: Make) -> None:
    network = small_network(architecture).train()
    calls: list[nn.Module] = []
    heads = (network.semantic_head, network.ins_center, network.ins_xy)
    for head in heads:
        head.register_forward_hook(lambda module, *_: calls.append(module))
    network(torch.randn(2, 1, 128, 128))
    assert sorted(map(id, calls)) == sorted(map(id, heads))
    for head in heads:
        norm = head.head[0][1]
        assert int(norm.num_batches_tracked) == 1


def test_points_are_drawn_where_the_network_is_in_doubt(small_network: Make) -> None:
    rend = small_network(training_points=400).semantic_pr
    # Sure everywhere but in a strip around x = 1/2.
    x = torch.linspace(-1, 1, 64).expand(1, 1, 64, 64)
    torch.manual_seed(0)
    _, points = rend(20 * x, torch.zeros(1, 8, 64, 64))
    share_in_strip = float((abs(points[0, :, 0] - 0.5) < 0.15).float().mean())
    assert share_in_strip > 0.75
    assert len(points[0].unique(dim=0)) == 400


def test_refining_only_touches_the_most_uncertain_pixels(small_network: Make) -> None:
    network = small_network(subdivision_points=10)
    coarse, features = torch.randn(1, 1, 32, 32), torch.randn(1, 8, 32, 32)
    with torch.inference_mode():
        smooth = nn.functional.interpolate(coarse, scale_factor=2.0, mode="bilinear", align_corners=False)
        changed = network.semantic_pr.refine(coarse, features, 1) != smooth
    assert int(changed.sum()) == 10
    assert float(smooth[changed].abs().max()) <= float(smooth[~changed].abs().min())


ENCODERS = [("PanopticDeepLab", name) for name in ENCODER_NAMES]
ENCODERS += [("PanopticBiFPN", "resnet34"), ("PanopticBiFPN", "regnety_200mf")]


@pytest.mark.parametrize(("architecture", "name"), ENCODERS)
def test_every_encoder_fits(architecture: str, name: str) -> None:
    with torch.device("meta"):
        network = build_network(NetworkConfig(encoder=name, architecture=architecture, decoder_channels=32)).train()
        outputs = network(torch.empty(2, 1, 128, 128))
        maps = network.encoder(torch.empty(2, 1, 128, 128))
    assert outputs["semantic_logits"].shape == (2, 1, 128, 128)
    assert [m.shape[1] for m in maps[1:]] == network.encoder.widths == encoder_widths(name)
    strides = [128 // m.shape[-1] for m in maps[1:]]
    assert strides == ([4, 8, 16, 16] if architecture == "PanopticDeepLab" else [4, 8, 16, 32])


def test_decoders_can_be_shared(small_network: Make) -> None:
    for architecture in ARCHITECTURES:
        both = small_network(architecture)
        shared = small_network(architecture, instance_decoder=False)
        assert sum(p.numel() for p in shared.parameters()) < sum(p.numel() for p in both.parameters())
        assert shared.predict(torch.randn(1, 1, 128, 128))["offsets"].shape == (1, 2, 32, 32)


def test_channels_last_gives_the_same(small_network: Make) -> None:
    image = torch.randn(1, 1, 128, 256)
    plain = small_network().predict(image)
    last = small_network().to(memory_format=torch.channels_last)
    quick = last.predict(image.contiguous(memory_format=torch.channels_last))
    for name, value in plain.items():
        assert torch.allclose(value, quick[name], rtol=1e-4, atol=1e-4 * float(value.abs().max()))


def test_an_unknown_encoder_is_a_plain_error() -> None:
    with pytest.raises(SettingsError, match="no encoder called 'vgg'"):
        build_encoder("vgg")
    with pytest.raises(SettingsError, match="ResNets only"):
        build_encoder("regnety_200mf", channels=32)
    with pytest.raises(ValueError, match="no encoder 'vgg'"):
        NetworkConfig(encoder="vgg")


@pytest.mark.parametrize(
    ("architecture", "encoder"), [("PanopticDeepLab", "resnet18"), ("PanopticBiFPN", "regnety_200mf")]
)
def test_a_network_without_memory_is_built_without_torchs_compiler(
    architecture: str, encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights are loaded into one; to draw numbers for it, torch would load its compiler, for seconds."""
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)  # it cannot be imported
    with torch.device("meta"):
        network = build_network(NetworkConfig(architecture=architecture, encoder=encoder))
    assert all(parameter.is_meta for parameter in network.parameters())
