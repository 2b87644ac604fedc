"""The reference in a process of its own: lines of JSON in, lines of JSON out. Run by bench.reference, not by hand.

Arguments: folders that hold its packages (`empanada`, `empanada_napari`). What it imports beyond what this program has
(OpenCV, napari, tqdm, joblib) is replaced by empty stand-ins, none of which is called in what is measured, but for a
progress bar that does nothing.
"""

import importlib
import importlib.abc
import importlib.machinery
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from bench.stand_ins import StackOfDiscs

STAND_INS = ("cv2", "joblib", "napari", "tqdm", "albumentations", "mlflow", "SimpleITK", "requests", "cztile", "dask")
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "PanopticDeepLab": {
        "encoder": "resnet50",
        "num_classes": 1,
        "stage4_stride": 16,
        "decoder_channels": 256,
        "low_level_stages": [1],
        "low_level_channels_project": [32],
        "atrous_rates": [2, 4, 6],
        "ins_decoder": True,
        "ins_ratio": 0.5,
        "num_fc": 3,
    },
    "PanopticBiFPN": {
        "encoder": "resnet50",
        "num_classes": 1,
        "fpn_dim": 128,
        "fpn_layers": 3,
        "ins_decoder": True,
        "depthwise": True,
        "num_fc": 3,
    },
}
SETTINGS = {"label_divisor": 10_000, "nms_threshold": 0.1, "nms_kernel": 3, "confidence_thr": 0.5}


class _Anything:
    """Stands for a class or a function: called, it gives back its first argument, as a decorator or a bar would."""

    def __new__(cls, *arguments: object, **_: object) -> Any:  # noqa: ANN401
        return arguments[0] if arguments else super().__new__(cls)


class _StandIn(ModuleType):
    """A module that has any attribute."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything


class _StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the packages that are missing, last of all finders."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:  # noqa: ANN401
        if name.split(".")[0] in STAND_INS:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run."""


class _Recorded(torch.nn.Module):
    """Runs the real network for its time, then says what a network would say of discs."""

    def __init__(self, network: torch.nn.Module, discs: StackOfDiscs) -> None:
        super().__init__()
        self.network, self.discs, self.index = network, discs, 0

    def forward(self, image: torch.Tensor, render_steps: int, interpolate_ins: bool) -> dict[str, torch.Tensor]:
        self.network(image, render_steps, interpolate_ins)
        said = self.discs.quarter_maps(self.index)
        logits, heatmap, offsets = (torch.from_numpy(maps)[None].to(image.device) for maps in said)
        self.index += 1
        return {"sem_logits": logits, "ctr_hmp": heatmap, "offsets": offsets}


class Reference:
    """The deeds that are timed; each takes and gives plain values."""

    def __init__(self) -> None:
        self.networks: dict[str, Any] = {}

    def make_network(self, architecture: str, state: str, out: str) -> dict[str, Any]:
        """Script a network as the published files were: batch norms folded where the reference folds them."""
        quantisable = importlib.import_module("empanada.models.quantization")
        network = getattr(quantisable, f"Quantizable{architecture}PR")(**ARCHITECTURES[architecture], quantize=False)
        with np.load(state) as tensors:
            network.load_state_dict({name: torch.from_numpy(tensors[name]) for name in tensors.files})
        network.eval()
        network.fuse_model()
        torch.jit.save(torch.jit.script(network), out)
        self.networks[architecture] = torch.jit.load(out)
        return {}

    def run_network(self, architecture: str, image: str) -> dict[str, Any]:
        """Run the scripted file on an image, two PointRend steps, maps at a quarter of its side."""
        network, pixels = self.networks[architecture], torch.from_numpy(np.load(image))
        with torch.no_grad():
            seconds, outputs = _timed(lambda: network(pixels, 2, False))
        np.savez(image + ".theirs.npz", **{name: maps.numpy() for name, maps in outputs.items()})
        return {"seconds": seconds}

    def group(self, side: int, count: int, fine: bool) -> dict[str, Any]:
        """From maps to a panoptic plane: centres, grouping, merging."""
        engines = importlib.import_module("empanada.inference.engines")
        discs = StackOfDiscs(side, count, 1)
        engine = engines.PanopticDeepLabRenderEngine(torch.nn.Identity(), [1], coarse_boundaries=not fine, **SETTINGS)
        maps = discs.full_maps(0) if fine else discs.quarter_maps(0)
        logits, heatmap, offsets = (torch.from_numpy(each)[None] for each in maps)
        probabilities = torch.sigmoid(logits)

        def work() -> Any:  # noqa: ANN401
            return engine.postprocess(probabilities, engine.get_instance_cells(heatmap, offsets, 1))

        with torch.no_grad():
            seconds, plane = _timed(work)
        return {"seconds": seconds, "objects": _count(plane.numpy())}

    def match(self, side: int, count: int, n_planes: int) -> dict[str, Any]:
        """From panoptic planes to objects of a stack: components, matching there and back, tables of objects."""
        patterns = importlib.import_module("empanada.inference.patterns")
        encoding = importlib.import_module("empanada.inference.rle")
        trackers = importlib.import_module("empanada.inference.tracker")
        planes = [plane.astype(np.int32) for plane in StackOfDiscs(side, count, n_planes).panoptic(10_000)]

        def work() -> Any:  # noqa: ANN401
            matchers = patterns.create_matchers([1], 10_000, 0.25, 0.25)
            tracker = trackers.InstanceTracker(1, 10_000, (n_planes, side, side), "xy")
            stack = []
            for plane in planes:
                encoded = encoding.pan_seg_to_rle_seg(plane, [1], 10_000, [1], force_connected=True)
                stack.append(patterns.apply_matchers(encoded, matchers))
            for index, encoded in patterns.backward_matching(stack, matchers, n_planes):
                patterns.update_trackers(encoded, index, [tracker])
            patterns.finish_tracking([tracker])
            return tracker

        seconds, tracker = _timed(work)
        return {"seconds": seconds, "objects": len(tracker.instances)}

    def segment(
        self, architecture: str, file: str, side: int, count: int, n_planes: int, use_gpu: bool = False
    ) -> dict[str, Any]:
        """Segment a stack as the plugin does, into an array in memory; the network runs, then says discs."""
        inference = importlib.import_module("empanada_napari.inference")
        norms = {"mean": 0.57571, "std": 0.12765}
        facts = {"labels": [1], "class_names": {1: "mito"}, "thing_list": [1], "norms": norms, "model": file}
        padding = 16 if architecture == "PanopticDeepLab" else 128
        discs = StackOfDiscs(side, count, n_planes)
        volume = discs.grey()
        engine = inference.Engine3d(
            {**facts, "padding_factor": padding}, median_kernel_size=3, min_extent=2, use_gpu=use_gpu, **SETTINGS
        )
        engine.engine.model = _Recorded(engine.engine.model, discs)

        def work() -> list[Any]:
            _, trackers = engine.infer_on_axis(volume, "xy")
            config = engine.model_config
            axis_trackers = {"xy": trackers}
            return list(inference.stack_postprocessing(axis_trackers, None, config, 10_000, 500, 2))

        started = time.perf_counter()
        seconds, results = _timed(work)
        elapsed = time.perf_counter() - started
        return {"seconds": seconds, "elapsed": elapsed, "objects": len(results[0][2])}


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor seconds of this process and of those that it started and awaited."""
    before = _processor_seconds()
    result = work()
    return _processor_seconds() - before, result


def _processor_seconds() -> float:
    ended = os.times()
    return time.process_time() + ended.children_user + ended.children_system


def _count(plane: Any) -> int:  # noqa: ANN401
    return len(np.unique(plane[plane > 0]))


def main(folders: Sequence[str]) -> None:
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - for as long as the process lives
    warnings.simplefilter("ignore")
    sys.path[:0] = list(folders)
    sys.meta_path.append(_StandIns())
    plugin = ModuleType("empanada_napari")  # without its __init__, which builds the plugin's widgets
    plugin.__path__ = [str(Path(folder) / "empanada_napari") for folder in folders]
    sys.modules[plugin.__name__] = plugin
    torch.set_num_threads(1)
    reference = Reference()
    for line in sys.stdin:
        request = json.loads(line)
        started = time.perf_counter()
        answer = getattr(reference, request.pop("deed"))(**request)
        answers.write(json.dumps({**answer, "wall": time.perf_counter() - started}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
