"""Graphs in 8 bits by post-training calibration: how large values become is seen on the user's own planes.

Kernels get a scale per output channel, maps one scale each (uniform affine quantisation, arXiv 1712.05877). What is
sensitive stays in 32 bits: the first convolution, which sees the image, and the heads, which say the result.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from empanada_desktop.engine.backends.openvino_runtime import Graph, OpenVinoBackend, load_openvino, to_graph
from empanada_desktop.engine.networks.panoptic import PanopticNetwork

# Axes of a kernel that share a scale, by kind of convolution.
KERNEL_AXES = {"Convolution": (1, 2, 3), "GroupConvolution": (2, 3, 4), "ConvolutionBackpropData": (0, 2, 3)}
HEADS = ("semantic_head", "ins_center", "ins_xy")
ENCODER = ".encoder."
N_RESULTS = 4

Place = tuple[str, int]
Range = tuple[float, float]


def quantise(network: PanopticNetwork, images: Iterable[torch.Tensor], decoders: bool, threads: int = 0) -> Graph:
    """Make an 8-bit graph of a network whose batch norms are folded; images (1, 1, H, W), normalised and padded.

    Without `decoders` only the encoder is done, for weights that suffer otherwise.
    """
    graph = to_graph(network)
    ranges = _ranges(graph, images, decoders, threads)
    for place, source in _sources(graph, decoders).items():
        _round_map(source, ranges[place])
    for convolution in _convolutions(graph, decoders):
        _round_kernel(convolution)
    graph.validate_nodes_and_infer_types()
    _store_kernels_in_8_bits(graph)
    return graph


def _convolutions(graph: Graph, decoders: bool) -> Iterator[Any]:
    """The convolutions to be done in 8 bits, in order; the first of all, which sees the image, is not among them."""
    nodes = [node for node in graph.get_ordered_ops() if node.get_type_name() in KERNEL_AXES]
    for node in nodes[1:]:
        name = node.get_friendly_name()
        if not any(head in name for head in HEADS) and (decoders or ENCODER in name):
            yield node


def _sources(graph: Graph, decoders: bool) -> dict[Place, Any]:
    """The maps that those convolutions take, each once."""
    outputs = (node.input(0).get_source_output() for node in _convolutions(graph, decoders))
    return {(output.get_node().get_friendly_name(), output.get_index()): output for output in outputs}


def _ranges(graph: Graph, images: Iterable[torch.Tensor], decoders: bool, threads: int) -> dict[Place, Range]:
    """Smallest and largest value of each map, the mean over the images: rare extremes of one do not coarsen all."""
    load_openvino()
    from openvino import opset13

    watched = graph.clone()
    sources = _sources(watched, decoders)
    for source in sources.values():
        axes = opset13.constant(np.arange(4))
        watched.add_outputs([opset13.reduce_min(source, axes).output(0), opset13.reduce_max(source, axes).output(0)])
    runs = OpenVinoBackend(watched, threads)
    seen = np.mean([runs.run_all(image)[N_RESULTS:] for image in images], axis=0)
    return {place: (float(low), float(high)) for place, (low, high) in zip(sources, seen.reshape(-1, 2), strict=True)}


def _round_map(source: Any, values: Range) -> None:  # noqa: ANN401 - the package has no types
    """Round a map to 256 levels for all that take it: from 0 on where nothing is below, else with 0 in the middle."""
    from openvino import opset13

    takers = list(source.get_target_inputs())
    low, high = values
    reach = max(-low, high, 1e-12)
    edges = (0.0, reach) if low >= 0 else (-reach * 128 / 127, reach)
    rounded = opset13.fake_quantize(source, *(np.float32(edge) for edge in edges * 2), 256)
    for taker in takers:
        taker.replace_source_output(rounded.output(0))


def _round_kernel(convolution: Any) -> None:  # noqa: ANN401 - the package has no types
    """Round a kernel to 255 levels around 0, with a scale for each of its output channels."""
    from openvino import opset13

    kernel = convolution.input(1).get_source_output()
    values: NDArray[np.float32] = kernel.get_node().get_data()
    axes = KERNEL_AXES[convolution.get_type_name()]
    reach = np.abs(values).max(axis=axes, keepdims=True).clip(1e-12).astype(np.float32)
    rounded = opset13.fake_quantize(kernel, -reach, reach, -reach, reach, 255)
    convolution.input(1).replace_source_output(rounded.output(0))


def _store_kernels_in_8_bits(graph: Graph) -> None:
    from openvino._offline_transformations import compress_quantize_weights_transformation

    compress_quantize_weights_transformation(graph)
