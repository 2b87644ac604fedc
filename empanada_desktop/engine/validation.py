"""Score a network on labelled planes, segmenting them as the program does with its default thresholds."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.components import connected_parts
from empanada_desktop.core.context import JobContext
from empanada_desktop.core.metrics import match_objects_at
from empanada_desktop.core.overlap import contingency
from empanada_desktop.engine.data import LabelRules
from empanada_desktop.engine.networks import PanopticNetwork
from empanada_desktop.engine.plane import PLANE_DIVISOR, PlaneSettings, segment_plane
from empanada_desktop.engine.predictor import Predictor
from empanada_desktop.engine.targets import class_map
from empanada_desktop.io.datasets import TrainingSet, load_pair

F1_THRESHOLD = 0.5


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
    network: PanopticNetwork,
    planes: TrainingSet,
    rules: LabelRules,
    norms: tuple[float, float],
    context: JobContext,
) -> Score:
    """Segment every plane of a set and average the scores; can be cancelled after each plane."""
    was_training, ious, f1s = network.training, list[float](), list[float]()
    device = next(network.parameters()).device
    try:
        predictor = Predictor(
            network, mean=norms[0], std=norms[1], padding_factor=network.config.size_factor, device=device
        )
        for number, item in enumerate(planes.images):
            context.check_cancelled()
            image, mask = load_pair(item, rules.class_ids, rules.label_divisor)
            found = segment(predictor, image / np.float32(item.white), rules)
            ious += class_ious(found, mask, rules)
            f1s += instance_f1(found, mask, rules)
            context.report(number + 1, len(planes.images), "Scoring the validation images")
    finally:
        network.train(was_training)
    return Score(float(np.mean(ious)) if ious else 0.0, float(np.mean(f1s)) if f1s else float("nan"))


def segment(predictor: Predictor, grey: NDArray[np.floating], rules: LabelRules) -> NDArray[np.uint32]:
    """Segment a plane of grey values in 0..1 (h, w) into ids class * PLANE_DIVISOR + k."""
    settings = PlaneSettings(things=frozenset(rules.things))
    return segment_plane(predictor, grey.astype(np.float32), settings, PLANE_DIVISOR)[0]


def class_ious(found: NDArray[np.uint32], mask: NDArray[np.int64], rules: LabelRules) -> list[float]:
    """IoU of every class that stands in the mask or was found; `found` has PLANE_DIVISOR, `mask` that of the rules."""
    ious: list[float] = []
    truth = class_map(mask, rules.class_ids, rules.label_divisor)
    guess = class_map(found, rules.class_ids, PLANE_DIVISOR)
    for index in range(1, len(rules.class_ids) + 1):
        union = np.count_nonzero((truth == index) | (guess == index))
        if union:
            ious.append(float(np.count_nonzero((truth == index) & (guess == index)) / union))
    return ious


def instance_f1(found: NDArray[np.uint32], mask: NDArray[np.int64], rules: LabelRules) -> list[float]:
    """F1 at IoU .5 of every thing class in the plane; each connected part of an id is an object, on either side."""
    scores = []
    for thing in rules.things:
        truth = connected_parts(np.where(mask // rules.label_divisor == thing, mask, 0).astype(np.uint32))
        guess = connected_parts(np.where(found // PLANE_DIVISOR == thing, found, 0).astype(np.uint32))
        f1 = match_objects_at(contingency(truth, guess), F1_THRESHOLD).f1
        if not np.isnan(f1):
            scores.append(f1)
    return scores
