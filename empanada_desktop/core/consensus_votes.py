"""Voxels voted inside clusters of detections, and results that still overlap joined: all from the table of triples."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from empanada_desktop.core.consensus_clusters import MIN_IOU, MIN_OVERLAP, Detections, Pairs, components
from empanada_desktop.core.overlap import EMPTY, double_slots, find_slot

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Memberships:
    """The clusters (ascending) of each detection i: `clusters[starts[i]:starts[i + 1]]`; there are `count` of them."""

    starts: Indices
    clusters: Indices
    count: int


def memberships(clusters: list[Indices], n_detections: int) -> Memberships:
    """Turn the detections of each cluster into the clusters of each detection."""
    detections = np.concatenate([np.zeros(0, np.int64), *clusters])
    numbers = np.repeat(np.arange(len(clusters)), [len(cluster) for cluster in clusters])
    order = np.argsort(detections, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(detections, minlength=n_detections))])
    return Memberships(starts.astype(np.int64), numbers[order].astype(np.int64), len(clusters))


@njit(cache=True, nogil=True)
def _contains(values: Indices, value: int) -> bool:
    """Return whether ascending values hold one."""
    place = np.searchsorted(values, value)
    return bool(place < values.size and values[place] == value)


@njit(cache=True, nogil=True)
def _put_shortest_first(nodes: Indices, starts: Indices) -> None:
    """Sort the nodes, three at most, by the lengths of their lists."""
    for turn in range(1, nodes.size):
        place, node = turn, nodes[turn]
        length = starts[node + 1] - starts[node]
        while place > 0 and starts[nodes[place - 1] + 1] - starts[nodes[place - 1]] > length:
            nodes[place] = nodes[place - 1]
            place -= 1
        nodes[place] = node


@njit(cache=True, nogil=True)
def _gather(nodes: Indices, starts: Indices, clusters: Indices, votes: int, found: Indices) -> int:
    """Put the clusters that hold `votes` or more of the nodes into `found`; return how many. The nodes are sorted.

    A cluster in `votes` of n lists is in one of the n - votes + 1 shortest, so a long list is seldom walked through.
    """
    _put_shortest_first(nodes, starts)
    count = 0
    for turn in range(nodes.size - votes + 1):
        for cluster in clusters[starts[nodes[turn]] : starts[nodes[turn] + 1]]:
            held, is_new = 1, True
            for other in range(nodes.size):
                if other != turn and _contains(clusters[starts[nodes[other]] : starts[nodes[other] + 1]], cluster):
                    held += 1
                    is_new &= other > turn
            if is_new and held >= votes:
                found[count] = cluster
                count += 1
    return count


@njit(cache=True, nogil=True)
def _claims(
    members: Indices, voxels: Indices, starts: Indices, clusters: Indices, votes: int, groups: Indices
) -> tuple[Indices, Indices]:
    """Return the voxels of each cluster (n_clusters,), and rows (n, 2) of a triple and a cluster that claims it.

    members (n, 3): the detections of each triple, -1 where there is none. Of claims of one group alone only one is
    returned; where groups meet, all are.
    """
    sizes = np.zeros(groups.size, np.int64)
    rows = np.empty((1024, 2), np.int64)
    used = 0
    found = np.empty(max(groups.size, 1) * 3, np.int64)
    for triple in range(len(members)):
        count = _gather(members[triple][members[triple] >= 0], starts, clusters, votes, found)
        is_alone = True
        for index in range(count):
            sizes[found[index]] += voxels[triple]
            is_alone &= groups[found[index]] == groups[found[0]]
        kept = min(count, 1) if is_alone else count
        while used + kept > len(rows):
            grown = np.empty((2 * len(rows), 2), np.int64)
            for row in range(used):
                grown[row, 0], grown[row, 1] = rows[row, 0], rows[row, 1]
            rows = grown
        for index in range(kept):
            rows[used, 0], rows[used, 1] = triple, found[index]
            used += 1
    return sizes, rows[:used]


@njit(cache=True, nogil=True)
def _meetings(rows: Indices, voxels: Indices, groups: Indices, classes: Indices) -> tuple[Indices, Indices]:
    """Return the pairs (n, 2) of clusters of one class but different groups that meet in triples, and their voxels."""
    keys = np.full(1024, EMPTY, np.uint64)
    counts = np.zeros(1024, np.int64)
    used = 0
    for index in range(len(rows)):
        other = index + 1
        while other < len(rows) and rows[other, 0] == rows[index, 0]:
            a, b = rows[index, 1], rows[other, 1]
            other += 1
            if groups[a] == groups[b] or classes[a] != classes[b]:
                continue
            key = (np.uint64(min(a, b)) << np.uint64(32)) | np.uint64(max(a, b))
            slot = find_slot(keys, key)
            if keys[slot] == EMPTY:
                keys[slot] = key
                used += 1
            counts[slot] += voxels[rows[index, 0]]
            if 2 * used > keys.size:
                keys, counts = double_slots(keys, counts)
    pairs, shared, row = np.empty((used, 2), np.int64), np.empty(used, np.int64), 0
    for slot in range(keys.size):
        if keys[slot] != EMPTY:
            pairs[row, 0], pairs[row, 1] = keys[slot] >> np.uint64(32), keys[slot] & np.uint64(0xFFFFFFFF)
            shared[row] = counts[slot]
            row += 1
    return pairs, shared


@dataclass(frozen=True)
class Claims:
    """Which results claim the voxels of a triple: `triples`, `results` (n,), and the class (m,) of each result."""

    triples: Indices
    results: Indices
    classes: Indices


def vote(
    members: Indices, voxels: Indices, detections: Detections, clusters: list[Indices], votes: int, pairs: Pairs
) -> Claims:
    """Vote inside the clusters and join those whose results overlap by IoU > .01 or in more than 100 voxels.

    members (n, 3) are the detections of each triple (-1: none), voxels (n,) those of the triple. Results that hold no
    voxel are left out.
    """
    voxels = np.ascontiguousarray(voxels)  # of another layout, all that follows would be compiled a second time
    lists = memberships(clusters, len(detections.classes))
    classes = detections.classes[np.array([cluster[0] for cluster in clusters], np.int64)]
    certain = _certain_links(members, voxels, detections, lists, votes, pairs)
    groups = components(lists.count, certain[:, 0], certain[:, 1])
    sizes, rows = _claims(members, voxels, lists.starts, lists.clusters, votes, groups)
    meetings, shared = _meetings(rows, voxels, groups, classes)
    links = np.concatenate([certain, _overlapping(meetings, shared, sizes)])
    results = components(lists.count, links[:, 0], links[:, 1])
    claims = np.unique(np.stack([rows[:, 0], results[rows[:, 1]]], axis=1), axis=0)
    class_of = np.zeros(lists.count, np.int64)
    class_of[results] = classes
    held, numbers = np.unique(claims[:, 1], return_inverse=True)
    return Claims(claims[:, 0], numbers.astype(np.int64), class_of[held])


def _certain_links(
    members: Indices, voxels: Indices, detections: Detections, lists: Memberships, votes: int, pairs: Pairs
) -> Indices:
    """Return links (n, 2) between clusters that share a vote-winning set of detections of more than 100 voxels.

    They would be found without it, but a detection that was given to very many clusters would meet each with each.
    """
    if votes == 1:
        sets, sizes = np.arange(len(detections.classes))[:, None], detections.voxels
    elif votes == 2:
        sets, sizes = np.stack([pairs.first, pairs.second], axis=1), pairs.voxels
    else:
        full = (members >= 0).all(axis=1)
        sets, sizes = members[full], voxels[full]
    large = sets[sizes > MIN_OVERLAP]
    each = np.arange(lists.count)
    rows = _claims(large, np.zeros(len(large), np.int64), lists.starts, lists.clusters, votes, each)[1]
    same = rows[1:, 0] == rows[:-1, 0]
    return np.stack([rows[:-1, 1][same], rows[1:, 1][same]], axis=1)


def _overlapping(meetings: Indices, shared: Indices, sizes: Indices) -> Indices:
    """Return the pairs (n, 2) of clusters whose results overlap too much to be two."""
    iou = shared / (sizes[meetings[:, 0]] + sizes[meetings[:, 1]] - shared)
    return meetings[(iou > MIN_IOU) | (shared > MIN_OVERLAP)]
