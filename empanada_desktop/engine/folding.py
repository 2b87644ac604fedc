"""Batch norms folded into convolutions, as published weights are, and taken apart again.

Where the published form has a convolution with its batch norm folded in, a trainable network has both. The two forms
also name things differently: a convolution that was joined with the ReLU after it sits one level deeper. Both follow
from the order of a network's modules, so the rule holds for any encoder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import nn

from empanada_desktop.engine.networks.panoptic import PanopticNetwork
from empanada_desktop.engine.networks.panoptic_deeplab import PanopticDeepLab
from empanada_desktop.engine.networks.resnet import BasicBlock, Bottleneck, ResNet

State = dict[str, torch.Tensor]


class Fold(NamedTuple):
    """A convolution, the batch norm that is folded into it (if any), and whether a ReLU was joined to it."""

    conv: str
    batch_norm: str | None
    with_relu: bool


def published_keys(network: PanopticNetwork) -> dict[str, tuple[str, str | None]]:
    """Map each key of the published form to the plain key and the batch norm that it takes part in.

    A folded convolution has a bias, which the plain one lacks: its plain key does not exist, its batch norm does.
    """
    folds = {fold.conv: fold for fold in _folds(network)}
    norms = {fold.batch_norm for fold in folds.values()}
    keys: dict[str, tuple[str, str | None]] = {}
    for key in network.state_dict():
        module, leaf = key.rsplit(".", 1)
        if module in norms:
            continue
        fold = folds.get(module, Fold(module, None, False))
        prefix = module + (".0" if fold.with_relu else "")
        keys[f"{prefix}.{leaf}"] = (key, fold.batch_norm)
        if fold.batch_norm is not None:
            keys[f"{prefix}.bias"] = (f"{module}.bias", fold.batch_norm)
    return keys


def unfold(network: PanopticNetwork, folded: Mapping[str, torch.Tensor]) -> State:
    """Take published tensors apart into a plain state dict: the same outputs, and every batch norm able to train.

    A batch norm gets the convolution's bias, scale 1, mean 0 and a variance of 1 with epsilon. Keys that the network
    does not know are kept, for the caller to complain about.
    """
    keys = published_keys(network)
    plain: State = {}
    for key, tensor in folded.items():
        name, norm = keys.get(key, (key, None))
        if norm is None or name.endswith(".weight"):
            plain[name] = tensor
        else:
            plain |= _neutral_batch_norm(norm, tensor, _epsilon(network, norm))
    return plain


def fold(network: PanopticNetwork) -> State:
    """Fold a network's batch norms into its convolutions as the published form has it."""
    plain = network.state_dict()
    folded: State = {}
    for key, (name, norm) in published_keys(network).items():
        if norm is None:
            folded[key] = plain[name]
        else:
            scale = plain[f"{norm}.weight"] / torch.sqrt(plain[f"{norm}.running_var"] + _epsilon(network, norm))
            shift = plain[f"{norm}.bias"] - plain[f"{norm}.running_mean"] * scale
            folded[key] = shift if name.endswith(".bias") else plain[name] * scale[:, None, None, None]
    return folded


def _neutral_batch_norm(norm: str, bias: torch.Tensor, epsilon: float) -> State:
    return {
        f"{norm}.weight": torch.ones_like(bias),
        f"{norm}.bias": bias,
        f"{norm}.running_mean": torch.zeros_like(bias),
        f"{norm}.running_var": torch.full_like(bias, 1.0 - epsilon),
        f"{norm}.num_batches_tracked": torch.tensor(0),
    }


def _epsilon(network: nn.Module, norm: str) -> float:
    module = network.get_submodule(norm)
    return module.eps if isinstance(module, nn.BatchNorm2d) else 0.0


def _folds(network: PanopticNetwork) -> Iterator[Fold]:
    for part in _folded_parts(network):
        for name, module in network.get_submodule(part).named_modules(prefix=part):
            yield from _folds_of(name, module)


def _folded_parts(network: PanopticNetwork) -> list[str]:
    """The encoder; in DeepLab also the pyramid poolings, the first projections and the point head."""
    if not isinstance(network, PanopticDeepLab):
        return ["encoder"]
    decoders = ["semantic_decoder"] + (["instance_decoder"] if network.instance_decoder is not None else [])
    return ["encoder", *(f"{name}.{part}" for name in decoders for part in ("aspp", "project.0")), "semantic_pr"]


def _folds_of(name: str, module: nn.Module) -> Iterator[Fold]:
    """The convolutions directly in a module that are joined with what comes after them."""
    children = list(module.named_children())
    convs = [i for i, (_, child) in enumerate(children) if isinstance(child, (nn.Conv1d, nn.Conv2d))]
    for i in convs:
        following = [child for _, child in children[i + 1 : i + 3]] + [None, None]
        has_norm = isinstance(following[0], nn.BatchNorm2d)
        norm = f"{name}.{children[i + 1][0]}" if has_norm else None
        with_relu = _has_relu(module, i == convs[-1], following[1 if has_norm else 0])
        if has_norm or with_relu:
            yield Fold(f"{name}.{children[i][0]}", norm, with_relu)


def _has_relu(module: nn.Module, is_last: bool, following: nn.Module | None) -> bool:
    if isinstance(module, (BasicBlock, Bottleneck)):
        # The last one's ReLU comes after the sum with the shortcut.
        return not is_last
    return isinstance(module, ResNet) or (isinstance(module, nn.Sequential) and isinstance(following, nn.ReLU))
