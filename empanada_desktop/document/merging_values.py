"""Titles, points, answers and other properties that two people changed: what of the second's joins the first's."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

import numpy as np

from empanada_desktop.core.geometry import Spacing
from empanada_desktop.document.edits import Patch
from empanada_desktop.document.layers import Shape

OWN = ("id_range",)  # each person has their own
STAYS = "the first stays"


@dataclass
class Joined:
    """A property with the second's change as far as it joins. conflicts: sentences by what they are about; "" where two
    people came to the same in the end."""

    value: Any
    conflicts: dict[object, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Course:
    """What a property was when both began, what the first made of it, and by which steps (before, after)."""

    start: Any
    first: Any
    steps: Sequence[tuple[Any, Any]] = ()


def join_value(name: str, course: Course, now: Any, before: Any, after: Any) -> Joined:  # noqa: ANN401
    """Carry a change from `before` to `after`, as a PropertyEdit has them, over to `now`."""
    start, first = course.start, course.first
    if name in OWN:
        return Joined(now)
    if isinstance(after, Patch):
        return _join_mapping(name, start, first, now, after)
    if name == "points":
        joined = _join_rows("point", _fates(course.steps, _rows), _rows(now), _rows(before), _rows(after))
        return replace(joined, value=np.array(joined.value, np.float64).reshape(-1, 3))
    if name == "shapes":
        return _join_rows("shape", _fates(course.steps, tuple), now, before, after)
    if name == "queue":
        known = {item.key for item in now}
        return Joined((*now, *(item for item in after if item.key not in known)))
    if isinstance(after, frozenset):
        return Joined((now | (after - before)) - (before - after))
    return _join_scalar(name, start, first, now, after)


def _join_scalar(name: str, start: Any, first: Any, now: Any, after: Any) -> Joined:  # noqa: ANN401
    if first in (start, after):
        return Joined(after, {name: ""})
    words = {"title": "its name", "spacing": "its voxel size", "note": "its note"}.get(name, name)
    said = f"{words} was changed by both, to {_said(first)} and to {_said(after)}; {STAYS}."
    return Joined(now, {name: said})


def _join_mapping(
    name: str, start: Mapping[Any, Any], first: Mapping[Any, Any], now: Mapping[Any, Any], after: Patch
) -> Joined:
    joined = Joined(dict(now))
    for key, value in after.changes.items():
        mine = first.get(key)
        if mine == start.get(key) or mine == value:
            joined.value = Patch({key: value}).on(joined.value)
            joined.conflicts[name, key] = ""
        else:
            joined.conflicts[name, key] = _mapping_words(name, key, mine, value)
    return joined


def _mapping_words(name: str, key: Any, mine: Any, theirs: Any) -> str:  # noqa: ANN401
    about = {
        "review": f"object {key} was reviewed differently",
        "decisions": f"the question “{key}” was answered differently",
        "class_names": f"class {key} was named differently",
    }.get(name, f"{name} of {key} was changed by both")
    return f"{about}: {_said(mine)} and {_said(theirs)}; {STAYS}."


def _rows(points: Any) -> tuple[tuple[float, ...], ...]:  # noqa: ANN401 - an array, or nothing
    return tuple(tuple(float(each) for each in row) for row in np.asarray(points).reshape(-1, 3))


def _fates(steps: Sequence[tuple[Any, Any]], rows_of: Callable[[Any], Sequence[Any]]) -> dict[Any, Any]:
    """What the first made of each point or shape that it changed; None: it deleted it."""
    fates: dict[Any, Any] = {}
    for before, after in steps:
        for old, new in _changes(rows_of(before), rows_of(after)):
            origin = next((known for known, now in fates.items() if now == old), old)
            if origin is not None:
                fates[origin] = new
    return fates


def _join_rows(
    what: str, mine: Mapping[Any, Any], now: Sequence[Any], before: Sequence[Any], after: Sequence[Any]
) -> Joined:
    """Points or shapes, which have no names: what stood before tells which one is meant."""
    rows, joined = list(now), Joined(())
    for old, new in _changes(before, after):
        if old in rows:
            place = rows.index(old)
            rows[place : place + 1] = [] if new is None else [new]
        elif old is None or old not in mine:
            rows += [new] if new is not None and new not in rows else []
        elif mine[old] != new:
            joined.conflicts[what, old] = _row_words(what, old, mine[old], new)
    joined.value = tuple(rows)
    return joined


def _row_words(what: str, old: Any, mine: Any, theirs: Any) -> str:  # noqa: ANN401
    about = f"the {what} at {_place(old)}"
    if mine is None:
        return f"{about} was deleted by the first and changed by the second; it stays deleted."
    if theirs is None:
        return f"{about} was changed by the first and deleted by the second; it stays."
    return f"{about} was moved by both; {STAYS}."


def _changes(before: Sequence[Any], after: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield what one edit made of what, in order; None: it is new, or gone."""
    if len(before) == len(after):
        yield from ((old, new) for old, new in zip(before, after, strict=True) if old != new)
        return
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for what, low, high, first, last in matcher.get_opcodes():
        if what != "equal":
            yield from zip_longest(before[low:high], after[first:last])


def _place(row: Any) -> str:  # noqa: ANN401 - a shape, or z y x
    if isinstance(row, Shape):
        return f"{row.axis} plane {row.index}"
    return ", ".join(f"{name} {value:g}" for name, value in zip("zyx", row, strict=True))


def _said(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, Spacing):
        return value.words
    return "nothing" if value is None else f"“{value}”"
