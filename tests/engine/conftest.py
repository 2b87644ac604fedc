"""Networks filled like the goldens, and files that look like published ones."""

import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from empanada_desktop.engine.folding import fold
from empanada_desktop.engine.networks import PanopticNetwork, build_network
from empanada_desktop.io.weights import NetworkConfig

GOLDENS = Path(__file__).parents[1] / "data" / "goldens"
SMALL = {"encoder": "resnet18", "encoder_channels": 8, "decoder_channels": 8, "fpn_channels": 8, "fpn_layers": 1}


def golden_values(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The value of a parameter in the goldens' networks: it depends on its name and shape only."""
    normal = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode()))).standard_normal(shape)
    leaf = name.rpartition(".")[2]
    if leaf in ("running_mean", "bias"):
        return 0.1 * normal
    if leaf == "running_var":
        return 1 + 0.1 * np.abs(normal)
    if leaf == "weights" or len(shape) == 1:
        return 1 + 0.1 * normal
    return np.sqrt(2 / np.prod(shape[1:])) * normal


def fill_like_goldens(network: nn.Module) -> None:
    """Fill in the order of sorted names: modules that share parameters keep the last."""
    state = network.state_dict()
    for name in sorted(state):
        tracked = name.endswith("num_batches_tracked")
        values = np.zeros(()) if tracked else golden_values(name, tuple(state[name].shape))
        state[name].copy_(torch.from_numpy(np.asarray(values)))


class Holder(nn.Module):
    """A module of a scripted file: it holds tensors, and some other things as real files do."""

    def __init__(self) -> None:
        super().__init__()
        self.rates = [2, 4, 6]
        self.ratio = 0.75

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def module_tree(state: Mapping[str, torch.Tensor]) -> nn.Module:
    root = Holder()
    for name, tensor in state.items():
        *folders, leaf = name.split(".")
        module: nn.Module = root
        for folder in folders:
            if folder not in module._modules:
                module.add_module(folder, Holder())
            module = module.get_submodule(folder)
        if leaf.startswith(("running", "num")):
            module.register_buffer(leaf, tensor.clone())
        else:
            module.register_parameter(leaf, nn.Parameter(tensor.detach().clone()))
    return root


def published_yaml(name: str, **changes: object) -> dict[str, object]:
    return {
        "class_names": {1: "mito"},
        "labels": [1],
        "thing_list": [1],
        "model": f"https://zenodo.org/record/1/files/{name}.pth?download=1",
        "model_quantized": None,
        "padding_factor": 128,
        "norms": {"mean": 0.57571, "std": 0.12765},
        "description": "Made\nfor a test.",
        "FINETUNE": {"engine_params": {"label_divisor": 2000}},
        **changes,
    }


@pytest.fixture(scope="session")
def golden_network() -> Callable[..., PanopticNetwork]:
    """Make the network that the goldens were computed with."""
    made: dict[NetworkConfig, PanopticNetwork] = {}

    def make(architecture: str, n_classes: int = 1) -> PanopticNetwork:
        config = NetworkConfig(architecture=architecture, n_classes=n_classes)
        if config not in made:
            made[config] = build_network(config).eval()
            fill_like_goldens(made[config])
        return made[config]

    return make


@pytest.fixture(scope="session")
def golden_images() -> dict[str, torch.Tensor]:
    """The goldens' images, normalised as published weights want it."""
    with np.load(GOLDENS / "images.npz") as images:
        return {
            name: torch.from_numpy((images[name].astype(np.float32) / 255 - 0.57571) / 0.12765).float()[None, None]
            for name in ("A", "B")
        }


@pytest.fixture(scope="session")
def small_network() -> Callable[..., PanopticNetwork]:
    """Make a network that is small enough to train and save in no time."""

    def make(architecture: str = "PanopticBiFPN", **changes: object) -> PanopticNetwork:
        torch.manual_seed(0)
        network = build_network(NetworkConfig.model_validate({**SMALL, "architecture": architecture, **changes}))
        fill_like_goldens(network)
        return network.eval()

    return make


@pytest.fixture(scope="session")
def publish() -> Callable[..., Path]:
    """Write a network as published ones are: folded, scripted, and described by a .yaml; returns the .yaml."""

    def write(network: PanopticNetwork, folder: Path, name: str = "Published", **changes: object) -> Path:
        scripted = torch.jit.script(module_tree(fold(network)))
        torch.jit.save(scripted, str(folder / f"{name}.pth"))
        described = folder / f"{name}.yaml"
        described.write_text(yaml.safe_dump(published_yaml(name, **changes)), "utf-8")
        return described

    return write
