"""How well predicted objects agree with true ones, from contingency tables (first: truth, second: prediction).

Tables add up over blocks, and scores over planes, so that volumes larger than memory can be scored.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.matching import assign_pairs
from empanada_desktop.core.overlap import Contingency, add_contingencies, iou

AP_THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
NOTHING = float("nan")
Ids = NDArray[np.uint32]
Places = NDArray[np.int64]


def _ratio(part: float, whole: float) -> float:
    """Return part / whole, NaN where there is nothing to divide by: neither truth nor prediction."""
    return part / whole if whole else NOTHING


@dataclass(frozen=True)
class Matches:
    """Outcome of matching predicted to true objects one to one: counts, and the sum of the matched pairs' IoU.

    Every ratio is NaN when there is no object on either side.
    """

    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0
    iou_sum: float = 0.0

    def __add__(self, other: "Matches") -> "Matches":
        """Pool the objects of two planes or volumes."""
        return Matches(
            self.true_positives + other.true_positives,
            self.false_positives + other.false_positives,
            self.false_negatives + other.false_negatives,
            self.iou_sum + other.iou_sum,
        )

    @property
    def precision(self) -> float:
        """Part of the predicted objects that are true."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Part of the true objects that were found."""
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN), the harmonic mean of precision and recall; at IoU > .5 the recognition quality."""
        missed = self.false_positives + self.false_negatives
        return _ratio(2 * self.true_positives, 2 * self.true_positives + missed)

    @property
    def average_precision(self) -> float:
        """TP / (TP + FP + FN), what is called average precision for objects without a confidence."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives + self.false_negatives)

    @property
    def segmentation_quality(self) -> float:
        """Mean IoU of the matched pairs; 0 when objects exist and none matches."""
        return self.iou_sum / self.true_positives if self.true_positives else 0.0 * self.f1

    @property
    def panoptic_quality(self) -> float:
        """Segmentation quality times F1 (Kirillov et al., CVPR 2019, equation 1)."""
        return self.segmentation_quality * self.f1


def match_objects_at(table: Contingency, threshold: float, *, inclusive: bool = True) -> Matches:
    """Match true and predicted objects with IoU >= `threshold` (> unless `inclusive`).

    As many pairs as possible, and of those choices the one with the largest sum of IoU. From IoU > .5 on an object has
    no choice, so the matching is the only one.
    """
    first, _, scores = _pairs(table, threshold, inclusive)
    hits = len(first)
    n_true, n_found = len(table.first_areas[0]), len(table.second_areas[0])
    return Matches(hits, n_found - hits, n_true - hits, float(scores.sum()))


def unmatched(table: Contingency, threshold: float) -> tuple[Ids, Ids]:
    """Return the ids of true objects that were missed, and of predicted ones invented, at IoU >= `threshold`."""
    first, second, _ = _pairs(table, threshold, True)
    true_ids, found_ids = table.first_areas[0], table.second_areas[0]
    return np.delete(true_ids, first), np.delete(found_ids, second)


def _pairs(table: Contingency, threshold: float, inclusive: bool) -> tuple[Places, Places, NDArray[np.float64]]:
    """Return the matched objects, by their places among the ids of either side, and the IoU of each pair."""
    true_ids, true_areas = table.first_areas
    found_ids, found_areas = table.second_areas
    both = table.overlaps
    first = np.searchsorted(true_ids, both.first).astype(np.int64)
    second = np.searchsorted(found_ids, both.second).astype(np.int64)
    scores = iou(both.voxels, true_areas[first], found_areas[second])
    good = scores >= threshold if inclusive else scores > threshold
    first, second, scores = first[good], second[good], scores[good]
    chosen = assign_pairs(first, second, 1 + scores / (2 * len(scores) + 1))
    return first[chosen], second[chosen], scores[chosen]


def by_class(table: Contingency, label_divisor: int) -> dict[int, Contingency]:
    """Return a table for each class of either side, in which objects of other classes are background.

    Where the two sides share no class, ids were numbered in different ways, and nothing is known of classes: no tables.
    """
    classes = [ids.astype(np.int64) // label_divisor for ids in (table.first, table.second)]
    of_first, of_second = set(classes[0][table.first > 0].tolist()), set(classes[1][table.second > 0].tolist())
    found: dict[int, Contingency] = {}
    for class_id in sorted(of_first | of_second) if of_first & of_second else ():
        first = np.where(classes[0] == class_id, table.first, 0)
        second = np.where(classes[1] == class_id, table.second, 0)
        kept = (first > 0) | (second > 0)
        found[class_id] = add_contingencies([Contingency(first[kept], second[kept], table.voxels[kept])])
    return found


@dataclass(frozen=True)
class Scores:
    """Every score of one plane, of pooled planes, or of a volume.

    `intersection` and `union` count foreground voxels; `by_threshold` holds the matches at IoU >= each threshold;
    `strict` those at IoU > .5, which panoptic quality is defined by.
    """

    intersection: int
    union: int
    by_threshold: dict[float, Matches]
    strict: Matches

    def __add__(self, other: "Scores") -> "Scores":
        """Pool two planes; both were scored at the same thresholds."""
        pooled = {
            threshold: matches + other.by_threshold[threshold] for threshold, matches in self.by_threshold.items()
        }
        strict = self.strict + other.strict
        return Scores(self.intersection + other.intersection, self.union + other.union, pooled, strict)

    @property
    def iou(self) -> float:
        """Intersection over union of the two foregrounds (semantic IoU)."""
        return _ratio(self.intersection, self.union)

    @property
    def average_precision(self) -> float:
        """Mean over IoU .5, .55 … .95 of TP / (TP + FP + FN)."""
        return float(np.mean([self.by_threshold[threshold].average_precision for threshold in AP_THRESHOLDS]))


def score_table(table: Contingency, thresholds: Iterable[float] = ()) -> Scores:
    """Score a contingency table of truth (first) and prediction (second), at the AP thresholds and `thresholds`."""
    by_threshold = {threshold: match_objects_at(table, threshold) for threshold in {*AP_THRESHOLDS, *thresholds}}
    strict = match_objects_at(table, 0.5, inclusive=False)
    return Scores(int(table.overlaps.voxels.sum()), int(table.voxels.sum()), by_threshold, strict)
