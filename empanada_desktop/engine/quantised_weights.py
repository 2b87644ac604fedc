"""Make the 8-bit form of weights from planes, and measure how near it comes to the full one."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from empanada_desktop.core.context import JobContext
from empanada_desktop.core.metrics import match_objects_at
from empanada_desktop.core.overlap import contingency
from empanada_desktop.engine.backends import Backend
from empanada_desktop.engine.backends.maps import fuse_batch_norms
from empanada_desktop.engine.backends.openvino_runtime import Graph, OpenVinoBackend
from empanada_desktop.engine.backends.quantised import QuantisedFacts, store_quantised
from empanada_desktop.engine.backends.quantising import quantise
from empanada_desktop.engine.export import load_network
from empanada_desktop.engine.plane import PLANE_DIVISOR, PlaneSettings, labels_from, predict_plane
from empanada_desktop.engine.predictor import Predictor
from empanada_desktop.errors import AppError
from empanada_desktop.io.weights import Weights, sha256_of

ReadPlane = Callable[[int], NDArray[np.float32]]
AT_IOU = 0.5


@dataclass(frozen=True)
class Material:
    """Planes to calibrate on and planes to compare on: `read` gives plane n as grey values in 0..1, (H, W)."""

    volume: str
    read: ReadPlane
    calibration: Sequence[int]
    comparison: Sequence[int]
    settings: PlaneSettings


@dataclass(frozen=True)
class Comparison:
    """How an 8-bit form did against the full one."""

    f1: float
    objects: int
    speed: float


def quantise_weights(weights: Weights, material: Material, threads: int, context: JobContext) -> QuantisedFacts:
    """Make, compare and keep an 8-bit form; only the encoder's where all of the network in 8 bits is not good enough.

    AppError when the planes hold no object to compare by.
    """
    full = Predictor.from_weights(weights, use_gpu=False, threads=threads)
    for decoders in (True, False):
        context.check_cancelled()
        context.report(0, len(material.comparison), "Calibrating")
        graph = _calibrated(weights, material, decoders, threads)
        found = compare(full, _like(full, weights, OpenVinoBackend(graph, threads, "int8")), material, context)
        facts = _facts(weights, material, found, encoder_only=not decoders)
        if facts.is_good or not decoders:
            break
    store_quantised(weights, graph, facts)
    return facts


def compare(full: Predictor, small: Predictor, material: Material, context: JobContext) -> Comparison:
    """Segment planes with two forms of the same weights; AppError when there is nothing on them."""
    tallies: dict[int, NDArray[np.int64]] = {}
    seconds: list[tuple[float, float]] = []
    for done, index in enumerate(material.comparison, 1):
        context.check_cancelled()
        plane = material.read(index)
        (wanted, slow), (got, fast) = (_segmented(form, plane, material.settings) for form in (full, small))
        seconds.append((slow, fast))
        for class_id, tally in _tallies(wanted, got, material.settings.things):
            tallies[class_id] = tallies.get(class_id, np.zeros(4, np.int64)) + tally
        context.report(done, len(material.comparison), "Comparing")
    return _judged(tallies, seconds)


def _judged(tallies: dict[int, NDArray[np.int64]], seconds: list[tuple[float, float]]) -> Comparison:
    if not tallies:
        raise AppError("These planes hold no objects, so nothing can be said of the quantised form.", "Take others.")
    f1 = min(2 * hits / (2 * hits + extra + missed) for hits, extra, missed, _ in tallies.values())
    slow, fast = np.median(seconds, axis=0)
    return Comparison(float(f1), int(sum(tally[3] for tally in tallies.values())), float(slow / fast))


def _calibrated(weights: Weights, material: Material, decoders: bool, threads: int) -> Graph:
    network = load_network(weights)
    fuse_batch_norms(network)
    downsampling = material.settings.image_downsampling
    descriptor = weights.descriptor
    norms = {"mean": descriptor.mean, "std": descriptor.std, "padding_factor": descriptor.padding_factor}
    preparing = Predictor(network, **norms, device=torch.device("cpu"))  # type: ignore[arg-type]
    images: Iterator[torch.Tensor] = (
        preparing.prepare(material.read(index), downsampling) for index in material.calibration
    )
    return quantise(network, images, decoders, threads)


def _like(full: Predictor, weights: Weights, backend: Backend) -> Predictor:
    """Return a predictor that differs from `full` in what runs the network."""
    return Predictor(
        load_network(weights),
        mean=full.mean,
        std=full.std,
        padding_factor=full.padding_factor,
        device=torch.device("cpu"),
        backend=backend,
    )


def _segmented(
    form: Predictor, plane: NDArray[np.float32], settings: PlaneSettings
) -> tuple[NDArray[np.uint32], float]:
    started = time.perf_counter()
    outputs = predict_plane(form, plane, settings)
    seconds = time.perf_counter() - started
    return labels_from(outputs, settings, PLANE_DIVISOR)[0], seconds


def _tallies(
    wanted: NDArray[np.uint32], got: NDArray[np.uint32], things: frozenset[int]
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """For each class there is: pairs, only in `got`, only in `wanted`, in `wanted`; objects, or pixels of stuff."""
    classes = np.union1d(np.unique(wanted // PLANE_DIVISOR), np.unique(got // PLANE_DIVISOR))
    for class_id in (int(number) for number in classes if number):
        one, other = (np.where(ids // PLANE_DIVISOR == class_id, ids, 0).astype(np.uint32) for ids in (wanted, got))
        if class_id in things:
            match = match_objects_at(contingency(one, other), AT_IOU)
            hits, extra, missed = match.true_positives, match.false_positives, match.false_negatives
        else:
            hits = int(np.count_nonzero((one > 0) & (other > 0)))
            extra, missed = int(np.count_nonzero(other)) - hits, int(np.count_nonzero(one)) - hits
        yield class_id, np.array([hits, extra, missed, hits + missed], np.int64)


def _facts(weights: Weights, material: Material, found: Comparison, encoder_only: bool) -> QuantisedFacts:
    return QuantisedFacts(
        weights=weights.descriptor.name,
        weights_sha256=weights.descriptor.sha256 or sha256_of(weights.file),
        f1=found.f1,
        objects=found.objects,
        speed=found.speed,
        encoder_only=encoder_only,
        volume=material.volume,
        calibration_planes=len(material.calibration),
        compared_planes=len(material.comparison),
    )
