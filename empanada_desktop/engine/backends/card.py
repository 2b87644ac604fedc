"""What runs a network on a graphics card: torch, in 16 bits where the card is made for it and the network bears it."""

import torch

from empanada_desktop.engine.backends.choice import agreement
from empanada_desktop.engine.backends.maps import Backend, TorchBackend, fuse_batch_norms
from empanada_desktop.engine.networks.panoptic import PanopticNetwork

HALF_TOLERANCE = 0.02  # of the largest value of a map
LOOKED_AT_SIDE = 256
TENSOR_CORES = (7, 0)  # the first compute capability that multiplies in float16 faster


def card_backend(network: PanopticNetwork, device: torch.device) -> tuple[Backend, list[str]]:
    """Choose how a network runs on a graphics card; returns that and notes for the user.

    The network's batch norms are folded in place.
    """
    fuse_batch_norms(network)
    return in_half(network, device, half_of(device))


def half_of(device: torch.device) -> torch.dtype | None:
    """Return the 16-bit type that a device is fast with, None for none that is known."""
    if device.type == "cuda" and torch.cuda.get_device_capability(device) >= TENSOR_CORES:
        return torch.float16
    return None


@torch.inference_mode()
def in_half(network: PanopticNetwork, device: torch.device, half: torch.dtype | None) -> tuple[Backend, list[str]]:
    """Take 16 bits where a made-up image gives nearly the same maps as 32 bits; else 32, and say so."""
    full = TorchBackend(network, device)
    if half is None:
        return full, []
    fast = TorchBackend(network, device, half)
    side = max(LOOKED_AT_SIDE, network.config.size_factor)
    image = torch.randn(1, 1, side, side, generator=torch.Generator().manual_seed(0)).to(device)
    if agreement(full.run(image), fast.run(image)) <= HALF_TOLERANCE:
        return fast, []
    return full, ["The network runs in 32 bits: in 16 its results would differ too much."]
