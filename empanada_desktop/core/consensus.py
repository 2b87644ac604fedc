"""Consensus of three stacks: the same objects found in xy, xz and yz planes, decided from tables and voted by voxel.

Nothing here grows with the voxels: a pass over the three stacks leaves a table of the triples of objects that meet, all
decisions come from it, and a second pass looks the result up.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.consensus_clusters import Detections, find_clusters, find_pairs
from empanada_desktop.core.consensus_table import FAR, Ids, Indices, TripleTable, as_block
from empanada_desktop.core.consensus_votes import Claims, vote
from empanada_desktop.core.tracking import ObjectTable

N_STACKS = 3
IOU_THRESHOLD = 0.75


class StackOverlaps:
    """What the objects of three stacks have in common, counted in one pass, block by block, whatever the blocks."""

    def __init__(
        self, classes_xy: Indices, classes_xz: Indices, classes_yz: Indices, things: Collection[int] = (1,)
    ) -> None:
        """Take the class (n,) of objects 1..n of each stack; those of classes that are not in `things` are stuff."""
        self._classes = tuple(np.asarray(classes, np.int64) for classes in (classes_xy, classes_xz, classes_yz))
        self._things = frozenset(things)
        self.table = TripleTable()

    def add_block(
        self,
        ids_xy: NDArray[np.integer],
        ids_xz: NDArray[np.integer],
        ids_yz: NDArray[np.integer],
        start_zyx: tuple[int, int, int] = (0, 0, 0),
    ) -> None:
        """Count a block (Z, Y, X) of object numbers, 0 for background, of the three stacks, all in the order z y x."""
        self.table.add(as_block(ids_xy, ids_xz, ids_yz), start_zyx)

    def fuse(self, votes: int = 2, permit_one_stack: bool = False, iou_threshold: float = IOU_THRESHOLD) -> "Consensus":
        """Decide which detections are one object and which voxels it has.

        Of things, detections that overlap by more than `iou_threshold` (by any voxel, where fewer `votes` than a
        majority are asked for and one stack is not enough) form clusters; clusters are merged greedily, and those found
        in one stack only are left out unless `permit_one_stack`. A voxel belongs to a cluster that `votes` (1 to 3) of
        the stacks' objects there are in; for stuff, to the class of `votes` stacks.
        """
        if not 1 <= votes <= N_STACKS:
            raise ValueError(f"{votes} votes of {N_STACKS} stacks")
        min_detections = 1 if permit_one_stack else N_STACKS // 2 + 1
        threshold = iou_threshold if votes >= min_detections else 0.0
        members = self._members()
        detections = self._detections(members)
        pairs = find_pairs(members, self.table.voxels, detections)
        clusters = find_clusters(detections, pairs, threshold, min_detections)
        claims = vote(members, self.table.voxels, detections, clusters, votes, pairs)
        return _paint(
            _numbered(claims, self.table), self.table, _class_votes(members, detections, claims), self._things
        )

    def _members(self) -> Indices:
        """Return the detection, counted through all stacks from 0, of every place of every triple; -1: background."""
        ids = self.table.ids.astype(np.int64)
        counts = np.array([len(classes) for classes in self._classes])
        if (ids.max(axis=0, initial=0) > counts).any():
            raise ValueError(f"object numbers up to {ids.max(axis=0)}, but {counts} objects in the three stacks")
        return np.where(ids > 0, ids - 1 + np.concatenate([[0], np.cumsum(counts)[:-1]]), -1)

    def _detections(self, members: Indices) -> Detections:
        classes = np.concatenate(self._classes)
        triples, places = np.nonzero(members >= 0)
        voxels, boxes = _sum_up(self.table, triples, members[triples, places], len(classes))
        return Detections(classes, np.isin(classes, list(self._things)), voxels, boxes)


@dataclass(frozen=True)
class Consensus:
    """Objects 1..n that three stacks agree on, in order of class, then of the distance of their corner from the origin.

    `objects` tells what apply() paints: no voxel belongs to two. Of results of one class that overlap in a few voxels
    the later has them; between classes the one with more votes there.
    """

    objects: ObjectTable
    _table: TripleTable
    _claims: Claims
    _votes: Indices
    _things: frozenset[int]
    _painted: Ids

    def apply(
        self, ids_xy: NDArray[np.integer], ids_xz: NDArray[np.integer], ids_yz: NDArray[np.integer]
    ) -> NDArray[np.uint32]:
        """Return the object numbers (Z, Y, X) uint32 of a block; ValueError where it was not among those counted."""
        return self._table.look_up(as_block(ids_xy, ids_xz, ids_yz), self._painted)

    def keep(self, kept: NDArray[np.bool_]) -> "Consensus":
        """Return the consensus of the objects kept (n,), numbered anew; what others had covered of them comes back."""
        numbers = np.cumsum(kept) - 1
        chosen = kept[self._claims.results]
        claims = Claims(self._claims.triples[chosen], numbers[self._claims.results[chosen]], self._claims.classes[kept])
        return _paint(claims, self._table, self._votes[chosen], self._things)


def _sum_up(table: TripleTable, triples: Indices, owners: Indices, count: int) -> tuple[Indices, Indices]:
    """Return voxels (count,) and boxes (count, 6) of what owns the triples; an empty box begins far away."""
    voxels = np.zeros(count, np.int64)
    np.add.at(voxels, owners, table.voxels[triples])
    boxes = np.repeat(np.array([[FAR, FAR, FAR, 0, 0, 0]], np.int64), count, axis=0)
    np.minimum.at(boxes[:, :3], owners, table.boxes[triples, :3])
    np.maximum.at(boxes[:, 3:], owners, table.boxes[triples, 3:])
    return voxels, boxes


def _class_votes(members: Indices, detections: Detections, claims: Claims) -> Indices:
    """Return how many stacks see the class of the claiming result in the triple, for every claim."""
    here = members[claims.triples]
    alike = detections.classes[here] == claims.classes[claims.results][:, None]
    return np.asarray((alike & (here >= 0)).sum(axis=1), np.int64)


def _numbered(claims: Claims, table: TripleTable) -> Claims:
    """Number the results by class, then by what is the same in any order of the axes: corner, box, voxels.

    Mirror images of one another tie; they go in reading order of their first voxels, then by their triples' places.
    """
    count = len(claims.classes)
    voxels, boxes = _sum_up(table, claims.triples, claims.results, count)
    sides = np.sort(boxes[:, :3] * (1 << 31) + boxes[:, 3:], axis=1)
    first = np.full(count, FAR)
    np.minimum.at(first, claims.results, table.places[claims.triples])
    marks = np.zeros(count, np.uint64)
    np.add.at(marks, claims.results, _scattered(table.places[claims.triples]))
    keys = (marks, first, voxels, sides[:, 2], sides[:, 1], sides[:, 0], boxes[:, :3].sum(axis=1), claims.classes)
    order = np.lexsort(keys)
    rank = np.empty(count, np.int64)
    rank[order] = np.arange(count)
    return Claims(claims.triples, rank[claims.results], claims.classes[order])


def _scattered(places: Indices) -> NDArray[np.uint64]:
    """Return a hash of each place, whose sum tells sets of places apart (the finaliser of MurmurHash3)."""
    mixed = places.astype(np.uint64)
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        mixed = (mixed ^ (mixed >> np.uint64(33))) * np.uint64(factor)
    return np.asarray(mixed ^ (mixed >> np.uint64(33)), np.uint64)


def _paint(claims: Claims, table: TripleTable, votes: Indices, things: frozenset[int]) -> Consensus:
    """Give every triple to one of the results that claim it; results that lose all of theirs are left out."""
    order = np.lexsort((claims.results, votes, claims.triples))
    last = np.append(claims.triples[order][1:] != claims.triples[order][:-1], True)[: len(order)]
    winners, triples = claims.results[order][last], claims.triples[order][last]
    seen = np.bincount(winners, minlength=len(claims.classes)) > 0
    numbers = np.cumsum(seen)
    painted = np.zeros(len(table), np.uint32)
    painted[triples] = numbers[winners]
    chosen = seen[claims.results]
    kept = replace(
        claims,
        triples=claims.triples[chosen],
        results=numbers[claims.results[chosen]] - 1,
        classes=claims.classes[seen],
    )
    voxels, boxes = _sum_up(table, triples, numbers[winners] - 1, len(kept.classes))
    is_thing = np.isin(kept.classes, list(things))
    objects = ObjectTable(kept.classes, voxels, boxes, boxes[:, 3] - boxes[:, 0], is_thing)
    return Consensus(objects, table, kept, votes[chosen], things, painted)
