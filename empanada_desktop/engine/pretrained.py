"""Encoder weights from elsewhere as the start of a training."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from empanada_desktop.engine.export import load_network
from empanada_desktop.engine.networks import PanopticNetwork
from empanada_desktop.errors import WeightsError
from empanada_desktop.io.weights import find_weights

CONTAINERS = ("state_dict", "model", "network")
PREFIXES = ("module.encoder_q.", "module.", "encoder_q.", "encoder.", "backbone.")


def start_encoder_from(network: PanopticNetwork, source: str) -> None:
    """Fill the encoder from weights of the library, or from a file of pretrained tensors (`.pth`, tensors only).

    WeightsError when the file is of another encoder; nothing is taken over in part.
    """
    path = Path(source)
    if path.suffix.lower() in (".pth", ".pt", ".tar") and not path.with_suffix(".yaml").exists():
        tensors = _plain_names(_read_tensors(path))
    else:
        tensors = load_network(find_weights(source)).encoder.state_dict()
    wanted = network.encoder.state_dict()
    missing = [n for n, value in wanted.items() if n not in tensors or tensors[n].shape != value.shape]
    if missing:
        raise WeightsError(
            f"{source} does not fit the encoder {network.config.encoder}: {len(missing)} of {len(wanted)} tensors are "
            f"missing or of another size, such as {missing[0]}.",
            "Choose pretrained weights of this encoder, or start without any.",
        )
    network.encoder.load_state_dict({name: tensors[name] for name in wanted})


def _read_tensors(path: Path) -> Mapping[str, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError) as problem:
        raise WeightsError(
            f"{path} cannot be read as tensors.", "Choose a .pth with pretrained encoder weights."
        ) from problem
    for name in CONTAINERS:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
    if not isinstance(content, dict):
        raise WeightsError(f"{path} holds no named tensors.", "Choose a .pth with pretrained encoder weights.")
    return content


def _plain_names(tensors: Mapping[str, Any]) -> dict[str, Tensor]:
    plain = {}
    for name, tensor in tensors.items():
        prefix = next((prefix for prefix in PREFIXES if name.startswith(prefix)), "")
        if isinstance(tensor, Tensor):
            plain[name.removeprefix(prefix)] = tensor
    return plain
