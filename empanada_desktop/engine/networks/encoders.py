"""Encoders by name."""

from __future__ import annotations

from empanada_desktop.engine.networks.regnet import RegNet
from empanada_desktop.engine.networks.resnet import ResNet
from empanada_desktop.errors import SettingsError
from empanada_desktop.io.weights.encoders import ENCODER_NAMES, RESNET_STEM, RESNETS

Encoder = ResNet | RegNet


def build_encoder(name: str, channels: int = RESNET_STEM, output_stride: int = 32) -> Encoder:
    """Make an encoder for one grey channel with fresh parameters.

    `channels` is the width of a ResNet's stem and scales all its stages. `output_stride` (16 or 32) is the number of
    image pixels per pixel of the deepest map. SettingsError for a name that is not in ENCODER_NAMES.
    """
    if name in RESNETS:
        return ResNet(name, channels, output_stride)
    if name not in ENCODER_NAMES:
        raise SettingsError(f"There is no encoder called {name!r}.", f"Choose one of {', '.join(ENCODER_NAMES)}.")
    if channels != RESNET_STEM:
        raise SettingsError("The encoder's channels can be chosen for ResNets only.", "Leave encoder_channels at 64.")
    return RegNet(name, output_stride)
