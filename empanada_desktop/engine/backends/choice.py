"""Which back end runs a network on the processor: the wish, or the faster one, measured once and remembered."""

import os
import platform
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch

from empanada_desktop.engine.backends import openvino_runtime
from empanada_desktop.engine.backends.exports import Speeds, export_folder, sound_graph, store_graph
from empanada_desktop.engine.backends.maps import Backend, Maps, TorchBackend, fuse_batch_norms
from empanada_desktop.engine.backends.openvino_runtime import OpenVinoBackend
from empanada_desktop.engine.networks.panoptic import PanopticNetwork
from empanada_desktop.errors import SettingsError

TOLERANCE = 1e-4  # of the largest value of a map
TIMED_SIDE = 256
REPEATS = 3
TORCH, OPENVINO, AUTO = "torch", "openvino", "auto"
DEFAULT_VARIABLE = "EMPANADA_DESKTOP_BACKEND"  # what auto means on a machine that somebody has set up


@dataclass
class ProcessorChoice:
    """One network on the processor and what is to be known to choose.

    sha256: of the weights. may_prepare: whether exporting and measuring, some seconds once, is worth it now. notes:
    sentences for the user.
    """

    network: PanopticNetwork
    sha256: str
    threads: int = 0
    may_prepare: bool = True
    notes: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """Where the graph of this network is kept."""
        return export_folder(self.sha256, openvino_runtime.version())

    @property
    def key(self) -> str:
        """What a measurement holds for."""
        threads = self.threads or torch.get_num_threads()
        processor = f"{platform.machine()} {platform.processor()} {platform.node()}"
        return f"{self.folder.name}, torch {torch.__version__}, {threads} threads, {processor}"

    def torch(self) -> TorchBackend:
        """The network itself."""
        return TorchBackend(self.network, torch.device("cpu"))

    def kept(self) -> OpenVinoBackend | None:
        """Open the kept graph; None when there is none that is sound."""
        file = sound_graph(self.folder)
        return None if file is None else OpenVinoBackend(file, self.threads)

    def prepared(self) -> OpenVinoBackend:
        """Open the kept graph, made first where it is missing or damaged; OSError when it cannot be kept."""
        kept = self.kept()
        if kept is not None:
            return kept
        graph = openvino_runtime.to_graph(self.network)
        file = store_graph(self.folder, lambda path: openvino_runtime.write_graph(graph, path))
        return OpenVinoBackend(file, self.threads)


def choose_backend(
    network: PanopticNetwork, sha256: str, wish: str, threads: int = 0, may_prepare: bool = True
) -> tuple[Backend, list[str]]:
    """Choose what runs a network on the processor; returns it and notes for the user.

    The network's batch norms are folded in place. wish: auto, torch or openvino; auto can be decided beforehand by the
    variable EMPANADA_DESKTOP_BACKEND. SettingsError when openvino is wished for and cannot run here.
    """
    if wish == AUTO:
        wish = os.environ.get(DEFAULT_VARIABLE, AUTO)
    fuse_batch_norms(network)
    choice = ProcessorChoice(network, sha256, threads, may_prepare)
    if wish == TORCH or (wish == AUTO and not openvino_runtime.version()):
        return choice.torch(), choice.notes
    backend = _wished(choice) if wish == OPENVINO else _measured(choice)
    return backend, choice.notes


def _wished(choice: ProcessorChoice) -> Backend:
    try:
        return choice.prepared()
    except OSError as problem:
        choice.notes.append(
            f"The form for OpenVINO is made anew each time: {choice.folder} is not written ({problem})."
        )
        return OpenVinoBackend(openvino_runtime.to_graph(choice.network), choice.threads)
    except (ImportError, RuntimeError) as problem:
        raise SettingsError(
            f"OpenVINO cannot run these weights on this computer: {_first_line(problem)}", "Use --backend torch."
        ) from problem


def _measured(choice: ProcessorChoice) -> Backend:
    try:
        seconds = Speeds().read(choice.key)
        if not seconds:
            return _measure(choice) if choice.may_prepare else choice.torch()
        if seconds[OPENVINO] >= seconds[TORCH]:
            return choice.torch()
        return (choice.prepared() if choice.may_prepare else choice.kept()) or choice.torch()
    except OSError as problem:
        choice.notes.append(
            f"torch ran the network: no faster form of it could be kept in {choice.folder} ({problem})."
        )
    except (ImportError, RuntimeError, KeyError) as problem:
        choice.notes.append(f"torch ran the network: OpenVINO could not ({_first_line(problem)}).")
    return choice.torch()


def _measure(choice: ProcessorChoice) -> Backend:
    """Time one plane with each back end and remember; OpenVINO wins only where it says the same as torch."""
    fast, slow = choice.prepared(), choice.torch()
    side = max(TIMED_SIDE, choice.network.config.size_factor)
    image = torch.randn(1, 1, side, side, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        agree = agreement(slow.run(image), fast.run(image)) <= TOLERANCE
        times = [(_seconds(slow, image), _seconds(fast, image)) for _ in range(REPEATS)]
    seconds = {TORCH: min(t for t, _ in times), OPENVINO: min(t for _, t in times) if agree else float("inf")}
    Speeds().write(choice.key, seconds)
    return fast if seconds[OPENVINO] < seconds[TORCH] else slow


def agreement(one: Maps, other: Maps) -> float:
    """Return the largest difference of two runs' maps, as a share of each map's largest value; NaN is passed on."""
    parts = [(a - b).abs().max() / a.abs().max().clamp_min(1e-12) for a, b in zip(one, other, strict=True)]
    return float(torch.stack(parts).max())  # which, unlike Python's max, heeds NaN


def _seconds(backend: Backend, image: torch.Tensor) -> float:
    started = time.perf_counter()
    backend.run(image)
    return time.perf_counter() - started


def _first_line(problem: Exception) -> str:
    return str(problem).strip().partition("\n")[0] or type(problem).__name__
