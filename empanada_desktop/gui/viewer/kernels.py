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


@numba.njit(**COMPILED, inline="always")
def _put(
    out: NDArray[np.uint32], y: int, x: int, grey: np.float32, colours: NDArray[np.uint32], opacity: float
) -> None:
    # Written so that "not a number" becomes black.
    index = 255 if grey >= 255 else int(grey) if grey > 0 else 0
    out[y, x] = colours[index] if opacity >= 1 else _mixed(out[y, x], colours[index], opacity)


@numba.njit(**COMPILED, fastmath={"contract"})
def _mix_rows(
    tile: NDArray[Any],
    first: int,
    weights: NDArray[np.float32],
    gain: np.float32,
    shift: np.float32,
    mixed: NDArray[np.float32],
    left: int,
    right: int,
) -> None:
    """Mix rows of a tile, from `first` on, into grey values 0.5 to 255.5."""
    upper, above = tile[first], weights[0] * gain
    if weights.shape[0] == 1:
        for column in range(left, right):
            mixed[column] = above * np.float32(upper[column]) + shift
        return
    lower, below = tile[first + 1], weights[1] * gain
    for column in range(left, right):
        mixed[column] = above * np.float32(upper[column]) + below * np.float32(lower[column]) + shift
    for tap in range(2, weights.shape[0]):
        row, weight = tile[first + tap], weights[tap] * gain
        for column in range(left, right):
            mixed[column] += weight * np.float32(row[column])


def _image_signature(sample: str) -> str:
    return (
        f"void(uint32[:,:], {sample}[:,::1], int32[::1], float32[:,::1], int32[::1], float32[:,::1],"
        " UniTuple(float64, 2), uint32[::1], float64)"
    )


@numba.njit([_image_signature(sample) for sample in ("uint8", "uint16", "float32")], **COMPILED, fastmath={"contract"})
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
    left, right = first_column[0], first_column[-1] + column_weights.shape[1]
    mixed = np.empty(tile.shape[1], np.float32)
    # One tap is drawn as two, the second of which is the first again and counts nothing: faster than a loop.
    step = min(1, column_weights.shape[1] - 1)
    is_short = column_weights.shape[1] <= 2
    second = column_weights[:, column_weights.shape[1] - 1] * np.float32(column_weights.shape[1] > 1)
    for y in range(out.shape[0]):
        _mix_rows(tile, first_row[y], row_weights[y], gain, shift, mixed, left, right)
        if is_short:
            for x in range(out.shape[1]):
                place = first_column[x]
                grey = column_weights[x, 0] * mixed[place] + second[x] * mixed[place + step]
                _put(out, y, x, grey, colours, opacity)
        else:
            for x in range(out.shape[1]):
                grey = np.float32(0)
                for tap in range(column_weights.shape[1]):
                    grey += column_weights[x, tap] * mixed[first_column[x] + tap]
                _put(out, y, x, grey, colours, opacity)


@numba.njit("void(uint32[:,:], uint32[:,::1], int32[::1], int32[::1])", **COMPILED)
def gather_ids(
    out: NDArray[np.uint32], tile: NDArray[np.uint32], rows: NDArray[np.int32], columns: NDArray[np.int32]
) -> None:
    """Take the ids of a tile at `rows` × `columns`."""
    for y in range(out.shape[0]):
        row = rows[y]
        for x in range(out.shape[1]):
            out[y, x] = tile[row, columns[x]]


@numba.njit(
    "void(uint32[:,:], uint32[:,::1], uint8[::1], int64, uint32[::1], UniTuple(float64, 2), UniTuple(float64, 2),"
    " uint32[::1])",
    **COMPILED,
)
def draw_labels(
    out: NDArray[np.uint32],
    ids: NDArray[np.uint32],
    table: NDArray[np.uint8],
    seed: int,
    palette: NDArray[np.uint32],
    fill: tuple[float, float],
    outline: tuple[float, float],
    selected: NDArray[np.uint32],
) -> None:
    """Tint objects and draw their outlines over pixels.

    ids: the ids under the pixels with MARGIN more on every side. table: palette places of the ids below its length;
    the others are hashed with `seed`. fill, outline: opacities of (selected, other) objects. selected: sorted ids.
    """
    last, colour, which = np.uint32(0), np.uint32(0), 1
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            label_id = ids[y + MARGIN, x + MARGIN]
            if label_id == 0:
                continue
            if label_id != last:
                last, colour = label_id, palette[_place(label_id, table, seed)]
                which = 0 if _contains(selected, label_id) else 1
            if which == 0 and outline[0] > 0 and _near_another(ids, y + MARGIN, x + MARGIN):
                out[y, x] = np.uint32(0xFFFFFFFF)
                continue
            strength = fill[which]
            if outline[which] > 0 and _touches_another(ids, y + MARGIN, x + MARGIN):
                strength = outline[which]
            if strength > 0:
                out[y, x] = _mixed(out[y, x], colour, strength)
