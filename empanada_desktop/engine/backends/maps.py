"""The door between a network and what runs it: a normalised image in, four maps at a quarter of its side out."""

from itertools import pairwise
from typing import NamedTuple, Protocol

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from empanada_desktop.engine.networks.panoptic import PanopticNetwork

Convolution = (nn.Conv2d, nn.ConvTranspose2d)


class Maps(NamedTuple):
    """A network's maps before PointRend, all float32 (1, channels, H / 4, W / 4).

    semantic: coarse logits of each class. features: what PointRend looks at. heatmap: 1 channel. offsets: 2, y and x.
    """

    semantic: torch.Tensor
    features: torch.Tensor
    heatmap: torch.Tensor
    offsets: torch.Tensor


class Backend(Protocol):
    """Runs one network."""

    @property
    def title(self) -> str:
        """Name, version and precision, as a recipe tells them."""

    def run(self, images: torch.Tensor) -> Maps:
        """Run on images (1, 1, H, W), normalised and padded. `semantic` and `features` hold until the next run."""


class MapsNetwork(nn.Module):
    """A network up to where PointRend begins: the part that back ends exchange."""

    def __init__(self, network: PanopticNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """(1, 1, H, W) to the four maps."""
        network = self.network
        semantic, instance = network.decode(network.encoder(images))
        return network.semantic_head(semantic), semantic, network.ins_center(instance), network.ins_xy(instance)


class TorchBackend:
    """The network as it is, on any device; with `half`, its arithmetic is done in that type where that is safe."""

    def __init__(self, network: PanopticNetwork, device: torch.device, half: torch.dtype | None = None) -> None:
        self.device = device
        self.half = half
        moved = network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._network = MapsNetwork(moved).eval()

    @property
    def title(self) -> str:
        """Name, version and precision."""
        precision = str(self.half or torch.float32).removeprefix("torch.")
        return f"torch {torch.__version__}, {precision}, {self.device.type}"

    def run(self, images: torch.Tensor) -> Maps:
        """Run on images (N, 1, H, W)."""
        images = images.contiguous(memory_format=torch.channels_last)
        if self.half is None:
            return Maps(*self._network(images))
        with torch.autocast(self.device.type, self.half):
            maps = self._network(images)
        return Maps(*(each.float() for each in maps))


def fuse_batch_norms(network: nn.Module) -> None:
    """Fold every batch norm into the convolution before it, in place: faster, and good for inference only."""
    for module in list(network.modules()):
        children = list(module.named_children())
        for (name, child), (norm_name, norm) in pairwise(children):
            if isinstance(norm, nn.BatchNorm2d):
                _fuse(module, name, child, norm_name, norm)


def _fuse(module: nn.Module, name: str, child: nn.Module, norm_name: str, norm: nn.BatchNorm2d) -> None:
    # Within a separable convolution it is the last of the two that the norm follows.
    path, convolution = [item for item in child.named_modules(prefix=name) if isinstance(item[1], Convolution)][-1]
    owner, _, leaf = path.rpartition(".")
    fused = fuse_conv_bn_eval(convolution, norm, transpose=isinstance(convolution, nn.ConvTranspose2d))
    module.get_submodule(owner)._modules[leaf] = fused
    module._modules[norm_name] = nn.Identity()
