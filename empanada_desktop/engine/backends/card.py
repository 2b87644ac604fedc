"""What runs a network on a graphics card: torch, in 16 bits where the card is made for it and the network bears it."""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from empanada_desktop.engine.backends.choice import agreement
from empanada_desktop.engine.backends.maps import Backend, TorchBackend, fuse_batch_norms
from empanada_desktop.engine.networks.panoptic import PanopticNetwork

LOOKED_AT_SIDE = 256


class Half(NamedTuple):
    """A 16-bit type: the first compute capability that multiplies faster in it, and how far maps may differ from those
    in 32 bits, as a share of the largest value of each."""

    dtype: torch.dtype
    least: tuple[int, int]
    tolerance: float


# bfloat16 is coarser, but overflows no sooner than 32 bits: for networks whose values are too large for float16.
HALVES = (Half(torch.float16, (7, 0), 0.02), Half(torch.bfloat16, (8, 0), 0.05))


def card_backend(network: PanopticNetwork, device: torch.device) -> tuple[Backend, list[str]]:
    """Choose how a network runs on a graphics card; returns that and notes for the user.

    The network's batch norms are folded in place.
    """
    fuse_batch_norms(network)
    return in_half(network, device, halves_of(device))


def halves_of(device: torch.device) -> list[Half]:
    """Return the 16-bit types that a device is fast with, as far as is known; the finest first."""
    if device.type != "cuda":
        return []
    capability = torch.cuda.get_device_capability(device)
    return [half for half in HALVES if capability >= half.least]


@torch.inference_mode()
def in_half(network: PanopticNetwork, device: torch.device, halves: Sequence[Half]) -> tuple[Backend, list[str]]:
    """Take the first 16-bit type in which a made-up image gives nearly the same maps as in 32; else 32, and say so."""
    full = TorchBackend(network, device)
    if not halves:
        return full, []
    side = max(LOOKED_AT_SIDE, network.config.size_factor)
    image = torch.randn(1, 1, side, side, generator=torch.Generator().manual_seed(0)).to(device)
    expected = full.run(image)
    for half in halves:
        fast = TorchBackend(network, device, half.dtype)
        if agreement(expected, fast.run(image)) <= half.tolerance:
            return fast, []
    return full, ["The network runs in 32 bits: in 16 its results would differ too much."]
