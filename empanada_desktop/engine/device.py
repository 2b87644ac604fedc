"""Where a network runs: the device, the number of threads, and running out of a graphics card's memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from empanada_desktop.errors import AppError, SettingsError

# Names of the devices to use side by side, in place of all graphics cards: "cuda:0,cuda:2".
DEVICES_VARIABLE = "EMPANADA_DESKTOP_DEVICES"
# Passes of one size from which on a search for the fastest convolutions pays (docs/decisions/graphics-card.md).
SEARCH_PAYS_AFTER = 200
# What errors say that come from CUDA itself (pinned memory), cuDNN and cuBLAS (their own rooms to work in), and Metal.
UNKNOWN_CARD = "PyTorch, as it is installed here, has no code for this graphics card."
SHORTAGES = ("CUDA error: out of memory", "STATUS_ALLOC_FAILED", "MPS backend out of memory")


class GraphicsMemoryError(AppError):
    """The graphics card ran out of memory; less at a time may fit."""


def choose_device(use_gpu: bool = True, threads: int = 0, name: str | None = None) -> torch.device:
    """Choose the graphics card (CUDA, then Apple's) if there is one and it is wanted, otherwise the processor.

    `threads` sets how many the processor uses, 0 leaves it to PyTorch. `name` ("cpu", "cuda", "cuda:1", "mps") decides
    instead of `use_gpu`; SettingsError when there is no such device.
    """
    set_threads(threads)
    if name is not None:
        return _named_device(name)
    if use_gpu and torch.cuda.is_available():
        return torch.device("cuda")
    if use_gpu and torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def all_devices(use_gpu: bool = True) -> list[str]:
    """Return the names of the devices that may work side by side: the graphics cards, or what the user has listed."""
    listed = [name.strip() for name in os.environ.get(DEVICES_VARIABLE, "").split(",") if name.strip()]
    if listed or not use_gpu:
        return listed
    return [f"cuda:{number}" for number in range(torch.cuda.device_count())]


def set_threads(threads: int) -> None:
    """Set how many threads the processor's arithmetic uses; 0 leaves it as it is."""
    if threads < 0:
        raise SettingsError(f"{threads} threads are not possible.", "Use 0 (automatic) or more.")
    if threads:
        torch.set_num_threads(threads)


def seed_weights(seed: int) -> None:
    """Fix the random numbers that fresh networks are filled with."""
    torch.manual_seed(seed)


@contextmanager
def memory_guard(advice: str) -> Iterator[None]:
    """Turn a graphics card's running out of memory into a GraphicsMemoryError whose hint is `advice`.

    A card that this build of PyTorch has no code for is a SettingsError.
    """
    try:
        yield
    except RuntimeError as problem:
        if "no kernel image" in str(problem):
            raise SettingsError(
                UNKNOWN_CARD, "Use the processor (--no-use-gpu), or a PyTorch for this card."
            ) from problem
        if not _is_shortage(problem):
            raise
        torch.cuda.empty_cache()
        raise GraphicsMemoryError("The graphics card has not enough memory for this.", advice) from problem


def _is_shortage(problem: RuntimeError) -> bool:
    """Tell a card's shortage of memory, which PyTorch's own types name only where its own allocator met it."""
    return isinstance(problem, torch.OutOfMemoryError) or any(words in str(problem) for words in SHORTAGES)


@contextmanager
def searching(passes: int) -> Iterator[None]:
    """Let a CUDA card search for its fastest convolutions when so many passes of one size come that it pays."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = passes >= SEARCH_PAYS_AFTER
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def send(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Copy a tensor to a device; to a CUDA card while the processor goes on."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def fetch(*tensors: torch.Tensor) -> Callable[[], Sequence[torch.Tensor]]:
    """Begin to copy tensors to the processor's memory; the result waits for them and returns the copies.

    From a CUDA card they are copied while it goes on, into pinned memory that torch uses again and again.
    """
    if tensors[0].device.type != "cuda":
        copies = [tensor.cpu() for tensor in tensors]
        return lambda: copies
    pinned = [torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True) for tensor in tensors]
    for target, tensor in zip(pinned, tensors, strict=True):
        target.copy_(tensor, non_blocking=True)
    arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]
    arrived.record(torch.cuda.current_stream(tensors[0].device))  # it may be another card than this thread's

    def wait() -> Sequence[torch.Tensor]:
        arrived.synchronize()
        return pinned

    return wait


def _named_device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError as problem:
        raise SettingsError(f"There is no kind of device called {name!r}.", "Use cpu, cuda or mps.") from problem
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not present.get(device.type, False):
        raise SettingsError(f"This computer has no usable {name}.", "Use the processor: cpu.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise SettingsError(f"There is no graphics card {name}.", f"There are {torch.cuda.device_count()}.")
    if device.type == "cuda":
        torch.cuda.set_device(device)  # or this process would take some memory of the first card, too
    return device
