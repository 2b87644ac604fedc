"""Screen pixels from tiles of voxels with numpy alone: what is used until the compiled `kernels` are ready."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

MARGIN = 2
NEAR = [(-2, 0), (2, 0), (0, -2), (0, 2), (-1, -1), (-1, 1), (1, -1), (1, 1)]
BESIDE = [(-1, 0), (1, 0), (0, -1), (0, 1)]
WHITE, OPAQUE = np.uint32(0xFFFFFFFF), np.uint32(0xFF000000)


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
    rows = sum(weight[:, None] * tile[first_row + tap] for tap, weight in enumerate(row_weights.T))
    values = sum(weight * rows[:, first_column + tap] for tap, weight in enumerate(column_weights.T))
    grey = (values - np.float32(contrast[0])) * np.float32(255 / (contrast[1] - contrast[0])) + np.float32(0.5)
    np.nan_to_num(grey, copy=False)
    pixels = colours[np.clip(grey, 0, 255).astype(np.uint8)]
    out[:] = pixels if opacity >= 1 else _mixed(out, pixels, np.full(out.shape, opacity, np.float32))


def gather_ids(
    out: NDArray[np.uint32], tile: NDArray[np.uint32], rows: NDArray[np.int32], columns: NDArray[np.int32]
) -> None:
    """Take the ids of a tile at `rows` × `columns`."""
    out[:] = tile[rows][:, columns]


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
    """Tint objects and draw their outlines over pixels; see `kernels.draw_labels`."""
    inner = _shifted(ids, 0, 0)
    if not inner.any():
        return
    is_selected = np.isin(inner, selected)
    edge = _differs(ids, BESIDE)
    which = np.where(is_selected, 0, np.where(inner == painted, 2, 1))
    strength, lined = np.array(fill, np.float32)[which], np.array(outline, np.float32)[which]
    strength = np.where(edge & (lined > 0), lined, strength)
    strength[inner == 0] = 0
    mixed = _mixed(out, palette[_places(inner, table, seed)], strength)
    np.copyto(out, mixed, where=strength > 0)
    if outline[0] > 0:
        out[is_selected & (inner > 0) & (edge | _differs(ids, NEAR))] = WHITE


def leave_out(ids: NDArray[np.uint32], hidden: NDArray[np.uint32]) -> None:
    """Make background of hidden objects; hidden: sorted ids."""
    ids[np.isin(ids, hidden)] = 0


def hashed_places(ids: NDArray[np.uint32], seed: int) -> NDArray[np.intp]:
    """One of the eight colours for each id, by mixing its bits (Knuth's multiplicative hashing)."""
    mixed = (ids.astype(np.uint64) + np.uint64(seed)) * np.uint64(2654435761)
    return ((mixed >> np.uint64(13)) & np.uint64(7)).astype(np.intp)


def _places(ids: NDArray[np.uint32], table: NDArray[np.uint8], seed: int) -> NDArray[np.intp]:
    places = hashed_places(ids, seed)
    if len(table):
        listed = ids < len(table)
        places[listed] = table[ids[listed]]
    return places


def _shifted(ids: NDArray[np.uint32], down: int, right: int) -> NDArray[np.uint32]:
    height, width = ids.shape[0] - 2 * MARGIN, ids.shape[1] - 2 * MARGIN
    return ids[MARGIN + down : MARGIN + down + height, MARGIN + right : MARGIN + right + width]


def _differs(ids: NDArray[np.uint32], steps: list[tuple[int, int]]) -> NDArray[np.bool_]:
    inner = _shifted(ids, 0, 0)
    differs = np.zeros(inner.shape, np.bool_)
    for down, right in steps:
        differs |= _shifted(ids, down, right) != inner
    return differs


def _mixed(below: NDArray[np.uint32], above: NDArray[np.uint32], opacity: NDArray[np.float32]) -> NDArray[np.uint32]:
    share = (opacity * 256 + 0.5).astype(np.uint32)
    rest = np.uint32(256) - share
    mask_rb, mask_g = np.uint32(0xFF00FF), np.uint32(0x00FF00)
    red_blue = ((below & mask_rb) * rest + (above & mask_rb) * share) >> np.uint32(8)
    green = ((below & mask_g) * rest + (above & mask_g) * share) >> np.uint32(8)
    mixed: NDArray[np.uint32] = OPAQUE | (red_blue & mask_rb) | (green & mask_g)
    return mixed
