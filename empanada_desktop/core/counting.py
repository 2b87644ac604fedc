"""How many objects of each class there are, and which."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from empanada_desktop.core.objects import ObjectIndex


@dataclass(frozen=True)
class ClassCount:
    """The objects of a class: ids (ascending) and the voxels of each."""

    class_id: int
    title: str
    ids: tuple[int, ...]
    voxels: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.ids)


def count_classes(objects: ObjectIndex, label_divisor: int, class_names: Mapping[int, str]) -> list[ClassCount]:
    """Return the objects of each class that has any, by class; a class without a name is "class 2"."""
    classes = objects.ids // label_divisor
    found = []
    for class_id in np.unique(classes).tolist():
        rows = np.flatnonzero(classes == class_id)
        ids, voxels = tuple(objects.ids[rows].tolist()), tuple(objects.voxels[rows].tolist())
        found.append(ClassCount(class_id, class_names.get(class_id, f"class {class_id}"), ids, voxels))
    return found
