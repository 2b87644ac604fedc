"""The named stage and deeper train, decoders and heads always, and nothing else."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from empanada_desktop.engine.folding import fold, unfold
from empanada_desktop.engine.networks import PanopticNetwork, set_trainable
from empanada_desktop.errors import SettingsError

Make = Callable[..., PanopticNetwork]
ENCODERS = [{"encoder": "resnet18"}, {"encoder": "regnety_200mf", "encoder_channels": 64}]
CHOICES = {"none": 4, "stage4": 3, "stage3": 2, "stage2": 1, "stage1": 0, "all": -1}


def train_one_step(network: PanopticNetwork) -> set[str]:
    """Returns the names of the parameters and statistics that a step changed."""
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trainable, lr=1e-3)
    torch.manual_seed(0)
    outputs = network.train()(torch.randn(2, 1, 128, 128))
    sum(output.square().mean() for output in outputs.values()).backward()
    optimiser.step()
    return {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}


@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda encoder: encoder["encoder"])
@pytest.mark.parametrize("choice", CHOICES)
def test_the_named_stage_and_deeper_train(encoder: dict[str, object], choice: str, small_network: Make) -> None:
    network = small_network("PanopticDeepLab", **encoder)
    set_trainable(network, choice)
    changed = train_one_step(network)
    prefixes = [f"encoder.{name}." for name in (*network.encoder.stem_names, *network.encoder.stage_names)]
    first = CHOICES[choice] + len(network.encoder.stem_names) if choice != "all" else 0
    for i, prefix in enumerate(prefixes):
        parts = {name for name in network.state_dict() if name.startswith(prefix)}
        assert parts
        assert changed & parts == (parts if i >= first else set()), prefix
    outside = {name for name in network.state_dict() if not name.startswith("encoder.")}
    assert outside <= changed


def test_frozen_batch_norms_stay_in_eval_mode(small_network: Make) -> None:
    network = small_network()
    set_trainable(network, "stage4")
    norms = {name: m for name, m in network.train().named_modules() if isinstance(m, nn.BatchNorm2d)}
    frozen = {name for name in norms if name.startswith("encoder.") and ".layer4." not in name}
    assert {name for name, norm in norms.items() if not norm.training} == frozen
    set_trainable(network, "all")
    assert all(norm.training for norm in norms.values())


@pytest.mark.parametrize("architecture", ["PanopticBiFPN", "PanopticDeepLab"])
def test_what_came_folded_trains_again(architecture: str, small_network: Make) -> None:
    network = small_network(architecture)
    network.load_state_dict(unfold(network, fold(network)))
    set_trainable(network, "all")
    assert train_one_step(network) == set(network.state_dict())


def test_an_unknown_choice_is_a_plain_error(small_network: Make) -> None:
    with pytest.raises(SettingsError, match="no finetunable layers 'stage5'"):
        set_trainable(small_network(), "stage5")
