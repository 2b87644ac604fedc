"""Training samples by number: the same seed, step and place in the batch always give the same patch."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from empanada_desktop.engine.augment import Augmentation, cut_patch, draw_centre, draw_matrix, vary_grey
from empanada_desktop.engine.targets import make_targets
from empanada_desktop.io.datasets import LabelledImage, TrainingSet, load_pair


@dataclass(frozen=True)
class LabelRules:
    """How masks are to be read: which classes there are, which have instances, and the divisor between them."""

    class_ids: tuple[int, ...] = (1,)
    things: tuple[int, ...] = (1,)
    label_divisor: int = 1000


@dataclass(frozen=True)
class Sampling:
    """How often the sub-data-sets are drawn: in proportion to share * (number of images) ** gamma."""

    gamma: float = 0.3
    shares: Mapping[str, float] = field(default_factory=dict)

    def chances(self, training_set: TrainingSet) -> NDArray[np.float64]:
        """Chance of each image to be drawn; they add up to 1."""
        names = [item.subset for item in training_set.images]
        sizes = {subset: names.count(subset) for subset in training_set.subsets}
        weights = {name: self.shares.get(name, 1.0) * size**self.gamma for name, size in sizes.items()}
        total = sum(weights.values())
        return np.array([weights[name] / (total * sizes[name]) for name in names])


class PatchDataset(Dataset[dict[str, Tensor]]):
    """Augmented patches of a training set with their targets; item n belongs to step n // batch_size.

    A sample holds "images" (1, P, P) normalised float32, "classes" (P, P) int64, "heatmap" (1, P, P) and
    "offsets" (2, P, P) float32.
    """

    def __init__(
        self,
        training_set: TrainingSet,
        rules: LabelRules,
        patch_size: int,
        batch_size: int,
        norms: tuple[float, float],
        augmentation: Augmentation,
        sampling: Sampling,
        seed: int,
    ) -> None:
        self.items = training_set.images
        self.rules = rules
        self.patch_size = patch_size
        self.batch_size = batch_size
        self.norms = norms
        self.augmentation = augmentation
        self.chances = sampling.chances(training_set)
        self.seed = seed
        self._planes: dict[int, tuple[NDArray[np.integer], NDArray[np.integer]]] = {}

    def __len__(self) -> int:
        return 2**62

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        step, place = divmod(number, self.batch_size)
        rng = np.random.default_rng([self.seed, step, place])
        return self.sample(rng)

    def sample(self, rng: np.random.Generator) -> dict[str, Tensor]:
        """Draw one patch with its targets."""
        index = int(rng.choice(len(self.items), p=self.chances))
        item = self.items[index]
        image, mask = self._load(index)
        matrix = draw_matrix(rng, self.augmentation, self.augmentation.scale_of(item.subset))
        centre = draw_centre(rng, mask, matrix, self.patch_size, self.augmentation.foreground)
        fill = self.norms[0] * item.white
        picture, ids = cut_patch(image, mask, matrix, centre, self.patch_size, fill)
        picture = vary_grey(rng, picture / np.float32(item.white), self.augmentation)
        return self._tensors(picture, ids)

    def images(self, n_batches: int, device: torch.device) -> Iterator[Tensor]:
        """Yield the images alone (N, 1, P, P) of some batches that no training step gets."""
        for batch in range(n_batches):
            rngs = (np.random.default_rng([self.seed, 2**40 + batch, place]) for place in range(self.batch_size))
            yield torch.stack([self.sample(rng)["images"] for rng in rngs]).to(device)

    def _tensors(self, picture: NDArray[np.float32], ids: NDArray[np.int64]) -> dict[str, Tensor]:
        mean, std = self.norms
        targets = make_targets(ids, self.rules.class_ids, self.rules.things, self.rules.label_divisor)
        return {
            "images": torch.from_numpy((picture - np.float32(mean)) / np.float32(std))[None],
            "classes": torch.from_numpy(targets.classes),
            "heatmap": torch.from_numpy(targets.heatmap),
            "offsets": torch.from_numpy(targets.offsets),
        }

    def _load(self, index: int) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
        if index not in self._planes:
            item: LabelledImage = self.items[index]
            image, mask = load_pair(item, self.rules.class_ids, self.rules.label_divisor)
            self._planes[index] = image, mask.astype(np.uint32)
        return self._planes[index]

    def __getstate__(self) -> dict[str, object]:
        """Leave the loaded planes behind: worker processes read their own."""
        return {**self.__dict__, "_planes": {}}


class StepSampler:
    """Numbers of the samples of steps `first` up to `last`, in order."""

    def __init__(self, first: int, last: int, batch_size: int) -> None:
        self.numbers = range(first * batch_size, last * batch_size)

    def __iter__(self) -> Iterator[int]:
        return iter(self.numbers)

    def __len__(self) -> int:
        return len(self.numbers)


def batches(dataset: PatchDataset, first: int, last: int, workers: int = 0) -> Iterator[dict[str, Tensor]]:
    """Yield the batches of steps `first` up to `last`; worker processes change the speed, never the samples."""
    loader = DataLoader(
        dataset,
        batch_size=dataset.batch_size,
        sampler=StepSampler(first, last, dataset.batch_size),
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
    )
    return iter(loader)
