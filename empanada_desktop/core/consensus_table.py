"""Which objects of three stacks meet in a voxel: one table of distinct triples, filled block by block."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ids = NDArray[np.uint32]
Indices = NDArray[np.int64]

FIRST_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio (Knuth, TAOCP vol. 3, 6.4)
SECOND_FACTOR = np.uint64(0xC2B2AE3D27D4EB4F)  # a prime of xxHash64
AXIS_BITS = 21  # of a coordinate in the number that stands for a voxel's place
FAR = np.iinfo(np.int64).max
Run = tuple[int, int, int, int]  # z, y, x of its first voxel, and its length along x

COLUMNS = 8  # voxels, start z y x, stop z y x, place of the first voxel


@njit(cache=True, nogil=True)
def _slot(slots: Indices, ids: Ids, a: np.uint32, b: np.uint32, c: np.uint32) -> int:
    """Return where a triple stands, or where it belongs, in an open hash table of 2^n slots."""
    mask = np.uint64(slots.size - 1)
    mixed = ((np.uint64(a) << np.uint64(32)) | np.uint64(b)) * FIRST_FACTOR
    mixed = ((mixed ^ (mixed >> np.uint64(29))) + np.uint64(c)) * SECOND_FACTOR
    slot = (mixed >> np.uint64(32)) & mask
    while slots[slot] >= 0:
        row = slots[slot]
        if ids[row, 0] == a and ids[row, 1] == b and ids[row, 2] == c:
            break
        slot = (slot + np.uint64(1)) & mask
    return int(slot)


@njit(cache=True, nogil=True)
def _grown(slots: Indices, ids: Ids, rows: Indices) -> tuple[Indices, Ids, Indices]:
    """Return the table in twice the slots."""
    new_slots = np.full(2 * slots.size, -1, np.int64)
    new_ids = np.zeros((slots.size, 3), np.uint32)
    new_rows = np.zeros((slots.size, COLUMNS), np.int64)
    for row in range(len(ids)):  # numba takes seconds to compile a whole array's assignment, and milliseconds for this
        for column in range(3):
            new_ids[row, column] = ids[row, column]
        for column in range(COLUMNS):
            new_rows[row, column] = rows[row, column]
        new_slots[_slot(new_slots, new_ids, ids[row, 0], ids[row, 1], ids[row, 2])] = row
    return new_slots, new_ids, new_rows


@njit(cache=True, nogil=True)
def _add_run(row: Indices, z: int, y: int, x: int, length: int) -> None:
    """Add a run of voxels that begins at z y x to a row of the table."""
    place = (z << (2 * AXIS_BITS)) | (y << AXIS_BITS) | x
    if row[0] == 0:
        row[1], row[2], row[3], row[4], row[5], row[6] = z, y, x, z, y, x
        row[7] = place
    row[0] += length
    row[1], row[2], row[3] = min(row[1], z), min(row[2], y), min(row[3], x)
    row[4], row[5], row[6] = max(row[4], z + 1), max(row[5], y + 1), max(row[6], x + length)
    row[7] = min(row[7], place)


@njit(cache=True, nogil=True)
def _count_run(
    slots: Indices, ids: Ids, rows: Indices, used: int, triple: tuple[np.uint32, np.uint32, np.uint32], place: Run
) -> int:
    """Add a run of voxels of one triple, for which there is room in the table; return the rows used then."""
    a, b, c = triple
    if a | b | c == 0:
        return used
    slot = _slot(slots, ids, a, b, c)
    if slots[slot] < 0:
        slots[slot] = used
        ids[used, 0], ids[used, 1], ids[used, 2] = a, b, c
        used += 1
    z, y, x, length = place
    _add_run(rows[slots[slot]], z, y, x, length)
    return used


@njit(cache=True, nogil=True)
def _count(
    first: Ids, second: Ids, third: Ids, start: Indices, slots: Indices, ids: Ids, rows: Indices, used: int
) -> tuple[Indices, Ids, Indices, int]:
    """Count the triples of a block (Z, Y, X) into the table; a run of equal triples along x costs one look-up."""
    depth, height, width = first.shape
    for z in range(depth):
        for y in range(height):
            while used + width > len(ids):  # room for all that a row can have
                slots, ids, rows = _grown(slots, ids, rows)
            line, other, last = first[z, y], second[z, y], third[z, y]
            a = b = c = np.uint32(0)
            begin = 0
            for x in range(width):
                if (line[x] ^ a) | (other[x] ^ b) | (last[x] ^ c) == 0:
                    continue
                place = start[0] + z, start[1] + y, start[2] + begin, x - begin
                used = _count_run(slots, ids, rows, used, (a, b, c), place)
                begin, a, b, c = x, line[x], other[x], last[x]
            place = start[0] + z, start[1] + y, start[2] + begin, width - begin
            used = _count_run(slots, ids, rows, used, (a, b, c), place)
    return slots, ids, rows, used


@njit(cache=True, nogil=True, inline="always")
def _run_end(first: Ids, second: Ids, third: Ids, begin: int) -> int:
    """Return where the run of equal triples along x that starts at `begin` ends."""
    end = begin + 1
    while (
        end < first.size and first[end] == first[begin] and second[end] == second[begin] and third[end] == third[begin]
    ):
        end += 1
    return end


@njit(cache=True, nogil=True)
def _look_up(first: Ids, second: Ids, third: Ids, slots: Indices, ids: Ids, values: Ids, result: Ids) -> bool:
    """Write the value of every voxel's triple; False when one is not in the table."""
    depth, height, width = first.shape
    for z in range(depth):
        for y in range(height):
            x = 0
            while x < width:
                begin, x = x, _run_end(first[z, y], second[z, y], third[z, y], x)
                a, b, c = first[z, y, begin], second[z, y, begin], third[z, y, begin]
                if a == 0 and b == 0 and c == 0:
                    continue
                row = slots[_slot(slots, ids, a, b, c)]
                if row < 0 or row >= values.size:
                    return False
                result[z, y, begin:x] = values[row]
    return True


class TripleTable:
    """Voxels, box and first voxel of every distinct triple of object numbers that occurs, (0, 0, 0) left out.

    Memory goes with the number of distinct triples, not with the voxels.
    """

    def __init__(self) -> None:
        """Start with an empty table."""
        self._used = 0
        self._slots = np.full(1024, -1, np.int64)
        self._ids = np.zeros((512, 3), np.uint32)
        self._rows = np.zeros((512, COLUMNS), np.int64)

    def __len__(self) -> int:
        """Return the number of distinct triples."""
        return self._used

    @property
    def ids(self) -> Ids:
        """The triples, (n, 3) uint32."""
        return self._ids[: self._used]

    @property
    def voxels(self) -> Indices:
        """Voxels of each triple, (n,) int64."""
        return self._rows[: self._used, 0]

    @property
    def boxes(self) -> Indices:
        """Box of each triple, (n, 6) int64: start z y x, stop z y x, excluded."""
        return self._rows[: self._used, 1:7]

    @property
    def places(self) -> Indices:
        """A number (n,) int64 for the first voxel of each triple in reading order; no two triples share one."""
        return self._rows[: self._used, 7]

    @property
    def n_bytes(self) -> int:
        """What the table takes in memory."""
        return self._slots.nbytes + self._ids.nbytes + self._rows.nbytes

    def add(self, block: tuple[Ids, Ids, Ids], start_zyx: tuple[int, int, int]) -> None:
        """Count the voxels of three arrays (Z, Y, X) of one shape, whose first voxel lies at `start_zyx`."""
        start = np.array(start_zyx, np.int64)
        state = _count(*block, start, self._slots, self._ids, self._rows, self._used)
        self._slots, self._ids, self._rows, self._used = state

    def look_up(self, block: tuple[Ids, Ids, Ids], values: Ids) -> Ids:
        """Return the value (n,) of each voxel's triple, 0 in the background; ValueError for a triple never added."""
        result = np.zeros(block[0].shape, np.uint32)
        if not _look_up(*block, self._slots, self._ids, values, result):
            raise ValueError("a block that was not counted")
        return result


def as_block(*stacks: NDArray[np.integer]) -> tuple[Ids, Ids, Ids]:
    """Return the object numbers of the three stacks as contiguous uint32; ValueError when their shapes differ."""
    if len({stack.shape for stack in stacks}) != 1:
        raise ValueError(f"blocks of shapes {', '.join(str(stack.shape) for stack in stacks)}")
    xy, xz, yz = (np.ascontiguousarray(stack, np.uint32) for stack in stacks)
    return xy, xz, yz
