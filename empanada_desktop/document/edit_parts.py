"""What an edit consists of, and what it concerns: layers, voxels, objects."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.edit_pieces import changed_ids
from empanada_desktop.document.edits import Edit, Edits, LayerEdit, PropertyEdit, VoxelEdit
from empanada_desktop.document.layers import Layer

Ids = dict[str, NDArray[np.int64]]


def parts_of(edit: Edit) -> Iterator[Edit]:
    """Yield the edits that an edit is made of, in order."""
    if isinstance(edit, Edits):
        for part in edit.parts:
            yield from parts_of(part)
    else:
        yield edit


def voxel_edits(edit: Edit) -> list[VoxelEdit]:
    """Return what an edit changes of voxels, in order."""
    return [part for part in parts_of(edit) if isinstance(part, VoxelEdit)]


def voxel_layers(edit: Edit) -> frozenset[str]:
    """Return the ids of the layers of which an edit changes voxels."""
    return frozenset(part.layer_id for part in voxel_edits(edit))


def holds_layers(edit: Edit) -> bool:
    """Whether an edit holds layers, which only the memory and the session's own file know."""
    return any(isinstance(part, LayerEdit) for part in parts_of(edit))


def named_layers(edit: Edit) -> dict[str, Layer]:
    """Return the layers that an edit itself holds, by id; previews are no part of the history."""
    lists = [(*part.before, *part.after) for part in parts_of(edit) if isinstance(part, LayerEdit)]
    return {layer.id: layer for layers in lists for layer in layers if not layer.is_preview}


def touched_layers(edit: Edit) -> set[str]:
    """Return the ids of all layers that an edit names; previews are no part of the history."""
    found = set[str]()
    for part in parts_of(edit):
        if isinstance(part, LayerEdit):
            found |= named_layers(part).keys()
        elif isinstance(part, VoxelEdit | PropertyEdit):
            found.add(part.layer_id)
    return found


def count_voxels(edit: Edit) -> int:
    """Return how many voxels lie in an edit's boxes; 0 where it changes the list of layers."""
    if holds_layers(edit):
        return 0
    return sum(int(np.prod(box.shape)) for part in voxel_edits(edit) for box in part.boxes)


def ids_of(edit: Edit) -> Ids:
    """Return the objects that an edit changes, by layer; reads all of its voxels."""
    found: dict[str, list[NDArray[np.int64]]] = {}
    for part in voxel_edits(edit):
        found.setdefault(part.layer_id, []).extend(changed_ids(each) for each in part.parts)
    return {layer_id: np.unique(np.concatenate(ids)) for layer_id, ids in found.items() if ids}
