"""Seconds for the consensus of three stacks: counting which objects meet, deciding, and looking the result up."""

import statistics
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bench import Row
from empanada_desktop.core.blocks import blocks
from empanada_desktop.core.consensus import Consensus, StackOverlaps

TITLE = "Consensus of three stacks"
SIDE, COUNT, BLOCK = 256, 1000, 64
MANY, MANY_SIDE = 100_000, 276
REPEATS = 5
MEGABYTE = 1e6

Stacks = list[NDArray[np.uint32]]


def run() -> list[Row]:
    """Time counting, fusing and looking up, block by block, on one thread; a first round compiles."""
    stacks = [round_objects(SIDE, COUNT, seed) for seed in range(3)]
    fuse_in_blocks(stacks)
    rounds = [fuse_in_blocks(stacks) for _ in range(REPEATS)]
    steps = [statistics.median(seconds[step] for seconds, *_ in rounds) for step in range(3)]
    total = statistics.median(sum(seconds) for seconds, *_ in rounds)
    _, overlaps, consensus = rounds[0]
    note = f"{SIDE}³ in blocks of {BLOCK}³, {COUNT} objects a stack, {len(consensus.objects)} agreed on"
    apart = overlaps_of([round_objects(MANY_SIDE, MANY, seed) for seed in range(3)])
    return [
        Row("all: count, fuse, look up", total, "s", f"{note}; median of {REPEATS}"),
        Row("count which objects meet", steps[0], "s", f"{len(overlaps.table):,} triples of objects"),
        Row("fuse", steps[1], "s", "2 votes"),
        Row("look the result up", steps[2], "s", ""),
        Row(
            "table of triples",
            overlaps.table.n_bytes / MEGABYTE,
            "MB",
            f"the stacks themselves take {_size(stacks)} MB",
        ),
        Row("highest memory while fusing", _peak(overlaps) / MEGABYTE, "MB", "beyond the table; NumPy's allocations"),
        Row(f"fuse {MANY:,} objects a stack", _seconds(apart.fuse), "s", f"{len(apart.table):,} triples; once"),
        Row(f"fuse {MANY:,} objects a stack, worst", _seconds(_fuse_chain(MANY)), "s", "all hang together; once"),
    ]


def fuse_in_blocks(stacks: Stacks) -> tuple[list[float], StackOverlaps, Consensus]:
    """Return the seconds of each step, the table and the result."""
    times = [time.perf_counter()]
    overlaps = StackOverlaps(*(np.ones(int(stack.max()), np.int64) for stack in stacks))
    boxes = list(blocks((SIDE,) * 3, (BLOCK,) * 3))
    for box in boxes:
        overlaps.add_block(*(stack[box.slices] for stack in stacks), box.start)
    times.append(time.perf_counter())
    consensus = overlaps.fuse()
    times.append(time.perf_counter())
    for box in boxes:
        consensus.apply(*(stack[box.slices] for stack in stacks))
    times.append(time.perf_counter())
    return np.diff(times).tolist(), overlaps, consensus


def overlaps_of(stacks: Stacks) -> StackOverlaps:
    """Count three stacks whose objects are all of class 1."""
    overlaps = StackOverlaps(*(np.ones(int(stack.max()), np.int64) for stack in stacks))
    overlaps.add_block(*stacks)
    return overlaps


def round_objects(side: int, count: int, seed: int) -> NDArray[np.uint32]:
    """Return about `count` balls (side, side, side) uint32, the same for every seed but for displacement and faults.

    A tenth of them is missing, a twentieth is one with the ball before.
    """
    per_side = round(count ** (1 / 3))
    pitch = side / per_side
    cell = np.minimum((np.arange(side) / pitch).astype(int), per_side - 1)
    jitter = np.random.default_rng(0).uniform(-0.2, 0.2, (3, *[per_side] * 3)) * pitch
    draw = np.random.default_rng(1 + seed)
    jitter += draw.normal(0, 0.5, jitter.shape)
    numbers = np.arange(1, per_side**3 + 1)
    joined = draw.random(numbers.size) < 0.05
    numbers[joined] = np.maximum(numbers[joined] - 1, 1)
    numbers[draw.random(numbers.size) < 0.1] = 0
    at = np.ix_(cell, cell, cell)
    offsets = (np.arange(side) - (cell + 0.5) * pitch)[:, None, None]
    squares = sum((np.moveaxis(offsets, 0, axis) - jitter[axis][at]) ** 2 for axis in range(3))
    return np.where(squares < (0.42 * pitch) ** 2, numbers.reshape([per_side] * 3)[at], 0).astype(np.uint32)


def _fuse_chain(count: int) -> Callable[[], object]:
    """Return the fusing of a row of objects of ten voxels, each of them moved by two from stack to stack."""
    row = np.repeat(np.arange(1, count + 1, dtype=np.uint32), 10)
    return overlaps_of([np.roll(row, 2 * stack).reshape(1, 1000, -1) for stack in range(3)]).fuse


def _seconds(step: Callable[[], object]) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def _peak(overlaps: StackOverlaps) -> int:
    """Return the most bytes that fusing takes beside its table."""
    tracemalloc.start()
    overlaps.fuse()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def _size(stacks: Stacks) -> int:
    return round(sum(stack.nbytes for stack in stacks) / MEGABYTE)
