"""Contacts between objects, and what speaks for the two being one: a flat, wide contact without a darker line."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from empanada_desktop.core.blocks import blocks, count_blocks
from empanada_desktop.core.context import JobContext
from empanada_desktop.core.geometry import Box
from empanada_desktop.core.objects import LabelArray
from empanada_desktop.core.overlap import EMPTY, find_slot
from empanada_desktop.core.proofread_change import Sampling, around, as_uint32

Mask = NDArray[np.bool_]
FACES = ndimage.generate_binary_structure(3, 1)
# Grey values of a body are taken this many voxels from the contact at most, those of the contact itself nearer than 2.
NEAR = 6
READ = (128, 256, 256)


@dataclass(frozen=True)
class Contact:
    """Where two objects touch. voxels: of the first that touch the second by a face. area: of the contact as if flat.

    share: area by the section that the smaller object would have as a ball. roughness: root mean square distance of
    the contact to its plane. Both in shortest sides of a voxel. In a single plane, area is a length, and the ball a
    disc.
    line: how far the contact's grey value is from the bodies', in standard
    deviations; step: how far the bodies' are from each other; NaN without an image.
    """

    voxels: int
    area: float
    share: float
    roughness: float
    line: float
    step: float
    place: tuple[float, float, float]


@dataclass(frozen=True)
class Touching:
    """Two objects that touch by faces: how many of them, and the box of the voxels on both sides."""

    faces: int
    box: Box


def touching_pairs(labels: LabelArray, context: JobContext) -> dict[tuple[int, int], Touching]:
    """Find all pairs of objects (the lower id first) that touch by a face, in one pass."""
    z, y, x = labels.shape
    found: dict[tuple[int, int], Touching] = {}
    total = count_blocks((z, y, x), READ)
    for done, box in enumerate(blocks((z, y, x), READ), 1):
        context.check_cancelled()
        wide = Box(box.start, (min(z, box.stop[0] + 1), min(y, box.stop[1] + 1), min(x, box.stop[2] + 1)))
        ids = np.ascontiguousarray(as_uint32(np.asarray(labels[wide.slices])))
        keys, facts = _pairs(ids, np.array(box.shape, np.int64))
        for key, row in zip(keys.tolist(), facts.tolist(), strict=True):
            pair = (key >> 32, key & 0xFFFFFFFF)
            here = Touching(row[0], Box.of_spans(list(zip(row[1:4], row[4:7], strict=True))).moved(box.start))
            before = found.get(pair)
            found[pair] = here if before is None else Touching(before.faces + row[0], around(before.box, here.box))
        context.report(done, total, "Looking for contacts")
    return found


@njit(cache=True, nogil=True)
def _pairs(ids: NDArray[np.uint32], shape: NDArray[np.int64]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Count the faces between two objects whose nearer voxel lies within `shape`; rows: faces, start, stop."""
    keys, facts = np.full(256, EMPTY, np.uint64), np.zeros((256, 7), np.int64)
    used = 0
    for z in range(shape[0]):
        for y in range(shape[1]):
            for x in range(shape[2]):
                own = ids[z, y, x]
                if own == 0:
                    continue
                for axis in range(3):
                    a, b, c = z + (axis == 0), y + (axis == 1), x + (axis == 2)
                    if a >= ids.shape[0] or b >= ids.shape[1] or c >= ids.shape[2]:
                        continue
                    other = ids[a, b, c]
                    if other == 0 or other == own:
                        continue
                    low, high = min(own, other), max(own, other)
                    key = (np.uint64(low) << np.uint64(32)) | np.uint64(high)
                    slot = find_slot(keys, key)
                    if keys[slot] == EMPTY:
                        keys[slot] = key
                        facts[slot, 1], facts[slot, 2], facts[slot, 3] = z, y, x
                        used += 1
                    row = facts[slot]
                    row[0] += 1
                    row[1], row[2], row[3] = min(row[1], z), min(row[2], y), min(row[3], x)
                    row[4], row[5], row[6] = max(row[4], a + 1), max(row[5], b + 1), max(row[6], c + 1)
                    if 2 * used > keys.size:
                        keys, facts = _doubled(keys, facts)
    filled = keys != EMPTY
    return keys[filled], facts[filled]


@njit(cache=True, nogil=True)
def _doubled(keys: NDArray[np.uint64], facts: NDArray[np.int64]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return the table in twice the slots."""
    new_keys, new_facts = np.full(2 * keys.size, EMPTY, np.uint64), np.zeros((2 * keys.size, 7), np.int64)
    for old in range(keys.size):
        if keys[old] != EMPTY:
            slot = find_slot(new_keys, keys[old])
            new_keys[slot] = keys[old]
            new_facts[slot] = facts[old]
    return new_keys, new_facts


def contact_of(
    ids: NDArray[Any], grey: NDArray[Any] | None, one: int, other: int, section: float, box: Box, sizes: Sampling
) -> Contact | None:
    """Look at the contact of two objects within a box of labels (z y x); section: of the smaller one (Space.section).

    sizes: of a voxel, by its shortest side.
    """
    first, second = ids == one, ids == other
    beside = first & ndimage.binary_dilation(second, FACES)
    places = np.argwhere(beside)
    if not len(places):
        return None
    area = _flat_area(first, second, sizes)
    line, step = _greys(grey, first, second, beside) if grey is not None else (np.nan, np.nan)
    z, y, x = (places.mean(axis=0) + box.start).tolist()
    return Contact(len(places), area, area / section, _roughness(places * np.array(sizes)), line, step, (z, y, x))


def contact_score(contact: Contact, few: int) -> float:
    """Return how much a contact looks like a cut through one object: wide, flat, and of one grey on both sides.

    few: a contact of fewer voxels counts the less.
    """
    wide = min(1.0, contact.share / 0.6) * min(1.0, contact.voxels / few)
    flat = 1 / (1 + (contact.roughness / 3) ** 2)
    if math.isnan(contact.line):
        return 0.6 * wide * flat
    return wide * (0.5 + 0.5 * flat) * math.exp(-(contact.line**2 + contact.step**2) / 2)


def _flat_area(first: Mask, second: Mask, sizes: Sampling) -> float:
    """Return the area of a contact: of its faces across the three axes, as those of one flat face add up."""
    along = []
    for axis, size in enumerate(sizes):
        low, high = (slice(None),) * axis + (slice(None, -1),), (slice(None),) * axis + (slice(1, None),)
        faces = np.count_nonzero(first[low] & second[high]) + np.count_nonzero(second[low] & first[high])
        along.append(faces * math.prod(sizes) / size)
    return math.hypot(*along)


def _roughness(places: NDArray[np.float64]) -> float:
    if len(places) < 4:
        return 0.0
    return float(np.sqrt(max(0.0, np.linalg.eigvalsh(np.cov(places.T, bias=True))[0])))


def _greys(grey: NDArray[Any], first: Mask, second: Mask, beside: Mask) -> tuple[float, float]:
    apart = ndimage.distance_transform_edt(~beside)
    bodies = [grey[mask & (apart > 2) & (apart <= NEAR)].astype(np.float64) for mask in (first, second)]
    band = grey[(first | second) & (apart < 2)].astype(np.float64)
    if min(len(bodies[0]), len(bodies[1]), len(band)) < 8:
        return np.nan, np.nan
    spread = max(1e-9, float(np.sqrt((bodies[0].var() + bodies[1].var()) / 2)))
    middle = (bodies[0].mean() + bodies[1].mean()) / 2
    return float(abs(band.mean() - middle) / spread), float(abs(bodies[0].mean() - bodies[1].mean()) / spread)
