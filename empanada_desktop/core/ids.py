"""Panoptic ids: class * divisor + k, with room checked, so that no object ever runs into the ids of the next class."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

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


def next_free_id(used: ArrayLike, class_id: int, label_divisor: int, start: int | None = None) -> int:
    """Return the lowest id of a class that is not in `used`, `start` or higher; SettingsError when there is none left.

    The ids of class c are c · label_divisor + 1 up to the next multiple of the divisor, which is not one of them.
    """
    low, high = class_id * label_divisor + 1, min((class_id + 1) * label_divisor, UINT32_MAX)
    first = low if start is None else start
    if not low <= first <= high:
        raise SettingsError(
            f"{first} is no id of class {class_id}.", f"Its ids go from {low} to {high - 1} with this label divisor."
        )
    taken = np.asarray(used, np.int64)
    taken = np.sort(taken[(taken >= first) & (taken < high)])
    taken = taken[np.diff(taken, prepend=-1) > 0]
    in_a_row = taken == first + np.arange(len(taken))
    free = first + (len(taken) if in_a_row.all() else int(np.argmin(in_a_row)))
    if free >= high:
        from_on = "" if start is None or first == low else f" from {first} on"
        lower = "Begin at a lower id" if from_on else "Take another class"
        which = f"Class {class_id} is full: none of its ids" if class_id else "None of the ids without a class"
        raise SettingsError(
            f"{which} up to {high - 1} is free{from_on}.",
            f"{lower}, or begin new labels with more ids per class.",
        )
    return free


class FreeIds:
    """Gives out ids that nothing has, of the class of whatever is divided; never the same one twice.

    `used`: ids that occur anywhere in the volume. start: the lowest id to give out, when the user has chosen one; it
    also decides the class. id_range: the first and the last id of this person, where a volume is shared.
    """

    def __init__(
        self,
        used: ArrayLike,
        label_divisor: int,
        start: int | None = None,
        id_range: tuple[int, int] | None = None,
    ) -> None:
        self._used = set(np.asarray(used, np.int64).ravel().tolist())
        self._divisor = label_divisor
        self._start = start
        self._range = id_range
        self._lowest: dict[int, int] = {}
        self.taken: list[int] = []

    def take(self, like: int) -> int:
        """Return a new id of the class of object `like`; SettingsError where the class, or the range, is full."""
        class_id = (like if self._start is None else self._start) // self._divisor
        first = self._lowest.get(class_id) or self._first(class_id)
        free = self._search(class_id, first)
        if self._range is not None and free > self._range[1]:
            raise SettingsError(f"The ids {self._range[0]} to {self._range[1]} are used up.", "Reserve more of them.")
        self._lowest[class_id] = free + 1
        self._used.add(free)
        self.taken.append(free)
        return free

    def _first(self, class_id: int) -> int:
        low = class_id * self._divisor + 1
        if self._start is not None:
            return self._start
        if self._range is not None and self._range[0] // self._divisor == class_id:
            return max(low, self._range[0])
        return low

    def _search(self, class_id: int, first: int) -> int:
        """Go on from where the last one was found: each id is looked at once."""
        while first in self._used:
            first += 1
        return next_free_id((), class_id, self._divisor, first)
