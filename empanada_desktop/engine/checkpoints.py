"""Checkpoints of a training run: everything that is needed to go on as if nothing had happened."""

import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from empanada_desktop.errors import WeightsError

State = dict[str, Tensor]


@dataclass
class Progress:
    """Where a run stands; scores are those of the validation, `best_step` is -1 before the first one."""

    step: int = 0
    seconds: float = 0.0
    validated: int = 0
    best_score: float = -1.0
    best_step: int = -1
    start_score: float = -1.0
    rows: list[dict[str, float]] = field(default_factory=list)


def write_atomically(path: Path, content: object) -> None:
    """Save with torch beside `path`, then rename, so that a crash leaves the old file or the new one."""
    unfinished = path.with_name(path.name + ".part")
    torch.save(content, unfinished)
    unfinished.replace(path)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint's tensors and numbers, never code; WeightsError when the file is damaged or of another kind."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError) as problem:
        raise WeightsError(
            f"The checkpoint {path} cannot be read.", "Delete it to start the training over, or restore a copy."
        ) from problem
    if not isinstance(content, dict) or "network" not in content or "progress" not in content:
        raise WeightsError(f"{path} is not a checkpoint of this program.", "Choose the folder of another run.")
    return content


class MovingAverage:
    """Exponential average of a network's weights and statistics, short at first: min(decay, (1 + n) / (10 + n))."""

    def __init__(self, network: torch.nn.Module, decay: float) -> None:
        self.decay = decay
        self.state: State = {name: value.detach().clone() for name, value in network.state_dict().items()}
        self.count = 0

    @torch.no_grad()
    def update(self, network: torch.nn.Module) -> None:
        """Take the network's present weights into the average; whole numbers are copied."""
        self.count += 1
        keep = min(self.decay, (1 + self.count) / (10 + self.count))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                self.state[name].lerp_(value, 1 - keep)
            else:
                self.state[name].copy_(value)

    def take(self, state: State, count: int) -> None:
        """Go on from an earlier average, on the device that this one is on."""
        self.state = {name: state[name].to(value.device) for name, value in self.state.items()}
        self.count = count
