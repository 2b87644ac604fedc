"""Score mitochondria weights: IoU and F1 at .5 per plane on the test blocks, and look at the FlyEM volumes.

    python training/evaluate_mitochondria.py WEIGHTS SET [--flyem DATA/flyem_medulla_fibsem] [--picture OUT.png]

WEIGHTS is a name in the library or the path of a descriptor, SET what prepare_mitochondria.py made. The FlyEM labels
were made without a person: their figures say how alike two segmentations are, not how good either is.
"""

import argparse
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Axis, plane_index
from empanada_desktop.core.grey import grey_range
from empanada_desktop.engine.data import LabelRules
from empanada_desktop.engine.plane import PLANE_DIVISOR
from empanada_desktop.engine.predictor import Predictor
from empanada_desktop.engine.validation import class_ious, instance_f1, segment
from empanada_desktop.io.datasets import load_pair, read_training_set
from empanada_desktop.io.weights import find_weights

RULES = LabelRules()
FLYEM_PLANES = 10
SAMPLES = ("training_sample1", "training_sample2", "validation_crop200")


def tell(title: str, scores: list[tuple[float, float]]) -> None:
    """Print the mean and the range over planes, as a row of a Markdown table."""
    cells = [f"{figures.mean():.3f} ({figures.min():.3f}–{figures.max():.3f})" for figures in np.array(scores).T]
    print(f"| {title} | {len(scores)} | {cells[0]} | {cells[1]} |", flush=True)  # noqa: T201


def score(found: NDArray[np.uint32], mask: NDArray[np.int64]) -> tuple[float, float]:
    """IoU and F1 at .5 of one plane."""
    return float(np.mean(class_ious(found, mask, RULES))), float(np.mean(instance_f1(found, mask, RULES)))


def score_blocks(predictor: Predictor, folder: Path, pictures: list[tuple[str, NDArray, NDArray, NDArray]]) -> None:
    """Score every sub-data-set of one part of the set; the middle plane of each becomes a picture."""
    planes = read_training_set(folder, RULES.class_ids, RULES.label_divisor)
    for subset in planes.subsets:
        scores = []
        items = [item for item in planes.images if item.subset == subset]
        for number, item in enumerate(items):
            image, mask = load_pair(item, RULES.class_ids, RULES.label_divisor)
            found = segment(predictor, image / np.float32(item.white), RULES)
            scores.append(score(found, mask))
            if number == len(items) // 2:
                pictures.append((f"{folder.name} {item.image.stem}", image, found, mask))
        tell(f"{folder.name} {subset}", scores)


def score_flyem(predictor: Predictor, folder: Path, pictures: list[tuple[str, NDArray, NDArray, NDArray]]) -> None:
    """Compare with the silver labels in all three orientations."""
    for sample in SAMPLES:
        raw = tifffile.imread(folder / f"{sample}_raw.tif")
        silver = tifffile.imread(folder / f"{sample}_mito_silver_instances.tif").astype(np.int64)
        grey = grey_range(lambda z, raw=raw: raw[z], len(raw), raw.dtype)
        for axis in Axis:
            scores = []
            for index in np.linspace(0, raw.shape[axis.normal] - 1, FLYEM_PLANES + 2).astype(int)[1:-1]:
                plane, ids = raw[plane_index(axis, index)], silver[plane_index(axis, index)]
                mask = np.where(ids > 0, ids + RULES.label_divisor, 0)
                found = segment(predictor, grey.scale(plane), RULES)
                if mask.any():
                    scores.append(score(found, mask))
            tell(f"{sample} {axis} (silver)", scores)
            pictures.append((f"{sample} {axis} {index}", plane, found, mask))


def draw(pictures: list[tuple[str, NDArray, NDArray, NDArray]], path: Path) -> None:
    """Show planes with the outlines of what was found (yellow) and of the labels (blue)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = 3
    rows = -(-len(pictures) // columns)
    figure = Figure(figsize=(5 * columns, 5 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (title, image, found, mask) in zip(figure.subplots(rows, columns).flat, pictures, strict=False):
        axes.imshow(image, cmap="gray")
        axes.contour(mask > 0, [0.5], colors="deepskyblue", linewidths=0.6)
        axes.contour(found >= PLANE_DIVISOR, [0.5], colors="yellow", linewidths=0.8)
        axes.set(title=title, xticks=[], yticks=[])
    figure.savefig(path, dpi=90)


def main() -> None:
    """Score what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights")
    parser.add_argument("set", type=Path)
    parser.add_argument("--flyem", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--parts", nargs="+", default=["test"], help="test, validation, train")
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    predictor = Predictor.from_weights(find_weights(options.weights), use_gpu=False, threads=options.threads)
    pictures: list[tuple[str, NDArray, NDArray, NDArray]] = []
    print("| planes of | number | IoU, mean (range) | F1 at IoU .5, mean (range) |\n|---|---|---|---|")  # noqa: T201
    for part in options.parts:
        score_blocks(predictor, options.set / part, pictures)
    if options.flyem:
        score_flyem(predictor, options.flyem, pictures)
    if options.picture:
        draw(pictures, options.picture)


if __name__ == "__main__":
    main()
