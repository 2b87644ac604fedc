"""How many objects of each class there are, and which."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from empanada_desktop.core.objects import ObjectIndex


@dataclass(frozen=True)
class ClassCount:
    """The objects of a class: ids (ascending) and the voxels of each; whether the title is a name that it was given."""

    class_id: int
    title: str
    ids: tuple[int, ...]
    voxels: tuple[int, ...]
    is_named: bool = False

    def __len__(self) -> int:
        return len(self.ids)


def count_classes(objects: ObjectIndex, label_divisor: int, class_names: Mapping[int, str]) -> list[ClassCount]:
    """Return the objects of each class that has any, by class; one without a name is "class 2", or "no class" for 0."""
    classes = objects.ids // label_divisor
    found = []
    for class_id in np.unique(classes).tolist():
        rows = np.flatnonzero(classes == class_id)
        ids, voxels = tuple(objects.ids[rows].tolist()), tuple(objects.voxels[rows].tolist())
        title = class_names.get(class_id, f"class {class_id}" if class_id else "no class")
        found.append(ClassCount(class_id, title, ids, voxels, class_id in class_names))
    return found
