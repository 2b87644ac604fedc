"""Score a network on labelled planes that it does not train on."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from empanada_desktop.core.context import JobContext
from empanada_desktop.engine.data import LabelRules
from empanada_desktop.engine.postprocess import panoptic_plane
from empanada_desktop.engine.targets import class_map, connected_pieces
from empanada_desktop.io.datasets import TrainingSet, load_pair

# Wide enough for the objects of any plane, whatever the divisor of the masks.
PLANE_DIVISOR = 1_000_000


@dataclass(frozen=True)
class Score:
    """Mean over planes: IoU over the classes present, F1 of instances at IoU .5 (nan where there are no things)."""

    iou: float
    f1: float

    @property
    def total(self) -> float:
        """The one figure that runs are compared by."""
        return self.iou if np.isnan(self.f1) else (self.iou + self.f1) / 2


def score_planes(
    network: nn.Module,
    planes: TrainingSet,
    rules: LabelRules,
    norms: tuple[float, float],
    multiple: int,
    context: JobContext,
) -> Score:
    """Segment every plane of a set and average the scores; can be cancelled after each plane."""
    was_training = network.training
    network.eval()
    ious, f1s = [], []
    try:
        for number, item in enumerate(planes.images):
            context.check_cancelled()
            image, mask = load_pair(item, rules.class_ids, rules.label_divisor)
            grey = (image / np.float32(item.white) - np.float32(norms[0])) / np.float32(norms[1])
            found = segment(network, grey.astype(np.float32), multiple, rules)
            ious += class_ious(found, mask, rules)
            f1s += instance_f1(found, mask, rules)
            context.report(number + 1, len(planes.images), "Scoring the validation images")
    finally:
        network.train(was_training)
    return Score(float(np.mean(ious)) if ious else 0.0, float(np.mean(f1s)) if f1s else float("nan"))


def class_ious(found: NDArray[np.uint32], mask: NDArray[np.int64], rules: LabelRules) -> list[float]:
    """IoU of every class that stands in the mask or was found; `found` has PLANE_DIVISOR."""
    ious: list[float] = []
    truth, guess = (
        class_map(ids, rules.class_ids, divisor)
        for ids, divisor in ((mask, rules.label_divisor), (found, PLANE_DIVISOR))
    )
    for index in range(1, len(rules.class_ids) + 1):
        union = np.count_nonzero((truth == index) | (guess == index))
        if union:
            ious.append(float(np.count_nonzero((truth == index) & (guess == index)) / union))
    return ious


def instance_f1(found: NDArray[np.uint32], mask: NDArray[np.int64], rules: LabelRules) -> list[float]:
    """F1 at IoU .5 of the instances of every thing class in the plane, against the mask's connected pieces."""
    scores = []
    for thing in rules.things:
        truth = connected_pieces(np.where(mask // rules.label_divisor == thing, mask, 0))
        guess = connected_pieces(np.where(found // PLANE_DIVISOR == thing, found, 0).astype(np.int64))
        n_truth, n_guess = int(truth.max(initial=0)), int(guess.max(initial=0))
        if n_truth + n_guess:
            scores.append(2 * _matches(truth, guess, n_guess) / (n_truth + n_guess))
    return scores


def _matches(truth: NDArray[np.int32], guess: NDArray[np.int32], n_guess: int) -> int:
    """Count pairs with IoU above one half; above it no object can have two partners."""
    both = truth.astype(np.int64) * (n_guess + 1) + guess
    pairs, shared = np.unique(both, return_counts=True)
    rows, columns = np.divmod(pairs, n_guess + 1)
    sizes_truth, sizes_guess = np.bincount(truth.ravel()), np.bincount(guess.ravel())
    union = sizes_truth[rows] + sizes_guess[columns] - shared
    return int(np.count_nonzero((rows > 0) & (columns > 0) & (shared > 0.5 * union)))


@torch.inference_mode()
def segment(network: nn.Module, grey: NDArray[np.float32], multiple: int, rules: LabelRules) -> NDArray[np.uint32]:
    """Segment a whole normalised plane (h, w) at full size into ids class * divisor + k, with default thresholds."""
    height, width = grey.shape
    padded = np.pad(grey, ((0, -height % multiple), (0, -width % multiple)))
    images = torch.from_numpy(padded)[None, None].to(next(network.parameters()).device)
    outputs = network.predict(images.contiguous(memory_format=torch.channels_last), 2, False)  # type: ignore[operator]
    logits = outputs["semantic_logits"][0].float()
    probabilities = torch.sigmoid(logits) if len(logits) == 1 else torch.softmax(logits, dim=0)
    return panoptic_plane(
        probabilities[:, :height, :width].cpu().numpy(),
        outputs["centre_heatmap"][0, 0].float().cpu().numpy(),
        outputs["offsets"][0].float().cpu().numpy(),
        things=rules.things,
        segmentation_confidence=0.5,
        centre_confidence=0.1,
        centre_min_distance=3,
        fine_boundaries=False,
        semantic_only=False,
        label_divisor=PLANE_DIVISOR,
    )
