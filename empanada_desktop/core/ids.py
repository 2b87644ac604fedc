"""Panoptic ids: class * divisor + k, with room checked, so that no object ever runs into the ids of the next class."""

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.errors import SettingsError

UINT32_MAX = 2**32 - 1


def check_room(count: int, class_id: int, label_divisor: int, *, where: str) -> None:
    """Raise SettingsError when `count` objects of a class do not fit between two multiples of the label divisor."""
    if count >= label_divisor:
        raise SettingsError(
            f"{where} holds {count} objects of class {class_id}, but there are ids for {label_divisor - 1} only.",
            f"Raise the maximum of objects per class above {count}.",
        )
    if class_id * label_divisor + count >= UINT32_MAX:
        raise SettingsError(
            f"Ids of class {class_id} do not fit in 32 bits with {label_divisor} objects per class.",
            "Lower the maximum of objects per class.",
        )


def number_by_class(
    classes: NDArray[np.int64], is_thing: NDArray[np.bool_], label_divisor: int, *, where: str
) -> NDArray[np.uint32]:
    """Return the id of each object: class * divisor + k, k = 1, 2, … in order in a class of things, k = 0 for stuff.

    `where` begins the message, "This plane" or "This stack", of the SettingsError for too many objects.
    """
    ids = np.zeros(len(classes), np.uint32)
    for class_id in np.unique(classes):
        of_class = classes == class_id
        counted = np.cumsum(of_class & is_thing)[of_class]
        check_room(int(counted[-1]), int(class_id), label_divisor, where=where)
        ids[of_class] = class_id * label_divisor + np.where(is_thing[of_class], counted, 0)
    return ids
