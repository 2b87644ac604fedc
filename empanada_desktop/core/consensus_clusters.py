"""Detections of one thing in three stacks, found by how much they overlap, as clusters.

What happens does not hang on the numbers of the objects or the order of the axes: ties between clusters are broken by
sizes that know neither, and clusters that tie in all of them are treated at once.
"""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

Indices = NDArray[np.int64]
Key = tuple[int, int, int, int, list[tuple[int, int]]]

MIN_IOU = 0.01  # two clusters, or two results, that overlap more than this
MIN_OVERLAP = 100  # or in more voxels than this belong together


@dataclass(frozen=True)
class Detections:
    """The objects of all three stacks in one list: `classes`, `voxels` (n,), `boxes` (n, 6) int64, `is_thing` (n,)."""

    classes: Indices
    is_thing: NDArray[np.bool_]
    voxels: Indices
    boxes: Indices


@dataclass(frozen=True)
class Pairs:
    """Things of one class and of different stacks that overlap: `first`, `second`, `voxels` (n,) int64."""

    first: Indices
    second: Indices
    voxels: Indices


def find_pairs(members: Indices, voxels: Indices, detections: Detections) -> Pairs:
    """Return the overlaps of detections, from triples (n, 3) of them (-1: none) and the voxels of each triple."""
    columns = ((0, 1), (0, 2), (1, 2))
    ends = np.concatenate([members[:, list(pair)] for pair in columns])
    shared = np.tile(voxels, len(columns))
    both = (ends >= 0).all(axis=1)
    ends, shared = ends[both], shared[both]
    alike = detections.is_thing[ends].all(axis=1) & (detections.classes[ends[:, 0]] == detections.classes[ends[:, 1]])
    ends, shared = ends[alike], shared[alike]
    keys, index = np.unique(ends[:, 0] * len(detections.classes) + ends[:, 1], return_inverse=True)
    totals = np.bincount(index, shared, len(keys)).astype(np.int64)
    first, second = np.divmod(keys, max(len(detections.classes), 1))
    return Pairs(first, second, totals)


def components(count: int, first: Indices, second: Indices) -> Indices:
    """Return which connected component, from 0, each of `count` nodes belongs to."""
    if not count:
        return np.zeros(0, np.int64)
    graph = csr_array((np.ones(len(first), np.int8), (first, second)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def find_clusters(detections: Detections, pairs: Pairs, iou_threshold: float, min_detections: int) -> list[Indices]:
    """Return the detections (ascending) of each cluster; one detection may belong to several.

    Things that overlap by more than `iou_threshold` form a cluster; clusters whose detections overlap enough on average
    are merged from the most connected one on; clusters of fewer than `min_detections` go. All detections of a stuff
    class form one cluster.
    """
    count = len(detections.classes)
    areas = detections.voxels
    iou = pairs.voxels / (areas[pairs.first] + areas[pairs.second] - pairs.voxels)
    close = iou > iou_threshold
    cluster_of = components(count, pairs.first[close], pairs.second[close])
    cluster_of = np.where(detections.is_thing, cluster_of, count + detections.classes)
    _, cluster_of = np.unique(cluster_of, return_inverse=True)
    edges = _cluster_edges(cluster_of, pairs, iou)
    members = np.split(np.argsort(cluster_of, kind="stable"), np.cumsum(np.bincount(cluster_of))[:-1])
    clusters = _ClusterMerger(members if count else [], edges, detections).merge()
    is_stuff = ~detections.is_thing
    return [cluster for cluster in clusters if len(cluster) >= min_detections or is_stuff[cluster[0]]]


def _cluster_edges(cluster_of: Indices, pairs: Pairs, iou: NDArray[np.float64]) -> Indices:
    """Return the pairs (n, 2) of clusters whose detections overlap enough, averaged over all pairs of detections."""
    ends = np.sort(np.stack([cluster_of[pairs.first], cluster_of[pairs.second]], axis=1), axis=1)
    apart = ends[:, 0] != ends[:, 1]
    ends, voxels, iou = ends[apart], pairs.voxels[apart], iou[apart]
    order = np.lexsort((iou, ends[:, 1], ends[:, 0]))  # by IoU too, for then the sums round alike whatever the numbers
    ends, voxels, iou = ends[order], voxels[order], iou[order]
    distinct, index = np.unique(ends, axis=0, return_inverse=True)
    sizes = np.bincount(cluster_of)
    n_pairs = sizes[distinct[:, 0]] * sizes[distinct[:, 1]]
    mean_iou = np.bincount(index, iou, len(distinct)) / n_pairs
    mean_voxels = np.bincount(index, voxels, len(distinct)) / n_pairs
    return np.asarray(distinct[(mean_iou > MIN_IOU) | (mean_voxels > MIN_OVERLAP)], np.int64)


class _Cluster:
    """A set of detections, the voxels of all of them and the box around them, and the clusters that it touches."""

    __slots__ = ("box", "members", "neighbours", "version", "voxels")

    def __init__(self, members: list[int], voxels: int, box: list[int]) -> None:
        self.members = set(members)
        self.voxels = voxels
        self.box = box
        self.neighbours: set[int] = set()
        self.version = 0

    def key(self) -> Key:
        """What decides who goes first, lowest first: many neighbours, many detections, few voxels, near the origin.

        Of those that are alike in the first two the large wait: they are more likely several objects taken for one.
        """
        z, y, x, end_z, end_y, end_x = self.box
        sides = sorted(((z, end_z), (y, end_y), (x, end_x)))
        return (-len(self.neighbours), -len(self.members), self.voxels, z + y + x, sides)

    def absorb(self, other: "_Cluster", voxels: list[int]) -> None:
        """Take in the detections of another cluster; `voxels` are those of each detection."""
        new = other.members - self.members
        self.voxels += sum(voxels[detection] for detection in new)
        self.members |= new
        self.box = [*map(min, self.box[:3], other.box[:3]), *map(max, self.box[3:], other.box[3:])]


class _ClusterMerger:
    """Merges clusters greedily from the one with most neighbours on.

    It takes its neighbours in, and theirs become its own; but when one of them has more detections than itself, it
    gives its detections to each of them and goes. Clusters that tie in their whole key act at once: what they take in
    together becomes one, what they give is given together.
    """

    def __init__(self, members: list[Indices], edges: Indices, detections: Detections) -> None:
        """Take the detections of clusters 0..n - 1 and the pairs of clusters (m, 2) that touch."""
        self._voxels: list[int] = detections.voxels.tolist()
        self._alone = [members[number] for number in np.setdiff1d(np.arange(len(members)), edges).tolist()]
        self._clusters: dict[int, _Cluster] = {}
        for number in np.unique(edges).tolist():
            boxes = detections.boxes[members[number]]
            box = [*boxes[:, :3].min(axis=0).tolist(), *boxes[:, 3:].max(axis=0).tolist()]
            own = members[number].tolist()
            self._clusters[number] = _Cluster(own, sum(self._voxels[detection] for detection in own), box)
        for first, second in edges.tolist():
            self._clusters[first].neighbours.add(second)
            self._clusters[second].neighbours.add(first)
        self._queue: list[tuple[Key, int, int]] = []
        self._enqueue(self._clusters)

    def merge(self) -> list[Indices]:
        """Merge until no cluster has a neighbour; return the detections of each."""
        while tied := self._pop_tied():
            pulling = {number for number in tied if not self._has_larger_neighbour(number)}
            if pulling:
                self._pull(pulling)
                self._enqueue(tied - pulling)
            else:
                self._push(tied)
        merged = (np.array(sorted(cluster.members), np.int64) for cluster in self._clusters.values())
        return [*self._alone, *merged]

    def _enqueue(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            cluster = self._clusters.get(number)
            if cluster is not None and cluster.neighbours:
                cluster.version += 1
                heapq.heappush(self._queue, (cluster.key(), number, cluster.version))

    def _pop_tied(self) -> set[int]:
        """Take all clusters of the lowest key out of the queue."""
        tied: set[int] = set()
        lowest: Key | None = None
        while self._queue and (lowest is None or self._queue[0][0] == lowest):
            key, number, version = heapq.heappop(self._queue)
            cluster = self._clusters.get(number)
            if cluster is not None and cluster.version == version and cluster.neighbours:
                lowest = key
                tied.add(number)
        return tied

    def _has_larger_neighbour(self, number: int) -> bool:
        cluster = self._clusters[number]
        size = len(cluster.members)
        return any(len(self._clusters[neighbour].members) > size for neighbour in cluster.neighbours)

    def _pull(self, pulling: set[int]) -> None:
        """Let clusters take in all their neighbours; those that meet become one."""
        left = set(pulling)
        while left:
            group = self._reach(left.pop(), pulling)
            left -= group
            self._contract(group)

    def _reach(self, start: int, acting: set[int]) -> set[int]:
        """Return everything that hangs together with `start` by edges that have an end among those acting."""
        reached, waiting = {start}, [start]
        while waiting:
            number = waiting.pop()
            neighbours = self._clusters[number].neighbours
            found = (neighbours if number in acting else neighbours & acting) - reached
            reached |= found
            waiting.extend(found)
        return reached

    def _contract(self, group: set[int]) -> None:
        """Make one cluster of a group; the neighbours of all of them are its neighbours."""
        kept = max(group, key=lambda number: len(self._clusters[number].members))
        touched = {kept}
        for number in group - {kept}:
            cluster = self._clusters.pop(number)
            self._clusters[kept].absorb(cluster, self._voxels)
            for neighbour in cluster.neighbours - group:
                self._clusters[neighbour].neighbours.discard(number)
                self._clusters[neighbour].neighbours.add(kept)
                self._clusters[kept].neighbours.add(neighbour)
                touched.add(neighbour)
        self._clusters[kept].neighbours -= group
        self._enqueue(touched)

    def _push(self, pushing: set[int]) -> None:
        """Let clusters give their detections to all their neighbours and go; those that touch go together."""
        left = set(pushing)
        while left:
            group = self._group_within(left.pop(), pushing)
            left -= group
            giving = [self._clusters.pop(number) for number in group]
            taking = set().union(*(cluster.neighbours for cluster in giving)) - group
            for number in taking:
                for cluster in giving:
                    self._clusters[number].absorb(cluster, self._voxels)
                self._clusters[number].neighbours -= group
            self._enqueue(taking)

    def _group_within(self, start: int, allowed: set[int]) -> set[int]:
        """Return what hangs together with `start` within the allowed clusters."""
        reached, waiting = {start}, [start]
        while waiting:
            found = (self._clusters[waiting.pop()].neighbours & allowed) - reached
            reached |= found
            waiting.extend(found)
        return reached
