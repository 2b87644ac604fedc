"""Blocks of a file that were read ahead of a brush, so that painting never waits for the file."""

import threading
from collections import OrderedDict
from typing import Any

from numpy.typing import NDArray

from empanada_desktop.document.sources import Triple

BUDGET = 256 << 20
Address = tuple[int, Triple]


class ReadAhead:
    """Blocks by level and place, the least recently used dropped beyond a budget of bytes; for any thread."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget = budget
        self._n_bytes = 0
        self._blocks: OrderedDict[Address, NDArray[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, level: int, place: Triple) -> NDArray[Any] | None:
        """Return a block, not to be written into; None where it was not read."""
        with self._lock:
            block = self._blocks.get((level, place))
            if block is not None:
                self._blocks.move_to_end((level, place))
            return block

    def holds(self, level: int, place: Triple) -> bool:
        """Whether a block is there."""
        with self._lock:
            return (level, place) in self._blocks

    def put(self, level: int, place: Triple, block: NDArray[Any]) -> None:
        """Keep a block."""
        with self._lock:
            before = self._blocks.pop((level, place), None)
            self._n_bytes += block.nbytes - (0 if before is None else before.nbytes)
            self._blocks[level, place] = block
            while self._n_bytes > self._budget and len(self._blocks) > 1:
                self._n_bytes -= self._blocks.popitem(last=False)[1].nbytes
