"""Milliseconds of growing, shrinking and filling labelled objects, in planes and volumes."""

import statistics
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bench import Row
from empanada_desktop.core.holes import fill_holes
from empanada_desktop.core.morphology import dilate_labels, erode_labels

TITLE = "Growing, shrinking, filling objects"
CASES = (((1024, 1024), 600, 14, (1, 5, 20)), ((128, 128, 128), 250, 9, (1, 5, 20)))
REPEATS = 3


def run() -> list[Row]:
    """Time each on round objects that touch one another, every second one hollow; processor time, one thread."""
    return [row for shape, count, radius, amounts in CASES for row in _case_rows(shape, count, radius, amounts)]


def _case_rows(shape: tuple[int, ...], count: int, radius: int, amounts: tuple[int, ...]) -> list[Row]:
    labels = touching_balls(shape, count, radius)
    size = " × ".join(map(str, shape))
    note = f"{count} objects in {size}, median of {REPEATS}"
    steps: dict[str, Callable[[], object]] = {"fill holes": lambda: fill_holes(labels)}
    for amount in amounts:
        steps[f"dilate by {amount}"] = lambda amount=amount: dilate_labels(labels, amount)  # type: ignore[misc]
        steps[f"erode by {amount}"] = lambda amount=amount: erode_labels(labels, amount)  # type: ignore[misc]
    return [Row(f"{size}: {name}", _milliseconds(step), "ms", note) for name, step in steps.items()]


def _milliseconds(step: Callable[[], object]) -> float:
    step()
    seconds = []
    for _ in range(REPEATS):
        started = time.process_time()
        step()
        seconds.append(time.process_time() - started)
    return statistics.median(seconds) * 1000


def touching_balls(shape: tuple[int, ...], count: int, radius: int) -> NDArray[np.uint32]:
    """Return `count` discs or balls at random places, earlier ones over later ones, every second one hollow."""
    draw = np.random.default_rng(0)
    labels = np.zeros(shape, np.uint32)
    for number in range(1, count + 1):
        centre = [int(draw.integers(0, side)) for side in shape]
        box = tuple(
            slice(max(0, place - radius), min(side, place + radius + 1))
            for place, side in zip(centre, shape, strict=True)
        )
        squares = [(np.arange(span.start, span.stop) - place) ** 2 for span, place in zip(box, centre, strict=True)]
        distances = sum(np.ix_(*squares), start=np.zeros(1, np.int64))
        free = labels[box] == 0
        labels[box][free & (distances <= radius**2)] = number
        if number % 2:
            labels[box][free & (distances <= (radius // 3) ** 2)] = 0
    return labels
