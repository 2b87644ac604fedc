"""OpenVINO: networks turned into its graphs, and those run on the processor.

OpenVINO tells its maker of every import unless its telemetry package is absent. A program that handles unpublished data
must not, so that package is hidden from it before it loads.
"""

import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from empanada_desktop.engine.backends.maps import Maps, MapsNetwork
from empanada_desktop.engine.networks.panoptic import PanopticNetwork

TELEMETRY = "openvino_telemetry"
TRACED_SIDE = 128  # any that all networks take; the graph is for all sizes

Graph = Any  # openvino.Model; the package has no types


def load_openvino() -> Any:  # noqa: ANN401 - the package has no types
    """Import OpenVINO with its telemetry left out; ImportError where it does not load."""
    sys.modules.setdefault(TELEMETRY, None)  # type: ignore[arg-type]
    import openvino

    return openvino


def version() -> str:
    """OpenVINO's version, three numbers; empty where it does not load."""
    try:
        return str(load_openvino().__version__).split("-")[0]
    except ImportError:
        return ""


def to_graph(network: PanopticNetwork) -> Graph:
    """Turn a network on the processor, in eval mode, into a graph for images (1, 1, any, any) with four results.

    The graph refers to the network's own tensors: keep the network until the graph is written or compiled.
    """
    openvino = load_openvino()
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    side = max(TRACED_SIDE, network.config.size_factor)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # tracing is deprecated in torch, but what OpenVINO reads
        image = torch.zeros(1, 1, side, side)
        traced = torch.jit.trace(MapsNetwork(network).eval(), image, check_trace=False)  # type: ignore[no-untyped-call]
        decoder = TorchScriptPythonDecoder(traced)
        frontend = FrontEndManager().load_by_framework("pytorch")
        graph = frontend.convert(frontend.load(decoder))
    graph.reshape({graph.inputs[0]: openvino.PartialShape([1, 1, -1, -1])})
    _simplify(graph)
    return graph


def _simplify(graph: Graph) -> None:
    from openvino._offline_transformations import apply_moc_transformations

    apply_moc_transformations(graph, cf=False)


def write_graph(graph: Graph, file: Path) -> None:
    """Write a graph as .xml and .bin, numbers as they are."""
    load_openvino().save_model(graph, str(file), compress_to_fp16=False)


class OpenVinoBackend:
    """A graph, compiled for the processor."""

    def __init__(self, graph: Graph | Path, threads: int, precision: str = "float32") -> None:
        """`threads` 0 takes as many as torch does. RuntimeError when OpenVINO cannot make anything of the graph."""
        openvino = load_openvino()
        core = openvino.Core()
        if sys.platform == "win32":
            core.set_property({"ENABLE_MMAP": False})  # a file that is mapped cannot be replaced there
        settings = {
            "INFERENCE_NUM_THREADS": threads or torch.get_num_threads(),
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",  # else some processors round to 16 bits
            "ENABLE_CPU_PINNING": False,  # several jobs would be pinned to the same cores
        }
        readable = core.read_model(str(graph)) if isinstance(graph, Path) else graph
        self._request = core.compile_model(readable, "CPU", settings).create_infer_request()
        self._precision = precision

    @property
    def title(self) -> str:
        """Name, version and precision."""
        return f"openvino {version()}, {self._precision}, cpu"

    def run(self, images: torch.Tensor) -> Maps:
        """Run on images (1, 1, H, W)."""
        semantic, features, heatmap, offsets = (torch.from_numpy(result) for result in self.run_all(images))
        # The results live in memory that the next run overwrites; these two outlive it.
        return Maps(semantic, features, heatmap.clone(), offsets.clone())

    def run_all(self, images: torch.Tensor) -> list[NDArray[np.float32]]:
        """Run on images (1, 1, H, W); returns all results of the graph, which hold until the next run."""
        results = self._request.infer({0: images.contiguous().numpy()}, share_inputs=True, share_outputs=True)
        return list(results.values())
