"""Label ids: class * divisor + k, so that the id alone tells the class."""

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.errors import SettingsError

LARGEST_ID = 2**32 - 1


def wide_divisor(most_objects: int, divisor: int, largest_class: int) -> int:
    """Return `divisor`, times ten as often as it takes to number `most_objects` within a class.

    Raises SettingsError when ids of `largest_class` would no longer fit into uint32.
    """
    while most_objects >= divisor:
        divisor *= 10
    if largest_class * divisor + most_objects > LARGEST_ID:
        raise SettingsError(
            f"{most_objects} objects in class {largest_class} do not fit into 32-bit labels.",
            "Raise min size, or segment a part of the volume.",
        )
    return divisor


def number_objects(
    classes: NDArray[np.integer], keep: NDArray[np.bool_], things: frozenset[int], divisor: int
) -> tuple[NDArray[np.uint32], int]:
    """Give each kept object its final id; objects of a class are counted 1, 2 … in the order in which they stand.

    classes: (n,) class of each object. Objects of a class that is not among `things` all get class * divisor. Dropped
    objects get 0. Returns the (n,) ids and the divisor, wider than asked for when a class holds too many objects.
    """
    ids = np.zeros(len(classes), np.uint32)
    present = [int(class_id) for class_id in np.unique(classes)]
    counts = {class_id: int(np.count_nonzero(keep & (classes == class_id))) for class_id in present}
    most = max((count for class_id, count in counts.items() if class_id in things), default=0)
    divisor = wide_divisor(most, divisor, max(present, default=1))
    for class_id in present:
        mine = keep & (classes == class_id)
        ordinal = np.arange(1, counts[class_id] + 1) if class_id in things else 0
        ids[mine] = class_id * divisor + ordinal
    return ids, divisor
