"""Training curves as a table and as a picture."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

COLUMNS = ("step", "seconds", "loss", "semantic", "heatmap", "offsets", "points", "overlap", "rate", "iou", "f1")


def write_metrics(path: Path, rows: Sequence[dict[str, float]]) -> None:
    """Write one line per step and per validation; cells that do not apply stay empty."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, restval="")
        table.writeheader()
        table.writerows(rows)


def draw_curves(path: Path, rows: Sequence[dict[str, float]]) -> None:
    """Draw the loss (running mean of 20 steps) and the validation scores over the steps."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    steps = [row for row in rows if "loss" in row]
    scores = [row for row in rows if "iou" in row]
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    if steps:
        loss = np.array([row["loss"] for row in steps])
        window = min(20, len(loss))
        smooth = np.convolve(loss, np.ones(window) / window, mode="valid")
        left.plot([row["step"] for row in steps][window - 1 :], smooth, color="tab:blue")
        left.set_yscale("log")
    left.set(xlabel="step", ylabel=f"training loss, mean of {min(20, max(1, len(steps)))} steps")
    for name, title in (("iou", "IoU"), ("f1", "F1 at IoU .5")):
        right.plot([row["step"] for row in scores], [row[name] for row in scores], marker="o", label=title)
    right.set(xlabel="step", ylabel="validation", ylim=(0, 1))
    right.legend(loc="lower right")
    figure.savefig(path, dpi=110)
