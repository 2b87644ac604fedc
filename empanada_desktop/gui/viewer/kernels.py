"""Screen pixels from tiles of voxels, compiled: the same functions as in `drawing`, some twenty times as fast.

Importing this compiles, which takes seconds the first time and half a second later, when it comes from disk: only
`composing` imports it, in a thread of its own.
"""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

MARGIN = 2
COMPILED = {"cache": True, "nogil": True}


@numba.njit(**COMPILED)
def _place(label_id: np.uint32, table: NDArray[np.uint8], seed: int) -> int:
    if label_id < table.shape[0]:
        return int(table[label_id])
    return int(hashed_place(label_id, seed))


@numba.njit(**COMPILED)
def hashed_place(label_id: np.uint32, seed: int) -> int:
    """One of the eight colours for an id, by mixing its bits (Knuth's multiplicative hashing)."""
    mixed = (np.uint64(label_id) + np.uint64(seed)) * np.uint64(2654435761)
    return int((mixed >> np.uint64(13)) & np.uint64(7))


@numba.njit(**COMPILED)
def _contains(values: NDArray[np.uint32], wanted: np.uint32) -> bool:
    place = np.searchsorted(values, wanted)
    return bool(place < values.shape[0] and values[place] == wanted)


@numba.njit(**COMPILED)
def _touches_another(ids: NDArray[np.uint32], y: int, x: int) -> bool:
    own = ids[y, x]
    return bool(ids[y - 1, x] != own or ids[y + 1, x] != own or ids[y, x - 1] != own or ids[y, x + 1] != own)


@numba.njit(**COMPILED)
def _near_another(ids: NDArray[np.uint32], y: int, x: int) -> bool:
    """Whether a pixel at most two steps (diagonals cost two) away belongs to another object."""
    if _touches_another(ids, y, x):
        return True
    own = ids[y, x]
    if ids[y - 2, x] != own or ids[y + 2, x] != own or ids[y, x - 2] != own or ids[y, x + 2] != own:
        return True
    diagonal = ids[y - 1, x - 1] != own or ids[y - 1, x + 1] != own
    return bool(diagonal or ids[y + 1, x - 1] != own or ids[y + 1, x + 1] != own)


@numba.njit(**COMPILED)
def _mixed(below: np.uint32, above: np.uint32, opacity: float) -> np.uint32:
    share = np.uint32(opacity * 256 + 0.5)
    rest = np.uint32(256) - share
    red_blue = ((below & np.uint32(0xFF00FF)) * rest + (above & np.uint32(0xFF00FF)) * share) >> np.uint32(8)
    green = ((below & np.uint32(0x00FF00)) * rest + (above & np.uint32(0x00FF00)) * share) >> np.uint32(8)
    return np.uint32(0xFF000000) | (red_blue & np.uint32(0xFF00FF)) | (green & np.uint32(0x00FF00))


# In the loops over pixels, indices are unsigned and parts begin at 0: otherwise numba checks each index for being
# negative, and the loops are not vectorised. No arithmetic is reordered: a pixel has the same colour whatever is
# composed beside it.
@numba.njit(**COMPILED)
def _mix_rows(
    part: NDArray[Any],
    first: int,
    weights: NDArray[np.float32],
    gain: np.float32,
    shift: np.float32,
    mixed: NDArray[np.float32],
) -> None:
    """Mix rows of a part of a tile, from `first` on, into grey values 0.5 to 255.5."""
    upper, above = part[first], weights[0] * gain
    if weights.shape[0] == 1:
        for column in range(mixed.shape[0]):
            mixed[column] = above * np.float32(upper[column]) + shift
        return
    lower, below = part[first + 1], weights[1] * gain
    for column in range(mixed.shape[0]):
        mixed[column] = above * np.float32(upper[column]) + (below * np.float32(lower[column]) + shift)
    for tap in range(2, weights.shape[0]):
        row, weight = part[first + tap], weights[tap] * gain
        for column in range(mixed.shape[0]):
            mixed[column] += weight * np.float32(row[column])


@numba.njit(**COMPILED)
def _mix_columns(
    mixed: NDArray[np.float32], first: NDArray[np.int32], weights: NDArray[np.float32], greys: NDArray[np.float32]
) -> None:
    """Mix a row of samples into pixels; weights: (taps, pixels)."""
    nearest = weights[0]
    if weights.shape[0] == 1:
        for x in range(greys.shape[0]):
            greys[x] = mixed[np.uint64(first[x])]
        return
    following = weights[1]
    for x in range(greys.shape[0]):
        place = np.uint64(first[x])
        greys[x] = nearest[x] * mixed[place] + following[x] * mixed[place + np.uint64(1)]
    for tap in range(2, weights.shape[0]):
        weight = weights[tap]
        for x in range(greys.shape[0]):
            greys[x] += weight[x] * mixed[np.uint64(first[x]) + np.uint64(tap)]


@numba.njit(**COMPILED)
def _find_colours(greys: NDArray[np.float32], places: NDArray[np.uint8]) -> None:
    """Cut grey values to 0 to 255; written so that "not a number" becomes black."""
    for x in range(greys.shape[0]):
        grey = greys[x] if greys[x] > np.float32(0) else np.float32(0)
        grey = grey if grey < np.float32(255) else np.float32(255)
        places[x] = np.uint8(np.int32(grey))


@numba.njit(**COMPILED)
def _put_row(line: NDArray[np.uint32], places: NDArray[np.uint8], colours: NDArray[np.uint32], opacity: float) -> None:
    if opacity >= 1:
        for x in range(line.shape[0]):
            line[x] = colours[places[x]]
    else:
        for x in range(line.shape[0]):
            line[x] = _mixed(line[x], colours[places[x]], opacity)


def _image_signature(sample: str) -> str:
    return (
        f"void(uint32[:,:], {sample}[:,::1], int32[::1], float32[:,::1], int32[::1], float32[:,::1],"
        " UniTuple(float64, 2), uint32[::1], float64)"
    )


@numba.njit([_image_signature(sample) for sample in ("uint8", "uint16", "float32")], **COMPILED)
def draw_image(
    out: NDArray[np.uint32],
    tile: NDArray[Any],
    first_row: NDArray[np.int32],
    row_weights: NDArray[np.float32],
    first_column: NDArray[np.int32],
    column_weights: NDArray[np.float32],
    contrast: tuple[float, float],
    colours: NDArray[np.uint32],
    opacity: float,
) -> None:
    """Mix samples of a tile (rows, columns) into pixels of `out` (0xffRRGGBB) through a table of 256 colours."""
    gain = np.float32(255 / (contrast[1] - contrast[0]))
    shift = np.float32(0.5 - contrast[0] * gain)
    left, right = max(0, first_column[0]), first_column[-1] + column_weights.shape[1]
    part, first = tile[:, left:right], first_column - np.int32(left)
    mixed, greys = np.empty(part.shape[1], np.float32), np.empty(out.shape[1], np.float32)
    places = np.empty(out.shape[1], np.uint8)
    across = np.ascontiguousarray(column_weights.T)
    for y in range(out.shape[0]):
        # Close up, several rows of pixels show the same voxels.
        if y == 0 or row_weights.shape[1] > 1 or first_row[y] != first_row[y - 1]:
            _mix_rows(part, first_row[y], row_weights[y], gain, shift, mixed)
            _mix_columns(mixed, first, across, greys)
            _find_colours(greys, places)
        _put_row(out[y], places, colours, opacity)


@numba.njit("void(uint32[:,:], uint32[:,::1], int32[::1], int32[::1])", **COMPILED)
def gather_ids(
    out: NDArray[np.uint32], tile: NDArray[np.uint32], rows: NDArray[np.int32], columns: NDArray[np.int32]
) -> None:
    """Take the ids of a tile at `rows` × `columns`."""
    for y in range(out.shape[0]):
        line, row = out[y], tile[rows[y]]
        for x in range(out.shape[1]):
            line[x] = row[np.uint64(columns[x])]


@numba.njit("void(uint32[:,::1], uint32[::1])", **COMPILED)
def leave_out(ids: NDArray[np.uint32], hidden: NDArray[np.uint32]) -> None:
    """Make background of hidden objects; hidden: sorted ids."""
    for y in range(ids.shape[0]):
        last, is_hidden = np.uint32(0), False
        for x in range(ids.shape[1]):
            label_id = ids[y, x]
            if label_id != last:
                last, is_hidden = label_id, _contains(hidden, label_id)
            if is_hidden:
                ids[y, x] = 0


@numba.njit(
    "void(uint32[:,:], uint32[:,::1], uint8[::1], int64, uint32[::1], UniTuple(float64, 3), UniTuple(float64, 3),"
    " uint32[::1], int64)",
    **COMPILED,
)
def draw_labels(
    out: NDArray[np.uint32],
    ids: NDArray[np.uint32],
    table: NDArray[np.uint8],
    seed: int,
    palette: NDArray[np.uint32],
    fill: tuple[float, float, float],
    outline: tuple[float, float, float],
    selected: NDArray[np.uint32],
    painted: int,
) -> None:
    """Tint objects and draw their outlines over pixels.

    ids: the ids under the pixels with MARGIN more on every side. table: palette places of the ids below its length;
    the others are hashed with `seed`. fill, outline: opacities of selected objects, others, and the painted one.
    selected: sorted ids. painted: an id that is shown though it is not selected.
    """
    last, colour, which = np.uint32(0), np.uint32(0), 1
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            label_id = ids[y + MARGIN, x + MARGIN]
            if label_id == 0:
                continue
            if label_id != last:
                last, colour = label_id, palette[_place(label_id, table, seed)]
                which = 0 if _contains(selected, label_id) else 2 if label_id == painted else 1
            if which == 0 and outline[0] > 0 and _near_another(ids, y + MARGIN, x + MARGIN):
                out[y, x] = np.uint32(0xFFFFFFFF)
                continue
            strength = fill[which]
            if outline[which] > 0 and _touches_another(ids, y + MARGIN, x + MARGIN):
                strength = outline[which]
            if strength > 0:
                out[y, x] = _mixed(out[y, x], colour, strength)
