"""What a panoptic network is to learn from one labelled patch: class map, centre heatmap and offsets."""

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray
from skimage.measure import label as connected_regions

HEATMAP_SIGMA = 6.0
FRAGMENT_FRACTION = 0.1


class Targets(NamedTuple):
    """Training targets of one patch of h x w pixels."""

    classes: NDArray[np.int64]
    """(h, w) index of the semantic class, 0 is background."""
    heatmap: NDArray[np.float32]
    """(1, h, w) Gaussians around the instances' centres, each with a peak of 1."""
    offsets: NDArray[np.float32]
    """(2, h, w) y and x distance in pixels from each instance pixel to its centre, 0 elsewhere."""


def make_targets(
    mask: NDArray[np.integer], class_ids: tuple[int, ...], things: tuple[int, ...], label_divisor: int
) -> Targets:
    """Turn a mask of ids class * label_divisor + k (h, w) into the targets of Panoptic-DeepLab (arXiv 1911.10194).

    Every connected piece of an instance has its own centre, since a crop may cut one object into several; specks below
    a tenth of their object's largest piece belong to that piece. `class_ids` are sorted; index 1 is the first.
    """
    classes = class_map(mask, class_ids, label_divisor)
    thing_index = [1 + class_ids.index(thing) for thing in things]
    instances = np.where(np.isin(classes, thing_index), mask, 0).astype(np.int64)
    pieces = connected_pieces(instances)
    centres = centroids(pieces)
    heatmap = np.zeros(mask.shape, np.float32)
    _draw_gaussians(heatmap, centres, HEATMAP_SIGMA)
    return Targets(classes, heatmap[None], _offsets(pieces, centres))


def class_map(mask: NDArray[np.integer], class_ids: tuple[int, ...], label_divisor: int) -> NDArray[np.int64]:
    """Give the class index (0 background, 1 the first of `class_ids`) of every pixel of a mask."""
    table = np.zeros(max(class_ids) + 1, np.int64)
    table[list(class_ids)] = np.arange(1, len(class_ids) + 1)
    found: NDArray[np.int64] = table[np.asarray(mask, np.int64) // label_divisor]
    return found


def connected_pieces(instances: NDArray[np.int64]) -> NDArray[np.int32]:
    """Number the 8-connected pieces of equal ids 1..n; specks get the number of their object's largest piece."""
    pieces: NDArray[np.int32] = connected_regions(instances, background=0, connectivity=2).astype(np.int32)
    count = int(pieces.max(initial=0))
    if count < 2:
        return pieces
    sizes = np.bincount(pieces.ravel(), minlength=count + 1)
    owners = np.zeros(count + 1, np.int64)
    owners[pieces.ravel()] = instances.ravel()
    table = np.arange(count + 1, dtype=np.int32)
    for owner in np.unique(owners[1:]):
        mine = np.flatnonzero(owners == owner)
        mine = mine[mine > 0]
        largest = mine[np.argmax(sizes[mine])]
        table[mine[sizes[mine] < FRAGMENT_FRACTION * sizes[largest]]] = largest
    renumbered = np.unique(table[1:], return_inverse=True)[1]
    table[1:] = renumbered.astype(np.int32) + 1
    return table[pieces]


def centroids(pieces: NDArray[np.int32]) -> NDArray[np.float32]:
    """Mean y, x of the pieces 1..n as rows 0..n-1 of an (n, 2) array."""
    count = int(pieces.max(initial=0))
    y, x = np.nonzero(pieces)
    numbers = pieces[y, x]
    sizes = np.bincount(numbers, minlength=count + 1)[1:]
    sums = [np.bincount(numbers, weights=axis, minlength=count + 1)[1:] for axis in (y, x)]
    return (np.stack(sums, axis=1) / np.maximum(sizes, 1)[:, None]).astype(np.float32)


def _offsets(pieces: NDArray[np.int32], centres: NDArray[np.float32]) -> NDArray[np.float32]:
    table = np.concatenate([np.zeros((1, 2), np.float32), centres])
    grid = np.indices(pieces.shape, dtype=np.float32)
    away = table[pieces].transpose(2, 0, 1) - grid
    return np.where(pieces > 0, away, np.float32(0)).astype(np.float32)


@numba.njit(cache=True)
def _draw_gaussians(heatmap: NDArray[np.float32], centres: NDArray[np.float32], sigma: float) -> None:
    """Draw a Gaussian of peak 1 at the pixel nearest to each centre; where two meet the higher one stays."""
    height, width = heatmap.shape
    reach = int(4 * sigma)
    for k in range(centres.shape[0]):
        cy, cx = int(centres[k, 0] + 0.5), int(centres[k, 1] + 0.5)
        for y in range(max(cy - reach, 0), min(cy + reach + 1, height)):
            for x in range(max(cx - reach, 0), min(cx + reach + 1, width)):
                value = np.float32(np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * sigma * sigma)))
                heatmap[y, x] = max(heatmap[y, x], value)
