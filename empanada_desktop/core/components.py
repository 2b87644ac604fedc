"""Connected components of the objects in one panoptic plane, with a table of them."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

Labels = NDArray[np.uint32]


@dataclass(frozen=True)
class ComponentTable:
    """What there is to know of components 1..n of a plane; row i is component i + 1.

    `classes` (n,); `areas` (n,) in pixels; `boxes` (n, 4) first row, first column, end row, end column (ends excluded);
    all int64. `is_thing` (n,) is False for the one component of a stuff class.
    """

    classes: NDArray[np.int64]
    areas: NDArray[np.int64]
    boxes: NDArray[np.int64]
    is_thing: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of components."""
        return len(self.classes)


@njit(cache=True, nogil=True)
def find_root(parents: NDArray[np.int64], node: int) -> int:
    """Return the representative of a node in a forest of `parents`, halving the path to it."""
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node


@njit(cache=True, nogil=True)
def join_sets(parents: NDArray[np.int64], a: int, b: int) -> int:
    """Join two sets under the lower representative, and return it."""
    a, b = find_root(parents, a), find_root(parents, b)
    low, high = min(a, b), max(a, b)
    parents[high] = low
    return low


@njit(cache=True, nogil=True)
def find_roots(parents: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the representative of every node in a forest of `parents`."""
    found = np.empty_like(parents)
    for node in range(parents.size):
        found[node] = find_root(parents, node)
    return found


@njit(cache=True, nogil=True)
def _join_above(
    above: Labels, numbers: Labels, parents: NDArray[np.int64], value: np.uint32, first: int, end: int
) -> np.int64:
    """Join the runs of `value` in columns first .. end - 1 of the row above; return their number, 0 for none."""
    own, last = np.int64(0), np.int64(0)
    for column in range(first, min(end, above.size)):
        if above[column] == value:
            other = np.int64(numbers[column])
            if other != last:
                own = other if own == 0 else np.int64(join_sets(parents, own, other))
                last = other
    return own


@njit(cache=True, nogil=True)
def _provisional(panoptic: Labels) -> tuple[Labels, NDArray[np.int64]]:
    """Give every run of a row a number joined with the runs it touches above, corners included."""
    height, width = panoptic.shape
    runs = np.zeros((height, width), np.uint32)
    parents = np.zeros(1024, np.int64)
    count = 0
    for row in range(height):
        column = 0
        while column < width:
            value, start = panoptic[row, column], column
            while column < width and panoptic[row, column] == value:
                column += 1
            if value == 0:
                continue
            own = np.int64(0)
            if row > 0:
                own = _join_above(panoptic[row - 1], runs[row - 1], parents, value, max(start - 1, 0), column + 1)
            if own == 0:
                count += 1
                own = np.int64(count)
                if count >= parents.size:
                    grown = np.zeros(2 * parents.size, np.int64)
                    grown[: parents.size] = parents
                    parents = grown
                parents[count] = count
            runs[row, start:column] = own
    return runs, parents[: count + 1]


@njit(cache=True, nogil=True)
def _number(
    panoptic: Labels, runs: Labels, parents: NDArray[np.int64], is_thing: NDArray[np.bool_], divisor: int
) -> NDArray[np.int64]:
    """Number the components in the order of their first pixel, in place; rows of the table: class, area, box."""
    height, width = panoptic.shape
    numbers = np.zeros(parents.size, np.int64)
    stuff_numbers = np.zeros(is_thing.size, np.int64)
    table = np.zeros((parents.size, 6), np.int64)
    count = 0
    for row in range(height):
        column = 0
        while column < width:
            provisional, start = runs[row, column], column
            while column < width and runs[row, column] == provisional:
                column += 1
            if provisional == 0:
                continue
            root = find_root(parents, np.int64(provisional))
            if numbers[root] == 0:
                class_id = panoptic[row, start] // divisor
                if not is_thing[class_id] and stuff_numbers[class_id]:
                    numbers[root] = stuff_numbers[class_id]
                else:
                    count += 1
                    numbers[root] = count
                    stuff_numbers[class_id] = count
                    table[count - 1, 0] = class_id
                    table[count - 1, 2:4] = row, start
            number = numbers[root]
            runs[row, start:column] = number
            entry = table[number - 1]
            entry[1] += column - start
            entry[3] = min(entry[3], start)
            entry[4] = row + 1
            entry[5] = max(entry[5], column)
    return table[:count]


def split_components(panoptic: Labels, things: Collection[int], label_divisor: int) -> tuple[Labels, ComponentTable]:
    """Split the instances of a panoptic plane (H, W) into their 8-connected parts.

    Returns components (H, W) uint32, numbered 1..n by their first pixel in reading order, and their table. A class that
    is not in `things` is one component, connected or not.
    """
    n_classes = int(panoptic.max(initial=0)) // label_divisor + 1
    is_thing = np.isin(np.arange(n_classes), list(things))
    components, parents = _provisional(panoptic)
    table = _number(panoptic, components, parents, is_thing, label_divisor)
    classes = table[:, 0].copy()
    return components, ComponentTable(classes, table[:, 1].copy(), table[:, 2:].copy(), is_thing[classes])


def connected_parts(labels: Labels) -> Labels:
    """Split every object of a plane (H, W), whatever its id, into 8-connected parts numbered 1..n."""
    return split_components(labels, (0,), 2**32)[0]
