"""What there is to know of the objects that are picked: their contact, grey values, and where they are seen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.contact import Contact, contact, shared_faces
from empanada_desktop.core.geometry import Axis, Box, Spacing
from empanada_desktop.core.objects import LabelArray, ObjectIndex
from empanada_desktop.core.plurals import counted
from empanada_desktop.core.proofread_change import box_in_plane
from empanada_desktop.document import LabelsLayer
from empanada_desktop.errors import VolumeError

Triple = tuple[int, int, int]
Place = tuple[float, float, float]
MOST_PLACED = 8
SEEN_SHARE = 0.5
# An object that fills more than this is not read as a whole to say in which stacks it is seen.
LARGEST_READ = 1 << 24
SMALLEST_VOLUME = 1e-4


@dataclass(frozen=True)
class PairFacts:
    """Two objects. stacks: for each of them the single stacks of the result that have found it; empty: not known."""

    contact: Contact
    stacks: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class PlaneFacts:
    """Picked objects in one plane. places: a voxel's middle (z y x) in each that reaches it; contact: of the two."""

    places: Mapping[int, Place] = field(default_factory=dict)
    contact: Contact | None = None


def pair_facts(labels: LabelArray, objects: ObjectIndex, ids: tuple[int, int], stacks: Mapping[str, Any]) -> PairFacts:
    """Look at two objects as a whole. stacks: the labels of the single stacks by orientation, any array."""
    found = [(label_id, objects.box(label_id)) for label_id in ids if label_id in objects]
    if len(found) < 2:
        return PairFacts(Contact((0, 0, 0)))
    seen = tuple(_seen(labels, label_id, box, stacks) for label_id, box in found) if stacks else ()
    return PairFacts(contact(labels, found[0], found[1]), seen)


def _seen(labels: LabelArray, label_id: int, box: Box, stacks: Mapping[str, Any]) -> tuple[str, ...]:
    if np.prod(box.shape, dtype=np.int64) > LARGEST_READ:
        return ()
    mask = np.asarray(labels[box.slices]) == label_id
    count = max(1, int(np.count_nonzero(mask)))
    shares = {name: np.count_nonzero(np.asarray(stack[box.slices])[mask]) / count for name, stack in stacks.items()}
    return tuple(name for name, share in shares.items() if share >= SEEN_SHARE)


def plane_facts(labels: LabelArray, objects: ObjectIndex, ids: tuple[int, ...], axis: Axis, index: int) -> PlaneFacts:
    """Look at picked objects where they meet a plane."""
    places: dict[int, Place] = {}
    masks: dict[int, tuple[Box, NDArray[np.bool_]]] = {}
    for label_id in ids[:MOST_PLACED]:
        box = box_in_plane(objects.box(label_id), axis, index) if label_id in objects else None
        if box is None:
            continue
        mask = np.asarray(labels[box.slices]) == label_id
        if mask.any():
            masks[label_id] = box, mask
            places[label_id] = _middle(box, mask)
    pair = _in_one_box([masks[label_id] for label_id in ids]) if len(ids) == 2 and len(masks) == 2 else None
    return PlaneFacts(places, None if pair is None else shared_faces(*pair))


def _middle(box: Box, mask: NDArray[np.bool_]) -> Place:
    """The middle of the voxel of a mask that lies nearest to its centroid."""
    voxels = np.argwhere(mask)
    nearest = voxels[np.argmin(((voxels - voxels.mean(axis=0)) ** 2).sum(axis=1))]
    z, y, x = (float(place + low) + 0.5 for place, low in zip(nearest, box.start, strict=True))
    return z, y, x


def _in_one_box(masks: list[tuple[Box, NDArray[np.bool_]]]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    (one_box, one), (other_box, other) = masks
    start = [min(pair) for pair in zip(one_box.start, other_box.start, strict=True)]
    stop = [max(pair) for pair in zip(one_box.stop, other_box.stop, strict=True)]
    shape = tuple(last - first for first, last in zip(start, stop, strict=True))
    both = np.zeros((2, *shape), np.bool_)
    origin = (start[0], start[1], start[2])
    both[0][one_box.moved(origin, -1).slices] = one
    both[1][other_box.moved(origin, -1).slices] = other
    return both[0], both[1]


def stacks_of(layer: LabelsLayer) -> dict[str, Any]:
    """Open the single stacks that the result of a layer has kept: reads files, so use a thread; empty without any."""
    from empanada_desktop.io.volumes import list_datasets, open_volume

    source = getattr(layer.source, "base", None) or layer.source
    ref = getattr(source, "ref", None)
    if ref is None or not str(ref.path).endswith(".zarr"):
        return {}
    try:
        names = [info.name for info in list_datasets(ref.path) if info.name.startswith("stacks/")]
        return {name.split("/")[1]: open_volume(ref.path, name) for name in names}
    except VolumeError:
        return {}


def area_words(area_nm2: float) -> str:
    """An area with a unit that suits it."""
    return f"{area_nm2 / 1e6:.2g} µm²" if area_nm2 >= 100 else f"{area_nm2:.2g} nm²"


def volume_words(voxels: int, spacing: Spacing) -> str:
    """A volume in µm³ where the voxel size is known, otherwise in voxels."""
    if not spacing.is_known:
        return counted(voxels, "voxel")
    z, y, x = (size or 0.0 for size in spacing.zyx)
    volume = voxels * z * y * x / 1e9
    return f"{volume:.3g} µm³" if volume >= SMALLEST_VOLUME else counted(voxels, "voxel")
