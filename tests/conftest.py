"""What holds for all tests, and what several rooms need: tiny weights and a tiny volume."""

import ctypes
import gc
import multiprocessing
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

sys.path.insert(0, str(Path(__file__).with_name("children")))

import warm_children

# Which back end is faster is measured once for a user's folder, and most tests have a new one. Processes inherit this.
os.environ["EMPANADA_DESKTOP_BACKEND"] = "torch"
# Processes that compute make way for the window. On a busy machine they would hardly get anything done beside others.
os.environ["EMPANADA_DESKTOP_NICENESS"] = "0"

MANY_MODULES, MUCH_MEMORY = 60, 200 * 2**20
_modules_kept, _memory_kept = 0, 0


def pytest_runtest_setup() -> None:
    """Keep modules, which never go, out of what is collected and looked through after each test: that is most."""
    global _modules_kept, _memory_kept
    if len(sys.modules) > _modules_kept + MANY_MODULES:
        gc.collect()
        gc.freeze()
        _modules_kept = len(sys.modules)
    if resident_bytes() > _memory_kept + MUCH_MEMORY:
        gc.collect()
        give_back_memory()
        _memory_kept = resident_bytes()


def resident_bytes() -> int:
    """Memory that this process holds; 0 where the system does not tell."""
    told = Path("/proc/self/statm")
    return int(told.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if told.exists() else 0


def give_back_memory() -> None:
    """Have the C library return what is free: left to itself it keeps gigabytes of what tests have freed."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


@pytest.fixture(scope="session")
def children_are_warm() -> None:
    """From here on, children of the program are copied from a process that has loaded the engine, where it can be."""
    if warm_children.are_to_be_had():
        from empanada_desktop.jobs import process

        process.CONTEXT = warm_children.WarmContext()


@pytest.fixture
def children_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children of the program begin in this test as they do in the program."""
    monkeypatch.setattr("empanada_desktop.jobs.process.CONTEXT", multiprocessing.get_context("spawn"))


@pytest.fixture(scope="session")
def save_tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Saves weights of a very small network with random numbers: the objects mean nothing, the way to them is real.

    With `in_place` its pixels point at themselves, so that every centre that is found becomes an object. With two
    classes the second one is no single objects.
    """

    def save(in_place: bool, n_classes: int = 1) -> Path:
        import torch

        from empanada_desktop.engine.export import save_weights
        from empanada_desktop.engine.networks import build_network
        from empanada_desktop.io.weights import NetworkConfig, WeightsDescriptor

        torch.manual_seed(0)
        channels = 1 if n_classes == 1 else n_classes + 1  # several classes have the background's channel beside them
        sizes = {"encoder_channels": 8, "decoder_channels": 8, "aspp_channels": 8}
        config = NetworkConfig(encoder="resnet18", n_classes=channels, **sizes)
        names = dict(list(enumerate(("mito", "er"), 1))[:n_classes])
        descriptor = WeightsDescriptor(
            name="tiny", network=config, class_names=names, thing_list=[1], mean=0.5, std=0.2, padding_factor=16
        )
        network = build_network(config).train()
        for part in network.modules():
            if isinstance(part, torch.nn.Conv1d | torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(part.weight)
            elif isinstance(part, torch.nn.BatchNorm2d):
                part.momentum = None
        if in_place:
            torch.nn.init.zeros_(network.ins_xy.head[1].weight)
        with torch.no_grad():
            network(torch.randn(4, 1, 64, 64))
        weights = save_weights(network.eval(), descriptor, tmp_path_factory.mktemp("weights"))
        return weights.file.with_suffix(".yaml")

    return save


@pytest.fixture(scope="session")
def tiny_weights(save_tiny: Callable[[bool], Path]) -> str:
    """Weights of a very small network."""
    return str(save_tiny(False))


@pytest.fixture(scope="session")
def tiny_volume(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A crop of the sample: 10 planes of 48 × 56."""
    from empanada_desktop.io.volumes import open_volume
    from empanada_desktop.tasks.demo import sample_path

    path = tmp_path_factory.mktemp("volume") / "tiny.tif"
    with open_volume(sample_path()) as sample:
        tifffile.imwrite(path, np.asarray(sample[0:10, 0:48, 0:56]), imagej=True, metadata={"axes": "ZYX"})
    return str(path)
