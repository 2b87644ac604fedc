"""From files of weights to networks and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

from empanada_desktop import __version__
from empanada_desktop.engine.folding import State, unfold
from empanada_desktop.engine.networks import PanopticNetwork, build_network
from empanada_desktop.errors import WeightsError
from empanada_desktop.io.weights import (
    Tensors,
    Weights,
    WeightsDescriptor,
    check_name,
    open_weights,
    scan_library,
    sha256_of,
    user_weights_folder,
    write_descriptor,
    write_safetensors,
)

HINT = "Take the weights' files again from where they came."


def load_network(weights: Weights) -> PanopticNetwork:
    """Build the network that weights belong to and fill it, in trainable form, in eval mode, on the processor.

    Published weights are unfolded. WeightsError when the file is damaged, another than described, or does not fit.
    """
    # Without memory at first: no time goes into random numbers, and those of the caller stay as they are.
    with torch.device("meta"):
        network = build_network(weights.descriptor.network)
    network.to_empty(device="cpu")
    tensors = {name: torch.from_numpy(tensor) for name, tensor in weights.read_tensors().items()}
    state = unfold(network, tensors) if weights.folded else tensors
    fill_network(network, state, str(weights.file))
    return network.eval()


def fill_network(network: PanopticNetwork, state: Mapping[str, torch.Tensor], source: str) -> None:
    """Put float tensors of any precision into a network as float32; WeightsError names what is missing or too much."""
    complete = _with_aliases(network, state)
    expected = network.state_dict()
    _refuse([name for name in expected if name not in complete], source, "lacks")
    _refuse([name for name in complete if name not in expected], source, "has, unlike the network,")
    _refuse(
        [n for n, tensor in complete.items() if tensor.shape != expected[n].shape], source, "has the wrong shape of"
    )
    _refuse(
        [n for n, tensor in complete.items() if not bool(torch.isfinite(tensor).all())], source, "has no numbers in"
    )
    network.load_state_dict(complete)


def save_weights(network: nn.Module, descriptor: WeightsDescriptor, folder: Path, half: bool = True) -> Weights:
    """Write `<name>.safetensors` and its descriptor `<name>.yaml` into a folder, replacing earlier ones of that name.

    `half` stores kernels as float16; batch norms and biases stay float32. The descriptor's file and hash are filled in.
    WeightsError when the folder cannot be written to.
    """
    file = folder / f"{check_name(descriptor.name)}.safetensors"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_safetensors(
            file, _stored_tensors(network, half), {"program": "empanada-desktop", "name": descriptor.name}
        )
        complete = descriptor.model_copy(update={"file": file.name, "sha256": sha256_of(file)})
        write_descriptor(file.with_suffix(".yaml"), complete)
    except OSError as problem:
        raise WeightsError(
            f"The weights cannot be written to {folder}: {problem}", "Choose another folder."
        ) from problem
    return Weights(complete, file, "file")


def import_weights(path: Path, name: str | None = None, folder: Path | None = None) -> Weights:
    """Bring weights (.yaml + .pth, .yaml + .safetensors, .empanada) into the user's library in our own form.

    They are loaded completely first, so that nothing broken gets in. `name` replaces the one that they have.
    WeightsError when the library has weights of that name, or the files are damaged, hostile or of another kind.
    """
    weights = open_weights(path)
    descriptor = weights.descriptor.model_copy(update={"name": check_name(name or weights.descriptor.name)})
    if any(descriptor.name == other.descriptor.name for other in scan_library().weights):
        raise WeightsError(f"The library has weights called {descriptor.name} already.", "Give another --name.")
    network = load_network(weights)
    origin = {"imported_from": str(path), "sha256_of_original": sha256_of(weights.file), "imported_by": _program()}
    descriptor = descriptor.model_copy(update={"provenance": {**descriptor.provenance, **origin}})
    saved = save_weights(network, descriptor, folder or user_weights_folder(), half=False)
    return Weights(saved.descriptor, saved.file, "user")


def _program() -> str:
    return f"empanada-desktop {__version__}"


def _aliases(network: nn.Module) -> dict[str, str]:
    """Names of tensors that modules share, each mapped to the first name of the same tensor."""
    first: dict[int, str] = {}
    state = network.state_dict(keep_vars=True)
    return {name: kept for name, tensor in state.items() if (kept := first.setdefault(id(tensor), name)) != name}


def _with_aliases(network: nn.Module, state: Mapping[str, torch.Tensor]) -> State:
    complete = dict(state)
    for name, kept in _aliases(network).items():
        if name not in complete and kept in complete:
            complete[name] = complete[kept]
    return complete


def _stored_tensors(network: nn.Module, half: bool) -> Tensors:
    shared = _aliases(network)
    state = network.state_dict()
    return {name: _stored(tensor, half) for name, tensor in state.items() if name not in shared}


def _stored(tensor: torch.Tensor, half: bool) -> np.ndarray:
    array = tensor.detach().cpu().contiguous().numpy()
    fits = array.ndim > 1 and array.dtype == np.float32 and bool(np.all(np.abs(array) < np.finfo(np.float16).max))
    return array.astype(np.float16) if half and fits else array


def _refuse(names: list[str], source: str, what: str) -> None:
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        raise WeightsError(f"{source} {what} {', '.join(names[:3])}{more}: these are weights of another network.", HINT)
