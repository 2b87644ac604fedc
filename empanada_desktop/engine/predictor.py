"""One loaded network: grey planes in, semantic probabilities, centre heatmap and offsets out."""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from empanada_desktop.engine.device import choose_device, memory_guard
from empanada_desktop.engine.export import load_network
from empanada_desktop.errors import SettingsError
from empanada_desktop.io.weights import Weights


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
    """A network on its device, with the normalisation and padding that it was trained with."""

    def __init__(
        self, network: torch.nn.Module, *, mean: float, std: float, padding_factor: int, device: torch.device
    ) -> None:
        self.network = network.to(device=device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self.mean = mean
        self.std = std
        self.padding_factor = padding_factor
        self.device = device

    @classmethod
    def from_weights(cls, weights: Weights, *, use_gpu: bool = True, threads: int = 0) -> Self:
        """Load weights onto the graphics card if there is one and it is wanted, otherwise onto the processor."""
        descriptor = weights.descriptor
        return cls(
            load_network(weights),
            mean=descriptor.mean,
            std=descriptor.std,
            padding_factor=descriptor.padding_factor,
            device=choose_device(use_gpu, threads),
        )

    @torch.inference_mode()
    def predict(
        self, plane: NDArray[np.float32], image_downsampling: int = 1, fine_boundaries: bool = False
    ) -> PlaneOutputs:
        """Run the network once on a plane of grey values in 0..1, (H, W) float32.

        image_downsampling (a power of two) shrinks the plane first (bilinear, to ceil(side / factor)) and is undone in
        the semantic map by as many extra PointRend steps; fine_boundaries asks for heatmap and offsets at full size.
        """
        height, width = plane.shape
        extra_steps = math.log2(image_downsampling)
        if not extra_steps.is_integer():
            raise SettingsError(f"Image downsampling {image_downsampling} is not a power of two.", "Use 1, 2, 4 … 64.")
        with memory_guard("Raise image downsampling, or use the processor (--no-use-gpu)."):
            image = self._prepare(plane, image_downsampling)
            outputs = self.network.predict(image, 2 + int(extra_steps), fine_boundaries)
        logits = outputs["semantic_logits"][0, :, :height, :width].float()
        semantic = torch.sigmoid(logits) if logits.shape[0] == 1 else torch.softmax(logits, dim=0)
        return PlaneOutputs(
            semantic.cpu().numpy(),
            outputs["centre_heatmap"][0, 0].float().cpu().numpy(),
            outputs["offsets"][0].float().cpu().numpy(),
            cell=1 if fine_boundaries else 4,
            downsampling=image_downsampling,
        )

    def _prepare(self, plane: NDArray[np.float32], image_downsampling: int) -> torch.Tensor:
        image = torch.from_numpy(np.ascontiguousarray(plane, dtype=np.float32))[None, None].to(self.device)
        if image_downsampling > 1:
            size = [math.ceil(side / image_downsampling) for side in plane.shape]
            image = functional.interpolate(image, size=size, mode="bilinear", align_corners=False)
        image = (image - self.mean) / self.std
        rows, columns = (-side % self.padding_factor for side in image.shape[-2:])
        # After normalisation 0 is the mean grey, which is what the published weights saw beyond the border.
        padded = functional.pad(image, (0, columns, 0, rows))
        return padded.contiguous(memory_format=torch.channels_last)
