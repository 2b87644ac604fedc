"""How much the objects of two label images overlap: contingency in one pass, IoU, intersection over area."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Ids = NDArray[np.uint32]

HASH_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio (Knuth, TAOCP vol. 3, 6.4)
EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)


@dataclass(frozen=True)
class Contingency:
    """Voxels that two label images share, for every pair of ids that occurs, but not for (0, 0).

    `first[i]` and `second[i]` (uint32) share `voxels[i]` (int64); 0 is the background. Sorted by first, then second.
    """

    first: Ids
    second: Ids
    voxels: Counts

    @property
    def overlaps(self) -> "Contingency":
        """Only the pairs of two objects, without the background."""
        both = (self.first > 0) & (self.second > 0)
        return Contingency(self.first[both], self.second[both], self.voxels[both])

    @property
    def first_areas(self) -> tuple[Ids, Counts]:
        """Ids of the first image's objects, ascending, and the voxels of each."""
        return _sum_by(self.first, self.voxels)

    @property
    def second_areas(self) -> tuple[Ids, Counts]:
        """Ids of the second image's objects, ascending, and the voxels of each."""
        return _sum_by(self.second, self.voxels)


def _sum_by(ids: Ids, voxels: Counts) -> tuple[Ids, Counts]:
    inside = ids > 0
    unique, inverse = np.unique(ids[inside], return_inverse=True)
    totals = np.zeros(len(unique), np.int64)
    np.add.at(totals, inverse, voxels[inside])
    return unique, totals


@njit(cache=True, nogil=True)
def find_slot(keys: NDArray[np.uint64], key: np.uint64) -> int:
    """Return where `key` stands, or where it belongs, in an open hash table of 2^n slots."""
    mask = np.uint64(keys.size - 1)
    slot = ((key * HASH_FACTOR) >> np.uint64(32)) & mask
    while keys[slot] != EMPTY and keys[slot] != key:
        slot = (slot + np.uint64(1)) & mask
    return int(slot)


@njit(cache=True, nogil=True)
def double_slots(keys: NDArray[np.uint64], counts: Counts) -> tuple[NDArray[np.uint64], Counts]:
    """Return the table in twice the slots."""
    new_keys = np.full(2 * keys.size, EMPTY, np.uint64)
    new_counts = np.zeros(2 * keys.size, np.int64)
    for old in range(keys.size):
        if keys[old] != EMPTY:
            slot = find_slot(new_keys, keys[old])
            new_keys[slot] = keys[old]
            new_counts[slot] = counts[old]
    return new_keys, new_counts


@njit(cache=True, nogil=True)
def _count_pairs(first: Ids, second: Ids) -> tuple[NDArray[np.uint64], Counts]:
    """Count equal pairs of two flat images; a run of equal pairs costs one look-up."""
    keys = np.full(1024, EMPTY, np.uint64)
    counts = np.zeros(1024, np.int64)
    used = 0
    position = 0
    while position < first.size:
        start = position
        a, b = first[start], second[start]
        while position < first.size and first[position] == a and second[position] == b:
            position += 1
        if a == 0 and b == 0:
            continue
        key = (np.uint64(a) << np.uint64(32)) | np.uint64(b)
        slot = find_slot(keys, key)
        if keys[slot] == EMPTY:
            keys[slot] = key
            used += 1
        counts[slot] += position - start
        if 2 * used > keys.size:
            keys, counts = double_slots(keys, counts)
    filled = keys != EMPTY
    return keys[filled], counts[filled]


def contingency(first: NDArray[np.integer], second: NDArray[np.integer]) -> Contingency:
    """Count the voxels of every pair of ids in two label images of one shape, ids 0 to 2^32 - 1, in one pass.

    The key of all ones, both ids 2^32 - 1, is taken for an empty slot: such ids are refused with ValueError.
    """
    if first.shape != second.shape:
        raise ValueError(f"label images of shapes {first.shape} and {second.shape}")
    flat = [_as_uint32(labels) for labels in (first, second)]
    keys, counts = _count_pairs(*flat)
    return _sorted(keys, counts)


def _as_uint32(labels: NDArray[np.integer]) -> Ids:
    """Return the labels as flat uint32; raise ValueError when an id does not fit."""
    if labels.size and labels.dtype not in (np.uint8, np.uint16):
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or high >= 2**32 - 1:
            raise ValueError(f"ids from {low} to {high} do not fit in 32 bits")
    return np.ascontiguousarray(labels, np.uint32).ravel()


def _sorted(keys: NDArray[np.uint64], counts: Counts) -> Contingency:
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = (keys >> np.uint64(32)).astype(np.uint32)
    second = (keys & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    return Contingency(first, second, counts[order])


def add_contingencies(parts: Iterable[Contingency]) -> Contingency:
    """Sum the tables of several blocks, whose ids mean the same objects in all of them."""
    tables = list(parts)
    if not tables:
        return Contingency(np.zeros(0, np.uint32), np.zeros(0, np.uint32), np.zeros(0, np.int64))
    first = np.concatenate([table.first for table in tables]).astype(np.uint64)
    second = np.concatenate([table.second for table in tables]).astype(np.uint64)
    keys, inverse = np.unique((first << np.uint64(32)) | second, return_inverse=True)
    totals = np.zeros(len(keys), np.int64)
    np.add.at(totals, inverse, np.concatenate([table.voxels for table in tables]))
    return _sorted(keys, totals)


def relabel(table: Contingency, first: Ids | None, second: Ids | None) -> Contingency:
    """Look the ids up in new ones (None: they stay); pairs that become equal are not added up yet."""
    return Contingency(
        table.first if first is None else first[table.first],
        table.second if second is None else second[table.second],
        table.voxels,
    )


def iou(intersection: Counts, first_area: Counts, second_area: Counts) -> NDArray[np.float64]:
    """Return intersection over union, elementwise."""
    return np.asarray(intersection / (first_area + second_area - intersection), np.float64)


def intersection_over_area(intersection: Counts, area: Counts) -> NDArray[np.float64]:
    """Return the part of an object that lies in another one, elementwise."""
    return np.asarray(intersection / area, np.float64)
