"""Which of the eight label colours an object has: stable between planes and sessions, different among neighbours."""

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.geometry import Spacing

LABEL_COLOURS = ("#F7CF1D", "#8A5CFA", "#23D8DD", "#E8733F", "#79B0F8", "#DE2E9F", "#B3F1A6", "#FF9E9A")
REACH = 50
LONGEST_TABLE = 1 << 22
MOST_OBJECTS = 20_000
_FACTOR, _SHIFT = 2654435761, 13


def palette() -> NDArray[np.uint8]:
    """Return the eight colours, (8, 3) uint8 red, green, blue."""
    return np.array([list(bytes.fromhex(colour[1:])) for colour in LABEL_COLOURS], np.uint8)


def hashed_places(ids: NDArray[np.uint32], seed: int) -> NDArray[np.uint8]:
    """Return the colour's place (0 to 7) of ids that are in no table: their bits mixed by Knuth's multiplication.

    In compiled code: ((uint64(id) + uint64(seed)) * 2654435761 >> 13) & 7.
    """
    mixed = (np.asarray(ids, np.uint64) + np.uint64(seed)) * np.uint64(_FACTOR)
    return ((mixed >> np.uint64(_SHIFT)) & np.uint64(7)).astype(np.uint8)


def colour_places(ids: NDArray[np.uint32], table: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """Return the colour's place of each id: from the table where it has one, hashed otherwise."""
    ids = np.asarray(ids, np.uint32)
    places = hashed_places(ids, seed)
    known = ids < len(table)
    places[known] = table[ids[known]]
    return places


def colours_of(ids: NDArray[np.uint32], table: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """Return the colours of ids, (n, 3) uint8 red, green, blue."""
    return palette()[colour_places(ids, table, seed)]


def neighbourly_table(
    ids: NDArray[np.uint32],
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    seed: int,
    known: NDArray[np.uint8] | None = None,
    spacing: Spacing | None = None,
) -> NDArray[np.uint8]:
    """Choose colours so that objects whose boxes are within REACH voxels differ while eight colours suffice.

    ids: (n,). starts, stops: (n, 3) boxes z y x, stop exclusive. Ids in `known` keep their colour; the others begin at
    their hashed place and step on until no coloured neighbour has it. Returns a table by id, (max id + 1,) uint8.
    Ids of LONGEST_TABLE and above, and those of volumes with more than MOST_OBJECTS objects, are left to be hashed.
    """
    known = np.zeros(0, np.uint8) if known is None else known
    small = ids < LONGEST_TABLE
    ids, starts, stops = ids[small], starts[small], stops[small]
    if len(ids) > MOST_OBJECTS:
        return known
    size = max(len(known), int(ids.max(initial=0)) + 1)
    table = hashed_places(np.arange(size, dtype=np.uint32), seed)
    table[: len(known)] = known
    steps = _steps(spacing)
    low, high = starts * steps, stops * steps
    coloured = ids < len(known)
    for place in np.flatnonzero(~coloured):
        near = _near(int(place), low, high) & coloured
        table[ids[place]] = _free_place(int(table[ids[place]]), table[ids[near]])
        coloured[place] = True
    return table


def _near(place: int, low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = ((low - high[place] <= REACH) & (low[place] - high <= REACH)).all(axis=1)
    return near


def _free_place(first: int, taken: NDArray[np.uint8]) -> int:
    counts = np.bincount(taken, minlength=8)
    order = [(first + step) % 8 for step in range(8)]
    return min(order, key=lambda place: (int(counts[place]), order.index(place)))


def _steps(spacing: Spacing | None) -> NDArray[np.float64]:
    if spacing is None or not spacing.is_known:
        return np.ones(3)
    sizes: NDArray[np.float64] = np.array(spacing.zyx, float)
    steps: NDArray[np.float64] = sizes / sizes.min()
    return steps
