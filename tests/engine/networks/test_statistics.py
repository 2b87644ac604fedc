"""Unfolded batch norms get statistics of real images without changing what the network predicts."""

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch

from empanada_desktop.engine.folding import fold, unfold
from empanada_desktop.engine.networks import PanopticNetwork, settle_batch_norms

Make = Callable[..., PanopticNetwork]


@torch.no_grad()
def centres(network: PanopticNetwork, images: torch.Tensor, train_encoder: bool) -> torch.Tensor:
    copy = deepcopy(network).eval()
    copy.encoder.train(train_encoder)
    return copy(images)["centre_heatmap"]


@pytest.mark.parametrize(("architecture", "n_unfolded"), [("PanopticDeepLab", 20 + 2 * 6), ("PanopticBiFPN", 20)])
def test_training_starts_where_prediction_left_off(architecture: str, n_unfolded: int, small_network: Make) -> None:
    network = small_network(architecture)
    network.load_state_dict(unfold(network, fold(network)))
    images = torch.randn(4, 1, 128, 128)
    wanted = centres(network, images, False)

    def distance(train_encoder: bool) -> float:
        return float((centres(network, images, train_encoder) - wanted).abs().max() / wanted.abs().max())

    assert distance(True) > 0.1
    assert settle_batch_norms(network, images.split(2)) == n_unfolded
    assert distance(False) < 1e-4
    assert distance(True) < 1e-3


def test_networks_with_statistics_of_their_own_are_left_alone(small_network: Make) -> None:
    network = small_network()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert settle_batch_norms(network, [torch.randn(2, 1, 128, 128)]) == 0
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
