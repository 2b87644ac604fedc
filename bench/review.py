"""How well suspicions find faults that were planted into real segmentations, in area under the curve."""

from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy import ndimage

from bench import Row
from empanada_desktop.core.geometry import Spacing
from empanada_desktop.core.objects import ObjectIndex
from empanada_desktop.core.review import suspicions
from empanada_desktop.core.suspicion import Suspicion

TITLE = "Review: planted faults"
ROOT = Path(__file__).resolve().parents[1]
SPACING = Spacing(10.0, 10.0, 10.0, "the file")
THICK = Spacing(40.0, 5.9, 5.9, "the data's authors")
OTHER = ROOT.parent / "shared" / "data" / "cdeep3m_sbem"
SEEDS, SEEDS_OF_OTHER = 6, 4
LARGE, SMALLEST = 4000, 500

Labels = NDArray[Any]
Scores = NDArray[np.float64]


def run() -> list[Row]:
    """Plant faults into the program's own labels of the sample and into one that people drew; rank the objects."""
    rows = _rows("sample", *sample(), SPACING, SEEDS)
    if OTHER.is_dir():
        rows += _rows("mouse brain, serial block-face", *annotated(), THICK, SEEDS_OF_OTHER)
    return rows


def _rows(name: str, labels: Labels, grey: Labels, spacing: Spacing, seeds: int) -> list[Row]:
    planted: dict[str, list[float]] = {}
    untouched: list[float] = []
    above = []
    for seed in range(seeds):
        planter = Planter(labels.copy(), seed)
        planter.plant_all()
        found, others = scores_of(planter, grey, spacing)
        untouched += others.tolist()
        above += (found > np.median(others)).tolist()
        for kind, score in zip(planter.kinds, found.tolist(), strict=True):
            planted.setdefault(kind, []).append(score)
    rest = np.array(untouched)
    every = np.array([score for scores in planted.values() for score in scores])
    note = f"{len(every)} faults in {seeds} copies, {len(rest)} untouched objects"
    rows = [Row(f"{name}: all faults", area_under_curve(every, rest), "AUC", note)]
    rows += [
        Row(f"{name}: {kind}", area_under_curve(np.array(scores), rest), "AUC", f"{len(scores)} faults")
        for kind, scores in planted.items()
    ]
    return [*rows, Row(f"{name}: faults above the median untouched object", 100 * float(np.mean(above)), "%", "")]


def sample() -> tuple[Labels, Labels]:
    """Return the program's labels of the sample, which the tests keep, and the image."""
    with np.load(ROOT / "tests" / "data" / "proofread" / "medulla_labels.npz") as file:
        labels = np.where(file["labels"] > 0, file["labels"].astype(np.uint32) + 10_000, 0)
    return labels, tifffile.imread(ROOT / "resources" / "sample" / "medulla.tif")


def annotated() -> tuple[Labels, Labels]:
    """Return mitochondria that people drew in 20 thick sections, as objects that hang together, and the image."""
    mask = tifffile.imread(OTHER / "training_mito_semantic.tif") > 0
    parts, count = ndimage.label(mask)
    large = np.bincount(parts.ravel()) >= SMALLEST
    large[0] = False
    ids = np.zeros(count + 1, np.uint32)
    ids[large] = 10_001 + np.arange(np.count_nonzero(large))
    return ids[parts], tifffile.imread(OTHER / "training_raw.tif")


def area_under_curve(planted: Scores, untouched: Scores) -> float:
    """Return how often a planted fault scores higher than an untouched object; ties count half."""
    return float(np.mean([(score > untouched).mean() + (score == untouched).mean() / 2 for score in planted]))


def scores_of(planter: "Planter", grey: Labels, spacing: Spacing) -> tuple[Scores, Scores]:
    """Return the best score of each planted fault, and of each object that nobody touched."""
    scores = best_scores(suspicions(planter.labels, grey, spacing), planter.labels)
    touched = set().union(*planter.planted)
    planted = [max(scores[each] for each in ids if each in scores) for ids in planter.planted]
    return np.array(planted), np.array([score for each, score in scores.items() if each not in touched])


def best_scores(found: list[Suspicion], labels: Labels) -> dict[int, float]:
    """Return the highest score of each object, 0 for those nothing is said of."""
    scores = dict.fromkeys(ObjectIndex.of(labels).ids.tolist(), 0.0)
    for each in found:
        for label_id in each.ids:
            scores[label_id] = max(scores[label_id], each.score)
    return scores


class Planter:
    """Puts faults into labels, each into an object of its own."""

    def __init__(self, labels: Labels, seed: int) -> None:
        self.labels = labels
        self.planted: list[set[int]] = []
        self.kinds: list[str] = []
        self._draw = np.random.default_rng(seed)
        index = ObjectIndex.of(labels)
        self._boxes = index.boxes
        self._left = index.ids[index.voxels > LARGE].tolist()
        self._next = int(index.ids.max()) + 1
        self._draw.shuffle(self._left)

    def plant_all(self) -> None:
        """Plant one fault of each kind."""
        faults = {
            "one object cut in two": self.cut,
            "two objects joined by a bridge": self.join,
            "an object's shape where there is none": self.invent,
            "half an object cut off": self.cut_off,
            "a quarter of an object cut off": self.cut_quarter,
        }
        for kind, fault in faults.items():
            fault()
            self.kinds.append(kind)

    def cut(self) -> None:
        """Give the one half of an object an id of its own, across its longest axis."""
        label_id, part, mask = self._take()
        part[mask & (self._along(mask) > 0)] = self._new()
        self.planted.append({label_id, self._next - 1})

    def cut_off(self) -> None:
        """Erase the one half of an object along an axis."""
        label_id, part, mask = self._take()
        part[mask & self._beyond(mask, int(self._draw.integers(3)))] = 0
        self.planted.append({label_id})

    def cut_quarter(self) -> None:
        """Erase a quarter: from one plane to the next half of the area is gone."""
        label_id, part, mask = self._take()
        axis = int(self._draw.integers(3))
        part[mask & self._beyond(mask, axis) & self._beyond(mask, (axis + 1) % 3)] = 0
        self.planted.append({label_id})

    def join(self) -> None:
        """Join an object with its nearest neighbour by a bridge of seven voxels."""
        label_id, _, _ = self._take()
        own = self.labels == label_id
        apart, nearest = ndimage.distance_transform_edt(own | (self.labels == 0), return_indices=True)
        start = np.array(np.unravel_index(np.where(own, apart, np.inf).argmin(), own.shape))
        end = nearest[:, *start]
        for place in np.linspace(start, end, 2 * int(apart[tuple(start)]) + 2).round().astype(int):
            around = tuple(slice(max(0, at - 3), at + 4) for at in place)
            part = self.labels[around]
            squares = sum(
                (grid + cut.start - at) ** 2
                for grid, cut, at in zip(np.indices(part.shape), around, place, strict=True)
            )
            part[(squares <= 9) & (part == 0)] = label_id
        other = int(self.labels[tuple(end)])
        self.labels[self.labels == other] = label_id
        self._left = [each for each in self._left if each != other]
        self.planted.append({label_id})

    def invent(self) -> None:
        """Put the shape of an object where nothing was found."""
        mask = self.labels[self._boxes[self._left[-1]].slices] == self._left[-1]
        while True:
            start = [
                int(self._draw.integers(whole - side))
                for whole, side in zip(self.labels.shape, mask.shape, strict=True)
            ]
            part = self.labels[tuple(slice(first, first + side) for first, side in zip(start, mask.shape, strict=True))]
            if not part[mask].any():
                part[mask] = self._new()
                self.planted.append({self._next - 1})
                return

    def _take(self) -> tuple[int, Labels, NDArray[np.bool_]]:
        label_id = self._left.pop()
        part = self.labels[self._boxes[label_id].slices]
        return label_id, part, part == label_id

    def _new(self) -> int:
        self._next += 1
        return self._next - 1

    def _along(self, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        places = np.argwhere(mask)
        longest = np.linalg.eigh(np.cov(places.T))[1][:, 2]
        return np.tensordot(longest, np.indices(mask.shape) - places.mean(axis=0)[:, None, None, None], 1)

    def _beyond(self, mask: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
        return np.asarray(np.indices(mask.shape)[axis] > np.argwhere(mask)[:, axis].mean())
