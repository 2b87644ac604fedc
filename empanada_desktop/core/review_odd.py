"""What the table of measures says: objects unlike the others of their class, hardly sure ones, and lonely threads."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.measure import Measurements
from empanada_desktop.core.review_confidence import Confidence
from empanada_desktop.core.suspicion import AXES, Place, Question, Suspicion

# From how many robust deviations an object is odd among those of its class, and how many there have to be.
ODD = 2.5
FEW = 8
# From how many times as long as thick an object is a thread, and how suspicious a thread that touches nothing can be.
THREAD = 4.0
MOST_OF_THREADS = 0.5

ODD_RULES: tuple[tuple[str, Question, bool, str, str], ...] = (
    ("voxels", "Real?", True, "Smaller than the rest", "Larger than the rest"),
    ("sphericity", "Split?", False, "Long and thin or ragged: sphericity {value:.2f}", ""),
    ("pixels", "Real?", True, "Smaller than the rest", "Larger than the rest"),
    ("circularity", "Split?", False, "Long and thin or ragged: circularity {value:.2f}", ""),
    ("grey_mean", "Real?", False, "Darker than the rest", "Lighter than the rest"),
    ("grey_sd", "Real?", False, "Smoother inside than the rest", "Rougher inside than the rest"),
)


def odd_ones(table: Measurements, wanted: set[int], label_divisor: int) -> Iterator[Suspicion]:
    """Yield what is odd about objects among those of their class: size, shape, grey value, in robust deviations."""
    classes = table.ids // label_divisor
    for class_id in np.unique(classes):
        rows = np.flatnonzero(classes == class_id)
        if len(rows) >= FEW:
            for rule in ODD_RULES:
                if rule[0] in table.values:
                    yield from _odd_by(table, rows, rule, wanted)


def _odd_by(
    table: Measurements, rows: NDArray[np.int64], rule: tuple[str, Question, bool, str, str], wanted: set[int]
) -> Iterator[Suspicion]:
    key, question, as_log, low, high = rule
    values = np.asarray(table.values[key][rows], np.float64)
    deviations = robust_deviations(np.log(np.maximum(values, 1)) if as_log else values)
    for row, value, deviation in zip(rows.tolist(), values, deviations, strict=True):
        words = high if deviation > 0 else low
        if abs(deviation) > ODD and words and int(table.ids[row]) in wanted:
            told = words.format(value=value) if "{" in words else f"{words}, {abs(deviation):.1f} deviations"
            asked = "Split?" if words.startswith("Larger") else question
            score = 0.9 * (1 - ODD / float(abs(deviation))) + 0.1
            yield Suspicion((int(table.ids[row]),), asked, "odd", told, score, _centre_of(table, row))


def robust_deviations(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (value - median) / (1.4826 · median absolute deviation): standard deviations where values are normal."""
    from_median = values - np.median(values)
    spread = 1.4826 * np.median(np.abs(from_median))
    return from_median / spread if spread > 0 else np.zeros_like(values)


def doubtful(table: Measurements, confidence: Confidence | None, wanted: set[int]) -> Iterator[Suspicion]:
    """Yield the objects of which the network was hardly sure."""
    for row, label_id in enumerate(table.ids.tolist()):
        score = confidence.doubt(label_id) if confidence is not None and label_id in wanted else 0.0
        if confidence is not None and score > 0:
            reason = f"Mean confidence {confidence.means[label_id]:.2f}, close to the cut at {confidence.cut:.2f}"
            yield Suspicion((label_id,), "Real?", "confidence", reason, score, _centre_of(table, row))


def threads(table: Measurements, wanted: set[int]) -> Iterator[Suspicion]:
    """Yield long, thin objects that lie inside the volume and touch nothing: what they belong to may be missing.

    None in a single plane: there they may go on above and below.
    """
    if "thickness" not in table.values:
        return
    for row, label_id in enumerate(table.ids.tolist()):
        longer = float(table.values["length"][row]) / max(1e-9, float(table.values["thickness"][row]))
        is_alone = not table.values["neighbours"][row] and table.values["border"][row] == "no"
        if label_id in wanted and is_alone and longer > THREAD:
            score = MOST_OF_THREADS * (1 - THREAD / longer)
            reason = f"{longer:.0f} times as long as thick, ends inside the volume and touches nothing"
            yield Suspicion((label_id,), "Real?", "thread", reason, score, _centre_of(table, row))


def _centre_of(table: Measurements, row: int) -> Place:
    z, y, x = (float(table.values[axis][row]) for axis in AXES)
    return z, y, x
