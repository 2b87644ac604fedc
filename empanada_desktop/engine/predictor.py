"""One loaded network: grey planes in, semantic probabilities, centre heatmap and offsets out."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from empanada_desktop.engine.backends import Backend, TorchBackend, card_backend, choose_backend
from empanada_desktop.engine.backends.quantised import open_quantised
from empanada_desktop.engine.device import choose_device, fetch, memory_guard, send
from empanada_desktop.engine.export import load_network
from empanada_desktop.engine.networks import PanopticNetwork
from empanada_desktop.engine.networks.panoptic import quadruple
from empanada_desktop.errors import SettingsError
from empanada_desktop.io.weights import Weights, sha256_of

LESS_MEMORY = "Raise image downsampling, or use the processor (--no-use-gpu)."


@dataclass(frozen=True)
class PlaneOutputs:
    """What the network says of one plane.

    semantic: float32 (C, H, W) probabilities at the plane's own size (one channel: sigmoid; several: softmax with
    class 0 the background). heatmap: float32 (h, w). offsets: float32 (2, h, w), y and x, in pixels of the image that
    the network saw. One cell of heatmap and offsets covers `cell` pixels of that image, which was `downsampling` times
    smaller than the plane.
    """

    semantic: NDArray[np.float32]
    heatmap: NDArray[np.float32]
    offsets: NDArray[np.float32]
    cell: int
    downsampling: int


class Predictor:
    """A network on its device, with the normalisation and padding that it was trained with.

    `notes` are sentences for the user about how it came to run as it does; `ran_with` is what a recipe keeps of that.
    """

    def __init__(
        self,
        network: PanopticNetwork,
        *,
        mean: float,
        std: float,
        padding_factor: int,
        device: torch.device,
        backend: Backend | None = None,
    ) -> None:
        """Run `network` on a device; with `backend`, which runs it already, only its PointRend is kept."""
        self._backend = backend or TorchBackend(network, device)
        self._refine = network.semantic_pr.to(device).eval().refine
        self.mean = mean
        self.std = std
        self.padding_factor = padding_factor
        self.device = device
        self.notes: tuple[str, ...] = ()

    @classmethod
    def from_weights(
        cls,
        weights: Weights,
        *,
        use_gpu: bool = True,
        threads: int = 0,
        backend: str = "auto",
        use_quantised: bool = False,
        may_prepare: bool = True,
        device_name: str | None = None,
    ) -> Self:
        """Load weights onto the graphics card if there is one and it is wanted, otherwise onto the processor.

        On the processor `backend` (auto, torch, openvino) says what runs them. may_prepare=False is for work of a few
        planes: what auto would need some seconds for, once for all, is left until it pays. use_quantised takes the
        weights' 8-bit form, on the processor; SettingsError when there is none that is good enough. device_name
        ("cuda:1") decides instead of use_gpu.
        """
        descriptor = weights.descriptor
        device = choose_device(use_gpu and backend != "openvino" and not use_quantised, threads, device_name)
        network, notes = load_network(weights), list[str]()
        runs: Backend | None = None
        if use_quantised:
            runs, notes = open_quantised(weights, threads)
        elif device.type == "cpu":
            sha256 = descriptor.sha256 or sha256_of(weights.file)
            runs, notes = choose_backend(network, sha256, backend, threads, may_prepare)
        else:
            with memory_guard(LESS_MEMORY):
                runs, notes = card_backend(network, device)
        predictor = cls(
            network,
            mean=descriptor.mean,
            std=descriptor.std,
            padding_factor=descriptor.padding_factor,
            device=device,
            backend=runs,
        )
        predictor.notes = tuple(notes)
        return predictor

    @property
    def ran_with(self) -> str:
        """What runs the network: name, version, precision, device."""
        return self._backend.title

    def predict(
        self, plane: NDArray[np.float32], image_downsampling: int = 1, fine_boundaries: bool = False
    ) -> PlaneOutputs:
        """Run the network once on a plane of grey values in 0..1, (H, W) float32.

        image_downsampling (a power of two) shrinks the plane first (bilinear, to ceil(side / factor)) and is undone in
        the semantic map by as many extra PointRend steps; fine_boundaries asks for heatmap and offsets at full size.
        """
        return self.predict_many([plane], image_downsampling, fine_boundaries)[0]

    def predict_many(
        self, planes: Sequence[NDArray[np.float32]], image_downsampling: int = 1, fine_boundaries: bool = False
    ) -> list[PlaneOutputs]:
        """Run the network once on several planes of one size, as predict does on one; more than one needs torch."""
        return self.begin_many(planes, image_downsampling, fine_boundaries)()

    @torch.inference_mode()
    def begin_many(
        self, planes: Sequence[NDArray[np.float32]], image_downsampling: int = 1, fine_boundaries: bool = False
    ) -> Callable[[], list[PlaneOutputs]]:
        """Begin what predict_many does and return what waits for the outputs.

        A CUDA card works on while the next planes are made ready and the outputs of the last ones are used; elsewhere
        the work is done when this returns.
        """
        height, width = planes[0].shape
        extra_steps = math.log2(image_downsampling)
        if not extra_steps.is_integer():
            raise SettingsError(f"Image downsampling {image_downsampling} is not a power of two.", "Use 1, 2, 4 … 64.")
        with memory_guard(LESS_MEMORY):
            images = torch.cat([self.prepare(plane, image_downsampling) for plane in planes])
            maps = self._backend.run(images)
            logits = self._refine(maps.semantic, maps.features, 2 + int(extra_steps))[..., :height, :width].float()
            semantic = torch.sigmoid(logits) if logits.shape[1] == 1 else torch.softmax(logits, dim=1)
            heatmap, offsets = maps.heatmap, maps.offsets
            if fine_boundaries:
                heatmap, offsets = quadruple(heatmap), quadruple(offsets)
            arrive = fetch(semantic, heatmap[:, 0].float(), offsets.float())
        cell = 1 if fine_boundaries else 4

        def finish() -> list[PlaneOutputs]:
            with memory_guard(LESS_MEMORY):
                arrays = [tensor.numpy() for tensor in arrive()]
            return [PlaneOutputs(s, h, o, cell, image_downsampling) for s, h, o in zip(*arrays, strict=True)]

        return finish

    def prepare(self, plane: NDArray[np.float32], image_downsampling: int = 1) -> torch.Tensor:
        """Shrink, normalise and pad a plane of grey values in 0..1, (H, W), to the image that the network is shown."""
        image = send(torch.from_numpy(np.ascontiguousarray(plane, dtype=np.float32))[None, None], self.device)
        if image_downsampling > 1:
            size = [math.ceil(side / image_downsampling) for side in plane.shape]
            image = functional.interpolate(image, size=size, mode="bilinear", align_corners=False)
        image = (image - self.mean) / self.std
        rows, columns = (-side % self.padding_factor for side in image.shape[-2:])
        # After normalisation 0 is the mean grey, which is what the published weights saw beyond the border.
        return functional.pad(image, (0, columns, 0, rows))
