"""Choosing where a network runs."""

import pytest
import torch

from empanada_desktop.engine.device import GraphicsMemoryError, choose_device, memory_guard, set_threads
from empanada_desktop.errors import SettingsError


def test_the_processor_when_no_card_is_wanted() -> None:
    assert choose_device(use_gpu=False) == torch.device("cpu")
    assert choose_device(name="cpu") == torch.device("cpu")


@pytest.mark.parametrize(("cuda", "mps", "expected"), [(1, 1, "cuda"), (0, 1, "mps"), (0, 0, "cpu")])
def test_a_card_is_taken_when_there_is_one(cuda: int, mps: int, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(cuda))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: bool(mps))
    assert choose_device().type == expected


def test_devices_that_are_not_there_are_plain_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="no kind of device called 'toaster'"):
        choose_device(name="toaster")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError, match="no usable cuda"):
        choose_device(name="cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(SettingsError, match="no graphics card cuda:3"):
        choose_device(name="cuda:3")


def test_the_number_of_threads_is_a_setting() -> None:
    before = torch.get_num_threads()
    try:
        choose_device(use_gpu=False, threads=2)
        assert torch.get_num_threads() == 2
        set_threads(0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    with pytest.raises(SettingsError, match="-1 threads"):
        set_threads(-1)


@pytest.mark.parametrize(
    "problem",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("MPS backend out of memory (MPS allocated: 5.00 GB)"),
    ],
)
def test_running_out_of_memory_is_a_plain_error(problem: RuntimeError) -> None:
    with pytest.raises(GraphicsMemoryError, match="not enough memory") as raised, memory_guard("Use smaller tiles."):
        raise problem
    assert raised.value.hint == "Use smaller tiles."


def test_other_errors_of_a_card_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="something else"), memory_guard("Use smaller tiles."):
        raise RuntimeError("something else")
    words = "CUDA error: no kernel image is available for execution on the device"
    with pytest.raises(SettingsError, match="no code for this graphics card"), memory_guard(""):
        raise RuntimeError(words)
