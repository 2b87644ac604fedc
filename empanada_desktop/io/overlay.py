"""Changed blocks over a volume that is only read: what was painted on a file of any size, without touching the file.

    <name>.pack       blocks, compressed, one behind the other; it only grows
    <n>.overlay       one state: what the base is, and where in which pack each changed block lies; written once

Blocks are 64³ voxels where there are that many planes. In memory is what was used last, within a budget. A state that
was written stays readable whatever is painted afterwards, so that jobs and saved sessions read what they were given.
"""

import threading
import uuid
import weakref
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from empanada_desktop.core.edits import pack_voxels, unpack_voxels
from empanada_desktop.core.geometry import Box

Triple = tuple[int, int, int]
Key = tuple[int, int, int, int]  # level, and place of the block in its grid
Array = NDArray[Any]
SIDE = 64
BUDGET = 256 << 20


@dataclass(frozen=True)
class Spot:
    """Where a block lies in a pack: first byte, bytes of its voxels and of its mask, and their checksum."""

    pack: "Pack" = field(repr=False)
    start: int
    n_voxels: int
    n_mask: int
    checksum: int


class Pack:
    """A file of compressed blocks that only grows; read from any thread."""

    def __init__(self, path: Path, read_only: bool = False) -> None:
        """Open a pack, made where there is none. OSError where that is not possible."""
        self.path = path
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("rb" if read_only else "a+b", buffering=0)
        self._lock = threading.Lock()
        weakref.finalize(self, self._file.close)

    def append(self, voxels: Array, mask: Array | None) -> Spot:
        """Put a block behind the others; OSError on a full disk, with nothing of it left behind."""
        values = pack_voxels(voxels)
        flags = b"" if mask is None else pack_voxels(np.packbits(mask))
        data = values + flags
        with self._lock:
            start = self._file.seek(0, 2)
            try:
                if self._file.write(data) != len(data):
                    raise OSError(28, "No space left on device")
            except OSError:
                self._file.truncate(start)
                raise
        return Spot(self, start, len(values), len(flags), zlib.crc32(data))

    def read(self, spot: Spot, shape: Triple, dtype: np.dtype[Any]) -> tuple[Array, Array | None]:
        """Return a block and its mask, new arrays; ValueError where the bytes are not what was written."""
        with self._lock:
            self._file.seek(spot.start)
            data = self._file.read(spot.n_voxels + spot.n_mask)
        if zlib.crc32(data) != spot.checksum:
            raise ValueError(f"{self.path} is damaged")
        voxels = unpack_voxels(data[: spot.n_voxels], dtype.str, shape).copy()
        if not spot.n_mask:
            return voxels, None
        count = int(np.prod(shape))
        bits = unpack_voxels(data[spot.n_voxels :], "u1", (-(-count // 8),))
        return voxels, np.unpackbits(bits, count=count).astype(np.bool_).reshape(shape)

    @property
    def n_bytes(self) -> int:
        """Size of the file."""
        return self.path.stat().st_size

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


@dataclass
class Block:
    """Voxels of a changed block. mask: which of them were changed; None: all count."""

    voxels: Array
    mask: Array | None = None
    spot: Spot | None = None
    is_shared: bool = False

    @property
    def n_bytes(self) -> int:
        """Memory that it takes."""
        return self.voxels.nbytes + (0 if self.mask is None else self.mask.nbytes)

    def to_write(self) -> "Block":
        """Return the block for writing: another one where a frozen state holds this one."""
        if not self.is_shared:
            self.spot = None
            return self
        return Block(self.voxels.copy(), None if self.mask is None else self.mask.copy())


Frozen = dict[Key, "Block | Spot"]


class Grid:
    """How a level is cut into blocks."""

    def __init__(self, shape: Triple) -> None:
        self.shape, self.side = shape, block_side(shape)

    def box(self, place: Triple) -> Box:
        """Return the voxels of a block."""
        spans = [
            (index * side, min((index + 1) * side, end))
            for index, side, end in zip(place, self.side, self.shape, strict=True)
        ]
        return Box.of_spans(spans)

    def touched(self, box: Box) -> tuple[range, range, range]:
        """Return the places along z, y and x of all blocks that a box reaches into."""
        z, y, x = (range(low // side, -(-high // side)) for (low, high), side in zip(box.spans, self.side, strict=True))
        return z, y, x


class Blocks:
    """The changed blocks of all levels of a volume, in memory as far as the budget goes and in a pack beyond."""

    def __init__(self, shapes: list[Triple], dtype: np.dtype[Any], budget: int = BUDGET) -> None:
        self.grids = [Grid(shape) for shape in shapes]
        self.dtype = dtype
        self.budget = budget
        self._blocks: OrderedDict[Key, Block] = OrderedDict()
        self._spots: dict[Key, Spot] = {}
        self._bytes = 0
        self._lock = threading.RLock()
        self.pack: Pack | None = None

    @property
    def n_bytes(self) -> int:
        """Memory that the blocks take."""
        return self._bytes

    @property
    def is_empty(self) -> bool:
        """Whether nothing was changed."""
        return not self._blocks and not self._spots

    def keys(self) -> set[Key]:
        """Return level and place of every changed block."""
        with self._lock:
            return {*self._blocks, *self._spots}

    def changed(self, level: int, box: Box) -> list[Key]:
        """Return the changed blocks of a level that a box reaches into."""
        if self.is_empty:
            return []
        z, y, x = self.grids[level].touched(box)
        with self._lock:
            if len(z) * len(y) * len(x) > len(self._blocks) + len(self._spots):
                return [key for key in self.keys() if key[0] == level and key[1] in z and key[2] in y and key[3] in x]
            keys = ((level, *place) for place in product(z, y, x))
            return [key for key in keys if key in self._blocks or key in self._spots]

    def is_in_memory(self, key: Key) -> bool:
        """Whether a changed block is there without reading."""
        with self._lock:
            return key in self._blocks

    def write(self, box: Box, values: Array, base: Callable[[Box], Array]) -> None:
        """Write into a box of level 0; blocks that are not wholly covered begin as those of the base."""
        grid = self.grids[0]
        for place in product(*grid.touched(box)):
            own = grid.box(place)
            common = shared(box, own)
            self._write_into((0, *place), own, inside(common, own), values[inside(common, box)], base)
            self._make_room()

    def _write_into(
        self, key: Key, own: Box, there: tuple[slice, slice, slice], part: Array, base: Callable[[Box], Array]
    ) -> None:
        """Nobody waits for the base while it is read."""
        fresh: Block | None = None
        with self._lock:
            is_new = key not in self._blocks and key not in self._spots
        if is_new:
            is_whole = part.shape == own.shape
            fresh = Block(np.empty(own.shape, self.dtype) if is_whole else np.asarray(base(own), self.dtype))
        with self._lock:
            block = self._for_writing(key)
            if block is None and fresh is not None:
                block = self._put(key, fresh)
            if block is not None:
                block.voxels[there] = part

    def write_sparsely(self, level: int, box: Box, values: Array) -> None:
        """Write into a box of a coarser level; what was not written stays what the base has there."""
        grid = self.grids[level]
        for place in product(*grid.touched(box)):
            own = grid.box(place)
            common = shared(box, own)
            with self._lock:
                block = self._for_writing((level, *place))
                if block is None:
                    fresh = Block(np.zeros(own.shape, self.dtype), np.zeros(own.shape, np.bool_))
                    block = self._put((level, *place), fresh)
                there = inside(common, own)
                block.voxels[there] = values[inside(common, box)]
                if block.mask is not None:
                    block.mask[there] = True
        self._make_room()

    def lay_over(self, box: Box, voxels: Array, keys: list[Key]) -> None:
        """Put changed blocks, as `changed` gave them, over the base's voxels of a box."""
        for key in keys:
            own = self.grids[key[0]].box(key[1:])
            block = self.get(key)
            common = shared(box, own)
            target, source = voxels[inside(common, box)], inside(common, own)
            if block.mask is None:
                target[...] = block.voxels[source]
            else:
                np.copyto(target, block.voxels[source], where=block.mask[source])

    def cover(self, box: Box, keys: list[Key]) -> bool:
        """Whether blocks, as `changed` gave them, hold all of a box, so that the base need not be read."""
        z, y, x = self.grids[0].touched(box)
        return len(keys) == len(z) * len(y) * len(x) and all(key[0] == 0 for key in keys)

    def get(self, key: Key) -> Block:
        """Return a changed block; not to be written into."""
        with self._lock:
            block = self._blocks.get(key)
            if block is not None:
                self._blocks.move_to_end(key)
                return block
            spot = self._spots[key]
        loaded = self._load(key, spot)
        with self._lock:
            if key not in self._blocks and self._spots.get(key) is spot:
                self._put(key, loaded)
        self._make_room()
        return loaded

    def freeze(self) -> Frozen:
        """Return the present state, which later writing leaves alone."""
        with self._lock:
            for block in self._blocks.values():
                block.is_shared = True
            return {**self._spots, **self._blocks}

    def store(self, frozen: Frozen, pack: Pack) -> dict[Key, Spot]:
        """Write what of a frozen state is in no file, or in another one, into a pack; any thread. OSError if full."""
        spots = {}
        for key, held in frozen.items():
            spot = held if isinstance(held, Spot) else held.spot
            if spot is None or spot.pack is not pack:
                block = self._load(key, held) if isinstance(held, Spot) else held
                spot = pack.append(block.voxels, block.mask)
                if isinstance(held, Block):
                    held.spot = spot
                self._moved(key, held, spot)
            spots[key] = spot
        return spots

    def packs(self) -> set[Pack]:
        """Return the packs in which blocks lie, and the one that is written to."""
        with self._lock:
            found = {spot.pack for spot in self._spots.values()}
            found |= {block.spot.pack for block in self._blocks.values() if block.spot is not None}
            return found | ({self.pack} if self.pack is not None else set())

    def leave_memory(self) -> None:
        """Keep in a pack only what lies there already as it is."""
        with self._lock:
            for key, block in tuple(self._blocks.items()):
                if block.spot is not None:
                    self._spots[key] = block.spot
                    del self._blocks[key]
                    self._bytes -= block.n_bytes

    def adopt(self, frozen: "Frozen | dict[Key, Spot]") -> None:
        """Begin with blocks that lie in a pack, or that a frozen state holds."""
        for key, held in frozen.items():
            if isinstance(held, Spot):
                self._spots[key] = held
            else:
                self._put(key, held)

    def _moved(self, key: Key, held: "Block | Spot", spot: Spot) -> None:
        with self._lock:
            if self._spots.get(key) is held:
                self._spots[key] = spot

    def _for_writing(self, key: Key) -> Block | None:
        if key not in self._blocks and key in self._spots:
            self._put(key, self._load(key, self._spots[key]))
        block = self._blocks.get(key)
        if block is None:
            return None
        self._blocks.move_to_end(key)
        self._spots.pop(key, None)
        writable = block.to_write()
        if writable is not block:
            self._blocks[key] = writable
        return writable

    def _put(self, key: Key, block: Block) -> Block:
        self._blocks[key] = block
        self._bytes += block.n_bytes
        return block

    def _load(self, key: Key, spot: Spot) -> Block:
        shape = self.grids[key[0]].box(key[1:]).shape
        return Block(*spot.pack.read(spot, shape, self.dtype), spot=spot)

    def _make_room(self) -> None:
        """Move the blocks that were used longest ago into the pack; where that is full they stay in memory."""
        while self._bytes > self.budget and self.pack is not None:
            with self._lock:
                if not self._blocks:
                    return
                key, block = next(iter(self._blocks.items()))
                try:
                    self._spots[key] = block.spot or self.pack.append(block.voxels, block.mask)
                except OSError:
                    return
                block.spot = self._spots[key]
                del self._blocks[key]
                self._bytes -= block.n_bytes


def block_side(shape: Triple) -> Triple:
    """Return the side of the blocks of a volume: 64 voxels, more along y and x where there are few planes."""
    depth = min(SIDE, 1 << (shape[0] - 1).bit_length())
    wide = SIDE
    while 4 * wide * wide * depth <= SIDE**3:
        wide *= 2
    return depth, wide, wide


def new_pack(folder: Path) -> Pack:
    """Begin a pack in a folder."""
    return Pack(folder / f"{uuid.uuid4().hex[:8]}.pack")


def shared(one: Box, other: Box) -> Box:
    """Return the voxels of two boxes that overlap."""
    pairs = zip(one.spans, other.spans, strict=True)
    return Box.of_spans([(max(low, first), min(high, last)) for (low, high), (first, last) in pairs])


def inside(box: Box, outer: Box) -> tuple[slice, slice, slice]:
    """Return the place of a box inside an outer one, as an index into the outer one's array."""
    return box.moved(outer.start, -1).slices
