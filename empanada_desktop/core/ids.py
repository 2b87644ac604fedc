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


def wide_divisor(most_objects: int, largest_class: int, divisor: int) -> int:
    """Return `divisor`, times ten as often as it takes to number `most_objects` within a class.

    A result of hours is not thrown away because the divisor was chosen too small. Raises SettingsError when ids of
    `largest_class` would no longer fit into uint32.
    """
    while most_objects >= divisor:
        divisor *= 10
    if largest_class * divisor + most_objects > UINT32_MAX:
        raise SettingsError(
            f"{most_objects} objects in class {largest_class} do not fit into 32-bit labels.",
            "Raise min size, or segment a part of the volume.",
        )
    return divisor


def number_objects(
    classes: NDArray[np.int64], keep: NDArray[np.bool_], things: frozenset[int], divisor: int
) -> tuple[NDArray[np.uint32], int]:
    """Give each kept object its final id, as number_by_class does among those kept; dropped objects get 0.

    classes: (n,) class of each object. Returns the (n,) ids and the divisor, wider than asked for when a class holds
    too many objects.
    """
    kept = classes[keep]
    is_thing = np.isin(kept, list(things))
    counts = np.bincount(kept[is_thing])
    divisor = wide_divisor(int(counts.max(initial=0)), int(classes.max(initial=1)), divisor)
    ids = np.zeros(len(classes), np.uint32)
    ids[keep] = number_by_class(kept, is_thing, divisor, where="This result")
    return ids, divisor
