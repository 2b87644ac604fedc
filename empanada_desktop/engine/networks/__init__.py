"""The networks. In: a NetworkConfig. Out: a trainable module with a training forward and `.predict`, weights fresh."""

from __future__ import annotations

from empanada_desktop.engine.networks.freezing import FinetunableLayers, set_trainable
from empanada_desktop.engine.networks.panoptic import PanopticNetwork
from empanada_desktop.engine.networks.panoptic_bifpn import PanopticBiFPN
from empanada_desktop.engine.networks.panoptic_deeplab import PanopticDeepLab
from empanada_desktop.engine.networks.statistics import settle_batch_norms
from empanada_desktop.io.weights import NetworkConfig

__all__ = [
    "FinetunableLayers",
    "PanopticBiFPN",
    "PanopticDeepLab",
    "PanopticNetwork",
    "build_network",
    "set_trainable",
    "settle_batch_norms",
]


def build_network(config: NetworkConfig) -> PanopticNetwork:
    """Make the network that a config describes, with fresh parameters; SettingsError for an unknown encoder."""
    if config.architecture == "PanopticDeepLab":
        return PanopticDeepLab(config)
    return PanopticBiFPN(config)
